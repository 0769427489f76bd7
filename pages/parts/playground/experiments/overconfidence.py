"""A topic of the playground: a real classifier that is too sure of itself, and what label smoothing does to that."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.experiments.overconfidence import Confidence, train_confidence
from kerasface.plotting.classification import reliability_diagram
from kerasface.plotting.style import percent
from pages.parts.charts import show_chart

CODE = """
from kerasface.inspection.teaching.experiments.overconfidence import train_confidence

for alpha in (0.0, 0.03, 0.1):
    found = train_confidence(alpha, per_class=10, noise=0.5)
    print(alpha, f"right {found.accuracy:.1%}, sure {found.confidence:.1%}, ECE {found.calibration.ece:.1%}")
"""
ALPHAS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5)


@st.cache_data(show_spinner="Training two classifiers", max_entries=200)
def _trained(alpha: float, per_class: int, noise: float) -> Confidence:
    return train_confidence(alpha, per_class=per_class, noise=noise)


def show_overconfidence():
    """Hard labels beside smoothed ones: how sure, how often right, and the reliability of both."""
    st.markdown(
        "**Overconfidence**: trained until it knows its digits by heart, a network is surer of new ones than it is "
        "often right. Hard labels pull the logits apart without end; **smoothed** ones stop at a gap. Too much "
        "smoothing makes it less sure than it could be: look for the place where both agree."
    )
    controls, _ = st.columns([3, 1])
    with controls, st.container(horizontal=True, gap="medium"):
        keep = {"persist_state": "session", "width": 260}
        alpha = st.select_slider("Alpha of the smoothing", ALPHAS, 0.1, key="over_alpha", **keep)
        per_class = st.select_slider("Digits of each class to learn from", (3, 5, 10, 20, 50), 10, key="over_n", **keep)
        noise = st.slider("Noise on the new digits", 0.0, 1.5, 0.5, 0.1, key="over_noise", **keep)
    found = {
        "Hard labels": _trained(0.0, per_class, noise),
        f"Smoothed, alpha {alpha:g}": _trained(alpha, per_class, noise),
    }
    for column, (name, one) in zip(st.columns(2, gap="large"), found.items(), strict=True):
        with column:
            st.markdown(f"**{name}**")
            with st.container(horizontal=True):
                st.metric("Right", percent(one.accuracy), width="content")
                st.metric("Sure", percent(one.confidence), width="content", help="Mean probability of its answers.")
                st.metric("Calibration error", percent(one.calibration.ece), width="content", help="ECE over 15 bins.")
                st.metric("Logit gap", f"{one.gap:.1f}", width="content", help="Of the answer above the others' mean.")
            st.caption(_told(one))
    told = "; ".join(
        f"{name}: sure {percent(one.confidence)}, right {percent(one.accuracy)}" for name, one in found.items()
    )
    calibrations = [one.calibration for one in found.values()]
    show_chart(
        reliability_diagram(*calibrations, names=tuple(found)),
        key="over_reliability",
        alt=f"Confidence against accuracy, bin by bin. {told}",
    )
    st.caption("Below the diagonal a classifier is too sure, above it too modest.")


def _told(one: Confidence) -> str:
    over = one.confidence - one.accuracy
    wrong = one.probabilities.argmax(axis=1) != one.labels
    loud = float((one.probabilities.max(axis=1)[wrong] > 0.9).mean()) if wrong.any() else 0.0
    if abs(over) < 0.02:
        text = "It is about as sure as it is right."
    elif over > 0:
        text = f"It is **overconfident** by {np.rint(100 * over):.0f} points."
    else:
        text = f"It is surer than it says: {np.rint(-100 * over):.0f} points too modest."
    return f"{text} Of its wrong answers {percent(loud)} came with more than 90 %."
