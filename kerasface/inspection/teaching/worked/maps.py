"""A convolution over several channels by hand, with groups, and the map of each channel before they add up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.cost.calculators import check_groups, conv_output_size
from kerasface.inspection.teaching.worked.numbers import numbers

ONE_CHANNEL = ((3, 0, 1), (1, 5, 8), (2, 7, 2))  # of the lecture on 1x1 kernels: times 2 it is 6 0 2, 2 10 16, 4 14 4


@dataclass(frozen=True, eq=False)
class ConvolvedMaps:
    """What filters make of maps, and what they add up.

    Attributes:
        padded: The maps with zeros around them, `(rows + 2P, cols + 2P, channels)`.
        kernels: As they were laid on: turned round if that was asked for, `(height, width, group_channels, filters)`.
        parts: What each channel gives to each filter, `(out_rows, out_cols, group_channels, filters)`: N maps that are
            added up.
        output: Their sums and the biases, `(out_rows, out_cols, filters)`.
        sources: Which channel of the maps each part comes from, `(group_channels, filters)`.
    """

    padded: np.ndarray
    kernels: np.ndarray
    parts: np.ndarray
    output: np.ndarray
    sources: np.ndarray

    @property
    def num_weights(self) -> int:
        """Weights of all kernels, without biases."""
        return self.kernels.size


def convolve_maps(
    maps: ArrayLike,
    kernels: ArrayLike,
    biases: ArrayLike | None = None,
    *,
    stride: int = 1,
    padding: int = 0,
    groups: int = 1,
    flip: bool = False,
) -> ConvolvedMaps:
    """Lays filters on maps, as `keras.layers.Conv2D` does.

    With as many groups as channels it is a depthwise convolution; filters per group are then the depth multiplier.

    Args:
        maps: `(rows, cols, channels)`.
        kernels: `(height, width, channels / groups, filters)`.
        biases: One per filter; 0 if not given.
        stride: Cells from one place to the next.
        padding: Zeros added on each side.
        groups: Parts that the channels and the filters are divided into: a filter sees its own part alone.
        flip: Turn the kernels round first, as mathematics means by convolution. Deep learning does without: that is
            called cross-correlation.

    Raises:
        ValueError: If a number is not finite, the shapes do not go together or the places do not fit.
    """
    maps, kernels = numbers("maps", maps, 3), numbers("kernels", kernels, 4)
    channels, filters = maps.shape[2], kernels.shape[3]
    check_groups(channels, filters, groups)
    if kernels.shape[2] * groups != channels:
        raise ValueError(
            f"A kernel has one layer for each channel of its group, here {channels // groups}. "
            f"Received: kernels {kernels.shape} for {channels} channels in {groups} groups."
        )
    biases = numbers("biases", np.zeros(filters) if biases is None else biases, 1)
    if len(biases) != filters:
        raise ValueError(f"There is one bias for each filter. Received: {len(biases)} biases, {filters} filters.")
    for side, length in zip(maps.shape[:2], kernels.shape[:2], strict=True):
        conv_output_size(side, length, stride, padding)
    padded = np.pad(maps, ((padding, padding), (padding, padding), (0, 0)))
    kernels = kernels[::-1, ::-1] if flip else kernels
    places = np.lib.stride_tricks.sliding_window_view(padded, kernels.shape[:2], axis=(0, 1))[::stride, ::stride]
    per_group = filters // groups  # of filters
    sources = np.add.outer(np.arange(channels // groups), np.arange(filters) // per_group * (channels // groups))
    # (out_rows, out_cols, group_channels, filters, height, width), by each kernel's own channels
    parts = np.einsum("ijcfhw,hwcf->ijcf", places[:, :, sources], kernels)
    return ConvolvedMaps(padded, kernels, parts, parts.sum(axis=2) + biases, sources)


def group_table(channels: int, filters: int, groups: int) -> np.ndarray:
    """Returns which channel each filter looks at: bool, `(channels, filters)`.

    Raises:
        ValueError: If they are not divided evenly.
    """
    check_groups(channels, filters, groups)
    own = np.arange(channels)[:, None] // (channels // groups)
    return own == np.arange(filters) // (filters // groups)
