"""The start of a training on the page Train: its name, the same as a command, and the button."""

import shlex
from pathlib import Path

import streamlit as st

from kerasface import runs
from kerasface.runs import DEFAULT_ROOT, RunError, check_name
from kerasface.train.background import find_training, start, training_command
from pages._photos import plain
from pages._train_recipe import Chosen, shown_path
from pages._train_shown import show

_ERROR = "train_start_error"


def show_start(data: Path, chosen: Chosen):
    """Asks for the name, shows the command, and starts it."""
    show_start_of(shown_path(data.absolute()), data.name, chosen.file, chosen.settings, key="new")


def show_start_of(data: Path, suggestion: str, file: Path | None, settings: dict, *, key: str, label: str = "Start"):
    """As `show_start`, for whatever is to be trained.

    Args:
        data: The folder.
        suggestion: A name; one that is free is made of it.
        file: The recipe.
        settings: Settings that go before it.
        key: Prefix of the widgets' keys.
        label: Of the button.
    """
    free = _free_name(suggestion)
    # Another suggestion is another field: what was typed is not taken along.
    name = st.text_input(
        "Name of the model", free, max_chars=80, key=f"{key}_name_{free}", persist_state="session"
    ).strip()
    problem = _problem(name)
    if problem:
        st.warning(plain(problem), icon=":material/badge:")
    elif (Path(DEFAULT_ROOT) / name).exists():
        st.caption(f"There is a model {plain(name)} already. It will be kept beside, as `.{plain(name)}.previous`.")
    command = training_command(data, name, recipe=file, settings=settings)
    with st.expander("The same as a command", icon=":material/terminal:"):
        st.code(shlex.join(command), language=None, wrap_lines=True)
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(problem),
        on_click=_start,
        args=(command, name),
        key=f"{key}_start",
    )
    if error := st.session_state.pop(_ERROR, None):
        st.error(plain(error), icon=":material/error:")


def _start(command: list[str], name: str):
    try:
        start(command, name)
    except RunError as error:
        st.session_state[_ERROR] = str(error)
        return
    show(name)


def _problem(name: str) -> str | None:
    """Why a training cannot have this name, in a sentence."""
    try:
        check_name(name)
        there = find_training(name)
    except RunError as error:
        return str(error)
    if there is not None and there.state not in ("finished", "failed"):
        return f"A training named {name} is there already. Choose another name."
    return None


def _free_name(suggestion: str) -> str:
    """The suggestion, or the first of `NAME-2`, `NAME-3`, ... that neither a model nor a training has."""
    taken = {summary.name for summary in runs.list_runs()}
    try:
        check_name(suggestion)
    except RunError:
        suggestion = "model"
    name, number = suggestion, 1
    while name in taken or _problem(name):
        number += 1
        name = f"{suggestion}-{number}"
    return name
