"""The view "Who is who" of the page Gallery: names on the faces of a photo, and corrections that stay."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from kerasface.faces.rates.operating_points import SearchPoint
from kerasface.gallery.store import Person, Refusal
from kerasface.plotting.style import percent
from kerasface.tasks.identification import IdentifiedFace
from pages.parts.gallery.boxes import show_boxes
from pages.parts.gallery.enrol import Target, choose_target, enrol, rehearse, show_gate
from pages.parts.gallery.opening import OpenGallery, act
from pages.parts.gallery.photos import Look, choose_photos, choose_sample, look_at, show_problems
from pages.parts.photos import plain

FPIRS = {0.003: "3 in 1,000", 0.01: "1 in 100", 0.1: "1 in 10"}
DEFAULT_FPIR = 0.01
DECISIONS = {
    "match": ":green[:material/check_circle:] **{name}**",
    "unknown": ":orange[:material/help:] **Unknown**",
    "ambiguous": ":orange[:material/call_split:] **Undecided**",
    "low_quality": ":orange[:material/blur_on:] **Too poor to decide**",
}
CROP_WIDTH = 88  # pixels
BESIDE = 2  # faces that are shown beside their photo; more of them stand below it


def show_who_is_who(opened: OpenGallery, people: Sequence[Person]):
    """A photo with names on its faces, and for each face what the decision stands on and how to put it right."""
    st.markdown("A photo with one face or several: everybody is found once at most, and strangers are to stay unknown.")
    sources = choose_photos("Photos", "gallery_who")
    if not sources:
        st.caption("Choose photos, take one, or try the sample. They are looked at on this machine and are not stored.")
        st.button(
            "Try the sample", icon=":material/science:", on_click=choose_sample, args=("gallery_who",), key="who_try"
        )
        return
    fpir = choose_fpir()
    looks = look_at(sources, "gallery_who")
    show_problems(looks)
    looks = [look for look in looks if look.faces]
    if not looks:
        return
    show_photo(opened, people, choose_look(looks), fpir)


def show_photo(opened: OpenGallery, people: Sequence[Person], look: Look, fpir: float):
    """One photo with names on its faces, and for each face the decision and how to put it right."""
    (faces,) = opened.identify([look], fpir)
    show_rates(opened, fpir)
    left, right = st.columns([3, 2], gap="medium") if len(faces) <= BESIDE else (st.container(), st.container())
    with left:
        boxes, names = [face.face for face in faces], [face.name for face in faces]
        show_boxes(look.picture, look.size, boxes, names, name=look.name, key=f"who_{look.source_hash}", height=60)
        show_refusals(opened, people, look)
    with right, st.grid(min_column_width=300, key="who_faces"):
        for number, face in enumerate(faces):
            with st.container(border=True, height="stretch"):
                show_face(opened, people, look, number, face)


def choose_fpir() -> float:
    return st.segmented_control(
        "Strangers taken for somebody",
        list(FPIRS),
        default=DEFAULT_FPIR,
        format_func=FPIRS.get,
        required=True,
        key="gallery_fpir",
        persist_state="session",
        help="The fewer strangers get a name by mistake, the more people you know stay unknown.",
    )


def choose_look(looks: Sequence[Look]) -> Look:
    if len(looks) == 1:
        return looks[0]
    names = {look.token: f"{place}. {plain(look.name)}" for place, look in enumerate(looks, start=1)}
    chosen = st.pills(
        "Photo", names, format_func=names.get, default=looks[0].token, required=True, key="gallery_who_photo"
    )
    return next((look for look in looks if look.token == chosen), looks[0])


def show_rates(opened: OpenGallery, fpir: float):
    """What the chosen rate means in this gallery, with the data behind it."""
    with opened.turn:
        opened.identifier.fpir = fpir
        point = opened.identifier.operating_point()
    if point is None:
        st.info(
            "Nobody is enrolled yet, so everybody is unknown. Name a face below to enrol it.", icon=":material/info:"
        )
    else:
        st.caption(rates_text(point))


def rates_text(point: SearchPoint) -> str:
    """The error rates of a search in words, as Markdown."""
    beyond = "" if point.gallery_size <= point.measured_size else f" (continued from {point.measured_size} people)"
    among = "one person" if point.gallery_size == 1 else f"{point.gallery_size:,} people"
    return (
        f"Among {among}, at most {FPIRS[point.fpir]} strangers may be taken for somebody; measured were "
        f"{percent(point.fpir_measured)} (95 % interval {percent(point.fpir_low)} to {percent(point.fpir_high)}), "
        f"and {percent(point.fnir)} of known faces stay unknown, with one photo enrolled of each{beyond}. "
        f"Measured on {plain(point.data)}." + (f" {plain(point.own)}" if point.own else "")
    )


def show_face(opened: OpenGallery, people: Sequence[Person], look: Look, number: int, face: IdentifiedFace):
    """One face: the decision in words, what it stands on, and the three answers to it."""
    key = f"who_{look.source_hash}_{number}"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.image(face.crop, width=CROP_WIDTH, alt=f"Face {number + 1}")
        with st.container(width="stretch"):
            decision = DECISIONS[face.decision].format(name=plain(face.name or ""))
            st.markdown(f":small[Face {number + 1}]  \n{decision}  \n:small[{plain(face.reason)}]")
            if chance := chance_text(face):
                st.caption(chance)
    with st.container(horizontal=True):
        if face.decision == "match":
            show_answers(opened, people, look, number, face, key)
        with st.popover("This is ...", icon=":material/edit:", key=f"{key}_is"):
            show_correction(opened, people, look, number, face, key)


def chance_text(face: IdentifiedFace) -> str:
    """How probable the most alike person is, in words; empty where that would say nothing of the decision."""
    if face.score is None:
        return ""
    text = plain(face.probability_text)
    if face.probability is None:
        return f"{text[:1].upper()}{text[1:]}."
    if face.decision == "match" or (face.decision == "unknown" and face.normalized_score < face.threshold):
        return f"{text}, if every second face is of somebody you know."
    return ""


def show_answers(
    opened: OpenGallery, people: Sequence[Person], look: Look, number: int, face: IdentifiedFace, key: str
):
    """ "That is right" keeps the face as another sample; "Not this person" is never said again."""
    person = next((person for person in people if person.person_id == face.person_id), None)
    if person is None:  # enrolled or renamed a moment ago: the next run knows
        return
    if any(sample.person_id == person.person_id for sample in opened.gallery.find_source(look.source_hash)):
        st.markdown(f":green[:material/check:] :small[This photo is a sample of {plain(person.name)}.]")
    else:
        photo = look.to_enrol([look.faces[number]])
        (judged,) = rehearse(opened, person.name, [photo])
        st.button(
            "That is right",
            icon=":material/thumb_up:",
            key=f"{key}_right",
            disabled=judged.refused is not None,
            help=plain(judged.reason) or f"Keeps this face as another sample of {plain(person.name)}.",
            on_click=act,
            args=(
                partial(enrol, opened, Target(person.name, person, None, ""), [photo], [judged]),
                f"Another sample of {person.name} enrolled.",
            ),
        )
    st.button(
        "Not this person",
        icon=":material/thumb_down:",
        key=f"{key}_not",
        help=f"This face in this photo is never called {plain(person.name)} again.",
        on_click=act,
        args=(
            partial(opened.gallery.refuse_match, look.source_hash, face.face.box, person.person_id),
            f"This face is never called {person.name} again.",
        ),
    )


def show_correction(
    opened: OpenGallery, people: Sequence[Person], look: Look, number: int, face: IdentifiedFace, key: str
):
    """Names a face: it becomes a sample of that person, and is not the one it was taken for."""
    target = choose_target(people, key, label="This is")
    if target is None:
        return

    def refuse_the_other(person: Person):
        if face.person_id not in (None, person.person_id):
            opened.gallery.refuse_match(look.source_hash, face.face.box, face.person_id)

    show_gate(opened, target, [look.to_enrol([look.faces[number]])], key, also=refuse_the_other)


def show_refusals(opened: OpenGallery, people: Sequence[Person], look: Look):
    """Who the faces of this photo are not, as somebody said before; each can be taken back."""
    names = {person.person_id: person.name for person in people}
    for place, refusal in enumerate(opened.gallery.refused_matches(look.source_hash)):
        name = names.get(refusal.person_id, "somebody enrolled a moment ago")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f":small[You said: {refused_face(refusal, look)} is not {plain(name)}.]", width="content")
            st.button(
                "Take it back",
                type="tertiary",
                icon=":material/undo:",
                key=f"who_{look.source_hash}_lift_{place}",
                on_click=act,
                args=(
                    partial(opened.gallery.lift_refusal, refusal.source_hash, refusal.box, refusal.person_id),
                    f"The face may be called {name} again.",
                ),
            )


def refused_face(refusal: Refusal, look: Look) -> str:
    for number, entry in enumerate(look.faces, start=1):
        if np.allclose(entry.face.box, refusal.box, atol=1.0):
            return f"face {number}"
    return "a face of this photo"
