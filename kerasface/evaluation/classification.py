"""Error rates and calibration of classification. Arrays in, records out."""

from dataclasses import asdict, dataclass

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
            count = "1 image is" if self.num_samples == 1 else f"{self.num_samples} images are"
            return f"No temperature scaling: {count} too few to show that it helps."
        measured = (
            f"it takes the log loss from {self.log_loss_before:.3f} to {self.log_loss_after:.3f} and the calibration "
            f"error from {self.before.ece:.1%} to {self.after.ece:.1%} on {self.num_samples:,} images to judge on, "
            "each by a divisor fitted on others"
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
