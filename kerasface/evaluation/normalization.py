"""Scores in units of what strangers reach: adaptive symmetric normalization by a cohort.

A cosine of 0.93 means little by itself: to some faces every second stranger comes near, to others nobody does, and
people whom the embedder's training hardly showed are all alike to it. So each of two faces is first compared with a
*cohort*, many embeddings of nobody. With m and d the mean and standard deviation of its highest cosines there, the
normalized score of two faces a and b with the cosine s is

    ((s - m_a) / d_a + (s - m_b) / d_b) / 2

a number of standard deviations: 0 is what the nearest strangers reach. Thresholds on it hold for people on whom
thresholds on the cosine are many times too low (benchmarks/RESULTS.md).

Reference:
    Matejka et al., "Analysis of Score Normalization in Multilingual Speaker Recognition", Interspeech 2017.
    Auckenthaler, Carey, Lloyd-Thomas, "Score Normalization for Text-Independent Speaker Verification Systems",
    Digital Signal Processing 10, 2000.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_embeddings

_COSINES_AT_ONCE = 2**22  # 16 MiB of float32
_FEW = 4  # faces


@dataclass(frozen=True, eq=False)
class Normalizer:
    """Puts scores in units of what strangers reach.

    Attributes:
        cohort: Unit embeddings that are nobody's, `(num_cohort, embedding_dim)` float32.
        num_best: How many of a face's highest cosines to the cohort are looked at.
        digest: Cohort and `num_best` in one string: normalized scores are comparable where it is equal.
        mean_limits: Lowest and highest mean of people's highest cosines, as far as they were measured. Of what is
            farther from everybody than any face, such as a wall, the lowest is taken: else it would match its like.
        spread_limits: The same of their standard deviation.

    Raises:
        ValueError: If they are no embeddings, or there are fewer than twice `num_best`.
    """

    cohort: np.ndarray
    num_best: int
    digest: str
    mean_limits: tuple[float, float] = (-1.0, 1.0)
    spread_limits: tuple[float, float] = (1e-4, 1.0)

    def __post_init__(self):
        as_embeddings(self.cohort, name="cohort")
        if not 2 <= self.num_best <= len(self.cohort) // 2:
            raise ValueError(
                "A cohort needs at least twice as many embeddings as are looked at, and these are two or more. "
                f"Received: {len(self.cohort)} embeddings, num_best={self.num_best}."
            )

    def statistics(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns mean and standard deviation of each face's highest cosines to the cohort, `(n, 2)` float32.

        They belong to the face alone: compute them once and keep them with its embedding.

        Args:
            embeddings: Unit embeddings, `(n, embedding_dim)`.

        Raises:
            ValueError: If they are no embeddings of the cohort's embedder.
        """
        embeddings = as_embeddings(embeddings, self.cohort.shape[1]).astype(np.float32, copy=False)
        found = np.empty((len(embeddings), 2), dtype=np.float32)
        step = max(1, _COSINES_AT_ONCE // len(self.cohort))
        for start in range(0, len(embeddings), step):
            some = embeddings[start : start + step]
            # One vector at a time is faster for a photo's few faces: the product of matrices repacks the cohort. And
            # not by `@`, whose threads wait for one another wherever something else has the cores.
            few = len(some) <= _FEW
            cosines = np.stack([np.vecdot(self.cohort, row) for row in some]) if few else some @ self._columns
            highest = np.partition(cosines, -self.num_best, axis=1)[:, -self.num_best :]
            found[start : start + step, 0] = np.maximum(highest.mean(axis=1), self.mean_limits[0])
            found[start : start + step, 1] = np.maximum(highest.std(axis=1), self.spread_limits[0])
        return found

    def is_unusual(self, statistics: np.ndarray) -> np.ndarray:
        """Tells of which faces the statistics lie outside what was measured, bool `(n,)`.

        Args:
            statistics: `(n, 2)`.
        """
        limits = np.array([self.mean_limits, self.spread_limits], dtype=np.float32)
        return ((statistics <= limits[:, 0]) | (statistics > limits[:, 1])).any(axis=1)

    def scores(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Scores every probe against every reference: normalized scores, `(num_probes, num_references)` float64.

        Args:
            probes: Unit embeddings, `(num_probes, embedding_dim)`.
            references: Unit embeddings, `(num_references, embedding_dim)`.
        """
        dim = self.cohort.shape[1]
        probes, references = as_embeddings(probes, dim, "probes"), as_embeddings(references, dim, "references")
        cosines = np.asarray(probes @ references.T, dtype=np.float64)
        return normalized_scores(cosines, self.statistics(probes)[:, None], self.statistics(references)[None])

    @cached_property
    def _columns(self) -> np.ndarray:
        return np.ascontiguousarray(self.cohort.T)


class Cosines:
    """Leaves scores as they are: for embedders whose scores a cohort does not make better, or that have none."""

    digest = ""

    def statistics(self, embeddings: np.ndarray) -> np.ndarray:
        """Returns mean 0 and deviation 1 for every face, `(n, 2)` float32: a normalized score is the cosine then."""
        return np.tile(np.float32([0.0, 1.0]), (len(as_embeddings(embeddings)), 1))

    def is_unusual(self, statistics: np.ndarray) -> np.ndarray:
        """Returns `False` for every face, bool `(n,)`: nothing was measured that it could be outside of."""
        return np.zeros(len(statistics), dtype=bool)

    def scores(self, probes: np.ndarray, references: np.ndarray) -> np.ndarray:
        """Scores every probe against every reference: cosines, `(num_probes, num_references)` float64."""
        probes, references = as_embeddings(probes, name="probes"), as_embeddings(references, name="references")
        return np.asarray(probes @ references.T, dtype=np.float64)


COSINES = Cosines()


def normalized_scores(cosines: ArrayLike, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns cosines in units of what strangers reach.

    Args:
        cosines: Of pairs of faces, any shape.
        first: `Normalizer.statistics` of the one face, the shape of the cosines, or one that is broadcast to it, and
            (mean, standard deviation) along the last axis.
        second: Of the other one.

    Returns:
        float64, the shape of the cosines.
    """
    cosines = np.asarray(cosines, dtype=np.float64)
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    return ((cosines - first[..., 0]) / first[..., 1] + (cosines - second[..., 0]) / second[..., 1]) / 2


def bilinear(embeddings: np.ndarray, statistics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns two sets of features whose products are normalized scores: `left @ right.T`.

    A mean of scores is then a product of means, as average linkage wants it.

    Args:
        embeddings: `(n, embedding_dim)`.
        statistics: Theirs, `(n, 2)`.

    Returns:
        `left` and `right`, `(n, 2 * embedding_dim + 2)` float64 each.
    """
    embeddings, statistics = np.asarray(embeddings, dtype=np.float64), np.asarray(statistics, dtype=np.float64)
    scaled, level = embeddings / statistics[:, 1:], statistics[:, :1] / statistics[:, 1:]
    ones = np.ones_like(level)
    return np.hstack([scaled, embeddings, level, ones]), np.hstack([embeddings, scaled, -ones, -level]) / 2


def draw_cohort(
    embeddings: np.ndarray,
    size: int,
    *,
    num_components: int,
    num_directions: int = 40,
    spread: float = 1.0,
    seed: int = 0,
) -> np.ndarray:
    """Draws embeddings of nobody, spread as those of some people are.

    A mixture of Gaussians with diagonal covariances is fitted to the embeddings' first principal components; in all
    other directions goes one Gaussian with the data's own covariance. A draw is made of length 1.

    Args:
        embeddings: Of people's photos, unit length, `(n, embedding_dim)`.
        size: Number of draws.
        num_components: Gaussians in the mixture, at most one for every ten embeddings.
        num_directions: Principal components that the mixture covers.
        spread: Factor on the standard deviation in the other directions.
        seed: Seed of fit and draw.

    Returns:
        `(size, embedding_dim)` float32.

    Raises:
        ValueError: If there are fewer than 20 embeddings, or an argument is out of range.
    """
    from sklearn.mixture import GaussianMixture

    embeddings = as_embeddings(embeddings).astype(np.float64)
    count, dim = embeddings.shape
    if count < 20 or size < 1 or num_components < 1 or num_directions < 1 or spread <= 0:
        raise ValueError(
            "A cohort is drawn from 20 embeddings or more, with size, num_components, num_directions and spread above "
            f"0. Received: {count} embeddings, size={size}, num_components={num_components}, "
            f"num_directions={num_directions}, spread={spread}."
        )
    generator = np.random.default_rng(seed)
    mean = embeddings.mean(axis=0)
    centred = embeddings - mean
    basis = np.linalg.eigh(centred.T @ centred)[1].T[::-1]  # all directions, the widest first
    num_directions = min(num_directions, count - 1, dim)
    inside, outside = np.split(centred @ basis.T, [num_directions], axis=1)
    mixture = GaussianMixture(
        min(num_components, count // 10), covariance_type="diag", reg_covar=1e-5, random_state=seed
    ).fit(inside)
    chosen = generator.choice(len(mixture.weights_), size, p=mixture.weights_)
    drawn = mixture.means_[chosen] + generator.normal(size=(size, num_directions)) * np.sqrt(
        mixture.covariances_[chosen]
    )
    # Principal components are uncorrelated: the covariance in the other directions is diagonal.
    rest = spread * generator.normal(size=(size, dim - num_directions)) * outside.std(axis=0)
    vectors = mean + np.hstack([drawn, rest]) @ basis
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def nearest_cosines(cohort: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """Returns for each embedding the highest cosine to a cohort, `(n,)`: how near the drawn come to somebody."""
    embeddings = as_embeddings(embeddings, np.shape(cohort)[1])
    parts = np.array_split(embeddings, max(1, len(embeddings) // 1000))
    return np.concatenate([(part @ cohort.T).max(axis=1) for part in parts if len(part)])
