"""Error rates and calibration of classification. Arrays in, records out."""

from dataclasses import asdict, dataclass

import numpy as np


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
class OpenSet:
    """What a threshold on the score does to known and unknown people.

    Attributes:
        threshold: Score from which a face is accepted as somebody known.
        false_accept_asked: Share of unknown people asked to be accepted at most.
        unknown_accepted: Share accepted, measured on unknown people other than those the threshold was chosen on.
        known_accepted: Share of known people accepted, whatever name they get.
        known_correct: Share of known people accepted under their own name.
        num_unknown: Faces of unknown people measured.
        num_known: Faces of known people measured.
    """

    threshold: float
    false_accept_asked: float
    unknown_accepted: float
    known_accepted: float
    known_correct: float
    num_unknown: int
    num_known: int

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return asdict(self)


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

    Args:
        probabilities: Shape `(num_samples, num_classes)`, rows summing to 1; best from samples not trained on.
        labels: Index of the true class of each sample, shape `(num_samples,)`.

    Returns:
        The temperature T in [0.05, 20]: `apply_temperature(probabilities, T)` has the least log loss.

    Reference:
        Guo et al., ICML 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    probabilities, labels = _checked(probabilities, labels)

    def log_loss(log_temperature: float) -> float:
        cooled = apply_temperature(probabilities, float(np.exp(log_temperature)))
        true = np.take_along_axis(cooled, labels[:, None], axis=1)
        return float(-np.log(np.maximum(true, 1e-12)).mean())

    return float(np.exp(minimize_scalar(log_loss, bounds=np.log([0.05, 20]), method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divides the logits behind softmax probabilities by `temperature`: `p ** (1 / T)`, summing to 1 again."""
    logits = np.log(np.maximum(probabilities, 1e-30)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def open_set(
    known_scores: np.ndarray,
    known_correct: np.ndarray,
    unknown_scores: np.ndarray,
    unknown_groups: np.ndarray,
    *,
    false_accept: float = 0.01,
) -> OpenSet:
    """Chooses the score from which a face counts as known, on half of the unknown people, and measures it on the rest.

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
    allowed = int(false_accept * len(ordered))
    threshold = float(np.nextafter(ordered[allowed], np.inf))
    accepted = np.asarray(known_scores) >= threshold
    return OpenSet(
        threshold=threshold,
        false_accept_asked=false_accept,
        unknown_accepted=float(np.mean(unknown_scores[~chosen_on] >= threshold)),
        known_accepted=float(np.mean(accepted)),
        known_correct=float(np.mean(accepted & np.asarray(known_correct))),
        num_unknown=int(np.sum(~chosen_on)),
        num_known=len(known_scores),
    )


def _checked(probabilities, labels) -> tuple[np.ndarray, np.ndarray]:
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            "Wanted probabilities (num_samples, num_classes) with one label each. "
            f"Received: shapes {probabilities.shape} and {labels.shape}."
        )
    return probabilities, labels
