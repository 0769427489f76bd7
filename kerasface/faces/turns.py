"""Photos that lie on their side or stand on their head: turned upright for the networks, what was found turned back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kerasface.faces.detection import Face

TURNS = (90, 180, 270)  # degrees, clockwise
_STEEPEST = 0.577  # tangent of 30 degrees: a face that leans by more than 60 degrees does not stand


def turned(picture: np.ndarray, degrees: int) -> np.ndarray:
    """Turns `(height, width, ...)` clockwise by 0, 90, 180, 270 or their negatives."""
    return np.ascontiguousarray(np.rot90(picture, -degrees // 90))


def turned_back(face: Face, degrees: int, shape: tuple[int, ...]) -> Face:
    """Tells where a face of a turned photo is in the photo as it was given.

    Args:
        face: Box and landmarks in pixels of the turned photo.
        degrees: By how much it was turned, clockwise.
        shape: Height and width of the photo as it was given.

    Returns:
        The face with `turned=degrees`; its landmarks keep their order, so its left eye stays its left eye.
    """
    x, y, width, height = face.box
    corners = _points_back(np.array([(x, y), (x + width, y + height)]), degrees, shape)
    # Boxes have their borders between pixels; where landmarks are, `align` takes the pixels of these numbers.
    last = (shape[0] - 1, shape[1] - 1)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return replace(
        face,
        box=tuple(float(value) for value in (*low, *(high - low))),
        landmarks=_points_back(face.landmarks.astype(np.float64), degrees, last).astype(np.float32),
        turned=degrees,
    )


def stands(landmarks: np.ndarray) -> bool:
    """Whether five landmarks are those of a face that stands: its mouth below its eyes, not beside or above them."""
    right, down = landmarks[3:].mean(axis=0) - landmarks[:2].mean(axis=0)
    return bool(down > _STEEPEST * abs(right))


def turn_note(degrees: int) -> str:
    """Returns by how much a photo was turned, for people; empty where it was not."""
    return f"turned by {degrees} degrees clockwise" if degrees else ""


def _points_back(points: np.ndarray, degrees: int, shape: tuple[int, ...]) -> np.ndarray:
    height, width = shape[:2]
    x, y = points[:, 0], points[:, 1]
    back = {90: (y, height - x), 180: (width - x, height - y), 270: (width - y, x)}[degrees]
    return np.stack(back, axis=1)
