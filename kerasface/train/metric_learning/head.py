"""The head of a metric training as it begins: distances stretched where faces crowd, measured and not trained."""

import keras
import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.models.heads import build_metric_head
from kerasface.train.metric_learning.recipe import MetricRecipe

# Among the best on splits inside the training people of LFW, where 32 centres did clearly worse and twice the width or
# two thirds of the power hardly differed (benchmarks/RESULTS.md).
_MAX_CENTRES = 128
_IMAGES_PER_CENTRE = 8
# A centre of fewer images would be somebody's own embedding, which has no place in a model that is passed on.
_MIN_IMAGES = 5
_WIDTH = 4.0
_RIVALS = 10  # nearest others that crowding is measured by
_POWER = 0.75  # of the distance to the rivals
_RIDGE = 0.01
_BLOCK = 1024


def build_head(features: np.ndarray | StoredArray, labels: np.ndarray, recipe: MetricRecipe) -> keras.Model:
    """Builds the head for frozen features, with its stretch measured on the training people if the recipe wants it.

    Args:
        features: Features of the training images, `(num_images, dim)`.
        labels: The person of each, `(num_images,)`.
        recipe: A resolved recipe.
    """
    dim = features.shape[1]
    if not recipe.stretch:
        return build_metric_head(dim, pull=recipe.pull)
    unit = np.asarray(features[:], dtype=np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    centres = find_centres(unit, recipe.seed)
    head = build_metric_head(dim, centres=centres, width=_WIDTH, pull=recipe.pull)
    head.get_layer("head_stretch").set_weights(fit_stretch(unit, labels, centres))
    return head


def find_centres(unit: np.ndarray, seed: int) -> np.ndarray:
    """Finds places that stand for all images: means of k-means clusters of five images or more.

    Args:
        unit: Unit features, `(num_images, dim)`.
        seed: The same seed gives the same centres.

    Returns:
        `(num_centres, dim)` float32, 128 at most.
    """
    from sklearn.cluster import KMeans

    count = max(1, min(_MAX_CENTRES, len(unit) // _IMAGES_PER_CENTRE))
    found = KMeans(count, n_init=1, random_state=seed).fit(unit)
    large = np.bincount(found.labels_, minlength=count) >= _MIN_IMAGES
    centres = found.cluster_centers_[large] if large.any() else unit.mean(axis=0, keepdims=True)
    return centres.astype(np.float32)


def crowding(unit: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Measures how close the nearest other people come to each image.

    Args:
        unit: Unit features, `(num_images, dim)`.
        labels: The person of each, two people or more, `(num_images,)`.

    Returns:
        Mean cosine to the ten nearest images of other people, `(num_images,)`.
    """
    means = []
    for start in range(0, len(unit), _BLOCK):
        cosines = unit[start : start + _BLOCK] @ unit.T
        cosines[labels[start : start + _BLOCK, None] == labels] = -np.inf
        nearest = -np.sort(-cosines, axis=1)[:, :_RIVALS]
        others = np.isfinite(nearest)
        means.append(np.where(others, nearest, 0).sum(axis=1) / others.sum(axis=1))
    return np.concatenate(means)


def fit_stretch(unit: np.ndarray, labels: np.ndarray, centres: np.ndarray) -> list[np.ndarray]:
    """Fits the layer `head_stretch` by ridge regression: near whom strangers come close, distances grow.

    The factor is `(1 - crowding) ** -0.75`, relative to its median: distances in units of those to the nearest others,
    as in local scaling.

    Args:
        unit: Unit features, `(num_images, dim)`.
        labels: The person of each, `(num_images,)`.
        centres: `(num_centres, dim)`.

    Returns:
        Kernel `(num_centres, 1)` and bias `(1,)` of the logarithm of the factor, float32.

    Reference:
        Zelnik-Manor, Perona, "Self-Tuning Spectral Clustering", NIPS 2004, equation 4.
    """
    wanted = -_POWER * np.log(np.maximum(1 - crowding(unit, labels), 1e-3))
    wanted -= np.median(wanted)
    near = np.exp(-_WIDTH * (1 + np.sum(centres**2, axis=1) - 2 * unit @ centres.T))
    mean = wanted.mean()
    kernel = np.linalg.solve(near.T @ near + _RIDGE * np.eye(len(centres)), near.T @ (wanted - mean))
    return [kernel[:, None].astype(np.float32), np.float32([mean])]
