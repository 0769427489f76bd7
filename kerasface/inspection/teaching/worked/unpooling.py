"""Max pooling and three ways back by hand: copied, placed at the corner, and placed where the largest had been."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.teaching.worked.numbers import numbers

WAYS = ("copied", "placed", "by index")
PICTURE = ((1, 3, 2, 1), (2, 9, 1, 1), (1, 3, 2, 3), (5, 6, 1, 2))


@dataclass(frozen=True, eq=False)
class Pooled:
    """The largest of each window, and where it was.

    Attributes:
        values: `(rows / size, cols / size)`.
        places: Row and column of each in the picture, `(rows / size, cols / size, 2)`; of equal ones the first.
        averages: Mean of each window, `(rows / size, cols / size)`.
        size: Side of a window.
    """

    values: np.ndarray
    places: np.ndarray
    averages: np.ndarray
    size: int


def max_pool(picture: ArrayLike, size: int = 2) -> Pooled:
    """Takes the largest number of each window of `size` x `size`.

    Args:
        picture: `(rows, cols)`, both multiples of `size`.
        size: At least 1.

    Raises:
        ValueError: If a number is not finite or the windows do not fit.
    """
    picture = numbers("picture", picture, 2)
    if size < 1 or any(side % size for side in picture.shape):
        raise ValueError(
            f"Rows and columns must be multiples of the window's side. Received: {picture.shape}, size={size}."
        )
    rows, cols = (side // size for side in picture.shape)
    windows = picture.reshape(rows, size, cols, size).swapaxes(1, 2).reshape(rows, cols, size * size)
    down, across = np.divmod(windows.argmax(axis=-1), size)
    corners = size * np.indices((rows, cols))
    places = np.stack([corners[0] + down, corners[1] + across], axis=-1)
    return Pooled(windows.max(axis=-1), places, windows.mean(axis=-1), size)


def unpool(values: ArrayLike, pooled: Pooled, way: str) -> np.ndarray:
    """Makes a map as large as it was before pooling.

    Args:
        values: `(rows, cols)`, as many as were pooled; in a network they come from the layers in between.
        pooled: Of the pooling that is undone.
        way: One of `WAYS`: each number `copied` to its whole window; `placed` at the top left of it, zeros around; or
            `by index`, placed where the largest had been.

    Returns:
        `(rows * size, cols * size)`.

    Raises:
        ValueError: If there is no such way or the shapes differ.

    Reference:
        Badrinarayanan et al., "SegNet", 2015 (arXiv:1511.00561), section 3, for places by index.
    """
    values = numbers("values", values, 2)
    if values.shape != pooled.values.shape:
        raise ValueError(f"As many numbers as were pooled. Received: {values.shape} for {pooled.values.shape}.")
    if way not in WAYS:
        raise ValueError(f"The ways back are {', '.join(WAYS)}. Received: way={way!r}.")
    size = pooled.size
    if way == "copied":
        return values.repeat(size, axis=0).repeat(size, axis=1)
    found = np.zeros([size * side for side in values.shape])
    if way == "placed":
        found[::size, ::size] = values
    else:
        found[pooled.places[..., 0], pooled.places[..., 1]] = values
    return found
