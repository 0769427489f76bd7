"""The filters of a model's first layer as pictures: what it looks for before anything else."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasface.inspection.layers.activations import list_layers
from kerasface.inspection.layers.mosaics import mosaic
from kerasface.models.layers import ReverseChannels

SCALES = ("each", "together")
_MIDDLE = 127.5  # a weight of 0


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of a layer that looks at the picture.

    Attributes:
        layer: Its path.
        weights: Float32, `(rows, cols, channels, num_filters)`; channels in the order of the picture, R, G, B.
    """

    layer: str
    weights: np.ndarray


def first_filters(model: keras.Model) -> Filters:
    """Returns the filters of a model's first convolution; of a model that begins with a dense layer its templates.

    A dense layer on the flattened picture has one weight per pixel, so each of its units is a filter as large as the
    picture. Where the model turns RGB into BGR first, the filters are turned back.

    Args:
        model: Functional or sequential, with one image input.

    Raises:
        ValueError: If the first layer with weights looks at something else than the picture.
    """
    infos = list_layers(model)
    index = next((index for index, info in enumerate(infos) if "kernel" in map(_name, info.layer.weights)), None)
    if index is not None:
        kernel = keras.ops.convert_to_numpy(infos[index].layer.kernel).astype(np.float32)
        shape = model.inputs[0].shape[1:]
        if kernel.ndim == 2 and None not in shape and len(kernel) == np.prod(shape):
            kernel = kernel.reshape(*shape, -1)
        if kernel.ndim == 4:
            turned = sum(isinstance(info.layer, ReverseChannels) for info in infos[:index]) % 2
            return Filters(infos[index].path, kernel[:, :, ::-1] if turned else kernel)
    kinds = ", ".join(info.kind for info in infos[:4])
    raise ValueError(f"The model begins with no filters of the picture. Received: {model.name} of {kinds}, ...")


def filter_pictures(weights: np.ndarray, *, scale: str = "each") -> np.ndarray:
    """Returns filters as pictures: mid-grey for a weight of 0, brighter above, darker below.

    Args:
        weights: `(rows, cols, channels, num_filters)`. Three channels are shown as R, G and B; other numbers of
            channels as grey, by their mean: what the filter answers to in a picture without colour.
        scale: White and black stand for the largest absolute weight of `each` filter, or of all filters `together`.

    Returns:
        `(num_filters, rows, cols, 3)` RGB, or `(num_filters, rows, cols)` grey; uint8.

    Raises:
        ValueError: If `scale` is unknown, or the weights are no filters.
    """
    if weights.ndim != 4:
        raise ValueError(f"Filters have shape (rows, cols, channels, num). Received: weights of {weights.shape}.")
    filters = np.moveaxis(weights, -1, 0).astype(np.float32)  # (num, rows, cols, channels)
    if filters.shape[-1] != 3:
        filters = filters.mean(axis=-1)
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {SCALES}. Received: scale={scale!r}.")
    over = tuple(range(int(scale == "each"), filters.ndim))  # the axes that share a scale
    largest = np.abs(filters).max(axis=over, keepdims=True)
    return np.rint(_MIDDLE + _MIDDLE * filters / np.where(largest > 0, largest, 1)).astype(np.uint8)


def filter_grid(weights: np.ndarray) -> np.ndarray:
    """Draws filters side by side, in their order, each from black to white on its own and 48 pixels large.

    Args:
        weights: `(rows, cols, channels, num_filters)`, such as from `first_filters`.

    Returns:
        The mosaic, `(height, width, 3)` uint8.
    """
    return mosaic(filter_pictures(weights), side=48)


def filter_history(snapshots: Sequence[keras.Model | np.ndarray], *, side: int = 48) -> list[np.ndarray]:
    """Draws the first filters of one model at several times of its training, to be leafed through.

    All are on one scale, so that a filter that grows is seen to grow.

    Args:
        snapshots: Models of one architecture, or the weights of their first layer, `(rows, cols, channels,
            num_filters)`, oldest first.
        side: Longer side of each filter in pixels.

    Returns:
        For each snapshot the mosaic of its filters, all of one size.

    Raises:
        ValueError: If the filters differ in shape.
    """
    weights = [shot if isinstance(shot, np.ndarray) else first_filters(shot).weights for shot in snapshots]
    if len(shapes := {values.shape for values in weights}) > 1:
        raise ValueError(f"Snapshots of one model have filters of one shape. Received: {sorted(shapes)}.")
    if not weights:
        return []
    stacked = np.concatenate(weights, axis=-1)
    pictures = filter_pictures(stacked, scale="together")
    return [mosaic(part, side=side) for part in np.split(pictures, len(weights))]


def _name(weight: keras.Variable) -> str:
    return weight.name
