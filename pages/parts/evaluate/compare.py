"""Evaluate, compare: whether one model errs less than another on the same pairs, or whether that cannot be said."""

import json
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import streamlit as st

from kerasface.evaluation.comparison import SIGNIFICANCE, PairComparison
from kerasface.evaluation.measured.comparison import SearchComparison
from kerasface.plotting.comparison import compared_det_curves
from kerasface.reports.verification import difference_row, pair_verdict
from kerasface.tasks.embedders.comparing import Candidate, search_with_both, weigh_up
from kerasface.tasks.measuring.comparison import ComparedPairs, compare_models
from kerasface.tasks.measuring.pairs import score_pairs
from kerasface.tasks.measuring.people import Report
from pages.parts.charts import show_chart
from pages.parts.evaluate.models import built
from pages.parts.evaluate.pairs import show_failed
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
from pages.parts.evaluate.threshold import show_pair_cards
from pages.parts.evaluate.work import work
from pages.parts.photos import plain

SHOWN = 4  # pairs that only one of the models gets wrong
_BOOTSTRAP = 500


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
        show_compared(compared.pairs)
        if compared.candidates:
            show_candidates(compared)
        show_files({"Comparison (JSON)": (partial(_json, compared), "comparison.json")}, key, source)


@dataclass(frozen=True, eq=False)
class Compared:
    """What the view shows of two models.

    Attributes:
        pairs: On pairs.
        candidates: What speaks for each beside its errors; none of made-up models.
        searches: In searches; `None` where they are not compared.
        note: Why not.
    """

    pairs: ComparedPairs
    candidates: tuple[Candidate, ...] = ()
    searches: SearchComparison | None = None
    note: str = ""


@st.fragment
def show_compared(compared: ComparedPairs):
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
    names = compared.score_names
    thresholds = [f"{threshold:.3f}" for threshold in (comparison.threshold_a, comparison.threshold_b)]
    say = st.success if comparison.better else st.info
    verdict, evidence = pair_verdict(comparison, tuple(plain(name) for name in compared.names))
    say(f"**{verdict}** {evidence}", icon=":material/balance:")
    st.caption(
        f"Each model at its own threshold for that rate: {_labeled(compared, thresholds)}. "
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
    show_table(heads, [difference_row(name, rate) for name, rate in rates.items()])
    show_chart(
        compared_det_curves(compared.curves, fmr, score_names=names),
        key="compared_det",
        alt="Error curves of both models, one error against the other",
    )
    show_disagreements(compared, comparison)


def show_candidates(compared: Compared):
    """Searches of both, and what is to be weighed against fewer errors: time, size, terms."""
    if (searches := compared.searches) is not None:
        asked = f"{100 * searches.fpir:g} % of strangers named"
        st.markdown(
            f"**In a search** of a gallery with one photo of each of {searches.gallery_size:,} people, "
            f"by {searches.num_mated:,} other photos of them and {searches.num_unknown:,} of strangers:"
        )
        rows = {f"missed, with {asked}": searches.fnir, "first of all": searches.rank1}
        show_table(
            ("", "A", "B", "B less A in points (95 %)"), [difference_row(name, rate) for name, rate in rows.items()]
        )
        if not searches.supported:
            st.caption(f"{searches.num_unknown:,} strangers are too few to speak of {asked}.")
    elif compared.note:
        st.caption(plain(compared.note))
    st.markdown("**Beside the errors**")
    told = [
        (
            plain(one.name),
            f"{one.embedding_dim:,}",
            f"{one.num_bytes / 1e6:,.1f} MB",
            f"{one.milliseconds:.1f} ms",
            "yes" if one.is_calibrated else "not yet: kerasface embedders calibrate",
            plain(one.licence),
        )
        for one in compared.candidates
    ]
    heads = ("embedder", "numbers for a face", "size", "one crop", "decides", "terms")
    show_table(("", "A", "B"), [(head, *values) for head, *values in zip(heads, *told, strict=True)])
    st.caption("The time of a crop is measured here, in batches of 32, the median of five.")


def show_disagreements(compared: ComparedPairs, comparison: PairComparison):
    """Pairs of one person that only one of the models refuses, those it is surest of first."""
    thresholds = (comparison.threshold_a, comparison.threshold_b)
    margins = [one.scores - threshold for one, threshold in zip(compared.scored, thresholds, strict=True)]
    first = compared.scored[0]

    def scores(pair: int) -> str:
        return _labeled(compared, [f"**{one.scores[pair]:.3f}**" for one in compared.scored])

    for place, name in enumerate("AB"):
        own, other = margins[place], margins[1 - place]
        only = np.flatnonzero(first.listed.same & (own < 0) & (other >= 0))
        st.markdown(f"**Refused by {name} alone**: {len(only):,} pairs of one person")
        show_pair_cards(first, only[np.argsort(own[only], kind="stable")[:SHOWN]], scores)


def _compare(source: Source, models: list, report: Report) -> Compared:
    listed, embedded = read_pairs(source, models, report)
    pairs = compare_models(*(score_pairs(listed, one) for one in embedded), bootstrap=_BOOTSTRAP, report=report)
    if source.kind == SAMPLE:
        return Compared(pairs)
    candidates = tuple(replace(weigh_up(built(model)), name=model.name) for model in models)
    if source.kind == FILE:
        return Compared(pairs, candidates)
    return Compared(pairs, candidates, *search_with_both(listed.people, embedded))


def _labeled(compared: ComparedPairs, numbers: list[str]) -> str:
    """A number of each model, with what kind of score it is."""
    parts = zip("AB", compared.score_names, numbers, strict=True)
    return ", ".join(f"{letter} {name} {number}" for letter, name, number in parts)


def _json(compared: Compared) -> str:
    found = compared.pairs.to_dict()
    if compared.candidates:
        found |= {"candidates": [vars(one) for one in compared.candidates]}
    if compared.searches is not None:
        found["searches"] = compared.searches.to_dict()
    return json.dumps(found, indent=1)
