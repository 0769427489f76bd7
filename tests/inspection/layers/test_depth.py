"""One level for each resolution, on the way down and up again."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.layers.depth import depth_strip

IMAGE = np.random.default_rng(0).integers(0, 256, (16, 12, 3), dtype=np.uint8)


def down(x):
    """16 x 12 pixels, preprocessed, to maps of 16 x 12, 8 x 6 and 4 x 3 places, the last by way of a border."""
    x = layers.Rescaling(1 / 255, name="preprocess")(x)
    x = layers.Conv2D(3, 3, padding="same", name="conv1")(x)
    fine = layers.ReLU(name="relu1")(x)
    x = layers.Conv2D(5, 3, strides=2, padding="same", name="conv2")(fine)
    x = layers.ReLU(name="relu2")(x)
    x = layers.ZeroPadding2D(((1, 0), (1, 0)), name="border")(x)
    return layers.Conv2D(6, 3, strides=2, name="conv3")(x), fine


def test_the_last_layer_of_each_resolution_is_shown():
    inputs = keras.Input((16, 12, 3))
    model = keras.Model(inputs, layers.Flatten()(down(inputs)[0]))
    levels = depth_strip(model, IMAGE, count=4, side=16)
    assert [(level.layer, level.map_shape) for level in levels] == [
        ("relu1", (16, 12, 3)),
        ("relu2", (8, 6, 5)),
        ("conv3", (4, 3, 6)),
    ]
    assert [len(level.channels) for level in levels] == [3, 4, 4]
    assert all(level.picture.shape == (2 * 16 + 2, 2 * 12 + 2, 3) for level in levels)


def test_a_model_that_enlarges_again_is_followed_up():
    inputs = keras.Input((None, None, 3))
    x, fine = down(inputs)
    x = layers.UpSampling2D(2, name="up1")(x)
    x = layers.ReLU(name="relu4")(x)
    x = layers.UpSampling2D(2, name="up2")(x)
    x = layers.Concatenate(name="join")([x, fine])
    model = keras.Model(inputs, layers.Conv2D(2, 1, name="classes")(x))
    assert [level.layer for level in depth_strip(model, IMAGE)] == ["relu1", "relu2", "conv3", "relu4", "classes"]


def test_rows_lost_at_the_border_make_no_level():
    """A convolution of 3 pixels without padding leaves 14 x 10 of 16 x 12 places: the same level, one layer on."""
    inputs = keras.Input((16, 12, 3))
    x = layers.Conv2D(2, 1, name="conv1")(inputs)
    x = layers.Conv2D(2, 3, name="conv2")(x)
    model = keras.Model(inputs, layers.MaxPooling2D(2, name="pool")(x))
    assert [level.layer for level in depth_strip(model, IMAGE)] == ["conv2", "pool"]


def test_a_model_without_convolutions_has_no_levels():
    inputs = keras.Input((16, 12, 3))
    assert depth_strip(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(inputs))), IMAGE) == []


def test_a_picture_that_does_not_fit_is_refused():
    inputs = keras.Input((16, 12, 3))
    with pytest.raises(ValueError, match="takes pictures of 16 x 12 x 3"):
        depth_strip(keras.Model(inputs, down(inputs)[0]), IMAGE[:8])
