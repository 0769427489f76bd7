"""The linear classifier by hand: a score for each class from a few pixels, and the line where two classes are equal."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

from kerasface.inspection.teaching.worked.numbers import numbers

# The example of lectures: a picture of four pixels, three classes.
PIXELS = (56, 231, 24, 2)
CLASSES = ("cat", "dog", "ship")
WEIGHTS = ((0.2, -0.5, 0.1, 2.0), (1.5, 1.3, 2.1, 0.0), (0.0, 0.25, 0.2, -0.3))
BIASES = (1.1, 3.2, -1.2)


@dataclass(frozen=True, eq=False)
class LinearScores:
    """The scores `Wx + b`, and how they come about.

    Attributes:
        products: Each weight times its pixel, `(num_classes, num_pixels)`.
        sums: Of the products of each class, before its bias, `(num_classes,)`.
        scores: With the bias, `(num_classes,)`; the largest wins.
    """

    products: np.ndarray
    sums: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Hyperplane:
    """Where `normal . x + offset` is 0: a point for one number, a line for two, a plane for three.

    Attributes:
        normal: Perpendicular to it, towards the positive side, `(num_features,)`.
        offset: What is added.
    """

    normal: np.ndarray
    offset: float

    def values(self, points: ArrayLike) -> np.ndarray:
        """Returns `normal . x + offset` of points `(..., num_features)`: above 0 on the side the normal points to."""
        return np.asarray(points, dtype=np.float64) @ self.normal + self.offset

    def distances(self, points: ArrayLike) -> np.ndarray:
        """Returns how far points `(..., num_features)` lie from it, below 0 on the other side; its own are at 0.

        Raises:
            ValueError: If the normal is 0: then there is no such place.
        """
        length = float(np.linalg.norm(self.normal))
        if not length:
            raise ValueError("Weights that are all 0 divide nothing. Received: normal=0. Change one of them.")
        return self.values(points) / length


def linear_scores(pixels: ArrayLike, weights: ArrayLike, biases: ArrayLike) -> LinearScores:
    """Works out `Wx + b`.

    Args:
        pixels: `x`, shape `(num_pixels,)`.
        weights: `W`, one row for each class, `(num_classes, num_pixels)`.
        biases: `b`, `(num_classes,)`.

    Raises:
        ValueError: If a number is not finite or the shapes do not go together.
    """
    pixels, weights, biases = numbers("pixels", pixels, 1), numbers("weights", weights, 2), numbers("biases", biases, 1)
    if weights.shape != (len(biases), len(pixels)):
        raise ValueError(
            "Weights need a row for each bias and a column for each pixel. "
            f"Received: weights {weights.shape}, {len(biases)} biases, {len(pixels)} pixels."
        )
    products = weights * pixels
    sums = products.sum(axis=1)
    return LinearScores(products, sums, sums + biases)


def boundary_between(weights: ArrayLike, biases: ArrayLike, winner: int, rival: int) -> Hyperplane:
    """Returns where two classes of a linear classifier have equal scores; on its positive side `winner` is larger.

    Args:
        weights: `(num_classes, num_features)`.
        biases: `(num_classes,)`.
        winner: Index of one class.
        rival: Index of the other.

    Raises:
        ValueError: If there is no such class, or the two are one.
    """
    weights, biases = numbers("weights", weights, 2), numbers("biases", biases, 1)
    if winner == rival or not all(0 <= index < len(weights) == len(biases) for index in (winner, rival)):
        raise ValueError(
            f"Two different classes of 0 to {len(weights) - 1} have a boundary. Received: {winner}, {rival}."
        )
    return Hyperplane(weights[winner] - weights[rival], float(biases[winner] - biases[rival]))


def ink_features(digits: ArrayLike) -> np.ndarray:
    """Returns the mean ink of digits in the middle and at the sides: two features that a plane can be drawn of.

    Args:
        digits: `(num_digits, 8, 8)`, such as those of scikit-learn.
    """
    digits = numbers("digits", digits, 3)
    return np.stack([digits[:, 2:6, 3:5].mean(axis=(1, 2)), digits[:, :, [1, 2, 5, 6]].mean(axis=(1, 2))], axis=1)


def fit_plane(points: ArrayLike, positive: ArrayLike) -> Hyperplane:
    """Learns the line between two classes by logistic regression.

    Args:
        points: `(num_points, num_features)`.
        positive: Which of them belong on the positive side, bool, `(num_points,)`; some do and some do not.
    """
    found = LogisticRegression().fit(numbers("points", points, 2), np.asarray(positive, dtype=bool))
    return Hyperplane(found.coef_[0], float(found.intercept_[0]))
