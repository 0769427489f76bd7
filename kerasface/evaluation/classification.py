"""Error rates and calibration of classification. Arrays in, records out."""

from dataclasses import asdict, dataclass, fields

import numpy as np

from kerasface.arrays import as_numbers, described

_FOLDS = 5
_LEAST_JUDGED = 4  # samples; of fewer no part says anything about another
_SHAPE = "probabilities must have shape (num_samples, num_classes)"


@dataclass(frozen=True)
class ReliabilityBin:
    """Predictions whose confidence falls into one interval.

    Attributes:
        low: Lower end of the interval of the largest probability, excluded but for 0.
        high: Upper end, included.
        count: Number of predictions in it.
        confidence: Their mean largest probability.
        accuracy: Share of them that are right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed.

    Attributes:
        ece: Expected calibration error: mean distance of confidence and accuracy over the bins, weighted by count.
        bins: The bins that are not empty, from low to high.
    """

    ece: float
    bins: tuple[ReliabilityBin, ...]

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Temperature:
    """The temperature of a model and what speaks for it, measured on samples that it was not fitted on.

    Attributes:
        value: What the logits are divided by: `fitted` where that was shown to help, else 1, which changes nothing.
        fitted: The most likely temperature of all samples.
        before: Calibration without it.
        after: Calibration with temperatures that were fitted on the other samples each time.
        log_loss_before: Mean negative log-likelihood without it, in nats.
        log_loss_after: The same with temperatures that were fitted on the other samples.
        gain_low: Lower end of what they take off the log loss, with 95 % confidence (one-sided, Student, sample by
            sample); minus infinity where there are too few samples to judge.
        num_samples: Samples that it was fitted and judged on.
    """

    value: float
    fitted: float
    before: Calibration
    after: Calibration
    log_loss_before: float
    log_loss_after: float
    gain_low: float
    num_samples: int

    @property
    def applied(self) -> bool:
        """Whether the model is scaled at all."""
        return self.value == self.fitted

    @property
    def ece(self) -> float:
        """Expected calibration error of the model as it is written."""
        return self.after.ece if self.applied else self.before.ece

    @property
    def reason(self) -> str:
        """Why the model was scaled or not, in a sentence."""
        if not np.isfinite(self.gain_low):
            count = "1 held-out image is" if self.num_samples == 1 else f"{self.num_samples} held-out images are"
            return f"No temperature scaling: {count} too few to show that it helps."
        measured = (
            f"it takes the log loss from {self.log_loss_before:.3f} to {self.log_loss_after:.3f} and the calibration "
            f"error from {self.before.ece:.1%} to {self.after.ece:.1%} on {self.num_samples:,} held-out images, each "
            "judged by a divisor fitted on others"
        )
        if self.applied:
            return f"Temperature scaling was applied (logits divided by {self.value:.2f}): {measured}."
        return f"No temperature scaling, as it was not shown to help: {measured}."

    def apply(self, probabilities: np.ndarray) -> np.ndarray:
        """Returns the probabilities `(num_samples, num_classes)` of the model at this temperature."""
        if self.applied:
            return apply_temperature(probabilities, self.value)
        return as_numbers(probabilities, _SHAPE, "probabilities")

    def to_dict(self) -> dict:
        """Returns the decision and its figures as JSON-ready values, without the bins."""
        return {
            "temperature": self.value,
            "applied": self.applied,
            "reason": self.reason,
            "fitted": self.fitted,
            "ece": self.ece,
            "ece_before": self.before.ece,
            "ece_scaled": self.after.ece,
            "log_loss_before": self.log_loss_before,
            "log_loss_scaled": self.log_loss_after,
            "num_images": self.num_samples,
        }


