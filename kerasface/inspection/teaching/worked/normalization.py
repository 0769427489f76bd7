"""Batch, layer, group and instance normalization of one tensor by hand: over which numbers mean and deviation go."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.teaching.worked.numbers import numbers

KINDS = ("batch", "layer", "group", "instance")
EPSILON = 1e-5  # as the networks of the zoo have it


@dataclass(frozen=True, eq=False)
class NormalizedMaps:
    """Maps whose numbers were moved to mean 0 and deviation 1, set by set.

    Attributes:
        sets: Which set each number belongs to, from 0, `(images, rows, cols, channels)`; its numbers share a mean.
        means: `mu` of each set, `(num_sets,)`.
        variances: `sigma^2` of each set, over all its numbers, `(num_sets,)`.
        output: `(x - mu) / sqrt(sigma^2 + epsilon)`, of the shape of the maps.
    """

    sets: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    output: np.ndarray

    @property
    def deviations(self) -> np.ndarray:
        """`sigma` of each set, `(num_sets,)`."""
        return np.sqrt(self.variances)


def normalize(maps: ArrayLike, kind: str, *, groups: int = 2, epsilon: float = EPSILON) -> NormalizedMaps:
    """Normalizes as a network does while it trains; scale and shift, which it learns, are 1 and 0.

    Only `batch` looks at other images, and so needs remembered means at test time; the others do the same then.

    Args:
        maps: `(images, rows, cols, channels)`.
        kind: `batch`: a set for each channel, over all images. `layer`: one for each image. `instance`: one for each
            image and channel. `group`: one for each image and group of neighboring channels.
        groups: Of `group`.
        epsilon: Added to the variance, so that a constant set gives 0.

    Raises:
        ValueError: If a number is not finite, there is no such kind, or the channels cannot be divided into the groups.

    Reference:
        Ioffe and Szegedy 2015 (arXiv:1502.03167); Ba et al. 2016 (arXiv:1607.06450); Ulyanov et al. 2016
        (arXiv:1607.08022); Wu and He 2018 (arXiv:1803.08494).
    """
    maps = numbers("maps", maps, 4)
    if kind not in KINDS:
        raise ValueError(f"Normalizations are {', '.join(KINDS)}. Received: kind={kind!r}.")
    images, channels = len(maps), maps.shape[3]
    if kind == "group" and (groups < 1 or channels % groups):
        raise ValueError(
            f"{channels} channels are divided evenly into {', '.join(map(str, divisors(channels)))} groups. "
            f"Received: groups={groups}."
        )
    image, channel = np.arange(images)[:, None, None, None], np.arange(channels)
    parts = {"layer": 1, "group": groups, "instance": channels}
    sets = channel if kind == "batch" else image * parts[kind] + channel // (channels // parts[kind])
    sets = np.broadcast_to(sets, maps.shape)
    counts = np.bincount(sets.ravel())
    means = np.bincount(sets.ravel(), maps.ravel()) / counts
    variances = np.bincount(sets.ravel(), ((maps - means[sets]) ** 2).ravel()) / counts
    return NormalizedMaps(sets, means, variances, (maps - means[sets]) / np.sqrt(variances[sets] + epsilon))


def divisors(number: int) -> list[int]:
    """Returns every whole number that divides another one evenly."""
    return [count for count in range(1, number + 1) if number % count == 0]
