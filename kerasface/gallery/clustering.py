"""Clusters of unknown faces: who appears again and again in a folder of photos?

Average linkage: two clusters belong together while the mean score of their pairs reaches a threshold. One lucky pair
does not join two people then, as it does with single linkage, nor does one bad photo split a person, as with complete
linkage. On 6,922 faces of 3,554 people (LFW, `face_resnet`), at the threshold of FMR 1.4e-5, precision and recall of
pairs are 99.9 % and 85.6 % with average, 78.7 % and 97.1 % with single, 99.2 % and 13.1 % with complete linkage.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import Normalizer, bilinear

_SCORES_AT_ONCE = 2**21  # 16 MiB of float64
_ROUNDING = 1e-12  # of a score of means


def fmr_for(num_faces: int) -> float:
    """Returns the false match rate whose threshold suits the clustering of so many faces.

    Every face meets all others, so the more there are, the more strangers are alike. At a rate of `0.1 / num_faces`, a
    stranger who reaches the threshold is met by one face in ten. The rate stays between 1e-5, the lowest that is
    measured, and 1e-3. In parts of LFW with 100 to 6,922 faces, most of whose people appear once, 97 % to 100 %
    of the clusters then hold one person only; above 10,000 faces it will be fewer.
    """
    return min(1e-3, max(1e-5, 0.1 / max(1, num_faces)))


def cluster_faces(
    embeddings: np.ndarray, photos: ArrayLike, *, threshold: float, normalizer: Normalizer | None = None
) -> np.ndarray:
    """Groups faces by person; nobody is twice in one photo.

    Starting from single faces, the two clusters with the highest mean score that share no photo are joined, as long as
    that mean reaches the threshold. Memory grows with the number of faces, not with its square.

    Args:
        embeddings: Unit embeddings, `(num_faces, embedding_dim)`.
        photos: The photo of each face, any integers, `(num_faces,)`.
        threshold: The mean score. `fmr_for` says which error rate it should come from.
        normalizer: What normalizes the scores; `None`: they are cosines.

    Returns:
        The cluster of each face, int64, `(num_faces,)`: 0 is the largest; of equally large ones the one whose first
        face comes first. A face that is like no other has -1.

    Raises:
        ValueError: If the shapes do not agree, an embedding has not length 1, or the threshold is out of range.
    """
    embeddings, photos = as_embeddings(embeddings).astype(np.float32, copy=False), np.asarray(photos)
    _check(embeddings, photos, threshold, normalizer)
    features = (embeddings, embeddings)
    if normalizer is not None:
        features = bilinear(embeddings, normalizer.statistics(embeddings))
    clusters = [cluster for cluster in _Linkage(*features, photos, threshold).clusters() if len(cluster) > 1]
    return _numbered(clusters, len(embeddings))


def join_clusters(labels: ArrayLike, people: Iterable[Sequence[int]]) -> np.ndarray:
    """Joins what somebody who knows the people says is one person.

    Args:
        labels: The cluster of each face, -1 for a face that is in none, `(num_faces,)`, as of `cluster_faces`.
        people: For each person some of the faces, as positions in `labels`; their whole clusters are joined.

    Returns:
        The cluster of each face, numbered as by `cluster_faces`.
    """
    joined = np.array(labels, dtype=np.int64)
    for faces in people:
        faces = np.asarray(faces, dtype=np.int64)
        inside = np.isin(joined, joined[faces][joined[faces] >= 0])
        inside[faces] = True
        joined[inside] = joined.max(initial=-1) + 1
    return _numbered([np.flatnonzero(joined == label) for label in np.unique(joined[joined >= 0])], len(joined))


def _numbered(clusters: Iterable[np.ndarray], num_faces: int) -> np.ndarray:
    """The cluster of each face: the largest first, of equally large ones the one whose first face comes first."""
    labels = np.full(num_faces, -1, dtype=np.int64)
    for number, cluster in enumerate(sorted(clusters, key=lambda cluster: (-len(cluster), cluster[0]))):
        labels[cluster] = number
    return labels


class _Linkage:
    """Average linkage, many joins at a time, without a matrix of all pairs.

    The mean score of all pairs of two clusters is the product of the mean features of the one, left, and of the other,
    right: of cosines both are the embeddings, of normalized scores those of `bilinear`. A joined cluster is no nearer
    to a third than the nearer of its parts was, and a photo that two clusters share only sets them further apart. So
    two that are each other's nearest may be joined at once, as they would be sooner or later; a cluster whose nearest
    is below the threshold is done; and the nearest stays the nearest until it is joined itself. The result is that of
    always joining the nearest two of all.

    Reference:
        Murtagh, "A Survey of Recent Advances in Hierarchical Clustering Algorithms", The Computer Journal 26(4), 1983:
        reciprocal nearest neighbours and the reducibility property.
    """

    def __init__(self, left: np.ndarray, right: np.ndarray, photos: np.ndarray, threshold: float):
        count = len(left)
        self._threshold = threshold
        # One row for each cluster that may still be joined.
        self._left, self._right = left.astype(np.float64), right.astype(np.float64)
        self._members = [np.array([face]) for face in range(count)]
        self._companions = _companions(photos)  # the faces in a cluster's photos, where there are several
        self._nearest = np.zeros(count, dtype=np.int64)  # row of the nearest cluster that can be joined
        self._scores = np.zeros(count)  # its score, -inf where there is none
        self._others = np.zeros(count)  # no other row has a higher score than this
        self._stale = np.ones(count, dtype=bool)  # the three above must be computed anew
        self._row_of = np.arange(count)  # of each face's cluster; -1 when it is done

    def clusters(self) -> list[np.ndarray]:
        """Returns the faces of each cluster, ascending; single faces are clusters too."""
        found = []
        while len(self._left):
            self._find_nearest(np.flatnonzero(self._stale))
            done = self._scores < self._threshold
            found += [np.sort(self._members[row]) for row in np.flatnonzero(done)]
            first, second = self._pairs(done)
            self._join(first, second)
            self._follow(first, second, done)
            done[second] = True
            self._keep(np.flatnonzero(~done))
        return found

    def _find_nearest(self, rows: np.ndarray) -> None:
        step = max(1, _SCORES_AT_ONCE // len(self._left))
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            each = np.arange(len(part))
            scores = self._left[part] @ self._right.T
            scores[each, part] = -np.inf
            scores[self._together(part)] = -np.inf
            self._nearest[part] = nearest = scores.argmax(axis=1)
            self._scores[part] = scores[each, nearest]
            scores[each, nearest] = -np.inf
            self._others[part] = scores.max(axis=1)
        self._stale[rows] = False

    def _pairs(self, done: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows to be joined, each with a higher one."""
        rows = np.arange(len(done))
        mutual = (self._nearest[self._nearest] == rows) & (rows < self._nearest) & ~done & ~done[self._nearest]
        first = np.flatnonzero(mutual)
        if len(first) == 0 and not done.any():  # rounding made a circle of equal scores
            best = int(np.argmax(self._scores))
            ends = sorted((best, int(self._nearest[best])))
            return np.array(ends[:1]), np.array(ends[1:])
        return first, self._nearest[first]

    def _join(self, first: np.ndarray, second: np.ndarray) -> None:
        for row, other in zip(first, second, strict=True):
            sizes = len(self._members[row]), len(self._members[other])
            for means in (self._left, self._right):
                means[row] = np.average(means[[row, other]], axis=0, weights=sizes)
            for lists in (self._members, self._companions):
                lists[row] = np.concatenate([lists[row], lists[other]])
            self._row_of[self._members[other]] = row

    def _follow(self, first: np.ndarray, second: np.ndarray, done: np.ndarray) -> None:
        """Says whose nearest must be looked for anew; often it is what the nearest was joined to."""
        changed = done.copy()
        changed[first] = changed[second] = True
        self._stale = changed | changed[self._nearest]
        became = np.arange(len(done))
        became[second] = first
        self._nearest = became[self._nearest]
        rows = np.flatnonzero(self._stale & ~changed)
        nearest = self._nearest[rows]
        scores = np.einsum("ij,ij->i", self._left[rows], self._right[nearest])
        scores[done[nearest]] = -np.inf
        at, together = self._together(rows)
        scores[at[together == nearest[at]]] = -np.inf
        still = scores >= self._others[rows] - _ROUNDING  # of equal ones any will do
        self._scores[rows[still]] = scores[still]
        self._stale[rows[still]] = False

    def _keep(self, kept: np.ndarray) -> None:
        new = np.full(len(self._left) + 1, -1)  # and -1 stays -1
        new[kept] = np.arange(len(kept))
        self._left, self._right = self._left[kept], self._right[kept]
        self._scores, self._others = self._scores[kept], self._others[kept]
        self._members = [self._members[row] for row in kept]
        self._companions = [self._companions[row] for row in kept]
        self._nearest, self._stale = new[self._nearest[kept]], self._stale[kept]
        self._row_of = new[self._row_of]

    def _together(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Clusters that share a photo: position in `rows` of the one, row of the other; some more than once."""
        companions = [self._companions[row] for row in rows]
        at = np.repeat(np.arange(len(rows)), [len(faces) for faces in companions])
        other = self._row_of[np.concatenate([np.zeros(0, dtype=np.int64), *companions])]
        return at[other >= 0], other[other >= 0]


def _companions(photos: np.ndarray) -> list[np.ndarray]:
    """For each face the faces in its photo, itself included; nothing where it is alone."""
    _, photo_of, counts = np.unique(photos, return_inverse=True, return_counts=True)
    in_photo = np.split(np.argsort(photo_of, kind="stable"), np.cumsum(counts)[:-1])
    alone = np.zeros(0, dtype=np.int64)
    return [in_photo[photo] if counts[photo] > 1 else alone for photo in photo_of]


def _check(embeddings: np.ndarray, photos: np.ndarray, threshold: float, normalizer: Normalizer | None) -> None:
    if photos.shape != embeddings.shape[:1]:
        raise ValueError(
            "Clustering needs embeddings (num_faces, embedding_dim) and the photo of each face. "
            f"Received: embeddings of shape {embeddings.shape}, photos of shape {photos.shape}."
        )
    if normalizer is None and not -1 <= threshold <= 1:
        raise ValueError(f"A threshold on cosines lies in [-1, 1]. Received: threshold={threshold}.")
    if not np.isfinite(threshold):
        raise ValueError(f"A threshold on scores is finite. Received: threshold={threshold}.")
