"""Draws points of classes in a plane, the line between them, and the region of each."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import QUIET, TRACK, short

CLASS_COLORS = ("#2a9d7f", "#d97757", "#5b7fbf", "#b08a3e", "#8f63a8", "#6b7c85")
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")  # not by color alone
_MARGIN = {"l": 50, "r": 12, "t": 12, "b": 45}


def plane_figure(
    points: np.ndarray,
    labels: Sequence[int],
    names: Sequence[str],
    *,
    axes: tuple[str, str],
    line: tuple[np.ndarray, float] | None = None,
    height: int = 380,
) -> go.Figure:
    """Draws points by class and, if given, the line where `normal . x + offset` is 0, with its normal as an arrow.

    Args:
        points: `(num_points, 2)`.
        labels: Index of the class of each.
        names: Of the classes.
        axes: What is measured across and up.
        line: Normal, `(2,)`, and offset.
        height: Of the figure, in pixels.

    Raises:
        ValueError: If there is no point.
    """
    if not len(points):
        raise ValueError("A plane is drawn around at least one point. Received: points=[].")
    figure, labels = go.Figure(), np.asarray(labels)
    for place, name in enumerate(names):
        own = points[labels == place]
        marker = {"color": CLASS_COLORS[place % 6], "symbol": SYMBOLS[place % 6], "size": 8, "opacity": 0.75}
        figure.add_trace(go.Scatter(x=own[:, 0], y=own[:, 1], mode="markers", name=short(name), marker=marker))
    low, high = points.min(axis=0), points.max(axis=0)
    room = 0.08 * np.maximum(high - low, 1e-9)
    low, high = low - room, high + room
    if line is not None:
        _add_line(figure, *line, low, high)
    figure.update_xaxes(title=axes[0], range=[low[0], high[0]], gridcolor=TRACK, zeroline=False)
    figure.update_yaxes(title=axes[1], range=[low[1], high[1]], gridcolor=TRACK, zeroline=False)
    return figure.update_layout(height=height, margin=_MARGIN, legend={"orientation": "h", "y": 1, "yanchor": "bottom"})


def _add_line(figure: go.Figure, normal: np.ndarray, offset: float, low: np.ndarray, high: np.ndarray) -> None:
    """The part of the line inside the drawn square, and an arrow from its middle to the positive side."""
    length = float(normal @ normal)
    if not length:
        return
    center = (low + high) / 2
    foot = center - (normal @ center + offset) / length * normal  # the point of the line nearest to the middle
    along = np.array([-normal[1], normal[0]]) / np.sqrt(length) * np.linalg.norm(high - low)
    ends = np.stack([foot - along, foot + along])
    figure.add_trace(
        go.Scatter(x=ends[:, 0], y=ends[:, 1], mode="lines", name="boundary", line={"color": QUIET, "width": 3})
    )
    if np.all((foot > low) & (foot < high)):
        tip = foot + normal / np.sqrt(length) * 0.12 * np.linalg.norm(high - low)
        arrow = {"showarrow": True, "arrowhead": 2, "arrowwidth": 2, "arrowcolor": CLASS_COLORS[0], "text": ""}
        figure.add_annotation(
            x=tip[0], y=tip[1], ax=foot[0], ay=foot[1], axref="x", ayref="y", xref="x", yref="y", **arrow
        )
