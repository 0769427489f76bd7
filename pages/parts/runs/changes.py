"""The page Runs: models are renamed and deleted, and brought back."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from kerasface.files.replacement import kept_of
from kerasface.runs.store import DEFAULT_ROOT, RunError, RunSummary
from kerasface.tasks.embedders.folders import uses_of
from kerasface.terminal.errors import told
from kerasface.train.process.changes import comes_along, delete_run, rename_run, restore_run
from pages.parts.photos import plain

_ERROR, _DONE, _DELETED, _CHOSEN = "runs_error", "runs_done", "runs_deleted", "runs_changed"


def show_done():
    """Says what the last press did, and offers a way back from a deletion."""
    if error := st.session_state.pop(_ERROR, None):
        st.error(plain(error), icon=":material/error:")
    for text in st.session_state.pop(_DONE, ()):
        st.success(plain(text), icon=":material/check:")
    name = st.session_state.get(_DELETED)
    if name is not None and kept_of(Path(DEFAULT_ROOT, name)) is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"{plain(name)} was deleted; it is still kept.", width="content")
            st.button("Bring it back", icon=":material/undo:", on_click=_act, args=(_restore, name), key="runs_undo")


def show_changes(summaries: Sequence[RunSummary]):
    """Which model, and what is to be done with it; those that come with KerasFace stay as they are."""
    names = [summary.name for summary in summaries if not comes_along(summary)]
    if not names:
        return
    st.subheader("Rename or delete")
    if st.session_state.get(_CHOSEN) not in names:
        st.session_state[_CHOSEN] = names[0]  # the one before it is gone
    name = st.selectbox("Model", names, key=_CHOSEN)
    card = next(summary.card for summary in summaries if summary.name == name)
    with st.container(horizontal=True):
        with st.popover("Rename", icon=":material/edit:"):
            st.text_input("New name", max_chars=80, key="runs_new_name")
            st.button("Rename it", on_click=_act, args=(_rename, name), key="runs_rename")
        with st.popover("Delete", icon=":material/delete:"):
            for use in uses_of(name, card) if card else ():
                st.warning(plain(use), icon=":material/warning:")
            st.markdown(f"{plain(name)} is taken away, and kept until another model of its name is.")
            st.button("Delete it", on_click=_act, args=(_delete, name), key="runs_delete")


def _act(what: Callable[[str], None], name: str):
    """Does what a button is for before the page is drawn; what went wrong is shown by it."""
    try:
        what(name)
    except (RunError, OSError) as error:
        st.session_state[_ERROR] = told(error)


def _delete(name: str):
    delete_run(name, DEFAULT_ROOT)
    st.session_state[_DELETED] = name


def _restore(name: str):
    restore_run(name, DEFAULT_ROOT)
    del st.session_state[_DELETED]


def _rename(name: str):
    new = st.session_state["runs_new_name"].strip()
    notes = rename_run(name, new, DEFAULT_ROOT)
    st.session_state["runs_new_name"] = ""
    st.session_state[_CHOSEN] = new
    st.session_state[_DONE] = [f"{name} is called {new} now.", *notes]