@dataclass(frozen=True)
class OpenSet:
    """What a threshold on the score does to known and unknown people.

    Attributes:
        threshold: Score from which a face is accepted as somebody known.
        false_accept_asked: Share of unknown people asked to be accepted at most.
        unknown_accepted: Share accepted, measured on unknown people other than those the threshold was chosen on.
        unknown_accepted_high: Where that share ends with 95 % confidence (Clopper-Pearson, one-sided), if the faces
            are independent of each other: one of each person.
        known_accepted: Share of known people accepted, whatever name they get.
        known_correct: Share of known people accepted under their own name.
        num_unknown: Faces of unknown people measured.
        num_known: Faces of known people measured.
        num_chosen_on: Unknown people that the threshold was chosen on.
        supported: Whether these are enough for the share asked: at least 3 divided by it. That is the rule of three:
            of `n` people of whom none is accepted, it follows with 95 % confidence that fewer than `3 / n` are.
    """

    threshold: float
    false_accept_asked: float
    unknown_accepted: float
    unknown_accepted_high: float
    known_accepted: float
    known_correct: float
    num_unknown: int
    num_known: int
    num_chosen_on: int
    supported: bool

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class OpenSetCurve:
    """What every threshold on the score does, from the strictest to the one that accepts everybody.

    Attributes:
        threshold: Scores, falling, `(num_points,)`.
        false_accept: Share of unknown people's faces accepted from there, rising.
        known_accepted: Share of known people's faces accepted, whatever name they get, rising.
        known_correct: Share of them accepted under their own name, rising.
    """

    threshold: np.ndarray
    false_accept: np.ndarray
    known_accepted: np.ndarray
    known_correct: np.ndarray

    def thinned(self, num_points: int = 200) -> "OpenSetCurve":
        """Returns at most `num_points` of the points, first and last among them, densest where few are accepted."""
        count = len(self.threshold)
        kept = (
            np.unique(np.geomspace(1, count, num_points).round().astype(int)) - 1 if count > num_points else slice(None)
        )
        return OpenSetCurve(*(getattr(self, part.name)[kept] for part in fields(self)))

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values: lists of floats."""
        return {part.name: getattr(self, part.name).tolist() for part in fields(self)}


def top_k_accuracy(probabilities: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Returns the share of samples whose true class is among the `k` most probable ones.

    Of classes with equal probability the true one counts as the least probable, so a model that says nothing gets
    nothing.

    Args:
        probabilities: Shape `(num_samples, num_classes)`; any scores that order the classes will do.
        labels: Index of the true class of each sample, shape `(num_samples,)`.
        k: At least 1.

    Raises:
        ValueError: If the shapes do not fit, there is no sample, or `k` is below 1.
    """
    probabilities, labels = _checked(probabilities, labels)
    if k < 1:
        raise ValueError(f"k must be at least 1. Received: k={k}.")
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    rank = np.sum(probabilities >= true, axis=1)  # 1 is best; the true class itself is counted
    return float(np.mean(rank <= k))


def calibration(probabilities: np.ndarray, labels: np.ndarray, num_bins: int = 15) -> Calibration:
    """Compares confidence with accuracy in bins of equal width.

    Args:
        probabilities: Shape `(num_samples, num_classes)`, rows summing to 1.
        labels: Index of the true class of each sample, shape `(num_samples,)`.
        num_bins: Number of bins between 0 and 1.

    Raises:
        ValueError: If the shapes do not fit or there is no sample.

    Reference:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, equation 3.
    """
    probabilities, labels = _checked(probabilities, labels)
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * num_bins).astype(int) - 1, 0, num_bins - 1)
    bins = tuple(
        ReliabilityBin(
            low=bin_index / num_bins,
            high=(bin_index + 1) / num_bins,
            count=int(np.sum(index == bin_index)),
            confidence=float(confidence[index == bin_index].mean()),
            accuracy=float(right[index == bin_index].mean()),
        )
        for bin_index in np.unique(index)
    )
    ece = sum(part.count * abs(part.confidence - part.accuracy) for part in bins) / len(labels)
    return Calibration(float(ece), bins)


