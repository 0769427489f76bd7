"""What a map shows besides galleries and files on disk: sample digits, uploaded embeddings, names exchanged on purpose.

The digits are those that `kerasface.data.samples` writes.
"""

import io
import zipfile
from collections.abc import Sequence

import keras
import numpy as np

from kerasface.data.samples import on_paper, read_digits
from kerasface.files.zips import UNREADABLE
from kerasface.inspection.maps.embedding_map import MapPoints, file_points
from kerasface.inspection.maps.features import features_of

MOST_BYTES = 2**29  # of the arrays of an uploaded file: a million faces
NUM_DIGITS = 1797


def digit_pictures(indices: Sequence[int]) -> dict[int, np.ndarray]:
    """Returns sample digits by their index, from 0 to 1,796: RGB uint8 `(32, 32, 3)`, dark ink on white."""
    images = read_digits().images
    return {int(index): on_paper(images[index]) for index in indices}


def digit_points(count: int, model: keras.Model | None = None) -> MapPoints:
    """Takes the first sample digits: as their pixels, or as what a classifier makes of them before it decides.

    Args:
        count: How many, from 1 to 1,797.
        model: A classifier of pictures of 32 x 32; without it the embedding is the ink of the 8 x 8 pixels.

    Raises:
        ValueError: If there are not so many, or no layer in front of the model's classes gives a vector.
    """
    if not 1 <= count <= NUM_DIGITS:
        raise ValueError(f"There are {NUM_DIGITS} digits. Received: count={count}.")
    digits = read_digits()
    labels = [str(label) for label in digits.target[:count]]
    if model is None:
        return MapPoints(digits.data[:count].astype(np.float32), labels)
    pictures = np.stack(list(digit_pictures(range(count)).values()))
    return MapPoints(features_of(model, pictures), labels)


def uploaded_points(content: bytes, name: str) -> MapPoints:
    """Reads the content of a file that `kerasface embed` wrote; nothing is written to disk.

    Args:
        content: The bytes of the file.
        name: What the file is called, for messages.

    Raises:
        ValueError: If the file was not written by it, holds no face, or would take more than `MOST_BYTES`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())  # zipfile reads no more than it declares
    except UNREADABLE as error:
        raise ValueError(f"{name} is no file of embeddings. Make one: kerasface embed FOLDER --out FILE.") from error
    if size > MOST_BYTES:
        raise ValueError(f"{name} unpacks to {size:,} bytes; at most {MOST_BYTES:,} are read.")
    return file_points(_Named(content, name))


def exchanged_names(labels: Sequence[str], count: int) -> tuple[list[str], list[int]]:
    """Gives some points a name that is not theirs, to see whether they are found.

    Args:
        labels: The name of each; at least two differ.
        count: How many points get another one, at most as many as there are.

    Returns:
        The names, and the indices of those that are wrong now, ascending.

    Raises:
        ValueError: If there are too few points or names.
    """
    names = sorted(set(labels))
    if not 0 <= count <= len(labels) or (count and len(names) < 2):
        raise ValueError(
            f"Names are exchanged among points of two names or more. Received: count={count}, {len(labels)} points, "
            f"{len(names)} names."
        )
    generator = np.random.default_rng(0)
    wrong = sorted(generator.choice(len(labels), size=count, replace=False).tolist())
    given = list(labels)
    for index in wrong:
        given[index] = str(generator.choice([name for name in names if name != labels[index]]))
    return given, wrong


class _Named(io.BytesIO):
    """Bytes that are called by the name of their file in messages."""

    def __init__(self, content: bytes, name: str):
        super().__init__(content)
        self._name = name

    def __str__(self) -> str:
        return self._name
