"""Attributions from the gradient with respect to the image's pixels."""

from collections.abc import Iterator

import numpy as np

from kerasface.inspection.attribution.maps import Attribution
from kerasface.inspection.attribution.relus import deconvolved, guided, rewired
from kerasface.inspection.attribution.targets import Target
from kerasface.inspection.stitched import Stitched

_BATCH = 16  # images whose gradients are computed at once
COMPLETE = 0.05  # of the difference that is to be explained, see `integrated_gradients`


def integrated_gradients(
    stitched: Stitched, image: np.ndarray, target: Target, *, baseline: np.ndarray | None = None, steps: int = 64
) -> Attribution:
    """Adds up gradients on the straight way from a baseline to the image, times the difference of the two.

    The map is signed, summed over the colours. The sum over all pixels is the difference of the scores, but for the
    error of adding up; that is checked: `details` has `difference`, `error` and `complete`, 1 where the error is at
    most 5 % of the difference, 0 where more steps are needed.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)`, of the model's size.
        target: What is explained.
        baseline: The image in which nothing is to be seen, of the same shape; by default the image's mean colour
            everywhere, because under black, which the paper takes, eyes and hair could never count.
        steps: Gradients that are added up, taken in the middle of as many equal parts.

    Raises:
        ValueError: If image, baseline or target do not fit, or `steps` is below 1.

    Reference:
        Sundararajan et al. 2017, "Axiomatic Attribution for Deep Networks" (arXiv:1703.01365), equation 3.
    """
    _check_count("steps", steps)
    weights = stitched.weights(image, target)
    baseline = np.broadcast_to(image.mean(axis=(0, 1)), image.shape) if baseline is None else baseline
    stitched.check_image(baseline)
    start, way = np.float32(baseline), np.float32(image) - np.float32(baseline)
    shares = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    total = np.zeros_like(way)
    for batch in _batches(shares):
        points = start + batch[:, None, None, None] * way
        total += stitched.input_gradients(points, weights)[0].sum(axis=0)
    values = way * total / steps
    score, nothing = stitched.scores([image, start], weights).tolist()
    difference = score - nothing
    error = float(values.sum(dtype=np.float64)) - difference
    details = {
        "difference": difference,
        "error": error,
        "complete": float(abs(error) <= COMPLETE * abs(difference)),
    }
    found = values.sum(axis=-1)
    return Attribution("integrated-gradients", found, found, True, score, details)


def smooth_grad(
    stitched: Stitched, image: np.ndarray, target: Target, *, samples: int = 25, noise: float = 0.15, seed: int = 0
) -> Attribution:
    """Averages the gradient over noisy copies of the image, and so gets rid of its own noise.

    The map is 0 or more: the largest absolute value over the colours.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)`, of the model's size.
        target: What is explained.
        samples: Noisy copies.
        noise: Standard deviation of the noise as a share of the image's range of values.
        seed: Seed of the noise.

    Raises:
        ValueError: If image or target do not fit, `samples` is below 1, or `noise` is negative.

    Reference:
        Smilkov et al. 2017, "SmoothGrad" (arXiv:1706.03825), section 3.
    """
    _check_count("samples", samples)
    if noise < 0:
        raise ValueError(f"noise is a share of the image's range. Received: noise={noise}. Try 0.15.")
    weights = stitched.weights(image, target)
    generator = np.random.default_rng(seed)
    deviation = noise * float(np.ptp(image))
    total = np.zeros(image.shape, dtype=np.float32)
    for batch in _batches(np.arange(samples)):
        copies = image + deviation * generator.standard_normal((len(batch), *image.shape), dtype=np.float32)
        total += stitched.input_gradients(copies, weights)[0].sum(axis=0)
    score = float(stitched.scores([image], weights)[0])
    found = np.abs(total / samples).max(axis=-1)
    return Attribution("smooth-grad", found, found, False, score)


def guided_backprop(stitched: Stitched, image: np.ndarray, target: Target) -> Attribution:
    """The gradient in which a ReLU passes back only what is positive, and only where it was itself on.

    It shows what pattern excites the network, hardly which class it speaks for: the map changes little with target and
    with random weights (Adebayo 2018). It is 0 or more: the largest absolute value over the colours.

    Args:
        stitched: The model.
        image: RGB `(height, width, 3)`, of the model's size.
        target: What is explained.

    Raises:
        ValueError: If image or target do not fit, or the model has no ReLU.

    Reference:
        Springenberg et al. 2015, "Striving for Simplicity" (arXiv:1412.6806), section 3.4.
    """
    return _through_relus("guided-backprop", stitched, image, target)


def deconvolution(stitched: Stitched, image: np.ndarray, target: Target) -> Attribution:
    """The gradient in which a ReLU passes back what is positive, whether it was itself on or not.

    Arguments, errors and the map's range are those of `guided_backprop`.

    Reference:
        Zeiler, Fergus 2014, "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901), section 2.1.
    """
    return _through_relus("deconvolution", stitched, image, target)


def _through_relus(method: str, stitched: Stitched, image: np.ndarray, target: Target) -> Attribution:
    backward = {"guided-backprop": guided, "deconvolution": deconvolved}[method]
    weights = stitched.weights(image, target)
    variant = stitched.variant(method, lambda model: rewired(model, backward))
    gradients, scores = variant.input_gradients(image[None], weights)
    found = np.abs(gradients[0]).max(axis=-1)
    return Attribution(method, found, found, False, float(scores[0]))


def _batches(values: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(values), _BATCH):
        yield values[start : start + _BATCH]


def _check_count(name: str, count: int) -> None:
    if count < 1:
        raise ValueError(f"{name} must be at least 1. Received: {name}={count}.")
