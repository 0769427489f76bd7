"""What every classifier is made of, in numbers to play with: softmax, its loss, soft labels, a convolution by hand."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

# What each makes of a picture. Keras, as all of deep learning, does not turn the kernel round before it multiplies.
KERNELS = {
    "Upright edges": ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),  # Sobel 1968
    "Level edges": ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
    "Blur": ((1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9), (1 / 9, 1 / 9, 1 / 9)),
    "Sharpen": ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
    "Identity": ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
}


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """The loss of one example, and where its gradient pulls.

    Attributes:
        probabilities: Softmax of the logits, shape `(num_classes,)`.
        loss: In nats.
        gradient: Of the loss with respect to the logits, shape `(num_classes,)`; its sum is 0. A step against it raises
            the logits where it is negative.
    """

    probabilities: np.ndarray
    loss: float
    gradient: np.ndarray


def softmax(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """Turns logits into probabilities: `exp(z / T)`, divided by the sum over the classes.

    Args:
        logits: Finite, shape `(..., num_classes)`.
        temperature: `T`, above 0. Below 1 the largest takes more, above 1 the shares become alike.

    Returns:
        Float64 of the shape of `logits`, in `[0, 1]`; each row adds up to 1.

    Raises:
        ValueError: If a logit is not finite or the temperature not above 0.
    """
    return np.exp(log_softmax(logits, temperature))


def log_softmax(logits: ArrayLike, temperature: float = 1.0) -> np.ndarray:
    """Returns the logarithm of `softmax`, finite also where a share is too small for a number of its own.

    Arguments, shape and errors are those of `softmax`.
    """
    logits = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(logits).all():
        raise ValueError(f"Logits are finite numbers. Received: logits={logits.tolist()}.")
    if not temperature > 0:
        raise ValueError(f"A temperature is above 0. Received: temperature={temperature}.")
    # The largest becomes 0, so that no exponential overflows.
    scaled = (logits - logits.max(axis=-1, keepdims=True)) / temperature
    return scaled - np.log(np.exp(scaled).sum(axis=-1, keepdims=True))


def cross_entropy(logits: ArrayLike, target: ArrayLike, temperature: float = 1.0) -> CrossEntropy:
    """Compares softmax with the target: `-sum(target * ln(softmax(z / T)))`, whose gradient is `(p - target) / T`.

    Args:
        logits: Finite, shape `(num_classes,)`.
        target: Probabilities that add up to 1, one-hot or soft, shape `(num_classes,)`.
        temperature: `T`, above 0.

    Raises:
        ValueError: If the shapes differ, the target is no distribution, a logit is not finite or `T` is out of range.
    """
    logs, target = log_softmax(logits, temperature), np.asarray(target, dtype=np.float64)
    if target.shape != logs.shape or logs.ndim != 1:
        raise ValueError(f"Logits and target have one number per class. Received: shapes {logs.shape}, {target.shape}.")
    if (target < 0).any() or not math.isclose(target.sum(), 1, abs_tol=1e-6):
        raise ValueError(f"A target is made of shares that add up to 1. Received: target={target.tolist()}.")
    probabilities = np.exp(logs)
    return CrossEntropy(probabilities, float(-(target * logs).sum()), (probabilities - target) / temperature)


def smooth_labels(label: int, num_classes: int, alpha: float) -> np.ndarray:
    """Returns a smoothed target: `1 - alpha` for the label, and `alpha` in equal shares for all classes, its own too.

    Args:
        label: Index of the true class.
        num_classes: At least 2.
        alpha: In `[0, 1]`; 0 gives the one-hot target.

    Returns:
        Float64, shape `(num_classes,)`.

    Raises:
        ValueError: If an argument is out of range.

    Reference:
        Szegedy et al. 2016, "Rethinking the Inception Architecture" (arXiv:1512.00567), section 7.
    """
    _check_smoothing(num_classes, alpha)
    if not 0 <= label < num_classes:
        raise ValueError(f"There are classes 0 to {num_classes - 1}. Received: label={label}.")
    return (1 - alpha) * np.eye(num_classes)[label] + alpha / num_classes


def gap_losses(gaps: ArrayLike, num_classes: int, alpha: float) -> np.ndarray:
    """Returns the loss under a smoothed target where the true logit stands by a gap above the others, which are equal.

    Args:
        gaps: Differences of logits, shape `(num_gaps,)`.
        num_classes: At least 2.
        alpha: Of the smoothing, in `[0, 1]`.

    Returns:
        In nats, shape `(num_gaps,)`.

    Raises:
        ValueError: If an argument is out of range or a gap is not finite.
    """
    target = smooth_labels(0, num_classes, alpha)
    gaps = np.asarray(gaps, dtype=np.float64)
    logits = np.concatenate([gaps[:, None], np.zeros((len(gaps), num_classes - 1))], axis=1)
    return -log_softmax(logits) @ target


def best_gap(num_classes: int, alpha: float) -> float:
    """Returns the gap at which `gap_losses` is least: `ln(1 + K (1 - alpha) / alpha)`, infinite without smoothing.

    There softmax gives just the target, whose shares stand as `e^gap` to 1.

    Raises:
        ValueError: If an argument is out of range.
    """
    _check_smoothing(num_classes, alpha)
    return math.log1p(num_classes * (1 - alpha) / alpha) if alpha else math.inf


def mixup(first: ArrayLike, second: ArrayLike, share: float) -> np.ndarray:
    """Mixes two pictures, or their labels: `share * first + (1 - share) * second`.

    Args:
        first: Any shape.
        second: Of the same shape and dtype.
        share: Of the first, in `[0, 1]`; a training draws it from Beta(alpha, alpha).

    Returns:
        Of the same shape; of integers rounded ones of their dtype, else float.

    Raises:
        ValueError: If the shapes or dtypes differ or the share is out of range.

    Reference:
        Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization" (arXiv:1710.09412), equation in section 2.
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.dtype != second.dtype:
        raise ValueError(
            f"Only what is alike in shape and dtype can be mixed. Received: {first.shape} {first.dtype} and "
            f"{second.shape} {second.dtype}. Resize the pictures."
        )
    if not 0 <= share <= 1:
        raise ValueError(f"A share lies in [0, 1]. Received: share={share}.")
    mixed = share * first.astype(np.float64) + (1 - share) * second.astype(np.float64)
    return np.rint(mixed).astype(first.dtype) if np.issubdtype(first.dtype, np.integer) else mixed


