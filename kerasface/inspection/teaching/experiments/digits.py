"""Scikit-learn's handwritten digits as the experiments take them: standardized, in a fixed split."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.model_selection import train_test_split

from kerasface.data.samples import read_digits

HELD_OUT = 400  # of 1,797


@dataclass(frozen=True, eq=False)
class Digits:
    """Digits to learn from and others to judge on, as rows of 64 numbers with mean 0 and deviation 1 over all.

    Attributes:
        x: `(num_digits, 64)`, float32.
        labels: `(num_digits,)`.
        held_out_x: `(400, 64)`, float32.
        held_out_labels: `(400,)`.
    """

    x: np.ndarray
    labels: np.ndarray
    held_out_x: np.ndarray
    held_out_labels: np.ndarray


@cache
def split_digits() -> Digits:
    """Reads and splits the digits, with equal parts of each class."""
    data = read_digits()
    train, held_out = train_test_split(
        np.arange(len(data.data)), test_size=HELD_OUT, stratify=data.target, random_state=0
    )
    mean, deviation = data.data[train].mean(axis=0), data.data[train].std()
    x = np.float32((data.data - mean) / deviation)
    return Digits(x[train], data.target[train], x[held_out], data.target[held_out])


def first_of_each(labels: np.ndarray, per_class: int, classes: tuple[int, ...]) -> np.ndarray:
    """Returns the indices of the first digits of each class, as many as there are, up to `per_class`.

    Raises:
        ValueError: If `per_class` is below 1.
    """
    if per_class < 1:
        raise ValueError(f"There is at least one digit of each class. Received: per_class={per_class}.")
    return np.concatenate([np.flatnonzero(labels == name)[:per_class] for name in classes])
