"""A photo whose faces are numbered, and the choice of one of them where there are several."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from kerasface.faces.detection import none_stands_out
from kerasface.faces.drawing import draw_faces
from kerasface.tasks.verification import VerifiedFace
from kerasface.terminal.words import counted
from pages.parts.inspect.work import digest
from pages.parts.photos import Photo, plain


def choice_key(key: str, image: np.ndarray) -> str:
    """The key of the choice among a photo's faces; it belongs to that photo, and ends with it."""
    return f"{key}_face_{digest(image)}"


def chosen_face(key: str, image: np.ndarray) -> int | None:
    """The number of the face that was chosen in a photo, from 1; None while none was."""
    return st.session_state.get(choice_key(key, image))


def choose_face(place: DeltaGenerator, title: str, photo: Photo, faces: Sequence[VerifiedFace], key: str):
    """Shows a photo with its faces marked, and asks which one counts where there are several.

    Args:
        place: Where.
        title: What the photo is called on the page.
        photo: The photo.
        faces: Those found in it; the one that counts is marked.
        key: Prefix of the choice's key.
    """
    chosen = [index for index, face in enumerate(faces) if face.chosen]
    place.image(
        draw_faces(photo.image, [face.face for face in faces], chosen=chosen),
        caption=plain(f"{photo.name}: {counted(len(faces), 'face')} found"),
        output_format="JPEG",
        width="stretch",
        alt=f"{photo.name}, its faces marked",
    )
    if len(faces) > 1:
        place.pills(
            f"Which face of {title}",
            [face.number for face in faces],
            default=None if none_stands_out([face.face for face in faces]) else 1,
            format_func=lambda number: f"Face {number}",
            key=choice_key(key, photo.image),
        )
