"""Gradients with respect to pixels against what they must be by hand."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.gradients import (
    deconvolution,
    guided_backprop,
    integrated_gradients,
    smooth_grad,
)
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.stitched import Stitched

SHAPE = (4, 5, 3)
IMAGE = np.random.default_rng(2).integers(0, 256, SHAPE, dtype=np.uint8)


def linear_model():
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(2, name="dense")])
    kernel = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    model.get_layer("dense").set_weights([kernel, np.float32([1, -1])])
    return Stitched(model), kernel[:, 1].reshape(SHAPE)


def relu_model(weights, kind="layer"):
    """The sum of relu(w * x - 100) over all pixels of one channel, times 1 and -1 as two classes."""
    inputs = keras.Input((4, 5, 1))
    x = keras.layers.Rescaling(weights, offset=-100)(inputs)
    if kind == "layer":
        x = keras.layers.ReLU(name="relu")(x)
    else:
        x = keras.layers.Conv2D(1, 1, activation="relu", kernel_initializer="ones", name="relu")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="classes")(x))
    model.get_layer("classes").set_weights([np.tile(np.float32([1, -1]), (20, 1)), np.zeros(2, dtype=np.float32)])
    return model


@pytest.mark.parametrize("baseline", [None, np.full(SHAPE, 10, dtype=np.uint8)])
def test_integrated_gradients_of_a_linear_model_are_weight_times_difference(baseline):
    stitched, weight = linear_model()
    found = integrated_gradients(stitched, IMAGE, ClassTarget(1), baseline=baseline, steps=3)
    start = IMAGE.mean(axis=(0, 1)) if baseline is None else np.float32(baseline)
    expected = (weight * (IMAGE - start)).sum(axis=-1)
    np.testing.assert_allclose(found.map, expected, rtol=1e-4, atol=1e-2)
    assert found.details["complete"] == 1
    assert found.details["difference"] == pytest.approx(expected.sum(), rel=1e-4)
    assert found.details["error"] == pytest.approx(0, abs=1e-2)


def test_integrated_gradients_tell_when_the_steps_are_too_few():
    """From 0 to 200 a ReLU that opens at 100 rises to 100; one step in the middle sees the slope 0 or 1 throughout."""
    stitched = Stitched(relu_model(1.0))
    image, dark = np.full((4, 5, 1), 190, dtype=np.uint8), np.zeros((4, 5, 1), dtype=np.uint8)
    coarse = integrated_gradients(stitched, image, ClassTarget(0), baseline=dark, steps=1)
    assert (coarse.details["difference"], coarse.map.sum(), coarse.details["complete"]) == (20 * 90, 0, 0)
    fine = integrated_gradients(stitched, image, ClassTarget(0), baseline=dark, steps=100)
    assert fine.details["complete"] == 1
    assert fine.map.sum() == pytest.approx(20 * 90, rel=0.02)


def test_smooth_grad_of_a_linear_model_is_its_weight():
    stitched, weight = linear_model()
    found = smooth_grad(stitched, IMAGE, ClassTarget(1), samples=3)
    np.testing.assert_allclose(found.map, np.abs(weight).max(axis=-1), rtol=1e-5)


def test_smooth_grad_averages_over_noise():
    """At the edge of a ReLU the gradient is 0 or 1; half of the noisy copies are above it."""
    stitched = Stitched(relu_model(1.0))
    image = np.full((4, 5, 1), 100, dtype=np.uint8)
    image[0, 0] = 0  # so that the image has a range
    found = smooth_grad(stitched, image, ClassTarget(0), samples=200, noise=0.05)
    np.testing.assert_allclose(found.map.ravel()[1:], 0.5, atol=0.15)
    assert found.map[0, 0] == 0


@pytest.mark.parametrize("kind", ["layer", "activation"])
def test_guided_backpropagation_is_zero_where_a_relu_is_off(kind):
    """The ReLU is on where pixels are above 100; guided passes 1 there, the deconvolution everywhere.

    For the class of weight -1 what arrives is negative, so both pass nothing, and the gradient itself would be -1.
    """
    stitched = Stitched(relu_model(1.0, kind))
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 1), dtype=np.uint8)
    above = (image[..., 0] > 100).astype(np.float32)
    assert 0 < above.sum() < above.size
    np.testing.assert_allclose(guided_backprop(stitched, image, ClassTarget(0)).map, above)
    np.testing.assert_allclose(deconvolution(stitched, image, ClassTarget(0)).map, 1)
    for method in (guided_backprop, deconvolution):
        assert not method(stitched, image, ClassTarget(1)).map.any()
    gradients, _ = stitched.input_gradients(image[None], stitched.weights(image, ClassTarget(1)))
    np.testing.assert_allclose(gradients[0, ..., 0], -above)


def test_guided_backpropagation_reaches_nested_models(nested_model):
    """A copy is rewired: what the model itself gives, and its gradient, stay."""
    stitched = Stitched(nested_model)
    image = np.random.default_rng(0).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    weights = stitched.weights(image, ClassTarget(0))
    before = stitched.input_gradients(image[None], weights)[0]
    found = guided_backprop(stitched, image, ClassTarget(0))
    assert not np.allclose(found.map, np.abs(before[0]).max(axis=-1))
    np.testing.assert_array_equal(Stitched(nested_model).input_gradients(image[None], weights)[0], before)


def test_a_model_without_relus_is_refused():
    stitched, _ = linear_model()
    with pytest.raises(ValueError, match="has none"):
        guided_backprop(stitched, IMAGE, ClassTarget())


def test_a_bounded_relu_stays_bounded():
    """The copy must give what the model gives, which is checked when it is stitched: relu6 and its limit."""
    inputs = keras.Input(SHAPE)
    x = keras.layers.ReLU(max_value=6, negative_slope=0.0, name="six")(inputs)
    x = keras.layers.Conv2D(2, 1, activation="relu6", kernel_initializer="ones")(x)
    stitched = Stitched(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)))
    found = guided_backprop(stitched, np.full(SHAPE, 1, dtype=np.uint8), ClassTarget(0))
    np.testing.assert_allclose(found.map, 1 / 20)  # 3 * 1 is below 6: everything is on
    assert not guided_backprop(stitched, np.full(SHAPE, 9, dtype=np.uint8), ClassTarget(0)).map.any()


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        (integrated_gradients, {"steps": 0}, "steps must be at least 1"),
        (integrated_gradients, {"baseline": np.zeros((2, 2, 3))}, "takes images of shape"),
        (smooth_grad, {"samples": 0}, "samples must be at least 1"),
        (smooth_grad, {"noise": -1.0}, "noise is a share"),
    ],
)
def test_options_out_of_range_are_refused(method, options, message):
    stitched, _ = linear_model()
    with pytest.raises(ValueError, match=message):
        method(stitched, IMAGE, ClassTarget(0), **options)
