"""Maps and filters side by side, as one picture: arrays in, pixels out."""

from collections.abc import Sequence

import cv2
import numpy as np

_GROUND = (28, 60, 92)  # RGB, between the pictures


def feature_grid(
    maps: np.ndarray,
    *,
    count: int = 16,
    channels: Sequence[int] | None = None,
    side: int = 96,
    columns: int | None = None,
) -> np.ndarray:
    """Draws the most active channels of a layer, each from black, its least value, to white, its largest.

    Args:
        maps: `(rows, cols, channels)`, such as from `feature_maps`.
        count: How many channels; `strongest_channels` tells which.
        channels: The channels to draw instead.
        side: Longer side of each map in pixels.
        columns: Maps in a row; about as many as rows by default.

    Returns:
        The mosaic, `(height, width, 3)` uint8. A map of one value is black.

    Raises:
        ValueError: If a channel does not exist, or there is nothing to draw.
    """
    channels = strongest_channels(maps, count) if channels is None else channels
    if not channels or not all(0 <= channel < maps.shape[-1] for channel in channels):
        raise ValueError(f"There are channels 0 to {maps.shape[-1] - 1}. Received: channels={list(channels)}.")
    chosen = np.moveaxis(maps[..., list(channels)], -1, 0).astype(np.float32)
    low, high = chosen.min(axis=(1, 2), keepdims=True), chosen.max(axis=(1, 2), keepdims=True)
    tiles = np.rint(255 * (chosen - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
    return mosaic(tiles, side=side, columns=columns)


def strongest_channels(maps: np.ndarray, count: int) -> tuple[int, ...]:
    """Returns the `count` channels of `maps`, `(rows, cols, channels)`, with the largest mean of what is above 0."""
    activity = np.maximum(maps, 0).mean(axis=(0, 1))
    return tuple(np.argsort(-activity, kind="stable")[:count].tolist())


def mosaic(tiles: np.ndarray, *, side: int = 96, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Lays pictures of one size side by side, row by row, on a blue that no grey map runs into.

    Args:
        tiles: `(num, rows, cols)` grey or `(num, rows, cols, 3)` RGB, uint8.
        side: Longer side of each picture in the mosaic, in pixels. Small ones are enlarged pixel by pixel.
        columns: Pictures in a row; about as many as rows by default.
        gap: Pixels between pictures.

    Returns:
        `(height, width, 3)` uint8.

    Raises:
        ValueError: If there is no picture, or a size is below 1.
    """
    columns = int(np.ceil(np.sqrt(len(tiles)))) if columns is None else columns
    if not len(tiles) or side < 1 or columns < 1:
        raise ValueError(
            f"A mosaic needs pictures, a side and columns. Received: {len(tiles)} pictures, side={side}, "
            f"columns={columns}."
        )
    rows, cols = tiles.shape[1:3]
    height, width = (max(1, round(extent * side / max(rows, cols))) for extent in (rows, cols))
    columns = min(columns, len(tiles))
    down = -(-len(tiles) // columns)
    result = np.full((down * (height + gap) - gap, columns * (width + gap) - gap, 3), _GROUND, dtype=np.uint8)
    how = cv2.INTER_AREA if side < max(rows, cols) else cv2.INTER_NEAREST
    for number, tile in enumerate(tiles):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        picture = cv2.resize(np.ascontiguousarray(tile), (width, height), interpolation=how)
        result[top : top + height, left : left + width] = picture if picture.ndim == 3 else picture[..., None]
    return result
