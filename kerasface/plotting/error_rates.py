"""Draws error rates of verification and identification: what is gained and lost as a threshold moves.

Rates are on logarithmic axes, since the small ones matter; a rate of none at all stands at the end of its axis.
"""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from kerasface.evaluation.slices import CountedRate, Slice
from kerasface.evaluation.verification import Roc, TarAtFmr
from kerasface.plotting.style import ACCEPT, QUIET, REJECT, anchor

_DASHES = ("solid", "dash", "dot", "dashdot")  # lines are told apart without their colours too


def roc_curve(curve: Roc, tar_at_fmr: Mapping[str, TarAtFmr], *, score_name: str = "score") -> go.Figure:
    """Draws the share of genuine pairs accepted against the share of impostor pairs.

    Args:
        curve: Over all thresholds.
        tar_at_fmr: False match rate, such as `"0.001"`, to what is accepted there: a point with its interval, hollow
            where there are too few impostor pairs to speak of the rate.
        score_name: What the scores are called.
    """
    part = curve.corners()
    left = _left_end([part.fmr, *(np.array([float(fmr)]) for fmr in tar_at_fmr)])
    figure = go.Figure(_curve(part.fmr, part.tar, part.thresholds, left, "accepted", score_name))
    points = list(tar_at_fmr.values())
    figure.add_trace(
        go.Scatter(
            x=[float(fmr) for fmr in tar_at_fmr],
            y=[point.value for point in points],
            error_y=_interval(points),
            mode="markers",
            name="at a target, with 95 % interval",
            marker={
                "size": 10,
                "color": REJECT,
                "symbol": ["circle" if point.supported else "circle-open" for point in points],
            },
            customdata=[
                [point.low, point.high, point.threshold, "" if point.supported else "<br>too few impostor pairs"]
                for point in points
            ],
            hovertemplate="%{y:.2%} accepted at an FMR of %{x:.2%}<br>95 %: %{customdata[0]:.2%} to "
            f"%{{customdata[1]:.2%}}<br>from a {score_name} of "
            "%{customdata[2]:.3f}%{customdata[3]}<extra></extra>",
        )
    )
    # What happens below the lowest rate that counts would press all the rest against the upper edge.
    counted = part.tar[part.fmr > 0]
    lowest = min(float(counted.min(initial=1)), *(point.low for point in points), 0.95)
    figure.update_xaxes(title="pairs of different people accepted", **_rate_axis(left))
    figure.update_yaxes(title="pairs of one person accepted", range=[lowest - 0.05 * (1 - lowest), 1.002])
    figure.update_yaxes(tickformat=".0%" if lowest < 0.9 else ".1%")
    return _laid_out(figure, 400)


def det_curve(curve: Roc, eer: float, *, score_name: str = "score") -> go.Figure:
    """Draws one error against the other: pairs of one person refused, pairs of different people accepted.

    Args:
        curve: Over all thresholds.
        eer: Equal error rate, on the diagonal.
        score_name: What the scores are called.
    """
    part = curve.corners()
    left, lower = _left_end([part.fmr]), _left_end([part.fnmr])
    figure = go.Figure()
    ideal = [max(left, lower), 1]
    figure.add_trace(
        go.Scatter(x=ideal, y=ideal, mode="lines", name="both equal", line={"color": QUIET, "dash": "dot"})
    )
    figure.add_trace(_curve(part.fmr, part.fnmr, part.thresholds, left, "refused", score_name, lower))
    if eer > 0:
        figure.add_trace(
            go.Scatter(
                x=[eer],
                y=[eer],
                mode="markers",
                name=f"equal error rate {eer:.2%}",
                marker={"size": 10, "color": REJECT},
                hovertemplate="equal error rate %{x:.2%}<extra></extra>",
            )
        )
    figure.update_xaxes(title="pairs of different people accepted", **_rate_axis(left))
    figure.update_yaxes(title="pairs of one person refused", **_rate_axis(lower))
    return _laid_out(figure, 420)


