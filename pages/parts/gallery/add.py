"""The view "Add a person" of the page Gallery: a name, photos, and what the gate says of each."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import none_stands_out
from kerasface.gallery.store import Person
from pages.parts.gallery.boxes import show_boxes
from pages.parts.gallery.enrol import choose_target, show_gate
from pages.parts.gallery.opening import OpenGallery
from pages.parts.gallery.photos import Look, choose_photos, empty_photos, look_at, show_problems
from pages.parts.photos import plain

CROP_WIDTH = 88  # pixels


def show_add(opened: OpenGallery, people: Sequence[Person]):
    """Whose photos, which photos, and one button; until it is pressed nothing is enrolled."""
    st.markdown(
        "One photo is enough; three in different light are better. Nothing is enrolled until you press the button."
    )
    target = choose_target(people, "add")
    sources = choose_photos("Photos", "gallery_add")
    if not sources:
        st.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
        return
    looks = look_at(sources, "gallery_add")
    show_problems(looks)
    looks = [look for look in looks if look.faces]
    if not looks:
        return
    chosen = [choose_face(look) for look in looks]
    photos = [look.to_enrol(faces) for look, faces in zip(looks, chosen, strict=True)]
    show_gate(opened, target, photos, "add", show_photo=partial(show_chosen, chosen), then=begin_anew)


def begin_anew():
    """Empties the form once its photos are enrolled: the next name belongs to somebody else."""
    empty_photos("gallery_add")
    st.session_state["add_name"] = None
    st.session_state["add_agreed"] = False


def choose_face(look: Look) -> list[AnalyzedFace]:
    """Of several faces the one that the user means; all of them while that is open."""
    if len(look.faces) == 1:
        return look.faces
    with st.container(border=True):
        st.markdown(f"**{plain(look.name)}** shows {len(look.faces)} faces. Which one is it?")
        faces = [entry.face for entry in look.faces]
        show_boxes(look.picture, look.size, faces, name=look.name, key=f"add_{look.token}", height=40)
        chosen = st.pills(
            "Face",
            list(range(len(look.faces))),
            default=None if none_stands_out(faces) else 0,
            format_func=lambda index: f"Face {index + 1}",
            key=f"add_face_{look.token}",
            label_visibility="collapsed",
        )
    return look.faces if chosen is None else [look.faces[chosen]]


def show_chosen(chosen: Sequence[list[AnalyzedFace]], index: int):
    st.image(chosen[index][0].crop, width=CROP_WIDTH, alt=f"The face of photo {index + 1}")
