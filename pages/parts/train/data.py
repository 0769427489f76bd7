"""Where the page Train gets its pictures from: a folder of this machine, a zip file, or the sample."""

from pathlib import Path

import numpy as np
import streamlit as st

from kerasface.data.archives import Contents, look_into, unpack
from kerasface.data.drawn.folders import write_drawn
from kerasface.data.listings import read_classes
from kerasface.data.samples import write_digits
from kerasface.files.paths import default_cache_folder, user_path
from kerasface.plotting.training import class_balance
from kerasface.runs.store import RunError, check_name
from kerasface.terminal.errors import told
from kerasface.terminal.words import counted
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask
from pages.parts.settings import settings_in_words
from pages.parts.tables import show_table
from pages.parts.train.kinds import ARCHIVE, FOLDER, SAMPLE, PageKind, Pictures, read_source
from pages.parts.train.masks import find_pairs, show_masks

SCENES = 120  # pictures of the sample, drawn within seconds
MAX_UPLOAD = 200  # megabytes; it lies in the server's memory until the page is left


def choose_data(kind: PageKind) -> Pictures | None:
    """Asks for the pictures; returns them, or None while there are none."""
    source = st.segmented_control(
        "Pictures",
        list(kind.sources),
        default=FOLDER,
        required=True,
        key=f"train_source{kind.suffix}",
        width="stretch",
        persist_state="session",
    )
    st.caption(kind.sources[source])
    if source == FOLDER:
        place = _choose_folder(kind)
    elif source == ARCHIVE:
        place = _choose_archive()
    else:
        place = _sample(kind)
    if place is None:
        return None
    return show_masks(place) if kind.name == "segment" else _show_classes(place)


def read_folder(kind: PageKind) -> Path:
    """The folder or listing as the boxes name it at this moment: what a press of Start goes by.

    Raises:
        ValueError: If there is none, or it cannot be trained on.
    """
    source = read_source(kind)
    place = {FOLDER: _typed_folder, ARCHIVE: lambda kind: _unpacked(), SAMPLE: sample_folder}[source](kind)
    if place is None:
        raise ValueError("Choose the pictures first.")
    if kind.name == "segment":
        find_pairs(place)
    else:
        read_classes(place)
    return place


def given_with(kind: PageKind) -> dict:
    """Settings that belong to the pictures: what there is to judge on."""
    if kind.name == "segment" and read_source(kind) == SAMPLE:
        return {"validation": str(sample_folder(kind).parent / "validation")}
    return {}


def _choose_folder(kind: PageKind) -> Path | None:
    st.text_input(
        "Folder on this machine" if kind.suffix else "Folder or listing on this machine",
        key=f"train_folder{kind.suffix}",
        placeholder="/data/people",
        icon=":material/folder:",
        persist_state="session",
    )
    return _typed_folder(kind)


def _typed_folder(kind: PageKind) -> Path | None:
    text = st.session_state[f"train_folder{kind.suffix}"].strip()
    return user_path(text) if text else None


def _unpacked() -> Path | None:
    return st.session_state.get("train_unpacked")


def sample_folder(kind: PageKind) -> Path:
    """Where the sample of a kind of training is written."""
    samples = default_cache_folder() / "samples"
    return samples / "scenes" / "train" if kind.name == "segment" else samples / "digits"


def _sample(kind: PageKind) -> Path | None:
    """The sample, written where caches live when it is asked for the first time."""
    folder = sample_folder(kind)
    try:
        if not folder.is_dir():
            with st.spinner("Writing the sample"):
                if kind.name == "segment":
                    write_drawn("scenes", folder.parent, count=SCENES)
                else:
                    write_digits(folder)
    except (ValueError, OSError) as error:
        st.error(plain(settings_in_words(told(error))), icon=":material/error:")
        return None
    st.caption(f"They are in {plain(str(folder))}.")
    return folder


def _choose_archive() -> Path | None:
    """Looks into a zip file and, when asked, unpacks it; what was unpacked in this session stays chosen."""
    upload = st.file_uploader(
        "Zip file", ["zip"], key="train_zip", label_visibility="collapsed", max_upload_size=MAX_UPLOAD
    )
    if upload is None:
        return _unpacked()
    try:
        with st.spinner("Looking into the archive"):
            contents = look_into(upload)
    except ValueError as error:
        st.error(plain(settings_in_words(told(error))), icon=":material/folder_zip:")
        return None
    _show_contents(contents)
    name = st.text_input(
        "Name of the folder to unpack to", Path(upload.name).stem, key=f"train_zip_name_{upload.file_id}"
    )
    folder = default_cache_folder() / "uploads" / name
    if st.session_state.get("train_unpacked") == folder and folder.is_dir():
        st.success(f"Unpacked to {plain(str(folder))}. Delete that folder to forget them.", icon=":material/check:")
        return folder
    if ask("Use these photos", type="primary", icon=":material/unarchive:", key="train_unpack"):
        try:
            check_name(name)
            with st.spinner("Unpacking"):
                unpacked = unpack(upload, folder)
        except (ValueError, OSError, RunError) as error:
            answered("train_unpack")
            st.error(plain(settings_in_words(told(error))), icon=":material/error:")
            return None
        answered("train_unpack")
        st.session_state["train_unpacked"] = unpacked.folder
        st.rerun()
    st.caption(f"They will be written to {plain(str(folder))}, and stay there until you delete it.")
    return None


def is_looked_at(data: Path) -> bool:
    """Whether every picture of a folder was looked at, with whatever settings."""
    return st.session_state.get("train_looked", ((None,),))[0][0] == str(data)


def _amount(pictures: int, classes: int) -> str:
    return f"**{counted(pictures, 'picture')}** of **{counted(classes, 'class', 'classes')}**"


def _show_contents(contents: Contents):
    size = f"{contents.num_bytes / 2**20:,.1f} MB"
    st.markdown(f"{_amount(len(contents.files), len(contents.counts()))}, {size} unpacked.")
    show_files(f"{len(contents.skipped):,} left in the archive", contents.skipped)


def _show_classes(place: Path) -> Pictures | None:
    """What is there, by names alone; None, with a sentence, where it cannot be trained on."""
    try:
        with st.spinner("Reading the names"):
            found = read_classes(place)
    except (ValueError, OSError) as error:
        st.error(plain(settings_in_words(told(error))), icon=":material/folder_off:")
        return None
    counts = np.bincount(found.labels, minlength=len(found.identities)).tolist()
    st.markdown(f"{_amount(len(found.samples), len(counts))} in {plain(str(place))}")
    rows = [
        {"name": name, "num_train": count, "num_validation": 0}
        for name, count in zip(found.identities, counts, strict=True)
    ]
    if not is_looked_at(place):  # else the chart with what is held out stands below
        show_chart(
            class_balance(rows).update_layout(showlegend=False, height=240),
            key="train_classes",
            alt="How many pictures each class has",
        )
    show_files(counted(len(found.rejected), "file is no picture", "files are no pictures"), found.rejected)
    return Pictures(place, len(found.samples), len(counts))


def show_files(title: str, files):
    """A folded table of files with the reason why each is not used; nothing where there are none."""
    if not files:
        return
    with st.expander(title):
        show_table([{"file": str(file), "reason": reason} for file, reason in files], title)
