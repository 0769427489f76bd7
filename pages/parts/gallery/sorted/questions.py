"""Doubt first: the faces nearest to being decided otherwise, one after the other, with y, n and next."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting.answers import Answer
from kerasface.tasks.sorting.doubts import Doubt, confirm, deny, find_doubts
from pages.parts.gallery.opening import OpenGallery, act
from pages.parts.gallery.sorted.job import SortJob
from pages.parts.gallery.sorted.thumbnails import face_picture
from pages.parts.photos import plain

FACE = 220  # pixels


def show_questions(opened: OpenGallery, job: SortJob, answers: Sequence[Answer]):
    """The most doubtful face, whose the answer is, and the three keys."""
    doubts = find_doubts([answer.look for answer in answers], [answer.faces for answer in answers], job.passed)
    if not doubts:
        st.info("No face is left to ask about.", icon=":material/done_all:")
        return
    doubt = doubts[0]
    name, said = doubt.face.most_alike, "so it is called now" if doubt.face.name else "now it stays without a name"
    picture = face_picture(doubt.look.path, doubt.face.face.box)
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if picture:
            st.image(picture, width=FACE, alt="The face in question")
        with st.container(width="stretch"):
            st.subheader(plain(f"Is this {name}?"), anchor=False)
            st.caption(plain(f"{doubt.look.path.name}: {said}. {doubt.face.reason}"))
            with st.container(horizontal=True):
                for label, icon, key, press in (
                    ("Yes", ":material/thumb_up:", "y", partial(_yes, opened, job, doubt)),
                    ("No", ":material/thumb_down:", "n", partial(_no, opened, job, doubt)),
                    ("Next", ":material/skip_next:", "Right", partial(_pass, job, doubt)),
                ):
                    st.button(label, icon=icon, key=f"sort_{label.lower()}_answer", on_click=press, shortcut=key)
    st.caption(
        f"{len(job.passed):,} answered or put off. A yes is a new sample of the person, a no is never said again."
    )


def _enroller(opened: OpenGallery) -> Enroller:
    return Enroller(Identifier(opened.gallery, fpir=CONFLICT_FPIR))


def _yes(opened: OpenGallery, job: SortJob, doubt: Doubt):
    def change():
        if (result := confirm(doubt, _enroller(opened))).refused:
            raise ValueError(f"It was not enrolled: {result.reason}")  # which `act` says in place of the success

    if act(change, f"This is {doubt.face.most_alike}."):
        job.passed.add(doubt.key)


def _no(opened: OpenGallery, job: SortJob, doubt: Doubt):
    if act(lambda: deny(doubt, _enroller(opened)), f"This face is never called {doubt.face.most_alike} again."):
        job.passed.add(doubt.key)


def _pass(job: SortJob, doubt: Doubt):
    job.passed.add(doubt.key)
