"""The verdict on two photos in words, what it stands on, and what was compared."""

import streamlit as st

from kerasface.faces.rates.operating_points import OperatingPoint
from kerasface.plotting.decisions import score_scale
from kerasface.plotting.style import percent
from kerasface.tasks.verification import Verification
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.tables import show_table

HEADLINES = {
    "match": ":green[:material/check_circle:] Match: the same person",
    "no_match": ":red[:material/cancel:] No match: not shown to be the same person",
    "ambiguous": ":orange[:material/help:] Ambiguous: no decision",
    "low_quality": ":orange[:material/blur_on:] Photo quality too low: no decision",
    "no_face": ":orange[:material/face_retouching_off:] No face found: no decision",
    "not_calibrated": ":orange[:material/straighten:] A score, and no decision: no error rates were measured",
}
RATES = {0.01: "1 in 100", 0.001: "1 in 1,000"}


def choose_samples():
    st.session_state["a_source"] = st.session_state["b_source"] = "Sample"


def show_question():
    st.title("Are two photos of the same person?")
    st.markdown("Choose photo A and photo B. They are compared on this machine and are not stored.")
    st.button(
        "Try the sample", icon=":material/science:", on_click=choose_samples, help="One portrait, two cuts of it."
    )


def error_rate_sentence(result: Verification) -> str:
    """What the threshold means, with the data behind it."""
    point = result.operating_point
    main = point.main
    return (
        f"Asked for: at most **{RATES[result.fmr]}** pairs of different people accepted by mistake. "
        f"{plain(measured_sentence(point))} Of the pairs of one person "
        f"{'not known how many' if main.fnmr is None else _percent(main.fnmr)} are refused. Measured on "
        f"{main.num_impostor:,} pairs of different people and {main.num_genuine:,} of one person "
        f"({plain(main.description)}), and on {len(point.populations) - 1} other groups."
    )


def measured_sentence(point: OperatingPoint) -> str:
    """The rate measured where most is known, and where it is highest."""
    told = [point.main] + [point.worst] * (point.worst is not point.main)
    rates = ", ".join(
        f"{_percent(one.fmr)} (95 % interval {_percent(one.fmr_low)} to {_percent(one.fmr_high)}) "
        f"on {one.num_people:,} {one.description}"
        for one in told
    )
    return f"Measured: {rates}."


def show_populations(point: OperatingPoint):
    """Every group of people that the threshold was measured on."""
    rows = [
        {
            "group": f"{one.name}: {one.description}",
            "people": one.num_people,
            "strangers who match (95 % interval)": f"{_percent(one.fmr)} ({_percent(one.fmr_low)} to "
            f"{_percent(one.fmr_high)})",
            "one person refused": "not known" if one.fnmr is None else _percent(one.fnmr),
        }
        for one in point.populations
    ]
    show_table(rows, "Error rates at this threshold in each group of people")
    st.caption(
        "A threshold is one at which no more match than asked for in the first three, and twice that in the others."
    )


def probability_sentence(result: Verification) -> str:
    """How probable it is that both photos show one person, and how far that can be believed."""
    if result.probability is None:
        return "The score is not calibrated: there is no probability to tell."
    calibration = result.calibration
    return (
        f"If every second pair asked about shows one person, this one does with a probability of "
        f"**{percent(result.probability)}** (calibration error {_percent(calibration.ece)}, measured on "
        f"{plain(calibration.data)})."
    )


def _percent(rate: float) -> str:
    return f"{100 * rate:.2g} %"


def show_verdict(result: Verification):
    st.title(HEADLINES[result.decision])
    st.markdown(plain(result.reason))
    if result.decision in ("match", "no_match"):  # elsewhere a score decides nothing, and would look as if it did
        show_chart(
            score_scale(result.normalized_score, result.threshold),
            key="scale",
            alt=f"A scale with the score {result.normalized_score:.2f} and the threshold {result.threshold:.2f}",
        )
        st.markdown(error_rate_sentence(result))
        st.markdown(probability_sentence(result))
        with st.expander("On whom this was measured"):
            show_populations(result.operating_point)


def show_evidence(result: Verification):
    """The aligned crops that were compared, side by side at every width, and what the comparison cost."""
    chosen = [face for face in result.faces if face.chosen]
    if chosen:
        st.subheader("What was compared")
        with st.container(horizontal=True):
            for face in chosen:
                st.image(
                    face.crop, caption=f"{face.image}, aligned", width=150, alt=f"The face of {face.image}, aligned"
                )
    used = f"{result.embedder}, {result.seconds * 1000:.0f} ms on {result.device}, {result.precision}"
    st.caption(plain(used))
