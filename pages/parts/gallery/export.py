"""Files of the page Gallery that leave it or come into it: exports, always encrypted, and imports."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from kerasface.gallery.store import GalleryError, Person
from kerasface.gallery.views import export_person
from kerasface.tasks.importing import import_file
from kerasface.terminal.errors import told
from pages.parts.gallery.opening import OpenGallery, act, notice
from pages.parts.photos import plain
from pages.parts.server.arrival import answered, ask

SHORTEST = 12  # characters of a passphrase
SUFFIX = ".kerasface-people"


def show_export(opened: OpenGallery, person: Person | None = None):
    """Offers an encrypted file of one person, or of everybody, which another gallery can import."""
    what = plain(person.name) if person else "everybody"
    key = person.person_id if person else "all"
    with st.expander("Export", icon=":material/upload_file:"):
        st.markdown(f"An encrypted file of {what} that another gallery, with another key, can import.")
        passphrase = st.text_input(
            "Passphrase", type="password", key=f"export_{key}", autocomplete="new-password", help="It is kept nowhere."
        )
        if not ask("Make the file", key=f"export_{key}_make"):
            return
        if len(passphrase) < SHORTEST:
            answered(f"export_{key}_make")
            st.warning(f"The passphrase takes {SHORTEST} characters; four words nobody would put together are good.")
            return
        try:
            with st.spinner("Encrypting"):
                content = exported(opened, person, passphrase)
        except (GalleryError, OSError) as error:
            answered(f"export_{key}_make")
            st.error(plain(told(error)), icon=":material/error:")
            return
        name = f"{person.person_id if person else Path(opened.gallery.path.name).stem}{SUFFIX}"
        st.download_button(
            "Download", content, name, icon=":material/download:", on_click="ignore", key=f"export_{key}_file"
        )
        answered(f"export_{key}_make")


def exported(opened: OpenGallery, person: Person | None, passphrase: str) -> bytes:
    """The content of an export."""

    def write(path: Path):
        if person:
            export_person(opened.gallery, person.person_id, path, passphrase=passphrase)
        else:
            opened.gallery.export(path, passphrase=passphrase)
        return path.read_bytes()

    return _with_file(write)


def show_import(opened: OpenGallery):
    """Takes everybody of an exported file into the gallery, or nobody."""
    with st.expander("Import", icon=":material/download:"):
        times = st.session_state.get("gallery_import_times", 0)
        st.file_uploader("File of an export", key=f"gallery_import_{times}")
        st.text_input("Passphrase of the file", type="password", key="gallery_import_passphrase", autocomplete="off")
        st.checkbox(
            "Add to people of the same name",
            key="gallery_import_merge",
            help="If not, a name that is there already ends the import.",
        )
        st.button(
            "Import",
            key="gallery_import_button",
            on_click=import_upload,
            args=(opened,),
        )


def import_upload(opened: OpenGallery):
    """Imports what the boxes hold at this moment."""
    given = st.session_state
    upload = given[f"gallery_import_{given.get('gallery_import_times', 0)}"]
    passphrase, merge = given["gallery_import_passphrase"], given["gallery_import_merge"]
    if upload is None:
        notice("warning", "Choose the file of an export first.")
        return

    def read(path: Path):
        path.write_bytes(upload.getvalue())
        return import_file(opened.gallery, path, passphrase=passphrase or None, merge=merge)

    def take():
        for entry in _with_file(read).look_alikes:
            notice("warning", entry.text)

    if act(take, f"Everybody in {upload.name} was imported."):
        st.session_state["gallery_import_times"] = st.session_state.get("gallery_import_times", 0) + 1


def _with_file(use: Callable[[Path], object]):
    """Calls with the path of a file that only this user can read and that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kerasface-") as folder:
        return use(Path(folder) / "export")
