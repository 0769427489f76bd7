"""Images on disk to batches for training and evaluation.

Order and augmentation are functions of seed, epoch and step alone. A training that was stopped at any step goes on with
exactly the batches it would have had.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kerasface.data.augmentation import batch_key, build_augmentation, move_images
from kerasface.data.cache.store import StoredArray

# Streams of random numbers beside that of an epoch's order.
_COPIES, _PEOPLE = 1, 2
AHEAD = 4  # batches made before they are asked for: 256 images of 112 pixels are 10 MB


def num_steps(num_images: int, batch_size: int) -> int:
    """Returns the number of batches of an epoch; the last one may be smaller."""
    return -(-num_images // batch_size)


def epoch_order(num_images: int, seed: int, epoch: int) -> np.ndarray:
    """Returns the order of an epoch: a permutation of all indices, `(num_images,)` int64."""
    return np.random.default_rng((seed, epoch)).permutation(num_images)


def training_batches(
    images: np.ndarray | StoredArray,
    labels: np.ndarray,
    *,
    batch_size: int,
    num_classes: int,
    policy: str = "none",
    mix: str = "none",
    mixup_alpha: float | None = None,
    flip: bool = True,
    seed: int,
    epoch: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of one epoch: every image once, in an order of its own, augmented.

    Args:
        images: RGB uint8, shape `(num_images, height, width, 3)`. A `StoredArray` is read batch by batch, so that the
            data may be larger than memory.
        labels: Label of each image, integers from 0 to `num_classes - 1`, shape `(num_images,)`.
        batch_size: Images per batch; the last batch holds the rest.
        num_classes: Length of the one-hot labels.
        policy: Augmentation, one of `augmentation.POLICIES`.
        mix: One of `augmentation.MIXES`.
        mixup_alpha: As `build_augmentation` has it.
        flip: Whether mirroring is part of the augmentation, see `move_images`.
        seed: Seed of the training, 0 or more.
        epoch: Number of the epoch, from 0.
        start_step: First batch to make; the batches from there on are those of the whole epoch.

    Returns:
        Batches of images `(batch_size, height, width, 3)` uint8 from 0 to 255 and labels `(batch_size, num_classes)`
        float32. Give them to `fit` with `shuffle=False`.

    Raises:
        ValueError: If an argument is out of range or the numbers of images and labels differ.

    Example:
        >>> images = np.zeros((10, 8, 8, 3), dtype=np.uint8)
        >>> labels = np.arange(10) % 2
        >>> batches = training_batches(images, labels, batch_size=4, num_classes=2, seed=0, epoch=0)
        >>> [batch.shape[0] for batch, _ in batches]
        [4, 4, 2]
    """
    labels = _checked_labels(images, labels, batch_size, num_classes)
    steps = num_steps(len(labels), batch_size)
    if seed < 0 or epoch < 0:
        raise ValueError(f"seed and epoch must not be negative. Received: seed={seed}, epoch={epoch}.")
    if not 0 <= start_step <= steps:
        raise ValueError(f"start_step must lie between 0 and {steps}. Received: start_step={start_step}.")
    augment = build_augmentation(policy, mix, mixup_alpha=mixup_alpha)
    order = epoch_order(len(labels), seed, epoch)

    def read(step):
        rows = order[step * batch_size : (step + 1) * batch_size]
        key = batch_key(seed, epoch, int(step))
        return move_images(np.asarray(images[rows]), policy, key, flip=flip), labels[rows], key

    def load(step):
        # Python steps of several batches run side by side: reading and resampling release the interpreter lock.
        batch, batch_labels, key = tf.numpy_function(read, [step], [tf.uint8, tf.int32, tf.int64])
        batch, one_hot = _shaped(batch, batch_labels, images.shape, num_classes)
        return augment(batch, one_hot, tf.ensure_shape(key, [2]))

    return _pipeline(tf.data.Dataset.range(start_step, steps), load)


