"""The stages of a metric training as models, batches and losses: the head on frozen features, and fine-tuning."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.data.pipelines import identity_batches, identity_rows
from kerasface.losses.embeddings import ArcFace, ContrastiveLoss, CosFace, SupConLoss, TripletLoss
from kerasface.models.backbones import Backbone
from kerasface.models.freezing import check_frozen, frozen_state
from kerasface.models.heads import build_siamese
from kerasface.models.layers import CosineLogits
from kerasface.models.runtime import compile_network
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.stages import unfreeze_last
from kerasface.train.engine.frozen import class_directions
from kerasface.train.engine.loop import Stage
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.engine.schedules import build_schedule
from kerasface.train.metric_learning.recipe import MetricRecipe

_IMPOSTORS = 8  # impostor pairs of each sample that a Siamese network sees in a batch of features
_WARMUP = 0.05
_SLOPE = 4.0  # of the Siamese decision as it begins: 88 % at the mean genuine distance
_TRIPLET_MARGIN = 0.2

Embed = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class TrainingPeople:
    """The people of a stage.

    Attributes:
        samples: Images `(num_images, height, width, 3)` uint8; or a list with the features of each augmented copy,
            `(num_images, dim)` float32.
        labels: Their persons, from 0 without gaps, `(num_images,)` int64.
        files: Their files.
        directions: Mean direction of each person's embeddings as the stage begins, `(embedding_dim, num_people)`.
        distances: Mean genuine and mean impostor distance as the stage begins.
    """

    samples: StoredArray | np.ndarray | list
    labels: np.ndarray
    files: Sequence[str]
    directions: np.ndarray
    distances: tuple[float, float]


def embed_images(model: keras.Model) -> Embed:
    """Returns the embeddings of images `(n, height, width, 3)` uint8, for the model's weights at each call."""
    network = compile_network(model)

    def embed(images: np.ndarray) -> np.ndarray:
        blocks = [images[start : start + 256] for start in range(0, len(images), 256)]
        return np.concatenate([network(np.asarray(block))[0] for block in blocks])

    return embed


def training_people(
    samples, prepared: PreparedData, embeddings: np.ndarray, distances: tuple[float, float]
) -> TrainingPeople:
    """Numbers the training people and takes the mean directions of their embeddings, `(num_train, embedding_dim)`."""
    names, labels = np.unique(prepared.labels[prepared.train], return_inverse=True)
    files = [prepared.files[index] for index in prepared.train]
    return TrainingPeople(samples, labels, files, class_directions([embeddings], labels, len(names)), distances)


def head_stage(head: keras.Model, people: TrainingPeople, recipe: MetricRecipe, validate) -> Stage:
    """The frozen stage: the head alone, on features that were computed once."""
    return _stage("head", head, people, recipe, recipe.head_epochs, recipe.head_learning_rate, validate)


def fine_tune_stage(
    backbone: Backbone, model: keras.Model, people: TrainingPeople, recipe: MetricRecipe, validate
) -> tuple[Stage, list[dict]]:
    """The second stage: the last blocks and the head, each block at a lower rate than the one behind it.

    After the first step it is checked that nothing frozen has moved.

    Returns:
        The stage and the freeze map: per block the fields of `FreezeRecord` and `learning_rate`.
    """
    recipe = recipe.for_images()
    rate_of, rows = unfreeze_last(backbone, recipe, len(people.labels))
    state = frozen_state(model)
    stage = _stage(
        "fine_tune",
        model,
        people,
        recipe,
        recipe.epochs,
        recipe.learning_rate,
        validate,
        rate_of=rate_of,
        after_first_step=lambda: check_frozen(model, state),
    )
    return stage, rows


def scratch_stage(model: keras.Model, people: TrainingPeople, recipe: MetricRecipe, validate) -> Stage:
    """The one stage of a network from random weights: everything is trained."""
    return _stage("train", model, people, recipe, recipe.epochs, recipe.learning_rate, validate)


def build_loss(recipe: MetricRecipe) -> keras.losses.Loss:
    """Builds the loss of a resolved recipe; `binary` has Keras's own."""
    return {
        "triplet": lambda: TripletLoss(recipe.margin, recipe.mining),
        "contrastive": lambda: ContrastiveLoss(recipe.margin),
        "supcon": lambda: SupConLoss(recipe.temperature, recipe.negatives),
        "arcface": lambda: ArcFace(recipe.margin, recipe.scale),
        "cosface": lambda: CosFace(recipe.margin, recipe.scale),
        "binary": keras.losses.BinaryCrossentropy,
    }[recipe.loss]()