def score_histogram(
    scores: np.ndarray, same: np.ndarray, threshold: float, *, num_bins: int = 60, score_name: str = "score"
) -> go.Figure:
    """Draws how the scores of genuine and of impostor pairs are spread, and where the threshold divides them.

    Args:
        scores: Finite, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
        threshold: A pair is accepted from this score.
        num_bins: Bars over the whole range.
        score_name: What the scores are called.

    Raises:
        ValueError: If there is no pair.
    """
    scores, same = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    if len(scores) == 0:
        raise ValueError("A histogram needs at least one pair. Received: scores of length 0.")
    edges = np.histogram_bin_edges(np.append(scores, threshold), num_bins)
    figure = go.Figure()
    for kind, name, color in ((~same, "different people", REJECT), (same, "one person", ACCEPT)):
        counts = np.histogram(scores[kind], edges)[0]
        figure.add_trace(
            go.Bar(
                x=(edges[:-1] + edges[1:]) / 2,
                y=counts / max(counts.sum(), 1),
                width=np.diff(edges),
                customdata=np.stack([counts, edges[:-1], edges[1:]], axis=1),
                name=f"{name}: {counts.sum():,} pairs",
                marker={"color": color, "line": {"width": 0}},
                opacity=0.65,
                hovertemplate="%{customdata[0]} pairs, %{y:.1%} of their kind"
                f"<br>{score_name} %{{customdata[1]:.3f}} to %{{customdata[2]:.3f}}<extra></extra>",
            )
        )
    figure.add_vline(x=threshold, line={"width": 2, "color": QUIET, "dash": "dot"})
    side = anchor((threshold - edges[0]) / (edges[-1] - edges[0]))
    above = {"y": 1, "yref": "paper", "yanchor": "bottom", "showarrow": False}
    figure.add_annotation(x=threshold, text=f"<b>accepted from {threshold:.3f}</b>", xanchor=side, **above)
    figure.update_xaxes(title=score_name, tickformat=".2f", nticks=6)
    figure.update_yaxes(title="share of their kind", tickformat=".0%")
    figure.update_layout(barmode="overlay", bargap=0)
    return _laid_out(figure, 340, top=30)


def slices(parts: Sequence[Slice], attribute: str) -> go.Figure:
    """Draws both error rates over the slices of one attribute, with 95 % intervals; hollow where there are few pairs.

    Args:
        parts: The slices, from low to high values.
        attribute: What the axis calls it, with its unit, such as `"side of the smaller face in pixels"`.

    Raises:
        ValueError: If there is no slice.
    """
    if not parts:
        raise ValueError("A figure of slices needs at least one. Received: parts=[].")
    names = [html.escape(part.name) for part in parts]
    figure = go.Figure(
        [
            _rates(names, [part.fnmr for part in parts], "one person, refused", ACCEPT, "y"),
            _rates(names, [part.fmr for part in parts], "different people, accepted", REJECT, "y2"),
        ]
    )
    figure.update_xaxes(title=html.escape(attribute), type="category", categoryarray=names)
    figure.update_layout(
        yaxis={"title": "refused", "domain": [0.54, 1], **_share_axis([part.fnmr for part in parts])},
        yaxis2={"title": "accepted", "domain": [0, 0.46], "anchor": "x", **_share_axis([part.fmr for part in parts])},
        xaxis={"anchor": "y2"},
    )
    return _laid_out(figure, 440)


def cmc_curve(shares: Mapping[str, Sequence[float]]) -> go.Figure:
    """Draws how often the right person is among the first names of an identification.

    Args:
        shares: What is drawn (a gallery, a model) to the shares for the ranks 1, 2, ...

    Raises:
        ValueError: If there is nothing to draw.
    """
    if not shares or any(len(values) == 0 for values in shares.values()):
        raise ValueError(f"A curve needs a share for rank 1. Received: shares={dict(shares)}.")
    figure = go.Figure()
    for index, (name, values) in enumerate(shares.items()):
        ranks = np.arange(1, len(values) + 1)
        line = _line(ranks, values, name, index, "%{y:.2%} among the first %{x}")
        figure.add_trace(line.update(mode="lines+markers", marker={"size": 5}))
    lowest = min(min(values) for values in shares.values())
    longest = max(len(values) for values in shares.values())
    figure.update_xaxes(title="names looked at", range=[0.5, longest + 0.5], nticks=8)
    figure.update_yaxes(title="right person among them", range=[lowest - 0.1 * (1 - lowest) - 0.001, 1.002])
    figure.update_yaxes(tickformat=".0%" if lowest < 0.9 else ".1%")
    return _laid_out(figure, 360, legend=len(shares) > 1)


