"""The command that sets trained models next to one another."""

import click

from kerasface.cli.output import JSON, RUNS, errors, print_json


@click.command()
@click.argument("names", nargs=-1, required=True)
@RUNS
@JSON
def compare(names, runs, as_json) -> None:
    """Set the runs NAMES next to one another: how good, how large, how slow, and what differs in their recipes.

    Classifiers that were judged on the same held-out pictures are compared with the first one picture by picture
    (McNemar's exact test): what may be chance is called so.
    """
    with errors():
        from kerasface.runs.comparison import compare_runs

        compared = compare_runs(runs, names)
    if as_json:
        print_json(compared.to_dict())
    else:
        from kerasface.reports.compared_runs import compared_lines

        click.echo("\n".join(compared_lines(compared)))
    if any(row.problem for row in compared.rows):
        raise SystemExit(1)
