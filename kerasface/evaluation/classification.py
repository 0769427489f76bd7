"""Error rates of closed-set classification."""

import numpy as np


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
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels) or k < 1:
        raise ValueError(
            "Wanted probabilities (num_samples, num_classes) with one label each, and k >= 1. "
            f"Received: shapes {probabilities.shape} and {labels.shape}, k={k}."
        )
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    rank = np.sum(probabilities >= true, axis=1)  # 1 is best; the true class itself is counted
    return float(np.mean(rank <= k))
