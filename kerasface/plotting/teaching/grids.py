"""Draws grids that are no numbers: which channel goes where, and which numbers belong together."""

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import BAR, QUIET, TRACK
from kerasface.plotting.teaching.planes import CLASS_COLORS

_CELL = 26  # pixels


def connection_grid(table: np.ndarray, axes: tuple[str, str]) -> go.Figure:
    """Draws which of the rows goes to which of the columns.

    Args:
        table: Bool, `(num_rows, num_columns)`.
        axes: What a row and a column is called.
    """
    rows, cols = table.shape
    told = np.where(table, "sees it", "does not see it")
    figure = go.Figure(
        go.Heatmap(
            z=table.astype(int),
            x=np.arange(1, cols + 1),
            y=np.arange(1, rows + 1),
            zmin=0,
            zmax=1,
            colorscale=[[0, TRACK], [1, BAR]],
            showscale=False,
            xgap=2,
            ygap=2,
            text=told,
            hovertemplate=f"{axes[0]} %{{y}}, {axes[1]} %{{x}}: %{{text}}<extra></extra>",
        )
    )
    figure.update_xaxes(title=axes[1], showgrid=False, zeroline=False, tickformat="d")
    figure.update_yaxes(title=axes[0], autorange="reversed", showgrid=False, zeroline=False, tickformat="d")
    return figure.update_layout(height=90 + _CELL * rows, margin={"l": 50, "r": 10, "t": 10, "b": 45})


def set_grid(values: np.ndarray, sets: np.ndarray, *, chosen: int) -> go.Figure:
    """Draws the numbers of maps, image below image and channel beside channel, in the colors of their sets.

    Args:
        values: `(images, rows, cols, channels)`.
        sets: Index of the set of each, of the same shape.
        chosen: The set that gets frames.
    """
    images, rows, cols, channels = values.shape
    figure, shapes, annotations = go.Figure(), [], []  # each that is added to a figure by itself copies all of them
    for image, channel in np.ndindex(images, channels):
        top, left = image * (rows + 0.6), channel * (cols + 0.6)
        own = sets[image, :, :, channel]
        down, across = np.indices((rows, cols))
        own_set = int(own[0, 0])  # a channel of an image lies within one set
        color = CLASS_COLORS[own_set % len(CLASS_COLORS)]
        place = {"x0": left - 0.5, "x1": left + cols - 0.5, "y0": top - 0.5, "y1": top + rows - 0.5}
        edge = {"color": color if own_set == chosen else QUIET, "width": 4 if own_set == chosen else 1}
        shapes += [
            {"type": "rect", "fillcolor": color, "opacity": 0.32, "layer": "below", "line": {"width": 0}, **place},
            {"type": "rect", "line": edge, **place},
        ]
        figure.add_trace(
            go.Scatter(
                x=(left + across).ravel(),
                y=(top + down).ravel(),
                text=[f"{value:.2g}".replace("-", "\N{MINUS SIGN}") for value in values[image, :, :, channel].ravel()],
                mode="text",
                hovertemplate=f"image {image + 1}, channel {channel + 1}, set {own_set + 1}: %{{text}}<extra></extra>",
            )
        )
        if not image:
            middle = left + (cols - 1) / 2
            annotations.append({"x": middle, "y": -1, "text": f"channel {channel + 1}", "showarrow": False})
        if not channel:
            place = {"x": -1, "y": top + (rows - 1) / 2, "textangle": -90}
            annotations.append({**place, "text": f"image {image + 1}", "showarrow": False})
    figure.update_xaxes(visible=False, range=[-1.5, channels * (cols + 0.6) - 0.6])
    figure.update_yaxes(visible=False, range=[images * (rows + 0.6) - 0.6, -1.5])
    return figure.update_layout(
        height=70 + 40 * images * rows,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        showlegend=False,
        shapes=shapes,
        annotations=annotations,
    )
