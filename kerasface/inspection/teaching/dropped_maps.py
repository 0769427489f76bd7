"""What DropBlock takes from feature maps, beside plain dropout of as many values: maps in, masks and pictures out."""

from dataclasses import dataclass

import keras
import numpy as np

from kerasface.models.layers import DropBlock2D

_HOLE = (217, 119, 87)  # RGB of a dropped value: no grey of a map is mistaken for it


@dataclass(frozen=True, eq=False)
class DroppedMaps:
    """Feature maps after something was dropped.

    Attributes:
        maps: What is left, scaled so that the mean of a constant map stays; float32, `(rows, cols, channels)`.
        kept: Where values were kept, bool, `(rows, cols, channels)`.
    """

    maps: np.ndarray
    kept: np.ndarray

    @property
    def dropped_share(self) -> float:
        """Share of the values that were dropped."""
        return float(1 - self.kept.mean())

    @property
    def told_by_neighbors(self) -> float:
        """How many of the direct neighbours of a dropped value are still there, as a share; 0 where none is dropped.

        They say nearly the same, so the larger it is, the less was really taken away.
        """
        kept = np.pad(self.kept.astype(np.int64), ((1, 1), (1, 1), (0, 0)))
        there = np.pad(np.ones(self.kept.shape[:2], np.int64), 1)[..., None]
        shifts = ((0, 1), (2, 1), (1, 0), (1, 2))  # above, below, left, right
        rows, cols = self.kept.shape[:2]
        left, whole = (
            sum(values[down : down + rows, right : right + cols] for down, right in shifts) for values in (kept, there)
        )
        whole = np.broadcast_to(whole, left.shape)[~self.kept].sum()
        return float(left[~self.kept].sum() / whole) if whole else 0.0


def drop_blocks(maps: np.ndarray, *, rate: float, block_size: int, seed: int = 0) -> DroppedMaps:
    """Drops square blocks, as `DropBlock2D` does in training; each channel has its own.

    Args:
        maps: `(rows, cols, channels)`, such as from `feature_maps`.
        rate: Expected share of dropped values, in `[0, 1)`.
        block_size: Side of a block in values of the map.
        seed: Seed of the blocks' positions.

    Raises:
        ValueError: If `rate` or `block_size` is out of range.
    """
    layer = DropBlock2D(rate, block_size, seed=seed)
    factors = keras.ops.convert_to_numpy(layer(np.ones((1, *maps.shape), np.float32), training=True))[0]
    return DroppedMaps(np.float32(maps) * factors, factors > 0)


def drop_singles(maps: np.ndarray, like: DroppedMaps, *, seed: int = 0) -> DroppedMaps:
    """Drops single values, as plain dropout does, in each channel just as many as `like` has dropped there.

    Args:
        maps: `(rows, cols, channels)`.
        like: What `drop_blocks` made of the same maps.
        seed: Seed of the places.
    """
    rows, cols, channels = maps.shape
    kept = np.random.default_rng(seed).permuted(like.kept.reshape(-1, channels), axis=0).reshape(rows, cols, channels)
    return DroppedMaps(np.float32(maps) * kept / max(kept.mean(), np.finfo(np.float32).eps), kept)


def dropped_pictures(maps: np.ndarray, dropped: DroppedMaps | None, channels: tuple[int, ...]) -> np.ndarray:
    """Draws channels before anything was dropped, or after: then what was dropped is orange.

    Args:
        maps: The maps before, `(rows, cols, channels)`: black is the least value of a channel, white its largest.
        dropped: What was done to them; `None` draws them as they are.
        channels: The channels to draw.

    Returns:
        RGB uint8, `(num_channels, rows, cols, 3)`; lay them side by side with `mosaic`.
    """
    chosen = np.moveaxis(maps[..., list(channels)], -1, 0).astype(np.float32)
    low, high = chosen.min(axis=(1, 2), keepdims=True), chosen.max(axis=(1, 2), keepdims=True)
    grey = np.rint(255 * (chosen - low) / np.where(high > low, high - low, 1)).astype(np.uint8)
    pictures = np.repeat(grey[..., None], 3, axis=-1)
    if dropped is not None:
        pictures[~np.moveaxis(dropped.kept[..., list(channels)], -1, 0)] = _HOLE
    return pictures
