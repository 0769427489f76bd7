"""The stages of a training as models, batches and losses: the head on frozen features, fine-tuning, from scratch."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from kerasface.data.features import cached_features
from kerasface.data.image_cache import channel_statistics
from kerasface.data.pipelines import (
    epoch_order,
    feature_batches,
    num_steps,
    training_batches,
    with_class_weights,
)
from kerasface.data.store import StoredArray
from kerasface.losses import ArcFace, CosFace
from kerasface.models.backbones import (
    Backbone,
    build_backbone,
    check_frozen,
    freeze,
    frozen_state,
    weights_fingerprint,
)
from kerasface.models.heads import build_classifier_head, join, to_probabilities, to_vector
from kerasface.models.runtime import accelerators, compile_network
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, build_features
from kerasface.train.defaults import blocks_to_unfreeze
from kerasface.train.loop import Stage
from kerasface.train.optimizers import build_optimizer
from kerasface.train.prepare import PreparedData
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.schedules import build_schedule

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
        side = recipe.image_size
        self.backbone = build_backbone(recipe.backbone, (side, side), weights="pretrained", mirror=recipe.mirror)
        vector = to_vector(self.backbone.model.output, head=recipe.head or "gap")
        self.model = keras.Model(self.backbone.model.input, vector, name=self.backbone.model.name)
        network, dim = compile_network(self.model), vector.shape[-1]
        kind = "-".join(str(value) for name, value in sorted(prepared.input.items()) if name != "values")
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
        return build_classifier_head(mean, variance, num_classes, dropout=recipe.dropout or 0.0)
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


def head_stage(
    head: keras.Model, features: FrozenFeatures, prepared: PreparedData, recipe: ClassifyRecipe, validate
) -> Stage:
    """The frozen stage: the head alone, on features that were computed once."""
    labels, num_classes = prepared.labels[prepared.train], len(prepared.names)
    steps = num_steps(len(labels), recipe.head_batch_size)
    trained = _compiled(head, recipe, recipe.head_learning_rate, steps * recipe.head_epochs)
    weights = class_weights(labels, num_classes) if recipe.class_weights == "balanced" else None

    def batches(epoch: int, start: int):
        made = feature_batches(
            features.train,
            labels,
            batch_size=recipe.head_batch_size,
            num_classes=num_classes,
            seed=recipe.seed,
            epoch=epoch,
            start_step=start,
        )
        return _for_devices(with_class_weights(made, weights), _num_devices())

    return Stage(
        name="head",
        model=trained,
        batches=batches,
        steps_per_epoch=steps,
        epochs=recipe.head_epochs,
        validate=validate,
        files_of_batch=_files_of_batch(prepared, recipe.seed, recipe.head_batch_size),
        batch_size=recipe.head_batch_size,
        num_samples=len(labels),
        patience=recipe.early_stopping,
        plateau=recipe.head_learning_rate if recipe.schedule == "plateau" else None,
    )


def scratch_model(prepared: PreparedData, recipe: ClassifyRecipe) -> keras.Model:
    """Builds a classifier with random weights; the architectures of the zoo standardise by the training images."""
    size, scale = (recipe.image_size, recipe.image_size), None if recipe.classifier == "softmax" else recipe.scale
    if recipe.backbone in ARCHITECTURES:
        mean, variance = channel_statistics(prepared.images.part(prepared.train))
        options = ArchitectureOptions(**recipe.architecture_options())
        features = build_features(recipe.backbone, size, options=options, mean=mean, variance=variance)
        vector = features.output
    else:
        features = build_backbone(recipe.backbone, size, weights=None, mirror=recipe.mirror).model
        vector = to_vector(features.output, head=recipe.head or "gap", dropout=recipe.dropout or 0.0)
    outputs = to_probabilities(vector, len(prepared.names), scale=scale)
    return keras.Model(features.input, outputs, name=recipe.backbone)


def image_stage(
    name: str,
    model: keras.Model,
    prepared: PreparedData,
    recipe: ClassifyRecipe,
    validate: Callable[[], dict],
    *,
    rate_of: Callable[[str], float] | None = None,
    after_first_step: Callable[[], None] = lambda: None,
) -> Stage:
    """A stage through the network: augmented images in batches, all that is trainable is trained."""
    labels, num_classes = prepared.labels[prepared.train], len(prepared.names)
    images = prepared.images.part(prepared.train)
    steps = num_steps(len(labels), recipe.batch_size)
    trained = _compiled(model, recipe, recipe.learning_rate, steps * recipe.epochs, rate_of)
    weights = class_weights(labels, num_classes) if recipe.class_weights == "balanced" else None

    def batches(epoch: int, start: int):
        made = training_batches(
            images,
            labels,
            batch_size=recipe.batch_size,
            num_classes=num_classes,
            policy=recipe.augment,
            mix=recipe.mix,
            flip=recipe.flip,
            seed=recipe.seed,
            epoch=epoch,
            start_step=start,
        )
        return _for_devices(with_class_weights(made, weights), _num_devices())

    return Stage(
        name=name,
        model=trained,
        batches=batches,
        steps_per_epoch=steps,
        epochs=recipe.epochs,
        validate=validate,
        files_of_batch=_files_of_batch(prepared, recipe.seed, recipe.batch_size),
        batch_size=recipe.batch_size,
        num_samples=len(labels),
        patience=recipe.early_stopping,
        plateau=recipe.learning_rate if recipe.schedule == "plateau" else None,
        after_first_step=after_first_step,
    )


def fine_tune_stage(
    backbone: Backbone,
    model: keras.Model,
    prepared: PreparedData,
    recipe: ClassifyRecipe,
    validate: Callable[[], dict],
) -> tuple[Stage, list[dict]]:
    """The second stage: the last blocks and the head, each block at a lower rate than the one behind it.

    After the first step it is checked that nothing frozen has moved.

    Returns:
        The stage and the freeze map: per block the fields of `FreezeRecord` and `learning_rate`.
    """
    count = recipe.unfreeze or blocks_to_unfreeze(len(prepared.train), len(backbone.blocks))
    records = freeze(backbone, count)
    factors, rows = {}, []
    for distance, (block, record) in enumerate(zip(backbone.blocks[::-1], records[::-1], strict=True), start=1):
        factor = recipe.layer_decay**distance if record.trainable else 0.0
        factors |= dict.fromkeys(block.layers, factor)
        rows.insert(0, {**asdict(record), "learning_rate": factor * recipe.learning_rate})
    state = frozen_state(model)
    stage = image_stage(
        "fine_tune",
        model,
        prepared,
        recipe,
        validate,
        rate_of=lambda path: factors.get(path.split("/")[0], 1.0),
        after_first_step=lambda: check_frozen(model, state),
    )
    return stage, rows


def joined(features: FrozenFeatures, head: keras.Model) -> keras.Model:
    """Puts the head behind the frozen backbone: images to probabilities, one flat model."""
    return join(features.model, head)


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns weights in inverse proportion to the classes' numbers of images, of mean 1 over the images."""
    counts = np.bincount(labels, minlength=num_classes)
    return len(labels) / (num_classes * np.maximum(counts, 1))


