"""Places of a kernel against a convolution that counts them."""

import numpy as np
import pytest

from kerasface.inspection.teaching.kernel_places import LEFT_OUT, PADDING, PIXEL, WEIGHT, kernel_places


def test_a_kernel_that_does_not_fit_leaves_pixels_out():
    """7 pixels, a kernel of 3 by 3: two places, and the seventh pixel is never looked at."""
    assert kernel_places(7, 3, 3).tolist() == [
        [WEIGHT, WEIGHT, WEIGHT, PIXEL, PIXEL, PIXEL, LEFT_OUT],
        [PIXEL, PIXEL, PIXEL, WEIGHT, WEIGHT, WEIGHT, LEFT_OUT],
    ]


def test_padding_and_dilation():
    assert kernel_places(3, 2, 2, 1, 2).tolist() == [
        [WEIGHT, PIXEL, WEIGHT, PIXEL, PADDING],
        [PADDING, PIXEL, WEIGHT, PIXEL, WEIGHT],
    ]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("padding", [0, 2])
def test_weights_lie_where_a_convolution_multiplies(stride, dilation, padding):
    """Each row of a sliding window over the places' own numbers, as NumPy has it."""
    size, kernel = 12, 3
    found = kernel_places(size, kernel, stride, padding, dilation)
    numbers = np.arange(size + 2 * padding)
    windows = np.lib.stride_tricks.sliding_window_view(numbers, dilation * (kernel - 1) + 1)[::stride, ::dilation]
    assert [np.flatnonzero(row == WEIGHT).tolist() for row in found] == windows.tolist()
    seen = found.max(axis=0) == LEFT_OUT
    assert np.flatnonzero(seen).tolist() == numbers[windows[-1, -1] + 1 :].tolist()


def test_a_kernel_larger_than_the_side_is_refused():
    with pytest.raises(ValueError, match="spans 5 pixels"):
        kernel_places(4, 5)
