"""Commands on trained models, next to one another and one by one."""

import datetime
from collections.abc import Mapping

import click

from kerasface.cli.output import JSON, RUNS, errors, print_json
from kerasface.terminal.words import aligned, points, rounded, share

_DASH = "-"
_HEADS = {"top5": "top-5", "ece": "ECE", "eer": "EER", "mean_iou": "mean IoU", "multiply_adds": "multiply-adds"}
_MAX_CLASSES = 10  # printed


@click.group()
def runs() -> None:
    """Your trained models: list, show, compare, rename and delete them. Weights that ship: kerasface models."""


@runs.command("list")
@RUNS
@JSON
def list_command(runs, as_json) -> None:
    """List the trained models: kind, network, how good each is, size. Broken ones too, with what is wrong."""
    with errors():
        from kerasface.runs.overview import overview
        from kerasface.runs.store import list_runs

        rows = [overview(summary) for summary in list_runs(runs)]
    if as_json:
        print_json({"runs": [row.to_dict() for row in rows]})
        return
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


@runs.command()
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


def size_text(size: int) -> str:
    """Returns bytes as people read them: `17.3 MiB`."""
    power = next((power for power in (3, 2, 1) if size >= 1024**power), 0)
    return f"{size / 1024**power:.{1 if power else 0}f} {('bytes', 'KiB', 'MiB', 'GiB')[power]}"


def when_text(created: str | None) -> str:
    """Returns a time as it stands in a card, in UTC, to the minute; what is no time as it is."""
    try:
        when = datetime.datetime.fromisoformat(created or "")
    except ValueError:
        return (created or _DASH)[:16]
    return (when.astimezone(datetime.UTC) if when.tzinfo else when).strftime("%Y-%m-%d %H:%M")


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
        return _DASH
    if column == "seconds":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return rounded(value) if column in ("weights", "multiply_adds") else _measured(_HEADS.get(column, column), value)


def _listed(row) -> tuple[str, ...]:
    measure = row.best_measure
    return (
        row.name,
        row.kind or "broken",
        row.backbone or _DASH,
        _DASH if measure is None else f"{measure[0]} {_measured(*measure)}",
        _DASH if row.weights is None else rounded(row.weights),
        when_text(row.created),
        size_text(row.size),
    )


def _measured(name: str, value: float) -> str:
    return f"{value:.3f}" if name == "mean IoU" else share(value, 2)


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


def plain_value(value) -> str:
    """Returns a value of a recipe or of metrics as people write it; of a long list how long it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(plain_value, value)) if len(value) <= 8 else f"{len(value):,} values"
    return _DASH if value is None else str(value)
