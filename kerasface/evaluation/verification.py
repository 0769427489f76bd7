"""Error rates of 1:1 verification. Everywhere, a pair is accepted when `score >= threshold`."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from kerasface.evaluation.labeled_pairs import checked_folds, checked_pairs, checked_scores

_TARGET_FMRS = (0.01, 0.001)
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Roc:
    """The operating points of a set of scores, from strict to lenient.

    FMR and TAR are the ROC curve, FMR and FNMR the DET curve.

    Attributes:
        thresholds: Descending, float64, shape `(num_points,)`; the first accepts nothing.
        fmr: Share of impostor pairs accepted at each threshold.
        tar: Share of genuine pairs accepted at each threshold (1 - FNMR).
    """

    thresholds: np.ndarray
    fmr: np.ndarray
    tar: np.ndarray

    @property
    def fnmr(self) -> np.ndarray:
        """Share of genuine pairs refused at each threshold."""
        return 1 - self.tar

    def corners(self) -> "Roc":
        """Returns the points where the curve turns: all the others lie on horizontal or vertical lines between them."""
        along, up = np.diff(self.fmr) > 0, np.diff(self.tar) > 0
        turns = (along[1:] != along[:-1]) | (up[1:] != up[:-1]) | (along[1:] & up[1:])
        kept = np.r_[True, turns, True]
        return Roc(self.thresholds[kept], self.fmr[kept], self.tar[kept])

    def to_dict(self) -> dict:
        """Returns the curve as JSON-ready values: lists of floats, `fmr`, `tar` and `fnmr` for each threshold."""
        return {name: getattr(self, name).tolist() for name in ("thresholds", "fmr", "tar", "fnmr")}


@dataclass(frozen=True)
class TarAtFmr:
    """The true accept rate where the false match rate meets a target.

    Attributes:
        value: Share of genuine pairs accepted.
        low: Lower end of the 95 % bootstrap interval of `value`.
        high: Upper end.
        threshold: Smallest threshold at which the false match rate does not exceed the target.
        supported: Whether there are enough impostor pairs to speak of the target at all: at least 3 / FMR.
    """

    value: float
    low: float
    high: float
    threshold: float
    supported: bool


@dataclass(frozen=True)
class VerificationReport:
    """Results of verification over labelled pairs; rates are fractions.

    Attributes:
        accuracy_mean: Mean accuracy over the folds, each judged at the threshold that is best on the other folds;
            failed pairs count as wrong.
        accuracy_se: Standard error of that mean.
        auc: Area under the ROC curve, of the scored pairs.
        auc_low: Lower end of its 95 % bootstrap interval.
        auc_high: Upper end.
        eer: Equal error rate, of the scored pairs.
        eer_low: Lower end of its 95 % bootstrap interval.
        eer_high: Upper end.
        tar_at_fmr: Target false match rate, such as `"0.001"`, to what is accepted there, of the scored pairs.
        num_pairs: All pairs, failed ones included.
        num_failed: Pairs that could not be scored.
        num_genuine: Scored genuine pairs.
        num_impostor: Scored impostor pairs.
        threshold: Mean of the fold thresholds.
        fold_accuracies: One accuracy per fold, in the order of the fold numbers.
    """

    accuracy_mean: float
    accuracy_se: float
    auc: float
    auc_low: float
    auc_high: float
    eer: float
    eer_low: float
    eer_high: float
    tar_at_fmr: dict[str, TarAtFmr]
    num_pairs: int
    num_failed: int
    num_genuine: int
    num_impostor: int
    threshold: float
    fold_accuracies: tuple[float, ...]

    def to_dict(self) -> dict:
        """Returns the report as plain dicts, tuples and numbers, ready for JSON."""
        return asdict(self)


def evaluate_verification(
    scores: ArrayLike,
    same: ArrayLike,
    folds: ArrayLike,
    *,
    num_failed: int = 0,
    bootstrap: int = 1000,
    seed: int = 0,
) -> VerificationReport:
    """Judges the scores of labelled pairs by the protocol of LFW (View 2).

    Args:
        scores: One score per scored pair, higher is more alike, shape `(num_scored,)`.
        same: Whether the pair is genuine, bool, shape `(num_scored,)`.
        folds: The fold of each pair, integers, shape `(num_scored,)`; two folds or more.
        num_failed: Pairs without a score, which are not in the arrays. As in LFW practice each counts as a wrong
            answer in the accuracy; they are spread over the folds in proportion. The other rates leave them out.
        bootstrap: Number of bootstrap samples behind the intervals.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: If the shapes differ, a score is not finite, a kind of pair is absent, or there is only one fold.

    Reference:
        Huang, Learned-Miller, "Labeled Faces in the Wild: Updates and New Reporting Procedures", 2014.
    """
    scores, same = checked_pairs(scores, same)
    folds = checked_folds(folds, len(scores))
    if num_failed < 0 or bootstrap < 1:
        raise ValueError(
            f"num_failed must be >= 0 and bootstrap >= 1. Received: num_failed={num_failed}, bootstrap={bootstrap}."
        )
    accuracies, thresholds = _fold_accuracies(scores, same, folds)
    accuracies *= len(scores) / (len(scores) + num_failed)
    curve = roc(scores, same)
    generator = np.random.default_rng(seed)
    genuine, impostor = scores[same], scores[~same]
    targets = {str(fmr): _tar_at_fmr(genuine, impostor, fmr, bootstrap, generator) for fmr in _TARGET_FMRS}
    intervals = _auc_and_eer_intervals(genuine, impostor, bootstrap, generator)
    return VerificationReport(
        accuracy_mean=float(accuracies.mean()),
        accuracy_se=float(accuracies.std(ddof=1) / math.sqrt(len(accuracies))),
        auc=float(np.trapezoid(curve.tar, curve.fmr)),
        eer=_equal_error_rate(curve.fmr, curve.tar),
        **intervals,
        tar_at_fmr=targets,
        num_pairs=len(scores) + num_failed,
        num_failed=num_failed,
        num_genuine=len(genuine),
        num_impostor=len(impostor),
        threshold=float(thresholds.mean()),
        fold_accuracies=tuple(accuracies.tolist()),
    )


def tar_at_fmr(
    scores: ArrayLike, same: ArrayLike, fmrs: Sequence[float], *, bootstrap: int = 1000
) -> dict[str, TarAtFmr]:
    """Measures the true accept rate at false match rates of the caller's choice.

    Unlike `evaluate_verification`, which measures its own rates and says which ones the pairs support, this refuses a
    rate that they cannot support.

    Args:
        scores: Finite, higher is more alike, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`; both kinds must occur.
        fmrs: The rates, fractions in `(0, 1]`.
        bootstrap: Number of bootstrap samples behind the intervals, at least 1.

    Returns:
        Rate, such as `"0.001"`, to what is accepted there.

    Raises:
        ValueError: If there are fewer than 3 / FMR impostor pairs, the shapes differ, a score is not finite, or a kind
            of pair is absent.
    """
    scores, same = checked_pairs(scores, same)
    genuine, impostor = scores[same], scores[~same]
    for fmr in fmrs:
        needed = num_impostor_needed(fmr)
        if len(impostor) < needed:
            raise ValueError(
                f"A false match rate of {fmr:g} can be measured on {needed:,} impostor pairs or more (3 / FMR). "
                f"Received: {len(impostor):,} impostor pairs. Add pairs, or ask for a rate of 3 / {len(impostor):,} or "
                "more."
            )
    if bootstrap < 1:
        raise ValueError(f"bootstrap must be >= 1. Received: bootstrap={bootstrap}.")
    generator = np.random.default_rng(0)
    return {str(fmr): _tar_at_fmr(genuine, impostor, fmr, bootstrap, generator) for fmr in fmrs}


def num_impostor_needed(fmr: float) -> int:
    """Returns how many impostor pairs it takes to speak of a false match rate: 3 / FMR.

    Args:
        fmr: The rate, a fraction in `(0, 1]`.

    Raises:
        ValueError: If `fmr` is outside `(0, 1]`.

    Reference:
        Rule of three: Hanley, Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 1983.
    """
    if not 0 < fmr <= 1:
        raise ValueError(f"fmr must lie in (0, 1]. Received: fmr={fmr}.")
    return math.ceil(round(3 / fmr, 6))  # 3 / 0.0003 is 10,000.000000000002 in floats


def roc(scores: ArrayLike, same: ArrayLike) -> Roc:
    """Computes the ROC curve of labelled scores, with every distinct score as a threshold.

    Args:
        scores: Finite, higher is more alike, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`; both kinds must occur.

    Raises:
        ValueError: If the shapes differ, a score is not finite, or a kind of pair is absent.
    """
    from sklearn.metrics import roc_curve  # takes more than a second to import, which verifying two photos need not

    scores, same = checked_pairs(scores, same)
    fmr, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    # scikit-learn puts infinity first, which neither JSON nor an axis can show.
    thresholds = np.array(thresholds, dtype=np.float64)
    thresholds[0] = np.nextafter(scores.max(), np.inf)
    return Roc(thresholds, fmr, tar)


def threshold_at_fmr(impostor_scores: ArrayLike, fmr: float) -> float:
    """Returns the smallest threshold whose false match rate does not exceed a target.

    That is the number next above the highest impostor score that must be refused, next in the precision of the scores:
    it separates them whether they are compared in that precision or in a higher one.

    Args:
        impostor_scores: Finite, shape `(num_impostor,)`.
        fmr: The target, in `[0, 1]`.

    Raises:
        ValueError: If a score is not finite or `fmr` is outside `[0, 1]`.
    """
    if not 0 <= fmr <= 1:
        raise ValueError(f"fmr must lie in [0, 1]. Received: fmr={fmr}.")
    return threshold_of_sorted(np.sort(checked_scores(impostor_scores, "impostor_scores", keep_precision=True)), fmr)


def threshold_of_sorted(ascending: np.ndarray, fmr: float) -> float:
    """Returns what `threshold_at_fmr` does, of scores that are sorted already.

    Args:
        ascending: Finite impostor scores, ascending, shape `(num_impostor,)`.
        fmr: The target, in `[0, 1]`.
    """
    num_refused = len(ascending) - _num_acceptable(len(ascending), fmr)
    if num_refused == 0:
        return float(ascending[0])
    return float(np.nextafter(ascending[num_refused - 1], ascending.dtype.type(np.inf)))


def wilson_interval(successes: int, total: int, confidence: float = _CONFIDENCE) -> tuple[float, float]:
    """Returns the interval of a proportion that was counted.

    Args:
        successes: How often it happened, in `[0, total]`.
        total: Number of independent trials, at least 1.
        confidence: Two-sided confidence, in `(0, 1)`.

    Raises:
        ValueError: If an argument is outside its range.

    Reference:
        Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
    """
    if total < 1 or not 0 <= successes <= total or not 0 < confidence < 1:
        raise ValueError(
            "0 <= successes <= total, total >= 1 and 0 < confidence < 1 are needed. "
            f"Received: successes={successes}, total={total}, confidence={confidence}."
        )
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, shrink = successes / total, 1 + z**2 / total
    centre = (share + z**2 / (2 * total)) / shrink
    half_width = z / shrink * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2)
    low = 0.0 if successes == 0 else max(0.0, centre - half_width)
    high = 1.0 if successes == total else min(1.0, centre + half_width)
    return low, high


def _fold_accuracies(scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns accuracy and threshold of each fold, float64, shape `(num_folds,)` both."""
    accuracies, thresholds = [], []
    for fold in np.unique(folds):
        inside = folds == fold
        threshold = _most_accurate_threshold(scores[~inside], same[~inside])
        thresholds.append(threshold)
        accuracies.append(np.mean((scores[inside] >= threshold) == same[inside]))
    return np.array(accuracies), np.array(thresholds)


