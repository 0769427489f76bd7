"""The view "Add many" of the page Gallery: a folder or a zip file with a folder of photos per person, all at once."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import streamlit as st

from kerasface.data.archives import unpack
from kerasface.data.folders import read_identity_folders
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.files.paths import user_path
from kerasface.gallery.store import Consent
from kerasface.tasks.enrollment import CONFLICT_FPIR, Enroller, Enrolment
from kerasface.tasks.identification import Identifier
from kerasface.terminal.errors import told
from pages.parts.gallery.enrol import DEFAULT_PURPOSE, MEANING, consent_until, counted
from pages.parts.gallery.opening import FAILURES, OpenGallery, analyzer_of_gallery_or_stop
from pages.parts.gallery.photos import show_turns
from pages.parts.photos import plain
from pages.parts.tables import show_table

MAX_UPLOAD = 200  # megabytes; it lies in the server's memory until the page is left
JOB = "gallery_many_job"


@dataclass
class Job:
    """What is enrolled at once, and how far that went; it outlives the run of a page in which it began.

    Attributes:
        gallery: Path of the gallery.
        folder: The folder, as it was typed; empty where there is an archive.
        archive: The zip file that was uploaded, or None.
        consent: What everybody agreed to.
        is_open: Whether it is still to be gone on with.
        problem: Why it cannot be, as a sentence.
        total: Photos.
        done: What became of the photos so far.
        passed_over: Other files, each with the reason.
    """

    gallery: str
    folder: str
    archive: object
    consent: Consent | None
    is_open: bool = True
    problem: str = ""
    total: int = 0
    done: list[Enrolment] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)

    def end(self, problem: str = ""):
        """Goes on no more."""
        self.is_open, self.problem = False, problem


def show_add_many(opened: OpenGallery):
    """Where the photos are, the consent, one button; then what became of every person and every photo."""
    st.markdown(
        "A folder, or a zip file of it, with a folder of photos per person: the folders' names become the people's. "
        "Every photo passes the same gate as in **Add a person**."
    )
    with st.form("gallery_many"):
        folder, zipped = st.columns(2, gap="medium")
        folder.text_input("Folder on this machine", key="gallery_many_folder", placeholder="Such as ~/Pictures/people")
        zipped.file_uploader("Or a zip file of it", ["zip"], key="gallery_many_zip", max_upload_size=MAX_UPLOAD)
        with st.container(horizontal=True):
            st.text_input("What for", DEFAULT_PURPOSE, key="gallery_many_purpose", width=340)
            tomorrow = date.today() + timedelta(days=1)
            st.date_input("Until", None, min_value=tomorrow, key="gallery_many_until", width=160, format="YYYY-MM-DD")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.checkbox(
                "Everybody in it agreed to be recognised here", key="gallery_many_agreed", help=MEANING, width="content"
            )
            st.form_submit_button(
                "Enrol everybody",
                type="primary",
                icon=":material/group_add:",
                key="gallery_many_enrol",
                on_click=_begin,
                args=(str(opened.gallery.path),),
            )
    job: Job | None = st.session_state.get(JOB)
    if job is None or job.gallery != str(opened.gallery.path):
        return
    if job.is_open:
        _go_on(opened, job)
    if job.problem:
        st.error(plain(job.problem), icon=":material/error:")
    if job.done:
        show_done(job)


def _begin(gallery: str):
    """Begins with what the form holds when its button is pressed."""
    read = st.session_state.get
    folder, archive, purpose = (
        read("gallery_many_folder").strip(),
        read("gallery_many_zip"),
        read("gallery_many_purpose"),
    )
    job = Job(gallery, folder, archive, None)
    if bool(folder) == bool(archive):
        job.end("Give a folder or a zip file, and not both." if archive else "Give a folder or a zip file.")
    elif not purpose.strip():
        job.end("Say what the people agreed to. Nothing was enrolled.")
    elif not read("gallery_many_agreed"):
        job.end("Ask the people first, and tick that they agreed. Nothing was enrolled.")
    else:
        job.consent = consent_until(purpose, read("gallery_many_until"))
    st.session_state[JOB] = job


def _go_on(opened: OpenGallery, job: Job):
    """Enrols person by person; where the run is interrupted, the next one goes on with the next person."""
    try:
        with _folder_of(job) as (folder, root, left_out):
            found = read_identity_folders(folder, min_identities=1)
            people: dict[str, list[Path]] = {name: [] for name in found.identities}
            for photo, label in found.samples:
                people[found.identities[label]].append(photo)
            job.total = len(found.samples)
            job.passed_over = [*left_out, *((str(path), reason) for path, reason in found.rejected)]
            job.passed_over += [(name, "No photo lies in this folder.") for name in found.left_out]
            identifier, analyzer = Identifier(opened.gallery, fpir=CONFLICT_FPIR), analyzer_of_gallery_or_stop()
            place = st.empty()
            with place.container(horizontal=True, vertical_alignment="center"):
                with st.container():
                    bar = st.progress(0.0)
                st.button("Stop", icon=":material/stop:", key="gallery_many_stop", on_click=job.end)
            for name in [name for name in people if name not in {entry.name for entry in job.done}]:
                bar.progress(len(job.done) / job.total, f"{len(job.done)} of {job.total} photos: {plain(name)}")
                job.done += _enrol_one(identifier, analyzer, name, people[name], job.consent, root)
            place.empty()
    except (OSError, *FAILURES) as error:
        job.end(told(error))
    else:
        job.end()


def _enrol_one(
    identifier: Identifier,
    analyzer: FaceAnalyzer,
    name: str,
    photos: list[Path],
    consent: Consent | None,
    root: Path | None,
) -> list[Enrolment]:
    """Enrols one person; an earlier consent that still holds stays."""
    known = next((person for person in identifier.gallery.people() if person.name == name), None)
    given = None if known and known.is_searched else consent
    try:
        return Enroller(identifier).enroll_files({name: photos}, analyzer, consent=given, root=root)
    except FAILURES as error:  # such as a folder whose name no person may have: the others go on
        return [Enrolment(name, photo.name, "unreadable", told(error), {}) for photo in photos]


@contextmanager
def _folder_of(job: Job) -> Iterator[tuple[Path, Path | None, tuple]]:
    """The folder of people; of an archive, one that is soon gone, once more as `root`, and what was left in it."""
    if not job.archive:
        yield user_path(job.folder), None, ()
        return
    with tempfile.TemporaryDirectory(prefix="kerasface-people-") as made:
        with st.spinner("Unpacking"):
            unpacked = unpack(job.archive, Path(made) / "people")
        yield unpacked.folder, unpacked.folder, unpacked.skipped


def show_done(job: Job):
    """How many photos of whom were taken, and why others were not."""
    taken = [entry for entry in job.done if entry.refused is None]
    people = len({entry.name for entry in taken})
    said = (
        f"{len(taken)} of {counted(job.total, 'photo')} enrolled, of {people} {'person' if people == 1 else 'people'}."
    )
    if len(job.done) < job.total:
        st.warning(
            f"Stopped: {said} {counted(job.total - len(job.done), 'photo')} not looked at. Press the button again to "
            "go on: what is enrolled already is passed over.",
            icon=":material/stop_circle:",
        )
    else:
        show, icon = (st.success, ":material/check_circle:") if taken else (st.warning, ":material/block:")
        show(said, icon=icon)
    rows = []
    for name in sorted({entry.name for entry in job.done}):
        own = [entry.refused is None for entry in job.done if entry.name == name]
        rows.append({"person": name, "enrolled": sum(own), "not enrolled": len(own) - sum(own)})
    show_table(rows, "People and how many of their photos were enrolled")
    show_turns([(entry.source, entry.turned) for entry in job.done])
    reasons = [(entry.source, entry.reason) for entry in job.done if entry.refused] + job.passed_over
    if reasons:
        with st.expander(f"Not enrolled: {counted(len(reasons), 'file')}, and why", expanded=len(reasons) <= 10):
            files = [{"file": file, "why": why.removeprefix(f"{file}:").strip()} for file, why in reasons]
            show_table(files, "Files that were not enrolled")
            st.caption("A photo that the gate refuses can be looked at, and enrolled all the same, in Add a person.")
