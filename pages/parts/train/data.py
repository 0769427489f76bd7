"""Where the page Train gets its pictures from: a folder of this machine, a zip file, or the sample."""

from pathlib import Path

import streamlit as st

from kerasface.data.archives import Contents, look_into, unpack
from kerasface.data.folders import read_identity_folders
from kerasface.data.samples import write_digits
from kerasface.files.paths import default_cache_folder, user_path
from kerasface.plotting.training import class_balance
from kerasface.runs.store import RunError, check_name
from kerasface.terminal.errors import told
from pages.parts.charts import show_chart
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask
from pages.parts.tables import show_table

FOLDER, ARCHIVE, SAMPLE = "Folder", "Zip file", "Sample"
MAX_UPLOAD = 200  # megabytes; it lies in the server's memory until the page is left
HINTS = {
    FOLDER: "A folder of this machine that holds a folder of pictures per class: per person, per animal, per anything.",
    ARCHIVE: "A zip file of such a folder. It is looked at first; nothing is written to disk until you say so.",
    SAMPLE: "1,797 handwritten digits (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, 1998, CC BY 4.0).",
}


def choose_data() -> Path | None:
    """Asks for the pictures; returns the folder of classes, or None while there is none."""
    kind = st.segmented_control(
        "Pictures",
        list(HINTS),
        default=FOLDER,
        required=True,
        key="train_source",
        width="stretch",
        persist_state="session",
    )
    st.caption(HINTS[kind])
    data = {FOLDER: _choose_folder, ARCHIVE: _choose_archive, SAMPLE: _sample}[kind]()
    if data is None or not _show_classes(data):
        return None
    return data


def read_folder() -> Path:
    """The folder as the boxes name it at this moment: what a press of Start goes by.

    Raises:
        ValueError: If there is none, or it cannot be trained on.
    """
    kind = st.session_state.get("train_source")
    data = {FOLDER: _typed_folder, ARCHIVE: _unpacked, SAMPLE: _sample_folder}[kind]()
    if data is None:
        raise ValueError("Choose the pictures first.")
    read_identity_folders(data)
    return data


def _choose_folder() -> Path | None:
    st.text_input(
        "Folder on this machine",
        key="train_folder",
        placeholder="/data/people",
        icon=":material/folder:",
        persist_state="session",
    )
    return _typed_folder()


def _typed_folder() -> Path | None:
    text = st.session_state["train_folder"].strip()
    return user_path(text) if text else None


def _unpacked() -> Path | None:
    return st.session_state.get("train_unpacked")


def _sample_folder() -> Path:
    return default_cache_folder() / "samples" / "digits"


def _sample() -> Path | None:
    """The digits, written where caches live when they are asked for the first time."""
    folder = _sample_folder()
    try:
        if not folder.is_dir():
            with st.spinner("Writing the digits"):
                write_digits(folder)
    except (ValueError, OSError) as error:
        st.error(plain(told(error)), icon=":material/error:")
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
        st.error(plain(told(error)), icon=":material/folder_zip:")
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
            st.error(plain(told(error)), icon=":material/error:")
            return None
        answered("train_unpack")
        st.session_state["train_unpacked"] = unpacked.folder
        st.rerun()
    st.caption(f"They will be written to {plain(str(folder))}, and stay there until you delete it.")
    return None


def is_looked_at(data: Path) -> bool:
    """Whether every picture of a folder was looked at, with whatever settings."""
    return st.session_state.get("train_looked", ((None,),))[0][0] == str(data)


def _show_contents(contents: Contents):
    size = f"{contents.num_bytes / 2**20:,.1f} MB"
    st.markdown(f"**{len(contents.files):,} pictures** of **{len(contents.counts()):,} classes**, {size} unpacked.")
    show_files("left in the archive", contents.skipped)


def show_files(what: str, files):
    """A folded table of files with the reason why each is not used; nothing where there are none."""
    if not files:
        return
    with st.expander(f"{len(files):,} {what}"):
        show_table([{"file": str(file), "reason": reason} for file, reason in files], what)


def _show_classes(data: Path) -> bool:
    """What the folder holds, by names alone; False, with a sentence, where it cannot be trained on."""
    try:
        with st.spinner("Reading the folder"):
            found = read_identity_folders(data)
    except (ValueError, OSError) as error:
        st.error(plain(told(error)), icon=":material/folder_off:")
        return False
    counts = [0] * len(found.identities)
    for _, label in found.samples:
        counts[label] += 1
    st.markdown(f"**{len(found.samples):,} pictures** of **{len(counts):,} classes** in {plain(str(data))}")
    rows = [
        {"name": name, "num_train": count, "num_validation": 0}
        for name, count in zip(found.identities, counts, strict=True)
    ]
    if not is_looked_at(data):  # else the chart with what is held out stands below
        show_chart(
            class_balance(rows).update_layout(showlegend=False, height=240),
            key="train_classes",
            alt="How many pictures each class has",
        )
    show_files("files are no pictures", found.rejected)
    return True
