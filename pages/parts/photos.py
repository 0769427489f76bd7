"""How a page gets photos (upload, camera, sample) and how it writes text that came from a user."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from kerasface.data.samples import draw_digit
from kerasface.faces.turns import turn_note
from kerasface.images.decoding import ImageError, decode
from kerasface.terminal.errors import told

if TYPE_CHECKING:
    from kerasface.faces.detection import Face

SOURCES = ("Upload", "Camera", "Sample")
# Browsers that know no MIME type for HEIC or AVIF need the suffixes. Hostile or broken files are refused by `decode`.
FILE_TYPES = ["image", ".heic", ".heif", ".avif"]


@dataclass(frozen=True, eq=False)
class Photo:
    """A decoded photo: its name as the user knows it, and its pixels, RGB uint8, shape `(H, W, 3)`."""

    name: str
    image: np.ndarray


def plain(text: str) -> str:
    """Escapes text from outside (file names, labels, messages) so that Markdown shows it letter by letter."""
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])", r"\\\1", " ".join(text.split()))


def photo_caption(name: str, faces: "Sequence[Face]") -> str:
    """A photo's name and by how much it was turned to see its faces upright, as Markdown."""
    note = turn_note(faces[0].turned) if faces else ""
    return plain(f"{name}, {note}" if note else name)


def sample_portrait(*, close_up: bool = False) -> Photo:
    """The public-domain portrait of an astronaut, whole or as a mirrored close-up: two photos of one person."""
    from skimage.data import astronaut

    image = astronaut()
    if close_up:
        return Photo("the same portrait, mirrored and cut", np.ascontiguousarray(image[:330, 60:390][:, ::-1]))
    return Photo("the sample portrait", image)


def sample_digit() -> Photo:
    """A handwritten seven, for models that read digits."""
    return Photo("a handwritten digit", draw_digit(7))


def decode_upload(upload) -> Photo | None:
    """Decodes an uploaded file; writes a sentence on the page and returns None if it is no readable photo."""
    try:
        notes: list[str] = []
        with st.spinner("Reading the photo"):
            photo = Photo(upload.name, decode(upload.getvalue(), name=upload.name, on_note=notes.append))
        for note in notes:
            st.caption(plain(note))
        return photo
    except ImageError as error:
        st.error(plain(told(error)), icon=":material/broken_image:")
        return None


def choose_source(label: str, key: str, *more: str) -> str:
    """Asks where the photo comes from, once for all visits of a page; returns one of `SOURCES`, or of `more`."""
    # Not the widget's default, which a button must not contradict.
    st.session_state.setdefault(f"{key}_source", "Upload")
    return st.segmented_control(
        label, (*SOURCES, *more), required=True, key=f"{key}_source", width="stretch", persist_state="session"
    )


def photo_input(label: str, key: str, *, close_up: bool = False) -> Photo | None:
    """One photo from the source the user picks.

    Args:
        label: What the photo is, for people: `Photo A`.
        key: Prefix of the widgets' keys: `KEY_source`, `KEY_upload`, `KEY_camera`.
        close_up: Whether the sample is the mirrored close-up instead of the whole portrait.

    Returns:
        The photo, or None while there is none or it cannot be read (then the page says why).
    """
    source = choose_source(label, key)
    if source == "Sample":
        return sample_portrait(close_up=close_up)
    if source == "Camera":
        upload = st.camera_input(f"{label} from the camera", key=f"{key}_camera", label_visibility="collapsed")
    else:
        upload = st.file_uploader(f"{label} from a file", FILE_TYPES, key=f"{key}_upload", label_visibility="collapsed")
    return decode_upload(upload) if upload else None


def choose_uploads(source: str) -> list:
    """The files or the camera photo that the user gave; still encoded."""
    if source == "Camera":
        upload = st.camera_input("Photo from the camera", key="camera", label_visibility="collapsed")
        return [upload] if upload else []
    return st.file_uploader(
        "Photos from files", FILE_TYPES, accept_multiple_files=True, key="uploads", label_visibility="collapsed"
    )
