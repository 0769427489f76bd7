"""Evaluate, compare: whether one model errs less than another on the same pairs, or whether that cannot be said."""

import json
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from kerasface.evaluation.comparison import SIGNIFICANCE, Difference, PairComparison, compare_pairs
from kerasface.evaluation.verification import Roc, num_impostor_needed, roc
from kerasface.plotting.comparison import compared_det_curves
from kerasface.reports.error_rates import points
from kerasface.terminal.words import share
from pages.parts.charts import show_chart
from pages.parts.evaluate.data import ScoredList, score
from pages.parts.evaluate.pairs import show_failed, show_pair_cards
from pages.parts.evaluate.shown import show_files, show_table
from pages.parts.evaluate.sources import (
    FILE,
    FOLDER,
    SAMPLE,
    Source,
    choose_models,
    choose_source,
    read_pairs,
    show_drawing,
)
from pages.parts.evaluate.work import work
from pages.parts.photos import plain

FMRS = (0.1, 0.01, 0.001)
SHOWN = 4  # pairs that only one of the models gets wrong
_BOOTSTRAP = 500


@dataclass(frozen=True, eq=False)
class Compared:
    """Two models on the same pairs.

    Attributes:
        names: Of both.
        scored: The pairs with the scores of each.
        curves: Operating points of each.
        at: False match rate, of those that the pairs support, to the comparison at it.
    """

    names: tuple[str, str]
    scored: tuple[ScoredList, ScoredList]
    curves: dict[str, Roc]
    at: dict[float, PairComparison]


def show_comparison():
    """The whole view: source, two models, what can be said of their difference."""
    source = choose_source((SAMPLE, FILE, FOLDER), key="comparison_on")
    models = choose_models(source, ("A", "B"))
    if source is None:
        st.info("Type a path on this machine, or try the sample. Photos are read there; none is copied or sent.")
        return
    if models[0] == models[1]:
        st.info("Choose two models: one does not differ from itself.")
        return
    show_drawing(source)
    key = ("compare", source, *models)
    compared = work(
        key, lambda report: _compare(source, models, report), button=None if source.kind == SAMPLE else "Compare"
    )
    if compared:
        show_compared(compared)
        show_files({"Comparison (JSON)": (partial(_json, compared), "comparison.json")}, key, source)


def verdict(comparison: PairComparison, names: tuple[str, str]) -> str:
    """What can be said of two models, in words.

    Args:
        comparison: A and B.
        names: Of both, escaped.
    """
    rate, test = comparison.fnmr, comparison.mcnemar
    pairs = f"{comparison.num_genuine:,} pairs of one person"
    chance = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    wrong = f"{test.only_a:,} of the pairs are refused by A alone, {test.only_b:,} by B alone"
    if comparison.better is None:
        return (
            f"**No difference can be shown with {pairs}.** A refuses {share(rate.a, 2)}, B {share(rate.b, 2)}: a "
            f"difference of {points(rate.value)} points, which may be anything from {points(rate.low)} to "
            f"{points(rate.high)} ({chance}: {wrong})."
        )
    place = "ab".index(comparison.better)
    sign = -1 if place else 1
    ends = sorted((sign * rate.low, sign * rate.high))
    return (
        f"**{'AB'[place]} ({names[place]}) makes fewer errors.** It refuses {share((rate.a, rate.b)[place], 2)} of "
        f"{pairs}, {'BA'[place]} {share((rate.a, rate.b)[1 - place], 2)}: a difference of {points(abs(rate.value))} "
        f"points ({points(ends[0])} to {points(ends[1])}), {chance} ({wrong})."
    )


