"""Draws the answers: a score on its scale, the most probable names."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from kerasface.evaluation.names import as_name
from kerasface.plotting.style import ACCEPT, BAR, QUIET, REJECT, TRACK, anchor, literal, percent

_LONGEST_NAME = 32  # letters beside a percentage in the narrowest card of the dashboard


def score_scale(score: float, threshold: float) -> go.Figure:
    """Draws one normalized score on its scale, with the side of the threshold on which it is accepted.

    The scale reaches from 0, which is what the nearest strangers reach, to twice the threshold, and to the score.

    Args:
        score: Normalized score.
        threshold: Normalized score from which a pair is accepted.

    Returns:
        A figure 150 pixels high.

    Raises:
        ValueError: If a value is not a finite number.
    """
    for name, value in (("score", score), ("threshold", threshold)):
        if not math.isfinite(value):
            raise ValueError(f"A normalized score is a finite number. Received: {name}={value}.")
    room = max(1.0, abs(threshold))
    low, high = min(0.0, score - 0.25 * room, threshold - room), max(threshold + room, score + 0.25 * room)
    figure = go.Figure()
    for start, end, color in ((low, threshold, REJECT), (threshold, high, ACCEPT)):
        figure.add_shape(type="rect", x0=start, x1=end, y0=-0.22, y1=0.22, fillcolor=color, opacity=0.35, line_width=0)
    figure.add_shape(type="line", x0=threshold, x1=threshold, y0=-0.45, y1=0.45, line={"width": 2, "color": "#7c8a87"})
    marker = {"size": 20, "color": ACCEPT if score >= threshold else REJECT, "line": {"width": 3, "color": "white"}}
    figure.add_trace(
        go.Scatter(
            x=[score],
            y=[0],
            mode="markers",
            marker=marker,
            cliponaxis=False,
            hovertemplate="normalized score %{x:.3f}<extra></extra>",
        )
    )
    for value, y, side, text in (
        (score, 0.5, "bottom", f"<b>normalized score {score:.2f}</b>"),
        (threshold, -0.5, "top", f"threshold {threshold:.2f}"),
    ):
        side_of_text = anchor((value - low) / (high - low))
        figure.add_annotation(x=value, y=y, text=text, showarrow=False, yanchor=side, xanchor=side_of_text)
    figure.update_xaxes(range=[low, high], showgrid=False, zeroline=False, tickformat=".3~g", nticks=6, fixedrange=True)
    figure.update_yaxes(range=[-1.1, 1.1], visible=False, fixedrange=True)
    figure.update_layout(height=150, margin={"l": 18, "r": 18, "t": 6, "b": 28}, showlegend=False)
    return figure


def top_bars(top: Sequence[tuple[str, float]], *, decided: bool = True) -> go.Figure:
    """Draws the most probable names of one face or picture: each name above its bar, the first on top.

    Names stand above the bars and not beside them, so a long one takes nothing from the bars on a narrow screen; one
    that would run into its percentage is cut.

    Args:
        top: Pairs of (label, probability in `[0, 1]`), most probable first.
        decided: Whether the first name is the answer and stands out; not so where the answer is `unknown`, or where a
            model of faces has no threshold.

    Returns:
        A figure of 42 pixels a name.

    Raises:
        ValueError: If `top` is empty.
    """
    if not top:
        raise ValueError("Bars need at least one label. Received: top=[]. Ask the model for top >= 1.")
    shown = [as_name(label) for label, _ in top]
    shortened = [label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 1]}…" for label in shown]
    labels = [literal(label) for label in shortened]
    probabilities = [probability for _, probability in top]
    rows = list(range(len(top)))
    colors = [BAR if decided else QUIET] + [QUIET] * (len(top) - 1)
    bar = {"y": rows, "orientation": "h", "width": 0.28, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Bar(x=[1.0] * len(top), marker={"color": TRACK, "cornerradius": 4}, **bar),
            go.Bar(x=probabilities, marker={"color": colors, "cornerradius": 4}, **bar),
        ]
    )
    above = {"y": 0, "yshift": 6, "yanchor": "bottom", "showarrow": False}
    for row, (label, probability) in enumerate(zip(labels, probabilities, strict=True)):
        name = f"<b>{label}</b>" if decided and row == 0 else label
        figure.add_annotation(**above | {"y": row}, x=0, xanchor="left", text=name)
        figure.add_annotation(**above | {"y": row}, x=1, xanchor="right", text=percent(probability))
    figure.update_yaxes(range=[len(top) - 0.7, -0.8], visible=False, fixedrange=True)
    figure.update_xaxes(range=[0, 1], visible=False, fixedrange=True)
    figure.update_layout(height=42 * len(top) + 8, barmode="overlay", showlegend=False)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4})
    return figure