def feature_batches(
    features: Sequence[np.ndarray | StoredArray],
    labels: np.ndarray,
    *,
    batch_size: int,
    num_classes: int,
    seed: int,
    epoch: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of one epoch over features that were computed before: every sample once.

    Args:
        features: Of each augmented copy an array `(num_samples, dim)` float32; the copy is drawn per sample and epoch.
        labels: Label of each sample, integers from 0 to `num_classes - 1`, shape `(num_samples,)`.
        batch_size: Samples per batch; the last batch holds the rest.
        num_classes: Length of the one-hot labels.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
        start_step: First batch to make.

    Returns:
        Batches of features `(batch_size, dim)` and labels `(batch_size, num_classes)`, both float32.
    """
    order = epoch_order(len(labels), seed, epoch)
    copies = np.random.default_rng((seed, epoch, _COPIES)).integers(len(features), size=len(labels))
    labels = np.asarray(labels, dtype=np.int32)

    def read(step):
        rows = order[step * batch_size : (step + 1) * batch_size]
        return _of_copies(features, rows, copies[rows]), labels[rows]

    def load(step):
        batch, batch_labels = tf.numpy_function(read, [step], [tf.float32, tf.int32])
        return _shaped(batch, batch_labels, features[0].shape, num_classes)

    return _pipeline(tf.data.Dataset.range(start_step, num_steps(len(labels), batch_size)), load)


def identity_rows(
    labels: np.ndarray, *, people: int, images: int, singles: int = 0, seed: int, epoch: int
) -> np.ndarray:
    """Chooses the samples of an epoch's P x K batches: `people` persons with `images` images each.

    Every person with two images or more comes once an epoch, in an order of its own; the last batch is filled up with
    persons of the first. Of more images than `images`, others are drawn in every epoch; persons with fewer repeat
    theirs. A single image makes no genuine pair: such people come as `singles` only, to be told from the others.

    Args:
        labels: The person of each sample, integers, shape `(num_samples,)`.
        people: Persons per batch, at least 2; all, if there are fewer.
        images: Images of each, at least 2.
        singles: Images of people with one image in each batch, as far as there are any.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.

    Returns:
        Indices, `(num_steps, people * images + singles)` int64; the images of one person stand together.

    Raises:
        ValueError: If an argument is out of range, or fewer than two people have two images.

    Example:
        >>> identity_rows(np.array([0, 0, 1, 1, 1, 2]), people=2, images=2, singles=1, seed=0, epoch=0).shape
        (1, 5)

    Reference:
        Hermans et al., "In Defense of the Triplet Loss", 2017 (arXiv:1703.07737), section 2.
    """
    if people < 2 or images < 2 or singles < 0:
        raise ValueError(
            "Pairs of both kinds need two persons and two images of each in a batch. "
            f"Received: people={people}, images={images}, singles={singles}."
        )
    labels = np.asarray(labels)
    names, counts = np.unique(labels, return_counts=True)
    several, single = names[counts >= 2], np.flatnonzero(np.isin(labels, names[counts == 1]))
    if len(several) < 2:
        raise ValueError(
            f"At least two people with two images each are needed. Received: {len(several)} such people among "
            f"{len(names)}. Add images."
        )
    generator = np.random.default_rng((seed, epoch, _PEOPLE))
    people, singles = min(people, len(several)), min(singles, len(single))
    steps = num_steps(len(several), people)
    order = np.resize(generator.permutation(several), (steps, people))
    of_person = {name: np.flatnonzero(labels == name) for name in several}
    chosen = [np.resize(generator.permutation(of_person[name])[:images], images) for name in order.ravel()]
    others = np.resize(generator.permutation(single), (steps, singles))
    return np.concatenate([np.reshape(chosen, (steps, people * images)), others], axis=1)


def identity_batches(
    samples: np.ndarray | StoredArray | Sequence[np.ndarray | StoredArray],
    labels: np.ndarray,
    rows: np.ndarray,
    *,
    policy: str = "none",
    flip: bool = True,
    seed: int,
    epoch: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of an epoch whose samples `identity_rows` chose.

    Args:
        samples: RGB uint8 images `(num_samples, height, width, 3)`; or features, of each augmented copy an array
            `(num_samples, dim)` float32, of which each sample in each batch draws one.
        labels: The person of each sample, integers, shape `(num_samples,)`.
        rows: Samples of each batch, shape `(num_steps, batch_size)`.
        policy: Augmentation of images, one of `augmentation.POLICIES`.
        flip: Whether mirroring is part of it, see `move_images`.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
        start_step: First batch to make; the batches from there on are those of the whole epoch.

    Returns:
        Batches of images uint8 or features float32, and labels `(batch_size,)` int32.
    """
    labels, dim = np.asarray(labels, dtype=np.int32), [rows.shape[1]]
    steps = tf.data.Dataset.range(start_step, len(rows))
    if isinstance(samples, Sequence):
        copies = np.random.default_rng((seed, epoch, _COPIES)).integers(len(samples), size=rows.shape)

        def read_features(step):
            return _of_copies(samples, rows[step], copies[step]), labels[rows[step]]

        def load_features(step):
            batch, batch_labels = tf.numpy_function(read_features, [step], [tf.float32, tf.int32])
            return tf.ensure_shape(batch, [*dim, samples[0].shape[1]]), tf.ensure_shape(batch_labels, dim)

        return _pipeline(steps, load_features)
    augment = build_augmentation(policy, "none")

    def read(step):
        key = batch_key(seed, epoch, int(step))
        return move_images(np.asarray(samples[rows[step]]), policy, key, flip=flip), labels[rows[step]], key

    def load(step):
        batch, batch_labels, key = tf.numpy_function(read, [step], [tf.uint8, tf.int32, tf.int64])
        batch, batch_labels = tf.ensure_shape(batch, [*dim, *samples.shape[1:]]), tf.ensure_shape(batch_labels, dim)
        batch, _ = augment(batch, tf.zeros((*dim, 1)), tf.ensure_shape(key, [2]))  # labels are not mixed
        return batch, batch_labels

    return _pipeline(steps, load)


def with_class_weights(batches: tf.data.Dataset, weights: np.ndarray | None) -> tf.data.Dataset:
    """Gives every sample its class's weight in `weights`, `(num_classes,)`; a soft label gets its classes' mean."""
    if weights is None:
        return batches
    weights = tf.constant(weights, dtype=tf.float32)
    return batches.map(lambda images, labels: (images, labels, tf.linalg.matvec(labels, weights)))


def _of_copies(copies: Sequence[np.ndarray | StoredArray], rows: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Reads each row from the copy that was chosen for it: `(num_rows, dim)` float32."""
    batch = np.empty((len(rows), copies[0].shape[1]), dtype=np.float32)
    for copy, array in enumerate(copies):
        batch[chosen == copy] = array[rows[chosen == copy]]
    return batch


def _pipeline(steps: tf.data.Dataset, load) -> tf.data.Dataset:
    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(AHEAD)


def _shaped(batch, labels, shape: tuple[int, ...], num_classes: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Restores the shapes that a Python step loses; expands labels only here, as 7,000 classes are 28 kB an image."""
    batch = tf.ensure_shape(batch, [None, *shape[1:]])
    return batch, tf.one_hot(tf.ensure_shape(labels, [None]), num_classes)


def _checked_labels(images, labels, batch_size: int, num_classes: int) -> np.ndarray:
    """Checks what both kinds of batches need; returns the labels as int32."""
    labels = np.asarray(labels)
    if len(images.shape) != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(
            "images must be uint8 of shape (num_images, height, width, 3). "
            f"Received: {images.dtype} of shape {tuple(images.shape)}."
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels must be integers of shape ({len(images)},), one per image. "
            f"Received: {labels.dtype} of shape {labels.shape}."
        )
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1. Received: batch_size={batch_size}.")
    if len(labels) and not 0 <= labels.min() <= labels.max() < num_classes:
        raise ValueError(
            f"labels must lie between 0 and num_classes - 1 = {num_classes - 1}. "
            f"Received: labels from {labels.min()} to {labels.max()}."
        )
    return labels.astype(np.int32)
