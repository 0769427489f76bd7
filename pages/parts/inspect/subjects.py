"""What the models of the page Inspect are shown: a photo, a face in it, the square that the model takes, its parts."""

from dataclasses import dataclass

import cv2
import numpy as np
import streamlit as st

from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.detection import Face, central_face
from kerasface.inspection.subjects import model_square
from kerasface.tasks.segmentation import Segmentation, Segmenter, mask_in_crop
from pages.parts.inspect.models import FAILURES, Inspected, end_with
from pages.parts.inspect.work import digest, kept
from pages.parts.models import analyzer_or_stop, count_faces
from pages.parts.photos import Photo, photo_input, sample_digit


@dataclass(frozen=True, eq=False)
class Subject:
    """What a model is shown of a photo.

    Attributes:
        photo: The photo.
        square: RGB uint8, `(side, side, 3)`.
        face: The face that it shows, or None.
        index: Which of the photo's faces that is, largest first.
    """

    photo: Photo
    square: np.ndarray
    face: Face | None = None
    index: int = 0


def choose_photo(chosen: Inspected) -> Photo | None:
    """The photo that both views of one photo look at; a model of digits has a digit for its sample."""
    photo = photo_input("Photo", "inspect")
    return sample_digit() if chosen.reads_digits and st.session_state["inspect_source"] == "Sample" else photo


def choose_sample():
    st.session_state["inspect_source"] = "Sample"


def subject_or_stop(chosen: Inspected, photo: Photo | None) -> Subject:
    """What the model is shown of the photo; without a photo, or a face in it, the page says so and ends here."""
    if photo is None:
        st.caption("Choose a photo, take one, or try the sample. It is looked at on this machine and is not stored.")
        st.button("Try the sample", icon=":material/science:", on_click=choose_sample)
        st.stop()
    faces = find_faces(photo.image) if chosen.of_faces else []
    if not chosen.of_faces and kept(("count", digest(photo.image)), lambda: count_faces(photo.image)):
        st.info(
            "There are faces in this photo, and this model knows no people: it looks at the picture as a whole.",
            icon=":material/face:",
        )
    if chosen.of_faces and not faces:
        st.warning(
            "No face was found in this photo, and this model looks at faces. Choose another photo or model.",
            icon=":material/face_retouching_off:",
        )
        st.stop()
    index = 0
    if len(faces) > 1:
        middle = faces.index(central_face(faces, photo.image.shape))
        names = [f"Face {number}" for number in range(1, len(faces) + 1)]
        chosen_face = st.pills(
            "Face, largest first", names, default=names[middle], required=True, key=f"face_{digest(photo.image)}"
        )
        index = names.index(chosen_face)
    face = faces[index] if faces else None
    try:
        return Subject(photo, model_square(photo.image, chosen.card.input, face), face, index)
    except FAILURES as error:
        end_with(error)


def find_faces(image: np.ndarray) -> list[Face]:
    analyzer = analyzer_or_stop()
    with st.spinner("Looking for faces"):
        return kept(("faces", digest(image)), lambda: analyzer.detector.detect([image])[0])


def parts_of(
    finder: Segmenter,
    image: np.ndarray,
    face: Face,
    size: tuple[int, int],
    template: CropTemplate = FACE_RESNET_CROP,
) -> np.ndarray | None:
    """Class ids of the parts of a face in its aligned crop, brought to `size`; None if they are not found."""
    with st.spinner("Looking for the parts of the face"):
        found: Segmentation = kept(("parts", digest(image)), lambda: finder.segment_faces(image))
    if not found.faces:
        return None
    segmented = min(found.faces, key=lambda one: abs(one.face.landmarks - face.landmarks).sum())
    return cv2.resize(mask_in_crop(segmented, template), size[::-1], interpolation=cv2.INTER_NEAREST)