def fit_temperature(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Finds the temperature that makes the probabilities most likely given the labels.

    The mean confidence is held at (n + 1) / (n + 2) at most, Laplace's rule of succession: n samples without a mistake
    do not say that there are none, and the most likely temperature would make the model certain of everything.

    Args:
        probabilities: Shape `(num_samples, num_classes)`, rows summing to 1; best from samples not trained on.
        labels: Index of the true class of each sample, shape `(num_samples,)`.

    Returns:
        The temperature T in [0.05, 20]: `apply_temperature(probabilities, T)` has the least log loss.

    Reference:
        Guo et al., ICML 2017, section 4.2.
    """
    from scipy.optimize import brentq, minimize_scalar

    probabilities, labels = _checked(probabilities, labels)
    logits = _logits(probabilities)
    true = np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    bounds = np.log([0.05, 20])

    def log_loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        return float((np.log(np.exp(logits / temperature).sum(axis=1)) - true / temperature).mean())

    def too_sure(log_temperature: float) -> float:
        # The largest logit is 0, so the largest probability is 1 over the sum.
        confidence = (1 / np.exp(logits / np.exp(log_temperature)).sum(axis=1)).mean()
        return float(confidence - (len(labels) + 1) / (len(labels) + 2))

    likeliest = float(minimize_scalar(log_loss, bounds=bounds, method="bounded").x)
    if too_sure(likeliest) > 0 > too_sure(bounds[1]):
        likeliest = brentq(too_sure, likeliest, bounds[1])
    return float(np.exp(likeliest))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divides the logits behind softmax probabilities by `temperature`: `p ** (1 / T)`, summing to 1 again."""
    probabilities = as_numbers(probabilities, _SHAPE, "probabilities")
    powers = np.exp(_logits(probabilities) / temperature)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def cross_fitted_temperature(probabilities: np.ndarray, labels: np.ndarray) -> Temperature:
    """Fits the temperature, judges it fairly, and leaves the model as it is unless that shows that scaling helps.

    Each fifth of the samples is judged with a temperature fitted on the others. It is shown to help where the log loss
    falls, sample by sample, with 95 % confidence, and the calibration error does not rise. A temperature fitted on a
    dozen samples is otherwise worse than none: it cannot know more of the model's mistakes than these few show.

    Args:
        probabilities: Shape `(num_samples, num_classes)`, rows summing to 1, of samples not trained on. Fewer than
            four are not split and show nothing.
        labels: Index of the true class of each sample, shape `(num_samples,)`.

    Raises:
        ValueError: If the shapes do not fit or there is no sample.
    """
    probabilities, labels = _checked(probabilities, labels)
    folds = np.arange(len(labels)) % min(_FOLDS, len(labels))
    scaled, fitted = np.array(probabilities), fit_temperature(probabilities, labels)
    enough = len(labels) >= _LEAST_JUDGED
    for fold in np.unique(folds) if enough else ():
        inside = folds == fold
        temperature = fit_temperature(probabilities[~inside], labels[~inside])
        scaled[inside] = apply_temperature(probabilities[inside], temperature)
    before, after = calibration(probabilities, labels), calibration(scaled, labels)
    losses, losses_after = _log_losses(probabilities, labels), _log_losses(scaled, labels)
    gain_low = _lower_mean(losses - losses_after) if enough else -np.inf
    return Temperature(
        value=fitted if gain_low > 0 and after.ece <= before.ece else 1.0,
        fitted=fitted,
        before=before,
        after=after,
        log_loss_before=float(losses.mean()),
        log_loss_after=float(losses_after.mean()),
        gain_low=gain_low,
        num_samples=len(labels),
    )


def open_set(
    known_scores: np.ndarray,
    known_correct: np.ndarray,
    unknown_scores: np.ndarray,
    unknown_groups: np.ndarray,
    *,
    false_accept: float = 0.01,
) -> OpenSet:
    """Chooses the score from which a face counts as known, on half of the unknown people, and measures it on the rest.

    It is the lowest score at which the upper bound of 95 % confidence on the share accepted is what was asked, not the
    share itself: of the thresholds that just reach the share on one half, every other one exceeds it on the rest. Where
    the half is too small for that, none of it is accepted.

    Args:
        known_scores: Scores of held-out faces of known people, shape `(num_known,)`; higher is surer.
        known_correct: Whether each got its own name, shape `(num_known,)`.
        unknown_scores: Scores of faces of unknown people, shape `(num_unknown,)`.
        unknown_groups: Whose face each is, integers, shape `(num_unknown,)`: nobody is in both halves.
        false_accept: Share of unknown people's faces to accept at most.

    Raises:
        ValueError: If there are fewer than four unknown people or no known face.
    """
    groups = np.unique(unknown_groups)
    if len(groups) < 4 or len(known_scores) == 0:
        raise ValueError(
            "An open-set threshold needs faces of known people and of at least four unknown ones. "
            f"Received: {len(known_scores)} known faces, {len(groups)} unknown people."
        )
    chosen_on = np.isin(unknown_groups, groups[::2])
    ordered = np.sort(unknown_scores[chosen_on])[::-1]
    allowed = max(
        (k for k in range(int(false_accept * len(ordered)) + 1) if _upper_bound(k, len(ordered)) <= false_accept),
        default=0,
    )
    threshold = float(np.nextafter(ordered[allowed], np.inf))
    accepted = np.asarray(known_scores) >= threshold
    unknown_accepted = np.asarray(unknown_scores)[~chosen_on] >= threshold
    num_chosen_on = len(groups[::2])
    return OpenSet(
        threshold=threshold,
        false_accept_asked=false_accept,
        unknown_accepted=float(np.mean(unknown_accepted)),
        unknown_accepted_high=_upper_bound(int(np.sum(unknown_accepted)), len(unknown_accepted)),
        known_accepted=float(np.mean(accepted)),
        known_correct=float(np.mean(accepted & np.asarray(known_correct))),
        num_unknown=len(unknown_accepted),
        num_known=len(known_scores),
        num_chosen_on=num_chosen_on,
        supported=num_chosen_on * false_accept >= 3,
    )


def open_set_curve(known_scores: np.ndarray, known_correct: np.ndarray, unknown_scores: np.ndarray) -> OpenSetCurve:
    """Measures all thresholds: for every share of unknown people accepted, the most known people that come with it.

    Args:
        known_scores: Scores of held-out faces of known people, shape `(num_known,)`; higher is surer.
        known_correct: Whether each got its own name, shape `(num_known,)`.
        unknown_scores: Scores of faces of unknown people, shape `(num_unknown,)`.

    Raises:
        ValueError: If there is no known or no unknown face.
    """
    known, correct, unknown = (
        np.asarray(known_scores),
        np.asarray(known_correct, dtype=bool),
        np.asarray(unknown_scores),
    )
    if len(known) == 0 or len(unknown) == 0:
        raise ValueError(
            "A curve needs faces of known and of unknown people. "
            f"Received: {len(known)} known faces, {len(unknown)} unknown ones."
        )
    # Just above each score of a stranger, where that one is refused; and below them all.
    above = np.nextafter(np.unique(unknown)[::-1], np.inf)
    threshold = np.append(above, min(known.min(), unknown.min()))

    def accepted(scores: np.ndarray) -> np.ndarray:
        return len(scores) - np.searchsorted(np.sort(scores), threshold)  # scores >= threshold

    return OpenSetCurve(
        threshold=threshold,
        false_accept=accepted(unknown) / len(unknown),
        known_accepted=accepted(known) / len(known),
        known_correct=accepted(known[correct]) / len(known),
    )


def _upper_bound(accepted: int, count: int) -> float:
    """Share that is not exceeded with 95 % confidence where `accepted` of `count` were accepted.

    Reference:
        Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
    """
    from scipy.stats import beta

    return float(beta.ppf(0.95, accepted + 1, count - accepted)) if accepted < count else 1.0


def _lower_mean(values: np.ndarray) -> float:
    """Lower end of the mean with 95 % confidence, one-sided, by Student's distribution."""
    from scipy.stats import t

    error = values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - t.ppf(0.95, len(values) - 1) * error)


def _log_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Negative log-likelihood of each sample's true class, in nats."""
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    return -np.log(np.maximum(true, 1e-12))


def _logits(probabilities: np.ndarray) -> np.ndarray:
    """Logits behind softmax probabilities, 0 for the largest of each row."""
    logits = np.log(np.maximum(probabilities, 1e-30))
    logits -= logits.max(axis=1, keepdims=True)
    return logits


def _checked(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = as_numbers(probabilities, _SHAPE, "probabilities"), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            "Wanted probabilities (num_samples, num_classes) with one label each. "
            f"Received: shapes {probabilities.shape} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu" or not 0 <= labels.min() <= labels.max() < probabilities.shape[1]:
        raise ValueError(
            f"labels must be the numbers of classes, 0 to {probabilities.shape[1] - 1}. "
            f"Received: labels={described(labels)}."
        )
    return probabilities, labels