def held_out_loss(recipe: MetricRecipe, distances: tuple[float, float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """Returns the validation loss of embeddings and labels of a P x K batch.

    It is the training's own for losses over pairs. People held out are none of the classes of `arcface` and `cosface`,
    and the decision of `binary` is trained with the rest: for these it is `supcon` with their scale, or with a scale
    that fits the distances before the training.
    """
    if recipe.loss in ("triplet", "contrastive", "supcon"):
        loss = build_loss(recipe)
    else:
        genuine, impostor = distances
        loss = SupConLoss(1 / recipe.scale if recipe.scale else max((impostor**2 - genuine**2) / 8, 1e-3))
    return lambda embeddings, labels: float(loss(labels, embeddings))


def watched_margin(recipe: MetricRecipe) -> float:
    """Returns the margin of the triplets that are counted to see a collapse: the recipe's, or triplet's default."""
    if recipe.loss == "triplet":
        return recipe.margin
    return _TRIPLET_MARGIN / math.sqrt(5.0) if recipe.stretch else _TRIPLET_MARGIN


def pair_rows(people: int, images: int, singles: int, impostors: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs the rows of a P x K batch: every genuine pair, and each image with some of other people.

    Args:
        people: Persons in the batch.
        images: Images of each, standing together.
        singles: Images of further people behind them.
        impostors: With how many images of others each is paired, at most.

    Returns:
        Rows of the first and of the second images, and the weight of each pair, `(num_pairs,)` all; genuine pairs
        come first, and both kinds have equal weight in all.
    """
    size = people * images + singles
    person = np.concatenate([np.arange(people).repeat(images), people + np.arange(singles)])
    genuine = np.argwhere(np.triu(person[:, None] == person, 1))
    # Steps spread over the batch, so that each image meets people from everywhere in it.
    steps = np.unique(np.linspace(images, size - images, impostors).astype(int))
    rows = np.arange(size)
    impostor = np.concatenate([np.stack([rows, (rows + step) % size], axis=1) for step in steps])
    impostor = impostor[person[impostor[:, 0]] != person[impostor[:, 1]]]
    total = len(genuine) + len(impostor)
    weights = [np.full(len(part), total / (2 * len(part))) for part in (genuine, impostor)]
    first, second = np.concatenate([genuine, impostor]).T
    return first, second, np.concatenate(weights).astype(np.float32)


def _stage(
    name: str,
    embedder: keras.Model,
    people: TrainingPeople,
    recipe: MetricRecipe,
    epochs: int,
    peak: float,
    validate,
    *,
    rate_of: Callable[[str], float] | None = None,
    after_first_step: Callable[[], None] = lambda: None,
) -> Stage:
    rows = _rows(people.labels, recipe)
    steps, size = rows(0).shape
    model = _trained_model(embedder, people, recipe)
    total = steps * epochs
    schedule = build_schedule("cosine", peak, total, warmup_steps=int(_WARMUP * total))
    optimizer = build_optimizer("adamw", schedule, weight_decay=recipe.weight_decay, momentum=0.0, rate_of=rate_of)
    model.compile(optimizer, build_loss(recipe))

    def batches(epoch: int, start: int):
        made = identity_batches(
            people.samples,
            people.labels,
            rows(epoch),
            policy=recipe.augment,
            flip=recipe.flip,
            seed=recipe.seed,
            epoch=epoch,
            start_step=start,
        )
        return _for_loss(made, people, recipe, size)

    return Stage(
        name=name,
        model=model,
        batches=batches,
        steps_per_epoch=steps,
        epochs=epochs,
        validate=validate,
        files_of_batch=lambda epoch, step: [people.files[row] for row in rows(epoch)[step]],
        batch_size=size,
        num_samples=steps * size,
        patience=recipe.early_stopping,
        after_first_step=after_first_step,
    )


def _rows(labels: np.ndarray, recipe: MetricRecipe) -> Callable[[int], np.ndarray]:
    def rows(epoch: int) -> np.ndarray:
        return identity_rows(
            labels,
            people=recipe.people,
            images=recipe.images,
            singles=recipe.singles,
            seed=recipe.seed,
            epoch=epoch,
        )

    return rows


def _trained_model(embedder: keras.Model, people: TrainingPeople, recipe: MetricRecipe) -> keras.Model:
    """Returns a model over the embedder's layers that ends where the loss looks."""
    name = f"{embedder.name}_trained"
    if recipe.loss == "binary":
        genuine, impostor = people.distances
        gap = max(impostor - genuine, 1e-3)
        return build_siamese(embedder, threshold=(genuine + impostor) / 2, slope=_SLOPE / gap)
    if recipe.loss in ("arcface", "cosface"):
        cosines = CosineLogits(people.directions.shape[1], dtype="float32", name="train_cosines")
        model = keras.Model(embedder.input, cosines(embedder.output), name=name)
        cosines.set_weights([people.directions])
        return model
    return keras.Model(embedder.input, embedder.output, name=name)


def _for_loss(batches, people: TrainingPeople, recipe: MetricRecipe, size: int):
    """Gives the batches the form that the loss takes."""
    import tensorflow as tf

    if recipe.loss in ("arcface", "cosface"):
        count = people.directions.shape[1]
        return batches.map(lambda samples, labels: (samples, tf.one_hot(labels, count)))
    if recipe.loss == "binary":
        num_people = min(recipe.people, int(np.sum(np.bincount(people.labels) >= 2)))
        # Both sides of every pair go through the network: images are paired with one impostor each.
        impostors = _IMPOSTORS if isinstance(people.samples, list) else 1
        pairs = pair_rows(num_people, recipe.images, size - num_people * recipe.images, impostors)
        first, second, weights = (tf.constant(part) for part in pairs)

        def paired(samples, labels):
            same = tf.cast(tf.gather(labels, first) == tf.gather(labels, second), tf.float32)
            return (tf.gather(samples, first), tf.gather(samples, second)), same[:, None], weights

        return batches.map(paired)
    return batches
