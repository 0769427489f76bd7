"""The stages of a segmentation training as models, batches and losses: the decoder alone, then the encoder with it."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import numpy as np
from keras import ops

from kerasface.data.backgrounds import installed_backgrounds, read_backgrounds
from kerasface.data.masks.augmentation import OUTSIDE, POLICIES, MaskChanges
from kerasface.data.masks.batches import Learning, epoch_rows, fitted, masked_batches
from kerasface.data.pipelines import epoch_order, num_steps
from kerasface.losses import pixels
from kerasface.models.freezing import check_frozen, freeze, frozen_state
from kerasface.models.runtime import compile_network
from kerasface.models.unet import Encoder, build_unet
from kerasface.train.classification.stages import for_devices, unfreeze_last
from kerasface.train.engine.loop import Stage
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.engine.precision import num_devices
from kerasface.train.engine.schedules import build_schedule
from kerasface.train.segmentation.data import PreparedMasks
from kerasface.train.segmentation.encoders import encoder_of
from kerasface.train.segmentation.recipe import LOSSES, SegmentRecipe
from kerasface.train.segmentation.sets import LearnedSet


def build_model(recipe: SegmentRecipe, num_classes: int, *, mirror: bool = False) -> tuple[Encoder, keras.Model]:
    """Builds the encoder and the U-Net of a resolved recipe, for pictures of any size where the encoder takes them.

    Args:
        recipe: The settings.
        num_classes: Number of classes.
        mirror: Average over mirror images, for use: a training sees them one by one.
    """
    encoder = encoder_of(recipe, mirror=mirror)
    return encoder, build_unet(
        num_classes, encoder, decoder=recipe.decoder, deeper=recipe.deeper, skips=recipe.skip_strides
    )


def blocks_to_train(recipe: SegmentRecipe, encoder: Encoder) -> int:
    """Returns how many of the encoder's last blocks are fine-tuned: two thirds, where the recipe says nothing."""
    return recipe.unfreeze or max(1, round(len(encoder.backbone.blocks) * 2 / 3))


def decoder_stage(encoder: Encoder, model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe) -> Stage:
    """The first stage: the decoder alone, on the frozen encoder."""
    freeze(encoder.backbone, 0)
    return _stage("head", model, prepared, replace(recipe, schedule="constant"), recipe.head_epochs)


def fine_tune_stage(
    encoder: Encoder, model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe
) -> tuple[Stage, list[dict]]:
    """The second stage: the decoder and the last blocks of the encoder, each at a lower rate than the one behind it.

    After the first step it is checked that nothing frozen has moved.

    Returns:
        The stage and the freeze map: per block the fields of `FreezeRecord` and `learning_rate`.
    """
    blocks = blocks_to_train(recipe, encoder)
    rate_of, rows = unfreeze_last(encoder.backbone, replace(recipe, unfreeze=blocks), len(prepared.train))
    in_encoder = {name for block in encoder.backbone.blocks for name in block.layers}

    def slowed(path: str) -> float:
        return rate_of(path) * (recipe.encoder_rate if path.split("/")[0] in in_encoder else 1.0)

    state = frozen_state(model)
    stage = _stage(
        "fine_tune",
        model,
        prepared,
        recipe,
        recipe.epochs,
        rate_of=slowed,
        after_first_step=lambda: check_frozen(model, state),
    )
    return stage, [{**row, "learning_rate": row["learning_rate"] * recipe.encoder_rate} for row in rows]


def scratch_stage(model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe) -> Stage:
    """The only stage without pretrained weights: everything is trained."""
    return _stage("train", model, prepared, recipe, recipe.epochs)


