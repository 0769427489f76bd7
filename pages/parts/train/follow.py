"""A training that runs or was left off, on the page Train: where it stands, what it sees, Stop and Resume."""

from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.inspection.layers.filters import filter_history
from kerasface.plotting.classification import confusion_heatmap
from kerasface.plotting.segmentation import data_url
from kerasface.runs.store import RunError, RunSummary
from kerasface.terminal.errors import told
from kerasface.train.engine.session import read_events
from kerasface.train.engine.snapshots import read_confusion, read_filters
from kerasface.train.process import background
from kerasface.train.process.background import Training, find_training, last_words
from kerasface.train.process.following import Standing, standing
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.train.check import in_words
from pages.parts.train.outcomes import show_curves
from pages.parts.train.shown import COLOURS, NEW, STATES, show

EVERY = 1.0  # seconds from one look at the log to the next
FILTER_SIDE = 24  # pixels
STARTING = "Starting Keras and TensorFlow"
STAGES = {
    "images": "Reading the pictures",
    "features": "Computing the frozen network's features, once",
    "head": "Training the head",
    "fine_tune": "Fine-tuning",
    "train": "Training",
}
_STOPPED = {
    False: "It was stopped before its first step: nothing was learned yet that a model could be written of. Start "
    "again begins it anew, with the same pictures and settings.",
    True: "It was stopped before what it had learned was judged: no model was written. Resume goes on from its last "
    "checkpoint.",
}
_ERROR = "train_follow_error"


def show_training(training: Training, model: RunSummary | None):
    """Follows a training; of one that ended it is told why, and what can be done.

    Args:
        training: The training.
        model: The model of its name, of an earlier training or of this one, as far as it came.
    """
    if training.alive:
        st.fragment(_follow, run_every=EVERY)(training.name)
    else:
        _show_ended(training, model)
    if error := st.session_state.pop(_ERROR, None):
        st.error(plain(error), icon=":material/error:")


def _follow(name: str):
    """Draws itself anew every second; when the training has ended, the page starts over."""
    training = find_training(name)
    if training is None or not training.alive:
        st.rerun()
    now = standing(_events(training.folder / "events.jsonl"))
    _show_state(training, now)
    _show_progress(training, now)
    if now.history:
        _show_learning(training, now)


def _show_state(training: Training, now: Standing):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(STATES[training.state], color=COLOURS[training.state])
        if training.data:
            st.markdown(f"on {plain(training.data)}", width="content")
    for sentence in now.warnings:
        st.warning(plain(sentence), icon=":material/warning:")


def _events(log: Path) -> list[dict]:
    """The events so far; what was read before is kept for the session, and read again where the log is another one."""
    try:
        facts = log.stat()
    except OSError:
        return []
    events, offset, file = st.session_state.get("train_log", ([], 0, None))
    if file != (str(log), facts.st_ino) or facts.st_size < offset:
        events, offset = [], 0
    more, offset = read_events(log, offset)
    events = [*events, *more]
    st.session_state["train_log"] = events, offset, (str(log), facts.st_ino)
    return events


def _show_progress(training: Training, now: Standing):
    share = now.done / now.total if now.total else 0.0
    if training.state == "stopping":
        text = "Stopping: it ends within seconds, with a model of what it has learned if judging that takes no longer"
    elif training.state == "starting":
        text = STARTING
    elif now.done >= now.total:
        text = "Judging what was learned" if now.history else "Getting ready to train"
    else:
        left = "" if now.seconds_left is None else f", {in_words(now.seconds_left)} left"
        text = f"{STAGES.get(now.stage, plain(str(now.stage)))}: {now.done:,} of {now.total:,}{left}"
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            st.progress(min(share, 1.0), text=text)
        stopping = training.state == "stopping"
        st.button(
            "Stopping" if stopping else "Stop",
            icon=":material/stop:",
            help="Ends within seconds, with a usable model where judging it takes no longer; Resume goes on with it.",
            disabled=stopping,
            on_click=_act,
            args=(background.stop, training.name),
            key="train_stop",
        )


