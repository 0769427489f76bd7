"""Every number that the lectures print and this product computes, next to what it computes; and the slides' slips."""

import numpy as np
import pytest

from kerasface.course.finding import ITEMS
from kerasface.inspection.cost.calculators import (
    conv_multiply_adds,
    conv_output_size,
    conv_parameters,
    dense_parameters,
    separable_multiply_adds,
    separable_ratio,
)
from kerasface.inspection.teaching.basics import best_gap, convolve, cross_entropy, smooth_labels
from kerasface.inspection.teaching.experiments.depth import DEPTHS
from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS
from kerasface.inspection.teaching.worked.linear import BIASES, PIXELS, WEIGHTS, linear_scores
from kerasface.inspection.teaching.worked.maps import ONE_CHANNEL, convolve_maps
from kerasface.inspection.teaching.worked.transposed import KERNEL, PICTURE, transpose_convolve
from pages.parts.architectures.calculators import CONVOLUTION_SAMPLES, DENSE_SAMPLES, WAYS_SAMPLES


def sample_of_the_calculator(name):
    """Side, filters, weights and multiply-adds of a worked example of the page, as the page computes them."""
    size, kernel, stride, padding, dilation, channels, filters, groups = CONVOLUTION_SAMPLES[name]
    side = conv_output_size(size, kernel, stride, padding, dilation, strict=False)
    return side, filters, conv_parameters(kernel, channels, filters, groups=groups)


def ways(name):
    """Multiply-adds of a worked example, normal, separable, and thinned first."""
    side, kernel, channels, filters, reduced = WAYS_SAMPLES[name]
    place = (side, side)
    thinned = conv_multiply_adds(place, 1, channels, reduced) + conv_multiply_adds(place, kernel, reduced, filters)
    normal = conv_multiply_adds(place, kernel, channels, filters)
    return normal, separable_multiply_adds(place, kernel, channels, filters), thinned


# Item -> what the lecture prints, and what computes it here. Where a slide slips, the right number.
NUMBERS = {
    "2 the cat's score": (-96.8, lambda: linear_scores(PIXELS, WEIGHTS, BIASES).scores[0]),
    "2 the dog's score": (437.9, lambda: linear_scores(PIXELS, WEIGHTS, BIASES).scores[1]),
    "8 weights of 64 to 128": (73_728, lambda: sample_of_the_calculator("3 x 3, 64 to 128")[2] - 128),
    "9 separable weights": (10_944, lambda: separable_multiply_adds((1, 1), 5, 192, 32)),
    "10 normal": (1_228_800, lambda: ways("12 x 12 x 3 to 8 x 8 x 256")[0]),
    "10 separable": (53_952, lambda: ways("12 x 12 x 3 to 8 x 8 x 256")[1]),
    "15 smoothed labels": ([0.9333, 0.0333, 0.0333], lambda: smooth_labels(0, 3, 0.1)),
    "15 best gap, where the slide has 3.3332": (3.3322, lambda: best_gap(3, 0.1)),
    "32 shares": ([0.7054, 0.0351, 0.2595], lambda: cross_entropy([1, -2, 0], [1, 0, 0]).probabilities),
    "32 loss": (0.3490, lambda: cross_entropy([1, -2, 0], [1, 0, 0]).loss),
    "33 two layers": (
        308_200,
        lambda: dense_parameters([n for n in DENSE_SAMPLES["32 x 32 x 3, 100 hidden, 10 classes"] if n], bias=False),
    ),
    "35 leaky ReLU of -1": (-0.1, lambda: ACTIVATIONS["leaky ReLU"].of(np.array(-1.0))),
    "45 a filter, six, ten": (
        [76, 456, 760],
        lambda: [conv_parameters(5, 3, filters) for filters in (1, 6, 10)],
    ),
    "45 six on the page": (456, lambda: sample_of_the_calculator("32 x 32 x 3, six 5 x 5")[2]),
    "45 ten on the page": (760, lambda: sample_of_the_calculator("32 x 32 x 3, ten 5 x 5")[2]),
    "46 first stack": ([28, 6], lambda: sample_of_the_calculator("32 x 32 x 3, six 5 x 5")[:2]),
    "46 second stack": ([24, 10], lambda: sample_of_the_calculator("28 x 28 x 6, ten 5 x 5")[:2]),
    "47 stride 1 and 2": ([5, 3], lambda: [conv_output_size(7, 3), conv_output_size(7, 3, 2)]),
    "47 padded": (7, lambda: conv_output_size(7, 3, padding=1)),
    "57 times [2]": ([[6, 0, 2], [2, 10, 16], [4, 14, 4]], lambda: convolve(ONE_CHANNEL, [[2]])),
    "57 the same as a map": (
        [[6, 0, 2], [2, 10, 16], [4, 14, 4]],
        lambda: convolve_maps(np.array(ONE_CHANNEL, float)[..., None], [[[[2]]]]).output[..., 0],
    ),
    "59 normal": (120_422_400, lambda: ways("Inception's 5 x 5 branch")[0]),
    "59 thinned first": (12_443_648, lambda: ways("Inception's 5 x 5 branch")[2]),
    "60 normal and separable": ([2_160, 672], lambda: ways("6 x 6 x 3 to 4 x 4 x 5")[:2]),
    "60 ratio": (0.3111, lambda: separable_ratio(3, 5)),
    "75 the whole, three cells of the slide put right": (
        [[6, 21, 12, 0], [11, 20, 60, 20], [15, 22, 15, 35], [4, 22, 11, 5]],
        lambda: transpose_convolve(PICTURE, KERNEL).output,
    ),
    "94 depths of the experiment": ([10, 20, 40], lambda: DEPTHS),
}
SLIPS = {
    15: ("3.3332", "3.3322"),
    18: ("7000 unique images", "7,000 identities"),
    43: ("6 million", "62 million"),
    62: ("85 MB", "91 MiB"),
    75: ("23, 24 and 12", "15 22 15 35", "4 22 11 5"),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_of_the_lectures(name):
    printed, compute = NUMBERS[name]
    # Four digits are printed.
    np.testing.assert_allclose(np.asarray(compute(), dtype=float), printed, rtol=5e-5, atol=6e-5)


@pytest.mark.parametrize("number", SLIPS)
def test_a_slip_is_pointed_out_with_what_is_right(number):
    assert [part for part in SLIPS[number] if part not in ITEMS[number].slip] == []


def test_no_other_item_claims_a_slip():
    assert {number for number, item in ITEMS.items() if item.slip} == set(SLIPS)
