"""Runs next to one another, as lines of a terminal."""

from collections.abc import Iterator

from kerasface.reports.error_rates import classifier_verdict
from kerasface.runs.comparison import ComparedRuns, HeldOutComparison
from kerasface.runs.overview import columns_with_values
from kerasface.runs.words import DASH, measure_text, plain_value
from kerasface.terminal.words import aligned, points, rounded, share

HEADS = {"top5": "top-5", "ece": "ECE", "eer": "EER", "mean_iou": "mean IoU", "multiply_adds": "multiply-adds"}
_MAX_CLASSES = 10  # with their shares
_MAX_VALUE = 40  # letters of a setting


def compared_lines(compared: ComparedRuns) -> Iterator[str]:
    """Yields what was measured, what differs, and what may be chance."""
    columns = columns_with_values(list(compared.rows))
    heads = ("name", "kind", *(HEADS.get(name, name) for name in columns))
    yield from aligned(
        [heads]
        + [
            (row.name, row.kind or "broken", *(number_text(name, getattr(row, name)) for name in columns))
            for row in compared.rows
        ],
        left=2,
    )
    for row in compared.rows:
        if row.problem:
            yield f"{row.name} cannot be used: {row.problem}"
    if any(row.multiply_adds is None and row.problem is None for row in compared.rows):
        yield (
            "Weights and multiply-adds of older and of imported networks were not noted: kerasface inspect layers "
            "--model NAME counts them."
        )
    yield ""
    if table := _differing_table(compared):
        yield "what differs"
        for line in aligned(table, left=len(table[0])):
            yield f"  {line}"
    else:
        yield "Their recipes are the same."
    embedders = [row.name for row in compared.rows if row.kind in ("metric", "imported")]
    if len(embedders) > 1:
        yield ""
        yield f"kerasface embedders compare {' '.join(embedders[:2])} --images DIR judges embedders on the same people."
    for pair in compared.held_out:
        if pair.result is not None:
            yield ""
            yield from _held_out(pair, classes=len(compared.held_out) == 1)
    for sentence in reasons(compared):
        yield ""
        yield sentence
    if (tested := sum(pair.result is not None for pair in compared.held_out)) > 1:
        yield f"Of {tested} such tests each calls one difference in twenty shown that is none."


def reasons(compared: ComparedRuns) -> list[str]:
    """Returns why runs cannot be compared on what was held out, those with one reason together."""
    found: dict[tuple[str, str], list[str]] = {}
    for pair in compared.held_out:
        if pair.reason is not None:
            found.setdefault((pair.a, pair.reason), []).append(pair.b)
    return [f"{a} and {', '.join(others)}: {reason}" for (a, reason), others in found.items()]


def number_text(column: str, value) -> str:
    """Returns a number of a `RunOverview` as people read it, or a dash."""
    if value is None:
        return DASH
    if column == "seconds":
        return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"
    return rounded(value) if column in ("weights", "multiply_adds") else measure_text(HEADS.get(column, column), value)


def _differing_table(compared: ComparedRuns) -> list[tuple[str, ...]]:
    """What differs in the recipes as rows with a head, with as few columns as possible; empty if nothing."""
    if not compared.differing:
        return []
    names = [row.name for row in compared.rows]
    settings = [[plain_value(value)[:_MAX_VALUE] for value in values] for values in compared.differing.values()]
    table = [("", *compared.differing), *zip(names, *settings, strict=True)]
    return list(zip(*table, strict=True)) if len(compared.differing) > len(names) else table


def _held_out(pair: HeldOutComparison, *, classes: bool) -> Iterator[str]:
    yield classifier_verdict(pair.result, (pair.a, pair.b))
    shown = pair.classes[:_MAX_CLASSES] if classes else ()
    if shown:
        rows = [(one.name, share(one.a), share(one.b), points(one.b - one.a)) for one in shown]
        for line in aligned([("class named rightly", pair.a, pair.b, "points"), *rows]):
            yield f"  {line}"
        if more := len(pair.classes) - len(shown):
            yield f"  and {more:,} more classes with smaller differences (--json)"
