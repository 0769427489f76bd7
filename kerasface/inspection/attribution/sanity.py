"""Does a map explain the model at all: compared with random weights, and with what happens when places are removed.

Reference:
    Adebayo et al. 2018, "Sanity Checks for Saliency Maps" (arXiv:1810.03292).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from scipy.stats import spearmanr

from kerasface.inspection.stitched import Stitched
from kerasface.inspection.stitching import leaves

LIMIT = 0.3  # a map correlates less with the one of random weights, or does not depend on what was learned


@dataclass(frozen=True)
class SanityCheck:
    """How much maps of a trained model resemble those of the same model with random weights.

    Attributes:
        correlations: Spearman's rank correlation of the absolute values, in `[-1, 1]`, one for each explanation.
        mean: Their mean.
        passed: Whether the mean lies below 0.3.
    """

    correlations: tuple[float, ...]
    mean: float
    passed: bool


def randomized(model: keras.Model, *, seed: int = 0) -> keras.Model:
    """Copies a model with random weights.

    Every weight is drawn from the normal distribution that has mean and deviation of the trained array it stands in:
    activations keep their scale, and nothing is left of what was learned. Statistics of normalisation stay.

    Args:
        model: Functional or sequential.
        seed: Seed of the weights.
    """
    generator = np.random.default_rng(seed)
    kept = set()
    for layer in leaves(model).values():
        if isinstance(layer, keras.layers.BatchNormalization):
            kept |= {id(layer.moving_mean), id(layer.moving_variance)}
        elif isinstance(layer, keras.layers.Normalization):
            kept |= {id(weight) for weight in layer.weights}
    drawn = []
    for weight, values in zip(model.weights, model.get_weights(), strict=True):
        if id(weight) not in kept:
            spread = np.std(values, dtype=np.float64)
            values = generator.normal(np.mean(values, dtype=np.float64), spread, np.shape(values))
        drawn.append(values)
    copy = keras.models.clone_model(model)
    copy.set_weights(drawn)
    return copy


def sanity_correlation(
    explain: Callable[[Stitched, np.ndarray], np.ndarray], stitched: Stitched, images: Sequence[np.ndarray]
) -> SanityCheck:
    """Compares the maps of a model with those of the same model with random weights.

    Args:
        explain: Takes a stitched model and an image and returns a map. It must explain the same class for both: the
            most probable one of random weights is another.
        stitched: The trained model.
        images: Images, each `(height, width, 3)`.

    Raises:
        ValueError: If there is no image.
    """
    if not images:
        raise ValueError("Maps are compared on one image or more. Received: no image.")
    found = []
    for number, image in enumerate(images):
        other = stitched.changed(randomized(stitched.model, seed=number))
        found.append(rank_correlation(*(np.abs(explain(one, image)) for one in (stitched, other))))
    mean = float(np.mean(found))
    return SanityCheck(tuple(found), mean, mean < LIMIT)


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Spearman's rank correlation of two maps of one shape; 0 where one of them has no order."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first, second, axis=None).statistic)
