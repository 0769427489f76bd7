"""Squares around faces, cut out of a photo for a network, and its maps brought back to the photo's pixels.

Nothing here is as large as a photo but masks of one byte per pixel: whatever has more is made a strip at a time.
"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from kerasface.arrays import check_image

BACKGROUND = 0  # its class id in every model
# Of what lies beyond a photo. Border pixels that went on would look like a background that touches hair and skin.
GRAY = 128

Square = tuple[int, int, int]  # x and y of the upper left corner, side; it may leave the photo
Region = tuple[int, int, int, int]  # x, y, width, height; inside the photo

# Photo pixels whose probabilities are held at once: 4 MB for each of a handful of float32 planes.
_STRIP_PIXELS = 1_000_000


def square_around(box: tuple[float, float, float, float], context: float, degrees: int = 0) -> Square:
    """Returns the square around a face with its box's centre, at least 2 pixels wide.

    Args:
        box: x, y, width and height in pixels of the photo.
        context: Side of the square in heights of the face.
        degrees: By how much the photo has to be turned for the face to stand; by a quarter, and its height is the
            box's width.
    """
    x, y, width, height = box
    side = max(2, round(context * (width if degrees % 180 else height)))
    return round(x + width / 2 - side / 2), round(y + height / 2 - side / 2), side


def inside(square: Square, shape: tuple[int, ...]) -> Region:
    """Returns the part of a square that lies inside a photo of shape `(height, width, ...)`."""
    x, y, side = square
    left, top = max(x, 0), max(y, 0)
    return left, top, min(x + side, shape[1]) - left, min(y + side, shape[0]) - top


def cut_square(image: np.ndarray, square: Square, size: int) -> np.ndarray:
    """Resamples a square of a photo; beyond the photo it is grey.

    Only the part inside the photo is touched: a square around a huge face may have far more pixels than the photo.

    Args:
        image: RGB photo `(height, width, 3)` uint8.
        square: What to cut out; a part of it lies inside the photo.
        size: Side of the result in pixels. Where the square is larger, areas are averaged.

    Returns:
        `(size, size, 3)` uint8, RGB.

    Raises:
        ValueError: If the photo has another shape or dtype.
    """
    check_image(image)
    x, y, side = square
    left, top, width, height = inside(square, image.shape)
    part = image[top : top + height, left : left + width]
    finer = 1 if side <= size else 2  # an even finer grid is not needed: the part is brought to its pixels first
    step = side / (size * finer)  # pixels of the photo between two of the grid
    if step > 1:
        extents = (max(1, round(width / step)), max(1, round(height / step)))
        part = cv2.resize(part, extents, interpolation=cv2.INTER_AREA)
    scale_x, scale_y = part.shape[1] / width, part.shape[0] / height
    # Pixel u of the grid has its centre at x + (u + 0.5) * step of the photo; pixel centres lie at halves.
    to_part = np.array(
        [
            (step * scale_x, 0, (x - left + step / 2) * scale_x - 0.5),
            (0, step * scale_y, (y - top + step / 2) * scale_y - 0.5),
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    grid = cv2.warpAffine(part, to_part, (size * finer,) * 2, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    crop = grid if finer == 1 else cv2.resize(grid, (size, size), interpolation=cv2.INTER_AREA)
    centres = (np.arange(size) + 0.5) * side / size
    crop[:, (x + centres < 0) | (x + centres >= image.shape[1])] = GRAY
    crop[(y + centres < 0) | (y + centres >= image.shape[0])] = GRAY
    return crop


def class_ids(probabilities: np.ndarray, size: tuple[int, int], window: Region) -> np.ndarray:
    """Brings probabilities to another resolution and takes the most probable class there.

    Args:
        probabilities: `(rows, cols, num_classes)` float32.
        size: Height and width that the map is brought to, bilinearly; averaged over areas where that is smaller.
        window: x, y, width and height of the part that is wanted.

    Returns:
        Class ids uint8, `(window height, window width)`.
    """
    (height, width), (rows, cols) = size, probabilities.shape[:2]
    extents = (min(width, cols), min(height, rows))
    planes = [cv2.resize(plane, extents, interpolation=cv2.INTER_AREA) for plane in np.moveaxis(probabilities, -1, 0)]
    left, top, window_width, window_height = window
    columns = slice(left, left + window_width)
    ids = np.zeros((window_height, window_width), dtype=np.uint8)
    for strip in _strips(window_height, width):
        targets = np.arange(strip.start, strip.stop) + top
        sources = np.clip((targets + 0.5) * extents[1] / height - 0.5, 0, extents[1] - 1)
        above = sources.astype(int)
        below, share = np.minimum(above + 1, extents[1] - 1), (sources - above).astype(np.float32)[:, None]
        best = np.full((len(targets), window_width), -np.inf, dtype=np.float32)
        for class_id, plane in enumerate(planes):
            values = plane[above] * (1 - share) + plane[below] * share
            values = cv2.resize(values, (width, len(targets)), interpolation=cv2.INTER_LINEAR)[:, columns]
            np.putmask(ids[strip], values > best, class_id)
            np.maximum(best, values, out=best)
    return ids


def compose(
    masks: Sequence[np.ndarray],
    regions: Sequence[Region],
    boxes: Sequence[tuple[float, float, float, float]],
    shape: tuple[int, int],
) -> np.ndarray:
    """Lays the masks of all faces of a photo together.

    Where regions overlap, a pixel gets its class from a face whose mask does not call it background; of several from
    the one whose centre is nearest, measured in heights of its box. So each face keeps its own eyes and mouth, however
    close the next one stands and however large it is.

    Args:
        masks: Class ids of each face's region, `(region height, region width)` uint8.
        regions: Where they lie.
        boxes: x, y, width and height of each face.
        shape: Height and width of the photo.

    Returns:
        Class ids `shape` uint8; background outside all regions.
    """
    composed = np.zeros(shape, dtype=np.uint8)
    for strip in _strips(*shape):
        nearest = np.full((strip.stop - strip.start, shape[1]), np.inf, dtype=np.float32)
        for mask, (left, top, width, height), box in zip(masks, regions, boxes, strict=True):
            first, last = max(top, strip.start), min(top + height, strip.stop)
            if first >= last:
                continue
            ids = mask[first - top : last - top]
            across = (np.arange(left, left + width) + 0.5 - box[0] - box[2] / 2) / box[3]
            down = (np.arange(first, last) + 0.5 - box[1] - box[3] / 2) / box[3]
            distances = np.add.outer(np.float32(down**2), np.float32(across**2))
            columns = slice(left, left + width)
            so_far = nearest[first - strip.start : last - strip.start, columns]
            nearer = (ids != BACKGROUND) & (distances < so_far)
            np.copyto(so_far, distances, where=nearer)
            np.copyto(composed[first:last, columns], ids, where=nearer)
    return composed


def _strips(height: int, width: int) -> Iterator[slice]:
    """Yields slices of rows, together `height`, each of about `_STRIP_PIXELS` pixels."""
    step = max(1, _STRIP_PIXELS // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))
