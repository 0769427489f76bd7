"""Draws two models beside each other: their errors over all thresholds."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.verification import Roc
from kerasface.plotting.style import ACCEPT, QUIET, REJECT

_LINES = ((ACCEPT, "solid"), (REJECT, "dash"), ("#4a7fb5", "dot"), ("#8f6bb3", "dashdot"))
_DECADES = (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1)


def compared_det_curves(
    curves: Mapping[str, Roc], fmr: float | None = None, *, score_names: Sequence[str] = ()
) -> go.Figure:
    """Draws one error of each model against the other, on logarithmic axes; the lower curve errs less.

    Args:
        curves: Name of the model to its operating points; four at most.
        fmr: A false match rate to mark, if given.
        score_names: What the scores of each curve are called, in their order, if they are told from one another.

    Raises:
        ValueError: If there is no curve, or more than four.
    """
    if not 1 <= len(curves) <= len(_LINES):
        raise ValueError(f"One to {len(_LINES)} curves can be told apart. Received: {len(curves)} curves.")
    parts = {name: curve.corners() for name, curve in curves.items()}
    left = _least([part.fmr for part in parts.values()])
    lower = _least([part.fnmr for part in parts.values()])
    figure = go.Figure()
    scores = score_names or ["score"] * len(parts)
    for (name, part), (color, dash), score in zip(parts.items(), _LINES, scores, strict=False):
        figure.add_trace(
            go.Scatter(
                x=np.maximum(part.fmr, left),
                y=np.maximum(part.fnmr, lower),
                customdata=np.stack([part.fmr, part.fnmr, part.thresholds], axis=1),
                mode="lines",
                name=html.escape(name),
                line={"color": color, "dash": dash},
                hovertemplate="%{customdata[1]:.2%} of one person refused<br>%{customdata[0]:.2%} of different people "
                f"accepted<br>from a {score} of %{{customdata[2]:.3f}}<extra>{html.escape(name)}</extra>",
            )
        )
    if fmr is not None:
        figure.add_vline(x=fmr, line={"width": 2, "color": QUIET, "dash": "dot"})
    figure.update_xaxes(title="pairs of different people accepted", **_axis(left))
    figure.update_yaxes(title="pairs of one person refused", **_axis(lower))
    figure.update_layout(height=420, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    return figure.update_layout(legend={"orientation": "h", "y": -0.2}, showlegend=True)


def _least(rates: list[np.ndarray]) -> float:
    """Where none at all stands: at half of the least rate above it."""
    some = np.concatenate([rate[rate > 0] for rate in rates])
    return float(some.min()) / 2


def _axis(least: float) -> dict:
    ticks = [tick for tick in _DECADES if tick >= 2.5 * least]  # else its name would touch that of the end
    return {
        "type": "log",
        "range": [np.log10(least), 0.02],
        "tickvals": [least, *ticks],
        "ticktext": ["none", *(f"{100 * tick:.4g} %" for tick in ticks)],
        "tickangle": 0,
    }
