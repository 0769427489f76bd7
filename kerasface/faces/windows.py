"""Windows on photos, one row each: made square, cut out, corrected, those of one face suppressed or averaged.

A row begins with left, top, right, bottom in pixels of the photo, the borders of pixels at whole numbers, and may go on
with a probability and whatever belongs to it.
"""

from collections.abc import Sequence

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
    patches = [cut(halvings, some, size) for halvings, some in zip(photos, squares, strict=True)]
    if not patches:
        return np.zeros((0, 4)), np.zeros((0, size, size, 3), dtype=np.uint8), owners
    return np.concatenate(squares), np.concatenate(patches), owners


def squared(windows: np.ndarray) -> np.ndarray:
    """Returns the smallest squares with the windows' centres that cover their longer sides, at least a pixel wide."""
    centres = (windows[:, :2] + windows[:, 2:4]) / 2
    halves = np.max(windows[:, 2:4] - windows[:, :2], axis=1, initial=1)[:, None] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def zoomed(windows: np.ndarray, factor: float) -> np.ndarray:
    """Returns windows `(n, 4)` with the same centres, their sides `factor` times as long."""
    centres, halves = (windows[:, :2] + windows[:, 2:4]) / 2, (windows[:, 2:4] - windows[:, :2]) / 2 * factor
    return np.concatenate([centres - halves, centres + halves], axis=1)


def cut(halvings: list[np.ndarray], squares: np.ndarray, size: int) -> np.ndarray:
    """Samples squares, of any position and side, from the halving in which each has up to four times `size` pixels.

    Four, because the published weights were made for patches sampled like this from the photo itself.

    Args:
        halvings: The photo and its `halvings`.
        squares: `(n, 4)`: left, top, right, bottom in pixels of the photo.
        size: Side of the patches.

    Returns:
        The patches, `(n, size, size, 3)` uint8.
    """
    steps = (squares[:, 2] - squares[:, 0]) / size  # pixels of the photo between two of a patch
    levels = np.clip(np.ceil(np.log2(steps / 4)), 0, len(halvings) - 1).astype(int)
    extents = np.array([halved.shape[1::-1] for halved in halvings])
    scales = extents[levels] / extents[0]
    # Only what a square covers: OpenCV takes no picture that is longer than 32,766 pixels, as some panoramas are.
    starts = np.maximum(np.floor(squares[:, :2] * scales) - 1, 0)
    ends = np.maximum(np.ceil(squares[:, 2:] * scales) + 1, 0)
    # Pixel u of a patch has its centre at left + (u + 0.5) * step; pixel centres lie at halves.
    to_parts = np.zeros((len(squares), 2, 3))
    to_parts[:, 0, 0], to_parts[:, 1, 1] = (steps[:, None] * scales).T
    to_parts[:, :, 2] = (squares[:, :2] + steps[:, None] / 2) * scales - 0.5 - starts
    patches = np.full((len(squares), size, size, 3), GRAY, dtype=np.uint8)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    borders = np.hstack([starts, ends]).astype(int).tolist()
    for patch, level, (x, y, x_end, y_end), to_part in zip(patches, levels, borders, to_parts, strict=True):
        part = halvings[level][y:y_end, x:x_end]
        if part.size:
            cv2.warpAffine(part, to_part, (size, size), patch, flags=flags, borderValue=(GRAY,) * 3)
    return patches


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
    # Each border for itself: what goes over the short axis of an array (n, m, 2) takes several times as long.
    left, top, right, bottom = rows.T[:4, :, None]
    width = np.minimum(right, others[:, 2]) - np.maximum(left, others[:, 0])
    height = np.minimum(bottom, others[:, 3]) - np.maximum(top, others[:, 1])
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = areas[:, None]
    whole = np.minimum(areas, other_areas) if by_smaller else areas + other_areas - shared
    return shared > max_overlap * whole


def shared_part(box: Sequence[float], other: Sequence[float]) -> float:
    """Returns what two boxes x, y, width, height have in common, as a part of their union, in [0, 1]."""
    across = max(0.0, min(box[0] + box[2], other[0] + other[2]) - max(box[0], other[0]))
    down = max(0.0, min(box[1] + box[3], other[1] + other[3]) - max(box[1], other[1]))
    shared = across * down
    return shared / (box[2] * box[3] + other[2] * other[3] - shared) if shared else 0.0


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
