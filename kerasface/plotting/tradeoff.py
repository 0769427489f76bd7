"""Draws architectures against each other: how much work, how large, how long."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from kerasface.plotting.style import BAR, TRACK

_LARGEST = 58  # pixels across
_SMALLEST = 8
_ROOM = 0.35  # of a power of ten, beyond the outermost bubbles


def cost_bubbles(models: Sequence[dict]) -> go.Figure:
    """Draws a bubble for each architecture: multiply-adds across; the area is the size of its weights.

    Upwards stands the time of one image where all have been timed, otherwise the weights. All scales are logarithmic:
    a step is a factor.

    Args:
        models: Per model `name`, `multiply_adds`, `parameters`, `mebibytes`, each above 0, and `milliseconds` or
            `None`.

    Raises:
        ValueError: If there is no model.
    """
    if not models:
        raise ValueError("Bubbles need at least one model. Received: models=[].")
    timed = all(model["milliseconds"] is not None for model in models)
    key, title = ("milliseconds", "milliseconds of one image") if timed else ("parameters", "weights")
    largest = max(model["mebibytes"] for model in models)
    sizes = [max(_LARGEST * math.sqrt(model["mebibytes"] / largest), _SMALLEST) for model in models]
    hover = "<b>%{text}</b><br>%{x:.3s} multiply-adds<br>%{customdata[0]:,} weights, %{customdata[1]:.1f} MiB"
    figure = go.Figure(
        go.Scatter(
            x=[model["multiply_adds"] for model in models],
            y=[model[key] for model in models],
            text=[html.escape(model["name"]) for model in models],
            customdata=[(model["parameters"], model["mebibytes"]) for model in models],
            mode="markers+text",
            textposition="top center",
            marker={"size": sizes, "color": BAR, "opacity": 0.6, "line": {"width": 1, "color": BAR}},
            hovertemplate=f"{hover}{'<br>%{y:.1f} ms' if timed else ''}<extra></extra>",
            cliponaxis=False,
        )
    )
    figure.update_xaxes(title="multiply-adds of one image", **_logarithmic([m["multiply_adds"] for m in models]))
    figure.update_yaxes(title=title, **_logarithmic([model[key] for model in models]))
    return figure.update_layout(height=480, margin={"l": 60, "r": 20, "t": 20, "b": 50}, showlegend=False)


def _logarithmic(values: Sequence[float]) -> dict:
    """An axis with room for the bubbles at its ends."""
    ends = [math.log10(min(values)) - _ROOM, math.log10(max(values)) + _ROOM]
    return {"type": "log", "range": ends, "dtick": 1, "tickformat": "~s", "gridcolor": TRACK, "zeroline": False}
