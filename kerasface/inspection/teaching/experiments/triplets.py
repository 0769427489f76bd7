"""Triplets in a plane: what the triplet loss makes of points, which triplets count, and where each point is pulled."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.teaching.worked.numbers import numbers

MINING = ("all", "semi-hard", "batch-hard")


@dataclass(frozen=True, eq=False)
class Triplets:
    """The triplets of some points, and what they ask for.

    Attributes:
        anchors: Index of the anchor of each triplet that was chosen, `(num_triplets,)`.
        positives: Of a point of the same person.
        negatives: Of a point of somebody else.
        losses: `max(d(a, p) + margin - d(a, n), 0)` of each.
        loss: Their mean.
        pulls: Minus the gradient of the loss: where each point goes, `(num_points, 2)`.
    """

    anchors: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    losses: np.ndarray
    loss: float
    pulls: np.ndarray

    @property
    def active(self) -> int:
        """How many of them have a loss: the others are further apart than the margin, and pull nothing."""
        return int((self.losses > 0).sum())


def triplets_of(points: ArrayLike, people: ArrayLike, *, margin: float = 0.5, mining: str = "all") -> Triplets:
    """Chooses triplets as `losses.embeddings.TripletLoss` does, and computes the loss with its gradient.

    Args:
        points: `(num_points, num_dims)`.
        people: Whose each is, `(num_points,)`.
        margin: Above 0, in units of the distance.
        mining: One of `MINING`.

    Raises:
        ValueError: If a number is not finite, the shapes differ, nobody has two points, there is one person only, or an
            option is out of range.
    """
    points, people = numbers("points", points, 2), np.asarray(people)
    if people.shape != (len(points),):
        raise ValueError(f"Each point is somebody's. Received: {people.shape} people, {len(points)} points.")
    if not margin > 0 or mining not in MINING:
        raise ValueError(
            f"A margin is above 0, mining one of {', '.join(MINING)}. Received: margin={margin}, mining={mining!r}."
        )
    apart = points[:, None] - points[None]
    distances = np.sqrt(np.square(apart).sum(axis=-1) + 1e-12)
    same = (people[:, None] == people) & ~np.eye(len(people), dtype=bool)
    other = people[:, None] != people
    if not same.any() or not other.any():
        raise ValueError(
            "A triplet needs two points of one person and one of somebody else. Received: "
            f"people={people.tolist()}. Add points."
        )
    anchors, positives, negatives = _chosen(distances, same, other, mining)
    losses = np.maximum(distances[anchors, positives] + margin - distances[anchors, negatives], 0)
    pulls = np.zeros_like(points)
    active = losses > 0
    a, p, n = anchors[active], positives[active], negatives[active]
    to_positive = apart[a, p] / distances[a, p][:, None]
    to_negative = apart[a, n] / distances[a, n][:, None]
    np.add.at(pulls, a, to_negative - to_positive)
    np.add.at(pulls, p, to_positive)
    np.add.at(pulls, n, -to_negative)
    return Triplets(anchors, positives, negatives, losses, float(losses.mean()), pulls / len(losses))


def _chosen(distances, same, other, mining: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of anchors, positives and negatives."""
    if mining == "batch-hard":
        anchors = np.flatnonzero(same.any(axis=1) & other.any(axis=1))
        positives = np.where(same, distances, -np.inf).argmax(axis=1)[anchors]
        return anchors, positives, np.where(other, distances, np.inf).argmin(axis=1)[anchors]
    if mining == "all":
        return np.nonzero(same[:, :, None] & other[:, None, :])
    anchors, positives = np.nonzero(same & other.any(axis=1)[:, None])
    beyond = other[anchors] & (distances[anchors] > distances[anchors, positives][:, None])
    nearest = np.where(beyond, distances[anchors], np.inf).argmin(axis=1)
    farthest = np.where(other[anchors], distances[anchors], -np.inf).argmax(axis=1)
    return anchors, positives, np.where(beyond.any(axis=1), nearest, farthest)


def scattered_people(people: int = 4, each: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns points of several people all mixed up, `(people * each, 2)`, and whose each is."""
    generator = np.random.default_rng(seed)
    return generator.normal(scale=0.8, size=(people * each, 2)), np.repeat(np.arange(people), each)
