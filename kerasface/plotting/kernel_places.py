"""Draws the places that a kernel takes along one side of an image."""

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import BAR, QUIET, REJECT, TRACK

MAX_PIXELS = 64  # of a side; more would be too narrow to be told apart
_NAMES = ("pixel", "padding", "under the kernel", "left out")
_COLORS = ("rgba(128, 140, 138, 0.32)", TRACK, BAR, REJECT)
_ROW = 15  # pixels of the screen
_HIGHEST = 420


def places_figure(places: np.ndarray) -> go.Figure:
    """Draws a row for every place of the kernel, from the first one on top, and in it every pixel of the padded side.

    Args:
        places: 0 for a pixel, 1 for padding, 2 where a weight lies, 3 for what is left out; `(num_places, num_pixels)`.

    Raises:
        ValueError: If there is no place, or there are more than `MAX_PIXELS` pixels.
    """
    if places.ndim != 2 or not places.size or places.shape[1] > MAX_PIXELS:
        raise ValueError(
            f"Places need shape (num_places, num_pixels), with 1 to {MAX_PIXELS} pixels. Received: {places.shape}."
        )
    steps = len(_COLORS)  # each code has a stretch of the scale to itself
    scale = [(edge / steps, color) for code, color in enumerate(_COLORS) for edge in (code, code + 1)]
    figure = go.Figure(
        go.Heatmap(
            z=places,
            zmin=-0.5,
            zmax=len(_COLORS) - 0.5,
            x=np.arange(1, places.shape[1] + 1),
            y=np.arange(1, len(places) + 1),
            text=np.array(_NAMES)[places],
            hovertemplate="place %{y}, pixel %{x}: %{text}<extra></extra>",
            colorscale=scale,
            showscale=False,
            xgap=1.5,
            ygap=1.5,
        )
    )
    for code in np.unique(places):  # a heatmap has no legend of its own
        marker = {"color": _COLORS[code], "symbol": "square", "size": 12, "line": {"color": QUIET, "width": 1}}
        figure.add_trace(go.Scatter(x=[None], y=[None], mode="markers", marker=marker, name=_NAMES[code]))
    figure.update_xaxes(title="pixel of the padded side", showgrid=False, zeroline=False)
    figure.update_yaxes(title="place", autorange="reversed", showgrid=False, zeroline=False, tickformat="d")
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom"}
    height = 110 + min(_ROW * max(len(places), 2), _HIGHEST)
    return figure.update_layout(height=height, margin={"l": 50, "r": 10, "t": 30, "b": 45}, legend=legend)
