"""Evaluate, pairs: how often two photos are judged wrongly, and what a threshold does."""

import json
from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from kerasface.evaluation.slices import CountedRate
from kerasface.plotting.calibration import pair_reliability
from kerasface.plotting.error_rates import det_curve, roc_curve, score_histogram, slices
from kerasface.population.judging import MAIN, JudgedPeople
from kerasface.reports.verification import verification_document
from kerasface.tasks.measuring.confusion import judge_embedded
from kerasface.tasks.measuring.pairs import ScoredPairs, score_pairs
from kerasface.tasks.measuring.people import Report
from kerasface.tasks.measuring.rates import PairRates, measure_pairs
from kerasface.terminal.errors import told
from kerasface.terminal.words import share
from pages.parts.charts import show_chart
from pages.parts.evaluate.confused import people_html, show_confused
from pages.parts.evaluate.shown import show_face_cards, show_files, show_table
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
from pages.parts.evaluate.work import work
from pages.parts.photos import plain

SHOWN = 4  # pairs of a kind
WRONG, RIGHT = "Judged wrongly", "Judged rightly"
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


@st.fragment
def show_threshold(rates: PairRates, name: str):
    """Histogram, slider, both errors, and the pairs about the threshold. A fragment: the slider redraws it alone."""
    scored, same, score_name = rates.scored, rates.scored.listed.same, rates.scored.embedded.score_name
    low, high = float(scored.scores.min()), float(scored.scores.max())
    if low == high:
        st.info("All pairs have one score: no threshold divides them.")
        return
    marks = {label: float(np.clip(value, low, high)) for label, value in _marks(rates).items()}
    st.session_state.setdefault(name, list(marks.values())[-1])
    with st.container(horizontal=True):
        for label, value in marks.items():
            st.button(label, on_click=st.session_state.__setitem__, args=(name, value), key=f"{name}_{label}")
    threshold = st.slider(
        f"Accepted from a {score_name} of",
        low,
        high,
        step=(high - low) / 400,
        format="%.3f",
        key=name,
        persist_state="session",
    )
    if scored.embedded.normalizer:
        st.caption("Scores are normalized: in units of what strangers reach, as KerasFace decides.")
    else:
        st.caption("Scores are plain cosines: this embedder has no cohort to normalize them by.")
    at = scored.at(threshold)
    left, right = st.columns(2, gap="medium")
    left.metric("Different people accepted (FMR)", share(at.fmr.value, 2))
    left.caption(f"{_counted(at.fmr)} {_odds(at.fmr.value, at.fmr.num_pairs)}")
    right.metric("One person refused (FNMR)", share(at.fnmr.value, 2))
    right.caption(_counted(at.fnmr))
    show_chart(
        score_histogram(scored.scores, same, threshold, score_name=score_name),
        key="histogram",
        alt=f"{score_name.capitalize()}s of pairs of one person and of others, and the threshold between them",
    )
    kind = st.segmented_control(
        "Pairs nearest to the threshold", (WRONG, RIGHT), default=WRONG, required=True, key="nearest"
    )
    show_nearest(scored, threshold, wrong=kind == WRONG)
    show_slices(scored, threshold)


def show_nearest(scored: ScoredPairs, threshold: float, *, wrong: bool):
    """The nearest pairs of one person, then the nearest of different people."""
    for same in (True, False):
        accepted = same != wrong
        text = f"{'One person' if same else 'Different people'}, {'accepted' if accepted else 'refused'}"
        chosen = scored.nearest(threshold, same=same, accepted=accepted, count=SHOWN)
        st.markdown(f":{'red' if wrong else 'green'}-badge[{text}]" + ("" if len(chosen) else ": none"))
        show_pair_cards(scored, chosen, lambda pair: f"{scored.embedded.score_name} **{scored.scores[pair]:.3f}**")


def show_pair_cards(scored: ScoredPairs, chosen: np.ndarray, verdict):
    """Pairs as cards: both photos, what `verdict` says of the pair, names of the photos."""
    if not len(chosen):
        return
    listed = scored.listed
    pictures = scored.embedded.pictures(np.unique(listed.pairs[chosen]).tolist())
    cards = []
    for pair in chosen.tolist():
        photos = listed.pairs[pair].tolist()
        names = [listed.people.photo_name(photo) for photo in photos]
        text = f"{verdict(pair)}  \n:small[{_brief(names[0])}  \n{_brief(names[1])}]"
        cards.append(([pictures.get(photo) for photo in photos], " and ".join(names), text))
    show_face_cards(cards)


def show_slices(scored: ScoredPairs, threshold: float):
    """Both errors at the threshold where an attribute of the faces is low, middling and high."""
    found = scored.slices(threshold)
    if not found:
        return
    name = st.segmented_control(
        "Errors by", list(found), default=next(iter(found)), required=True, key=f"slice_{len(found)}"
    )
    show_chart(slices(found[name], name), key="slices", alt=f"Both errors by {name}, with their intervals")
    st.caption(
        "Of each pair the smaller or less sharp face counts, or the one turned further. Hollow: under 100 pairs."
    )


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


def _brief(name: str) -> str:
    """A photo's folder and file, or its file alone where that begins with the folder's name, as LFW's do."""
    folder, _, file = name.rpartition("/")
    return plain(file if file.startswith(folder) else name)


def _marks(rates: PairRates) -> dict[str, float]:
    """Thresholds with a meaning, for the buttons above the slider; it begins at the last one."""
    equal = rates.curve.thresholds[int(np.argmax(rates.curve.fmr >= rates.curve.fnmr))]
    asked = [(fmr, point.threshold) for fmr, point in rates.targets.items() if fmr <= 0.01]
    marks = {f"FMR {100 * fmr:g} %": threshold for fmr, threshold in reversed(asked)}
    marks["Both errors equal"] = float(equal)
    return marks | ({"As KerasFace decides": rates.shipped[MAIN].threshold} if rates.shipped else {})


def _counted(rate: CountedRate) -> str:
    return f"{rate.num_errors:,} of {rate.num_pairs:,}; 95 %: {share(rate.low, 2)} to {share(rate.high, 2)}."


def _odds(share: float, num_pairs: int) -> str:
    if share == 0:
        return f"None of so few does not mean never: up to 1 in {num_pairs / 3:,.0f} remains possible."
    return f"1 in {1 / share:,.0f} strangers gets in."
