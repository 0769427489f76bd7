"""Stitched graphs give what the model gives, and gradients that NumPy gives."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.stitched import Stitched


def noise(count, shape, seed=3):
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flat_model", "nested_model"])
def test_stitched_is_predict(name, request):
    model = request.getfixturevalue(name)
    stitched = Stitched(model)
    images = noise(3, stitched.input_shape)
    expected = model.predict(images.astype(np.float32), verbose=0)
    logits = stitched.logits(images)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, expected, atol=1e-5)
    weights = np.float32([0, 1, 0])
    np.testing.assert_allclose(stitched.scores(images, weights, of="output"), expected[:, 1], atol=1e-5)
    np.testing.assert_allclose(stitched.scores(images, weights), logits[:, 1], atol=1e-5)


def test_activations_are_those_of_the_layer(flat_model, nested_model):
    images = noise(2, (12, 10, 3))
    expected = keras.Model(flat_model.input, flat_model.get_layer("maps").output)(images.astype(np.float32))
    np.testing.assert_allclose(Stitched(flat_model, "maps").activations(images), expected, atol=1e-5)
    images = noise(2, (10, 10, 3))
    backbone = nested_model.get_layer("backbone")
    expected = backbone(images / np.float32(127.5) - 1)
    np.testing.assert_allclose(Stitched(nested_model).activations(images), expected, atol=1e-5)


def test_gradients_of_a_mean_and_a_dense_layer(flat_model, small_image):
    """A logit of mean-pooled maps has the gradient kernel[channel, class] / (rows * cols) everywhere."""
    stitched = Stitched(flat_model, "maps")
    kernel, _ = flat_model.get_layer("logits").get_weights()
    activations, gradients, score = stitched.layer_gradients(small_image, stitched.weights(small_image, ClassTarget(2)))
    np.testing.assert_allclose(gradients, np.broadcast_to(kernel[:, 2] / 80, (1, 10, 8, 4)), rtol=1e-5)
    assert score == pytest.approx(stitched.logits(small_image[None])[0, 2], abs=1e-5)
    assert activations.shape == gradients.shape


class CountCalls(keras.layers.Layer):
    """Passes its input on, and counts how often it is called: once for each graph, and once for each plain call."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def call(self, inputs):
        self.calls += 1
        return inputs

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(inputs.shape, inputs.dtype)


@pytest.mark.parametrize("sizes", [[(8, 8)] * 3, [(8, 8), (9, 7), (6, 8)]])
def test_no_graph_is_traced_twice(sizes):
    """Four graphs, and the check against the model itself, whatever target, number of images and size."""
    inputs = keras.Input((8, 8, 3) if len(set(sizes)) == 1 else (None, None, 3))
    counter = CountCalls()
    x = keras.layers.Conv2D(2, 3, padding="same", name="maps")(counter(inputs))
    stitched = Stitched(keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x)))
    for number, size in enumerate(sizes, start=1):
        images = noise(number, (*size, 3))
        weights = stitched.weights(images[0], ClassTarget(number % 2))
        _, gradients, _ = stitched.layer_gradients(images[0], weights)
        assert gradients.shape == (1, *size, 2)
        assert stitched.input_gradients(images, weights)[0].shape == images.shape
        assert stitched.scores(images, weights).shape == (number,)
        assert stitched.placement(size).rows.cells == size[0]
    assert counter.calls == 5


def test_scores_of_no_image_and_of_more_than_a_batch(flat_model):
    stitched = Stitched(flat_model)
    weights = np.float32([1, 0, 0])
    assert stitched.scores([], weights).shape == (0,)
    images = noise(70, (12, 10, 3))
    np.testing.assert_allclose(stitched.scores(iter(images), weights), stitched.logits(images)[:, 0], atol=1e-5)


def test_a_layer_beside_the_way_to_the_output_is_refused(flat_model, small_image):
    beside = keras.layers.Conv2D(2, 1, name="beside")(flat_model.input)
    model = keras.Model(flat_model.input, [flat_model.output, beside])
    stitched = Stitched(model, "beside", output="probabilities")
    with pytest.raises(ValueError, match=r"does not depend on this layer.*'beside'"):
        stitched.layer_gradients(small_image, np.float32([1, 0, 0]))


def test_a_wrong_image_is_refused(flat_model):
    with pytest.raises(ValueError, match=r"takes images of shape \(12, 10, 3\).*\(10, 12, 3\)"):
        Stitched(flat_model).weights(noise(1, (10, 12, 3))[0], ClassTarget())


def test_models_of_two_images_are_refused(flat_model):
    first, second = keras.Input((12, 10, 3)), keras.Input((12, 10, 3))
    model = keras.Model([first, second], keras.layers.Add()([flat_model(first), flat_model(second)]))
    with pytest.raises(ValueError, match="Only models of one image"):
        Stitched(model)


def test_a_graph_that_differs_from_its_model_is_refused():
    """A layer that gives something else at every call cannot be stitched."""

    class Restless(keras.layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(0)

        def call(self, inputs):
            return inputs * keras.random.uniform((), seed=self.seed_generator)

    model = keras.Sequential([keras.Input((4, 4, 3)), Restless(), keras.layers.Flatten()])
    with pytest.raises(RuntimeError, match="does not give what the model gives"):
        Stitched(model)


def test_another_backend_is_refused(flat_model, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(RuntimeError, match=r"TensorFlow's gradients.*'jax'"):
        Stitched(flat_model)