def build_loss(
    recipe: SegmentRecipe, class_counts: np.ndarray, label_sets: Sequence[tuple[int, ...]] = ()
) -> keras.losses.Loss:
    """Builds the loss on logits.

    Args:
        recipe: The settings.
        class_counts: Pixels of each class in the training masks, `(num_classes,)`.
        label_sets: Ids of the classes that each label may mean, by its id: first each class alone.

    Raises:
        ValueError: If labels mean several classes, and the loss is not defined on such.
    """
    losses = []
    for name in recipe.loss.split("+"):
        kind = getattr(pixels, LOSSES[name])
        given: dict = {}
        if len(label_sets) > len(class_counts):
            if "label_sets" not in inspect.signature(kind).parameters:
                raise ValueError(f"This loss takes no label that stands for several classes. Received: loss={name}.")
            given["label_sets"] = label_sets
        if name == "cross-entropy":
            given["class_weights"] = class_weights(class_counts, recipe.class_weights)
        losses.append(kind(**given))
    return losses[0] if len(losses) == 1 else pixels.SumOfLosses(losses)


def label_accuracy(label_sets: Sequence[tuple[int, ...]], num_classes: int) -> keras.metrics.Metric:
    """Returns the share of the labelled pixels whose most probable class is among those that the label may mean."""
    may_be = np.array([[index in meant for index in range(num_classes)] for meant in label_sets], dtype=np.float32)

    def of_batch(y_true, y_pred):
        labeled = ops.not_equal(ops.cast(y_true, "int32"), OUTSIDE)
        meant = ops.take(may_be, ops.where(labeled, ops.cast(y_true, "int32"), 0), axis=0)
        right = ops.take_along_axis(meant, ops.argmax(y_pred, axis=-1)[..., None], axis=-1)[..., 0]
        return ops.sum(right * ops.cast(labeled, "float32")) / ops.maximum(ops.sum(ops.cast(labeled, "float32")), 1)

    return keras.metrics.MeanMetricWrapper(of_batch, name="accuracy")


def class_weights(class_counts: np.ndarray, power: float) -> list[float]:
    """Returns a weight per class, its share of the pixels to the power `-power`, of mean 1 over all pixels."""
    shares = class_counts / class_counts.sum()
    weights = np.maximum(shares, 1e-9) ** -power
    return (weights / np.sum(shares * weights)).tolist()


def validation(model: keras.Model, prepared: PreparedMasks, recipe: SegmentRecipe) -> Callable[[], dict]:
    """Returns what is measured after each epoch: loss, pixel accuracy and mean IoU on the pictures held out.

    Each set is judged by its own labels: loss and accuracy are those of all pixels, mean IoU is the mean of the sets.
    """
    # A backbone of fixed size sees whole pictures at that size.
    side = model.input_shape[1] or recipe.image_size
    images, masks = fitted(prepared.validation, (side,) * 2)
    network = compile_network(model, max_batch=16)

    def measure() -> dict:
        losses, confusions = [], []
        for index, each in enumerate(prepared.sets):
            rows = np.flatnonzero(prepared.validation_sets == index)
            confusion = np.zeros((len(each.map.judged_labels),) * 2, dtype=np.int64)
            for start in range(0, len(rows), 16):
                chosen = rows[start : start + 16]
                likely, cells = _judged(network(images[chosen])[0], masks[chosen], each)
                losses.append(-np.log(np.maximum(likely, 1e-7)))
                confusion += np.bincount(cells, minlength=confusion.size).reshape(confusion.shape)
            confusions.append(confusion)
        return {
            "val_loss": float(np.concatenate(losses).mean()),
            "val_accuracy": float(sum(map(np.trace, confusions)) / sum(map(np.sum, confusions))),
            "val_mean_iou": float(np.mean([_mean_iou(confusion) for confusion in confusions])),
        }

    return measure


def _judged(probabilities: np.ndarray, masks: np.ndarray, each: LearnedSet) -> tuple[np.ndarray, np.ndarray]:
    """Of the pixels that count: the probability of what the label means, and the cell of the confusion matrix."""
    inside = masks != OUTSIDE
    labels, found = masks[inside], probabilities[inside]
    true, predicted, ignored = each.map.judged(labels, found.argmax(axis=-1))
    likely = (found * each.map.may_be[labels]).sum(axis=-1)
    return likely[~ignored], (true * len(each.map.judged_labels) + predicted)[~ignored]