def dtype_policy(precision: str) -> str:
    """Returns the Keras dtype policy: `auto` takes bfloat16 on a GPU and float32 on a processor."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if accelerators() else "float32"


@contextlib.contextmanager
def training_context(recipe: ClassifyRecipe):
    """Sets dtype policy, random seed and distribution for what is built inside, and puts the policy back after."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy(recipe.precision))
    keras.utils.set_random_seed(recipe.seed)
    try:
        with _scope(recipe.strategy):
            yield
    finally:
        keras.config.set_dtype_policy(before)


def _scope(strategy: str):
    several = len(accelerators()) > 1
    if strategy == "one" or (strategy == "auto" and not several):
        return contextlib.nullcontext()
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel().scope()
    import tensorflow as tf

    # Without a GPU over the processors that TensorFlow was told to see, which serves tests.
    devices = None if accelerators() else [device.name for device in tf.config.list_logical_devices("CPU")]
    return tf.distribute.MirroredStrategy(devices).scope()


def _num_devices() -> int:
    """Returns among how many devices the scope that one stands in divides the batches."""
    if keras.backend.backend() == "jax":
        distribution = keras.distribution.distribution()
        return distribution.device_mesh.devices.size if distribution else 1
    import tensorflow as tf

    return tf.distribute.get_strategy().num_replicas_in_sync


def _for_devices(batches, count: int):
    """Makes every batch divide among devices: a rest is filled up with its own images, weighted to count once each."""
    if count == 1:
        return batches
    import tensorflow as tf

    def filled(images, labels, weights=None):
        size = tf.shape(images)[0]
        whole = -(-size // count) * count
        rows = tf.range(whole) % size
        times = tf.math.bincount(rows, minlength=size, dtype=tf.float32)
        # Keras will divide by the number of images of the filled batch.
        share = tf.cast(whole, tf.float32) / tf.cast(size, tf.float32)
        each = (1.0 if weights is None else tf.gather(weights, rows)) * share / tf.gather(times, rows)
        return tf.gather(images, rows), tf.gather(labels, rows), each

    return batches.map(filled)


def _compiled(model: keras.Model, recipe: ClassifyRecipe, peak: float, total_steps: int, rate_of=None) -> keras.Model:
    """Returns a model of the same layers that ends where the loss looks: logits, or cosines under a margin."""
    if recipe.classifier in ("softmax", "cosine"):
        output, loss = "head_logits", keras.losses.CategoricalCrossentropy(True, recipe.label_smoothing)
    else:
        margin = {"arcface": ArcFace, "cosface": CosFace}[recipe.classifier]
        output, loss = "head_cosines", margin(recipe.margin, recipe.scale, recipe.label_smoothing)
    warmup = int(recipe.warmup * total_steps) if recipe.schedule == "cosine" else 0
    optimizer = build_optimizer(
        recipe.optimizer,
        build_schedule(recipe.schedule, peak, total_steps, warmup_steps=warmup),
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum if recipe.optimizer == "sgd" else 0.0,
        rate_of=rate_of,
        ema=recipe.ema or None,
        clip_norm=recipe.clip_norm or None,
        accumulate=recipe.accumulate,
    )
    trained = keras.Model(model.input, model.get_layer(output).output, name=f"{model.name}_trained")
    trained.compile(optimizer, loss, metrics=["accuracy"])
    return trained


def _files_of_batch(prepared: PreparedData, seed: int, batch_size: int) -> Callable[[int, int], Sequence[str]]:
    def files(epoch: int, step: int) -> list[str]:
        rows = epoch_order(len(prepared.train), seed, epoch)[step * batch_size : (step + 1) * batch_size]
        return [prepared.files[index] for index in prepared.train[rows]]

    return files


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
