"""A photo at many sizes, on one canvas: what P-Net, which sees windows of 12 x 12 pixels, looks through."""

import cv2
import numpy as np

from kerasface.models.shipped import PNET_CELL

PYRAMID_FACTOR = 0.709
# Canvases are padded to multiples of this many pixels: fewer shapes against wasted area.
GRID = 32
GRAY = 128  # zero after preprocessing

Place = tuple[int, int, int, int]  # x, y, width and height of a level on its canvas


def automatic_min_face_size(height: int, width: int) -> float:
    """Returns the side of the smallest face to look for: 20 pixels, more in large photos.

    1/40 of the longer side, so that a photo of 12 megapixels costs about as much as one of one megapixel; but not more
    than 1/22 of the shorter side, as a panorama's faces are as large as its height lets them be. Up to 16:9 the former
    counts; beyond, the cost grows with the proportion.
    """
    return max(20.0, min(max(height, width) / 40, min(height, width) / 22))


def halvings(image: np.ndarray) -> list[np.ndarray]:
    """Returns the photo, its half, its quarter and so on, down to the smallest that P-Net can take.

    Levels of the pyramid and patches are cut from the one nearest in size: averaging 2 x 2 pixels is many times faster
    than averaging other areas, and sampling from a photo shrunk already does not alias.
    """
    found = [image]
    while min(found[-1].shape[:2]) >= 2 * PNET_CELL:
        height, width = found[-1].shape[:2]
        found.append(cv2.resize(found[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return found


def pyramid(halved: list[np.ndarray], min_face_size: float) -> list[np.ndarray]:
    """Returns the photo at the scales at which faces from `min_face_size` up to its own size fill P-Net's window.

    Args:
        halved: The photo and its `halvings`.
        min_face_size: Side of the smallest face in pixels.
    """
    levels: list[np.ndarray] = []
    scale = PNET_CELL / min_face_size
    while min(extents := [round(extent * scale) for extent in halved[0].shape[:2]]) >= PNET_CELL:
        source = next((half for half in reversed(halved) if min(half.shape[:2]) >= min(extents)), halved[0])
        interpolation = cv2.INTER_AREA if extents[0] < source.shape[0] else cv2.INTER_LINEAR
        levels.append(cv2.resize(source, extents[::-1], interpolation=interpolation))
        scale *= PYRAMID_FACTOR
    return levels


def packed(levels: list[np.ndarray]) -> tuple[np.ndarray, list[Place]]:
    """Lays the levels of a pyramid side by side on one canvas, so that P-Net runs once per photo.

    Returns:
        The canvas, its sides multiples of `GRID`, and x, y, width, height of each level on it; x and y are even, as
        P-Net's stride wants.
    """
    places, columns, width = [], [], 0  # a column is [x, height used]
    for level in levels:
        rows, cols = level.shape[:2]
        column = next((column for column in columns if column[1] + rows <= levels[0].shape[0]), None)
        if column is None:
            column = [width, 0]
            columns.append(column)
            width += cols + cols % 2
        places.append((column[0], column[1], cols, rows))
        column[1] += rows + rows % 2
    height = levels[0].shape[0] if levels else 1
    sides = [-(-max(extent, 1) // GRID) * GRID for extent in (height, width)]
    canvas = np.full((*sides, 3), GRAY, dtype=np.uint8)
    for level, (x, y, cols, rows) in zip(levels, places, strict=True):
        canvas[y : y + rows, x : x + cols] = level
    return canvas, places
