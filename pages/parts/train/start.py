"""The start of a training on the page Train: its name, the same as a command, and the button."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from kerasface.files.paths import shown_path
from kerasface.runs.store import DEFAULT_ROOT, RunError, check_name, list_runs
from kerasface.terminal.errors import told
from kerasface.train.process.background import find_training, start, training_command
from pages.parts.photos import plain
from pages.parts.settings import settings_in_words
from pages.parts.train.data import read_folder
from pages.parts.train.kinds import read_kind
from pages.parts.train.recipe import problem_of_given, read_choice
from pages.parts.train.shown import show

_ERROR = "train_start_error"


@dataclass(frozen=True)
class Wanted:
    """What is to be trained.

    Attributes:
        data: The folder.
        suggestion: A name; one that is free is made of it where none is typed.
        file: The recipe.
        settings: Settings that go before it.
        kind: Of training.
    """

    data: Path
    suggestion: str
    file: Path | None
    settings: dict
    kind: str = "classify"


def show_start():
    """Asks for the name, shows the command, and starts it."""
    show_start_of(_read_new, key="new")


def show_start_of(read: Callable[[], Wanted], *, key: str, label: str = "Start"):
    """As `show_start`, for whatever is to be trained.

    Args:
        read: Tells what that is; asked when the button is pressed, as a box may have changed with this very press.
        key: Prefix of the widgets' keys.
        label: Of the button.
    """
    wanted = read()
    free = _free_name(wanted.suggestion)
    typed = st.text_input(
        "Name of the model", max_chars=80, placeholder=free, key=f"{key}_name", persist_state="session"
    )
    name = typed.strip() or free
    # Nothing that comes and goes stands above the button, or it would move away under the pointer.
    st.button(
        label, type="primary", icon=":material/play_arrow:", on_click=_start, args=(read, key), key=f"{key}_start"
    )
    if not show_start_error():
        if problem := _problem(name):
            st.warning(plain(problem), icon=":material/badge:")
        else:
            st.caption(_place(name))
    with st.expander("The same as a command", icon=":material/terminal:"):
        st.code(shlex.join(_command(wanted, name)), language=None, wrap_lines=True)


def _place(name: str) -> str:
    """Where the model will be written, and what becomes of one that is there."""
    place = Path(DEFAULT_ROOT, name).absolute()
    kept = f" The model that is there will be kept as `.{plain(name)}.previous`." if place.exists() else ""
    return f"The model will be written to {plain(str(place))}.{kept}"


def show_start_error() -> bool:
    """Says why the last press of Start started nothing; returns whether there was one."""
    error = st.session_state.pop(_ERROR, None)
    if error:
        st.error(plain(error), icon=":material/error:")
    return bool(error)


def _read_new() -> Wanted:
    kind = read_kind()
    data, chosen = read_folder(kind), read_choice(kind)
    if problem := problem_of_given(kind, data, chosen.recipe):
        raise ValueError(problem)
    name = data.parent.name if data.name == "train" else data.stem if data.is_file() else data.name
    return Wanted(shown_path(data.absolute()), name, chosen.file, chosen.settings, kind.name)


def _command(wanted: Wanted, name: str) -> list[str]:
    return training_command(wanted.data, name, recipe=wanted.file, settings=wanted.settings, kind=wanted.kind)


def _start(read: Callable[[], Wanted], key: str):
    """Starts what the boxes show when the button is pressed."""
    try:
        wanted = read()
        name = st.session_state[f"{key}_name"].strip() or _free_name(wanted.suggestion)
        if problem := _problem(name):
            raise RunError(problem)
        start(_command(wanted, name), name)
    except (RunError, ValueError, OSError) as error:
        st.session_state[_ERROR] = settings_in_words(told(error))
        return
    st.session_state[f"{key}_name"] = ""
    show(name)


def _problem(name: str) -> str | None:
    """Why a training cannot have this name, in a sentence."""
    try:
        check_name(name)
        there = find_training(name)
    except RunError as error:
        return told(error)
    if there is not None and not there.can_be_replaced:
        return f"A training named {name} is there already. Choose another name."
    return None


def _free_name(suggestion: str) -> str:
    """The suggestion, or the first of `NAME-2`, `NAME-3`, ... that neither a model nor a training has."""
    taken = {summary.name for summary in list_runs()}
    try:
        check_name(suggestion)
    except RunError:
        suggestion = "model"
    name, number = suggestion, 1
    while name in taken or _problem(name):
        number += 1
        name = f"{suggestion}-{number}"
    return name
