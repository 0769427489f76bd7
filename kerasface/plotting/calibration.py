"""Draws what a score means: the curve from score to probability, and whether the probability can be believed."""

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.calibration import SCORE_NAMES, ScoreCalibration
from kerasface.plotting.style import ACCEPT, QUIET, REJECT


def pair_reliability(calibration: ScoreCalibration) -> go.Figure:
    """Draws the share of genuine pairs against the probability given, with 95 % intervals; on the diagonal they agree.

    Args:
        calibration: Its bins are of pairs that the curve was not fitted on.
    """
    bins = calibration.bins
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="ideal", mode="lines", line={"color": QUIET, "dash": "dot"}))
    figure.add_trace(
        go.Scatter(
            x=[part.probability for part in bins],
            y=[part.share_genuine for part in bins],
            error_y={
                "array": [part.high - part.share_genuine for part in bins],
                "arrayminus": [part.share_genuine - part.low for part in bins],
                "thickness": 1.5,
            },
            customdata=[[part.count, part.low, part.high] for part in bins],
            name=f"held-out pairs: ECE {calibration.ece:.1%}",
            mode="markers",
            marker={"size": [6 + 3 * np.log10(part.count) for part in bins], "color": ACCEPT},
            hovertemplate="said %{x:.1%}, is %{y:.1%} of %{customdata[0]} pairs"
            "<br>95 %: %{customdata[1]:.1%} to %{customdata[2]:.1%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="probability given", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_yaxes(title="pairs of one person among them", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_layout(height=420, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return figure


def calibration_curve(calibration: ScoreCalibration, low: float, high: float, threshold: float) -> go.Figure:
    """Draws the probability over the score, and the threshold.

    Args:
        calibration: The curve.
        low: Least score drawn.
        high: Largest score drawn, above `low`.
        threshold: A pair is accepted from this score.
    """
    if not low < high:
        raise ValueError(f"low < high must hold. Received: low={low}, high={high}.")
    scores, name = np.linspace(low, high, 200), SCORE_NAMES[calibration.score]
    figure = go.Figure(
        go.Scatter(
            x=scores,
            y=calibration.probability(scores),
            mode="lines",
            name="probability",
            line={"color": ACCEPT},
            hovertemplate=f"a {name} of %{{x:.3f}}: %{{y:.1%}}<extra></extra>",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=[threshold, threshold],
            y=[0, 1],
            mode="lines",
            name=f"accepted from {threshold:.3f}",
            line={"color": REJECT, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(title=name, range=[low, high], tickformat=".2f", nticks=6)
    figure.update_yaxes(title="probability of one person", range=[-0.02, 1.02], tickformat=".0%")
    figure.update_layout(height=340, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": -0.24})
    return figure
