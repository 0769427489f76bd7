"""Whether one model errs less than another: both judged on the same pairs or pictures, each at its own threshold.

Two questions are asked of the same decisions. McNemar's test counts the pairs that only one of the models gets wrong
and asks how often chance would share them out so unevenly. It takes pairs for independent, which those of one person
are not. So people are drawn anew too, with all their pairs: the interval of the difference is that of other people who
might have been photographed.
"""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.evaluation.labeled_pairs import checked_pairs
from kerasface.evaluation.verification import num_impostor_needed, threshold_at_fmr

_CONFIDENCE = 0.95
SIGNIFICANCE = 1 - _CONFIDENCE


@dataclass(frozen=True)
class McNemar:
    """How the pairs that only one of two models gets wrong are shared out.

    Attributes:
        only_a: Pairs that A alone gets wrong.
        only_b: Pairs that B alone gets wrong.
        p_value: How probable so uneven a share is where each such pair is either's with equal chance; two-sided.
    """

    only_a: int
    only_b: int
    p_value: float


@dataclass(frozen=True)
class Difference:
    """A rate of two models.

    Attributes:
        a: That of A.
        b: That of B.
        value: `b - a`.
        low: Lower end of the 95 % interval of `value`, by resampling people; it contains `value`.
        high: Upper end.
    """

    a: float
    b: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairComparison:
    """Two models on the same pairs; rates are fractions.

    Attributes:
        fmr: False match rate at which each model has its threshold.
        threshold_a: Smallest threshold at which A's false match rate does not exceed it, on these pairs.
        threshold_b: That of B.
        fnmr: False non-match rates there.
        eer: Equal error rates.
        auc: Areas under the ROC curve.
        mcnemar: Over the genuine pairs, each model at its threshold.
        num_genuine: Genuine pairs.
        num_impostor: Impostor pairs.
        num_people: People in the pairs.
    """

    fmr: float
    threshold_a: float
    threshold_b: float
    fnmr: Difference
    eer: Difference
    auc: Difference
    mcnemar: McNemar
    num_genuine: int
    num_impostor: int
    num_people: int

    @property
    def better(self) -> str | None:
        """`"a"` or `"b"` if it refuses fewer genuine pairs by both the interval and the test, else `None`."""
        return _better(self.fnmr, self.mcnemar)

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values, `better` among them."""
        return {**asdict(self), "better": self.better}


def mcnemar_exact(wrong_a: ArrayLike, wrong_b: ArrayLike) -> McNemar:
    """Tests whether one of two models gets more of the same answers wrong.

    Args:
        wrong_a: Which answers of A are wrong, bool, shape `(num_answers,)`; for the test they are independent.
        wrong_b: Which of B are, in the same order.

    Raises:
        ValueError: If the shapes differ or a value is neither true nor false.

    Reference:
        McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages",
        Psychometrika 1947; the exact binomial form instead of his approximation by chi-squared.
    """
    from scipy.special import bdtr  # a third of what it takes to import scipy.stats.binomtest, whose value it is

    wrong_a, wrong_b = np.asarray(wrong_a), np.asarray(wrong_b)
    if wrong_a.ndim != 1 or wrong_a.shape != wrong_b.shape or not np.isin([*wrong_a, *wrong_b], (0, 1)).all():
        raise ValueError(
            "wrong_a and wrong_b must be True or False for the same answers. "
            f"Received: shapes {wrong_a.shape} and {wrong_b.shape}, types {wrong_a.dtype} and {wrong_b.dtype}."
        )
    wrong_a, wrong_b = wrong_a.astype(bool), wrong_b.astype(bool)
    only_a, only_b = int(np.sum(wrong_a & ~wrong_b)), int(np.sum(wrong_b & ~wrong_a))
    p_value = min(1.0, 2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)))
    return McNemar(only_a, only_b, p_value)


def compare_pairs(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    same: ArrayLike,
    people: ArrayLike,
    *,
    fmr: float = 0.01,
    bootstrap: int = 1000,
) -> PairComparison:
    """Compares two models on pairs that both have scored; their scores need not be on one scale.

    In a bootstrap sample a genuine pair counts as often as its person was drawn, an impostor pair the product of how
    often its two people were, and the thresholds are found anew. For impostor pairs that share no people this is
    wider than need be, by a factor of 1.7 at most; it is never much too narrow.

    Args:
        scores_a: Scores of A, finite, higher is more alike, shape `(num_pairs,)`.
        scores_b: Scores of B for the same pairs.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`; both kinds must occur.
        people: Who is on both photos of each pair, names or integers, shape `(num_pairs, 2)`.
        fmr: False match rate of the thresholds, in `(0, 1]`.
        bootstrap: Number of bootstrap samples behind the intervals, at least 1.

    Raises:
        ValueError: If the shapes differ, a score is not finite, a kind of pair is absent, `people` contradicts `same`,
            or there are fewer than 3 / FMR impostor pairs.

    Reference:
        Bolle, Ratha, Pankanti, "Error Analysis of Pattern Recognition Systems: the Subsets Bootstrap", CVIU 2004:
        people are drawn, not pairs. Snijders, Borgatti, "Non-Parametric Standard Errors and Tests for Network
        Statistics", Connections 1999: products for pairs of two. Owen, "The Pigeonhole Bootstrap", Annals of Applied
        Statistics 2007: why these are wide.
    """
    scores_a, same = checked_pairs(scores_a, same)
    scores_b, _ = checked_pairs(scores_b, same)
    person = _checked_people(people, same)
    num_impostor = int((~same).sum())
    if num_impostor < (needed := num_impostor_needed(fmr)) or bootstrap < 1:
        raise ValueError(
            f"A false match rate of {fmr:g} takes {needed:,} impostor pairs or more (3 / FMR), and bootstrap >= 1. "
            f"Received: {num_impostor:,} impostor pairs, bootstrap={bootstrap}."
        )
    models = [_Levels(scores, same) for scores in (scores_a, scores_b)]
    generator, num_people = np.random.default_rng(0), int(person.max()) + 1
    samples = []
    while len(samples) < bootstrap:
        drawn = np.bincount(generator.integers(0, num_people, num_people), minlength=num_people)
        weights = np.where(same, drawn[person[:, 0]], drawn[person[:, 0]] * drawn[person[:, 1]])
        if weights[same].any() and weights[~same].any():  # of few people a sample may have one kind only
            a, b = (model.rates(weights, fmr) for model in models)
            samples.append(b - a)
    lows, highs = np.quantile(samples, [SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2], axis=0)
    a, b = (model.rates(np.ones(len(same)), fmr) for model in models)
    fnmr, eer, auc = (_difference(*values) for values in zip(a, b, lows, highs, strict=True))
    threshold_a, threshold_b = (threshold_at_fmr(scores[~same], fmr) for scores in (scores_a, scores_b))
    return PairComparison(
        fmr=fmr,
        threshold_a=threshold_a,
        threshold_b=threshold_b,
        fnmr=fnmr,
        eer=eer,
        auc=auc,
        mcnemar=mcnemar_exact(scores_a[same] < threshold_a, scores_b[same] < threshold_b),
        num_genuine=int(same.sum()),
        num_impostor=num_impostor,
        num_people=num_people,
    )


@dataclass(frozen=True)
class ClassifierComparison:
    """Two classifiers on the same pictures; rates are fractions.

    Attributes:
        error: Pictures that did not get their own name.
        mcnemar: Over those pictures.
        num_pictures: How many there were.
    """

    error: Difference
    mcnemar: McNemar
    num_pictures: int

    @property
    def better(self) -> str | None:
        """`"a"` or `"b"` if it errs less by both the interval and the test, else `None`."""
        return _better(self.error, self.mcnemar)

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values, `better` among them."""
        return {**asdict(self), "better": self.better}


def compare_classifiers(wrong_a: ArrayLike, wrong_b: ArrayLike, *, bootstrap: int = 10_000) -> ClassifierComparison:
    """Compares two classifiers on the same pictures.

    Pictures are drawn anew, with the answers of both: the interval is that of other pictures of the same classes. It
    takes them for independent, as McNemar's test does; of pictures of one moment it promises too much.

    Args:
        wrong_a: Whether A gave each picture another name than its own, bool, shape `(num_pictures,)`.
        wrong_b: Whether B did, in the same order.
        bootstrap: Number of bootstrap samples behind the interval, at least 1.

    Raises:
        ValueError: If the shapes differ, there is no picture, or a value is neither true nor false.

    Reference:
        McNemar, Psychometrika 1947. Efron, "Bootstrap Methods: Another Look at the Jackknife", 1979.
    """
    test = mcnemar_exact(wrong_a, wrong_b)
    wrong_a, wrong_b = np.asarray(wrong_a, dtype=bool), np.asarray(wrong_b, dtype=bool)
    if not len(wrong_a) or bootstrap < 1:
        raise ValueError(
            "A comparison takes a picture or more, and bootstrap >= 1. "
            f"Received: {len(wrong_a)} pictures, bootstrap={bootstrap}."
        )
    alike = len(wrong_a) - test.only_a - test.only_b
    # Of a picture only these three kinds matter, so that drawing pictures is drawing how many there are of each.
    kinds = np.array([test.only_a, test.only_b, alike]) / len(wrong_a)
    drawn = np.random.default_rng(0).multinomial(len(wrong_a), kinds, size=bootstrap)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / len(wrong_a), [SIGNIFICANCE / 2, 1 - SIGNIFICANCE / 2])
    return ClassifierComparison(_difference(wrong_a.mean(), wrong_b.mean(), low, high), test, len(wrong_a))


class _Levels:
    """The distinct scores of a model from high to low, so that resampled pairs are counted without being sorted."""

    def __init__(self, scores: np.ndarray, same: np.ndarray):
        _, ascending = np.unique(scores, return_inverse=True)
        self._level = ascending.max() - ascending
        self._same = same

    def rates(self, weights: np.ndarray, fmr: float) -> np.ndarray:
        """Returns FNMR at the FMR, equal error rate and area of pairs that count `weights` times, `(3,)`."""
        accepted, refused = self._shares(weights, ~self._same), 1 - self._shares(weights, self._same)
        strictest = np.searchsorted(accepted, fmr, side="right") - 1
        equal = np.interp(0.0, accepted - refused, accepted)
        return np.array([refused[strictest], equal, np.trapezoid(1 - refused, accepted)])

    def _shares(self, weights: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """Share of the pairs of a kind at or above each level, from above the highest down."""
        counts = np.bincount(self._level[kind], weights[kind], minlength=self._level.max() + 1)
        return np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()


def _checked_people(people: ArrayLike, same: np.ndarray) -> np.ndarray:
    """Returns the people of each pair as integers from 0, `(num_pairs, 2)`."""
    people = np.asarray(people)
    if people.shape != (len(same), 2):
        raise ValueError(f"people must name two for each pair. Received: shape {people.shape} for {len(same)} pairs.")
    _, person = np.unique(people, return_inverse=True)
    person = person.reshape(people.shape)
    if num_wrong := int(np.sum((person[:, 0] == person[:, 1]) != same)):
        raise ValueError(
            "A genuine pair shows one person, an impostor pair two. "
            f"Received: {num_wrong} of {len(same)} pairs of which people and same say otherwise."
        )
    return person


def _better(error: Difference, test: McNemar) -> str | None:
    if test.p_value >= SIGNIFICANCE or error.low <= 0 <= error.high:
        return None
    return "a" if error.low > 0 else "b"


def _difference(a: float, b: float, low: float, high: float) -> Difference:
    value = float(b - a)
    return Difference(float(a), float(b), value, min(float(low), value), max(float(high), value))
