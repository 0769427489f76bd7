"""How far the probabilities given to pairs can be believed: log loss, calibration error, reliability bins."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_numbers
from kerasface.evaluation.verification import wilson_interval

_SHAPE = "probabilities must have shape (num_pairs,)"

_ECE_BINS = 15
_DIAGRAM_BINS = 10
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class PairBin:
    """Pairs whose probability falls into one interval.

    Attributes:
        probability: Their mean probability.
        share_genuine: Share of them that show one person.
        low: Lower end of the 95 % interval of that share (Wilson).
        high: Upper end.
        count: Number of pairs in it.
    """

    probability: float
    share_genuine: float
    low: float
    high: float
    count: int


def log_loss(probabilities: ArrayLike, same: ArrayLike) -> float:
    """Returns the mean negative log-likelihood of the labels, in nats.

    Args:
        probabilities: In `(0, 1)`, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
    """
    probabilities = as_numbers(probabilities, _SHAPE, "probabilities")
    return float(-np.log(np.where(same, probabilities, 1 - probabilities)).mean())


def expected_calibration_error(probabilities: ArrayLike, same: ArrayLike, num_bins: int = _ECE_BINS) -> float:
    """Returns the mean distance of probability and share of genuine pairs over bins of equal mass.

    Equal probabilities stay in one bin, so there may be fewer bins than asked for.

    Args:
        probabilities: In `[0, 1]`, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
        num_bins: Bins asked for.

    Reference:
        Nguyen, O'Connor, "Posterior Calibration and Exploratory Analysis for Natural Language Processing Models",
        EMNLP 2015.
    """
    probabilities = as_numbers(probabilities, _SHAPE, "probabilities")
    gaps = probabilities - np.asarray(same)
    index = _equal_mass(probabilities, num_bins)
    return float(np.abs(np.bincount(index, weights=gaps)).sum() / len(gaps))


def calibration_error_interval(
    probabilities: ArrayLike, same: ArrayLike, *, bootstrap: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of `expected_calibration_error`; it contains the error itself.

    Pairs are resampled, the bins stay. Resampled errors have the noise of two draws and lie a little too high, so both
    ends err on the safe side.

    Args:
        probabilities: In `[0, 1]`, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
        bootstrap: Number of bootstrap samples, at least 1.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: If `bootstrap` is below 1.
    """
    if bootstrap < 1:
        raise ValueError(f"bootstrap must be >= 1. Received: bootstrap={bootstrap}.")
    probabilities = as_numbers(probabilities, _SHAPE, "probabilities")
    generator = np.random.default_rng(seed)
    gaps, index = probabilities - np.asarray(same), _equal_mass(probabilities, _ECE_BINS)
    samples = []
    for _ in range(bootstrap):
        drawn = generator.integers(0, len(gaps), len(gaps))
        samples.append(np.abs(np.bincount(index[drawn], weights=gaps[drawn])).sum() / len(gaps))
    low, high = np.quantile(samples, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    error = expected_calibration_error(probabilities, same)
    return min(float(low), error), max(float(high), error)


def reliability_bins(probabilities: ArrayLike, same: ArrayLike) -> tuple[PairBin, ...]:
    """Compares probability with the share of genuine pairs in bins of equal width.

    Args:
        probabilities: In `[0, 1]`, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
    """
    probabilities, same = as_numbers(probabilities, _SHAPE, "probabilities"), np.asarray(same, dtype=bool)
    index = np.minimum((probabilities * _DIAGRAM_BINS).astype(int), _DIAGRAM_BINS - 1)
    bins = []
    for part in np.unique(index):
        inside = index == part
        count, num_genuine = int(inside.sum()), int(same[inside].sum())
        low, high = wilson_interval(num_genuine, count)
        bins.append(PairBin(float(probabilities[inside].mean()), num_genuine / count, low, high, count))
    return tuple(bins)


def _equal_mass(probabilities: np.ndarray, num_bins: int) -> np.ndarray:
    """Returns the bin of each pair, from 0; equal probabilities share one."""
    edges = np.unique(np.quantile(probabilities, np.arange(1, num_bins) / num_bins))
    return np.searchsorted(edges, probabilities, side="right")
