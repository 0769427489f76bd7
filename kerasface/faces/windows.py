"""Windows on photos, one row each: made square, cut out, corrected, those of one face suppressed or averaged.

A row begins with left, top, right, bottom in pixels of the photo, the borders of pixels at whole numbers, and may go on
with a probability and whatever belongs to it.
"""

import math

import cv2
import numpy as np

from kerasface.faces.pyramid import GRAY


def cut_all(photos, windows, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts the squares around all windows of all photos.

    Returns:
        The squares cut `(n, 4)`: left, top, right, bottom; the patches `(n, size, size, 3)` uint8; and the index of
        the photo of each `(n,)`.
    """
    squares = [squared(rows) for rows in windows]
    owners = np.repeat(np.arange(len(photos)), [len(rows) for rows in squares])
    squares = np.concatenate(squares) if squares else np.zeros((0, 4))
    patches = np.empty((len(squares), size, size, 3), dtype=np.uint8)
    for patch, owner, square in zip(patches, owners, squares, strict=True):
        patch[:] = cut(photos[owner], square, size)
    return squares, patches, owners


def squared(windows: np.ndarray) -> np.ndarray:
    """Returns the smallest squares with the windows' centres that cover their longer sides, at least a pixel wide."""
    centres = (windows[:, :2] + windows[:, 2:4]) / 2
    halves = np.max(windows[:, 2:4] - windows[:, :2], axis=1, initial=1)[:, None] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def zoomed(windows: np.ndarray, factor: float) -> np.ndarray:
    """Returns windows `(n, 4)` with the same centres, their sides `factor` times as long."""
    centres, halves = (windows[:, :2] + windows[:, 2:4]) / 2, (windows[:, 2:4] - windows[:, :2]) / 2 * factor
    return np.concatenate([centres - halves, centres + halves], axis=1)


def cut(halvings: list[np.ndarray], square: np.ndarray, size: int) -> np.ndarray:
    """Samples one square, of any position and side, from the halving in which it has up to four times `size` pixels.

    Four, because the published weights were made for patches sampled like this from the photo itself.
    """
    left, top, right, bottom = square
    step = (right - left) / size  # pixels of the photo between two of the patch
    level = min(max(0, math.ceil(math.log2(step / 4))), len(halvings) - 1)
    scales = [a / b for a, b in zip(halvings[level].shape[1::-1], halvings[0].shape[1::-1], strict=True)]
    # Only what the square covers: OpenCV takes no picture that is longer than 32,766 pixels, as some panoramas are.
    (x, x_end), (y, y_end) = (
        (int(max(math.floor(low * scale) - 1, 0)), int(max(math.ceil(high * scale) + 1, 0)))
        for low, high, scale in zip((left, top), (right, bottom), scales, strict=True)
    )
    part = halvings[level][y:y_end, x:x_end]
    if not part.size:
        return np.full((size, size, 3), GRAY, dtype=np.uint8)
    # Pixel u of the patch has its centre at left + (u + 0.5) * step; pixel centres lie at halves.
    to_part = np.array(
        [
            (step * scales[0], 0, (left + step / 2) * scales[0] - 0.5 - x),
            (0, step * scales[1], (top + step / 2) * scales[1] - 0.5 - y),
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(part, to_part, (size, size), flags=flags, borderValue=(GRAY,) * 3)


def corrected(squares: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Moves the borders of squares `(n, 4)` by `offsets` `(n, 4)`, fractions of their sides."""
    extents = squares[:, 2:] - squares[:, :2]
    return squares + offsets * np.tile(extents, (1, 2))


def suppress(rows: np.ndarray, max_overlap: float, by_smaller: bool = False) -> np.ndarray:
    """Greedy non-maximum suppression.

    Args:
        rows: `(n, 5 or more)`: left, top, right, bottom, probability, and whatever goes along.
        max_overlap: Rows that overlap a more probable one by more are dropped.
        by_smaller: Overlap as a fraction of the smaller box instead of the union (as after O-Net).

    Returns:
        The rows kept, most probable first.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    if len(rows) < 2:
        return rows
    overlaps = overlapping(rows, rows, max_overlap, by_smaller)
    alive = np.ones(len(rows), dtype=bool)
    for index in range(len(rows)):
        if alive[index]:
            alive[index + 1 :] &= ~overlaps[index, index + 1 :]
    return rows[alive]


def overlapping(rows: np.ndarray, others: np.ndarray, max_overlap: float, by_smaller: bool = False) -> np.ndarray:
    """Tells which boxes overlap by more than `max_overlap`, shape `(len(rows), len(others))`; see `suppress`."""
    areas, other_areas = (np.prod(np.maximum(boxes[:, 2:4] - boxes[:, :2], 0), axis=1) for boxes in (rows, others))
    lower = np.maximum(rows[:, None, :2], others[:, :2])
    upper = np.minimum(rows[:, None, 2:4], others[:, 2:4])
    shared = np.prod(np.maximum(upper - lower, 0), axis=2)
    areas = areas[:, None]
    whole = np.minimum(areas, other_areas) if by_smaller else areas + other_areas - shared
    return shared > max_overlap * whole


def averaged(rows: np.ndarray) -> np.ndarray:
    """Makes one row per face of all rows that O-Net gave: the mean of those that overlap the most probable one.

    O-Net is sure of a face from every window near it, with probabilities such as 0.9993 and 0.9991 and boxes that
    differ by a tenth of their side. Which of them comes first is chance; their mean, weighted by probability, is not.

    Args:
        rows: `(n, 5 or more)`: left, top, right, bottom, probability, and further positions.

    Returns:
        One row per face with its highest probability, most probable first.
    """
    faces = suppress(rows, 0.7, by_smaller=True)
    for face, same in zip(faces, overlapping(faces, rows, 0.5), strict=True):
        if same.any():  # a box without area overlaps not even itself
            score = face[4]
            face[:] = np.average(rows[same], axis=0, weights=rows[same, 4])
            face[4] = score
    return faces
