"""Evaluate, pairs: how often two photos are judged wrongly, and what a threshold does."""

import json
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from kerasface.plotting.calibration import pair_reliability
from kerasface.plotting.error_rates import det_curve, roc_curve
from kerasface.population.judging import JudgedPeople
from kerasface.reports.verification import verification_document
from kerasface.tasks.measuring.confusion import judge_embedded
from kerasface.tasks.measuring.pairs import ScoredPairs, score_pairs
from kerasface.tasks.measuring.people import Report
from kerasface.tasks.measuring.rates import PairRates, measure_pairs
from kerasface.terminal.errors import told
from kerasface.terminal.words import share
from pages.parts.charts import show_chart
from pages.parts.evaluate.confused import people_html, show_confused
from pages.parts.evaluate.shown import show_files, show_table
from pages.parts.evaluate.sources import (
    FILE,
    FOLDER,
    SAMPLE,
    VECTORS,
    Source,
    choose_models,
    choose_source,
    read_pairs,
    show_drawing,
)
from pages.parts.evaluate.threshold import show_threshold
from pages.parts.evaluate.work import work
from pages.parts.photos import plain

_BOOTSTRAP = 500


@dataclass(frozen=True, eq=False)
class Measured:
    """Error rates of pairs, and of whom they come.

    Attributes:
        rates: Of the pairs.
        judged: Who is confused with whom, over all pairs of the photos; `None` where that cannot be said.
        not_judged: Why it cannot.
    """

    rates: PairRates
    judged: JudgedPeople | None
    not_judged: str


def show_pairs():
    """The whole view: source, model, results."""
    source = choose_source((SAMPLE, FILE, FOLDER, VECTORS), key="pairs_of")
    models = choose_models(source, ("Model",))
    if source is None:
        st.info("Type a path on this machine, or try the sample. Photos are read there; none is copied or sent.")
        return
    show_drawing(source)
    key = ("pairs", source, *models)

    button = None if source.kind == SAMPLE else "Measure"
    measured = work(key, lambda report: _measure(source, models, report), button=button)
    if measured:
        show_results(measured, key, source)


def show_results(measured: Measured, key: tuple, source: Source):
    rates, scored = measured.rates, measured.rates.scored
    people, embedded = scored.listed.people, scored.embedded
    show_facts(rates)
    show_failed(scored)
    st.subheader("Where is the threshold?")
    show_threshold(rates, f"threshold_{abs(hash(key))}")
    st.subheader("Error rates")
    show_rates(rates)
    st.subheader("Can the probabilities be believed?")
    show_calibration(rates)
    if source.kind != SAMPLE:
        st.subheader("Who is confused with whom?")
        if measured.judged:
            show_confused(measured.judged, people, embedded)
        else:
            st.markdown(plain(measured.not_judged))
    st.subheader("Keep the results")
    files = {
        "Rates (JSON)": (partial(_json, measured), "error_rates.json"),
        "Scores (CSV)": (scored.to_csv, "scores.csv"),
        "Report (HTML)": (partial(verification_document, f"Verification: {people.title}", rates), "error_rates.html"),
    }
    if measured.judged:
        files["People (HTML)"] = (partial(people_html, measured.judged, people, embedded), "people.html")
    show_files(files, key, source)


def show_facts(rates: PairRates):
    report, listed = rates.report, rates.scored.listed
    with st.container(horizontal=True):
        st.metric(
            "Equal error rate",
            share(report.eer, 2),
            help="Where as many pairs of one person are refused as pairs of different people are accepted.",
        )
        st.metric(
            "Area under the ROC curve",
            f"{report.auc:.4f}",
            help="How often a pair of one person scores higher than a pair of different people.",
        )
        if listed.own_folds:  # of drawn pairs nearly all are of different people: refusing everybody would be right
            st.metric(
                "Right answers",
                share(report.accuracy_mean, 2),
                help="At the threshold that is best on the pairs of other folds; pairs that failed count as wrong.",
            )
        st.metric("Pairs of one person", f"{report.num_genuine:,}")
        st.metric("Pairs of different people", f"{report.num_impostor:,}")
    st.caption(
        f"95 % intervals: equal error rate {share(report.eer_low, 2)} to {share(report.eer_high, 2)}, area "
        f"{report.auc_low:.4f} to {report.auc_high:.4f}. {len(np.unique(listed.persons)):,} people."
    )


def show_failed(scored: ScoredPairs, meaning: str = "left out of all rates but right answers"):
    """The pairs without a score, and why; `meaning`: what became of them."""
    if not (failed := scored.failed):
        return
    pairs = "1 pair" if len(failed) == 1 else f"{len(failed):,} pairs"
    with st.expander(f"{pairs} could not be scored: {meaning}", icon=":material/broken_image:"):
        reasons = dict.fromkeys(pair.reason for pair in failed)
        st.markdown("\n".join(f"- {plain(reason)}" for reason in list(reasons)[:20]))
        if len(reasons) > 20:
            st.caption(f"The first 20 of {len(reasons):,} reasons; all of them stand in the CSV file.")


def show_rates(rates: PairRates):
    name = rates.scored.embedded.score_name
    rows = {
        fmr: (share(point.value, 2), f"{share(point.low, 2)} to {share(point.high, 2)}", f"{point.threshold:.4f}")
        for fmr, point in rates.targets.items()
    } | {fmr: (reason, "", "") for fmr, reason in rates.refused.items()}
    show_table(
        ("different people accepted", "one person accepted", "95 % interval", f"from a {name} of"),
        [(f"{100 * fmr:g} %", *cells) for fmr, cells in sorted(rows.items(), reverse=True)],
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**ROC**: what is gained")
        points = {str(fmr): point for fmr, point in rates.targets.items()}
        show_chart(
            roc_curve(rates.curve, points, score_name=name),
            key="roc",
            alt="ROC curve: pairs of one person accepted against different people accepted",
        )
    with right:
        st.markdown("**DET**: one error against the other")
        show_chart(
            det_curve(rates.curve, rates.report.eer, score_name=name),
            key="det",
            alt="DET curve: one error against the other",
        )


def show_calibration(rates: PairRates):
    calibration = rates.calibration
    st.markdown(plain(rates.calibration_note))
    if calibration is None:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_chart(
            pair_reliability(calibration),
            key="reliability",
            alt="How often pairs are of one person, against the probability that was given",
        )
    right.metric(
        "Calibration error (ECE)",
        share(calibration.ece, 2),
        help="Mean distance of the probability given and the share of pairs of one person, over bins of equal mass.",
    )
    right.caption(f"95 %: {share(calibration.ece_low, 2)} to {share(calibration.ece_high, 2)}")
    right.markdown(
        "On the diagonal, of the pairs that were said to show one person with 80 %, eight of ten do. "
        f"The curve is of the kind *{calibration.method}*."
    )


def _measure(source: Source, models: list, report: Report) -> Measured:
    listed, (embedded,) = read_pairs(source, models, report)
    rates = measure_pairs(score_pairs(listed, embedded), bootstrap=_BOOTSTRAP, report=report)
    try:
        return Measured(rates, judge_embedded(listed.people, embedded, report=report), "")
    except ValueError as error:
        return Measured(rates, None, told(error))


def _json(measured: Measured) -> str:
    rates, judged = measured.rates, measured.judged
    targets = {str(fmr): vars(point) for fmr, point in rates.targets.items()}
    all_pairs = judged and judged.to_dict()
    return json.dumps({**rates.to_dict(), "tar_at_fmr": targets, "all_pairs": all_pairs}, indent=1)
