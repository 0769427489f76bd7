"""Receptive fields, against published ones and against the pixels that really change a value."""

import keras
import numpy as np
import pytest
from keras import layers

from kerasface.inspection.cost.arithmetic import layer_table

SIDE = 97


def measured_field(model):
    """Rows and columns of the pixels that the middle value of the model's output depends on.

    All weights are made positive, so that no influence cancels; pixels are far enough from the border.
    """
    import tensorflow as tf

    model.set_weights([np.abs(weight) + 0.1 for weight in model.get_weights()])
    image = tf.ones((1, SIDE, SIDE, 1))
    with tf.GradientTape() as tape:
        tape.watch(image)
        output = model(image)
        middle = output[0, output.shape[1] // 2, output.shape[2] // 2, 0]
    touched = np.asarray(tape.gradient(middle, image))[0, :, :, 0] != 0
    rows, cols = np.flatnonzero(touched.any(axis=1)), np.flatnonzero(touched.any(axis=0))
    assert min(rows[0], cols[0]) > 0
    assert max(rows[-1], cols[-1]) < SIDE - 1
    return int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1


def chain(*parts):
    inputs = x = keras.Input((SIDE, SIDE, 1))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def two_paths(x):
    """A long path beside a short one, and beside both a 1x7 next to a 7x1."""
    long = layers.Conv2D(1, 3, padding="same")(layers.Conv2D(1, 5, padding="same")(x))
    wide = layers.Conv2D(1, (1, 7), padding="same")(x)
    return layers.Add()([long, x, wide])


def gated(x):
    """Squeeze and excitation: each value is multiplied by one that saw the whole map."""
    gate = layers.Conv2D(1, 1)(layers.GlobalAveragePooling2D(keepdims=True)(x))
    return layers.Multiply()([x, gate])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([layers.Conv2D(1, 3), layers.Conv2D(1, 3), layers.Conv2D(1, 3)], (7, 7)),  # three 3x3 see what one 7x7 does
        ([layers.Conv2D(1, (3, 5), strides=(2, 1)), layers.Conv2D(1, 3)], (3 + 2 * 2, 5 + 2)),
        ([layers.Conv2D(1, 3, dilation_rate=4), layers.AveragePooling2D(3, 2), layers.Conv2D(1, 3)], (15, 15)),
        ([layers.DepthwiseConv2D(3, strides=2), layers.SeparableConv2D(2, 3, padding="same")], (7, 7)),
        # Made by the test, as the others are: a name given before could be given again by then.
        ([two_paths, lambda x: layers.Conv2D(1, 3, strides=3)(x), two_paths], (9 + 6 * 3, 11 - 2 + 6 * 3)),
    ],
    ids=["three", "oblong", "dilated", "depthwise", "branches"],
)
def test_the_field_is_where_pixels_change_the_value(parts, expected):
    model = chain(*parts)
    record = layer_table(model)[-1]
    assert record.receptive_field == measured_field(model) == expected


def test_a_map_that_grows_again():
    """Halved twice, a 3x3 at the bottom, doubled twice: neighbouring pixels are one pixel apart again."""
    down = [layers.Conv2D(1, 2, strides=2), layers.Conv2D(1, 2, strides=2), layers.Conv2D(1, 3, padding="same")]
    up = [layers.Conv2DTranspose(1, 2, strides=2), layers.UpSampling2D(2)]
    model = chain(*down, *up)
    assert [record.jump for record in layer_table(model)] == [(1, 1), (2, 2), (4, 4), (4, 4), (2, 2), (1, 1)]
    assert layer_table(model)[-1].receptive_field == measured_field(model) == (12, 12)
    overlapping = chain(*down, layers.Conv2DTranspose(1, 4, strides=2, padding="same"))
    assert layer_table(overlapping)[-1].receptive_field == measured_field(overlapping) == (16, 16)
    blurred = chain(*down, layers.UpSampling2D(2, interpolation="bilinear"))
    assert layer_table(blurred)[-1].receptive_field == measured_field(blurred) == (16, 16)


def test_behind_a_gate_and_behind_pooling_the_whole_image_counts():
    table = {record.kind: record for record in layer_table(chain(layers.Conv2D(1, 3), gated, layers.Flatten()))}
    assert (table["Conv2D"].receptive_field, table["Multiply"].receptive_field) == ((SIDE, SIDE), (SIDE, SIDE))
    assert table["Multiply"].jump == (1, 1)
    assert (table["GlobalAveragePooling2D"].jump, table["Flatten"].jump) == ((0, 0), (0, 0))
    assert table["Flatten"].receptive_field == (SIDE + (SIDE - 3), SIDE + (SIDE - 3))


def test_a_vector_has_no_field():
    inputs = keras.Input((4,))
    record = layer_table(keras.Model(inputs, layers.Dense(2)(inputs)))[-1]
    assert (record.receptive_field, record.jump) == (None, None)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("MobileNet", 315),
        pytest.param("VGG16", 212, marks=pytest.mark.slow),
        pytest.param("ResNet50", 483, marks=pytest.mark.slow),
        pytest.param("ResNet101", 1027, marks=pytest.mark.slow),
        pytest.param("InceptionV3", 1311, marks=pytest.mark.slow),
    ],
)
def test_published_fields(name, field):
    """Table of Araujo et al. 2019: the last map of each network, whose values are 32 pixels apart."""
    model = getattr(keras.applications, name)(weights=None, include_top=False, input_shape=(96, 96, 3))
    record = layer_table(model)[-1]
    assert (record.receptive_field, record.jump) == ((field, field), (32, 32))
