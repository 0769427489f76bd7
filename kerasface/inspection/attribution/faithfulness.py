"""Deletion and insertion: do the places that a map names matter to the model?

Reference:
    Petsiuk et al. 2018, "RISE" (arXiv:1806.07421), section 4.1.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerasface.arrays import check_array
from kerasface.inspection.attribution.perturbation import filled
from kerasface.inspection.attribution.targets import Target
from kerasface.inspection.placement import Axis, to_image
from kerasface.inspection.stitched import Stitched

_RANDOM_GRID = 15


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """What becomes of the score when a map's best places are removed, or shown first.

    Areas are under the curves over the share of the pixels, from 0 to 1: means of the score.

    Attributes:
        shares: Shares of the pixels, `(steps + 1,)` from 0 to 1.
        deletion: Score with that share removed, the most important pixels first.
        insertion: Score with that share shown alone, the most important first.
        deletion_area: The lower, the better the map names what the model needs.
        insertion_area: The higher, the better.
        random_deletion_areas: The same for maps drawn at random.
        random_insertion_areas: The same for maps drawn at random.
    """

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    deletion_area: float
    insertion_area: float
    random_deletion_areas: tuple[float, ...]
    random_insertion_areas: tuple[float, ...]


def deletion_insertion(
    stitched: Stitched,
    image: np.ndarray,
    map: np.ndarray,
    target: Target,
    *,
    steps: int = 20,
    num_random: int = 5,
    seed: int = 0,
) -> Faithfulness:
    """Removes an image's pixels in the order of a map, and shows them in that order, step by step.

    Removed pixels take the image's mean colour; what is not yet shown is blurred. The score is the target's on the
    model's output: a probability, or a cosine. Random maps are as smooth as the others, drawn on a grid of 15x15:
    pixels strewn at random would spoil any image more than a patch does.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)` uint8, of the model's size.
        map: `(height, width)`, higher for what matters more.
        target: What was explained.
        steps: Steps from none of the pixels to all.
        num_random: Random maps to compare with.
        seed: Seed of the random maps.

    Raises:
        ValueError: If map, image or target do not fit, or there is no step.
    """
    stitched.check_image(image)
    check_array(map, "A map has shape (height, width)", "map")
    if map.shape != image.shape[:2] or steps < 1 or num_random < 0:
        raise ValueError(
            "The map must have the image's size, and there must be a step. "
            f"Received: map {map.shape}, image {image.shape}, steps={steps}, num_random={num_random}."
        )
    weights = stitched.weights(image, target)
    shares = np.linspace(0, 1, steps + 1)
    generator = np.random.default_rng(seed)
    even = [Axis.even(_RANDOM_GRID, side) for side in map.shape]
    grids = (generator.random((_RANDOM_GRID, _RANDOM_GRID)) for _ in range(num_random))
    curves = []
    for ordered in (map, *(to_image(grid, *even, map.shape) for grid in grids)):
        removed = stitched.scores(_replaced(image, filled(image, "grey"), ordered, shares), weights, of="output")
        shown = stitched.scores(_replaced(filled(image, "blur"), image, ordered, shares), weights, of="output")
        curves.append((removed, shown))
    areas = [[float(np.trapezoid(curve, shares)) for curve in pair] for pair in curves]
    return Faithfulness(
        shares,
        *curves[0],
        *areas[0],
        random_deletion_areas=tuple(pair[0] for pair in areas[1:]),
        random_insertion_areas=tuple(pair[1] for pair in areas[1:]),
    )


def _replaced(image: np.ndarray, by: np.ndarray, ordered: np.ndarray, shares: np.ndarray) -> Iterator[np.ndarray]:
    """Yields `image` with each share of its pixels taken from `by`, in descending order of a map."""
    rank = np.empty(ordered.size, dtype=np.int64)
    rank[np.argsort(-ordered, axis=None, kind="stable")] = np.arange(ordered.size)
    rank = rank.reshape(ordered.shape)
    for share in shares:
        yield np.where((rank < round(share * ordered.size))[..., None], by, image)
