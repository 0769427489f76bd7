"""Small pictures of faces: from crops while people are enrolled, later from their photos as long as those are there."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from kerasface.arrays import check_image
from kerasface.data.cache.images import content_keys
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.gallery.store import Sample
from kerasface.images.decoding import ImageError, decode

SIDE = 96  # pixels: about 3 kB as a JPEG
_AROUND = 0.2  # of a box's longer side


def picture_of_crop(crop: np.ndarray, *, side: int = SIDE) -> bytes:
    """Returns an aligned crop or a photo, RGB `(height, width, 3)` uint8, as a JPEG of `side` pixels at most."""
    check_image(crop, "crop")
    return _encoded(Image.fromarray(crop), side)


def picture_of_box(
    image: np.ndarray, box: Sequence[float], *, side: int = SIDE, around: float = _AROUND
) -> bytes | None:
    """Returns a face with a little of what is around it as a small JPEG.

    Args:
        image: RGB photo `(height, width, 3)` uint8.
        box: x, y, width, height in pixels; `None` is returned where that is outside of the photo.
        side: Pixels of the longer side, at most.
        around: How much of what is around it is shown on each side, as a part of the box's longer side.
    """
    check_image(image, "image")
    x, y, width, height = box
    margin = around * max(width, height)
    left, top = max(0, round(x - margin)), max(0, round(y - margin))
    right, bottom = round(x + width + margin), round(y + height + margin)
    cut = image[top : max(bottom, 0), left : max(right, 0)]
    return _encoded(Image.fromarray(cut), side) if cut.size else None


def picture_of_file(path: str, source_hash: str, box: Sequence[float]) -> bytes | None:
    """Returns a face of a photo file as a small JPEG; `None` where the file is gone, or another one by now."""
    if content_keys([Path(path)])[0] != [source_hash]:
        return None
    try:
        return picture_of_box(decode(path), box)
    except ImageError:
        return None


def picture_of_sample(sample: Sample) -> bytes | None:
    """Returns the picture that is sealed with a sample, or is cut from its photo; `None` where there is neither."""
    if sample.thumbnail or not sample.face:
        return sample.thumbnail
    return picture_of_file(sample.source, sample.source_hash, sample.face["box"])


def picture_of_face(face: AnalyzedFace, path: str, source_hash: str) -> bytes | None:
    """Returns the picture of a face that is enrolled: of its crop, or of its photo where that is not kept."""
    if face.crop is not None:
        return picture_of_crop(face.crop)
    return picture_of_file(path, source_hash, face.face.box)


def keep_pictures(gallery, on_progress: Callable[[int, int], object] = lambda done, total: None) -> tuple[int, int]:
    """Lets a gallery keep small pictures of its faces, and gives it those that its photos still show.

    Args:
        gallery: An open gallery.
        on_progress: Called with the number of samples done and their total.

    Returns:
        How many samples have a picture now, and how many there are.

    Raises:
        GalleryError: If the gallery cannot be written.
    """
    gallery.keep_thumbnails()
    samples = [sample for person in gallery.people() for sample in gallery.samples(person.person_id)]
    found = sum(sample.thumbnail is not None for sample in samples)
    for number, sample in enumerate(samples, start=1):
        if sample.thumbnail is None and (picture := picture_of_sample(sample)):
            found += gallery.add_thumbnails({sample.sample_id: picture})
        on_progress(number, len(samples))
    return found, len(samples)


def _encoded(picture: Image.Image, side: int) -> bytes:
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return file.getvalue()
