"""The locked note of the page Unlock: a text that lies encrypted in the memory of one browser window."""

import os

import streamlit as st

from kerasface.gallery.keys import KEY_BYTES, GalleryKeys, load_key
from kerasface.gallery.store import Person
from kerasface.unlock.lockout import Lockout
from pages.parts.gallery.opening import OpenGallery, is_demo
from pages.parts.photos import plain

LONGEST = 2000  # characters
EXAMPLE = (
    "You found it. This note was encrypted with the key of your gallery, and this page decrypted it when you had "
    "unlocked. Write something of your own, and lock it again."
)


def user_key() -> bytes:
    """The key of the gallery that is open; a demonstration has one of its own, which is gone when its window is.

    Raises:
        GalleryKeyError: If it is missing or cannot be read.
    """
    if is_demo():
        return st.session_state.setdefault("unlock_demo_key", os.urandom(KEY_BYTES))
    return load_key(create=False)


def lockout_of(opened: OpenGallery) -> Lockout:
    """Who counts attempts: the same file as on the command line; for a demonstration one beside its gallery."""
    if is_demo():
        return Lockout(opened.gallery.path.with_name("unlock.json"), key=user_key())
    return Lockout(gallery=opened.gallery)


def is_open(person: Person) -> bool:
    return st.session_state.get("unlock_open") == person.person_id


def open_note(person: Person):
    st.session_state["unlock_open"] = person.person_id


def lock_note():
    """Locks it, and forgets what came of the attempt that opened it."""
    st.session_state.update(unlock_open=None, unlock_attempt=None)


def keep_note(person: Person):
    """Encrypts what was written and locks it."""
    _seal(person, st.session_state.pop(_text_key(person), ""))
    lock_note()


def show_note(person: Person):
    """The note, locked or open."""
    if person.person_id not in _notes():
        _seal(person, EXAMPLE)
    with st.container(border=True, key="unlock_note"):
        if not is_open(person):
            st.markdown(f"**:material/lock: {plain(person.name)}'s note is locked**")
            st.caption("It lies encrypted in the memory of this page, and is gone when the page is closed.")
            return
        st.markdown(f"**:material/lock_open: {plain(person.name)}'s note**")
        text = _keys(person).open(_notes()[person.person_id], "note", 0)
        st.text_area("Note", text, max_chars=LONGEST, height=150, key=_text_key(person), label_visibility="collapsed")
        st.button("Lock it again", icon=":material/lock:", on_click=keep_note, args=(person,), key="unlock_lock")


def _text_key(person: Person) -> str:
    return f"unlock_text_{person.person_id}"


def _notes() -> dict[str, bytes]:
    return st.session_state.setdefault("unlock_notes", {})


def _seal(person: Person, text: str):
    _notes()[person.person_id] = _keys(person).seal(text, "note", 0)


def _keys(person: Person) -> GalleryKeys:
    """A key that opens this person's notes and nothing else."""
    return GalleryKeys(user_key(), f"unlock note of {person.person_id}".encode(), "note")
