"""Where the photos are, how far they were looked at, and the two ways to go through the answers."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from kerasface.gallery.store import Person
from pages.parts.gallery.opening import OpenGallery, is_demo
from pages.parts.gallery.photos import TOLD
from pages.parts.gallery.sorted.grid import show_corrections, show_grid
from pages.parts.gallery.sorted.job import JOB, UPLOADS, SortJob, begin, go_on, problems
from pages.parts.gallery.sorted.leaving import show_leaving
from pages.parts.gallery.sorted.questions import show_questions
from pages.parts.gallery.who import choose_fpir
from pages.parts.photos import FILE_TYPES, plain

MAX_UPLOAD = 200  # megabytes of a file
WAYS = ("Photos", "Doubt first")
PRIVACY = (
    "Boxes and templates of all faces, strangers too, are kept sealed beside the gallery, so that no photo is looked "
    "at twice. No name is kept. `kerasface people photos --forget` removes it, and so does deleting a person."
)


def show_sort(opened: OpenGallery, people: Sequence[Person]):
    """The photos of a folder on this machine, or those that are given, sorted by who is on them."""
    st.markdown(
        "All photos of a folder, or those that you give: who is on them, the doubtful faces first if you like, and out "
        "as table, copies, links or XMP."
    )
    with st.form("gallery_sort"):
        folder, files = st.columns(2, gap="medium")
        folder.text_input("Folder on this machine", key="gallery_sort_folder", placeholder="Such as ~/Pictures/2024")
        files.file_uploader(
            "Or photos, or a zip file of them",
            [*FILE_TYPES, ".zip"],
            accept_multiple_files=True,
            key=UPLOADS,
            max_upload_size=MAX_UPLOAD,
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox(
                "Look at no photo twice", key="gallery_sort_remember", help=PRIVACY, disabled=is_demo(), width="content"
            )
            st.form_submit_button(
                "Look at the photos",
                type="primary",
                icon=":material/search:",
                key="gallery_sort_look",
                on_click=begin,
                args=(str(opened.gallery.path),),
            )
    job: SortJob | None = st.session_state.get(JOB)
    if job is None or job.gallery != str(opened.gallery.path):
        return
    go_on(opened, job)
    if job.problem:
        st.error(plain(job.problem), icon=":material/folder_off:")
    if (left := len(job.paths) - len(job.looks)) and not job.is_open:
        st.button(
            f"Go on with {left:,} of {len(job.paths):,} photos",
            icon=":material/play_arrow:",
            key="gallery_sort_go_on",
            on_click=_open,
            args=(job,),
        )
    if not job.looks:
        return
    show_unread([*job.left_out, *(told.replace(job.folder + "/", "") for told in problems(job.looks))])
    fpir = choose_fpir()
    answers = [answer for answer in job.answers(opened, fpir) if answer.look.problem is None]
    named = sum(bool(answer.names) for answer in answers)
    st.caption(f"{len(answers):,} photos, {named:,} of them with somebody you know.")
    way = st.segmented_control("Go through", WAYS, default=WAYS[0], required=True, key="gallery_sort_way")
    if way == WAYS[0]:
        show_grid(answers, partial(show_corrections, opened, people, fpir))
    else:
        show_questions(opened, people, job, answers)
    show_leaving(job, answers)


def show_unread(texts: Sequence[str]):
    """Says which photos could not be read; of many the first ones."""
    if texts:
        more = f" {len(texts) - TOLD:,} more could not be read." if len(texts) > TOLD else ""
        st.warning(plain(" ".join(texts[:TOLD]) + more), icon=":material/broken_image:")


def _open(job: SortJob):
    job.is_open, job.problem = True, ""
