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


def region_figure(
    answers: np.ndarray,
    places: np.ndarray,
    names: Sequence[str],
    known: tuple[np.ndarray, Sequence[int]],
    strangers: np.ndarray,
) -> go.Figure:
    """Draws what is answered everywhere in a plane, with known points and strangers.

    Args:
        answers: Index of a name, or -1 for nobody, `(num_places, num_places)`, rows upwards.
        places: Coordinates along both axes.
        names: Of the answers.
        known: Points, `(num_points, 2)`, and the index of the name of each.
        strangers: `(num_strangers, 2)`.
    """
    colors = ["rgba(0, 0, 0, 0)", *CLASS_COLORS[: len(names)]]
    scale = [(edge / len(colors), color) for place, color in enumerate(colors) for edge in (place, place + 1)]
    told = np.array([*names, "nobody"])[answers]  # -1 is the last one
    figure = go.Figure(
        go.Heatmap(
            z=answers,
            x=places,
            y=places,
            zmin=-1.5,
            zmax=len(names) - 0.5,
            colorscale=scale,
            opacity=0.3,
            showscale=False,
            text=told,
            hovertemplate="here: %{text}<extra></extra>",
        )
    )
    points, labels = known[0], np.asarray(known[1])
    for place, name in enumerate(names):
        own = points[labels == place]
        marker = {"color": CLASS_COLORS[place], "symbol": SYMBOLS[place], "size": 7}
        figure.add_trace(go.Scatter(x=own[:, 0], y=own[:, 1], mode="markers", name=short(name), marker=marker))
    marker = {"color": QUIET, "symbol": "x-thin", "size": 8, "line": {"width": 2, "color": QUIET}}
    figure.add_trace(go.Scatter(x=strangers[:, 0], y=strangers[:, 1], mode="markers", name="strangers", marker=marker))
    figure.update_xaxes(visible=False, range=[places[0], places[-1]])
    figure.update_yaxes(visible=False, range=[places[0], places[-1]], scaleanchor="x", constrain="domain")
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom"}
    return figure.update_layout(height=470, margin={"l": 5, "r": 5, "t": 10, "b": 5}, legend=legend)


def pulled_figure(
    points: np.ndarray,
    people: Sequence[int],
    pulls: np.ndarray,
    triplet: tuple[int, int, int] | None,
    reach: float,
) -> go.Figure:
    """Draws points of people, where each is pulled, and one triplet.

    Args:
        points: `(num_points, 2)`.
        people: Index of the person of each.
        pulls: How far each goes next, `(num_points, 2)`.
        triplet: Anchor, positive and negative, as indices; None for none.
        reach: Half of the width and height that is drawn.
    """
    figure, people = go.Figure(), np.asarray(people)
    if triplet is not None:
        anchor, positive, negative = points[list(triplet)]
        for name, end, color, dash in (
            ("to the positive", positive, CLASS_COLORS[0], "solid"),
            ("to the negative", negative, CLASS_COLORS[1], "dash"),
        ):
            line = {"color": color, "width": 3, "dash": dash}
            figure.add_trace(
                go.Scatter(x=[anchor[0], end[0]], y=[anchor[1], end[1]], mode="lines", name=name, line=line)
            )
    for person in np.unique(people):
        own = points[people == person]
        marker = {"color": CLASS_COLORS[person % 6], "symbol": SYMBOLS[person % 6], "size": 11}
        name = f"person {person + 1}"
        figure.add_trace(go.Scatter(x=own[:, 0], y=own[:, 1], mode="markers", name=name, marker=marker))
    ends = points + pulls
    steps = np.stack([points, ends, np.full_like(points, np.nan)], axis=1).reshape(-1, 2)  # a gap behind each
    figure.add_trace(
        go.Scatter(x=steps[:, 0], y=steps[:, 1], mode="lines", name="pull", line={"color": QUIET, "width": 2})
    )
    figure.update_traces(hoverinfo="skip")
    figure.update_xaxes(visible=False, range=[-reach, reach])
    figure.update_yaxes(visible=False, range=[-reach, reach], scaleanchor="x", constrain="domain")
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom"}
    return figure.update_layout(height=430, margin={"l": 5, "r": 5, "t": 10, "b": 5}, legend=legend)
