"""Labelled pairs: how they are drawn of photos of people, and what they must fulfil before anything is computed."""

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_numbers

# Somebody with a hundred photos has 4,950 genuine pairs, and would outweigh everybody else.
_GENUINE_PER_PERSON = 20
_MAX_IMPOSTORS = 200_000  # impostor pairs drawn: 200 of them lie above the threshold of an FMR of 0.1 %


def checked_scores(scores: ArrayLike, name: str, *, keep_precision: bool = False) -> np.ndarray:
    """Returns scores as an array of shape `(num_pairs,)`, float64 unless floating ones keep their precision.

    Args:
        scores: One per pair.
        name: What an error calls them.
        keep_precision: Whether float32 stays float32.

    Raises:
        ValueError: If they are not one row of one or more finite numbers.
    """
    scores = as_numbers(scores, f"{name} must be numbers, shape (num_pairs,)", name)
    if not (keep_precision and np.issubdtype(scores.dtype, np.floating)):
        scores = scores.astype(np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{name} must have shape (num_pairs,), num_pairs >= 1. Received: shape {scores.shape}.")
    if num_bad := int(np.sum(~np.isfinite(scores))):
        raise ValueError(
            f"{name} must be finite. Received: {num_bad} of {len(scores)} NaN or infinite. "
            "Leave out the pairs that have no score and pass their number as num_failed."
        )
    return scores


def checked_pairs(scores: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores and labels as arrays of shape `(num_pairs,)`, float64 and bool.

    Args:
        scores: Finite, one per pair.
        same: Whether each pair is genuine.

    Raises:
        ValueError: If the shapes differ, a score is not finite, or a kind of pair is absent.
    """
    scores, same = checked_scores(scores, "scores"), np.asarray(same)
    if same.shape != scores.shape or not np.isin(same, (0, 1)).all():
        raise ValueError(
            "same must be True or False for every score. "
            f"Received: same of shape {same.shape}, type {same.dtype}, for {len(scores)} scores."
        )
    same = same.astype(bool)
    if same.all() or not same.any():
        raise ValueError(
            f"Both genuine and impostor pairs are needed. Received: {same.sum()} genuine, {(~same).sum()} impostor."
        )
    return scores, same


def checked_folds(folds: ArrayLike, num_pairs: int) -> np.ndarray:
    """Returns the fold of each pair as an array of shape `(num_pairs,)`.

    Raises:
        ValueError: If a pair has none or there is only one fold.
    """
    folds = np.asarray(folds)
    if folds.shape != (num_pairs,) or len(np.unique(folds)) < 2:
        raise ValueError(
            "folds must give every pair one of two or more folds: what judges a fold comes from the others. "
            f"Received: folds of shape {folds.shape}, {len(np.unique(folds))} distinct, for {num_pairs} scores."
        )
    return folds


def drawn_pairs(labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws the pairs that are judged: at most 20 genuine ones of each person, and 200,000 impostor pairs.

    Args:
        labels: Who is on each photo, integers, `(num_photos,)`.
        seed: Of the draw.

    Returns:
        Indices of the first and of the second images, int64, `(num_pairs,)` both; no pair twice.
    """
    generator = np.random.default_rng(seed)
    pairs = []
    for person in np.flatnonzero(np.bincount(labels) >= 2):
        rows = np.flatnonzero(labels == person)
        own = np.stack(np.triu_indices(len(rows), 1), axis=1)
        pairs.append(rows[generator.permutation(own)[:_GENUINE_PER_PERSON]])
    count = len(labels)
    if count * (count - 1) // 2 <= 2 * _MAX_IMPOSTORS:
        others = np.stack(np.triu_indices(count, 1), axis=1)
    else:
        drawn = np.sort(generator.integers(count, size=(2 * _MAX_IMPOSTORS, 2)), axis=1)
        others = np.unique(drawn[drawn[:, 0] < drawn[:, 1]], axis=0)
    others = others[labels[others[:, 0]] != labels[others[:, 1]]]
    pairs.append(generator.permutation(others)[:_MAX_IMPOSTORS])
    first, second = np.concatenate(pairs).T
    return first, second
