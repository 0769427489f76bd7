"""Multiply-adds of single layers, against sums written out by hand."""

import keras
import pytest
from keras import layers, ops

from kerasface.inspection.cost.arithmetic import layer_table
from kerasface.models.layers import CosineLogits

SHAPE = (9, 11, 6)  # rows, columns, channels


def counted(layer, shape=SHAPE):
    inputs = keras.Input(shape)
    return layer_table(keras.Model(inputs, layer(inputs)))[-1].multiply_adds


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        (layers.Conv2D(4, (3, 5)), (7 * 7) * (3 * 5 * 6 * 4)),
        (layers.Conv2D(4, 3, padding="same", strides=2), (5 * 6) * (9 * 6 * 4)),
        (layers.Conv2D(4, 3, dilation_rate=2), (5 * 7) * (9 * 6 * 4)),
        # Each filter sees half of the channels.
        (layers.Conv2D(4, 3, groups=2, padding="same"), (9 * 11) * (9 * 3 * 4)),
        (layers.DepthwiseConv2D(3, depth_multiplier=2), (7 * 9) * (9 * 6 * 2)),
        (layers.SeparableConv2D(4, 3, strides=2), (4 * 5) * (9 * 6 + 6 * 4)),
        (layers.Conv2DTranspose(4, 3, strides=2), (9 * 11) * (9 * 6 * 4)),
        (layers.Dense(5), (9 * 11) * (6 * 5)),
        (layers.EinsumDense("abcd,de->abce", (None, 11, 5)), (9 * 11) * (6 * 5)),
        (layers.EinsumDense("...d,de->...e", 5), (9 * 11) * (6 * 5)),
        (layers.BatchNormalization(), 0),
        (layers.LayerNormalization(axis=(1, 2, 3)), 0),
        (layers.PReLU(), 0),
        (layers.MaxPooling2D(), 0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_by_hand(layer, expected):
    assert counted(layer) == expected


def test_layers_of_vectors():
    assert counted(layers.Dense(5, use_bias=False), (6,)) == 6 * 5
    assert counted(CosineLogits(7), (6,)) == 6 * 7
    assert counted(layers.Conv1D(4, 3), (10, 6)) == 8 * (3 * 6 * 4)


def test_attention():
    """Queries (5, 6), values (7, 6), 2 heads of 3 and 4: four projections, scores, weighted sums."""
    query, value = keras.Input((5, 6)), keras.Input((7, 6))
    outputs = layers.MultiHeadAttention(2, 3, value_dim=4)(query, value)
    projections = 5 * 6 * (2 * 3) + 7 * 6 * (2 * 3) + 7 * 6 * (2 * 4) + 5 * (2 * 4) * 6
    table = layer_table(keras.Model([query, value], outputs))
    assert table[-1].multiply_adds == projections + 2 * 5 * 7 * (3 + 4)


def test_products_of_keras_operations():
    first, second = keras.Input((5, 6)), keras.Input((6, 7))
    product = ops.matmul(first, second)
    outer = ops.einsum("bij,bjk,bl->bikl", first, second, first[:, 0])
    counts = [record.multiply_adds for record in layer_table(keras.Model([first, second], [product, outer]))]
    assert sorted(counts)[-2:] == [5 * 6 * 7, 5 * 6 * 7 * 6]
    assert sum(counts) == 5 * 6 * 7 * (1 + 6)  # slicing costs nothing


class Doubled(layers.Layer):
    """A layer of somebody else, with a kernel of its own."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], input_shape[-1]))

    def call(self, inputs):
        return 2 * ops.matmul(inputs, self.kernel)


@pytest.mark.parametrize("layer", [Doubled(), layers.Attention()], ids=["foreign", "weightless"])
def test_what_is_not_known_is_not_taken_for_nothing(layer):
    inputs = keras.Input((5, 6))
    outputs = layer([inputs, inputs]) if isinstance(layer, layers.Attention) else layer(inputs)
    assert layer_table(keras.Model(inputs, outputs))[-1].multiply_adds is None
