"""Draws the playground: shares and pulls of classes, a loss with its minimum, a live training.

Text keeps the colour of the theme around the figure.
"""

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.plotting.style import ACCEPT, BAR, QUIET, REJECT, TRACK, anchor, short

_HEIGHT = 260  # pixels
_MARGIN = {"l": 50, "r": 12, "t": 12, "b": 40}
_MAX_WRITTEN = 6  # bars below which their values have room
_ROOM = 0.15  # of the axis of steps, for the text of one learning rate
_LEAST_PULL = 0.1  # at which the axis of a gradient ends; else one of nearly 0 would look large


def share_bars(shares: Sequence[float], names: Sequence[str], *, beside: Sequence[float] | None = None) -> go.Figure:
    """Draws the shares of classes, each with its number, from 0 to 1.

    Args:
        shares: In `[0, 1]`, one per class.
        names: Names of the classes.
        beside: Other shares of the same classes, drawn as outlines: what they were before.

    Raises:
        ValueError: If the numbers of values differ.
    """
    _check_same_length(names, shares, *([] if beside is None else [beside]))
    figure = go.Figure(go.Bar(y=list(shares), marker={"color": BAR, "cornerradius": 4}))
    if beside is not None:
        outline = {"color": "rgba(0, 0, 0, 0)", "line": {"color": QUIET, "width": 2}}
        figure.add_trace(go.Bar(y=list(beside), marker=outline))
    figure.update_yaxes(range=[0, 1.02], tickvals=[0, 0.5, 1], gridcolor=TRACK, zeroline=False)
    return _class_axis(figure, names, [f"{value:.4f}" for value in shares])


def pull_bars(gradient: Sequence[float], names: Sequence[str]) -> go.Figure:
    """Draws the gradient with respect to each logit: what is below 0 is pulled up by a step, what is above pushed down.

    Raises:
        ValueError: If the numbers of values differ.
    """
    _check_same_length(names, gradient)
    colors = [ACCEPT if value < 0 else REJECT for value in gradient]
    figure = go.Figure(go.Bar(y=list(gradient), marker={"color": colors, "cornerradius": 4}))
    most = max(*(abs(value) for value in gradient), _LEAST_PULL)
    figure.update_yaxes(range=[-1.1 * most, 1.1 * most], gridcolor=TRACK, zeroline=True, zerolinecolor=QUIET)
    return _class_axis(figure, names, [f"{value:+.4f}" for value in gradient])


def gap_curves(gaps: np.ndarray, smoothed: np.ndarray, hard: np.ndarray, best: float) -> go.Figure:
    """Draws the loss over the gap between the true logit and the others, with its minimum, beside that of hard labels.

    Args:
        gaps: Ascending, shape `(num_gaps,)`.
        smoothed: Loss under the smoothed target, one per gap.
        hard: Loss under the one-hot target, one per gap.
        best: Gap of the least smoothed loss; infinite where it falls for ever.

    Raises:
        ValueError: If the numbers of values differ.
    """
    _check_same_length(gaps, smoothed, hard)
    hover = "gap %{x:.2f}: loss %{y:.4f}"
    figure = go.Figure(
        [
            go.Scatter(x=gaps, y=hard, name="hard labels", line={"color": QUIET, "dash": "dot"}, hovertemplate=hover),
            go.Scatter(x=gaps, y=smoothed, name="smoothed", line={"color": BAR, "width": 3}, hovertemplate=hover),
        ]
    )
    if math.isfinite(best) and best <= gaps[-1]:
        least = float(np.interp(best, gaps, smoothed))
        marker = {"size": 12, "color": REJECT}
        figure.add_trace(go.Scatter(x=[best], y=[least], name="least loss", mode="markers", marker=marker))
        figure.data[-1].hovertemplate = hover
        figure.add_annotation(x=best, y=least, text=f"<b>{best:.2f}</b>", showarrow=False, yshift=18)
    figure.update_xaxes(title="true logit above the others", gridcolor=TRACK, zeroline=False)
    figure.update_yaxes(title="loss", rangemode="tozero", gridcolor=TRACK, zeroline=False)
    return figure.update_layout(height=320, margin=_MARGIN, legend={"orientation": "h", "y": -0.25})


