"""Grids of numbers on their colors: as a table, which a browser draws much sooner than a chart."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import ArrayLike

from kerasface.plotting.style import QUIET, REJECT, escaped
from kerasface.plotting.teaching.planes import CLASS_COLORS

CELL = 40  # pixels
CHARACTER = 7  # pixels that one of a number takes
WIDEST = 340  # pixels of a grid, as on a phone
POSITIVE, NEGATIVE = (42, 157, 143), (217, 119, 87)
STRONGEST = 0.7  # opacity of the largest number of a grid, on which the page's ink still reads
FAINTEST = 10  # of 255, in a picture of a grid: where it ends is seen
# What the pointer reads stands under its cell, at the side where there is room.
CSS = f"""
.kf-grid {{ border-collapse: separate; border-spacing: 1px; table-layout: fixed; font-size: 0.75rem; }}
.kf-grid td {{ position: relative; height: {CELL}px; padding: 0; text-align: center; }}
.kf-grid td[data-told]:hover {{ outline: 2px solid currentColor; }}
.kf-grid td[data-told]:hover::after {{
  content: attr(data-told); position: absolute; z-index: 9; top: 100%; left: 0; width: max-content; max-width: 17rem;
  padding: 0.3rem 0.5rem; border-radius: 0.3rem; text-align: left; white-space: normal;
  background: #26322f; color: #fff; pointer-events: none;
}}
.kf-grid td.kf-late[data-told]:hover::after {{ left: auto; right: 0; }}
.kf-sets {{
  width: 100%; max-width: 400px; table-layout: fixed; border-collapse: separate; border-spacing: 6px; font-size: 0.8rem;
}}
.kf-sets thead td {{ width: 1.2rem; }}
.kf-sets th {{ font-weight: 400; text-align: center; }}
.kf-sets tbody th {{ writing-mode: vertical-rl; transform: rotate(180deg); }}
.kf-sets .kf-grid {{ width: 100%; border-spacing: 0; }}
"""


def show_grid(
    title: str,
    values: ArrayLike,
    alt: str,
    *,
    framed: tuple[int, int, int, int] | None = None,
    hover: Sequence[Sequence[str]] | None = None,
):
    """Shows a grid of numbers under its title: green above 0, orange below, the stronger the further from it.

    Args:
        values: Finite, `(rows, cols)`.
        alt: What the grid is, for those who cannot see it; its numbers are read as a table's.
        framed: Row, column, height and width of the cells that get a frame.
        hover: What the pointer reads at each cell, such as where its number comes from; its place if not given.
    """
    values = np.asarray(values, dtype=np.float64)
    labels = [[f"{value:.3g}".replace("-", "\N{MINUS SIGN}") for value in row] for row in values]
    opacities = np.round(STRONGEST * np.abs(values) / (np.abs(values).max() or 1.0), 3)
    rows = []
    for row in range(values.shape[0]):
        cells = []
        for col in range(values.shape[1]):
            told = hover[row][col] if hover is not None else labels[row][col]
            style = _background(values[row, col], opacities[row, col]) + _frame(row, col, framed)
            late = ' class="kf-late"' if 2 * col >= values.shape[1] else ""
            place = f"row {row + 1}, column {col + 1}: {told}"
            cells.append(f'<td{late} style="{style}" data-told="{escaped(place)}">{labels[row][col]}</td>')
        rows.append(f"<tr>{''.join(cells)}</tr>")
    side = max(CELL, 6 + CHARACTER * max(len(label) for row in labels for label in row))
    width = min(side * values.shape[1], WIDEST)
    st.markdown(title)
    table = f'<table class="kf-grid" aria-label="{escaped(alt)}" style="width: {width}px; max-width: 100%">'
    st.html(f"<style>{CSS}</style>{table}<tbody>{''.join(rows)}</tbody></table>")


def show_sets(values: np.ndarray, sets: np.ndarray, chosen: int, alt: str):
    """Shows the numbers of maps, image below image and channel next to channel, in the colors of their sets.

    Args:
        values: `(images, rows, cols, channels)`.
        sets: Index of the set of each, of the same shape; a channel of an image lies within one.
        chosen: The set that gets frames.
        alt: What it is, for those who cannot see it.
    """
    images, _, _, channels = values.shape
    names = "".join(f'<th scope="col">channel {channel + 1}</th>' for channel in range(channels))
    rows = []
    for image in range(images):
        maps = [
            _map_of_set(values[image, ..., channel], sets[image, 0, 0, channel], chosen) for channel in range(channels)
        ]
        rows.append(f'<tr><th scope="row">image {image + 1}</th>{"".join(f"<td>{one}</td>" for one in maps)}</tr>')
    head = f'<table class="kf-sets" aria-label="{escaped(alt)}"><thead><tr><td></td>{names}</tr></thead>'
    st.html(f"<style>{CSS}</style>{head}<tbody>{''.join(rows)}</tbody></table>")


def _map_of_set(values: np.ndarray, own: int, chosen: int) -> str:
    color = CLASS_COLORS[own % len(CLASS_COLORS)]
    edge = f"3px solid {color}" if own == chosen else f"1px solid {QUIET}"
    cells = [[f"{value:.2g}".replace("-", "\N{MINUS SIGN}") for value in row] for row in values]
    body = "".join(f"<tr>{''.join(f'<td>{text}</td>' for text in row)}</tr>" for row in cells)
    style = f"background: {color}52; border: {edge}"  # 52: an opacity of 0.32
    return f'<table class="kf-grid" aria-label="set {own + 1}" style="{style}"><tbody>{body}</tbody></table>'


def grid_picture(values: np.ndarray) -> np.ndarray:
    """The colors of a grid alone, where so many numbers could not be read.

    Args:
        values: Finite, `(rows, cols)`.

    Returns:
        RGBA, uint8, `(rows, cols, 4)`: a pixel for each number.
    """
    most = float(np.abs(values).max()) or 1.0
    colors = np.where(np.asarray(values)[..., None] < 0, NEGATIVE, POSITIVE)
    opacity = np.maximum(np.rint(255 * STRONGEST * np.abs(values) / most), FAINTEST)
    return np.concatenate([colors, opacity[..., None]], axis=-1).astype(np.uint8)


def _background(value: float, opacity: float) -> str:
    red, green, blue = NEGATIVE if value < 0 else POSITIVE
    return f"background: rgba({red}, {green}, {blue}, {opacity:g})"


def _frame(row: int, col: int, framed: tuple[int, int, int, int] | None) -> str:
    """The style of a cell's sides that lie on the frame."""
    if framed is None:
        return ""
    top, left, tall, wide = framed
    if not (top <= row < top + tall and left <= col < left + wide):
        return ""
    bottom, right = top + tall - 1, left + wide - 1
    sides = {"0 3px": row == top, "0 -3px": row == bottom, "3px 0": col == left, "-3px 0": col == right}
    lines = [f"inset {offset} 0 {REJECT}" for offset, on_frame in sides.items() if on_frame]
    return f"; box-shadow: {', '.join(lines)}" if lines else ""
