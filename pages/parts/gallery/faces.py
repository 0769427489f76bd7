"""Faces of people in the gallery: sealed pictures, else cut from their photos while those are there, else letters."""

import hashlib
from collections.abc import Sequence

import streamlit as st

from kerasface.gallery.store import Person, Sample
from kerasface.tasks.thumbnails import keep_pictures, picture_of_sample
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.gallery.opening import FAILURES, OpenGallery, is_demo, notice

SIDE = 72  # pixels
SHOWN = 24  # samples of a person
KEPT = 400  # pictures of a session that were cut from photos, 3 kB each
# Dark enough for white letters (5:1 and more), and told apart by people who do not see all colours.
COLOURS = ("#0b6e69", "#9a4a09", "#5151c6", "#a3241b", "#4d5c70", "#7a3d8a", "#3d6b1f", "#205f9e")
AVATAR = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 48 48">'
    '<circle cx="24" cy="24" r="24" fill="{colour}"/><text x="24" y="25" text-anchor="middle" '
    'dominant-baseline="central" font-family="sans-serif" font-weight="600" font-size="19" fill="#fff">{letters}</text>'
    "</svg>"
)
WHY = (
    "Off by default: the numbers that a gallery keeps of a face show nobody, but whoever gets hold of a gallery with "
    "pictures, and of its key, sees everybody in it."
)


def avatar(person: Person, size: int = 48) -> str:
    """A disc with the person's initials, as SVG; the colour stays when the name changes."""
    number = hashlib.sha256(person.person_id.encode()).digest()[0]
    return AVATAR.format(size=size, colour=COLOURS[number % len(COLOURS)], letters=initials(person.name))


def initials(name: str) -> str:
    """The first letter or digit of the first and of the last word; nothing else of a name gets into a picture."""
    words = [[letter for letter in word if letter.isalnum()] for word in name.split()]
    first = [word[0].upper() for word in words if word]
    return "".join(first[:1] + first[1:][-1:]) or "?"


def sealed_picture(opened: OpenGallery, person: Person) -> bytes | None:
    """The first picture that is sealed with one of a person's samples."""
    samples = opened.gallery.samples(person.person_id)
    return next((sample.thumbnail for sample in samples if sample.thumbnail), None)


def person_picture(person: Person, samples: Sequence[Sample], size: int) -> bytes | str:
    """A person's first face that there is a picture of, or letters; of many samples the first ones are tried."""
    for sample in samples[:3]:
        if picture := sample_picture(sample):
            return picture
    return avatar(person, size)


def sample_picture(sample: Sample) -> bytes | None:
    """The picture of a sample; one that is cut from a photo, or cannot be, stays so in the session."""
    if sample.thumbnail:
        return sample.thumbnail
    kept = st.session_state.setdefault("gallery_faces", {})
    key = (sample.person_id, sample.sample_id, sample.source_hash)
    if key not in kept:
        kept[key] = picture_of_sample(sample)
        for old in list(kept)[:-KEPT]:
            del kept[old]
    return kept[key]


def show_faces(samples: Sequence[Sample]):
    """The faces of samples with their numbers; nothing where there is no picture of any."""
    pictures = [(sample, picture) for sample in samples[:SHOWN] if (picture := sample_picture(sample))]
    if pictures:
        numbers = [str(sample.sample_id) for sample, _ in pictures]
        st.image(
            [picture for _, picture in pictures],
            caption=numbers,
            width=SIDE,
            alt=[f"Face of sample {number}" for number in numbers],
        )


def show_switch(opened: OpenGallery):
    """Turns small pictures of faces on and off."""
    if is_demo():
        return
    st.session_state["gallery_keep_faces"] = opened.gallery.keeps_thumbnails
    st.toggle(
        "Keep small pictures of faces in the gallery",
        key="gallery_keep_faces",
        help=f"{WHY} They are sealed with their samples, go with them, and all go when this is turned off.",
        on_change=_switch,
        args=(opened,),
    )


def _switch(opened: OpenGallery):
    try:
        if st.session_state["gallery_keep_faces"]:
            have, samples = keep_pictures(opened.gallery)
            notice("success", f"Pictures of faces are kept; {have:,} of {counted(samples, 'sample')} have one.")
        else:
            removed = opened.gallery.drop_thumbnails()
            notice("success", f"{counted(removed, 'picture')} removed; none is kept any more.")
    except FAILURES as error:
        notice("error", told(error))