@st.fragment
def show_compared(compared: Compared):
    """A fragment: another rate redraws it alone."""
    fmr = st.segmented_control(
        "Different people who may be accepted",
        list(compared.at),
        format_func=lambda rate: f"{100 * rate:g} %",
        default=0.01 if 0.01 in compared.at else next(iter(compared.at)),
        required=True,
        key="compared_fmr",
    )
    comparison = compared.at[fmr]
    names = [one.score_name for one in compared.scored]
    thresholds = [f"{threshold:.3f}" for threshold in (comparison.threshold_a, comparison.threshold_b)]
    say = st.success if comparison.better else st.info
    say(verdict(comparison, tuple(plain(name) for name in compared.names)), icon=":material/balance:")
    st.caption(
        f"Each model at its own threshold for that rate: {_labelled(compared, thresholds)}. "
        f"The interval comes from drawing the {comparison.num_people:,} people anew with "
        "all their pairs; p from McNemar's exact test, which takes pairs for independent. A difference is called shown "
        f"where the interval leaves out 0 and p is below {SIGNIFICANCE:.2g}."
    )
    if len(set(names)) == 2:
        st.caption(f"A has {names[0]}s, B {names[1]}s: two scales, whose numbers cannot be set against each other.")
    show_failed(compared.scored[0], "left out of both models' rates")
    rates = {
        "one person refused": comparison.fnmr,
        "equal error rate": comparison.eer,
        "area under ROC": comparison.auc,
    }
    heads = ("", "A", "B", "B less A in points (95 %)")
    show_table(heads, [_row(name, rate) for name, rate in rates.items()])
    show_chart(
        compared_det_curves(compared.curves, fmr, score_names=names),
        key="compared_det",
        alt="Error curves of both models, one error against the other",
    )
    show_disagreements(compared, comparison)


def show_disagreements(compared: Compared, comparison: PairComparison):
    """Pairs of one person that only one of the models refuses, those it is surest of first."""
    thresholds = (comparison.threshold_a, comparison.threshold_b)
    margins = [one.scores - threshold for one, threshold in zip(compared.scored, thresholds, strict=True)]
    first = compared.scored[0]

    def scores(pair: int) -> str:
        return _labelled(compared, [f"**{one.scores[pair]:.3f}**" for one in compared.scored])

    for place, name in enumerate("AB"):
        own, other = margins[place], margins[1 - place]
        only = np.flatnonzero(first.listed.same & (own < 0) & (other >= 0))
        st.markdown(f"**Refused by {name} alone**: {len(only):,} pairs of one person")
        show_pair_cards(first, only[np.argsort(own[only], kind="stable")[:SHOWN]], scores)


def _compare(source: Source, models: list, report) -> Compared:
    listed, embedded = read_pairs(source, models, report)
    scored = tuple(score(listed, one) for one in embedded)
    same, persons = scored[0].listed.same, scored[0].listed.persons
    supported = [fmr for fmr in FMRS if int((~same).sum()) >= num_impostor_needed(fmr)]
    if not supported:
        raise ValueError(
            f"A comparison takes {num_impostor_needed(FMRS[0])} pairs of different people or more. "
            f"Received: {int((~same).sum())}."
        )
    at = {}
    for done, fmr in enumerate(supported):
        report("Drawing the people anew", done, len(supported))
        at[fmr] = compare_pairs(*(one.scores for one in scored), same, persons, fmr=fmr, bootstrap=_BOOTSTRAP)
    names = tuple(one.model for one in embedded)
    curves = {
        f"{letter}: {one.embedded.model}": roc(one.scores, same) for letter, one in zip("AB", scored, strict=True)
    }
    return Compared(names, scored, curves, at)


def _labelled(compared: Compared, numbers: list[str]) -> str:
    """A number of each model, with what kind of score it is."""
    scored = zip("AB", compared.scored, numbers, strict=True)
    return ", ".join(f"{letter} {one.score_name} {number}" for letter, one, number in scored)


def _row(name: str, rate: Difference) -> tuple[str, ...]:
    difference = f"{points(rate.value)} ({points(rate.low)} to {points(rate.high)})"
    return name, share(rate.a, 2), share(rate.b, 2), difference


def _json(compared: Compared) -> str:
    a, b = compared.names
    comparisons = [comparison.to_dict() for comparison in compared.at.values()]
    scores = [one.score_name for one in compared.scored]
    data = compared.scored[0].listed.people.title
    told = {"data": data, "a": a, "b": b, "scores": dict(zip("ab", scores, strict=True))}
    return json.dumps({**told, "comparisons": comparisons}, indent=1)
