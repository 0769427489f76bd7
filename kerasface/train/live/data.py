"""Small pictures to learn from while one looks on: digits, crops of photos in color, or a folder of one's own."""

import os
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from kerasface.data.folders import read_identity_folders
from kerasface.data.samples import read_digits
from kerasface.images.decoding import ImageError, decode
from kerasface.images.squares import fit_square
from kerasface.terminal.words import counted

_MOST_INK = 16  # of a pixel of scikit-learn's digits
_HELD_OUT_DIGITS = 360  # of the 1,797
_SIDE = 24  # pixels of a picture in color
_CROPS, _HELD_OUT_CROPS = 100, 30  # of each photo
_MOST_IMAGES = 150  # of a class of one's own
_MOST_CLASSES = 12
# What scikit-image brings, by the name of its function.
_PHOTOS = {
    "astronaut": "astronaut",
    "cat": "chelsea",
    "coffee": "coffee",
    "rocket": "rocket",
    "retina": "retina",
    "tissue": "immunohistochemistry",
    "galaxies": "hubble_deep_field",
    "brick": "brick",
    "grass": "grass",
    "gravel": "gravel",
}


@dataclass(frozen=True, eq=False)
class LiveData:
    """Pictures of one small size, and which of them are held out.

    Attributes:
        images: Float32 in `[0, 1]`, `(num_images, side, side, channels)`; one channel is grey, three are RGB.
        labels: Index of the class of each, int32, `(num_images,)`.
        classes: Names.
        train: Indices of the pictures to learn from.
        held_out: Indices of the others.
        notes: What was left out, in sentences.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    train: np.ndarray
    held_out: np.ndarray
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> np.ndarray:
        """The first picture held out of each class, `(num_classes,)`."""
        labels = self.labels[self.held_out]
        return np.array([self.held_out[labels == label][0] for label in range(len(self.classes))])


def digits(seed: int = 0) -> LiveData:
    """Scikit-learn's 1,797 handwritten digits of 8 x 8 pixels; a fifth is held out, in equal parts of each class."""
    found = read_digits()
    labels = found.target.astype(np.int32)
    parts = train_test_split(np.arange(len(labels)), test_size=_HELD_OUT_DIGITS, stratify=labels, random_state=seed)
    return LiveData(np.float32(found.images[..., None]) / _MOST_INK, labels, tuple("0123456789"), *parts)


def color_crops(seed: int = 0) -> LiveData:
    """Squares cut out of ten photos that scikit-image brings: which photo is each from?

    Those held out come from the middle fifth of a photo, those to learn from from beside it: no pixel is on both sides.
    """
    from skimage import data as photos

    images, labels, held_out = [], [], []
    for label, name in enumerate(_PHOTOS.values()):
        photo = getattr(photos, name)()
        photo = np.repeat(photo[..., None], 3, axis=-1) if photo.ndim == 2 else photo[..., :3]
        random = np.random.default_rng((seed, label))
        for place in range(_CROPS + _HELD_OUT_CROPS):
            is_held_out = place >= _CROPS
            crop = _cut(photo, random, is_held_out)
            images.append(fit_square(crop, _SIDE))
            labels.append(label)
            held_out.append(is_held_out)
    where = np.array(held_out)
    pixels = np.float32(np.stack(images)) / 255
    return LiveData(pixels, np.int32(labels), tuple(_PHOTOS), np.flatnonzero(~where), np.flatnonzero(where))


def own_pictures(folder: str | os.PathLike, seed: int = 0) -> LiveData:
    """Pictures of a folder with a folder per class, such as faces per person: the middle square of each, made small.

    Of each class a fifth, at least one, is held out. Of more than 12 classes the largest are taken, of each at most 150
    pictures; the notes say so.

    Raises:
        ValueError: If there is no such folder, fewer than two classes have two pictures, or too few can be read.
    """
    found = read_identity_folders(folder, min_images=2)
    paths, labels = np.array(found.paths, dtype=object), np.asarray(found.labels)
    counts = np.bincount(labels, minlength=len(found.identities))
    kept = sorted(np.argsort(-counts, kind="stable")[:_MOST_CLASSES].tolist())
    notes, images, targets, held_out, classes = [], [], [], [], []
    if len(kept) < len(counts):
        notes.append(f"The {_MOST_CLASSES} largest of {len(counts)} classes are taken.")
    unreadable, random = 0, np.random.default_rng(seed)
    for label in kept:
        chosen = random.permutation(np.flatnonzero(labels == label))[:_MOST_IMAGES]
        pictures = []
        for path in paths[chosen]:
            try:
                pictures.append(fit_square(decode(path), _SIDE))
            except (ImageError, OSError):
                unreadable += 1
        if len(pictures) < 2:
            continue
        number = max(1, len(pictures) // 5)
        held_out += [place < number for place in range(len(pictures))]
        targets += [len(classes)] * len(pictures)
        images += pictures
        classes.append(found.identities[label])
    if len(classes) < 2:
        raise ValueError(f"{folder} has fewer than two classes with two pictures that can be read. Add pictures.")
    if unreadable:
        notes.append(f"{counted(unreadable, 'file')} could not be read.")
    where = np.array(held_out)
    parts = np.flatnonzero(~where), np.flatnonzero(where)
    return LiveData(np.float32(np.stack(images)) / 255, np.int32(targets), tuple(classes), *parts, tuple(notes))


def _cut(photo: np.ndarray, random: np.random.Generator, held_out: bool) -> np.ndarray:
    """A square of a photo: of its middle fifth, or of what is left and right of it."""
    height, width = photo.shape[:2]
    side = round(random.uniform(0.13, 0.2) * min(width, height))
    low, high = (
        (0.4 * width, 0.6 * width) if held_out else random.permutation([(0, 0.4 * width), (0.6 * width, width)])[0]
    )
    left, top = round(random.uniform(low, high - side)), random.integers(0, height - side + 1)
    return np.ascontiguousarray(photo[top : top + side, left : left + side])
