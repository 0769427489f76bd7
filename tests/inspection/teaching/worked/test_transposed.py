"""Transposed convolutions: the lecture's own numbers, and against Keras."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.worked.transposed import KERNEL, PICTURE, transpose_convolve


def test_the_matrices_of_the_lecture():
    """Row 3: 3*4 + 1*3, 3*2 + 1*1 + 5*3, 3*1 + 1*7 + 5*1, 5*7. Row 4: 1*4, 1*2 + 5*4, 1*1 + 5*2, 5*1."""
    found = transpose_convolve(PICTURE, KERNEL)
    np.testing.assert_array_equal(found.output, [(6, 21, 12, 0), (11, 20, 60, 20), (15, 22, 15, 35), (4, 22, 11, 5)])
    np.testing.assert_array_equal(found.counts, [(1, 2, 2, 1), (2, 4, 4, 2), (2, 4, 4, 2), (1, 2, 2, 1)])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
def test_it_is_what_keras_computes(stride, padding):
    picture, kernel = np.random.default_rng(0).normal(size=(3, 4)), np.random.default_rng(1).normal(size=(3, 3))
    found = transpose_convolve(picture, kernel, stride=stride, padding=padding)
    whole = keras.ops.conv_transpose(
        picture[None, ..., None].astype(np.float32), kernel[..., None, None].astype(np.float32), stride, "valid"
    )
    whole = keras.ops.convert_to_numpy(whole)[0, ..., 0][: found.full.shape[0], : found.full.shape[1]]
    np.testing.assert_allclose(found.full, whole, atol=1e-5)
    rows, cols = whole.shape
    assert found.output.shape == (2 * stride + 3 - 2 * padding, 3 * stride + 3 - 2 * padding)
    np.testing.assert_allclose(found.output, whole[padding : rows - padding, padding : cols - padding], atol=1e-5)


def test_stamp_by_stamp_it_becomes_the_whole():
    found = transpose_convolve(PICTURE, KERNEL, stride=2)
    assert not found.after(0).any()
    np.testing.assert_array_equal(found.after(1)[:3, :3], 3 * np.array(KERNEL))
    np.testing.assert_array_equal(found.after(4), found.full)


def test_averages_take_the_checkerboard_away():
    """Of ones, what is added shows how many overlap; their average is one everywhere that is covered."""
    ones = np.ones((3, 3))
    assert transpose_convolve(ones, ones, stride=2).full.max() == 4
    np.testing.assert_array_equal(transpose_convolve(ones, ones, stride=2, overlaps="averaged").full, 1)
    gaps = transpose_convolve(ones, ones[:2, :2], stride=3, overlaps="averaged")
    np.testing.assert_array_equal(gaps.full[2], 0)  # under no stamp


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stride": 0}, "at least 1"),
        ({"padding": -1}, "at least 0"),
        ({"padding": 2}, "discards all.*Take at most 1"),
        ({"overlaps": "multiplied"}, "added, averaged"),
    ],
)
def test_what_is_wrong_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        transpose_convolve(PICTURE, KERNEL, **options)
