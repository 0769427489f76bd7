"""Faces to try a network on: the sample portrait's, moved and lit in many ways, and those of a folder of people."""

import os
from dataclasses import dataclass

import numpy as np

from kerasface.data.folders import read_identity_folders
from kerasface.data.photos import read_photos
from kerasface.faces.alignment import CropTemplate
from kerasface.faces.detection import Face, FaceDetector, central_face

_NUM_SAMPLES = 32
_MOST_PHOTOS, _OF_EACH = 120, 4


@dataclass(frozen=True, eq=False)
class FoundFace:
    """A face of somebody.

    Attributes:
        photo: RGB `(height, width, 3)` uint8.
        face: Where it is.
        person: Whose it is, a number.
    """

    photo: np.ndarray
    face: Face
    person: int


def sample_face(detector: FaceDetector) -> tuple[np.ndarray, Face]:
    """Returns the portrait that comes with scikit-image (public domain), and its face."""
    from skimage.data import astronaut

    portrait = astronaut()
    return portrait, central_face(detector.detect([portrait])[0], portrait.shape)


def sample_crops(photo: np.ndarray, face: Face, cut: CropTemplate, *, strength: float = 1.0) -> np.ndarray:
    """Cuts one face in 32 ways: turned, larger or smaller, moved, darker or brighter, and every second one mirrored.

    Args:
        photo: RGB `(height, width, 3)` uint8.
        face: Where the face is in it.
        cut: How crops are cut.
        strength: Of all that; 0 is nothing.

    Returns:
        `(32, *cut.image_size, 3)` uint8.
    """
    rng = np.random.default_rng(0)
    crops = []
    for number in range(_NUM_SAMPLES):
        turn = strength * rng.uniform(-0.25, 0.25)  # radians
        scale = np.exp(strength * rng.uniform(-0.12, 0.12))
        shift = strength * rng.uniform(-0.05, 0.05, 2) * cut.image_size[0]
        gain, gamma = np.exp(strength * rng.uniform(-0.4, 0.3)), np.exp(strength * rng.uniform(-0.3, 0.3))
        rotation = scale * np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        centre = cut.points.mean(axis=0)
        moved = CropTemplate(cut.name, (cut.points - centre) @ rotation + centre + shift, cut.image_size)
        crop = 255 * np.clip(gain * (moved.cut(photo, face) / 255) ** gamma, 0, 1)
        crops.append((crop[:, ::-1] if number % 2 else crop).astype(np.uint8))
    return np.stack(crops)


def people_faces(folder: str | os.PathLike, detector: FaceDetector) -> list[FoundFace]:
    """Finds faces of the people of a folder: up to four photos of each, up to 120 in all, those with two or more first.

    Args:
        folder: With a folder of photos per person.
        detector: Finds the faces; of each photo the one nearest its centre counts.

    Raises:
        ValueError: If two people with two photos each are not among them.
    """
    folders = read_identity_folders(folder)
    counts = np.bincount(folders.labels, minlength=len(folders.identities))
    chosen = []
    for person in np.argsort(counts < 2, kind="stable"):
        if len(chosen) < _MOST_PHOTOS:
            chosen += np.flatnonzero(folders.labels == person)[:_OF_EACH].tolist()
    found, rows = [], iter(chosen)
    for batch in read_photos([folders.paths[row] for row in chosen]):
        people = [folders.labels[next(rows)] for _ in batch]
        readable = [(photo.image, person) for photo, person in zip(batch, people, strict=True) if photo.problem is None]
        for (photo, person), faces in zip(readable, detector.detect([photo for photo, _ in readable]), strict=True):
            if faces:
                found.append(FoundFace(photo, central_face(faces, photo.shape), int(person)))
    _, of_each = np.unique([one.person for one in found], return_counts=True)
    if np.sum(of_each >= 2) < 2:
        raise ValueError(
            f"{os.fspath(folder)}: whether a network is shown faces as it should takes photos with a face of two "
            f"people or more, two of each. Received: {len(found)} such photos of {len(of_each)}."
        )
    return found
