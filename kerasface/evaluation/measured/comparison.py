"""Two embedders searched for the same people: is one better, or was it chance?"""

from dataclasses import asdict, dataclass

import numpy as np

from kerasface.evaluation.comparison import SIGNIFICANCE, Difference
from kerasface.evaluation.identification import OpenSetTrial, search_trial
from kerasface.evaluation.verification import threshold_at_fmr


@dataclass(frozen=True)
class SearchComparison:
    """Two embedders on the same gallery and probes; rates are fractions.

    Attributes:
        fpir: False positive identification rate at which each has its threshold, on these strangers.
        fnir: False negative identification rates there.
        rank1: Shares of probes whose own person comes first.
        gallery_size: People enrolled.
        num_mated: Probes of theirs.
        num_unknown: Strangers.
        supported: Whether there are strangers enough to speak of the rate: 3 / FPIR.
    """

    fpir: float
    fnir: Difference
    rank1: Difference
    gallery_size: int
    num_mated: int
    num_unknown: int
    supported: bool

    @property
    def better(self) -> str | None:
        """`"a"` or `"b"` if it misses fewer by the interval, else `None`."""
        if not self.supported or self.fnir.low <= 0 <= self.fnir.high:
            return None
        return "a" if self.fnir.low > 0 else "b"

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values, `better` among them."""
        return {**asdict(self), "better": self.better}


def compare_searches(
    a: OpenSetTrial, b: OpenSetTrial, *, fpir: float = 0.01, bootstrap: int = 300, seed: int = 0
) -> SearchComparison:
    """Compares two embedders on the same gallery, probes and strangers.

    People are drawn anew: those who are enrolled with all their probes, and strangers; the thresholds are found anew.

    Args:
        a: What one embedder sees.
        b: What the other one sees on the same photos, in the same order.
        fpir: The rate, a fraction.
        bootstrap: Number of samples behind the intervals.
        seed: Of the samples.

    Raises:
        ValueError: If they are not the same photos.
    """
    if not (
        np.array_equal(a.gallery_labels, b.gallery_labels)
        and np.array_equal(a.mated_labels, b.mated_labels)
        and len(a.unknown) == len(b.unknown)
    ):
        raise ValueError("Two embedders are compared on the same gallery, probes and strangers.")
    searched = [search_trial(trial) for trial in (a, b)]
    people, person_of = np.unique(a.mated_labels, return_inverse=True)
    unknown = [strangers.normalized for _, strangers in searched]
    own = [mated.own_scores for mated, _ in searched]
    first = [mated.own_ranks == 1 for mated, _ in searched]

    def rates(strangers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """FNIR and rank 1 of both, `(2, 2)`."""
        thresholds = [threshold_at_fmr(scores[strangers], fpir) for scores in unknown]
        missed = [np.average(scores < at, weights=weights) for scores, at in zip(own, thresholds, strict=True)]
        return np.array([missed, [np.average(hits, weights=weights) for hits in first]])

    generator, samples = np.random.default_rng(seed), []
    for _ in range(bootstrap):
        drawn = np.bincount(generator.integers(0, len(people), len(people)), minlength=len(people))[person_of]
        found = rates(generator.integers(0, len(a.unknown), len(a.unknown)), drawn)
        samples.append(found[:, 1] - found[:, 0])
    lows, highs = np.quantile(samples, [SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2], axis=0)
    found = rates(np.arange(len(a.unknown)), np.ones(len(person_of)))
    fnir, rank1 = (
        Difference(float(one), float(other), float(other - one), float(low), float(high))
        for (one, other), low, high in zip(found, lows, highs, strict=True)
    )
    return SearchComparison(
        fpir=fpir,
        fnir=fnir,
        rank1=rank1,
        gallery_size=len(np.unique(a.gallery_labels)),
        num_mated=len(person_of),
        num_unknown=len(a.unknown),
        supported=3 / len(a.unknown) <= fpir,
    )
