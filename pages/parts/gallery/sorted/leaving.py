"""What is done with the answers: a table, copies or links in a folder per person, names in XMP, and the way back."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from kerasface.files.paths import user_path
from kerasface.tasks.sorting.answers import Answer, without_doubtful_names
from kerasface.tasks.sorting.manifest import Placed, undo
from kerasface.tasks.sorting.naming import name_photos
from kerasface.tasks.sorting.placing import COPY, LINK, place_photos
from kerasface.tasks.sorting.table import faces_csv
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.gallery.opening import notice
from pages.parts.gallery.sorted.job import SortJob

_HOW = (("Copy", ":material/content_copy:", COPY), ("Link", ":material/link:", LINK))
_NEVER_CHANGED = "XMP goes into a file next to each photo, as digiKam reads it. Photos are never moved or changed here."
_SURE = "Of faces that barely reach the threshold. A yes in Doubt first makes a face sure, and a no takes its name."
_UPLOADED = (
    "What you gave lies in a folder of this machine that is gone when other photos are looked at or this window is "
    "closed."
)


def show_leaving(job: SortJob, answers: Sequence[Answer]):
    """Buttons that let all photos with a name, or their names, leave; each says what was made, and how to undo it."""
    title, is_open = "Table, copies, links, names in photos", bool(job.manifests)  # where the way back is to be seen
    with st.expander(title, is_open, icon=":material/output:", key="sort_leaving"):
        is_sure = st.checkbox("Leave out names that are still doubtful", key="sort_sure", help=_SURE)
        answers = without_doubtful_names(answers) if is_sure else answers
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.download_button(
                "Table (CSV)",
                lambda: faces_csv(
                    [answer.to_dict() | {"image": job.shown(answer.look.path)} for answer in answers]
                ).encode("utf-8", "replace"),
                "faces.csv",
                "text/csv",
                icon=":material/table:",
                key="sort_csv",
            )
            if not job.forget:  # what is uploaded is not there for long
                st.button("Names as XMP", icon=":material/sell:", key="sort_xmp", on_click=_name, args=(job, answers))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                "Folder for a folder per person", key="sort_target", placeholder="~/Pictures/sorted", width=320
            )
            for label, icon, how in _HOW[: 1 if job.forget else 2]:
                args = (job, answers, how)
                st.button(f"{label} photos there", icon=icon, key=f"sort_{how}", on_click=_place, args=args)
        st.caption(_UPLOADED if job.forget else _NEVER_CHANGED)
        if job.manifests:
            last = job.manifests[-1]
            st.button(
                f"Take back the last: {last.name}", icon=":material/undo:", key="sort_undo", on_click=_undo, args=(job,)
            )


def _named(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.names]


def _name(job: SortJob, answers: Sequence[Answer]):
    def work() -> Placed:
        faces = {
            answer.look.path: [(face.name, face.face.box) for face in answer.faces if face.name]
            for answer in _named(answers)
        }
        named = name_photos(faces)
        for text in (*named.others, *named.problems):
            notice("warning", text)
        return named.placed

    _do(job, work, "file", "written")


def _place(job: SortJob, answers: Sequence[Answer], how: str):
    target = st.session_state["sort_target"].strip()
    if not target:
        notice("warning", "Say which folder the photos are to go into.")
        return
    folder, source = user_path(target), user_path(job.folder)
    if folder.resolve().is_relative_to(source.resolve()):
        notice("warning", f"{folder} lies in {source}: the next time its copies would be looked at, too.")
        return
    photos = {answer.look.path: answer.names for answer in _named(answers)}
    _do(job, lambda: place_photos(photos, folder, how), "photo", {COPY: "copied", LINK: "linked"}[how])


def _do(job: SortJob, work: Callable[[], Placed], what: str, done: str):
    try:
        placed = work()
    except (OSError, ValueError) as error:
        notice("error", told(error))
        return
    for place, reason in placed.failed:
        notice("error", f"{place} was not made: {reason}.")
    if placed.manifest:
        job.manifests.append(placed.manifest)
    there = f", {len(placed.present):,} were there already" if placed.present else ""
    notice("success", f"{counted(len(placed.made), what)} {done}{there}.")


def _undo(job: SortJob):
    manifest: Path = job.manifests[-1]
    try:
        undone = undo(manifest)
    except (OSError, ValueError) as error:  # OSError: a folder that is read-only, a disk that was taken out
        notice("error", told(error))
        return
    for path, reason in undone.kept:
        notice("warning", f"{path} stays: {reason}.")
    if not undone.kept:
        job.manifests.pop()
    notice("success", f"{counted(len(undone.removed), 'file')} taken back.")
