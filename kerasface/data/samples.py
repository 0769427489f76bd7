"""Sample data that comes with an installed package: nothing is downloaded."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from kerasface.data.folders import ABOUT_FILE
from kerasface.files.paths import made_whole, writing

_SIDE = 32  # pixels of a picture
_DIGIT = 22  # of them are the digit's
_MOST_INK = 16  # of the 16 pixels of such a block


@dataclass(frozen=True)
class SampleData:
    """A folder with a folder of images per class, ready for `kerasface train classify`.

    Attributes:
        folder: Where it is.
        num_images: Number of images.
        classes: Names of the classes.
        image_size: Height and width of the images in pixels.
        source: Where the data come from, as their licence asks to be told.
        licence: Under which they may be used.
    """

    folder: str
    num_images: int
    classes: tuple[str, ...]
    image_size: tuple[int, int]
    source: str
    licence: str

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return {**asdict(self), "classes": list(self.classes), "image_size": list(self.image_size)}


def write_digits(folder: str | os.PathLike) -> SampleData:
    """Writes 1,797 handwritten digits as images, a folder per digit: `folder/7/digit_0008.png`.

    The images that scikit-learn brings have 8 x 8 values of ink from 0 to 16. Here they are dark ink on white paper,
    as a photographed digit is, RGB, enlarged to 22 x 22 pixels by bicubic interpolation, in the middle of 32 x 32: who
    writes or photographs a digit leaves a margin, and so does MNIST. The number in a file's name is the image's place
    in the data, from 1. The same files are written every time. Source and licence stand in a hidden file beside the
    folders, from which a training takes them into the card of its model.

    Args:
        folder: Made if missing; must be empty.

    Raises:
        ValueError: If `folder` is no folder or not empty.
        OSError: If the disk refuses.

    Reference:
        Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998.
    """
    folder = Path(folder)
    refuse_full_folder(folder)
    digits = read_digits()
    classes = tuple(str(name) for name in digits.target_names)
    sample = SampleData(
        folder=str(folder),
        num_images=len(digits.images),
        classes=classes,
        image_size=(_SIDE, _SIDE),
        source=(
            "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, "
            "1998: the 1,797 test images that scikit-learn brings, inverted and enlarged"
        ),
        licence="CC BY 4.0",
    )
    about = {"source": sample.source, "licence": sample.licence}
    with made_whole(folder) as beside, writing(folder):
        for name in classes:
            (beside / name).mkdir()
        for number, (ink, label) in enumerate(zip(digits.images, digits.target, strict=True), start=1):
            Image.fromarray(on_paper(ink)).save(beside / classes[label] / f"digit_{number:04d}.png")
        (beside / ABOUT_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return sample


def refuse_full_folder(folder: Path) -> None:
    """Refuses to write samples into what is no folder, or has something in it.

    Raises:
        ValueError: If it is so.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        problem = "is not empty" if folder.is_dir() else "is a file"
        raise ValueError(f"Samples are written into a new or empty folder only. Received: {folder}, which {problem}.")


@cache
def read_digits():
    """Scikit-learn's 1,797 digits, as its `load_digits` gives them, read once: 20 ms in which a page would wait."""
    from sklearn.datasets import load_digits  # a second to import, and pages have samples

    digits = load_digits()
    for values in (digits.images, digits.data, digits.target):
        values.flags.writeable = False
    return digits


def draw_digit(index: int) -> np.ndarray:
    """Returns one of the digits that `write_digits` writes, `(32, 32, 3)` uint8, RGB; `index` from 0 to 1,796."""
    return on_paper(read_digits().images[index])


def on_paper(ink: np.ndarray) -> np.ndarray:
    """Turns ink `(8, 8)` of 0 to 16 into a picture `(32, 32, 3)` uint8, RGB: 0 is white, 16 black."""
    large = cv2.resize(ink, (_DIGIT, _DIGIT), interpolation=cv2.INTER_CUBIC)  # overshoots at the edges of strokes
    grey = np.rint(255 * (1 - large / _MOST_INK).clip(0, 1)).astype(np.uint8)
    page = np.full((_SIDE, _SIDE, 3), 255, dtype=np.uint8)
    inside = slice((_SIDE - _DIGIT) // 2, (_SIDE + _DIGIT) // 2)
    page[inside, inside] = grey[..., None]
    return page
