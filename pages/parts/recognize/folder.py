"""Recognise, a folder of this machine: its photos in the grid of Sort photos, a table, corrections for a training."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import streamlit as st

from kerasface.data.cache.embeddings import image_files
from kerasface.data.curation import curation_file
from kerasface.data.photos import read_photos
from kerasface.files.paths import user_path
from kerasface.images.decoding import ImageError, decode
from kerasface.runs.store import RunSummary
from kerasface.tasks.sorting.answers import Answer
from kerasface.tasks.sorting.recognized import class_of, recognized_answer
from kerasface.tasks.sorting.table import faces_csv
from kerasface.terminal.errors import told
from pages.parts.curation import show_decision, show_decisions
from pages.parts.gallery.photos import REDRAW, TOLD
from pages.parts.gallery.sorted.grid import show_grid
from pages.parts.photos import Photo, plain
from pages.parts.recognize.answers import look, show_photo

FOLDER = "Folder"
_JOB = "recognise_folder_job"
Recognize = Callable[[list], list]


@dataclass
class FolderJob:
    """Photos of a folder and what a model says of them, as far as they were looked at."""

    model: str
    folder: Path
    paths: list[Path] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    is_open: bool = True
    problem: str = ""


def show_folder(model: RunSummary | None, recognize: Recognize):
    """Asks for a folder; then its photos, the table, and corrections where it has a folder per class."""
    if model is None:
        st.info("Choose a model: Gallery > Sort photos names the people of a gallery in a folder.")
        return
    with st.form("recognise_folder"):
        st.text_input("Folder on this machine", key="recognise_folder_path", placeholder="Such as ~/Pictures/people")
        begin = {"on_click": _begin, "args": (model.card.model_sha256,), "key": "recognise_folder_look"}
        st.form_submit_button("Look at the photos", type="primary", icon=":material/search:", **begin)
    job: FolderJob | None = st.session_state.get(_JOB)
    if job is None or job.model != model.card.model_sha256:
        return
    _go_on(job, recognize)
    if job.problem:
        st.error(plain(job.problem), icon=":material/folder_off:")
    if (left := len(job.paths) - len(job.answers)) and not job.is_open:
        text = f"Go on with {left:,} of {len(job.paths):,} photos"
        st.button(
            text, icon=":material/play_arrow:", key="recognise_folder_go_on", on_click=_set_open, args=(job, True)
        )
    if job.answers:
        _show_answers(job, model.card.labels, recognize)


def _show_answers(job: FolderJob, labels: Sequence[str], recognize: Recognize):
    unread = [answer.look.problem for answer in job.answers if answer.look.problem]
    if unread:
        st.warning(plain(" ".join(unread[:TOLD])), icon=":material/broken_image:")
    answers = [answer for answer in job.answers if not answer.look.problem]
    classes = {answer.look.path: class_of(answer.look.path, job.folder) for answer in answers}
    others = [answer for answer in answers if classes[answer.look.path] not in (None, *answer.names)]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Table (CSV)",
            lambda: faces_csv([answer.to_dict() for answer in job.answers]).encode("utf-8", "replace"),
            "faces.csv",
            "text/csv",
            icon=":material/table:",
            key="recognise_csv",
        )
        only = any(classes.values()) and st.checkbox(
            f"Only the {len(others):,} that the model names otherwise than their folder", key="recognise_others"
        )
    show_grid(others if only else answers, partial(_show_opened, job, labels, recognize))
    if any(classes.values()) and show_decisions(job.folder):
        st.caption("The next training goes by the list:")
        list_of, folder = curation_file(job.folder), job.folder
        st.code(f'kerasface train classify "{folder}" --curation "{list_of}"', language=None, wrap_lines=True)


def _show_opened(job: FolderJob, labels: Sequence[str], recognize: Recognize, answer: Answer):
    """A photo at full size with what the model says, and what is to be done with it."""
    path = answer.look.path
    try:
        photo = Photo(path.name, decode(path))
    except ImageError as error:
        st.warning(plain(told(error)), icon=":material/broken_image:")
        return
    show_photo(photo, 1, look(photo, recognize))
    own = class_of(path, job.folder)
    if own is not None:
        st.markdown(f"Its folder says **{plain(own)}**. In the next training it is")
        file = path.relative_to(job.folder).as_posix()
        show_decision(job.folder, file, [name for name in labels if name != own], f"recognise_decide_{path}")


def _begin(model: str):
    """Begins with what the form holds when its button is pressed."""
    text = st.session_state["recognise_folder_path"].strip()
    job = FolderJob(model, user_path(text) if text else Path())
    try:
        if not text:
            raise ValueError("Give the folder that the photos are in.")
        job.paths = image_files(job.folder)
    except (OSError, ValueError) as error:
        job.is_open, job.problem = False, told(error)
    st.session_state[_JOB] = job


def _go_on(job: FolderJob, recognize: Recognize):
    """Looks at the photos that are left, with progress and Stop; whatever ends the run, what was seen stays."""
    waiting = job.paths[len(job.answers) :]
    job.is_open = job.is_open and bool(waiting)
    if not job.is_open:
        return
    place, shown = st.empty(), 0.0
    with place.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            bar = st.progress(0.0, text=f"Looking at {len(waiting):,} photos")
        st.button("Stop", icon=":material/stop:", key="recognise_folder_stop", on_click=_set_open, args=(job, False))
    for batch in read_photos(waiting):
        found = iter(recognize([photo.image for photo in batch if photo.problem is None]))
        job.answers += [recognized_answer(photo, None if photo.problem else next(found)) for photo in batch]
        if time.monotonic() - shown >= REDRAW:
            shown = time.monotonic()
            bar.progress(len(job.answers) / len(job.paths), text=f"{len(job.answers):,} of {len(job.paths):,} photos")
    job.is_open = False
    place.empty()


def _set_open(job: FolderJob, is_open: bool):
    job.is_open = is_open