def fnir_against_fpir(curves: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """Draws how many known faces miss their name against how many strangers get one.

    Args:
        curves: What is drawn (a gallery size, a number of photos per person) to its false positive and false negative
            identification rates, `(fpir, fnir)`, from strict to lenient thresholds.

    Raises:
        ValueError: If there is nothing to draw, or the numbers of rates differ.
    """
    if not curves or any(len(fpir) != len(fnir) or len(fpir) == 0 for fpir, fnir in curves.values()):
        raise ValueError(
            "A curve needs as many FPIR as FNIR. "
            f"Received: { {name: (len(fpir), len(fnir)) for name, (fpir, fnir) in curves.items()} }."
        )
    left = _left_end([np.asarray(fpir) for fpir, _ in curves.values()])
    lower = _left_end([np.asarray(fnir) for _, fnir in curves.values()])
    figure = go.Figure()
    for index, (name, (fpir, fnir)) in enumerate(curves.items()):
        x, y = np.maximum(fpir, left), np.maximum(fnir, lower)
        line = _line(x, y, name, index, "%{customdata[1]:.2%} missed, %{customdata[0]:.2%} of strangers named")
        figure.add_trace(line.update(customdata=np.stack([fpir, fnir], axis=1)))
    figure.update_xaxes(title="strangers taken for somebody", **_rate_axis(left))
    figure.update_yaxes(title="known faces not named", **_rate_axis(lower))
    return _laid_out(figure, 420, legend=len(curves) > 1)


def _curve(
    fmr: np.ndarray,
    rate: np.ndarray,
    thresholds: np.ndarray,
    left: float,
    verb: str,
    score_name: str,
    lower: float = 0.0,
) -> go.Scatter:
    """The curve over all thresholds; rates below the ends `left` and `lower` of the axes stand there."""
    return go.Scatter(
        x=np.maximum(fmr, left),
        y=np.maximum(rate, lower),
        customdata=np.stack([fmr, rate, thresholds], axis=1),
        mode="lines",
        name="all thresholds",
        line={"color": ACCEPT},
        hovertemplate=f"%{{customdata[1]:.2%}} of one person {verb}<br>%{{customdata[0]:.2%}} of different people "
        f"accepted<br>from a {score_name} of %{{customdata[2]:.3f}}<extra></extra>",
    )


def _line(x: np.ndarray, y: np.ndarray, name: str, index: int, hover: str) -> go.Scatter:
    """One of several lines, each with its own colour and dashes."""
    colors = (ACCEPT, REJECT, "#4a7fb5", "#8f6bb3")
    return go.Scatter(
        x=np.asarray(x),
        y=np.asarray(y),
        mode="lines",
        name=html.escape(name),
        line={"color": colors[index % len(colors)], "dash": _DASHES[index // len(colors) % len(_DASHES)]},
        hovertemplate=f"{hover}<extra>{html.escape(name)}</extra>",
    )


def _rates(names: Sequence[str], rates: Sequence[CountedRate | None], title: str, color: str, axis: str) -> go.Scatter:
    """One point with its interval for every slice that has pairs of this kind."""
    shown = [(name, rate) for name, rate in zip(names, rates, strict=True) if rate is not None]
    return go.Scatter(
        x=[name for name, _ in shown],
        y=[rate.value for _, rate in shown],
        error_y=_interval([rate for _, rate in shown]),
        yaxis=axis,
        mode="markers",
        name=title,
        marker={
            "size": 9,
            "color": color,
            "symbol": ["circle-open" if rate.few else "circle" for _, rate in shown],
        },
        customdata=[[rate.num_errors, rate.num_pairs, rate.low, rate.high] for _, rate in shown],
        hovertemplate="%{customdata[0]} of %{customdata[1]} pairs: %{y:.2%}"
        "<br>95 %: %{customdata[2]:.2%} to %{customdata[3]:.2%}<extra></extra>",
    )


def _interval(points: Sequence[TarAtFmr | CountedRate]) -> dict:
    """Error bars from value to both ends."""
    return {
        "array": [max(point.high - point.value, 0) for point in points],
        "arrayminus": [max(point.value - point.low, 0) for point in points],
        "thickness": 1.5,
    }


def _share_axis(rates: Sequence[CountedRate | None]) -> dict:
    """An axis from 0 with room for the intervals, but not for those of a few pairs, which would flatten the others."""
    known = [rate for rate in rates if rate is not None]
    ends = [rate.high for rate in known if not rate.few] + [rate.value for rate in known]
    return {"tickformat": ".1~%", "range": [-0.02 * max(ends), 1.1 * max(ends)] if any(ends) else [0, 1]}


def _left_end(rates: Sequence[np.ndarray]) -> float:
    """Where none at all stands on a logarithmic axis: at half of the least rate above it."""
    some = np.concatenate([rate[rate > 0] for rate in rates])
    return float(some.min()) / 2 if len(some) else 1e-3


def _rate_axis(left: float) -> dict:
    """A logarithmic axis up to 1 that names its ends in per cent."""
    ticks = [
        tick for tick in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1) if tick >= 2.5 * left
    ]  # else its name would touch that of the end
    names = [f"{100 * tick:.4g} %" for tick in ticks]
    return {
        "type": "log",
        "range": [np.log10(left), 0.02],
        "tickvals": [left, *ticks],
        "ticktext": ["none", *names],
        "tickangle": 0,
    }


def _laid_out(figure: go.Figure, height: int, *, top: int = 10, legend: bool = True) -> go.Figure:
    figure.update_layout(height=height, margin={"l": 60, "r": 18, "t": top, "b": 40}, showlegend=legend)
    return figure.update_layout(legend={"orientation": "h", "y": -0.2})
