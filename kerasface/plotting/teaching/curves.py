"""Draws curves of the playground."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import BAR, QUIET, REJECT, TRACK
from kerasface.plotting.teaching.planes import CLASS_COLORS

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")  # not by color alone
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


def line_curves(
    lines: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    axes: tuple[str, str],
    percent: bool = False,
    log: bool = False,
    height: int = 340,
) -> go.Figure:
    """Draws several lines, each in a color and with dashes of its own.

    Args:
        lines: Name to coordinates across and up; what is not finite leaves a gap.
        axes: Titles across and up.
        percent: Whether what stands upwards are shares, from 0 to 1.
        log: Whether the axis upwards is logarithmic.
        height: In pixels.
    """
    figure = go.Figure()
    for place, (name, (x, y)) in enumerate(lines.items()):
        line = {"color": CLASS_COLORS[place % len(CLASS_COLORS)], "width": 2.5, "dash": _DASHES[place % len(_DASHES)]}
        mode = "lines+markers" if len(x) <= 30 else "lines"
        told = f"{name}: %{{y:{'.1%' if percent else '.3g'}}}"
        figure.add_trace(go.Scatter(x=x, y=y, name=name, mode=mode, line=line, hovertemplate=told))
    figure.update_xaxes(title=axes[0], gridcolor=TRACK, zeroline=False)
    figure.update_yaxes(title=axes[1], gridcolor=TRACK, zeroline=False, type="log" if log else "linear")
    if all(len(x) <= 1 for x, _ in lines.values()):  # one point alone has no axis yet
        figure.update_xaxes(range=[0, 10])
    if percent:
        figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    if log:
        figure.update_yaxes(exponentformat="power", nticks=8)
    legend = {"orientation": "h", "y": 1, "yanchor": "bottom"}
    return figure.update_layout(height=height, margin=_MARGIN | {"l": 60}, legend=legend, hovermode="x unified")
