"""Which parts of a picture an attribution falls on, given a mask of its parts."""

from collections.abc import Sequence

import numpy as np

BACKGROUND_LIMIT = 0.5


def region_shares(map: np.ndarray, mask: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Returns the share of the positive attribution that falls on each class of a mask.

    Args:
        map: Attribution `(height, width)`; what is negative does not count.
        mask: Class ids, integers, `(height, width)`.
        classes: Names of the classes, by class id.

    Returns:
        Class to share, by class id; they add up to 1, or are all 0 where nothing is positive.

    Raises:
        ValueError: If map and mask differ in size, the map is not finite, or an id has no name.
    """
    if map.shape != mask.shape or map.ndim != 2 or not np.isfinite(map).all():
        raise ValueError(
            f"Map and mask need the same size, and finite values. Received: map {map.shape}, mask {mask.shape}. "
            "Bring the mask to the map's pixels by its nearest ids."
        )
    if not np.issubdtype(mask.dtype, np.integer) or mask.min() < 0 or mask.max() >= len(classes):
        raise ValueError(
            f"Every class id needs a name. Received: {len(classes)} classes, ids {mask.min()} to {mask.max()} "
            f"as {mask.dtype}."
        )
    positive = np.maximum(map, 0).astype(np.float64)
    sums = np.bincount(mask.ravel().astype(np.int64), weights=positive.ravel(), minlength=len(classes))
    total = sums.sum()
    shares = sums / total if total > 0 else sums
    return dict(zip(classes, shares.tolist(), strict=True))


def background_warning(shares: dict[str, float], background: str = "background") -> str | None:
    """Returns a sentence to show where the background holds too much of an attribution, or else `None`.

    Args:
        shares: From `region_shares`.
        background: Name of the class that is none of the face.

    Raises:
        ValueError: If there is no such class.
    """
    if background not in shares:
        raise ValueError(f"background must be one of {list(shares)}. Received: background={background!r}.")
    if shares[background] <= BACKGROUND_LIMIT:
        return None
    return (
        f"{shares[background]:.0%} of what speaks for this answer lies on the background, more than "
        f"{BACKGROUND_LIMIT:.0%}: the "
        "model may have learned the surroundings instead of the face."
    ).replace("%", " %")
