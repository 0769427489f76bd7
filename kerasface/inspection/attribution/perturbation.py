"""Attributions without gradients: parts of the image are hidden, and what the model then says is compared."""

from collections.abc import Iterator

import cv2
import numpy as np

from kerasface.arrays import check_array
from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.targets import Target
from kerasface.inspection.placement import Axis, to_image
from kerasface.inspection.stitched import Stitched

FILLS = ("grey", "blur")


def occlusion(
    stitched: Stitched,
    image: np.ndarray,
    target: Target,
    *,
    grid: int = 15,
    patch: float = 2.0,
    fill: str = "grey",
) -> Attribution:
    """Hides a square at every place of a grid; the map says how much the score falls.

    The map is signed: where it is negative, hiding the place raises the score.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)` uint8, of the model's size.
        target: What is explained.
        grid: Places along each side.
        patch: Sides of the hidden square in places of the grid; above 1 they overlap.
        fill: What hides it: `"grey"`, the image's mean colour, or `"blur"`, the image without its details.

    Raises:
        ValueError: If image or target do not fit, or an argument is out of range.

    Reference:
        Zeiler, Fergus 2014, "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901), section 4.2.
    """
    stitched.check_image(image)
    if not 1 <= grid <= min(image.shape[:2]) or patch <= 0:
        raise ValueError(
            "The grid needs a pixel or more per place and the patch a side. "
            f"Received: grid={grid}, patch={patch}, image of shape {image.shape}."
        )
    weights = stitched.weights(image, target)
    rows, cols = (Axis.even(grid, side) for side in image.shape[:2])
    hidden = filled(image, fill)
    changed = _patched(image, hidden, rows, cols, patch)
    score = float(stitched.scores([image], weights)[0])
    raw = score - stitched.scores(changed, weights).reshape(grid, grid)
    return Attribution("occlusion", to_image(raw, rows, cols, image.shape[:2]), raw, True, score)


def rise(
    stitched: Stitched,
    image: np.ndarray,
    target: Target,
    *,
    num_masks: int = 500,
    grid: int = 7,
    shown: float = 0.5,
    seed: int = 0,
) -> Attribution:
    """Shows random parts of the image; places count that were shown where the score was high.

    The mean score is taken off first: in the paper it adds nearly the same to every place, and much noise. So the map
    is signed.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)` uint8, of the model's size.
        target: What is explained.
        num_masks: Random masks, at least 2.
        grid: Places along each side of a mask before it is made smooth.
        shown: Probability that a place is shown, in `(0, 1)`. The rest has the image's mean colour.
        seed: Seed of the masks.

    Raises:
        ValueError: If image or target do not fit, or an argument is out of range.

    Reference:
        Petsiuk et al. 2018, "RISE" (arXiv:1806.07421), equation 6 and section 3.2.
    """
    if num_masks < 2 or grid < 1 or not 0 < shown < 1:
        raise ValueError(
            "RISE needs 2 masks or more, a grid of 1 or more and a share shown between 0 and 1. "
            f"Received: num_masks={num_masks}, grid={grid}, shown={shown}."
        )
    weights = stitched.weights(image, target)
    hidden = filled(image, "grey")
    masked = (
        np.rint(hidden + mask[..., None] * (image - np.float32(hidden))).astype(np.uint8)
        for mask in _masks(image.shape[:2], num_masks, grid, shown, seed)
    )
    scores = stitched.scores(masked, weights)
    total = np.zeros(image.shape[:2])
    for mask, score in zip(_masks(image.shape[:2], num_masks, grid, shown, seed), scores - scores.mean(), strict=True):
        total += float(score) * mask
    found = np.float32(total / (num_masks * shown))
    return Attribution("rise", found, found, True, float(stitched.scores([image], weights)[0]))


def filled(image: np.ndarray, fill: str) -> np.ndarray:
    """Returns the image without what is to be seen on it: all in its mean colour (`grey`), or blurred (`blur`).

    Args:
        image: RGB `(height, width, 3)` uint8.
        fill: One of `FILLS`.

    Raises:
        ValueError: If `fill` is unknown.
    """
    if fill not in FILLS:
        raise ValueError(f"fill must be one of {FILLS}. Received: fill={fill!r}.")
    check_array(image, "An image has shape (height, width, channels)")
    if fill == "grey":
        return np.broadcast_to(np.rint(image.mean(axis=(0, 1))).astype(np.uint8), image.shape)
    return cv2.GaussianBlur(image, (0, 0), sigmaX=max(image.shape[:2]) / 15).reshape(image.shape)


def _patched(image: np.ndarray, hidden: np.ndarray, rows: Axis, cols: Axis, patch: float) -> Iterator[np.ndarray]:
    for row in range(rows.cells):
        for col in range(cols.cells):
            place = _pixels(rows, row, patch), _pixels(cols, col, patch)
            changed = image.copy()
            changed[place] = hidden[place]
            yield changed


def _pixels(axis: Axis, cell: int, patch: float) -> slice:
    """The pixels of a patch around a cell; at least one."""
    centre, half = axis.start + 0.5 + cell * axis.step, patch * axis.step / 2
    first = max(0, round(centre - half))
    return slice(first, max(first + 1, round(centre + half)))


def _masks(image_size: tuple[int, int], count: int, grid: int, shown: float, seed: int) -> Iterator[np.ndarray]:
    """Yields random masks, float32 in `[0, 1]`: coarse ones made smooth, each moved by a part of a place."""
    generator = np.random.default_rng(seed)
    cell = [-(-side // grid) for side in image_size]
    size = tuple((grid + 1) * side for side in cell)
    for _ in range(count):
        coarse = (generator.random((grid + 1, grid + 1)) < shown).astype(np.float32)
        smooth = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR)
        top, left = (int(generator.integers(0, side)) for side in cell)
        yield smooth[top : top + image_size[0], left : left + image_size[1]]
