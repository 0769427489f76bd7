"""The answer of a channel led back to the pixels, on networks small enough to lead it back by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.layers.deconvolution import (
    ChannelDeconvolution,
    deconvolved_patches,
    patches_sheet,
    signed_picture,
)
from kerasface.inspection.layers.top_crops import top_crops

KERNEL = np.array([[1.0, -2.0, 0.0], [3.0, 1.0, 0.0], [0.0, 0.0, -1.0]], np.float32)


def model(activation="relu"):
    """One filter on red; behind its ReLU a 1x1 kernel of -1 and of 1."""
    inputs = keras.Input((9, 9, 3))
    x = layers.Conv2D(1, 3, use_bias=False, name="first")(inputs)
    x = layers.Activation(activation, name="on")(x)
    x = layers.Conv2D(2, 1, use_bias=False, name="second")(x)
    found = keras.Model(inputs, x)
    first = np.zeros((3, 3, 3, 1), np.float32)
    first[:, :, 0, 0] = KERNEL
    found.get_layer("first").set_weights([first])
    found.get_layer("second").set_weights([np.float32([[[[-1, 1]]]])])
    return found


def image():
    photo = np.zeros((9, 9, 3), np.uint8)
    photo[3, 4, 0] = 100
    return photo


def test_the_way_back_is_the_transposed_kernel_at_the_largest_answer():
    """A dot of 100 under the weight 3, the largest, makes the largest answer: 300, and its window is the kernel."""
    back = ChannelDeconvolution(model(), "second", (9, 9))(image(), 1)
    expected = np.zeros((9, 9), np.float32)
    expected[2:5, 4:7] = KERNEL
    np.testing.assert_allclose(back[..., 0], expected)
    assert not back[..., 1:].any()


def test_what_is_negative_on_the_way_back_stops_at_the_relu():
    """Channel 0 has the weight -1: its way back is negative in front of the ReLU, which lets nothing through."""
    assert not ChannelDeconvolution(model(), "second", (9, 9))(image(), 0).any()


def test_the_first_layer_is_led_back_before_any_relu():
    back = ChannelDeconvolution(model(), "first", (9, 9))(image(), 0)
    assert np.abs(back).max() == pytest.approx(3)


def test_without_a_relu_it_is_said():
    with pytest.raises(ValueError, match="The rule is for ReLUs"):
        ChannelDeconvolution(model("tanh"), "second", (9, 9))


def test_patches_have_the_size_of_the_crops_and_a_sheet_has_both():
    images = np.stack([image(), np.roll(image(), 2, axis=0), np.zeros_like(image())])
    network = model()
    crops = top_crops(network, "second", images, [1], count=2)[1]
    patches = deconvolved_patches(network, "second", 1, images, crops)
    assert [patch.shape for patch in patches] == [crop.patch.shape for crop in crops]
    sheet = patches_sheet(crops, patches, side=20)
    assert sheet.shape == (2 * 20 + 2, 2 * 20 + 2, 3)


def test_a_picture_of_signed_values_is_grey_at_zero():
    values = np.zeros((2, 2, 3), np.float32)
    np.testing.assert_array_equal(signed_picture(values), 128)
    values[0, 0] = 4
    values[1, 1] = -2
    found = signed_picture(values)
    assert (found[0, 0] == 255).all()
    assert (found[1, 1] == 64).all()
