"""Doubt first: the faces nearest to being decided otherwise, one after the other, with the keys y, n and s."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from kerasface.gallery.store import Person
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import Answer
from kerasface.tasks.sorting.doubts import Doubt, confirm, deny, find_doubts
from pages.parts.gallery.faces import person_picture
from pages.parts.gallery.opening import OpenGallery, act
from pages.parts.gallery.sorted.job import SortJob
from pages.parts.gallery.sorted.thumbnails import face_picture
from pages.parts.photos import plain

FACE, KNOWN = 220, 96  # pixels


def show_questions(opened: OpenGallery, people: Sequence[Person], job: SortJob, answers: Sequence[Answer]):
    """The most doubtful face, whose the answer is, and the three keys.

    Letters, and not an arrow for the next one: arrows go through the choices above, one of which was pressed last.
    """
    doubts = find_doubts([answer.look for answer in answers], [answer.faces for answer in answers], job.passed)
    if not doubts:
        st.info("No face is left to ask about.", icon=":material/done_all:")
        return
    doubt = doubts[0]
    name, said = doubt.face.most_alike, "so it is called now" if doubt.face.name else "now it stays without a name"
    picture = face_picture(doubt.look.path, doubt.look.source_hash, doubt.face.face.box)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if picture:
            st.image(picture, width=FACE, alt="The face in question")
        else:
            st.caption("The photo is gone, or another one by now.", width="content")
        person = next((one for one in people if one.name == name), None)
        if person:
            samples = opened.gallery.samples(person.person_id)
            st.image(person_picture(person, samples, KNOWN), width=KNOWN, caption=plain(name), alt="")
        with st.container(width="stretch"):
            st.subheader(plain(f"Is this {name}?"), anchor=False)
            st.caption(plain(f"{doubt.look.path.name}: {said}. {doubt.face.reason}"))
            with st.container(horizontal=True):
                for label, icon, key, press in (
                    ("Yes", ":material/thumb_up:", "y", partial(_yes, opened, job, doubt)),
                    ("No", ":material/thumb_down:", "n", partial(_no, opened, job, doubt)),
                    ("Skip", ":material/skip_next:", "s", partial(_pass, job, doubt)),
                ):
                    st.button(label, icon=icon, key=f"sort_{label.lower()}_answer", on_click=press, shortcut=key)
    st.caption(
        f"{len(job.passed):,} answered or put off. A yes is a new sample of the person, a no is never said again."
    )


def _yes(opened: OpenGallery, job: SortJob, doubt: Doubt):
    def change():
        job.enroller = job.enroller or Enroller(Identifier(opened.gallery, fpir=CONFLICT_FPIR))
        if (result := confirm(doubt, job.enroller)).refused:
            raise ValueError(f"It was not enrolled: {result.reason}")  # which `act` says in place of the success

    if act(change, f"This is {doubt.face.most_alike}."):
        job.passed.add(doubt.key)


def _no(opened: OpenGallery, job: SortJob, doubt: Doubt):
    if act(lambda: deny(doubt, opened.gallery), f"This face is never called {doubt.face.most_alike} again."):
        job.passed.add(doubt.key)


def _pass(job: SortJob, doubt: Doubt):
    job.passed.add(doubt.key)
