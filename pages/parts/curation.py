"""What to do with a picture of a folder of classes, for the next training: a box for each, and the list of them."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from kerasface.data.curation import Decision, curation_file, decide, read_curation, undo
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.photos import plain

KEEP, LEAVE_OUT = "as it is", "leave out"
_ERROR = "curation_error"


def show_decision(source: Path, file: str, names: Sequence[str], key: str):
    """A box: as it is, leave out, or another class.

    Args:
        source: The folder of classes, or the listing.
        file: The picture, relative to the folder, with slashes.
        names: Classes that it may belong to.
        key: Of the box.
    """
    options = [KEEP, LEAVE_OUT, *(f"is {name}" for name in names)]
    words = {one.file: LEAVE_OUT if one.label is None else f"is {one.label}" for one in decisions_on(source)}
    chosen = words.get(file, KEEP)  # the list may have changed elsewhere
    st.session_state[key] = chosen if chosen in options else KEEP
    st.selectbox(
        "What to do", options, key=key, label_visibility="collapsed", on_change=_decide, args=(source, file, key)
    )


def decisions_on(source: Path) -> tuple[Decision, ...]:
    """The list of a folder; empty, with a sentence later, where it cannot be read."""
    path = curation_file(source)
    try:
        return read_curation(path) if path.exists() else ()
    except ValueError as error:
        st.session_state[_ERROR] = told(error)
        return ()


def show_decisions(source: Path) -> bool:
    """What was decided about a folder, each with a way back; returns whether there is anything."""
    decisions = decisions_on(source)
    if error := st.session_state.pop(_ERROR, None):
        st.error(plain(error), icon=":material/error:")
    if not decisions:
        st.caption("Pictures that you leave out or rename are noted in a list; the photos themselves stay as they are.")
        return False
    with st.expander(
        counted(len(decisions), "picture is left out or renamed", "pictures are left out or renamed"),
        expanded=len(decisions) <= 8,
    ):
        st.caption(f"The list is {plain(str(curation_file(source)))}; the photos themselves stay as they are.")
        for one in reversed(decisions):
            with st.container(horizontal=True, vertical_alignment="center"):
                what = "is left out" if one.label is None else f"belongs to {plain(one.label)}"
                st.markdown(f"{plain(one.file)} {what}", width="stretch")
                key = f"train_undo_{one.file}"
                st.button("Undo", icon=":material/undo:", on_click=_undo, args=(source, one.file), key=key)
    return True


def _decide(source: Path, file: str, key: str):
    chosen, path = st.session_state[key], curation_file(source)
    try:
        if chosen == KEEP:
            undo(path, file)
        else:
            decide(path, file, None if chosen == LEAVE_OUT else chosen.removeprefix("is "))
    except ValueError as error:
        st.session_state[_ERROR] = told(error)


def _undo(source: Path, file: str):
    try:
        undo(curation_file(source), file)
    except ValueError as error:
        st.session_state[_ERROR] = told(error)
