"""What was solved so far, on this machine; where that cannot be kept, it lasts as long as the page is open."""

import streamlit as st

from kerasface.course.progress import forget_solved, mark_solved, read_solved
from pages.parts.photos import plain

_UNKEPT = "course_solved"


def solved_items() -> set[int]:
    """Numbers of the solved items; a sentence where they cannot be read."""
    unkept = st.session_state.setdefault(_UNKEPT, set())
    try:
        return read_solved() | unkept
    except (OSError, ValueError) as error:
        st.warning(f"{plain(str(error))} Until then it lasts as long as this page.", icon=":material/save:")
        return set(unkept)


def note_solved(number: int):
    """Keeps that an item was solved."""
    try:
        mark_solved(number)
    except (OSError, ValueError):  # `solved_items` says it
        st.session_state.setdefault(_UNKEPT, set()).add(number)


def begin_anew():
    """Forgets everything."""
    st.session_state.pop(_UNKEPT, None)
    try:
        forget_solved()
    except OSError as error:
        st.toast(f"It cannot be forgotten: {error.strerror}.")
