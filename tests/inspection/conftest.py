"""Small models whose attributions can be computed by hand."""

import keras
import numpy as np
import pytest


def _random_weights(model, seed=0):
    generator = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(generator.normal(0, 0.3, weight.shape))
    return model


@pytest.fixture(scope="package")
def flat_model():
    """Images `(12, 10, 3)`: scaled, convolution `maps` to `(10, 8, 4)`, mean of each channel, 3 classes."""
    inputs = keras.Input((12, 10, 3), name="image")
    x = keras.layers.Rescaling(1 / 255, name="scaled")(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(3, name="logits")(x)
    return _random_weights(keras.Model(inputs, keras.layers.Softmax(name="probabilities")(x), name="flat"))


@pytest.fixture(scope="package")
def nested_model():
    """A backbone with batch normalisation in a sequential model: preprocessing by operations, softmax in a layer."""
    inner = keras.Input((10, 10, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="conv")(inner)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    y = keras.layers.Conv2D(4, 3, padding="same", name="conv2")(x)
    backbone = keras.Model(inner, keras.layers.Add(name="sum")([x, y]), name="backbone")
    head = keras.Sequential(
        [keras.layers.GlobalAveragePooling2D(name="pool"), keras.layers.Dense(3, activation="softmax", name="classes")],
        name="head",
    )
    inputs = keras.Input((10, 10, 3), name="image")
    x = keras.layers.RandomFlip(name="flips")(inputs)
    outputs = head(backbone(x / 127.5 - 1.0, training=False))
    model = _random_weights(keras.Model(inputs, outputs, name="outer"))
    variance = backbone.get_layer("norm").moving_variance
    variance.assign(np.linspace(0.5, 2, variance.shape[0]))
    model.trainable = False
    return model


@pytest.fixture
def small_image():
    """Noise, uint8, `(12, 10, 3)`."""
    return np.random.default_rng(1).integers(0, 256, (12, 10, 3), dtype=np.uint8)
