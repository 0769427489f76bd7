"""Every place that a kernel takes along one side of an image, pixel by pixel."""

import numpy as np

from kerasface.inspection.cost.calculators import conv_output_size

PIXEL, PADDING, WEIGHT, LEFT_OUT = range(4)


def kernel_places(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> np.ndarray:
    """Tells for every place of a kernel which pixels lie under its weights.

    A stride that does not end at the last pixel leaves pixels out: the kernel never comes to them.

    Args:
        size: `N`, pixels of the side.
        kernel: `F`, weights of the kernel along the side.
        stride: `S`, pixels from one place to the next.
        padding: `P`, pixels added at each end.
        dilation: `D`, pixels from one weight of the kernel to the next.

    Returns:
        One of `PIXEL`, `PADDING`, `WEIGHT` and `LEFT_OUT` for each pixel of the padded side, at each place, shape
        `(places, size + 2 * padding)`.

    Raises:
        ValueError: If a number is out of range or the kernel is larger than the padded side.
    """
    count = conv_output_size(size, kernel, stride, padding, dilation, strict=False)
    span = dilation * (kernel - 1) + 1
    found = np.full((count, size + 2 * padding), PIXEL, dtype=np.uint8)
    found[:, :padding] = found[:, padding + size :] = PADDING
    found[:, (count - 1) * stride + span :] = LEFT_OUT
    for place, row in enumerate(found):
        row[place * stride : place * stride + span : dilation] = WEIGHT
    return found
