"""What a model looks at on a photo: a face's aligned crop, the square around a face, or the middle of the picture."""

import numpy as np

from kerasface.arrays import check_image
from kerasface.data.cache.images import fit_square
from kerasface.faces.alignment import FACE_RESNET_TEMPLATE, align
from kerasface.faces.detection import Face
from kerasface.faces.regions import cut_square, square_around
from kerasface.faces.turns import turned
from kerasface.models.face_resnet import IMAGE_SIZE
from kerasface.runs.store import RunError


def looks_at_faces(card: dict) -> bool:
    """Tells whether a model is shown a face of a photo, and not the photo's middle.

    Args:
        card: Card of a run.
    """
    return bool("alignment" in card["input"] or card["input"].get("context"))


def model_square(photo: np.ndarray, card: dict, face: Face | None = None) -> np.ndarray:
    """Cuts the square of pixels that a model takes out of a photo.

    Args:
        photo: RGB `(height, width, 3)` uint8.
        card: Card of the model's run.
        face: The face that is meant; not used for a model of whole pictures.

    Returns:
        RGB `(side, side, 3)` uint8: the aligned crop of the face, the square around it as in training, or else the
        largest square in the photo's middle.

    Raises:
        RunError: If the card does not tell the side.
        ValueError: If a model of faces is given none.
    """
    check_image(photo, "photo")
    match size := card["input"].get("image_size"):
        case [int(side), int(other)] if side == other > 0:
            pass
        case _:
            raise RunError(f"The card of a model must tell a square of pixels. Received: image_size={size!r}.")
    if not looks_at_faces(card):
        return fit_square(photo, side)
    if face is None:
        raise ValueError("The model looks at faces. Received: face=None. Give a face that was found in the photo.")
    if context := card["input"].get("context"):
        return turned(cut_square(photo, square_around(face.box, context, face.turned), side), face.turned)
    return fit_square(align(photo, face.landmarks, FACE_RESNET_TEMPLATE, IMAGE_SIZE), side)
