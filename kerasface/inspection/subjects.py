"""What a model looks at on a photo: a face's aligned crop, the square around a face, or the middle of the picture."""

import numpy as np

from kerasface.arrays import check_image
from kerasface.data.cache.images import fit_square
from kerasface.faces.alignment import FACE_RESNET_TEMPLATE, align
from kerasface.faces.detection import Face
from kerasface.faces.regions import cut_square, square_around
from kerasface.faces.turns import turned
from kerasface.models.face_resnet import IMAGE_SIZE
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
    return fit_square(align(photo, face.landmarks, FACE_RESNET_TEMPLATE, IMAGE_SIZE), side)
