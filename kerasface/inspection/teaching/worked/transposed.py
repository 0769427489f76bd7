"""A transposed convolution by hand: each number puts the kernel down, multiplied; overlaps are added or averaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.teaching.worked.numbers import numbers

OVERLAPS = ("added", "averaged")
# Of the lecture, whose result has 23, 24 and 12 where 22, 15 and 22 belong: rows 3 and 4 are 15 22 15 35 and 4 22 11 5.
PICTURE = ((3, 0), (1, 5))
KERNEL = ((2, 7, 4), (3, 1, 7), (4, 2, 1))


@dataclass(frozen=True, eq=False)
class TransposedConvolution:
    """How a small map becomes a large one.

    Attributes:
        stamps: The kernel times each number of the picture, `(rows, cols, height, width)`.
        corners: Row and column where each of them is put down, `(rows, cols, 2)`.
        counts: How many of them lie on each cell, `(full_rows, full_cols)`.
        full: What they come to, before padding is discarded, `(full_rows, full_cols)`.
        output: What is left, `(out_rows, out_cols)`.
    """

    stamps: np.ndarray
    corners: np.ndarray
    counts: np.ndarray
    full: np.ndarray
    output: np.ndarray

    def after(self, steps: int) -> np.ndarray:
        """Returns the canvas after the first `steps` stamps, row by row, added up, `(full_rows, full_cols)`."""
        canvas = np.zeros_like(self.full)
        height, width = self.stamps.shape[2:]
        stamps, corners = self.stamps.reshape(-1, height, width), self.corners.reshape(-1, 2)
        for stamp, (top, left) in zip(stamps[:steps], corners[:steps], strict=True):
            canvas[top : top + height, left : left + width] += stamp
        return canvas


def transpose_convolve(
    picture: ArrayLike, kernel: ArrayLike, *, stride: int = 1, padding: int = 0, overlaps: str = "added"
) -> TransposedConvolution:
    """Puts the kernel down once for each number of the picture, `stride` cells apart.

    `keras.layers.Conv2DTranspose` adds overlaps up. Averaging takes away the checkerboard that a stride leaves which
    does not divide the kernel's side.

    Args:
        picture: `(rows, cols)`.
        kernel: `(height, width)`.
        stride: Cells from one stamp to the next.
        padding: Rows and columns discarded on each side, as the convolution that goes the other way would have added.
        overlaps: One of `OVERLAPS`.

    Returns:
        With an output of `(rows - 1) * stride + height - 2 * padding` rows, and so for columns.

    Raises:
        ValueError: If a number is not finite, stride or padding is out of range, or padding leaves nothing.
    """
    picture, kernel = numbers("picture", picture, 2), numbers("kernel", kernel, 2)
    if stride < 1 or padding < 0:
        raise ValueError(f"A stride is at least 1, padding at least 0. Received: stride={stride}, padding={padding}.")
    if overlaps not in OVERLAPS:
        raise ValueError(f"Overlaps are one of {', '.join(OVERLAPS)}. Received: overlaps={overlaps!r}.")
    rows, cols = ((count - 1) * stride + side for count, side in zip(picture.shape, kernel.shape, strict=True))
    if min(rows, cols) <= 2 * padding:
        raise ValueError(
            f"Padding of {padding} on each side discards all of {rows} x {cols} cells. Received: padding={padding}. "
            f"Take at most {(min(rows, cols) - 1) // 2}."
        )
    stamps = picture[:, :, None, None] * kernel
    corners = np.moveaxis(stride * np.indices(picture.shape), 0, -1)
    counts = np.zeros((rows, cols), dtype=np.int64)
    full = np.zeros((rows, cols))
    for place in np.ndindex(*picture.shape):
        top, left = corners[place]
        under = slice(top, top + kernel.shape[0]), slice(left, left + kernel.shape[1])
        full[under] += stamps[place]
        counts[under] += 1
    if overlaps == "averaged":
        full = full / np.maximum(counts, 1)
    return TransposedConvolution(
        stamps, corners, counts, full, full[padding : rows - padding, padding : cols - padding]
    )
