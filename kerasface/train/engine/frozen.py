"""What a frozen backbone makes of the images of a training, and heads on it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from kerasface.data.cache.features import cached_features
from kerasface.data.cache.store import StoredArray
from kerasface.models.freezing import weights_fingerprint
from kerasface.models.heads import build_classifier_head, join, to_vector
from kerasface.models.runtime import compile_network
from kerasface.train.classification.data import PreparedData
from kerasface.train.engine.network import network_of
from kerasface.train.recipe import ClassifyRecipe

_BLOCK = 1024  # features that are looked at together
_IN_MEMORY = 512 * 2**20  # bytes of features that are read at once instead of batch by batch


class FrozenFeatures:
    """Features of a frozen backbone for the images of a training.

    Args:
        prepared: The images.
        recipe: A resolved recipe.
        cache: Folder of the caches.
        on_progress: Called with images done and their total, once through for each copy.

    Attributes:
        backbone: The backbone.
        model: Images to feature vectors.
        train: Of each augmented copy the features of the training images, the plain ones first.
        validation: Features of the validation images.
        unknown: Features of the strangers.
    """

    def __init__(
        self,
        prepared: PreparedData,
        recipe: ClassifyRecipe,
        cache: Path,
        on_progress: Callable[[int, int], None] | None = None,
    ):
        self.backbone = network_of(recipe)
        vector = to_vector(self.backbone.model.output, head=recipe.head or "gap")
        self.model = keras.Model(self.backbone.model.input, vector, name=self.backbone.model.name)
        network, dim = compile_network(self.model), vector.shape[-1]
        kind = "-".join(str(value) for name, value in sorted(prepared.input.to_dict().items()) if name != "values")
        kind = kind.replace("[", "").replace("]", "").replace(", ", "x")
        pooled = f"{recipe.head or 'gap'}{'-mirrored' if recipe.mirror else ''}"
        folder = Path(cache) / f"features-{kind}-{pooled}-{weights_fingerprint(self.model)[:16]}"

        def computed(indices: np.ndarray, copy: int = 0) -> StoredArray:
            return cached_features(
                prepared.images.part(indices),
                [prepared.keys[index] for index in indices],
                network,
                dim,
                folder,
                copy=copy,
                policy=recipe.augment,
                flip=recipe.flip,
                seed=recipe.seed,
                on_progress=on_progress,
            )

        everything = np.concatenate([prepared.train, prepared.validation, prepared.unknown])
        ends = np.cumsum([len(prepared.train), len(prepared.validation)])
        plain = computed(everything)
        parts = [plain.part(part) for part in np.split(np.arange(len(everything)), ends)]
        train, self.validation, self.unknown = (_in_memory(part) for part in parts)
        copies = [_in_memory(computed(prepared.train, copy)) for copy in range(1, recipe.copies + 1)]
        self.train = [train, *copies]


def build_head(features: FrozenFeatures, prepared: PreparedData, recipe: ClassifyRecipe) -> keras.Model:
    """Builds the head for frozen features; one of cosines begins at the mean direction of each class."""
    labels, num_classes = prepared.labels[prepared.train], len(prepared.names)
    mean, variance = _statistics(features.train[0])
    if recipe.classifier == "softmax":
        dropout, hidden = recipe.dropout or 0.0, recipe.head_units
        return build_classifier_head(mean, variance, num_classes, dropout=dropout, hidden=hidden)
    directions = class_directions(features.train, labels, num_classes)
    head = build_classifier_head(
        mean,
        variance,
        num_classes,
        dropout=recipe.dropout or 0.0,
        scale=recipe.scale,
        offsets=hubness(features.train[0], labels, directions) / 2 if recipe.classifier == "cosine" else None,
    )
    head.get_layer("head_cosines").set_weights([directions])
    return head


def class_directions(copies: Sequence[np.ndarray | StoredArray], labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the mean of the unit features of each class over all copies, at unit length: `(dim, num_classes)`."""
    sums = np.zeros((num_classes, copies[0].shape[1]))
    for features in copies:
        for start in range(0, len(labels), _BLOCK):
            np.add.at(sums, labels[start : start + _BLOCK], _unit(features[start : start + _BLOCK]))
    return _unit(sums).T.astype(np.float32)


def hubness(features: np.ndarray | StoredArray, labels: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Measures how readily each class takes the images of others: a direction near everybody's is nearest to many.

    Half of it, taken off a class's cosine, is the correction of cross-domain similarity local scaling, as far as it
    changes the order of classes.

    Args:
        features: Training features, shape `(num_images, dim)`.
        labels: Their classes, shape `(num_images,)`.
        directions: Unit directions of the classes, shape `(dim, num_classes)`.

    Returns:
        Mean cosine of each direction to its ten nearest training features of other classes, `(num_classes,)`.

    Reference:
        Conneau et al., "Word Translation Without Parallel Data", ICLR 2018 (arXiv:1710.04087), section 2.3.
    """
    nearest = np.full((0, directions.shape[1]), 0.0)
    for start in range(0, len(labels), _BLOCK):
        cosines = _unit(features[start : start + _BLOCK]) @ directions
        cosines[np.arange(len(cosines)), labels[start : start + _BLOCK]] = -np.inf
        nearest = np.sort(np.concatenate([nearest, cosines]), axis=0)[-10:]
    others = np.isfinite(nearest)  # there may be fewer than ten
    return (np.where(others, nearest, 0).sum(axis=0) / np.maximum(others.sum(axis=0), 1)).astype(np.float32)


def joined(features: FrozenFeatures, head: keras.Model) -> keras.Model:
    """Puts the head behind the frozen backbone: images to probabilities, one flat model."""
    return join(features.model, head)


def _statistics(features: np.ndarray | StoredArray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each dimension, in the memory of one block."""
    sums = np.zeros((2, features.shape[1]))
    for start in range(0, len(features), 4096):
        block = np.asarray(features[start : start + 4096], dtype=np.float64)
        sums += block.sum(axis=0), (block**2).sum(axis=0)
    mean, mean_square = sums / len(features)
    return mean.astype(np.float32), np.maximum(mean_square - mean**2, 0).astype(np.float32)


def _unit(features) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _in_memory(features: StoredArray) -> np.ndarray | StoredArray:
    size = len(features) * features.shape[1] * 4
    return features[:] if size <= _IN_MEMORY else features
