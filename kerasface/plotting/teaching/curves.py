"""Draws curves of the playground."""

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import BAR, QUIET, REJECT, TRACK

_MARGIN = {"l": 50, "r": 12, "t": 12, "b": 40}


def activation_curves(
    x: np.ndarray, values: np.ndarray, slopes: np.ndarray, at: tuple[float, float, float]
) -> go.Figure:
    """Draws a function, its derivative, and both at one place.

    Args:
        x: Ascending, `(num_points,)`.
        values: Of the function.
        slopes: Of the function.
        at: A place, and value and slope there.
    """
    place, value, slope = at
    figure = go.Figure(
        [
            go.Scatter(x=x, y=values, name="f(x)", line={"color": BAR, "width": 3}),
            go.Scatter(x=x, y=slopes, name="slope f'(x)", line={"color": REJECT, "width": 3, "dash": "dash"}),
            go.Scatter(
                x=[place, place],
                y=[value, slope],
                mode="markers",
                marker={"size": 12, "color": [BAR, REJECT], "symbol": ["circle", "diamond"]},
                showlegend=False,
            ),
        ]
    )
    figure.update_traces(hovertemplate="x %{x:.2f}: %{y:.4f}")
    figure.add_vline(x=place, line={"width": 1, "color": QUIET, "dash": "dot"})
    figure.update_xaxes(title="x", gridcolor=TRACK, zerolinecolor=QUIET)
    low, high = min(values.min(), slopes.min(), -1.2), max(values.max(), slopes.max(), 1.2)
    figure.update_yaxes(range=[max(low, -3) - 0.1, min(high, 6) + 0.1], gridcolor=TRACK, zerolinecolor=QUIET)
    return figure.update_layout(height=380, margin=_MARGIN, legend={"orientation": "h", "y": 1, "yanchor": "bottom"})
