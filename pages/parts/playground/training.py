"""A topic of the playground: a small network that is trained while one looks on."""

from dataclasses import asdict

import streamlit as st

from kerasface.plotting.basics import live_curves
from kerasface.terminal.errors import told
from kerasface.train.live.training import LiveTraining
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.playground.live.layers import choose_layers
from pages.parts.playground.live.settings import choose_data, choose_settings
from pages.parts.playground.live.shown import show_answers, show_filters, show_layers

SPEEDS = {"1 step": 1, "10 steps": 10, "As fast as it goes": 1000}
EVERY = 0.5  # seconds from one slice to the next
SLICE = 0.25  # seconds of it that may be trained: the rest draws, and leaves the page free to answer
MOST_STEPS = 20_000  # a page that was left open stops here
CODE = """
from kerasface.train.live.data import color_crops
from kerasface.train.live.stack import STACKS
from kerasface.train.live.training import LiveTraining

training = LiveTraining(color_crops(), STACKS["One convolution"], optimizer="Adam", learning_rate=0.003, flip=True)
for _ in range(3):
    point = training.advance(20)
    print(point.step, round(point.val_accuracy, 2))
"""


def show_live_training():
    """Settings, buttons, and below them what is drawn anew with every slice."""
    st.markdown(
        "**A network learns**, here and now: filters that begin as noise become strokes and edges, and pictures held "
        "out say whether it learns or memorises. Change the rate while it runs: too low it crawls, too high the loss "
        "jumps or breaks. Add layers, take them away, and see what they are good for."
    )
    data = choose_data()
    if data is None:
        return
    settings, rate = choose_settings(data)
    stack = choose_layers()
    try:
        training = _training(data, stack, settings, rate)
    except ValueError as error:
        _run(False)
        st.error(plain(told(error)), icon=":material/layers_clear:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _show_buttons(training)
        st.segmented_control(
            "Each half second", SPEEDS, default="10 steps", required=True, key="live_speed", persist_state="session"
        )
    running = st.session_state.get("live_running", False)
    st.fragment(_show_progress, run_every=EVERY if running else None)(training)


def _training(data, stack, settings: dict, rate: float) -> LiveTraining:
    """The visitor's training; another one where the settings are others. The rate is handed to it as it is set."""
    # Two folders may have as many pictures of the same classes; one that was read anew has the same sum.
    wanted = (data.classes, len(data.labels), float(data.images.sum()), stack, tuple(settings.items()))
    if st.session_state.get("live_settings") != wanted or "live_training" not in st.session_state:
        st.session_state.pop("live_training", None)  # what cannot be built leaves nothing of the last one
        with st.spinner("Building the network"):
            st.session_state["live_training"] = LiveTraining(data, stack, learning_rate=rate, **settings)
        st.session_state["live_settings"] = wanted
    training = st.session_state["live_training"]
    training.learning_rate = rate
    return training


def _show_buttons(training: LiveTraining):
    running = st.session_state.get("live_running", False)
    label = "Pause" if running else "Resume" if training.step else "Start"
    icon = ":material/pause:" if running else ":material/play_arrow:"
    over = training.diverged or training.step >= MOST_STEPS
    st.button(label, type="primary", icon=icon, on_click=_run, args=(not running,), disabled=over, key="live_run")
    st.button("Reset", icon=":material/restart_alt:", on_click=_reset, disabled=not training.step, key="live_reset")


def _run(running: bool):
    st.session_state["live_running"] = running


def _reset():
    _run(False)
    st.session_state.pop("live_training", None)


def _show_progress(training: LiveTraining):
    """A slice of training, and what came of it. Where the training ends by itself, the buttons must know."""
    if st.session_state.get("live_running"):
        steps = SPEEDS[st.session_state["live_speed"]]
        if training.step:
            training.advance(steps, seconds=SLICE)
        else:
            with st.spinner("Compiling the step"):
                training.advance(steps, seconds=SLICE)
        if training.diverged or training.step >= MOST_STEPS:
            _run(False)
            st.rerun()
    point = training.history[-1]
    if training.diverged:
        st.error(
            f"The training diverged at step {training.step} with a learning rate of {training.learning_rate:g}: "
            "its weights are no numbers any more. Reset it, and take a lower rate.",
            icon=":material/error:",
        )
    elif training.step >= MOST_STEPS:
        st.info(
            f"It stopped after {training.step:,} steps: there is nothing more to be seen. Reset it to begin anew.",
            icon=":material/flag:",
        )
    elif training.worse_than_guessing:
        st.warning(
            f"The loss is far above {training.guessing:.2f}, that of guessing: the learning rate is too high. Lower "
            "it; where the loss then stays there the filters answer to nothing any more, and only Reset helps.",
            icon=":material/trending_up:",
        )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        with st.container(horizontal=True):
            st.metric("Step", f"{training.step:,}", width="content")
            st.metric("Epoch", f"{training.step / training.steps_per_epoch:.1f}", width="content")
            st.metric("Weights", f"{training.num_weights:,}", width="content")
            st.metric("Loss, training", f"{point.loss:.3f}", width="content")
            st.metric("Accuracy, held out", f"{point.val_accuracy:.1%}".replace("%", " %"), width="content")
        show_chart(
            live_curves([asdict(point) for point in training.history], training.rates),
            key="live_curves",
            alt="Loss and accuracy so far, on the pictures to learn from and on those held out",
        )
    if not training.diverged:
        with right:
            show_filters(training)
            show_answers(training)
        show_layers(training)
