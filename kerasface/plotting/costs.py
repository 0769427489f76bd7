"""Draws where the weights, the multiply-adds and the memory of a model go, layer by layer."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from kerasface.plotting.style import ACCEPT, BAR, MAX_NAMED, REJECT, TRACK, short

_MEBIBYTE = 2**20  # bytes
# (key, title, factor to the axis's unit, format of its numbers, text under the pointer, colour), from top to bottom
_PANELS = (
    ("parameters", "weights", 1, "~s", "%{y:,} weights", BAR),
    ("multiply_adds", "multiply-adds", 1, "~s", "%{y:,} multiply-adds", REJECT),
    ("activation_bytes", "activations in MiB", 1 / _MEBIBYTE, "", "%{y:.3~f} MiB", ACCEPT),
)
_ROOM = 0.09  # of the height, above each panel, for its title


def layer_costs(layers: Sequence[dict]) -> go.Figure:
    """Draws three rows of bars, one bar per layer in the order of the computation; names appear under the pointer.

    Args:
        layers: Per layer `name`, `kind`, `parameters`, `multiply_adds` (`None`, which leaves a gap, where it is not
            known) and `activation_bytes`.

    Raises:
        ValueError: If there is no layer.
    """
    if not layers:
        raise ValueError("Costs need at least one layer. Received: layers=[].")
    places = list(range(1, len(layers) + 1))  # names may be numbers, or equal once they are cut
    names = [f"{html.escape(layer['name'])}<br>{html.escape(layer['kind'])}" for layer in layers]
    figure = go.Figure()
    for row, (key, title, factor, ticks, hover, color) in enumerate(_PANELS):
        axis = "" if row == 0 else str(row + 1)
        values = [None if layer[key] is None else factor * layer[key] for layer in layers]
        bars = go.Bar(x=places, y=values, customdata=names, marker={"color": color, "line": {"width": 0}}, name=title)
        bars.hovertemplate = f"%{{x}}. %{{customdata}}<br>{hover}<extra></extra>"
        figure.add_trace(bars.update(yaxis=f"y{axis}"))
        top = 1 - row / len(_PANELS)
        domain = [top - 1 / len(_PANELS) + _ROOM / 3, top - _ROOM]
        figure.update_layout({f"yaxis{axis}": {"domain": domain, "tickformat": ticks, "gridcolor": TRACK}})
        above = {"x": 0, "xref": "paper", "xanchor": "left", "yref": "paper", "yanchor": "bottom", "showarrow": False}
        figure.add_annotation(text=f"<b>{title}</b>", y=top - _ROOM, **above)
    figure.update_xaxes(title="layer", showgrid=False, zeroline=False, anchor=f"y{len(_PANELS)}")
    if len(layers) <= MAX_NAMED:
        ticktext = [short(layer["name"]) for layer in layers]
        figure.update_xaxes(title=None, tickvals=places, ticktext=ticktext, tickangle=-90)
    margin = {"l": 60, "r": 18, "t": 10, "b": 50}
    return figure.update_layout(height=620, bargap=0.15, showlegend=False, margin=margin)
