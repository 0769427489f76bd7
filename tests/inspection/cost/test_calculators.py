"""Calculators with the numbers of the course's slides, each derived in the test."""

import keras
import pytest

from kerasface.inspection.cost.calculators import (
    conv_multiply_adds,
    conv_output_size,
    conv_parameters,
    dense_parameters,
    separable_multiply_adds,
    separable_ratio,
    weights_mebibytes,
)


def places(size, kernel, stride, padding, dilation):
    """How many places fit, counted by moving the kernel."""
    span = dilation * (kernel - 1) + 1
    return sum(start + span <= size + 2 * padding for start in range(0, size + 2 * padding, stride))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1, 2])
@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_the_size_is_the_number_of_places(kernel, padding, dilation, stride):
    for size in range(13, 20):
        found = conv_output_size(size, kernel, stride, padding, dilation, strict=False)
        assert found == places(size, kernel, stride, padding, dilation)


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding", "expected"),
    [(7, 3, 1, 0, 5), (7, 3, 2, 0, 3), (7, 3, 1, 1, 7), (32, 5, 1, 0, 28), (32, 5, 1, 2, 32)],
)
def test_sizes_of_the_slides(size, kernel, stride, padding, expected):
    assert conv_output_size(size, kernel, stride, padding) == expected


def test_a_stride_that_does_not_fit_is_refused_or_rounded_down():
    with pytest.raises(ValueError, match=r"does not fit.*4 / 3 \+ 1 = 2\.33.*size=7, kernel=3, stride=3.*strict=False"):
        conv_output_size(7, 3, 3)
    assert conv_output_size(7, 3, 3, strict=False) == 2
    assert conv_output_size(7, 3, 3, 1) == 3  # one pixel more on each side makes it fit: (9 - 3) / 3 + 1


@pytest.mark.parametrize("arguments", [(0, 1), (5, 0), (5, 3, 0), (5, 3, 1, -1), (5, 3, 1, 0, 0)])
def test_numbers_out_of_range_are_named(arguments):
    with pytest.raises(ValueError, match=r"must be at least \d. Received: \w+=-?\d"):
        conv_output_size(*arguments)


def test_a_kernel_larger_than_the_image_is_refused_also_where_lenient():
    with pytest.raises(ValueError, match="spans 9 pixels and the padded side has 7"):
        conv_output_size(7, 5, dilation=2, strict=False)


def test_weights_of_the_slides():
    """A 5x5 filter over 3 channels has 75 weights and a bias; filters do not share them."""
    assert [conv_parameters(5, 3, filters) for filters in (1, 10, 6)] == [76, 760, 456]
    assert conv_parameters(5, 3, 10, bias=False) == 750
    assert conv_parameters((1, 7), 4, 2) == (7 * 4 + 1) * 2


def test_a_classifier_and_an_mlp_on_32_x_32_colour_pixels():
    """3072 = 32 * 32 * 3 inputs; 3072 * 10, and 3072 * 100 + 100 * 10."""
    assert dense_parameters((3072, 10), bias=False) == 30_720
    assert dense_parameters((3072, 100, 10), bias=False) == 307_200 + 1_000 == 308_200
    assert dense_parameters((3072, 100, 10)) == 308_200 + 110


def test_calculators_agree_with_keras():
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.ZeroPadding2D(2),
            keras.layers.Conv2D(10, 5, name="conv"),
            keras.layers.Flatten(),
            keras.layers.Dense(7),
        ]
    )
    side = conv_output_size(32, 5, padding=2)
    assert model.get_layer("conv").output.shape == (None, side, side, 10) == (None, 32, 32, 10)
    assert model.count_params() == conv_parameters(5, 3, 10) + dense_parameters((32 * 32 * 10, 7))


def test_depthwise_separable_of_the_first_slide():
    """6x6x3 to 4x4x5 by 3x3: 16 places * 27 * 5 = 2160; 16 * 9 * 3 = 432 and 16 * 3 * 5 = 240 make 672."""
    setting = ((conv_output_size(6, 3),) * 2, 3, 3, 5)
    assert conv_multiply_adds(*setting) == 2_160
    assert separable_multiply_adds(*setting) == 432 + 240 == 672
    assert separable_ratio(3, 5) == pytest.approx(672 / 2160) == pytest.approx(1 / 5 + 1 / 9)


def test_depthwise_separable_of_the_second_slide():
    """12x12x3 to 8x8x256 by 5x5: 256 kernels of 5*5*3 at 64 places; 3 of 5*5, then 256 of 1*1*3."""
    setting = ((conv_output_size(12, 5),) * 2, 5, 3, 256)
    assert conv_multiply_adds(*setting) == 1_228_800
    assert separable_multiply_adds(*setting) == 4_800 + 49_152 == 53_952
    assert separable_ratio(5, 256) == pytest.approx(53_952 / 1_228_800)


def test_a_1x1_convolution_in_front_makes_an_inception_branch_ten_times_cheaper():
    """28x28x192 to 32 maps by 5x5: 784 * 25 * 192 * 32; through 16 maps: 784 * (192 * 16 + 25 * 16 * 32)."""
    direct = conv_multiply_adds((28, 28), 5, 192, 32)
    reduced = conv_multiply_adds((28, 28), 1, 192, 16) + conv_multiply_adds((28, 28), 5, 16, 32)
    assert (direct, reduced) == (120_422_400, 2_408_448 + 10_035_200)
    assert (round(direct / 1e6), round(reduced / 1e6)) == (120, 12)


def test_mebibytes():
    assert weights_mebibytes(2**18) == 1.0


def test_groups_divide_the_weights():
    """AlexNet's second convolution in two groups, as its paper has it; and a depthwise one with two filters a "
    "channel."""
    assert conv_parameters(5, 96, 256, bias=False, groups=2) == 5 * 5 * 48 * 256
    assert conv_parameters(3, 64, 128, bias=False, groups=64) == 9 * 128
    assert conv_multiply_adds((14, 14), 3, 64, 128, groups=64) == 14 * 14 * 9 * 128
    with pytest.raises(ValueError, match=r"into 1, 2, 4 groups\. Received: groups=3"):
        conv_parameters(3, 8, 4, groups=3)
