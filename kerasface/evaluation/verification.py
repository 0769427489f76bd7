"""Error rates of 1:1 verification. Everywhere, a pair is accepted when `score >= threshold`."""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

_TARGET_FMRS = (0.01, 0.001)
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Roc:
    """The operating points of a set of scores, from strict to lenient.

    Attributes:
        thresholds: Descending, float64, shape `(num_points,)`; the first accepts nothing.
        fmr: Share of impostor pairs accepted at each threshold.
        tar: Share of genuine pairs accepted at each threshold (1 - FNMR).
    """

    thresholds: np.ndarray
    fmr: np.ndarray
    tar: np.ndarray


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
        eer: Equal error rate, of the scored pairs.
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
    eer: float
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
    scores, same = _checked_pairs(scores, same)
    folds = np.asarray(folds)
    if folds.shape != scores.shape or len(np.unique(folds)) < 2:
        raise ValueError(
            "folds must give every pair one of two or more folds: the threshold for a fold comes from the others. "
            f"Received: folds of shape {folds.shape}, {len(np.unique(folds))} distinct, for {len(scores)} scores."
        )
    if num_failed < 0 or bootstrap < 1:
        raise ValueError(
            f"num_failed must be >= 0 and bootstrap >= 1. Received: num_failed={num_failed}, bootstrap={bootstrap}."
        )
    accuracies, thresholds = _fold_accuracies(scores, same, folds)
    accuracies *= len(scores) / (len(scores) + num_failed)
    curve = roc(scores, same)
    generator = np.random.default_rng(seed)
    genuine, impostor = scores[same], scores[~same]
    return VerificationReport(
        accuracy_mean=float(accuracies.mean()),
        accuracy_se=float(accuracies.std(ddof=1) / math.sqrt(len(accuracies))),
        auc=float(np.trapezoid(curve.tar, curve.fmr)),
        eer=_equal_error_rate(curve),
        tar_at_fmr={str(fmr): _tar_at_fmr(genuine, impostor, fmr, bootstrap, generator) for fmr in _TARGET_FMRS},
        num_pairs=len(scores) + num_failed,
        num_failed=num_failed,
        num_genuine=len(genuine),
        num_impostor=len(impostor),
        threshold=float(thresholds.mean()),
        fold_accuracies=tuple(accuracies.tolist()),
    )


def roc(scores: ArrayLike, same: ArrayLike) -> Roc:
    """Computes the ROC curve of labelled scores, with every distinct score as a threshold.

    Args:
        scores: Finite, higher is more alike, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`; both kinds must occur.

    Raises:
        ValueError: If the shapes differ, a score is not finite, or a kind of pair is absent.
    """
    from sklearn.metrics import roc_curve  # takes more than a second to import, which verifying two photos need not

    scores, same = _checked_pairs(scores, same)
    fmr, tar, thresholds = roc_curve(same, scores, drop_intermediate=False)
    # scikit-learn puts infinity first, which neither JSON nor an axis can show.
    thresholds = np.array(thresholds, dtype=np.float64)
    thresholds[0] = np.nextafter(scores.max(), np.inf)
    return Roc(thresholds, fmr, tar)


def fmr_at(impostor_scores: ArrayLike, threshold: float) -> float:
    """Returns the false match rate: the share of impostor scores, shape `(num_impostor,)`, that are accepted."""
    return float(np.mean(_checked_scores(impostor_scores, "impostor_scores") >= threshold))


def fnmr_at(genuine_scores: ArrayLike, threshold: float) -> float:
    """Returns the false non-match rate: the share of genuine scores, shape `(num_genuine,)`, that are refused."""
    return float(np.mean(_checked_scores(genuine_scores, "genuine_scores") < threshold))


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
    ascending = np.sort(_checked_scores(impostor_scores, "impostor_scores", keep_precision=True))
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


def _checked_scores(scores: ArrayLike, name: str, *, keep_precision: bool = False) -> np.ndarray:
    scores = np.asarray(scores)
    if not (keep_precision and np.issubdtype(scores.dtype, np.floating)):
        scores = scores.astype(np.float64)
    if scores.ndim != 1 or len(scores) == 0:
        raise ValueError(f"{name} must have shape (num_pairs,), num_pairs >= 1. Received: shape {scores.shape}.")
    if num_bad := int(np.sum(~np.isfinite(scores))):
        raise ValueError(
            f"{name} must be finite. Received: {num_bad} of {len(scores)} NaN or infinite. "
            "Leave out the pairs that have no score and pass their number as num_failed."
        )
    return scores


def _checked_pairs(scores: ArrayLike, same: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    scores, same = _checked_scores(scores, "scores"), np.asarray(same)
    if same.shape != scores.shape or not np.isin(same, (0, 1)).all():
        raise ValueError(
            "same must be True or False for every score. "
            f"Received: same of shape {same.shape}, type {same.dtype}, for {len(scores)} scores."
        )
    same = same.astype(bool)
    if same.all() or not same.any():
        raise ValueError(
            f"Both genuine and impostor pairs are needed. Received: {same.sum()} genuine, {(~same).sum()} impostor."
        )
    return scores, same


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


def _equal_error_rate(curve: Roc) -> float:
    """Returns where FMR = FNMR, on straight lines between the points of the curve."""
    excess = curve.fmr - (1 - curve.tar)  # rises from -1 to 1
    after = int(np.argmax(excess >= 0))
    share = -excess[after - 1] / (excess[after] - excess[after - 1])
    return float(curve.fmr[after - 1] + share * (curve.fmr[after] - curve.fmr[after - 1]))


def _num_acceptable(num_impostor: int, fmr: float) -> int:
    """Returns the largest count whose share of `num_impostor`, as a float, does not exceed `fmr`."""
    return int(np.searchsorted(np.arange(num_impostor + 1) / num_impostor, fmr, side="right")) - 1


def _tar_at_fmr(
    genuine: np.ndarray, impostor: np.ndarray, fmr: float, bootstrap: int, generator: np.random.Generator
) -> TarAtFmr:
    """Measures the true accept rate at a target FMR, with genuine and impostor pairs resampled separately.

    Reference:
        Rule of three: Hanley, Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 1983.
    """
    threshold = threshold_at_fmr(impostor, fmr)
    samples = _bootstrapped_tar(genuine, impostor, fmr, bootstrap, generator)
    low, high = np.quantile(samples, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return TarAtFmr(
        value=float(np.mean(genuine >= threshold)),
        low=float(low),
        high=float(high),
        threshold=threshold,
        supported=3 / len(impostor) <= fmr,
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
