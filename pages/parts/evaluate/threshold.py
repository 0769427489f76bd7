"""Evaluate, pairs: a threshold to move, what it costs, and the pairs about it."""

import numpy as np
import streamlit as st

from kerasface.evaluation.slices import CountedRate
from kerasface.plotting.error_rates import score_histogram, slices
from kerasface.population.judging import MAIN
from kerasface.tasks.measuring.pairs import ScoredPairs
from kerasface.tasks.measuring.rates import PairRates
from kerasface.terminal.words import share
from pages.parts.charts import show_chart
from pages.parts.evaluate.shown import show_face_cards
from pages.parts.photos import plain

SHOWN = 4  # pairs of a kind
WRONG, RIGHT = "Judged wrongly", "Judged rightly"


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
