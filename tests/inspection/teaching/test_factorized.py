"""Three ways to convolve, with the numbers of the lectures."""

import keras
import pytest

from kerasface.inspection.teaching.factorized import ways_to_convolve


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        # 16 places of 27 * 5, and of 9 * 3 and 3 * 5: 2,160 and 672.
        (((4, 4), 3, 3, 5, 1), (2_160, 16 * 27 + 16 * 15, 16 * 3 + 16 * 45)),
        (((8, 8), 5, 3, 256, 2), (1_228_800, 53_952, 64 * 6 + 64 * 25 * 2 * 256)),
        # Inception's 5x5 branch: about 120 M against about 12 M.
        (((28, 28), 5, 192, 32, 16), (120_422_400, 784 * (25 * 192 + 192 * 32), 2_408_448 + 10_035_200)),
    ],
)
def test_multiply_adds_of_the_lectures(setting, expected):
    ways = ways_to_convolve(*setting)
    assert [way.multiply_adds for way in ways] == list(expected)
    assert [way.share for way in ways] == pytest.approx([count / expected[0] for count in expected])


def test_weights_are_those_of_keras():
    inputs = keras.Input((8, 8, 6))
    bare = {"use_bias": False, "padding": "same"}
    normal = keras.layers.Conv2D(10, 3, **bare)
    separable = keras.layers.SeparableConv2D(10, 3, **bare)
    reduced = keras.Sequential([keras.layers.Conv2D(4, 1, **bare), keras.layers.Conv2D(10, 3, **bare)])
    for layer in (normal, separable, reduced):
        layer(inputs)
    ways = ways_to_convolve((8, 8), 3, 6, 10, 4)
    assert [way.weights for way in ways] == [layer.count_params() for layer in (normal, separable, reduced)]
    assert [eval(way.sum.replace("·", "*")) for way in ways] == [way.weights for way in ways]
    assert [way.multiply_adds for way in ways] == [64 * way.weights for way in ways]


@pytest.mark.parametrize("wrong", [((0, 4), 3, 3, 5, 1), ((4, 4), 0, 3, 5, 1), ((4, 4), 3, 3, 5, 0)])
def test_numbers_below_one_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least 1\. Received: output_size"):
        ways_to_convolve(*wrong)
