"""Which training the page Train shows: a new one, one that runs or was left off, or a model that came of one."""

from collections.abc import Mapping, Sequence

import streamlit as st

from kerasface.runs.store import RunSummary
from kerasface.train.process.background import Training
from pages.parts.photos import plain

NEW = ""  # no run is named like that
_PARAMETER = "training"  # in the address
_KEY = "train_shown"
STATES = {
    "starting": "starting",
    "running": "running",
    "stopping": "stopping",
    "stopped": "stopped",
    "interrupted": "left off",
    "failed": "failed",
}
COLOURS = {
    "starting": "blue",
    "running": "green",
    "stopping": "orange",
    "stopped": "gray",
    "interrupted": "orange",
    "failed": "red",
}


def choose_training(trainings: Mapping[str, Training], models: Sequence[RunSummary]) -> str:
    """Asks what is shown, and keeps the address the same; returns `NEW` or a name, which need not be there any more."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = st.query_params.get(_PARAMETER, NEW)
    shown = st.session_state[_KEY]
    names = list(dict.fromkeys([NEW, *trainings, *(model.name for model in models)]))
    if shown not in names:
        names.append(shown)  # it was there when the address was made: the page says so
    there = {model.name for model in models}

    def label(name: str) -> str:
        if name == NEW:
            return "A new training"
        if name not in trainings:
            return f"{name} ({'model' if name in there else 'gone'})"
        # Those that run go from state to state while the page stands still.
        return f"{name} ({'running' if trainings[name].alive else STATES[trainings[name].state]})"

    if len(names) > 1:
        st.session_state["train_choice"] = shown
        st.selectbox("Show", names, format_func=label, key="train_choice", on_change=_choose)
        show_running([training for training in trainings.values() if training.alive and training.name != shown])
    if shown == NEW:
        st.query_params.pop(_PARAMETER, None)
    elif st.query_params.get(_PARAMETER) != shown:
        st.query_params[_PARAMETER] = shown
    return shown


def show_running(others: Sequence[Training]):
    """Names the trainings that run and are not shown, each a click away."""
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("Running now:", width="content")
        for training in others:
            st.button(plain(training.name), on_click=show, args=(training.name,), key=f"show_{training.name}")


def show(name: str):
    """Lets the next run of the page show another training."""
    st.session_state[_KEY] = name


def _choose():
    show(st.session_state["train_choice"])
