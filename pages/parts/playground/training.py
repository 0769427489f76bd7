"""A topic of the playground: a small network that is trained while one looks on."""

from dataclasses import asdict

import streamlit as st

from kerasface.data.samples import draw_digit
from kerasface.inspection.layers.filters import filter_history
from kerasface.plotting.basics import live_curves
from kerasface.plotting.segmentation import data_url
from kerasface.train.live import OPTIMIZERS, LiveTraining
from pages.parts.charts import show_chart

RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0)
BATCH_SIZES = (1, 8, 32, 128, 512)
FILTERS = (1, 4, 9, 16, 25)  # squares: they are drawn in rows and columns
SPEEDS = {"1 step": 1, "10 steps": 10, "As fast as it goes": 1000}
EVERY = 0.5  # seconds from one slice to the next
SLICE = 0.25  # seconds of it that may be trained: the rest draws, and leaves the page free to answer
MOST_STEPS = 20_000  # a page that was left open stops here
FILTER_SIDE = 44  # pixels


@st.cache_data(show_spinner=False, max_entries=100)  # else each slice would read the 1,797 digits ten times
def _digit(index: int) -> str:
    return data_url(draw_digit(index), lossless=True)


def show_live_training():
    """Settings, buttons, and below them what is drawn anew with every slice."""
    st.markdown(
        "**A network learns** to read 1,797 digits of 8 x 8 pixels, here and now: filters that begin as noise become "
        "strokes and edges, and the held-out digits tell whether it learns or memorises. "
        "Change the learning rate while it runs: too low it crawls, too high the loss jumps or breaks."
    )
    training = _training()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _show_buttons(training)
        st.segmented_control(
            "Each half second", SPEEDS, default="10 steps", required=True, key="live_speed", persist_state="session"
        )
    running = st.session_state.get("live_running", False)
    st.fragment(_show_progress, run_every=EVERY if running else None)(training)


def _training() -> LiveTraining:
    """The visitor's training; another one where the settings are others. The rate is handed to it as it is set."""
    rates, optimizers, batches, widths = st.columns([4, 3, 3, 3], gap="medium")
    keep = {"persist_state": "session"}
    rate = rates.select_slider(
        "Learning rate, also while it runs", RATES, 0.03, format_func="{:g}".format, key="live_rate", **keep
    )
    optimizer = optimizers.selectbox("Optimizer", OPTIMIZERS, key="live_optimizer", **keep)
    batch_size = batches.select_slider("Batch size", BATCH_SIZES, 32, key="live_batch", **keep)
    filters = widths.select_slider("Filters", FILTERS, 9, key="live_filters", **keep)
    settings = {"optimizer": optimizer, "batch_size": batch_size, "filters": filters}
    if st.session_state.get("live_settings") != settings or "live_training" not in st.session_state:
        with st.spinner("Building the network"):
            st.session_state["live_training"] = LiveTraining(learning_rate=rate, **settings)
        st.session_state["live_settings"] = settings
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
            "The loss is far above 2.30, that of guessing: the learning rate is too high. Lower it; where the loss "
            "then stays at 2.30 the filters answer to nothing any more, and only Reset helps.",
            icon=":material/trending_up:",
        )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        with st.container(horizontal=True):
            st.metric("Step", f"{training.step:,}", width="content")
            st.metric("Epoch", f"{training.step / training.steps_per_epoch:.1f}", width="content")
            st.metric("Loss, training", f"{point.loss:.3f}", width="content")
            st.metric("Accuracy, held out", f"{point.val_accuracy:.1%}".replace("%", " %"), width="content")
        show_chart(
            live_curves([asdict(point) for point in training.history], training.rates),
            key="live_curves",
            alt="Loss and accuracy so far, on the digits to learn from and on those held out",
        )
    if not training.diverged:
        with right:
            _show_filters(training)
            _show_answers(training)


def _show_filters(training: LiveTraining):
    pictures = filter_history([training.first_filters, training.filters], side=FILTER_SIDE)
    with st.container(horizontal=True):
        for title, picture in zip(("Filters at the start", "Filters now"), pictures, strict=True):
            # As addresses: pictures of a fragment would stay in the server's memory until the page is left.
            st.image(data_url(picture, lossless=True), caption=title, alt=title)


def _show_answers(training: LiveTraining):
    st.markdown("**Held-out digits and the answers to them**")
    with st.container(horizontal=True):
        for name, (index, shares) in enumerate(zip(training.shown, training.probabilities, strict=True)):
            answer = int(shares.argmax())
            mark = ":green[:material/check:]" if answer == name else ":red[:material/close:]"
            with st.container(width=56, gap=None):
                st.image(_digit(int(index)), width=48, alt=f"A handwritten {name}")
                st.markdown(f"{mark} **{answer}**  \n:small[{shares[answer]:.0%}]".replace("%", " %"))
