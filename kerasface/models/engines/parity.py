"""Whether an engine answers as Keras does: asked before its file is used, on crops of a portrait."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

_MAX_ERRORS = {"float32": 1e-3, "bfloat16": 0.04}  # of an output as a whole, in parts of its length
_ANY_SIDES = ((61, 80), (150, 150))  # rows and columns given to a network that takes any
# Squares of the sample portrait: top, left and side. The face, parts of it, and what is no face.
_SQUARES = ((60, 140, 180), (80, 160, 120), (40, 100, 260), (0, 0, 512), (100, 190, 60), (300, 60, 150))


def disagreement(
    expected: Callable[[np.ndarray], Sequence[np.ndarray]],
    found: Callable[[np.ndarray], Sequence[np.ndarray]],
    input_shape: tuple[int | None, ...],
    precision: str,
) -> str | None:
    """Compares two networks on pictures.

    Args:
        expected: From images uint8 to the outputs of Keras in float32.
        found: The same of the engine.
        input_shape: Rows, columns and channels that they take; `None` for any.
        precision: In which the engine computes.

    Returns:
        In which way they differ, in words; `None` where they agree.
    """
    for size in _sizes(input_shape):
        images = _pictures(size, input_shape[2])
        for part in (images, images[:1]):
            answers = [np.asarray(answer) for answer in expected(part)]
            ours = [np.array(answer) for answer in found(part)]
            if [answer.shape for answer in ours] != [answer.shape for answer in answers]:
                return f"its answers have the shapes {[answer.shape for answer in ours]}"
            errors = [_error(one, other) for one, other in zip(answers, ours, strict=True)]
            if not max(errors) <= _MAX_ERRORS[precision]:  # NaN is larger, too
                return f"its answers are off by {max(errors):.1e} of their length"
    return None


def _error(expected: np.ndarray, found: np.ndarray) -> float:
    length = float(np.linalg.norm(expected.astype(np.float64)))
    return float(np.linalg.norm(found.astype(np.float64) - expected)) / max(length, 1e-6)


def _sizes(input_shape: tuple[int | None, ...]) -> list[tuple[int, int]]:
    rows, cols, _ = input_shape
    if rows is not None and cols is not None:
        return [(rows, cols)]
    return [(rows or height, cols or width) for height, width in _ANY_SIDES]


def _pictures(size: tuple[int, int], channels: int) -> np.ndarray:
    """Crops of the sample portrait `(n, rows, cols, channels)` uint8: as they are, mirrored, and darker."""
    from skimage.data import astronaut  # half a second to import, and needed when a file is made

    portrait = astronaut()
    crops = [
        cv2.resize(portrait[top : top + side, left : left + side], size[::-1], interpolation=cv2.INTER_AREA)
        for top, left, side in _SQUARES
    ]
    crops = np.stack([*crops, crops[0][:, ::-1], crops[0] // 2])
    return np.ascontiguousarray(crops if channels == 3 else crops.mean(axis=3, keepdims=True).astype(np.uint8))
