"""A topic of the playground: optimizers on a loss of two weights."""

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.experiments.descent import OPTIMIZERS, SURFACES, DescentPath, descend
from kerasface.plotting.teaching.paths import descent_figure
from pages.parts.charts import show_chart
from pages.parts.tables import show_table

CODE = """
from kerasface.inspection.teaching.experiments.descent import SURFACES, descend

valley = SURFACES["Narrow valley"]
for rate in (0.001, 0.1, 0.19, 0.25):
    path = descend(valley, "SGD", rate=rate, steps=100)
    print(rate, path.verdict, path.points[-1])
print(descend(valley, "Adam", rate=0.1).losses[-1])
"""
RATES = (0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.15, 0.19, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
VERDICTS = {
    "diverged": "diverges: each step is larger than the one before. The rate is too large",
    "arrived": "arrives",
    "stuck": "is stuck: the slope is nearly 0 there, but it is not the deepest place",
    "swings": "swings to and fro, or away: the rate is too large, or nearly so",
    "crawls": "crawls: not there yet. A larger rate or more steps",
}


def show_descent():
    """A surface, a rate and the paths of the optimizers that were chosen."""
    st.markdown(
        "**Gradient descent** goes downhill: against the slope, by the rate times its length. Too small a rate crawls, "
        "too large a one jumps over the valley and climbs its wall. Momentum keeps a part of the last step; Adam and "
        "Adadelta divide every weight's slope by how large it mostly is."
    )
    controls, picture = st.columns([2, 4], gap="large")
    keep = {"persist_state": "session"}
    with controls:
        name = st.selectbox("Loss", list(SURFACES), key="surface", **keep)
        chosen = st.pills(
            "Optimizers",
            list(OPTIMIZERS),
            selection_mode="multi",
            default=["SGD", "momentum"],
            key="descent_optimizers",
            wrap=True,
            **keep,
        )
        rate = st.select_slider("Learning rate", RATES, 0.1, format_func="{:g}".format, key="descent_rate", **keep)
        momentum = st.slider("Momentum", 0.0, 0.99, 0.9, 0.01, key="descent_momentum", **keep)
        steps = st.slider("Steps", 1, 300, 60, key="descent_steps", **keep)
    surface = SURFACES[name]
    axis = np.linspace(-surface.box, surface.box, 90)
    losses = surface.loss(np.stack(np.meshgrid(axis, axis), axis=-1))
    paths = {
        one: descend(surface, one, rate=rate, steps=steps, momentum=momentum) for one in OPTIMIZERS if one in chosen
    }
    with picture:
        told = "; ".join(f"{one} {VERDICTS[path.verdict]}" for one, path in paths.items()) or "no optimizer is chosen"
        show_chart(
            descent_figure(losses, axis, {one: path.points for one, path in paths.items()}),
            key="descent",
            alt=f"{name}, with the paths of {steps} steps at a rate of {rate:g}: {told}",
        )
        st.caption(surface.text)
    if not paths:
        st.info("Choose an optimizer to see its path.", icon=":material/route:")
        return
    show_table([_row(one, path) for one, path in paths.items()], "What became of each path")
    if rate < 0.3 and "Adadelta" in paths:
        st.caption("Adadelta finds its own step: its rate is mostly 1, and its first steps are tiny whatever the rate.")


def _row(name: str, path: DescentPath) -> dict:
    return {
        "optimizer": name,
        "at this rate": VERDICTS[path.verdict],
        "steps": len(path.points) - 1,
        "loss, start": f"{path.losses[0]:.3g}",
        "loss, end": f"{path.losses[-1]:.3g}",
    }
