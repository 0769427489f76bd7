"""The stages of a training as models, batches and losses: the head on frozen features, fine-tuning, from scratch."""

from collections.abc import Callable, Sequence
from dataclasses import asdict

import keras
import numpy as np

from kerasface.data.cache.images import channel_statistics
from kerasface.data.pipelines import (
    epoch_order,
    feature_batches,
    num_steps,
    training_batches,
    with_class_weights,
)
from kerasface.losses.embeddings import ArcFace, CosFace
from kerasface.models.backbones import Backbone, build_backbone
from kerasface.models.freezing import check_frozen, freeze, frozen_state
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, build_features
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.defaults import blocks_to_unfreeze
from kerasface.train.engine.frozen import FrozenFeatures
from kerasface.train.engine.loop import Stage
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.engine.precision import num_devices
from kerasface.train.engine.schedules import build_schedule
from kerasface.train.recipe import ClassifyRecipe


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
        return for_devices(with_class_weights(made, weights), num_devices())

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
    outputs = to_probabilities(vector, len(prepared.names), scale=scale, hidden=recipe.head_units)
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
            mixup_alpha=recipe.mixup_alpha,
            flip=recipe.flip,
            seed=recipe.seed,
            epoch=epoch,
            start_step=start,
        )
        return for_devices(with_class_weights(made, weights), num_devices())

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
    rate_of, rows = unfreeze_last(backbone, recipe, len(prepared.train))
    state = frozen_state(model)
    stage = image_stage(
        "fine_tune",
        model,
        prepared,
        recipe,
        validate,
        rate_of=rate_of,
        after_first_step=lambda: check_frozen(model, state),
    )
    return stage, rows


def unfreeze_last(backbone: Backbone, recipe, num_images: int) -> tuple[Callable[[str], float], list[dict]]:
    """Unfreezes the last blocks, each at a lower rate than the one behind it.

    Args:
        backbone: Its blocks are frozen or trained from here on.
        recipe: With `unfreeze`, `layer_decay` and `learning_rate`.
        num_images: Training images, on which the number of blocks depends if the recipe leaves it open.

    Returns:
        From a variable's path to the factor on the learning rate, and the freeze map: per block the fields of
        `FreezeRecord` and `learning_rate`.
    """
    count = recipe.unfreeze or blocks_to_unfreeze(num_images, len(backbone.blocks))
    records = freeze(backbone, count)
    factors, rows = {}, []
    for distance, (block, record) in enumerate(zip(backbone.blocks[::-1], records[::-1], strict=True), start=1):
        factor = recipe.layer_decay**distance if record.trainable else 0.0
        factors |= dict.fromkeys(block.layers, factor)
        rows.insert(0, {**asdict(record), "learning_rate": factor * recipe.learning_rate})
    return lambda path: factors.get(path.split("/")[0], 1.0), rows


def class_weights(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns weights in inverse proportion to the classes' numbers of images, of mean 1 over the images."""
    counts = np.bincount(labels, minlength=num_classes)
    return len(labels) / (num_classes * np.maximum(counts, 1))


def for_devices(batches, count: int):
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
