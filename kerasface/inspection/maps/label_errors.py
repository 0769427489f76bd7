"""Who lies near whom among embeddings, and pictures that seem to carry a wrong name.

Closeness is the cosine of embeddings: they may have any length but 0, which does not count.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from kerasface.arrays import as_embeddings

Progress = Callable[[int, int], None]

NEIGHBORS = 5
MIN_SHARE = 0.75
# Of scores of `face_resnet`. Among few people, all neighbours of a poor picture may be of one other by chance: in parts
# of LFW with 2 to 20 people its margin was 0.03 at most, and that of a wrong name 0.03 at least.
MIN_MARGIN = 0.03
_ROWS_AT_ONCE = 2048  # queries of a search between two reports


@dataclass(frozen=True)
class LabelError:
    """A picture that seems to carry a wrong name.

    Attributes:
        index: Which one.
        label: The name that it carries.
        suggested: The name of its neighbours.
        share: The share of its nearest neighbours with that name, at most as many as there are of that name.
        margin: Their mean score, minus the mean of as many of the highest scores with its own name.
        neighbor: The nearest of them.
    """

    index: int
    label: str
    suggested: str
    share: float
    margin: float
    neighbor: int

    def to_dict(self) -> dict:
        return asdict(self)


def suspected_label_errors(
    embeddings: np.ndarray,
    labels: Sequence[str],
    *,
    k: int = NEIGHBORS,
    min_share: float = MIN_SHARE,
    min_margin: float = MIN_MARGIN,
    on_progress: Progress | None = None,
) -> list[LabelError]:
    """Finds pictures whose nearest neighbours overwhelmingly carry one other name.

    A name with fewer than k pictures is judged by as many neighbours as it has pictures. Nobody with one picture is
    accused, nor is a name suggested that has one picture only: where two people have two pictures each and one of them
    is swapped, nothing tells which. Every picture is compared with every other, in blocks.

    Of 588 photos of 165 people (LFW, `face_resnet`) nobody is suspected; of 30 names that were exchanged, 10 of them of
    people with 2 to 5 photos, 21 are found and put right, and a right one is suspected in one of 10 trials.

    Args:
        embeddings: `(num_points, embedding_dim)`.
        labels: The name of each, length `num_points`.
        k: Number of neighbours.
        min_share: The share of them that must carry the other name, in `(0, 1]`.
        min_margin: By how much the score with them must be higher than with pictures of its own name; not negative.
        on_progress: Called with the number of pictures compared and their total.

    Returns:
        The suspects, largest margin first.

    Raises:
        ValueError: If the embeddings are malformed, the numbers differ, or an argument is out of range.

    Reference:
        Wilson, "Asymptotic Properties of Nearest Neighbor Rules Using Edited Data", IEEE Transactions on Systems, Man,
        and Cybernetics 2(3), 1972; voted on embeddings as in Zhu, Dong and Liu, "Detecting Corrupted Labels Without
        Training a Model to Predict", ICML 2022. That rare names need fewer votes, and the margin, are ours.
    """
    unit = unit_embeddings(embeddings)
    if len(labels) != len(unit) or k < 1 or not 0 < min_share <= 1 or not min_margin >= 0:
        raise ValueError(
            "Label errors need a name for every embedding, k >= 1, min_share in (0, 1] and min_margin >= 0. "
            f"Received: {len(unit)} embeddings, {len(labels)} labels, k={k}, min_share={min_share}, "
            f"min_margin={min_margin}."
        )
    if len(unit) < 2:
        return []
    names, own, counts = np.unique(np.asarray(labels, dtype=str), return_inverse=True, return_counts=True)
    found, scores = _nearest(unit, np.arange(len(unit)), k, on_progress)
    suggested, share = _votes(own[found], own, counts)
    suspects = []
    for index in np.flatnonzero((counts[own] > 1) & (share >= min_share - 1e-9)):
        judged = min(found.shape[1], counts[suggested[index]])
        places = np.flatnonzero(own[found[index, :judged]] == suggested[index])
        mates = np.setdiff1d(np.flatnonzero(own == own[index]), [index])
        highest = np.sort(unit[mates] @ unit[index])[::-1][: len(places)]
        margin = float(scores[index, places].mean() - highest.mean())
        if margin > min_margin:
            label, other = names[own[index]].item(), names[suggested[index]].item()
            nearest = int(found[index, places[0]])
            suspects.append(LabelError(int(index), label, other, float(share[index]), margin, nearest))
    return sorted(suspects, key=lambda suspect: (-suspect.margin, suspect.index))


def neighbors(embeddings: np.ndarray, index: int, k: int = NEIGHBORS) -> tuple[np.ndarray, np.ndarray]:
    """Returns the k nearest of one point, itself left out, nearest first; fewer where there are no more.

    Args:
        embeddings: `(num_points, embedding_dim)`.
        index: The point.
        k: Number of neighbours.

    Returns:
        Their indices, int64, and their scores in `[-1, 1]`, float32, both `(k,)`.

    Raises:
        ValueError: If the embeddings are malformed, there is no such point, or `k` is below 1.
    """
    unit = unit_embeddings(embeddings)
    if not 0 <= index < len(unit) or k < 1:
        raise ValueError(f"Neighbours need a point and k >= 1. Received: index={index} of {len(unit)}, k={k}.")
    if len(unit) == 1:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
    found, scores = _nearest(unit, np.array([index]), k)
    return found[0], scores[0]


def unit_embeddings(embeddings: np.ndarray) -> np.ndarray:
    """Returns embeddings `(num_points, embedding_dim)` as float32, each of length 1.

    Raises:
        ValueError: If the shape is another, or a length is 0 or not finite.
    """
    embeddings = as_embeddings(embeddings, unit=False).astype(np.float32, copy=False)
    if embeddings.shape[1] < 2 or not len(embeddings):
        raise ValueError(
            f"Embeddings have shape (num_points, embedding_dim), neither empty. Received: shape {embeddings.shape}."
        )
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    wrong = np.flatnonzero(~((lengths > 0) & np.isfinite(lengths)))
    if len(wrong):
        raise ValueError(
            f"Embeddings have a length that is neither 0 nor infinite. Received: {len(wrong)} of {len(embeddings)} "
            f"that have not, the first at {wrong[0]}. Leave them out."
        )
    return embeddings / lengths


def _nearest(
    unit: np.ndarray, rows: np.ndarray, k: int, on_progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest of some rows, themselves left out: indices and scores, `(num_rows, min(k, n - 1))`."""
    from sklearn.neighbors import NearestNeighbors

    report = on_progress or (lambda done, total: None)
    search = NearestNeighbors(n_neighbors=min(k + 1, len(unit)), algorithm="brute").fit(unit)
    found, scores = [], []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[start : start + _ROWS_AT_ONCE]
        near = search.kneighbors(unit[part], return_distance=False)
        others = near != part[:, None]
        others[others.all(axis=1), -1] = False  # so many equal ones that the row itself is not among them
        near = near[others].reshape(len(part), -1)
        found.append(near)
        scores.append(np.einsum("ijk,ik->ij", unit[near], unit[part]))
        report(start + len(part), len(rows))
    return np.concatenate(found).astype(np.int64), np.concatenate(scores)


def _votes(near: np.ndarray, own: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The other name with the largest share of the neighbours `near`, names in numbers, and that share; 0 if none."""
    suggested, best = np.zeros(len(near), dtype=np.int64), np.zeros(len(near))
    places = np.arange(near.shape[1])
    for candidate in near.T:  # the nearest first, which keeps what is equal
        judged = np.minimum(near.shape[1], counts[candidate])
        votes = ((near == candidate[:, None]) & (places < judged[:, None])).sum(axis=1)
        share = np.where((candidate != own) & (counts[candidate] > 1), votes / judged, 0)
        better = share > best
        suggested[better], best[better] = candidate[better], share[better]
    return suggested, best