def share_density(shares: np.ndarray, density: np.ndarray, drawn: float) -> go.Figure:
    """Draws how likely each mixing share is, and the one that is in use.

    Args:
        shares: In `(0, 1)`, ascending.
        density: Of each share.
        drawn: In `[0, 1]`.

    Raises:
        ValueError: If the numbers of values differ.
    """
    _check_same_length(shares, density)
    area = {"fill": "tozeroy", "fillcolor": TRACK, "line": {"color": BAR}, "hoverinfo": "skip"}
    figure = go.Figure(go.Scatter(x=shares, y=density, **area))
    figure.add_vline(x=drawn, line={"width": 3, "color": REJECT})
    figure.update_xaxes(title="share of the first", range=[0, 1], showgrid=False, zeroline=False)
    # Near 0 and 1 the density has no bound where alpha is below 1.
    figure.update_yaxes(visible=False, range=[0, 1.1 * float(np.quantile(density, 0.97))])
    return figure.update_layout(height=150, margin=_MARGIN | {"l": 12, "t": 6}, showlegend=False)


def live_curves(history: Sequence[dict], rates: Sequence[tuple[int, float]]) -> go.Figure:
    """Draws loss and accuracy over the steps of a training, and where its learning rate changed.

    Args:
        history: One record per measurement, in order: `step`, `loss`, `accuracy`, `val_loss`, `val_accuracy`.
        rates: Pairs of step and learning rate from there on.

    Raises:
        ValueError: If `history` is empty.
    """
    if not history:
        raise ValueError("Curves need at least one measurement. Received: history=[].")
    steps = [record["step"] for record in history]
    figure = go.Figure()
    mode = "lines+markers" if len(history) <= 30 else "lines"  # one measurement alone has no line
    for key, name, color, axis, shown in (
        ("loss", "training", QUIET, "y", True),
        ("val_loss", "held out", ACCEPT, "y", True),
        ("accuracy", "training", QUIET, "y2", False),
        ("val_accuracy", "held out", ACCEPT, "y2", False),
    ):
        line = go.Scatter(x=steps, y=[record[key] for record in history], name=name, legendgroup=name, mode=mode)
        figure.add_trace(line.update(line={"color": color}, yaxis=axis, showlegend=shown))
    end = max(steps[-1], 10)
    written = math.inf
    for step, rate in reversed(rates[1:]):
        line = {"width": 1, "color": QUIET, "dash": "dot"}
        figure.add_shape(type="line", x0=step, x1=step, y0=0, y1=1, yref="paper", line=line)
        if written - step > _ROOM * end:  # where several would run into each other, the last one counts
            above = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False, "xanchor": anchor(step / end)}
            figure.add_annotation(x=step, text=f"rate {rate:g}", **above)
            written = step
    figure.update_xaxes(title="step", range=[0, end], gridcolor=TRACK, zeroline=False)
    return figure.update_layout(
        yaxis={"title": "loss", "domain": [0, 0.46], "rangemode": "tozero", "gridcolor": TRACK},
        yaxis2={
            "title": "accuracy",
            "domain": [0.54, 1],
            "anchor": "x",
            "tickformat": ".0%",
            "range": [0, 1.02],
            "gridcolor": TRACK,
        },
        height=380,
        margin={"l": 60, "r": 18, "t": 24, "b": 40},
        legend={"orientation": "h", "y": -0.16},
        hovermode="x unified",
    )


def _class_axis(figure: go.Figure, names: Sequence[str], values: Sequence[str]) -> go.Figure:
    """Names the bars below, each with its number where there is room; under the pointer there always is."""
    values = [value.replace("-", "\N{MINUS SIGN}") for value in values]
    texts = [short(name) for name in names]
    hover = [f"{name}: {value}<extra></extra>" for name, value in zip(texts, values, strict=True)]
    if len(names) <= _MAX_WRITTEN:
        # Not above the bars: there they would run into an outline.
        texts = [f"{name}<br><b>{value}</b>" for name, value in zip(texts, values, strict=True)]
    places = list(range(len(names)))  # names may be numbers, or equal once they are cut
    figure.update_traces(x=places, hoverinfo="skip")
    figure.data[0].update(hovertemplate=hover)
    figure.update_xaxes(tickvals=places, ticktext=texts, showgrid=False, zeroline=False)
    return figure.update_layout(height=_HEIGHT, margin=_MARGIN, showlegend=False, barmode="overlay", bargap=0.35)


def _check_same_length(*sequences: Sequence) -> None:
    if len({len(values) for values in sequences}) > 1 or not len(sequences[0]):
        raise ValueError(
            f"There is one value each, and at least one. Received: {[len(values) for values in sequences]}."
        )