def _show_learning(training: Training, now: Standing):
    last, judged = now.history[-1], [row for row in now.history if row.get("val_loss") is not None]
    with st.container(horizontal=True):
        if now.epochs:
            st.metric("Epoch", f"{now.epoch} of {now.epochs}", width="content")
        for label, value, form in (
            ("Loss, training", last.get("loss"), "{:.3f}"),
            ("Accuracy, training", last.get("accuracy"), "{:.1%}"),
            ("Accuracy, held out", judged[-1].get("val_accuracy") if judged else None, "{:.1%}"),
            ("Mean IoU, held out", judged[-1].get("val_mean_iou") if judged else None, "{:.1%}"),
            ("Images/s", now.images_per_second, "{:,.0f}"),
            ("Memory", now.memory_mib, "{:,.0f} MiB"),
        ):
            if value is not None:
                st.metric(label, form.format(value).replace("%", " %"), width="content")
    left, right = st.columns([3, 2], gap="medium")
    with left:
        show_curves(list(now.history), key="train_curves")
    with right:
        show_filters(training.folder)
        if (confusion := read_confusion(training.folder)) is not None:
            names, matrix = confusion
            st.markdown("**Who is taken for whom so far**, of the pictures held out")
            show_confusion(names, matrix, height=380, key="train_confusion")


def show_confusion(names: list[str], matrix: np.ndarray, *, height: int, key: str):
    """How often each class got each name; the numbers read on every cell in both themes."""
    figure = confusion_heatmap(matrix, names).update_layout(height=height)
    show_chart(figure, key=key, alt="How often each class got each name; how often the right one, on the diagonal")


def show_filters(folder: Path):
    """The first layer before the training and as it is; nothing where it is not trained."""
    shots = read_filters(folder)
    if shots is None:
        return
    pictures = filter_history([shots.weights[0], shots.weights[-1]], side=FILTER_SIDE)
    titles = ("Filters at the start", f"after {shots.epochs[-1]} epochs")
    with st.container(horizontal=True):
        for title, picture in zip(titles, pictures, strict=True):
            # As addresses: pictures of a fragment would stay in the server's memory until the page is left.
            st.image(data_url(picture, lossless=True), caption=title, alt=title)


def _show_ended(training: Training, model: RunSummary | None):
    """Why a training ended before it was over, in words, and the ways on."""
    now = standing(_events(training.folder / "events.jsonl"))
    _show_state(training, now)
    words = last_words(training.name)
    if training.state == "failed":
        st.error("The training ended without a model.", icon=":material/error:")
    elif now.ended is not None and model is not None:
        st.info("It was stopped; the model below is as far as it came.", icon=":material/pause:")
        words = ""  # of a training that went as it was asked to
    elif training.state == "stopped":
        st.info(_STOPPED[training.has_learned], icon=":material/pause:")
        words = ""
    else:
        st.warning(
            "It ended before its end: it failed, it was killed, or the machine went down. "
            + ("Resume goes on from its last checkpoint." if training.has_learned else "Start again begins it anew."),
            icon=":material/power_off:",
        )
    if words:
        st.markdown("What it said last:")
        st.code(words, language=None, wrap_lines=True)
    with st.container(horizontal=True):
        if training.state in ("stopped", "interrupted"):
            st.button(
                "Resume" if training.has_learned else "Start again",
                type="primary",
                icon=":material/play_arrow:",
                on_click=_act,
                args=(background.resume, training.name),
                key="train_resume",
            )
        sure = st.popover("Discard", icon=":material/delete:")
        sure.markdown("Deletes log and checkpoint of this training. A model that came of it stays.")
        sure.button("Discard it", on_click=_discard, args=(training.name, model), key="train_discard")
    if now.history and model is None:  # else the model has them
        _show_learning(training, now)


def _act(what, name: str):
    try:
        what(name)
    except RunError as error:
        st.session_state[_ERROR] = told(error)


def _discard(name: str, model: RunSummary | None):
    _act(background.discard, name)
    if model is None:
        show(NEW)
