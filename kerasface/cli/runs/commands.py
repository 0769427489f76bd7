"""Commands on trained models: what there is, and what is known of one."""

from collections.abc import Mapping

import click

from kerasface.cli.output import JSON, RUNS, errors, print_json
from kerasface.runs.words import DASH, measure_text, plain_value, size_text, when_text
from kerasface.terminal.words import aligned, rounded


@click.group()
def runs() -> None:
    """Your trained models: list, show, compare, rename and delete them. Weights that ship: kerasface models."""


@runs.command("list")
@RUNS
@JSON
def list_command(runs, as_json) -> None:
    """List the trained models: kind, network, how good each is, size. Broken ones too, with what is wrong.

    Trainings that run or were left off are named on stderr.
    """
    with errors():
        from kerasface.runs.overview import overview
        from kerasface.runs.store import list_runs
        from kerasface.train.process.background import list_trainings

        rows = [overview(summary) for summary in list_runs(runs)]
        trainings = list_trainings(runs)
    if as_json:
        states = [{"name": one.name, "state": one.state, "process": one.process} for one in trainings]
        print_json({"runs": [row.to_dict() for row in rows], "trainings": states})
        return
    for training in trainings:
        click.echo(f"The training {training.name} is {training.state}; the page Train shows it.", err=True)
    if not rows:
        click.echo(f"No trained models in {runs}. Make one: kerasface train classify DATA --name NAME")
        return
    heads = ("name", "kind", "network", "held out", "weights", "made (UTC)", "on disk")
    for line in aligned([heads, *(_listed(row) for row in rows)], left=3):
        click.echo(line)
    for row in rows:
        if row.problem:
            click.echo(f"{row.name} cannot be used: {row.problem}")


@runs.command()
@click.argument("name")
@RUNS
@JSON
def show(name, runs, as_json) -> None:
    """Show what the run NAME is: its card, how it was trained, what was measured, and its files."""
    with errors():
        from kerasface.runs.overview import overview
        from kerasface.runs.store import find_run

        summary = find_run(runs, name)
        row = overview(summary)
        files = {path.name: path.stat().st_size for path in sorted(summary.path.glob("*")) if path.is_file()}
    card = summary.card.to_dict() if summary.card else None
    if as_json:
        print_json({"run": row.to_dict(), "card": card, "files": files})
        return
    click.echo(f"{row.path}: {row.kind or 'broken'}, {size_text(row.size)}")
    if row.problem:
        click.echo(f"It cannot be used: {row.problem}")
    for head, lines in _about(summary.card).items() if summary.card else ():
        click.echo(f"\n{head}")
        for line in aligned(lines, left=2):
            click.echo(f"  {line}")
    click.echo("\nfiles")
    for line in aligned([(file, size_text(size)) for file, size in files.items()]):
        click.echo(f"  {line}")


def _listed(row) -> tuple[str, ...]:
    measure = row.best_measure
    return (
        row.name,
        row.kind or "broken",
        row.backbone or DASH,
        DASH if measure is None else f"{measure[0]} {measure_text(*measure)}",
        DASH if row.weights is None else rounded(row.weights),
        when_text(row.created),
        size_text(row.size),
    )


def _about(card) -> dict[str, list[tuple[str, str]]]:
    """What a card says, by heading, in rows of a name and a text."""
    facts = {
        "network": card.backbone,
        "fine-tuned": {True: "yes", False: "no", None: None}[card.fine_tuned],
        "takes": _input_text(card.input),
        "classes": _names(card.labels),
        "numbers of a face": card.embedding and str(card.embedding.dim),
        "licence": card.licence,
        "trained from": ", ".join(source.name for source in card.weights) or None,
        "trained on": card.trained_on or card.data.get("folder"),
        "made (UTC)": card.created and when_text(card.created),
        "on": card.device,
        "model SHA-256": card.model_sha256,
    }
    found = {"card": facts, "recipe": card.recipe, "metrics": card.metrics, "versions": card.versions}
    return {head: list(_rows(part)) for head, part in found.items() if part}


def _input_text(taken) -> str:
    what = {"face": "faces", "image": "whole pictures", "segment": "pictures, each pixel of which is named"}
    size = f" of {' x '.join(map(str, taken.image_size))} pixels" if taken.image_size else ""
    return what.get(taken.kind, taken.kind) + size


def _names(labels: tuple[str, ...]) -> str | None:
    if not labels:
        return None
    some = ", ".join(labels[:8])
    return f"{len(labels):,}: {some}{', ...' if len(labels) > 8 else ''}"


def _rows(part, before: str = ""):
    """Yields names and texts of what is known; of what stands within an entry the name is `entry.name`."""
    for name, value in part.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}", plain_value(value)
