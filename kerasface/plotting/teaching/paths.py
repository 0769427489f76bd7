"""Draws paths of gradient descent over the contours of a loss."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from skimage.measure import find_contours

from kerasface.plotting.segmentation import data_url
from kerasface.plotting.style import QUIET
from kerasface.plotting.teaching.planes import CLASS_COLORS, SYMBOLS

_MARGIN = {"l": 45, "r": 10, "t": 10, "b": 40}
_LEVELS = 16  # of contours
_DEEP = (42, 157, 143)  # color of the floor
_STRONGEST = 0.45  # its opacity


def descent_figure(losses: np.ndarray, axis: np.ndarray, paths: Mapping[str, np.ndarray]) -> go.Figure:
    """Draws the loss as contours, and every path as a line with a mark for each step.

    Args:
        losses: Of each place, `(num_places, num_places)`, rows upwards.
        axis: Coordinates of the places along both axes.
        paths: Name to points, `(num_steps + 1, 2)`, the start first.
    """
    low = float(losses.min())
    depth = np.log10(losses - low + 0.02)  # so that the floor has contours, too
    figure = go.Figure(_contours(depth, axis))
    figure.add_layout_image(_background(depth, axis))
    for place, (name, points) in enumerate(paths.items()):
        color = CLASS_COLORS[(place + 1) % len(CLASS_COLORS)]
        marker = {"size": 6, "symbol": SYMBOLS[place % len(SYMBOLS)]}
        line = go.Scatter(x=points[:, 0], y=points[:, 1], mode="lines+markers", name=name, marker=marker)
        told = f"{name}, step %{{text}}: %{{x:.3f}}, %{{y:.3f}}<extra></extra>"
        figure.add_trace(
            line.update(line={"color": color, "width": 2}, text=list(range(len(points))), hovertemplate=told)
        )
    if paths:
        start = next(iter(paths.values()))[0]
        figure.add_annotation(x=start[0], y=start[1], text="start", showarrow=False, yshift=14)
    ends = [float(axis[0]), float(axis[-1])]
    figure.update_xaxes(title="first weight", range=ends, showgrid=False, zeroline=False)
    figure.update_yaxes(title="second weight", range=ends, showgrid=False, zeroline=False)
    return figure.update_layout(height=440, margin=_MARGIN, legend={"orientation": "h", "y": 1, "yanchor": "bottom"})


def _contours(depth: np.ndarray, axis: np.ndarray) -> go.Scatter:
    """All contours as one line with gaps: a browser draws it in a tenth of the time of Plotly's own."""
    step = axis[1] - axis[0]
    lines = []
    for level in np.linspace(depth.min(), depth.max(), _LEVELS + 2)[1:-1]:
        for line in find_contours(depth, level):
            lines += [axis[0] + step * line[:, ::-1], [[np.nan, np.nan]]]
    points = np.round(np.concatenate(lines), 3) if lines else np.empty((0, 2))
    quiet = {"mode": "lines", "hoverinfo": "skip", "showlegend": False}
    return go.Scatter(x=points[:, 0], y=points[:, 1], line={"width": 0.8, "color": QUIET}, **quiet)


def _background(depth: np.ndarray, axis: np.ndarray) -> dict:
    """The deeper, the stronger the color; as a picture, of which the browser makes nothing anew."""
    pixels = np.empty((*depth.shape, 4), np.uint8)
    pixels[..., :3] = _DEEP
    pixels[..., 3] = np.rint(255 * _STRONGEST * (depth.max() - depth) / (np.ptp(depth) or 1.0))
    side = float(axis[-1] - axis[0])
    place = {"x": float(axis[0]), "y": float(axis[-1]), "sizex": side, "sizey": side, "xref": "x", "yref": "y"}
    return {"source": data_url(pixels[::-1], lossless=True), "sizing": "stretch", "layer": "below", **place}
