"""Pictures to put behind faces: a folder of one's own, or photos that are installed already."""

from pathlib import Path

import cv2
import numpy as np

from kerasface.data.photos import read_photos
from kerasface.images.decoding import reason_against

_MAX_SIDE = 512  # pixels; backgrounds are mostly out of focus
# Of scikit-image, free of known restrictions on use; none of them shows a face.
_PHOTOS = ("brick", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "page", "retina", "rocket")


def installed_backgrounds() -> list[np.ndarray]:
    """Returns about a dozen pictures without faces that come with scikit-image and scikit-learn, RGB uint8."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    pictures = [getattr(skimage.data, name)() for name in _PHOTOS]
    return [_smaller(picture) for picture in (*pictures, *load_sample_images().images)]


def read_backgrounds(folder: str | Path) -> list[np.ndarray]:
    """Reads the pictures of a folder; files that cannot be read are passed over.

    Returns:
        RGB uint8 pictures of at most 512 pixels a side.

    Raises:
        ValueError: If the folder has no picture that can be read.
    """
    paths = sorted(path for path in Path(folder).glob("**/*") if path.is_file() and reason_against(path) is None)
    pictures = [_smaller(photo.image) for batch in read_photos(paths) for photo in batch if photo.problem is None]
    if not pictures:
        raise ValueError(f"No picture that can be read lies in the folder of backgrounds. Received: {folder}.")
    return pictures


def _smaller(picture: np.ndarray) -> np.ndarray:
    picture = picture[..., :3] if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    scale = min(1.0, _MAX_SIDE / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return cv2.resize(np.ascontiguousarray(picture), size, interpolation=cv2.INTER_AREA)
