"""Draws a small dense network: units as discs with their numbers, edges as lines, one of them chosen."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import ACCEPT, BAR, QUIET, REJECT

_HEIGHT = 360  # pixels
_PATH = "#b08a3e"  # what leads from the chosen edge to the loss


def network_figure(
    units: Sequence[np.ndarray],
    edges: Sequence[np.ndarray],
    told: Sequence[Sequence[Sequence[str]]],
    *,
    chosen: tuple[int, int, int],
) -> go.Figure:
    """Draws the layers from left to right.

    Args:
        units: What each unit gives, a list for each layer, that of the inputs first.
        edges: A number of each edge from layer to layer, `(units_before, units)`; its size is the width of the line,
            its sign the color.
        told: What the pointer reads at the middle of each edge, by layer, unit before and unit.
        chosen: Layer, unit before and unit of one edge; what leads on from it is drawn in another color.

    Raises:
        ValueError: If there are no edges.
    """
    if not edges:
        raise ValueError("A network is drawn with at least one layer. Received: edges=[].")
    figure = go.Figure()
    most = max(float(np.abs(layer).max()) for layer in edges) or 1.0
    layer, unit = chosen[0], chosen[2]
    for place, weights in enumerate(edges):
        for before, after in np.ndindex(weights.shape):
            is_chosen = (place, before, after) == chosen
            on_path = (place == layer + 1 and before == unit) or place > layer + 1
            value = float(weights[before, after])
            color = _PATH if is_chosen or on_path else ACCEPT if value >= 0 else REJECT
            width = 5 if is_chosen else 0.8 + 3.2 * abs(value) / most
            ends = _height(before, len(units[place])), _height(after, len(units[place + 1]))
            figure.add_trace(
                go.Scatter(
                    x=[place, place + 0.5, place + 1],
                    y=[ends[0], sum(ends) / 2, ends[1]],
                    mode="lines",
                    line={"color": color, "width": width},
                    opacity=1 if is_chosen else 0.6 if on_path else 0.45,
                    text=[told[place][before][after]] * 3,
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    _add_units(figure, units)
    names = ["inputs", *[f"layer {place}" for place in range(1, len(units))]]
    figure.update_xaxes(tickvals=list(range(len(units))), ticktext=names, showgrid=False, zeroline=False)
    figure.update_xaxes(range=[-0.3, len(units) - 0.7])
    figure.update_yaxes(visible=False, range=[-0.1, 1.15])
    return figure.update_layout(height=_HEIGHT, margin={"l": 5, "r": 5, "t": 5, "b": 35}, showlegend=False)


def _add_units(figure: go.Figure, units: Sequence[np.ndarray]) -> None:
    """Discs with their numbers above them."""
    for place, values in enumerate(units):
        texts = [f"{value:.3f}".replace("-", "\N{MINUS SIGN}") for value in values]
        figure.add_trace(
            go.Scatter(
                x=[place] * len(values),
                y=[_height(index, len(values)) for index in range(len(values))],
                mode="markers+text",
                text=texts,
                textposition="top center",
                marker={"size": 20, "color": BAR if place else QUIET},
                hovertemplate="%{text}<extra></extra>",
                cliponaxis=False,
            )
        )


def _height(index: int, count: int) -> float:
    """Where a unit stands, from 0 to 1, the first one on top; one alone in the middle."""
    return 1 - (index + 0.5) / count