def _mean_iou(confusion: np.ndarray) -> float:
    right = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - right
    return float(np.mean(right[union > 0] / union[union > 0]))


def changes_of(recipe: SegmentRecipe, sets: Sequence[LearnedSet]) -> list[MaskChanges]:
    """Returns how a recipe augments pictures and masks of each set."""
    policy = POLICIES[recipe.augment]
    backgrounds = ()
    if policy.background:
        backgrounds = read_backgrounds(recipe.backgrounds) if recipe.backgrounds else installed_backgrounds()
    size = (recipe.training_size,) * 2
    return [
        MaskChanges(
            size,
            each.map.labels,
            # A coarse mask cuts out what is in front together with seams of what was behind it.
            replace(policy, background=0.0) if each.map.coarse else policy,
            backgrounds=backgrounds,
            flip=recipe.flip,
        )
        for each in sets
    ]


def _stage(
    name: str,
    model: keras.Model,
    prepared: PreparedMasks,
    recipe: SegmentRecipe,
    epochs: int,
    *,
    rate_of: Callable[[str], float] | None = None,
    after_first_step: Callable[[], None] = lambda: None,
) -> Stage:
    changes = changes_of(recipe, prepared.sets)
    learning = [Learning(each.ids, each.map.coarse) for each in prepared.sets]
    shares = [each.share for each in prepared.sets]
    rows = epoch_rows(prepared.train_persons, recipe.copies, recipe.balance, prepared.train_sets, shares)
    steps = num_steps(len(rows), recipe.batch_size)
    seed = recipe.seed if name != "head" else recipe.seed + 2**32  # no recipe has that one

    def batches(epoch: int, start: int):
        made = masked_batches(
            prepared.train,
            changes,
            learning,
            sets=prepared.train_sets,
            rows=rows,
            batch_size=recipe.batch_size,
            seed=seed,
            epoch=epoch,
            start_step=start,
        )
        return for_devices(made, num_devices())

    def files_of_batch(epoch: int, step: int) -> list[str]:
        order = rows[epoch_order(len(rows), seed, epoch)]
        return [prepared.train_files[row] for row in order[step * recipe.batch_size : (step + 1) * recipe.batch_size]]

    return Stage(
        name=name,
        model=_compiled(model, recipe, prepared, steps * epochs, rate_of),
        batches=batches,
        steps_per_epoch=steps,
        epochs=epochs,
        validate=validation(model, prepared, recipe),
        files_of_batch=files_of_batch,
        batch_size=recipe.batch_size,
        num_samples=len(rows),
        patience=recipe.early_stopping,
        plateau=recipe.learning_rate if recipe.schedule == "plateau" else None,
        after_first_step=after_first_step,
    )


def _compiled(
    model: keras.Model, recipe: SegmentRecipe, prepared: PreparedMasks, total_steps: int, rate_of
) -> keras.Model:
    """Returns a model of the same layers that ends where the loss looks: at the logits."""
    warmup = int(recipe.warmup * total_steps) if recipe.schedule == "cosine" else 0
    optimizer = build_optimizer(
        recipe.optimizer,
        build_schedule(recipe.schedule, recipe.learning_rate, total_steps, warmup_steps=warmup),
        weight_decay=recipe.weight_decay,
        momentum=0.9 if recipe.optimizer == "sgd" else 0.0,
        rate_of=rate_of,
        ema=recipe.ema or None,
        clip_norm=recipe.clip_norm or None,
        accumulate=1,
    )
    trained = keras.Model(model.input, model.get_layer("logits").output, name="unet_trained")
    loss = build_loss(recipe, prepared.class_counts, prepared.label_sets)
    trained.compile(optimizer, loss, metrics=[label_accuracy(prepared.label_sets, len(prepared.classes))])
    return trained
