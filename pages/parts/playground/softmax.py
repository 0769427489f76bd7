"""Two topics of the playground: softmax with its loss, and what smoothed labels ask for."""

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.basics import best_gap, cross_entropy, gap_losses, smooth_labels
from kerasface.plotting.basics import gap_curves, pull_bars, share_bars
from pages.parts.charts import show_chart
from pages.parts.playground.numbers import written
from pages.parts.server.theme import ground_colour

SOFTMAX_CODE = """
from kerasface.inspection.teaching.basics import cross_entropy

found = cross_entropy([1.0, -2.0, 0.0], target=[1, 0, 0])
print(found.probabilities)  # 0.7054 0.0351 0.2595
print(found.loss, found.gradient)  # share minus target
"""
SMOOTHING_CODE = """
from kerasface.inspection.teaching.basics import best_gap, smooth_labels

print(smooth_labels(0, num_classes=3, alpha=0.1))  # 0.9333 0.0333 0.0333
print(best_gap(num_classes=3, alpha=0.1))  # ln 28 = 3.33
"""
LOGITS = (1.0, -2.0, 0.0)  # of the lecture: 0.70, 0.04, 0.26
CLASSES = ("class 1", "class 2", "class 3")
GAPS = np.linspace(0, 12, 241)
BARS = 210  # pixels: with two of them in sight a phone still shows the slider that moves them
# Where the columns stand below each other, the bars stay at the top while the sliders pass below.
CSS = """
@media (max-width: 640px) {{
  .st-key-bars_beside [data-testid="stColumn"]:first-child {{
    position: sticky; top: 3rem; z-index: 2; background: {ground};
  }}
}}
"""


def charts_and_controls(widths: Sequence[int]) -> list:
    """Columns of these widths, of which the first stays in sight on a phone: it is for what the sliders move."""
    st.html(f"<style>{CSS.format(ground=ground_colour())}</style>")
    with st.container(key="bars_beside"):
        return st.columns(widths, gap="medium")


def show_softmax():
    """Logits, their shares, the loss and its gradient."""
    st.markdown(
        "**Softmax** turns scores, the logits, into shares of 1; the loss is minus the logarithm of the true class's "
        "share. Its gradient is share minus target: training pulls the true logit up and pushes every other one down "
        "by just the share that it took."
    )
    charts, controls = charts_and_controls([5, 2])
    with controls:
        logits = [
            st.slider(f"Logit of {name}", -5.0, 5.0, value, 0.1, key=f"logit_{place}", persist_state="session")
            for place, (name, value) in enumerate(zip(CLASSES, LOGITS, strict=True))
        ]
        true = st.segmented_control(
            "True class", CLASSES, default=CLASSES[0], required=True, key="true_class", persist_state="session"
        )
        temperature = st.slider(
            "Temperature",
            *(0.1, 5.0, 1.0, 0.1),
            key="temperature",
            persist_state="session",
            help="The logits are divided by it: below 1 the largest takes more, above 1 the shares become alike.",
        )
    target = np.eye(len(CLASSES))[CLASSES.index(true)]
    found = cross_entropy(logits, target, temperature)
    share = found.probabilities @ target
    with charts, st.grid(2, min_column_width=220):  # on a phone one below the other: the numbers need the room
        with st.container():
            st.markdown("**Shares**")
            show_chart(
                share_bars(found.probabilities, CLASSES, beside=target).update_layout(height=BARS),
                key="shares",
                alt="The share of each class, and the target",
            )
        with st.container():
            st.markdown("**Gradient**" + ("" if temperature == 1 else f" :small[divided by {temperature:g}]"))
            show_chart(
                pull_bars(found.gradient, CLASSES).update_layout(height=BARS),
                key="pulls",
                alt="How the loss pulls at the logit of each class",
            )
    with controls:
        st.metric("Loss", f"{found.loss:.4f}", help="Cross-entropy in nats.", width="content", border=True)
        st.caption(
            f"\N{MINUS SIGN}ln {written(share)} = {found.loss:.4f}. The outline is the target; green is pulled up, "
            "orange pushed down."
        )


def show_smoothing():
    """A smoothed target, and the loss over the gap between the true logit and the others."""
    st.markdown(
        "**Label smoothing** takes a part $\\alpha$ of the true class's share and gives it to all classes alike. "
        "With hard labels the loss falls for ever, so training drives the logits apart without end; "
        "with smoothed ones it is least at one gap, and beyond it being surer costs."
    )
    bars, controls, curves = charts_and_controls([3, 2, 4])
    with controls:
        alpha = st.slider("Alpha: part given away", 0.0, 0.9, 0.1, 0.01, key="alpha", persist_state="session")
        num_classes = st.slider("K: the number of classes", 2, 20, 3, key="num_classes", persist_state="session")
    target = smooth_labels(0, num_classes, alpha)
    gap = best_gap(num_classes, alpha)
    with bars:
        st.markdown("**The target**")
        names = [str(number) for number in range(1, num_classes + 1)]
        show_chart(
            share_bars(target, names, beside=smooth_labels(0, num_classes, 0)).update_layout(height=BARS),
            key="target",
            alt="The smoothed label, class by class",
        )
        true, other = rf"$1 - \alpha + \alpha / K = {target[0]:.4f}$", rf"$\alpha / K = {target[1]:.4f}$"
        st.caption(f"True class, the first: {true}. Each other: {other}. The outline is the hard label.")
    with curves:
        st.markdown("**The loss over the gap**")
        losses = gap_losses(GAPS, num_classes, alpha)
        show_chart(
            gap_curves(GAPS, losses, gap_losses(GAPS, num_classes, 0), gap),
            key="gaps",
            alt="The loss against the gap between the logits, with smoothing and without",
        )
        if math.isinf(gap):
            st.caption("Without smoothing no gap is the best: a larger one always has a smaller loss.")
        else:
            least = rf"$\ln(1 + K (1 - \alpha) / \alpha) = {gap:.2f}$"
            st.caption(f"Least at a gap of {least}, where softmax gives just the target.")
