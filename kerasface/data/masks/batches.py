"""Pictures with masks on disk to batches for training: every step can be made again from seed, epoch and step alone."""

import numpy as np
import tensorflow as tf

from kerasface.data.cache.store import StoredArray
from kerasface.data.masks.augmentation import MaskChanges, augment_masked, fit_masked
from kerasface.data.pipelines import AHEAD, epoch_order, num_steps


def masked_batches(
    pairs: np.ndarray | StoredArray,
    changes: MaskChanges,
    *,
    rows: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of one epoch: all its samples in an order of its own, each changed differently.

    Args:
        pairs: RGB and class id, uint8, shape `(num_images, side, side, 4)`; read batch by batch.
        changes: How pictures and masks are augmented.
        rows: Samples of an epoch: the index of a picture, as often as it comes, `(num_samples,)`; see `epoch_rows`.
        batch_size: Pictures per batch; the last batch holds the rest.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
        start_step: First batch to make; the batches from there on are those of the whole epoch.

    Returns:
        Batches of pictures `(batch_size, rows, cols, 3)` uint8 and class ids `(batch_size, rows, cols)` uint8.
    """
    order = rows[epoch_order(len(rows), seed, epoch)]

    def read(step):
        chosen = order[step * batch_size : (step + 1) * batch_size]
        # A generator for each picture: what one draws does not depend on how many its neighbours drew.
        generators = np.random.default_rng((seed, epoch, int(step))).spawn(len(chosen))
        made = [
            augment_masked(pair[..., :3], pair[..., 3], changes, generator)
            for pair, generator in zip(np.asarray(pairs[chosen]), generators, strict=True)
        ]
        return np.stack([image for image, _ in made]), np.stack([mask for _, mask in made])

    def load(step):
        images, masks = tf.numpy_function(read, [step], [tf.uint8, tf.uint8])
        size = changes.image_size
        return tf.ensure_shape(images, [None, *size, 3]), tf.ensure_shape(masks, [None, *size])

    steps = tf.data.Dataset.range(start_step, num_steps(len(order), batch_size))
    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(AHEAD)


def epoch_rows(persons: np.ndarray, copies: int, balance: float) -> np.ndarray:
    """Tells how often each picture comes in an epoch.

    Args:
        persons: Number of the person on each picture, `(num_images,)`.
        copies: Copies of a picture, in the mean; each comes at least once.
        balance: From 0, where each picture comes as often as another, to 1, where each person does.

    Returns:
        Indices of pictures, each as often as it comes, `(num_samples,)` int64.
    """
    shares = np.bincount(persons)[persons].astype(np.float64) ** -balance
    times = np.maximum(np.rint(copies * shares / shares.mean()), 1).astype(np.int64)
    return np.repeat(np.arange(len(persons)), times)


def fitted(pairs: np.ndarray | StoredArray, image_size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Brings all pictures and masks to a size, unchanged otherwise.

    Returns:
        Pictures `(num_images, rows, cols, 3)` uint8 and class ids `(num_images, rows, cols)` uint8, 255 where there is
        no picture.
    """
    made = []
    for index in range(len(pairs)):
        pair = np.asarray(pairs[index : index + 1])[0]
        made.append(fit_masked(np.ascontiguousarray(pair[..., :3]), np.ascontiguousarray(pair[..., 3]), image_size))
    return np.stack([image for image, _ in made]), np.stack([mask for _, mask in made])