def beta_density(shares: ArrayLike, alpha: float) -> np.ndarray:
    """Returns how likely mixing shares are under Beta(alpha, alpha), whose mean is 1/2.

    Args:
        shares: In `(0, 1)`, any shape.
        alpha: Above 0. Below 1 shares near 0 and 1 are the likeliest; at 1 all are alike.

    Returns:
        Densities of the shape of `shares`; their integral over `(0, 1)` is 1.

    Raises:
        ValueError: If an argument is out of range.
    """
    shares = np.asarray(shares, dtype=np.float64)
    if not (alpha > 0 and (shares > 0).all() and (shares < 1).all()):
        raise ValueError(f"Shares lie in (0, 1) and alpha is above 0. Received: alpha={alpha}, shares={shares}.")
    return math.exp(math.lgamma(2 * alpha) - 2 * math.lgamma(alpha)) * (shares * (1 - shares)) ** (alpha - 1)


def convolve(picture: ArrayLike, kernel: ArrayLike) -> np.ndarray:
    """Lays a kernel on every place of a picture and adds up the products, without padding.

    Args:
        picture: `(rows, cols)`.
        kernel: `(height, width)`, no larger than the picture.

    Returns:
        Float64, `(rows - height + 1, cols - width + 1)`.

    Raises:
        ValueError: If the kernel does not fit, or a number is not finite.
    """
    picture, kernel = np.asarray(picture, dtype=np.float64), np.asarray(kernel, dtype=np.float64)
    if picture.ndim != 2 or kernel.ndim != 2 or not all(np.subtract(picture.shape, kernel.shape) >= 0):
        raise ValueError(f"A kernel is no larger than its picture. Received: {kernel.shape} on {picture.shape}.")
    if not (np.isfinite(picture).all() and np.isfinite(kernel).all()):
        raise ValueError("Picture and kernel are made of finite numbers. Received: a cell that is empty or infinite.")
    windows = np.lib.stride_tricks.sliding_window_view(picture, kernel.shape)  # (places down, across, height, width)
    return np.einsum("ijkl,kl->ij", windows, kernel)


def _check_smoothing(num_classes: int, alpha: float) -> None:
    if num_classes < 2:
        raise ValueError(f"There are at least 2 classes. Received: num_classes={num_classes}.")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha lies in [0, 1]. Received: alpha={alpha}.")
