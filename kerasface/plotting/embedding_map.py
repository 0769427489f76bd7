"""Draws embeddings as points on a map, with their pictures under the pointer."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import QUIET, REJECT, escaped

_MOST_SVG = 5000  # points; more are drawn by WebGL
# Six colours that colour-blind people tell apart (Okabe and Ito, "Color Universal Design", 2008) and that show on white
# and on near-black, in three shapes.
_COLORS = ("#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7")
_SHAPES = ("circle", "diamond", "square")
_LONGEST_NAME = 28


def map_figure(
    positions: np.ndarray,
    labels: Sequence[str],
    *,
    files: Sequence[str] | None = None,
    marked: Sequence[int] = (),
    axes: tuple[str, str] | None = None,
) -> go.Figure:
    """Draws a point for each embedding: the most frequent names in colour, the others grey.

    Every point carries its index as the first of its `customdata`, by which a page finds what was selected.

    Args:
        positions: `(num_points, 2)`.
        labels: The name of each.
        files: Where each comes from; appears under the pointer.
        marked: Indices of points with a ring around them, such as suspected label errors.
        axes: Titles of the two axes; without them the axes have no meaning and are left out.

    Raises:
        ValueError: If there is no point, the numbers differ, or there is no point of an index.
    """
    _check(positions, labels, files, marked)
    draw = go.Scattergl if len(labels) > _MOST_SVG else go.Scatter
    data = _customdata(labels, files)
    hover = "%{customdata[1]}<br>%{customdata[2]}<extra></extra>" if files else "%{customdata[1]}<extra></extra>"
    figure = go.Figure()

    def add(rows: np.ndarray, name: str, marker: dict) -> None:
        trace = draw(x=positions[rows, 0], y=positions[rows, 1], customdata=[data[row] for row in rows], name=name)
        figure.add_trace(trace.update(mode="markers", hovertemplate=hover, marker=marker))

    size = 8 if len(labels) <= 1000 else 6 if len(labels) <= _MOST_SVG else 4
    for rows, name, marker in _groups(labels):
        add(rows, name, {"size": size, "opacity": 0.85, **marker})
    if len(marked):
        ring = {"size": 2 * size, "symbol": "circle-open", "color": REJECT, "line": {"width": 2}}
        add(np.asarray(marked, dtype=np.int64), f"suspected errors ({len(marked):,})", ring)
    told = {"showgrid": False, "zeroline": False, "showticklabels": False}
    figure.update_xaxes(title=axes and axes[0], visible=bool(axes), **told)
    figure.update_yaxes(title=axes and axes[1], visible=bool(axes), scaleanchor="x", **told)
    legend = {"orientation": "h", "y": -0.04, "yanchor": "top", "itemsizing": "constant"}
    figure.update_layout(height=720, margin={"l": 30, "r": 10, "t": 10, "b": 30}, legend=legend, dragmode="pan")
    return figure


def _groups(labels: Sequence[str]) -> list[tuple[np.ndarray, str, dict]]:
    """Rows, legend and marker: the grey ones first, so that they lie below."""
    counts = Counter(labels)
    limit = len(_COLORS) * len(_SHAPES)
    # Of names with one picture there is nothing to see: where not all can have a colour, they have none.
    named = [name for name, count in counts.most_common(limit) if count > 1 or len(counts) <= limit]
    rows = {name: [] for name in [None, *named]}
    for row, label in enumerate(labels):
        rows[label if label in rows else None].append(row)
    groups = []
    if rows[None]:
        others = len(counts) - len(named)
        groups.append((np.array(rows[None]), f"{others:,} other name{'s' * (others != 1)}", {"color": QUIET}))
    for number, name in enumerate(named):
        shape, color = divmod(number, len(_COLORS))
        marker = {"color": _COLORS[color], "symbol": _SHAPES[shape]}
        groups.append((np.array(rows[name]), f"{_short(name)} ({counts[name]:,})", marker))
    return groups


def _customdata(labels: Sequence[str], files: Sequence[str] | None) -> list[tuple]:
    names = [f"<b>{_short(label)}</b>" for label in labels]
    if files is None:
        return list(enumerate(names))
    return [(index, name, _short(file)) for index, (name, file) in enumerate(zip(names, files, strict=True))]


def _short(name: str) -> str:
    return escaped(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")


def _check(positions: np.ndarray, labels: Sequence[str], files: Sequence[str] | None, marked: Sequence[int]) -> None:
    counts = [len(labels)] if files is None else [len(labels), len(files)]
    if positions.ndim != 2 or positions.shape[1] != 2 or not len(positions) or set(counts) != {len(positions)}:
        raise ValueError(
            "A map needs positions (num_points, 2), one or more, and a name of each, and a file of each or of none. "
            f"Received: positions of shape {positions.shape}, numbers {counts}."
        )
    if len(marked) and not 0 <= min(marked) <= max(marked) < len(labels):
        raise ValueError(f"Only points can be marked. Received: marked={list(marked)} of {len(labels)}.")
