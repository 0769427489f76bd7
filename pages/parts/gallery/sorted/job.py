"""A folder that is looked at, photo by photo: what is known of it stays in the session, with Stop and going on."""

import re
import shutil
import tempfile
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import streamlit as st

from kerasface.data.archives import unpack_photos
from kerasface.data.cache.embeddings import image_files
from kerasface.files.paths import user_path
from kerasface.tasks.enrollment import Enroller
from kerasface.tasks.sorting.answers import Answer, decide_all
from kerasface.tasks.sorting.looking import LookedAt, look_at_photos
from kerasface.terminal.errors import told
from pages.parts.gallery.opening import FAILURES, OpenGallery, analyzer_of_gallery_or_stop
from pages.parts.gallery.photos import REDRAW

JOB, UPLOADS = "gallery_sort_job", "gallery_sort_files"


@dataclass
class SortJob:
    """Photos of a folder, and how far they were looked at.

    Attributes:
        gallery: Path of the gallery that is asked.
        folder: As it was typed.
        remember: Whether what is seen is kept beside the gallery.
        paths: The photos.
        looks: Those that were looked at, in their order, without crops.
        is_open: Whether it is being looked at.
        problem: Why it cannot be, as a sentence.
        passed: Questions that were answered or put off.
        manifests: What was made of the answers and can be taken back, latest last.
        enroller: Enrols the faces of which the answer is yes.
        forget: Removes the folder of photos that were uploaded, at the latest when the job itself is gone; `None` where
            they lie in a folder of the user's.
        left_out: Files that were uploaded and are no photos, a sentence each.
    """

    gallery: str
    folder: str
    remember: bool
    paths: list[Path] = field(default_factory=list)
    looks: list[LookedAt] = field(default_factory=list)
    is_open: bool = True
    problem: str = ""
    passed: set[tuple] = field(default_factory=set)
    manifests: list[Path] = field(default_factory=list)
    enroller: Enroller | None = None
    forget: weakref.finalize | None = None
    left_out: list[str] = field(default_factory=list)
    _decided: tuple[object, list[Answer]] = (None, [])

    def shown(self, path: Path) -> str:
        """A photo's path as its user knows it."""
        return str(path.relative_to(self.folder) if self.forget else path)

    def answers(self, opened: OpenGallery, fpir: float) -> list[Answer]:
        """Who is on the photos, decided anew where the gallery, the rate or the photos have changed."""
        state = (opened.gallery.version, fpir, len(self.looks))
        if self._decided[0] != state:
            with opened.turn:
                opened.identifier.fpir = fpir
                self._decided = (state, decide_all(opened.identifier, self.looks))
        return self._decided[1]


def begin(gallery: str):
    """Begins with what the form holds when its button is pressed; for callbacks."""
    read = st.session_state.get
    if (before := read(JOB)) and before.forget:
        before.forget()
    job, uploads = SortJob(gallery, read("gallery_sort_folder").strip(), read("gallery_sort_remember")), read(UPLOADS)
    try:
        if bool(job.folder) == bool(uploads):
            raise ValueError(
                "Give a folder or files, and not both."
                if uploads
                else "Give the folder that the photos are in, or files."
            )
        if uploads:
            job.folder = tempfile.mkdtemp(prefix="kerasface-photos-")
            job.forget = weakref.finalize(job, shutil.rmtree, job.folder, ignore_errors=True)
            job.left_out = _store(uploads, Path(job.folder))
        job.paths = image_files(user_path(job.folder))
    except (OSError, ValueError) as error:
        job.is_open, job.problem = False, told(error)
    st.session_state[JOB] = job


def _store(uploads: Sequence, folder: Path) -> list[str]:
    """Writes uploaded photos, and those in zip files, into a folder; returns a sentence for each that was left out."""
    left_out = []
    for number, upload in enumerate(uploads, start=1):
        try:
            if upload.name.lower().endswith(".zip"):
                skipped = unpack_photos(upload, folder).skipped
                left_out += [f"{upload.name}: {name}: {reason}" for name, reason in skipped]
            else:
                (folder / _free_name(upload.name, folder, number)).write_bytes(upload.getbuffer())
        except ValueError as error:
            left_out.append(f"{upload.name}: {told(error)}")
    return left_out


def _free_name(name: str, folder: Path, number: int) -> str:
    """The name of a photo as its file's, which leads nowhere else and is not taken."""
    own = (
        re.sub(r"[^\w .()-]", "_", name.replace("\\", "/").rpartition("/")[2])[-100:].lstrip(". ") or f"photo {number}"
    )
    return f"{number} {own}" if (folder / own).exists() else own


def go_on(opened: OpenGallery, job: SortJob):
    """Looks at the photos that are left, with progress and Stop; whatever ends the run, what was seen stays."""
    waiting = job.paths[len(job.looks) :]
    if not waiting:
        job.is_open = False
    if not job.is_open:
        return
    analyzer, seen = analyzer_of_gallery_or_stop(), opened.gallery.seen if job.remember else None
    place, shown = st.empty(), 0.0
    with place.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            bar = st.progress(0.0, text=f"Looking at {len(waiting):,} photos")
        st.button("Stop", icon=":material/stop:", key="gallery_sort_stop", on_click=_stop, args=(job,))
    started, before = time.monotonic(), len(job.looks)
    try:
        for batch in look_at_photos(waiting, analyzer, seen):
            job.looks += [without_crops(look) for look in batch]
            if time.monotonic() - shown >= REDRAW:
                shown = time.monotonic()
                bar.progress(len(job.looks) / len(job.paths), text=_text(job, len(job.looks) - before, started))
    except (OSError, *FAILURES) as error:
        job.problem = told(error)
    job.is_open = False
    place.empty()


def without_crops(look: LookedAt) -> LookedAt:
    """A photo as it is kept: of thousands, crops would fill the memory."""
    return replace(look, faces=[replace(entry, crop=None) for entry in look.faces])


def problems(looks: Sequence[LookedAt]) -> list[str]:
    return [look.problem for look in looks if look.problem is not None]


def _stop(job: SortJob):
    job.is_open = False


def _text(job: SortJob, done: int, started: float) -> str:
    left = (time.monotonic() - started) / max(done, 1) * (len(job.paths) - len(job.looks))
    return f"{len(job.looks):,} of {len(job.paths):,} photos, about {left:.0f} s left"
