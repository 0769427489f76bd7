"""What is asked of the numbers of a worked example before anything is computed from them."""

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_numbers


def numbers(name: str, values: ArrayLike, num_axes: int) -> np.ndarray:
    """Returns values as float64, once they are finite numbers with so many axes.

    Args:
        name: What an error calls them.
        values: To look at.
        num_axes: How many axes they must have, each of them not empty.

    Raises:
        ValueError: If they are anything else.
    """
    found = as_numbers(values, f"{name} must be numbers, in rows of equal length", name).astype(np.float64)
    if found.ndim != num_axes or not found.size:
        raise ValueError(f"{name} must have {num_axes} axes and not be empty. Received: shape {found.shape}.")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must be finite numbers. Received: an empty or infinite cell in {name}. Fill it in.")
    return found
