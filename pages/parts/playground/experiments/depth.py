"""A topic of the playground: what depth does to activations, gradients and training."""

import time

import numpy as np
import streamlit as st

from kerasface.inspection.teaching.experiments.depth import (
    DEPTHS,
    KINDS,
    RATE,
    STEPS,
    DepthRun,
    Signals,
    design_of,
    last_signals,
    measure_signals,
    train_at_depth,
)
from kerasface.inspection.teaching.experiments.small_networks import SmallNetwork
from kerasface.plotting.style import percent
from kerasface.plotting.teaching.curves import line_curves
from pages.parts.charts import show_chart
from pages.parts.inspect.work import Report, work
from pages.parts.tables import show_table

CODE = """
from kerasface.inspection.teaching.experiments.depth import KINDS, design_of, measure_signals, train_at_depth
from kerasface.inspection.teaching.experiments.small_networks import SmallNetwork

for kind in KINDS:
    signals = measure_signals(SmallNetwork(design_of(kind, depth=40)))
    print(kind, "variance", signals.variances[[0, -1]], "gradient", signals.gradients[[0, -1]])
run = train_at_depth("residual", depth=4, steps=20)
print(run.losses[-1], run.accuracy)
"""
TEXTS = {
    "plain, small weights": "Weights that are too small: each layer makes the numbers smaller, and soon nothing is "
    "left.",
    "plain, He": "He's: weights of a deviation of √(2 / inputs) keep the variance through ReLU, on average.",
    "BatchNorm": "Sums are normalized in each layer: activations keep their size at any depth.",
    "residual": "With a shortcut around every two layers: the gradient has a way back on which nothing is multiplied.",
}
REDRAW = 0.7  # seconds between two pictures of a network that learns
LEAST = 1e-30  # below it a logarithmic axis would only show rounding


@st.cache_data(show_spinner=False)
def _signals(kind: str, depth: int, seed: int) -> Signals:
    return measure_signals(SmallNetwork(design_of(kind, depth), seed))


def show_depth():
    """Signals of untrained networks at once; trainings at three depths when asked for."""
    st.markdown(
        "**Depth** multiplies: what a layer does to the size of the numbers, forty layers do forty times. If the "
        "variance of the activations or the gradient fades or explodes, the first layers learn nothing. Plain "
        "networks fail beyond some 15 to 30 layers; shortcuts made 152 possible."
    )
    chosen = st.pills(
        "Networks",
        list(KINDS),
        selection_mode="multi",
        default=list(KINDS),
        key="depth_kinds",
        persist_state="session",
        wrap=True,
    )
    chosen = [kind for kind in KINDS if kind in chosen]
    if not chosen:
        st.info("Choose at least one kind of network.", icon=":material/layers:")
        return
    _show_signals(chosen)
    st.markdown("  \n".join(f"**{kind}**: {TEXTS[kind]}" for kind in chosen))
    st.divider()
    _show_trainings(chosen)


@st.fragment
def _show_signals(chosen: list[str]):
    """Of networks that have learned nothing. A fragment: another depth draws these two charts alone."""
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        depth = st.select_slider(
            "Layers", (5, 10, 15, 20, 30, 40, 60), 40, key="depth", persist_state="session", width=240
        )
        seed = st.number_input("Draw of the weights", 0, 99, 0, key="depth_seed", persist_state="session", width=160)
    signals = {kind: _signals(kind, depth, seed) for kind in chosen}
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Forward**: variance of each layer's activations, before any training")
        _show_signal("variance", {kind: found.variances for kind, found in signals.items()})
    with right:
        st.markdown("**Back**: size of the gradient at each layer")
        _show_signal("gradient", {kind: found.gradients for kind, found in signals.items()})


def _show_signal(name: str, values: dict[str, np.ndarray]):
    lines = {kind: (np.arange(1, len(of) + 1), np.where(of > LEAST, of, np.nan)) for kind, of in values.items()}
    told = "; ".join(f"{kind}: {of[0]:.2g} at the first layer, {of[-1]:.2g} at the last" for kind, of in values.items())
    show_chart(line_curves(lines, axes=("layer", name), log=True), key=f"depth_{name}", alt=told)


def _show_trainings(chosen: list[str]):
    st.subheader("What training makes of it")
    st.markdown(
        f"{STEPS} steps on handwritten digits, with momentum and a rate of {RATE:g}, at "
        f"{', '.join(map(str, DEPTHS))} layers. Dense layers of 64 units stand for convolutions: they multiply as "
        "those do, and forty of them take seconds. In the zoo it is `resnet34` that has these shortcuts."
    )
    jobs = [(kind, depth) for kind in chosen for depth in DEPTHS]

    def train(report: Report) -> dict[tuple[str, int], DepthRun]:
        found, live = {}, _Live(jobs, report)
        for kind, depth in jobs:
            found[kind, depth] = train_at_depth(kind, depth, on_step=live.step)
            live.done += 1
        live.place.empty()
        return found

    text = f"Training {len(jobs)} networks: about half a minute for all twelve"
    label = f"Train these {len(jobs)} networks"
    found = work(("depth", *chosen), text, len(jobs) * STEPS, train, button=label)
    if found is None:
        return
    rows = [
        {
            "network": kind,
            **{f"{depth} layers": _outcome(found[kind, depth]) for depth in DEPTHS},
        }
        for kind in chosen
    ]
    show_table(rows, "Digits held out that are read rightly, by kind and depth")
    st.caption("Held-out digits read rightly; guessing gives 10 %.")
    for column, depth in zip(st.columns(len(DEPTHS), gap="medium"), DEPTHS, strict=True):
        with column:
            st.markdown(f"**{depth} layers**")
            lines = {kind: _smooth(found[kind, depth].losses) for kind in chosen}
            told = "; ".join(f"{kind} ends at {values[1][-1]:.2f}" for kind, values in lines.items() if len(values[1]))
            figure = line_curves(lines, axes=("step", "loss"), height=320)
            show_chart(figure.update_yaxes(range=[0, 3]), key=f"depth_losses_{depth}", alt=f"Losses: {told}")


class _Live:
    """The signals of the network that is being trained, drawn again and again while it learns."""

    def __init__(self, jobs: list[tuple[str, int]], report: Report):
        self.jobs, self.report, self.done, self.drawn = jobs, report, 0, 0.0
        self.place = st.empty()

    def step(self, steps: int, network: SmallNetwork):
        self.report(self.done * STEPS + steps)
        if time.monotonic() - self.drawn < REDRAW:
            return
        self.drawn = time.monotonic()
        kind, depth = self.jobs[self.done]
        signals = last_signals(network)
        lines = {"variance of the activations": signals.variances, "size of the gradient": signals.gradients}
        lines = {name: (np.arange(1, len(of) + 1), np.where(of > LEAST, of, np.nan)) for name, of in lines.items()}
        with self.place.container():
            st.markdown(f"**{kind}, {depth} layers**, step {steps}")
            alt = f"Variance and gradient of each layer of the network {kind} with {depth} layers, as it learns"
            show_chart(line_curves(lines, axes=("layer", ""), log=True), key=f"live_{self.done}_{steps}", alt=alt)


def _outcome(run: DepthRun) -> str:
    return "diverged" if run.after is None else percent(run.accuracy)


def _smooth(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of ten steps each."""
    groups = np.array_split(losses, max(len(losses) // 10, 1)) if len(losses) else []
    return np.arange(1, len(groups) + 1) * 10, np.array([group.mean() for group in groups])
