"""The view "Enrol" of the page Unlock: somebody new, past the gallery's gate, with consent, and ready to unlock."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import partial

import streamlit as st

from kerasface.gallery.checks import checked_name
from kerasface.gallery.store import GalleryError, Person
from kerasface.terminal.errors import told
from kerasface.unlock.lockout import Lockout, LockoutError
from pages.parts.gallery.add import choose_face, show_chosen
from pages.parts.gallery.enrol import MEANING, Target, consent_until, show_gate
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.photos import choose_photos, empty_photos, look_at, show_problems
from pages.parts.photos import plain

KEY = "unlock_enrol"
PURPOSE = "unlocking by face on this machine"


def show_enrol(opened: OpenGallery, people: Sequence[Person], lockout: Lockout, then: str):
    """A name, a consent, one photo or more, and what the gate says of them.

    Only somebody new is enrolled here, and with that may unlock. Photos added to a person who may already would let
    anybody in who comes along.

    Args:
        opened: The gallery.
        people: Everybody in it.
        lockout: Where unlocking is turned on for the person.
        then: The view that follows.
    """
    st.markdown(
        "One photo is enough, from the front and in good light; three are better. "
        "Nothing is enrolled until you press the button."
    )
    target = choose_target()
    if target and target.name in {person.name for person in people}:
        st.info(
            f"{plain(target.name)} is enrolled already. More photos of somebody known are added on the page Gallery.",
            icon=":material/info:",
        )
        st.page_link("pages/gallery.py", label="Open Gallery", icon=":material/groups:")
        return
    st.session_state.setdefault(f"{KEY}_source", "Camera")
    sources = choose_photos("Photos", KEY, sample=False)
    if not sources:
        st.caption("Photos are looked at on this machine and are not stored.")
        return
    looks = look_at(sources, KEY)
    show_problems(looks)
    looks = [look for look in looks if look.faces]
    if not looks:
        return

    chosen = [choose_face(look) for look in looks]

    def done():
        empty_photos(KEY)
        st.session_state.update(unlock_view=then, unlock_person=st.session_state.get("unlock_enrolled"))

    show_gate(
        opened,
        target,
        [look.to_enrol(faces) for look, faces in zip(looks, chosen, strict=True)],
        KEY,
        show_photo=partial(show_chosen, chosen),
        then=done,
        also=partial(_turn_on, lockout),
    )


def choose_target() -> Target | None:
    """Asks for a name and a consent; None while there is no valid name."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input("Name", placeholder="Type a name", key=f"{KEY}_name", width=340)
        tomorrow = date.today() + timedelta(days=1)
        day = st.date_input(
            "Until, if not for good", None, min_value=tomorrow, key=f"{KEY}_until", width=200, format="YYYY-MM-DD"
        )
    if not text.strip():
        return None
    try:
        name = checked_name(text)
    except ValueError as error:
        st.error(plain(told(error)), icon=":material/error:")
        return None
    agreed = st.checkbox(f"{plain(name)} agreed to {PURPOSE}", key=f"{KEY}_agreed", help=MEANING)
    if not agreed:
        return Target(name, None, None, "Ask the person first, and tick that the person agreed.")
    return Target(name, None, consent_until(PURPOSE, day), "")


def _turn_on(lockout: Lockout, person: Person):
    """Lets somebody unlock who has just been enrolled; if that fails, nobody is."""
    try:
        if not lockout.is_known(person.person_id):
            lockout.enable(person.person_id)
    except LockoutError as error:
        raise GalleryError(f"{error} Nobody was enrolled.") from error
    st.session_state["unlock_enrolled"] = person.person_id
