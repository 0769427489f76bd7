"""Which pictures of a data set excite a channel most, and what part of them it is that does."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from kerasface.inspection.layers.activations import Progress, check_images, over_places, tap
from kerasface.inspection.layers.maximization import value_and_gradient
from kerasface.models.runtime import compile_network

_SHARE = 0.95  # of the gradient's absolute values inside the part that is cut out


@dataclass(frozen=True, eq=False)
class TopCrop:
    """A picture that excites a channel.

    Attributes:
        index: Its index in the data set.
        score: How much it does: the maximum of the channel's map.
        box: The part that the largest value of the map hangs on: x, y, width and height in pixels of the picture.
        patch: That part, `(height, width, 3)` uint8.
    """

    index: int
    score: float
    box: tuple[int, int, int, int]
    patch: np.ndarray


def top_crops(
    model: keras.Model,
    layer: str,
    images,
    channels: Sequence[int],
    *,
    count: int = 9,
    max_batch: int = 32,
    on_progress: Progress | None = None,
) -> dict[int, tuple[TopCrop, ...]]:
    """Finds the pictures that excite each channel most, and cuts out what the largest answer hangs on.

    Cut out is the effective receptive field (Luo et al. 2016, arXiv:1701.04128): the rows and columns between which 95
    per cent of the gradient of that answer with respect to the pixels lie. Deep in a network it is much smaller than
    all that the answer could depend on.

    Args:
        model: Functional or sequential, with one image input.
        layer: Path as `list_layers` gives it; a layer that gives a vector has its numbers for channels.
        images: RGB uint8, `(num_images, height, width, 3)`, an array or `StoredArray`; read a batch at a time.
        channels: Indices of the channels.
        count: Pictures per channel; fewer where there are no more.
        max_batch: Pictures computed at once; a power of two.
        on_progress: Called with the number of pictures done and their total.

    Returns:
        For each channel its pictures, the most exciting first; equal ones in the order of the data set.

    Raises:
        ValueError: If there is no such layer or channel, no picture, or they do not fit the model.

    Reference:
        Zeiler, Fergus 2014, "Visualizing and Understanding Convolutional Networks" (arXiv:1311.2901), figure 2.
    """
    check_images(model, images)
    if count < 1:
        raise ValueError(f"count must be at least 1. Received: count={count}.")
    tapped = tap(model, [layer], images.shape[1:3])
    (maps,) = tapped.outputs
    chosen = list(channels)
    if not chosen or not all(0 <= channel < maps.shape[-1] for channel in chosen):
        raise ValueError(f"{layer} has channels 0 to {maps.shape[-1] - 1}. Received: channels={chosen}.")
    network = compile_network(keras.Model(tapped.input, over_places(maps, ops.max)), max_batch=max_batch)
    best, scores = np.empty((0, len(chosen)), dtype=np.int64), np.empty((0, len(chosen)), dtype=np.float32)
    for start in range(0, len(images), max_batch):
        (answers,) = network(images[start : start + max_batch])
        numbers = np.broadcast_to(np.arange(start, start + len(answers))[:, None], (len(answers), len(chosen)))
        best, scores = np.concatenate([best, numbers]), np.concatenate([scores, answers[:, chosen]])
        order = np.argsort(-scores, axis=0, kind="stable")[:count]
        best, scores = np.take_along_axis(best, order, axis=0), np.take_along_axis(scores, order, axis=0)
        if on_progress:
            on_progress(min(start + max_batch, len(images)), len(images))
    sensitivity = _sensitivity(tapped)
    found = {}
    for column, channel in enumerate(chosen):
        pictures = images[best[:, column]]
        boxes = [_box(sensitivity(picture, channel)) for picture in pictures]
        found[channel] = tuple(
            TopCrop(int(index), float(score), box, picture[box[1] : box[1] + box[3], box[0] : box[0] + box[2]])
            for index, score, box, picture in zip(best[:, column], scores[:, column], boxes, pictures, strict=True)
        )
    return found


def _sensitivity(tapped: keras.Model):
    """Returns a function from a picture and a channel to how much the channel's largest value hangs on each pixel."""

    def largest(pictures, channel):
        maps = keras.tree.flatten(tapped(pictures, training=False))[0][:1]
        return ops.max(ops.take(maps, channel, axis=-1))

    graph = value_and_gradient(largest)

    def sensitivity(picture: np.ndarray, channel: int) -> np.ndarray:
        _, gradient = graph(picture[None].astype(np.float32), np.int32(channel))
        return np.abs(gradient[0]).sum(axis=-1)

    return sensitivity


def _box(sensitivity: np.ndarray) -> tuple[int, int, int, int]:
    """Returns the rows and columns between which `_SHARE` lies, as x, y, width and height; all where there is none."""
    height, width = sensitivity.shape
    if not sensitivity.any():
        return 0, 0, width, height
    (left, right), (top, bottom) = (_between(sensitivity.sum(axis=axis, dtype=np.float64)) for axis in (0, 1))
    return left, top, right - left, bottom - top


def _between(values: np.ndarray) -> tuple[int, int]:
    """Returns first and end of the stretch outside which, on either side, lies less than half of what may be left."""
    reached, outside = np.cumsum(values) / values.sum(), (1 - _SHARE) / 2
    return int(np.argmax(reached > outside)), int(np.argmax(reached >= 1 - outside)) + 1
