"""Draws paths of gradient descent over the contours of a loss."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import QUIET, TRACK
from kerasface.plotting.teaching.planes import CLASS_COLORS, SYMBOLS

_MARGIN = {"l": 45, "r": 10, "t": 10, "b": 40}


def descent_figure(losses: np.ndarray, axis: np.ndarray, paths: Mapping[str, np.ndarray]) -> go.Figure:
    """Draws the loss as contours, and every path as a line with a mark for each step.

    Args:
        losses: Of each place, `(num_places, num_places)`, rows upwards.
        axis: Coordinates of the places along both axes.
        paths: Name to points, `(num_steps + 1, 2)`, the start first.
    """
    low = float(losses.min())
    depth = np.log10(losses - low + 0.02)  # so that the floor has contours, too
    contours = go.Contour(
        x=axis,
        y=axis,
        z=depth,
        colorscale=[[0, "rgba(42, 157, 143, 0.45)"], [1, TRACK]],
        ncontours=16,
        showscale=False,
        hoverinfo="skip",
        line={"width": 0.8, "color": QUIET},
        contours={"coloring": "heatmap"},  # filled contours would lie on each other
    )
    figure = go.Figure(contours)
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
