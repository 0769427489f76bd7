"""Draws a training: its curves, the search for a learning rate, the classes' sizes."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.names import as_name
from kerasface.plotting.style import ACCEPT, BAR, MAX_NAMED, QUIET, REJECT, anchor, literal, short

# Pairs of a color and a dash: told apart on white and near-black, and without colors.
_LINES = (
    *((ACCEPT, "solid"), (REJECT, "dash"), ("#4a7fb5", "dot"), ("#8f6bb3", "dashdot")),
    *((ACCEPT, "dot"), (REJECT, "solid"), ("#4a7fb5", "dash"), ("#8f6bb3", "solid")),
)
MOST_COMPARED = len(_LINES)


def training_curves(history: Sequence[dict]) -> go.Figure:
    """Draws loss and accuracy over the epochs of all stages, training next to validation.

    Args:
        history: One record per epoch, in order, with `loss`, `val_loss` and, where measured, `accuracy` and
            `val_accuracy`; where their `stage` changes, a line is drawn.

    Raises:
        ValueError: If `history` is empty.
    """
    figure = lines_over_epochs(
        history,
        ("loss", "training loss", QUIET, "y"),
        ("val_loss", "validation loss", REJECT, "y"),
        ("accuracy", "training accuracy", QUIET, "y2"),
        ("val_accuracy", "validation accuracy", ACCEPT, "y2"),
    )
    _mark_stages(figure, [record.get("stage") for record in history])
    figure.update_layout(
        yaxis={"title": "loss", "domain": [0, 0.46], "rangemode": "tozero"},
        yaxis2={"title": "accuracy", "domain": [0.54, 1], "anchor": "x", "tickformat": ".0%"},
        height=460,
        margin={"l": 60, "r": 18, "t": 24, "b": 40},
        legend={"orientation": "h", "y": -0.14},
        hovermode="x unified",
    )
    return figure


def compared_learning(histories: Mapping[str, Sequence[dict]]) -> go.Figure:
    """Draws how several trainings learned over one another: what each says of pictures it was not trained on.

    Args:
        histories: Name of each training to its records as `training_curves` takes them; `MOST_COMPARED` at most. One
            that was not judged has its training loss drawn.

    Raises:
        ValueError: If there is no training, there are too many, or none has an epoch.
    """
    if not 1 <= len(histories) <= MOST_COMPARED or not any(histories.values()):
        lengths = [len(history) for history in histories.values()]
        raise ValueError(f"One to {MOST_COMPARED} trainings with epochs are drawn. Received: epochs={lengths}.")
    figure, drawn = go.Figure(), set()
    for (name, history), (color, dash) in zip(histories.items(), _LINES, strict=False):
        for axis, keys in (("y", ("val_loss", "loss")), ("y2", ("val_accuracy", "accuracy"))):
            key = next((key for key in keys if any(record.get(key) is not None for record in history)), None)
            if key is None:
                continue
            figure.add_trace(
                go.Scatter(
                    x=list(range(1, len(history) + 1)),
                    y=[record.get(key) for record in history],
                    name=literal(name),
                    legendgroup=name,
                    showlegend=name not in drawn,
                    yaxis=axis,
                    line={"color": color, "dash": dash},
                    mode="lines+markers" if len(history) <= 30 else "lines",
                    hovertemplate=f"{literal(name)}, epoch %{{x}}: %{{y:.4g}}<extra></extra>",
                )
            )
            drawn.add(name)
    figure.update_xaxes(title="epoch", **({"dtick": 1} if max(map(len, histories.values())) <= 12 else {}))
    return figure.update_layout(
        yaxis={"title": "loss", "domain": [0, 0.46], "rangemode": "tozero"},
        yaxis2={"title": "accuracy", "domain": [0.54, 1], "anchor": "x", "tickformat": ".0%"},
        height=460,
        margin={"l": 60, "r": 18, "t": 24, "b": 40},
        legend={"orientation": "h", "y": -0.14},
    )


def lines_over_epochs(history: Sequence[dict], *lines: tuple[str, str, str, str]) -> go.Figure:
    """Draws numbers over the epochs, without a layout.

    Args:
        history: One record per epoch, in order.
        lines: For each the key in the records, its name, its color and its axis (`"y"` or `"y2"`); one that no record
            has is left out.

    Raises:
        ValueError: If `history` is empty.
    """
    if not history:
        raise ValueError("Curves need at least one epoch. Received: history=[].")
    epochs = list(range(1, len(history) + 1))
    mode = "lines+markers" if len(history) <= 30 else "lines"  # one epoch alone has no line
    figure = go.Figure()
    for key, name, color, axis in lines:
        values = [record.get(key) for record in history]
        if any(value is not None for value in values):
            figure.add_trace(go.Scatter(x=epochs, y=values, name=name, yaxis=axis, line={"color": color}, mode=mode))
    whole = {"dtick": 1} if len(history) <= 12 else {}  # else Plotly would number half epochs
    return figure.update_xaxes(title="epoch", **whole)


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
        x=place, y=1, yref="paper", yanchor="bottom", text=text, showarrow=False, xanchor=anchor(share)
    )
    low, high = float(np.min(smoothed)), float(np.max(smoothed))
    room = 0.1 * (high - low) or 0.1 * abs(high) or 1.0
    figure.update_xaxes(title="learning rate", type="log", exponentformat="power", dtick=1)
    figure.update_yaxes(title="loss", range=[low - room, high + room])
    figure.update_layout(
        height=380, margin={"l": 60, "r": 18, "t": 30, "b": 40}, legend={"orientation": "h", "y": -0.2}
    )
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
    if len(ordered) <= MAX_NAMED:
        names = [literal(as_name(row["name"])) for row in ordered]
        for key, title, color in (("num_train", "training", BAR), ("num_validation", "held out", QUIET)):
            figure.add_trace(go.Bar(x=names, y=[row[key] for row in ordered], name=title, marker={"color": color}))
        figure.update_xaxes(tickvals=names, ticktext=[short(as_name(row["name"])) for row in ordered], type="category")
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
