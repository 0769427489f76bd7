"""Pictures with masks on disk to batches for training: every step can be made again from seed, epoch and step alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf

from kerasface.data.cache.store import StoredArray
from kerasface.data.masks.augmentation import OUTSIDE, MaskChanges, augment_masked, fit_masked
from kerasface.data.pipelines import AHEAD, epoch_order, num_steps


@dataclass(frozen=True, eq=False)
class Learning:
    """What is learned of the masks of a set.

    Attributes:
        ids: Of each of the set's classes the id that is learned, 255 for nothing, `(num_labels,)` uint8.
        coarse: How far borders may lie from where they belong, as a share of a picture's longer side.
    """

    ids: np.ndarray
    coarse: float = 0.0

    def of(self, mask: np.ndarray) -> np.ndarray:
        """Returns what is learned of a mask.

        Args:
            mask: Ids of the set's classes, uint8, `(height, width)`; 255 outside the picture.

        Returns:
            Ids uint8, `(height, width)`; 255 where nothing is learned, as near to a border that may lie elsewhere.
        """
        table = np.full(OUTSIDE + 1, OUTSIDE, dtype=np.uint8)
        table[: len(self.ids)] = self.ids
        ids, reach = table[mask], round(self.coarse * max(mask.shape))
        if reach:
            around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
            ids[cv2.dilate(mask, around) != cv2.erode(mask, around)] = OUTSIDE
        return ids


def masked_batches(
    pairs: np.ndarray | StoredArray,
    changes: Sequence[MaskChanges],
    learning: Sequence[Learning],
    *,
    sets: np.ndarray,
    rows: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Makes the batches of one epoch: all its samples in an order of its own, each changed differently.

    Args:
        pairs: RGB and class id, uint8, shape `(num_images, side, side, 4)`; read batch by batch.
        changes: How pictures and masks of each set are augmented; all to one size.
        learning: What is learned of the masks of each set.
        sets: Index of the set of each picture, `(num_images,)`.
        rows: Samples of an epoch: the index of a picture, as often as it comes, `(num_samples,)`; see `epoch_rows`.
        batch_size: Pictures per batch; the last batch holds the rest.
        seed: Seed of the training.
        epoch: Number of the epoch, from 0.
        start_step: First batch to make; the batches from there on are those of the whole epoch.

    Returns:
        Batches of pictures `(batch_size, rows, cols, 3)` uint8 and of what is learned of their masks
        `(batch_size, rows, cols)` uint8, 255 where that is nothing.
    """
    order = rows[epoch_order(len(rows), seed, epoch)]

    def read(step):
        chosen = order[step * batch_size : (step + 1) * batch_size]
        # A generator for each picture: what one draws does not depend on how many its neighbours drew.
        generators = np.random.default_rng((seed, epoch, int(step))).spawn(len(chosen))
        made = [
            augment_masked(pair[..., :3], pair[..., 3], changes[which], generator)
            for pair, which, generator in zip(np.asarray(pairs[chosen]), sets[chosen], generators, strict=True)
        ]
        masks = [learning[which].of(mask) for (_, mask), which in zip(made, sets[chosen], strict=True)]
        return np.stack([image for image, _ in made]), np.stack(masks)

    def load(step):
        images, masks = tf.numpy_function(read, [step], [tf.uint8, tf.uint8])
        size = changes[0].image_size
        return tf.ensure_shape(images, [None, *size, 3]), tf.ensure_shape(masks, [None, *size])

    steps = tf.data.Dataset.range(start_step, num_steps(len(order), batch_size))
    return steps.map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True).prefetch(AHEAD)


def epoch_rows(
    persons: np.ndarray, copies: int, balance: float, sets: np.ndarray | None = None, shares: Sequence[float] = (1.0,)
) -> np.ndarray:
    """Tells how often each picture comes in an epoch.

    Args:
        persons: Number of the person on each picture, `(num_images,)`; nobody is in two sets.
        copies: Copies of a picture, in the mean; each comes at least once.
        balance: From 0, where each picture comes as often as another, to 1, where each person of the set does.
        sets: Index of the set of each picture, `(num_images,)`; all are one by default.
        shares: Share of each set in an epoch; they sum to 1.

    Returns:
        Indices of pictures, each as often as it comes, `(num_samples,)` int64.
    """
    often = np.bincount(persons)[persons].astype(np.float64) ** -balance
    sets = np.zeros(len(persons), dtype=np.int64) if sets is None else sets
    in_set = np.bincount(sets, weights=often, minlength=len(shares))
    often *= (np.asarray(shares) * len(persons) / np.maximum(in_set, 1e-12))[sets]  # 1 in the mean
    times = np.maximum(np.rint(copies * often), 1).astype(np.int64)
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
