"""Who is confused with whom, as HTML: rates at thresholds, and the worst pairs with their faces."""

from collections.abc import Sequence

import numpy as np

from kerasface.evaluation.people_rates import PeopleRate, ThresholdRates
from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import escaped
from kerasface.reports.document import table
from kerasface.terminal.words import percent_of


def rates_table(rates: Sequence[tuple[float, ThresholdRates]]) -> str:
    """Returns what happens at the thresholds for some rates, as a table in HTML.

    Args:
        rates: The rate asked for, and what was measured.
    """
    heads = ["asked", "threshold", "different people who match", "95 % interval", "one person missed", "95 % interval"]
    rows = [(percent_of(asked), f"{at.threshold:.4f}", *_cells(at.fmr), *_cells(at.fnmr)) for asked, at in rates]
    return table(heads, rows)


def pair_pictures(pairs: Sequence[tuple[Sequence[str], Sequence[np.ndarray | None], str]]) -> str:
    """Returns pairs of people in HTML.

    Args:
        pairs: For each the two names, a picture of each, RGB uint8 `(height, width, 3)` or `None`, and a sentence.
    """
    return f"<div class='pictures'>{''.join(_pair(*pair) for pair in pairs)}</div>"


def _pair(names: Sequence[str], pictures: Sequence[np.ndarray | None], told: str) -> str:
    captions = (f"<b>{escaped(names[0])}</b><small>{escaped(told)}</small>", f"<b>{escaped(names[1])}</b>")
    figures = (
        f"<figure>{'' if picture is None else _img(picture)}<figcaption>{caption}</figcaption></figure>"
        for picture, caption in zip(pictures, captions, strict=True)
    )
    return f"<div class='pair'>{''.join(figures)}</div>"


def _img(picture: np.ndarray) -> str:
    return f'<img alt="" src="{data_url(picture)}">'


def _cells(rate: PeopleRate) -> tuple[str, str]:
    if rate.value is None:
        return "-", "-"
    return percent_of(rate.value), f"{percent_of(rate.low)} to {percent_of(rate.high)}"
