"""What a model looks at on a photo: a face's aligned crop, the square around a face, or the middle of the picture."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from kerasface.arrays import check_image
from kerasface.data.photos import read_photos
from kerasface.faces.detection import Face, FaceDetector, central_face
from kerasface.faces.regions import cut_square, square_around
from kerasface.faces.run_embedder import template_of
from kerasface.faces.turns import turned
from kerasface.images.squares import fit_square
from kerasface.runs.card import ModelInput


def model_square(photo: np.ndarray, taken: ModelInput, face: Face | None = None) -> np.ndarray:
    """Cuts the square of pixels that a model takes out of a photo.

    Args:
        photo: RGB `(height, width, 3)` uint8.
        taken: What the model takes, by the card of its run.
        face: The face that is meant; not used for a model of whole pictures.

    Returns:
        RGB `(side, side, 3)` uint8: the aligned crop of the face, the square around it as in training, or else the
        largest square in the photo's middle.

    Raises:
        RunError: If the card does not tell the side.
        ValueError: If a model of faces is given none.
    """
    check_image(photo, "photo")
    side = taken.side()
    if not taken.looks_at_faces:
        return fit_square(photo, side)
    if face is None:
        raise ValueError("The model looks at faces. Received: face=None. Give a face that was found in the photo.")
    if context := taken.context:
        return turned(cut_square(photo, square_around(face.box, context, face.turned), side), face.turned)
    return fit_square(template_of("of faces", taken).cut(photo, face), side)


def squares_of(
    paths: Sequence[Path],
    taken: ModelInput,
    detector: FaceDetector | None = None,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[np.ndarray, list[Path], list[str]]:
    """Cuts out of many photos what a model takes: of a model of faces the central face of each.

    Args:
        paths: The photos.
        taken: What the model takes, by the card of its run.
        detector: Finds the faces; for a model of faces only.
        on_progress: Called with the number of photos done.

    Returns:
        The squares, RGB `(num_squares, side, side, 3)` uint8; the photo of each; and for each photo that could not be
        used, a sentence that names it.

    Raises:
        RunError: If the card does not tell the side.
        ValueError: If no photo could be used.
    """
    squares, used, problems = [], [], []
    done = 0
    for batch in read_photos(paths):
        readable = [photo for photo in batch if photo.image is not None]
        problems += [photo.problem for photo in batch if photo.image is None]
        images = [photo.image for photo in readable]
        found = detector.detect(images) if taken.looks_at_faces else [[] for _ in images]
        for photo, faces in zip(readable, found, strict=True):
            if taken.looks_at_faces and not faces:
                problems.append(f"{photo.path}: No face was found in it.")
                continue
            face = central_face(faces, photo.image.shape) if faces else None
            squares.append(model_square(photo.image, taken, face))
            used.append(photo.path)
        done += len(batch)
        if on_progress:
            on_progress(done)
    if not squares:
        raise ValueError(f"None of {len(paths)} photos can be used. {problems[0] if problems else 'Give some.'}")
    return np.stack(squares), used, problems
