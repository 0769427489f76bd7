"""Draws how a classifier errs: calibration, confusions, strangers."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.classification import Calibration
from kerasface.evaluation.names import as_name
from kerasface.evaluation.open_set import OpenSet, OpenSetCurve
from kerasface.plotting.style import ACCEPT, MAX_NAMED, QUIET, REJECT, literal, short

MAX_HEATMAP = 60  # classes; a cell of a larger matrix is too small to be seen
_MAX_COUNTED = 20  # classes whose numbers have room in a heatmap, and whose names below it


def reliability_diagram(
    before: Calibration, after: Calibration, names: tuple[str, str] = ("as trained", "temperature scaled")
) -> go.Figure:
    """Draws accuracy against confidence of two classifiers, or of one before and after scaling; ideal is the diagonal.

    Args:
        before: Of the first one.
        after: Of the second one.
        names: What both are called.
    """
    figure = go.Figure(go.Scatter(x=[0, 1], y=[0, 1], name="ideal", mode="lines", line={"color": QUIET, "dash": "dot"}))
    for result, name, color in ((before, names[0], REJECT), (after, names[1], ACCEPT)):
        figure.add_trace(
            go.Scatter(
                x=[part.confidence for part in result.bins],
                y=[part.accuracy for part in result.bins],
                text=[f"{part.count} predictions" for part in result.bins],
                name=f"{name}: ECE {result.ece:.1%}",
                mode="lines+markers",
                marker={"size": [6 + 3 * np.log10(part.count) for part in result.bins]},
                line={"color": color},
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
    names = [literal(as_name(label)) for label in labels]
    hover = "%{y} taken for %{x}: %{z}<extra></extra>"
    colors = [[0, "rgba(42, 157, 143, 0.06)"], [1, "rgba(42, 157, 143, 0.9)"]]
    figure = go.Figure(go.Heatmap(z=matrix, x=names, y=names, colorscale=colors, hovertemplate=hover, showscale=False))
    roomy = len(names) <= _MAX_COUNTED
    if roomy:
        figure.update_traces(text=[[count or "" for count in row] for row in np.asarray(matrix).tolist()])
        figure.update_traces(texttemplate="%{text}")
    # Names that are numbers are categories all the same. Columns have the order of the rows.
    ticks = {
        "type": "category",
        "showgrid": False,
        "tickvals": names,
        "ticktext": [short(as_name(label)) for label in labels],
    }
    figure.update_xaxes(title="named", showticklabels=roomy, **ticks)
    figure.update_yaxes(title="true", showticklabels=len(names) <= MAX_NAMED, autorange="reversed", **ticks)
    figure.update_layout(height=620 if roomy else 900, margin={"l": 60, "r": 18, "t": 10, "b": 60})
    return figure


def open_set_curve(curve: OpenSetCurve, chosen: OpenSet, *, of_faces: bool = True) -> go.Figure:
    """Draws the share of known people accepted against the share of strangers, and where the chosen threshold stands.

    Shares of strangers are on a logarithmic axis, since the small ones matter; none at all stands at its left end.

    Args:
        curve: Over all thresholds.
        chosen: The threshold chosen, with its measured share and the upper bound of that.
        of_faces: Whether they are people, and not pictures of the classes and of anything else.
    """
    others, title = ("strangers", "known people") if of_faces else ("pictures of anything else", "of the classes")
    part = curve.thinned()
    some = part.false_accept[part.false_accept > 0]
    left = float(min(some.min(), chosen.unknown_accepted_high)) / 2
    figure = go.Figure()
    for values, name, color in (
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
                line={"color": color, "shape": "hv"},
                hovertemplate="%{y:.1%} of the known with %{customdata[0]:.2%} of the "
                f"{others}"
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
            hovertemplate=f"{chosen.unknown_accepted:.2%} of the {others}, at most "
            f"{chosen.unknown_accepted_high:.2%}<extra></extra>",
        )
    )
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 0.1, 1) if tick >= left]
    figure.update_xaxes(
        title=f"{others} accepted",
        type="log",
        range=[np.log10(left), 0.02],
        tickvals=[left, *ticks],
        ticktext=["none", *(f"{tick:.4g} %" for tick in 100 * np.array(ticks))],
    )
    figure.update_yaxes(title=title, range=[0, 1.02], tickformat=".0%")
    figure.update_layout(height=400, margin={"l": 60, "r": 18, "t": 10, "b": 40})
    figure.update_layout(legend={"orientation": "h", "y": -0.2})
    return figure
