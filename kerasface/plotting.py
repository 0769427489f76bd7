"""Records to Plotly figures, for the dashboard and for reports alike.

Colours are mid-tones that read on white and on near-black; text keeps the colour of the theme around the figure.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.classification import Calibration, OpenSet, OpenSetCurve

ACCEPT = "#2a9d7f"
REJECT = "#d97757"
BAR = "#2a9d8f"
QUIET = "rgba(128, 140, 138, 0.55)"
_TRACK = "rgba(128, 140, 138, 0.14)"
_LONGEST_NAME = 32  # letters beside a percentage in the narrowest card of the dashboard
_MAX_NAMED = 60  # classes whose names have room on an axis
_MAX_COUNTED = 20  # classes whose numbers have room in a heatmap, and whose names below it


def score_scale(score: float, threshold: float) -> go.Figure:
    """Draws one score on its scale, with the side of the threshold on which it is accepted.

    The scale ends at 1 and starts low enough to show the score and some of the rejected side: scores of faces crowd
    near 1, and on the whole range of `[-1, 1]` every pair would look alike.

    Args:
        score: Cosine similarity, in `[-1, 1]`.
        threshold: Score from which a pair is accepted, in `[-1, 1]`.

    Returns:
        A figure 150 pixels high.

    Raises:
        ValueError: If a value is outside `[-1, 1]` or not a number.
    """
    for name, value in (("score", score), ("threshold", threshold)):
        if not -1 - 1e-6 <= value <= 1 + 1e-6:
            raise ValueError(
                f"A cosine similarity lies in [-1, 1]. Received: {name}={value}. Pass scores of unit embeddings."
            )
    room = max(0.1, 1 - threshold)
    low = max(-1.0, min(threshold - 2 * room, score - 0.25 * room))
    figure = go.Figure()
    for start, end, colour in ((low, threshold, REJECT), (threshold, 1.0, ACCEPT)):
        figure.add_shape(type="rect", x0=start, x1=end, y0=-0.22, y1=0.22, fillcolor=colour, opacity=0.35, line_width=0)
    figure.add_shape(type="line", x0=threshold, x1=threshold, y0=-0.45, y1=0.45, line={"width": 2, "color": "#7c8a87"})
    marker = {"size": 20, "color": ACCEPT if score >= threshold else REJECT, "line": {"width": 3, "color": "white"}}
    figure.add_trace(
        go.Scatter(
            x=[score],
            y=[0],
            mode="markers",
            marker=marker,
            cliponaxis=False,
            hovertemplate="score %{x:.4f}<extra></extra>",
        )
    )
    for value, y, side, text in (
        (score, 0.5, "bottom", f"<b>score {score:.3f}</b>"),
        (threshold, -0.5, "top", f"threshold {threshold:.3f}"),
    ):
        anchor = _anchor((value - low) / (1 - low))
        figure.add_annotation(x=value, y=y, text=text, showarrow=False, yanchor=side, xanchor=anchor)
    figure.update_xaxes(range=[low, 1.0], showgrid=False, zeroline=False, tickformat=".2f", nticks=6, fixedrange=True)
    figure.update_yaxes(range=[-1.1, 1.1], visible=False, fixedrange=True)
    figure.update_layout(height=150, margin={"l": 18, "r": 18, "t": 6, "b": 28}, showlegend=False)
    return figure


def top_bars(top: Sequence[tuple[str, float]], *, decided: bool = True) -> go.Figure:
    """Draws the most probable names of one face or picture: each name above its bar, the first on top.

    Names stand above the bars and not beside them, so a long one takes nothing from the bars on a narrow screen; one
    that would run into its percentage is cut.

    Args:
        top: Pairs of (label, probability in `[0, 1]`), most probable first.
        decided: Whether the first name is the answer and stands out; not so where the answer is `unknown`.

    Returns:
        A figure of 42 pixels a name.

    Raises:
        ValueError: If `top` is empty.
    """
    if not top:
        raise ValueError("Bars need at least one label. Received: top=[]. Ask the model for top >= 1.")
    shortened = [label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 1]}…" for label, _ in top]
    labels = [html.escape(label) for label in shortened]  # Plotly reads tags in text
    probabilities = [probability for _, probability in top]
    rows = list(range(len(top)))
    colours = [BAR if decided else QUIET] + [QUIET] * (len(top) - 1)
    bar = {"y": rows, "orientation": "h", "width": 0.28, "hoverinfo": "skip"}
    figure = go.Figure(
        [
            go.Bar(x=[1.0] * len(top), marker={"color": _TRACK, "cornerradius": 4}, **bar),
            go.Bar(x=probabilities, marker={"color": colours, "cornerradius": 4}, **bar),
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


def training_curves(history: Sequence[dict]) -> go.Figure:
    """Draws loss and accuracy over the epochs of all stages, training beside validation.

    Args:
        history: One record per epoch, in order, with `loss`, `val_loss` and, where measured, `accuracy` and
            `val_accuracy`; where their `stage` changes, a line is drawn.

    Raises:
        ValueError: If `history` is empty.
    """
    if not history:
        raise ValueError("Curves need at least one epoch. Received: history=[].")
    epochs = list(range(1, len(history) + 1))
    figure = go.Figure()
    for key, name, colour, axis in (
        ("loss", "training loss", QUIET, "y"),
        ("val_loss", "validation loss", REJECT, "y"),
        ("accuracy", "training accuracy", QUIET, "y2"),
        ("val_accuracy", "validation accuracy", ACCEPT, "y2"),
    ):
        values = [record.get(key) for record in history]
        if any(value is not None for value in values):
            mode = "lines+markers" if len(history) <= 30 else "lines"  # one epoch alone has no line
            figure.add_trace(go.Scatter(x=epochs, y=values, name=name, yaxis=axis, line={"color": colour}, mode=mode))
    _mark_stages(figure, [record.get("stage") for record in history])
    whole = {"dtick": 1} if len(history) <= 12 else {}  # else Plotly would number half epochs
    figure.update_xaxes(title="epoch", **whole)
    figure.update_layout(
        yaxis={"title": "loss", "domain": [0, 0.46], "rangemode": "tozero"},
        yaxis2={"title": "accuracy", "domain": [0.54, 1], "anchor": "x", "tickformat": ".0%"},
        height=460,
        margin={"l": 60, "r": 18, "t": 24, "b": 40},
        legend={"orientation": "h", "y": -0.14},
        hovermode="x unified",
    )
    return figure


def learning_rate_search(rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, suggestion: float) -> go.Figure:
    """Draws the loss under a rising learning rate, and the rate that is suggested.

    Args:
        rates: Learning rate of each step, above 0; drawn on a logarithmic axis.
        losses: Loss of each batch, one per rate.
        smoothed: Their moving average, one per rate. The loss axis ends a little above its range: single batches
            may run away further.
        suggestion: A rate.

    Raises:
        ValueError: If there is no step, or the numbers of values differ.
    """
    if not len(rates) == len(losses) == len(smoothed) > 0:
        raise ValueError(
            "A search has a loss and a smoothed loss for each of its rates. "
            f"Received: {len(rates)} rates, {len(losses)} losses, {len(smoothed)} smoothed."
        )
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(x=rates, y=losses, name="loss of the batch", mode="markers", marker={"color": QUIET, "size": 5})
    )
    figure.add_trace(go.Scatter(x=rates, y=smoothed, name="smoothed", line={"color": REJECT}))
    figure.add_vline(x=suggestion, line={"width": 2, "color": ACCEPT, "dash": "dot"})
    place = np.log10(suggestion)  # annotations on a logarithmic axis stand at the logarithm
    share = np.interp(place, np.log10([rates[0], rates[-1]]), [0, 1])
    text = f"<b>suggested {suggestion:.2g}</b>"
    figure.add_annotation(
        x=place, y=1, yref="paper", yanchor="bottom", text=text, showarrow=False, xanchor=_anchor(share)
    )
    low, high = float(np.min(smoothed)), float(np.max(smoothed))
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    figure.update_xaxes(title="learning rate", type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title="loss", range=[low - room, high + room])
    figure.update_layout(
        height=380, margin={"l": 60, "r": 18, "t": 30, "b": 40}, legend={"orientation": "h", "y": -0.2}
    )
    return figure


def reliability_diagram(before: Calibration, after: Calibration) -> go.Figure:
    """Draws accuracy against confidence, before and after temperature scaling; on the diagonal both agree."""
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="ideal", mode="lines", line={"color": QUIET, "dash": "dot"}))
    for result, name, colour in ((before, "before", REJECT), (after, "after temperature", ACCEPT)):
        figure.add_trace(
            go.Scatter(
                x=[part.confidence for part in result.bins],
                y=[part.accuracy for part in result.bins],
                text=[f"{part.count} predictions" for part in result.bins],
                name=f"{name}: ECE {result.ece:.1%}",
                mode="lines+markers",
                marker={"size": [6 + 3 * np.log10(part.count) for part in result.bins]},
                line={"color": colour},
            )
        )
    figure.update_xaxes(title="confidence", range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(title="accuracy", range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=420, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return figure


def confusion_heatmap(matrix: np.ndarray, labels: Sequence[str]) -> go.Figure:
    """Draws how often each class (rows) was taken for each (columns).

    Args:
        matrix: Counts, `(num_classes, num_classes)`.
        labels: Names of the classes.
    """
    names = [html.escape(label) for label in labels]
    hover = "%{y} taken for %{x}: %{z}<extra></extra>"
    colours = [[0, "rgba(42, 157, 143, 0.06)"], [1, "rgba(42, 157, 143, 0.9)"]]
    figure = go.Figure(go.Heatmap(z=matrix, x=names, y=names, colorscale=colours, hovertemplate=hover, showscale=False))
    roomy = len(names) <= _MAX_COUNTED
    if roomy:
        figure.update_traces(text=[[count or "" for count in row] for row in np.asarray(matrix).tolist()])
        figure.update_traces(texttemplate="%{text}")
    # Names that are numbers are categories all the same. Columns have the order of the rows.
    ticks = {"type": "category", "showgrid": False, "tickvals": names, "ticktext": [_short(label) for label in labels]}
    figure.update_xaxes(title="named", showticklabels=roomy, **ticks)
    figure.update_yaxes(title="true", showticklabels=len(names) <= _MAX_NAMED, autorange="reversed", **ticks)
    figure.update_layout(height=620 if roomy else 900, margin={"l": 60, "r": 18, "t": 10, "b": 60})
    return figure


def open_set_curve(curve: OpenSetCurve, chosen: OpenSet) -> go.Figure:
    """Draws the share of known people accepted against the share of strangers, and where the chosen threshold stands.

    Shares of strangers are on a logarithmic axis, since the small ones matter; none at all stands at its left end.

    Args:
        curve: Over all thresholds.
        chosen: The threshold chosen, with its measured share and the upper bound of that.
    """
    part = curve.thinned()
    some = part.false_accept[part.false_accept > 0]
    left = float(min(some.min(), chosen.unknown_accepted_high)) / 2
    figure = go.Figure()
    for values, name, colour in (
        (part.known_accepted, "known, accepted", QUIET),
        (part.known_correct, "known, under their own name", ACCEPT),
    ):
        figure.add_trace(
            go.Scatter(
                x=np.maximum(part.false_accept, left),
                y=values,
                customdata=np.stack([part.false_accept, part.threshold], axis=1),
                name=name,
                mode="lines",
                line={"color": colour, "shape": "hv"},
                hovertemplate="%{y:.1%} of the known with %{customdata[0]:.2%} of the strangers"
                "<br>from a score of %{customdata[1]:.3f}<extra></extra>",
            )
        )
    measured = max(chosen.unknown_accepted, left)
    figure.add_trace(
        go.Scatter(
            x=[measured],
            y=[chosen.known_correct],
            error_x={"array": [chosen.unknown_accepted_high - measured], "arrayminus": [0], "color": REJECT},
            name="chosen threshold, up to the 95 % bound",
            mode="markers",
            marker={"size": 11, "color": REJECT},
            hovertemplate=f"{chosen.unknown_accepted:.2%} of the strangers, at most "
            f"{chosen.unknown_accepted_high:.2%}<extra></extra>",
        )
    )
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 0.1, 1) if tick >= left]
    figure.update_xaxes(
        title="strangers accepted",
        type="log",
        range=[np.log10(left), 0.02],
        tickvals=[left, *ticks],
        ticktext=["none", *(f"{tick:.4g} %" for tick in 100 * np.array(ticks))],
    )
    figure.update_yaxes(title="known people", range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=400, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return figure


def class_balance(balance: Sequence[dict]) -> go.Figure:
    """Draws how many images the classes have: a bar each, or, of many classes, how many are how large.

    Args:
        balance: Per class `name`, `num_train` and `num_validation`.

    Raises:
        ValueError: If `balance` is empty.
    """
    if not balance:
        raise ValueError("A balance needs at least one class. Received: balance=[].")
    ordered = sorted(balance, key=lambda row: -row["num_train"])
    figure = go.Figure()
    if len(ordered) <= _MAX_NAMED:
        names = [html.escape(row["name"]) for row in ordered]
        for key, title, colour in (("num_train", "training", BAR), ("num_validation", "held out", QUIET)):
            figure.add_trace(go.Bar(x=names, y=[row[key] for row in ordered], name=title, marker={"color": colour}))
        figure.update_xaxes(tickvals=names, ticktext=[_short(row["name"]) for row in ordered], type="category")
        figure.update_yaxes(title="images")
    else:
        # Sizes that double from bar to bar: up to 1, 2, 4, 8, ... images.
        steps = np.ceil(np.log2([max(row["num_train"], 1) for row in ordered])).astype(int)
        counts = np.bincount(steps)
        lows = [2 ** (step - 1) + 1 if step else 1 for step in range(len(counts))]
        names = [f"{low} to {2**step}" if low < 2**step else str(low) for step, low in enumerate(lows)]
        figure.add_trace(go.Bar(x=names, y=counts, text=counts, marker={"color": BAR}, hoverinfo="skip"))
        figure.update_xaxes(title="training images", type="category")
        figure.update_yaxes(title="classes")
    figure.update_layout(height=340, barmode="stack", margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure


def percent(probability: float) -> str:
    """Probability as text; never rounds up to a certainty that the model does not claim."""
    if probability < 0.001:
        return "< 0.1 %"
    if 0.999 < probability < 1:
        return "> 99.9 %"
    return f"{probability:.1%}".replace("%", " %")


def _mark_stages(figure: go.Figure, stages: Sequence[str | None]) -> None:
    """Names the stages of a training above its curves, and draws a line where one ends, if there are several."""
    starts = [epoch for epoch in range(len(stages)) if epoch == 0 or stages[epoch] != stages[epoch - 1]]
    if len(starts) == 1:
        return
    for start in starts:
        edge = start + 0.5 if start else 1  # epochs count from 1
        if start:
            line = {"width": 1, "color": QUIET, "dash": "dot"}
            figure.add_shape(type="line", x0=edge, x1=edge, y0=0, y1=1, yref="paper", line=line)
        name = html.escape(str(stages[start])).replace("_", "-")
        above = {"y": 1, "yref": "paper", "yanchor": "bottom", "xanchor": "left", "showarrow": False}
        figure.add_annotation(x=edge, text=name, **above)


def _short(name: str) -> str:
    """A name cut to what an axis has room for, escaped."""
    return html.escape(name if len(name) <= 18 else f"{name[:17]}…")


def _anchor(position: float) -> str:
    """Side by which a label hangs on its point at `position` in `[0, 1]`, so that it stays in a narrow figure."""
    return "left" if position < 0.15 else "right" if position > 0.85 else "center"
