"""The command that sets trained models next to one another."""

import click

from kerasface.cli.output import JSON, RUNS, errors, print_json
from kerasface.runs.words import DASH, measure_text, plain_value
from kerasface.terminal.words import aligned, points, rounded, share

_HEADS = {"top5": "top-5", "ece": "ECE", "eer": "EER", "mean_iou": "mean IoU", "multiply_adds": "multiply-adds"}
_MAX_CLASSES = 10  # printed


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
        print_compared(compared)
    if any(row.problem for row in compared.rows):
        raise SystemExit(1)


def print_compared(compared) -> None:
    """Prints runs next to one another; `compared` is of `kerasface.runs.comparison`."""
    from kerasface.runs.overview import columns_with_values

    columns = columns_with_values(list(compared.rows))
    heads = ("name", "kind", *(_HEADS.get(name, name) for name in columns))
    rows = [
        (row.name, row.kind or "broken", *(_number(name, getattr(row, name)) for name in columns))
        for row in compared.rows
    ]
    for line in aligned([heads, *rows], left=2):
        click.echo(line)
    for row in compared.rows:
        if row.problem:
            click.echo(f"{row.name} cannot be used: {row.problem}")
    if any(row.multiply_adds is None and row.problem is None for row in compared.rows):
        click.echo(
            "Of older runs weights and multiply-adds were not noted: kerasface inspect layers --model NAME counts them."
        )
    _print_differing(compared)
    for pair in compared.held_out:
        _print_held_out(pair, classes=len(compared.held_out) == 1)
    tested = sum(pair.result is not None for pair in compared.held_out)
    if tested > 1:
        click.echo(f"Of {tested} such tests each calls one difference in twenty shown that is none.")


def _print_differing(compared) -> None:
    """What differs in the recipes, with as few columns as possible."""
    names = [row.name for row in compared.rows]
    if not compared.differing:
        click.echo("\nTheir recipes are the same.")
        return
    settings = [[plain_value(value)[:40] for value in values] for values in compared.differing.values()]
    table = [("", *compared.differing), *zip(names, *settings, strict=True)]
    if len(compared.differing) > len(names):
        table = list(zip(*table, strict=True))
    click.echo("\nwhat differs")
    for line in aligned(table, left=len(table[0])):
        click.echo(f"  {line}")


def _print_held_out(pair, *, classes: bool) -> None:
    click.echo()
    if pair.result is None:
        click.echo(f"{pair.a} and {pair.b}: {pair.reason}")
        return
    from kerasface.reports.error_rates import classifier_verdict

    click.echo(classifier_verdict(pair.result, (pair.a, pair.b)))
    if classes and pair.classes:
        shown = pair.classes[:_MAX_CLASSES]
        rows = [(one.name, *(share(value) for value in (one.a, one.b)), points(one.b - one.a)) for one in shown]
        for line in aligned([("class named rightly", pair.a, pair.b, "points"), *rows]):
            click.echo(f"  {line}")
        if len(pair.classes) > len(shown):
            click.echo(f"  and {len(pair.classes) - len(shown):,} more classes with smaller differences (--json)")


def _number(column: str, value) -> str:
    if value is None:
        return DASH
    if column == "seconds":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return rounded(value) if column in ("weights", "multiply_adds") else measure_text(_HEADS.get(column, column), value)
