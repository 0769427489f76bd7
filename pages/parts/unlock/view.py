"""What the page Unlock shows: who it is, the camera, what came of it, and the note."""

from collections.abc import Sequence

import streamlit as st

from kerasface.gallery.store import GalleryError, Person
from kerasface.terminal.errors import told
from kerasface.unlock.states import State
from pages.parts.gallery.file import show_first_use, show_place
from pages.parts.gallery.opening import OpenGallery, opened_or_stop, show_notices
from pages.parts.photos import plain
from pages.parts.server.address import choose_view
from pages.parts.unlock.attempt import ABANDONED, STOPPED, Attempt, begin, running_attempt
from pages.parts.unlock.camera import show_camera
from pages.parts.unlock.enrol import show_enrol
from pages.parts.unlock.note import is_open, lock_note, lockout_of, open_note, show_note
from pages.parts.unlock.result import refusal_of, show_result
from pages.parts.unlock.trust import show_trust

VIEWS = {"unlock": "Unlock", "enrol": "Enrol", "trust": "How far to trust it"}


def choose_person(people: Sequence[Person]) -> Person:
    """Who wants to unlock; an open note is locked when somebody else is chosen."""
    known = {person.person_id: person for person in people}
    if st.session_state.get("unlock_person") not in known:
        st.session_state["unlock_person"] = people[0].person_id
    chosen = st.selectbox(
        "Who are you?",
        list(known),
        format_func=lambda person_id: known[person_id].name,
        key="unlock_person",
        persist_state="session",
        on_change=lock_note,
    )
    return known[chosen]


def current_attempt(opened: OpenGallery, person: Person) -> Attempt | None:
    """The attempt of this person: the one that was asked for, or the last one; one that was left ends."""
    attempt = running_attempt()
    if attempt and not attempt.is_fresh:
        attempt.stop(*ABANDONED)
    if st.session_state.pop("unlock_go", False):
        try:
            attempt = begin(opened, person, lockout_of(opened))
        except (GalleryError, ValueError) as error:
            st.error(plain(told(error)), icon=":material/error:")
            return None
    if attempt:
        attempt.is_fresh = False
    return attempt if attempt and attempt.person.person_id == person.person_id else None


def show_unlock(opened: OpenGallery, people: Sequence[Person]):
    """Who it is, the camera while an attempt runs, what came of the last one, and the note."""
    if not people:
        st.info("Nobody is enrolled yet. One photo of you is enough.", icon=":material/person_add:")
        enrol = {"on_click": st.session_state.update, "kwargs": {"unlock_view": "enrol"}}
        st.button("Enrol yourself", type="primary", icon=":material/person_add:", key="unlock_to_enrol", **enrol)
        return
    left, right = st.columns([3, 2], gap="medium")
    with right:
        person = choose_person(people)
        attempt, lockout = current_attempt(opened, person), lockout_of(opened)
        refusal = refusal_of(lockout, person)
        if attempt and not attempt.is_over:
            st.button("Stop", icon=":material/stop:", on_click=attempt.stop, args=STOPPED, key="unlock_stop")
        else:
            if not is_open(person):
                label = "Try again" if attempt else "Unlock with my face"
                begin_it = {"on_click": st.session_state.update, "kwargs": {"unlock_go": True}, "type": "primary"}
                icon = ":material/photo_camera:"
                st.button(label, icon=icon, disabled=refusal is not None, key="unlock_begin", **begin_it)
            show_result(attempt, refusal, person, lockout)
        show_note(person)
    with left:
        show_camera(attempt, lambda: open_note(person) if attempt.status.state == State.UNLOCKED else None)


def show_page():
    """Everything below the title."""
    view = choose_view(VIEWS, "unlock_view")
    if view == "trust":
        show_trust()
        return
    show_place()
    show_notices()
    opened = opened_or_stop()
    if opened is None:
        show_first_use()
    elif view == "enrol":
        show_enrol(opened, opened.gallery.people(), lockout_of(opened), then="unlock")
    else:
        show_unlock(opened, opened.gallery.people())
