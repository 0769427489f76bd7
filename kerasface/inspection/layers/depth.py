"""From edges to parts: what a model sees at each of its resolutions."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasface.arrays import check_array
from kerasface.inspection.layers.activations import LayerInfo, check_images, list_layers, tap
from kerasface.inspection.layers.mosaics import feature_grid, strongest_channels
from kerasface.models.runtime import compile_network

_BORDERS = ("ZeroPadding2D", "Cropping2D")


@dataclass(frozen=True, eq=False)
class DepthLevel:
    """What a model sees at one resolution.

    Attributes:
        layer: Path of the last layer of this resolution.
        map_shape: Rows, columns and channels of its maps.
        channels: The channels in the picture, the most active first.
        picture: Mosaic of them, `(height, width, 3)` uint8.
    """

    layer: str
    map_shape: tuple[int, int, int]
    channels: tuple[int, ...]
    picture: np.ndarray


def depth_strip(model: keras.Model, image: np.ndarray, *, count: int = 16, side: int = 64) -> list[DepthLevel]:
    """Shows what a model sees at each resolution, from edges to parts: each time the last maps before it halves them.

    A model that enlarges its maps again, as one that segments does, is followed up again.

    Args:
        model: Functional or sequential, with one image input.
        image: RGB uint8, as large as the model takes it.
        count: Channels per level, the most active ones, each from black to white on its own.
        side: Longer side of each map in pixels.

    Returns:
        The levels in forward order; empty for a model without convolutions.

    Raises:
        ValueError: If the picture does not fit the model.
    """
    check_array(image, "The model takes a picture, uint8")
    check_images(model, image[None])
    layers = _levels(list_layers(model, image.shape[:2]))
    if not layers:
        return []
    answers = compile_network(tap(model, layers, image.shape[:2]))(image[None])
    levels = []
    for layer, (maps,) in zip(layers, answers, strict=True):
        channels = strongest_channels(maps, count)
        picture = feature_grid(maps, channels=channels, side=side)
        levels.append(DepthLevel(layer, maps.shape, channels, picture))
    return levels


def _levels(infos: Sequence[LayerInfo]) -> list[str]:
    """Chooses a layer for each resolution: the last one on the way down to the smallest maps, and on the way up."""
    convolutions = (index for index, info in enumerate(infos) if info.num_params and info.kind.endswith("2D"))
    first = next(convolutions, len(infos))
    # A picture that was only preprocessed, and maps with a border for the next convolution, are no level.
    maps = [info for info in infos[first:] if info.spatial and info.kind not in _BORDERS]
    if not maps:
        return []
    sizes = [info.output_shape[0] * info.output_shape[1] for info in maps]
    bottom = len(sizes) - 1 - sizes[::-1].index(min(sizes))
    # From the end, because a branch beside the main path may be smaller than what it is added to.
    up = _while_it_doubles(range(len(maps) - 1, bottom, -1), [1 / size for size in sizes])
    down = _while_it_doubles(range(bottom, -1, -1), sizes)
    return [maps[index].path for index in (*down[::-1], *up[::-1])]


def _while_it_doubles(indices: Sequence[int], sizes: Sequence[float]) -> list[int]:
    """Returns those of `indices` with at least twice the size of the one kept before: a border lost is no level."""
    kept: list[int] = []
    for index in indices:
        if not kept or sizes[index] >= 2 * sizes[kept[-1]]:
            kept.append(index)
    return kept
