"""Filters whose pictures can be written down."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.layers.filters import filter_grid, filter_history, filter_pictures, first_filters
from kerasface.models.layers import ReverseChannels

KERNEL = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype(np.float32)


def convolution(kernel=KERNEL, name="conv"):
    layer = layers.Conv2D(kernel.shape[-1], kernel.shape[0], use_bias=False, name=name)
    layer.build((None, None, None, kernel.shape[2]))
    layer.set_weights([kernel])
    return layer


def model_of(*chain, size=(8, 8)):
    inputs = x = keras.Input((*size, 3))
    for layer in chain:
        x = layer(x)
    return keras.Model(inputs, x)


def test_the_first_convolution_is_found_behind_what_has_no_filters():
    model = model_of(layers.Rescaling(1 / 255), convolution(), layers.Conv2D(5, 3, name="second"))
    found = first_filters(model)
    assert found.layer == "conv"
    np.testing.assert_array_equal(found.weights, KERNEL)


def test_in_a_nested_model_too():
    inputs = keras.Input((8, 8, 3))
    found = first_filters(keras.Model(inputs, keras.Model(inputs, convolution()(inputs), name="inner")(inputs)))
    assert found.layer == "inner/conv"
    np.testing.assert_array_equal(found.weights, KERNEL)


def test_filters_that_see_bgr_are_shown_in_rgb():
    np.testing.assert_array_equal(first_filters(model_of(ReverseChannels(), convolution())).weights, KERNEL[:, :, ::-1])


def test_a_dense_layer_has_templates_as_large_as_the_picture():
    """Unit 1 has weight 1 at row 2, column 3 and green, so that alone is there in its template."""
    dense = layers.Dense(2, use_bias=False, name="scores")
    model = model_of(layers.Flatten(), dense, size=(4, 5))
    kernel = np.zeros((4 * 5 * 3, 2), dtype=np.float32)
    kernel[(2 * 5 + 3) * 3 + 1, 1] = 1
    dense.set_weights([kernel])
    weights = first_filters(model).weights
    assert weights.shape == (4, 5, 3, 2)
    assert np.argwhere(weights).tolist() == [[2, 3, 1, 1]]


def test_a_model_that_does_not_begin_with_filters_is_refused():
    with pytest.raises(ValueError, match=r"no filters of the picture.*GlobalAveragePooling2D, Dense"):
        first_filters(model_of(layers.GlobalAveragePooling2D(), layers.Dense(2)))


def test_grey_is_nought_and_the_largest_weight_is_black_or_white():
    """Weights 0, 2 and -1 of red on the scale of 2: 127.5, 255 and 127.5 - 63.75, rounded to even."""
    weights = np.zeros((1, 3, 3, 1), dtype=np.float32)
    weights[0, :, 0, 0] = [0, 2, -1]
    pictures = filter_pictures(weights)
    assert pictures[0, 0, :, 0].tolist() == [128, 255, 64]
    assert (pictures[..., 1:] == 128).all()


def test_each_filter_has_its_own_scale_or_all_share_one():
    weights = np.zeros((1, 1, 3, 2), dtype=np.float32)
    weights[0, 0, 0] = [4, 1]
    assert filter_pictures(weights)[:, 0, 0, 0].tolist() == [255, 255]
    assert filter_pictures(weights, scale="together")[:, 0, 0, 0].tolist() == [255, 159]  # 127.5 * (1 + 1 / 4)


def test_other_numbers_of_channels_are_grey_by_their_mean():
    """Means of (3, 1) and (1, -3): 2 and -1, on the scale of 2."""
    weights = np.array([3, 1, 1, -3], dtype=np.float32).reshape(1, 2, 2, 1)
    assert filter_pictures(weights).tolist() == [[[255, 64]]]


def test_a_filter_of_noughts_is_grey():
    assert (filter_pictures(np.zeros((2, 2, 3, 1), dtype=np.float32)) == 128).all()


def test_the_grid_has_all_filters():
    """Four of 3 x 3 weights, one weight a pixel, in two rows; two of them in one row of two columns."""
    assert filter_grid(KERNEL).shape == (48 + 2 + 48, 48 + 2 + 48, 3)
    assert filter_grid(KERNEL[..., :2]).shape == (48, 48 + 2 + 48, 3)


def test_a_history_is_on_one_scale():
    """A filter that doubled between the two was half as far from grey before."""
    model = model_of(convolution(2 * KERNEL))
    before, after = (grid.astype(float) for grid in filter_history([KERNEL, model], side=3))
    inside = np.s_[:3, :3]
    np.testing.assert_allclose(after[inside] - 127.5, 2 * (before[inside] - 127.5), atol=1.5)
    assert after.max() == 255 or after.min() == 0
    assert filter_history([]) == []


def test_filters_of_two_models_are_no_history():
    with pytest.raises(ValueError, match="one shape"):
        filter_history([KERNEL, KERNEL[..., :2]])


def test_what_is_no_filter_is_refused():
    with pytest.raises(ValueError, match=r"weights of \(3, 3\)"):
        filter_pictures(np.zeros((3, 3)))
