"""Turns a score into the probability that two faces show the same person, fitted on labelled pairs.

Three curves compete by their log loss on pairs they were not fitted on:

- `"platt"`: log-odds linear in the score;
- `"logarithmic"`, of cosines only: log-odds linear in -ln(1 - score), the beta calibration with one of its two
  logarithms: in the middle like Platt's, steeper towards a score of 1;
- `"isotonic"`: any curve that does not fall.

Reference:
    Platt, "Probabilistic Outputs for Support Vector Machines", 1999. Zadrozny, Elkan, "Transforming Classifier Scores
    into Accurate Multiclass Probability Estimates", KDD 2002. Kull et al., "Beta Calibration", AISTATS 2017.
"""

import datetime
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_numbers
from kerasface.evaluation.labeled_pairs import checked_folds, checked_pairs
from kerasface.evaluation.reliability import (
    PairBin,
    calibration_error_interval,
    expected_calibration_error,
    log_loss,
    reliability_bins,
)

COSINE, NORMALIZED = "cosine", "normalized"  # kinds of scores
SCORE_NAMES = {COSINE: "cosine", NORMALIZED: "normalized score"}  # what they are called in sentences and on axes
_LEAST_DISTANCE = 1e-6  # 1 - score of one photo with itself, in float32


@dataclass(frozen=True)
class ScoreCalibration:
    """A curve from score to probability, and how far it can be believed.

    The error rates were measured on pairs that the curve was not fitted on, at the share of genuine pairs in the data;
    another `prior` moves the probabilities, not them.

    Attributes:
        method: `"platt"`, `"logarithmic"` or `"isotonic"`.
        parameters: `slope` and `intercept` of the log-odds; of the isotonic curve the knots: `scores`, ascending, and
            `probabilities`, linear in between.
        prior: Share of genuine pairs that the probabilities assume before the faces are seen.
        num_genuine: Genuine pairs it was fitted on.
        num_impostor: Impostor pairs it was fitted on.
        data: What they come from.
        date: Day of the fit, `YYYY-MM-DD`.
        ece: Expected calibration error: mean distance of probability and share of genuine pairs over at most 15 bins
            of equal mass, weighted by count.
        ece_low: Lower end of its 95 % bootstrap interval.
        ece_high: Upper end.
        log_losses: Mean negative log-likelihood of every method, in nats; the method is the one with the least.
        num_folds: Folds they were measured over.
        bins: At most 10 of equal width, without empty ones, from low to high.
        score: What the scores are: `"cosine"` or `"normalized"` (`kerasface.evaluation.normalization`).
    """

    method: str
    parameters: dict
    prior: float
    num_genuine: int
    num_impostor: int
    data: str
    date: str
    ece: float
    ece_low: float
    ece_high: float
    log_losses: dict[str, float]
    num_folds: int
    bins: tuple[PairBin, ...]
    score: str = COSINE

    def __post_init__(self):
        _check(self)

    @property
    def helps(self) -> bool:
        """Whether held-out pairs were told better than by the share of genuine pairs alone, by log loss."""
        share = self.num_genuine / (self.num_genuine + self.num_impostor)
        return self.log_losses[self.method] < -share * math.log(share) - (1 - share) * math.log(1 - share)

    def probability(self, scores: ArrayLike) -> np.ndarray:
        """Returns how probable it is that each pair shows one person.

        Never 0 or 1: n pairs of one kind without an exception carry odds of n + 1 to 1 (Laplace's rule of succession),
        and so much is claimed at most, before the prior is changed.

        Args:
            scores: Of the kind of `score`, any shape.

        Returns:
            Probabilities, float64, in the shape of the scores; they do not fall as the score rises.

        Raises:
            ValueError: If a score is not finite, or not a cosine similarity where these are wanted.
        """
        scores = as_numbers(scores, f"Scores must be {_WANTED[self.score]}", "scores").astype(np.float64)
        _check_scores(scores, self.score)
        log_odds = _log_odds(self.method, self.parameters, scores, self.num_genuine, self.num_impostor)
        return _sigmoid(log_odds + self._prior_shift())

    def with_prior(self, prior: float) -> "ScoreCalibration":
        """Returns the calibration for another share of genuine pairs: the log-odds move by its difference in log-odds.

        Lists of pairs such as LFW's are half genuine. Where most pairs are of strangers, the same score means less.

        Args:
            prior: In `(0, 1)`.
        """
        return replace(self, prior=prior)

    def to_dict(self) -> dict:
        """Returns the calibration as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "ScoreCalibration":
        """Reads what `to_dict` gave, also by way of JSON.

        Raises:
            ValueError: If a key is missing or unknown, or a value breaks its rule.
        """
        values = {"score": COSINE} | values if isinstance(values, dict) else values  # older ones do not say
        _check_keys("A calibration", values, {part.name for part in fields(cls)})
        bins = []
        for part in values["bins"]:
            _check_keys("A bin of a calibration", part, {field.name for field in fields(PairBin)})
            bins.append(PairBin(**part))
        try:
            return cls(**{**values, "bins": tuple(bins)})
        except TypeError as error:
            raise ValueError(f"A value of the calibration has the wrong type: {error}. Fit it again.") from error

    def _prior_shift(self) -> float:
        """Log-odds of the prior assumed less those of the data."""
        return math.log(self.prior / (1 - self.prior)) - math.log(self.num_genuine / self.num_impostor)


_WANTED = {COSINE: "cosine similarities in [-1, 1]", NORMALIZED: "finite normalized scores"}


def fit_calibration(
    scores: ArrayLike,
    same: ArrayLike,
    folds: ArrayLike,
    *,
    data: str,
    date: str,
    score: str = COSINE,
    bootstrap: int = 1000,
    seed: int = 0,
) -> ScoreCalibration:
    """Fits the curve from score to probability, of the method that has the least log loss on held-out folds.

    Every method is fitted on all folds but one and judged on that one, in turn; the best one is then fitted on all
    pairs. Its error is that of the held-out probabilities. Being the least of three, its log loss is a little too low.

    Args:
        scores: Of one kind, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`.
        folds: The fold of each pair, shape `(num_pairs,)`, two folds or more; no person in two of them
            (see `identity_folds`).
        data: What the pairs come from, in words.
        date: Today, `YYYY-MM-DD`.
        score: What the scores are: `"cosine"` or `"normalized"`.
        bootstrap: Number of bootstrap samples behind the interval of the error.
        seed: Seed of the bootstrap.

    Raises:
        ValueError: If the shapes differ, a score is not a cosine similarity, a kind of pair is absent outside some
            fold, there is only one fold, or genuine pairs do not score higher than impostor pairs.
    """
    scores, same = checked_pairs(scores, same)
    folds = checked_folds(folds, len(scores))
    if score not in _WANTED:
        raise ValueError(f"score must be one of {sorted(_WANTED)}. Received: score={score!r}.")
    _check_scores(scores, score)
    methods = [method for method in _METHODS if score == COSINE or method != "logarithmic"]
    held_out = {method: _cross_fitted(method, scores, same, folds) for method in methods}
    log_losses = {method: log_loss(probabilities, same) for method, probabilities in held_out.items()}
    method = min(log_losses, key=log_losses.get)
    probabilities = held_out[method]
    ece_low, ece_high = calibration_error_interval(probabilities, same, bootstrap=bootstrap, seed=seed)
    return ScoreCalibration(
        method=method,
        parameters=_METHODS[method].fit(scores, same),
        prior=float(same.mean()),
        num_genuine=int(same.sum()),
        num_impostor=int((~same).sum()),
        data=data,
        date=date,
        ece=expected_calibration_error(probabilities, same),
        ece_low=ece_low,
        ece_high=ece_high,
        log_losses=log_losses,
        num_folds=len(np.unique(folds)),
        bins=reliability_bins(probabilities, same),
        score=score,
    )


@dataclass(frozen=True)
class _Method:
    """How a curve is fitted to scores and labels, and the log-odds that its parameters give to scores."""

    fit: Callable[[np.ndarray, np.ndarray], dict]
    log_odds: Callable[[dict, np.ndarray], np.ndarray]


def _fit_isotonic(scores: np.ndarray, same: np.ndarray) -> dict:
    from sklearn.isotonic import IsotonicRegression  # takes about a second to import, which using a curve need not

    curve = IsotonicRegression().fit(scores, same)
    low, high = _sigmoid(_supported_log_odds(int(same.sum()), int((~same).sum())))
    return {
        "scores": curve.X_thresholds_.tolist(),
        "probabilities": np.clip(curve.y_thresholds_, low, high).tolist(),
    }


def _isotonic_log_odds(parameters: dict, scores: np.ndarray) -> np.ndarray:
    probabilities = np.interp(scores, parameters["scores"], parameters["probabilities"])
    return np.log(probabilities / (1 - probabilities))


def _linear(feature: Callable[[np.ndarray], np.ndarray]) -> _Method:
    """The method whose log-odds are linear in a feature of the score that rises with it."""
    return _Method(
        fit=lambda scores, same: _fit_logistic(feature(scores), same),
        log_odds=lambda parameters, scores: parameters["slope"] * feature(scores) + parameters["intercept"],
    )


def _fit_logistic(feature: np.ndarray, same: np.ndarray) -> dict:
    """Fits slope and intercept to smoothed labels: each pair is a little of both kinds, so that no slope is infinite.

    Reference:
        Platt 1999, section 2.2: targets (n + 1) / (n + 2) for n genuine pairs and 1 / (n + 2) for n impostor pairs.
    """
    from sklearn.linear_model import LogisticRegression

    num_genuine, num_impostor = int(same.sum()), int((~same).sum())
    target = np.where(same, (num_genuine + 1) / (num_genuine + 2), 1 / (num_impostor + 2))
    mean, spread = feature.mean(), feature.std()
    if spread == 0:
        raise ValueError(f"A calibration needs scores that differ. Received: {len(feature)} equal scores.")
    standard = ((feature - mean) / spread)[:, None]
    regression = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-8).fit(
        np.concatenate([standard, standard]),
        np.repeat([1, 0], len(standard)),
        sample_weight=np.concatenate([target, 1 - target]),
    )
    slope = float(regression.coef_[0, 0] / spread)
    if slope <= 0:
        raise ValueError(
            "A calibration needs genuine pairs that score higher than impostor pairs. "
            f"Received: mean scores that lead to a slope of {slope:.3g}. Are the labels the right way round?"
        )
    return {"slope": slope, "intercept": float(regression.intercept_[0] - slope * mean)}


_METHODS = {
    "platt": _linear(lambda scores: scores),
    "logarithmic": _linear(lambda scores: -np.log(np.maximum(1 - scores, _LEAST_DISTANCE))),
    "isotonic": _Method(_fit_isotonic, _isotonic_log_odds),
}


def _cross_fitted(method: str, scores: np.ndarray, same: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Returns the probability of each pair from a curve fitted on the other folds, shape `(num_pairs,)`."""
    probabilities = np.empty(len(scores))
    for fold in np.unique(folds):
        inside = folds == fold
        num_genuine, num_impostor = int(same[~inside].sum()), int((~same[~inside]).sum())
        if num_genuine == 0 or num_impostor == 0:
            raise ValueError(
                "Every fold is judged by a curve fitted on the others, which needs both kinds of pairs there. "
                f"Received: {num_genuine} genuine and {num_impostor} impostor pairs outside fold {fold}."
            )
        parameters = _METHODS[method].fit(scores[~inside], same[~inside])
        probabilities[inside] = _sigmoid(_log_odds(method, parameters, scores[inside], num_genuine, num_impostor))
    return probabilities


def _log_odds(method: str, parameters: dict, scores: np.ndarray, num_genuine: int, num_impostor: int) -> np.ndarray:
    """Returns the log-odds of a curve, no further from 0 than the pairs behind it can carry."""
    log_odds = _METHODS[method].log_odds(parameters, scores)
    return np.clip(log_odds, *_supported_log_odds(num_genuine, num_impostor))


def _sigmoid(log_odds: ArrayLike) -> np.ndarray:
    return 1 / (1 + np.exp(-np.asarray(log_odds)))


def _supported_log_odds(num_genuine: int, num_impostor: int) -> tuple[float, float]:
    """Least and largest log-odds that so many pairs can carry, by Laplace's rule of succession."""
    return -math.log(num_impostor + 1), math.log(num_genuine + 1)


def _check_scores(scores: np.ndarray, kind: str) -> None:
    # Unit vectors of float32 overshoot by rounding.
    largest = np.abs(scores).max(initial=0)
    if not largest <= (1 + 1e-5 if kind == COSINE else np.finfo(np.float64).max):
        raise ValueError(
            f"Scores must be {_WANTED[kind]}. Received: scores from {scores.min():.4g} to {scores.max():.4g}."
        )


def _check_keys(what: str, values: dict, wanted: set[str]) -> None:
    if not isinstance(values, dict) or set(values) != wanted:
        received = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise ValueError(f"{what} has the keys {sorted(wanted)}. Received: {received}. Fit it again.")


def _check(record: ScoreCalibration) -> None:
    """Refuses what no fit could have given, such as a card edited by hand."""
    if record.score not in _WANTED:
        raise ValueError(f"score must be one of {sorted(_WANTED)}. Received: score={record.score!r}.")
    if record.method not in _METHODS:
        raise ValueError(f"method must be one of {sorted(_METHODS)}. Received: method={record.method!r}.")
    if not 0 < record.prior < 1:
        raise ValueError(f"prior must lie in (0, 1). Received: prior={record.prior!r}.")
    if not (record.num_genuine >= 1 and record.num_impostor >= 1):
        raise ValueError(
            "A calibration stands on one genuine and one impostor pair or more. "
            f"Received: num_genuine={record.num_genuine}, num_impostor={record.num_impostor}."
        )
    if not 0 <= record.ece_low <= record.ece <= record.ece_high <= 1:
        raise ValueError(
            "0 <= ece_low <= ece <= ece_high <= 1 must hold. "
            f"Received: ece_low={record.ece_low}, ece={record.ece}, ece_high={record.ece_high}."
        )
    if not record.bins or not all(part.count >= 1 for part in record.bins):
        raise ValueError(f"bins must hold pairs. Received: bins={record.bins}.")
    if record.method not in record.log_losses:
        raise ValueError(f"log_losses must hold that of the method. Received: log_losses={record.log_losses}.")
    datetime.date.fromisoformat(record.date)
    _check_parameters(record.method, record.parameters)


def _check_parameters(method: str, parameters: dict) -> None:
    if method != "isotonic":
        _check_keys(f"The curve {method!r}", parameters, {"slope", "intercept"})
        if not (parameters["slope"] > 0 and math.isfinite(parameters["slope"] + parameters["intercept"])):
            raise ValueError(f"slope must be above 0 and both finite. Received: {parameters}.")
        return
    _check_keys("The isotonic curve", parameters, {"scores", "probabilities"})
    scores, probabilities = np.asarray(parameters["scores"]), np.asarray(parameters["probabilities"])
    if scores.shape != probabilities.shape or scores.ndim != 1 or len(scores) == 0:
        raise ValueError(
            "The isotonic curve has a probability for each of its scores. "
            f"Received: shapes {scores.shape} and {probabilities.shape}."
        )
    ascending = np.all(np.diff(scores) > 0) and np.all(np.diff(probabilities) >= 0)
    if not (ascending and np.all((probabilities > 0) & (probabilities < 1)) and np.isfinite(scores).all()):
        raise ValueError(
            "The isotonic curve has rising finite scores and probabilities in (0, 1) that do not fall. "
            f"Received: scores={scores.tolist()[:4]}..., probabilities={probabilities.tolist()[:4]}..."
        )