def _most_accurate_threshold(scores: np.ndarray, same: np.ndarray) -> float:
    """Returns, of the thresholds midway between neighbouring scores, one of the best: the middle one of them."""
    distinct = np.unique(scores)
    midway = distinct[:-1] + np.diff(distinct) / 2
    candidates = np.concatenate([distinct[:1], midway, [np.nextafter(distinct[-1], np.inf)]])
    num_genuine_refused = np.searchsorted(np.sort(scores[same]), candidates)
    num_impostor_refused = np.searchsorted(np.sort(scores[~same]), candidates)
    num_right = np.sum(same) - num_genuine_refused + num_impostor_refused
    best = np.flatnonzero(num_right == num_right.max())
    return float(candidates[best[len(best) // 2]])


def _equal_error_rate(fmr: np.ndarray, tar: np.ndarray) -> float:
    """Returns where FMR = FNMR, on straight lines between the points of a ROC curve."""
    excess = fmr - (1 - tar)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    share = -excess[after - 1] / (excess[after] - excess[after - 1])
    return float(fmr[after - 1] + share * (fmr[after] - fmr[after - 1]))


def _auc_and_eer_intervals(
    genuine: np.ndarray, impostor: np.ndarray, bootstrap: int, generator: np.random.Generator
) -> dict[str, float]:
    """Returns the ends of the intervals of area and equal error rate, genuine and impostor pairs resampled separately.

    Each sample's curve is counted on the distinct scores there are, so scores are sorted once.
    """
    levels = np.unique(np.concatenate([genuine, impostor]))
    level_of = [np.searchsorted(levels, np.sort(scores)) for scores in (impostor, genuine)]
    samples = []
    for _ in range(bootstrap):
        fmr, tar = (
            _accepted_shares(level[generator.integers(0, len(level), len(level))], len(levels)) for level in level_of
        )
        samples.append((np.trapezoid(tar, fmr), _equal_error_rate(fmr, tar)))
    low, high = np.quantile(samples, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2], axis=0).tolist()
    return {"auc_low": low[0], "auc_high": high[0], "eer_low": low[1], "eer_high": high[1]}


def _accepted_shares(levels: np.ndarray, num_levels: int) -> np.ndarray:
    """Returns the share of pairs at or above each level, from above the highest down, shape `(num_levels + 1,)`."""
    counts = np.bincount(levels, minlength=num_levels)[::-1]
    return np.concatenate([[0], np.cumsum(counts)]) / len(levels)


def _num_acceptable(num_impostor: int, fmr: float) -> int:
    """Returns the largest count whose share of `num_impostor`, as a float, does not exceed `fmr`."""
    return int(np.searchsorted(np.arange(num_impostor + 1) / num_impostor, fmr, side="right")) - 1


def _tar_at_fmr(
    genuine: np.ndarray, impostor: np.ndarray, fmr: float, bootstrap: int, generator: np.random.Generator
) -> TarAtFmr:
    """Measures the true accept rate at a target FMR, with genuine and impostor pairs resampled separately."""
    threshold = threshold_at_fmr(impostor, fmr)
    samples = _bootstrapped_tar(genuine, impostor, fmr, bootstrap, generator)
    low, high = np.quantile(samples, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return TarAtFmr(
        value=float(np.mean(genuine >= threshold)),
        low=float(low),
        high=float(high),
        threshold=threshold,
        supported=len(impostor) >= num_impostor_needed(fmr),
    )


def _bootstrapped_tar(
    genuine: np.ndarray, impostor: np.ndarray, fmr: float, bootstrap: int, generator: np.random.Generator
) -> np.ndarray:
    """Returns the true accept rates of bootstrap samples, shape `(bootstrap,)`.

    Nothing is resampled element by element. Of n draws u from [0, 1), the j-th smallest is distributed as
    Beta(j, n + 1 - j), and floor(n u) are the draws' indices: the impostor score that sets the threshold follows. At
    that threshold the number of accepted genuine draws is binomial. The distribution is that of drawing with
    replacement, at a cost that does not grow with the number of pairs.
    """
    num_impostor, num_genuine = len(impostor), len(genuine)
    num_refused = num_impostor - _num_acceptable(num_impostor, fmr)
    uniform = generator.beta(num_refused, num_impostor + 1 - num_refused, bootstrap)
    index = np.minimum((uniform * num_impostor).astype(int), num_impostor - 1)
    highest_refused = np.sort(impostor)[index]
    num_accepted = num_genuine - np.searchsorted(np.sort(genuine), highest_refused, side="right")
    return generator.binomial(num_genuine, num_accepted / num_genuine) / num_genuine
