"""The table of layers: its rows by hand, its sums against Keras and against TensorFlow's profiler."""

import math
import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from kerasface.inspection.cost.arithmetic import layer_table, model_cost
from kerasface.models.face_resnet import build_face_resnet


def counted_by_tensorflow(model, image_size):
    """Multiply-adds of one image: half the operations that TensorFlow counts in the traced graph's products.

    Grouped convolutions are traced into functions of their own, which the profiler leaves out; they are counted too.
    """
    import tensorflow as tf

    forward = tf.function(lambda images: model(images, training=False), autograph=False)
    graph = forward.get_concrete_function(tf.TensorSpec((1, *image_size, 3))).graph
    return sum(_float_operations(part) for part in _graphs(graph)) / 2


def _graphs(graph):
    yield graph
    for operation in graph.get_operations():
        if operation.type in ("PartitionedCall", "StatefulPartitionedCall"):
            yield from _graphs(graph._get_function(operation.get_attr("f").name).graph)


def _float_operations(graph):
    import tensorflow as tf

    builder = tf.compat.v1.profiler.ProfileOptionBuilder
    options = builder(builder.float_operation()).with_empty_output().build()
    node = tf.compat.v1.profiler.profile(graph, cmd="op", options=options)
    total = 0
    while node.children:  # the profiler nests one kind of operation into the other
        (node,) = node.children
        total += node.float_ops if "Conv" in node.name or "MatMul" in node.name else 0
    return total


def branched():
    """Several branches with every kind of convolution, joined, and a dense layer on maps and on the vector."""
    inputs = keras.Input((24, 20, 3))
    x = layers.Conv2D(8, 5, strides=2, padding="same", name="stem")(inputs)
    one = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
    two = layers.SeparableConv2D(6, 3, padding="same")(x)
    three = layers.Conv2D(6, 3, dilation_rate=2, padding="same")(x)
    four = layers.Conv2DTranspose(4, 3, strides=2, padding="same")(layers.MaxPooling2D(2)(x))
    x = layers.Concatenate()([one, two, three, four])
    x = layers.Dense(12)(layers.BatchNormalization()(layers.Conv2D(8, 3, groups=4)(x)))
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(branched, id="branched"),
        pytest.param(lambda: build_face_resnet(weights=None), id="face_resnet"),
        pytest.param(
            lambda: keras.applications.MobileNetV2(weights=None, input_shape=(64, 64, 3)), id="MobileNetV2 of 64 pixels"
        ),
        *(
            pytest.param(
                lambda name=name: getattr(keras.applications, name)(weights=None, input_shape=(224, 224, 3)),
                id=name,
                marks=pytest.mark.slow,
            )
            for name in (
                *("MobileNet", "MobileNetV2", "MobileNetV3Small", "ResNet50", "VGG16", "InceptionV3", "Xception"),
                *("DenseNet121", "EfficientNetB0", "ConvNeXtTiny"),
            )
        ),
    ],
)
def test_sums_agree_with_keras_and_tensorflow(build):
    model = build()
    records = layer_table(model)
    cost = model_cost(records)
    assert cost.parameters == model.count_params()
    assert cost.multiply_adds == pytest.approx(counted_by_tensorflow(model, model.inputs[0].shape[1:3]), rel=1e-9)
    assert cost.uncounted == ()
    assert sum(record.multiply_adds_share for record in records) == pytest.approx(1)
    assert sum(record.parameters_share for record in records) == pytest.approx(1)


@pytest.mark.parametrize(
    ("name", "mebibytes", "tolerance"),
    [
        ("MobileNet", 16, 0.02),
        pytest.param("VGG16", 528, 0.001, marks=pytest.mark.slow),
        pytest.param("ResNet152", 230, 0.005, marks=pytest.mark.slow),
        pytest.param("InceptionV3", 92, 0.02, marks=pytest.mark.slow),
    ],
)
def test_published_model_sizes_are_mebibytes(name, mebibytes, tolerance):
    """Sizes "in MB" of the Keras documentation: of files in MiB, so a little more than the weights in them."""
    model = getattr(keras.applications, name)(weights=None)
    assert model_cost(layer_table(model)).weights_mebibytes == pytest.approx(mebibytes, rel=tolerance)


@pytest.mark.slow
def test_without_its_classifier_inception_has_the_size_of_the_slides():
    """About 85 MB: 21.8 million weights are 87 MB of 10^6 bytes and 83 MiB."""
    model = keras.applications.InceptionV3(weights=None, include_top=False, input_shape=(96, 96, 3))
    assert model_cost(layer_table(model)).weights_mebibytes == pytest.approx(85, rel=0.03)


def test_half_a_mobilenet_has_a_third_of_the_size():
    """The slides' 5 to 16 MB are MobileNets with half of the filters and with all."""
    model = keras.applications.MobileNet(weights=None, alpha=0.5)
    assert model_cost(layer_table(model)).weights_mebibytes == pytest.approx(5, rel=0.03)


def test_a_row_by_hand():
    """10 filters of 5x5x3, padding 2, on 32x32x3: 760 weights, 1024 places of 75 products each."""
    inputs = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(10, 5, padding="same", name="conv")(inputs)
    first, conv, flat = layer_table(keras.Model(inputs, layers.Flatten(name="flat")(x)))
    assert (first.name, first.kind, first.output_shape, first.receptive_field) == (
        *("image", "InputLayer", (32, 32, 3), (1, 1)),
    )
    assert (conv.name, conv.kind, conv.output_shape) == ("conv", "Conv2D", (32, 32, 10))
    assert conv.formula == "floor((32 + 4 - 1*(5 - 1) - 1) / 1) + 1 = 32"
    assert (conv.parameters, conv.multiply_adds) == (760, 1024 * 75 * 10)
    assert conv.activation_bytes == 4 * 32 * 32 * 10
    assert (conv.receptive_field, conv.jump) == ((5, 5), (1, 1))
    assert (conv.parameters_share, conv.multiply_adds_share) == (1.0, 1.0)
    assert (flat.output_shape, flat.formula, flat.parameters) == ((10_240,), "", 0)
    assert conv.to_dict()["output_shape"] == (32, 32, 10)


@pytest.mark.parametrize("size", [16, 17, 23])
@pytest.mark.parametrize(
    "layer",
    [
        *(layers.Conv2D(1, 3, strides, pad) for strides in (1, 2, 3) for pad in ("same", "valid")),
        layers.Conv2D(1, 4, dilation_rate=3, padding="same"),
        layers.Conv2D(1, 4, dilation_rate=3),
        layers.Conv2D(1, 1, strides=2, padding="same"),
        layers.DepthwiseConv2D(5, strides=2, padding="same"),
        layers.MaxPooling2D(3, strides=2, padding="same"),
        layers.AveragePooling2D(2),
        *(layers.Conv2DTranspose(1, 3, strides, pad) for strides in (1, 2, 4) for pad in ("same", "valid")),
    ],
    ids=lambda layer: layer.name,
)
def test_the_formula_gives_the_size(layer, size):
    """The text is worked out as it stands, and gives the size of what the layer really computes."""
    inputs = keras.Input((None, None, 1))
    model = keras.Model(inputs, layer(inputs))
    record = layer_table(model, (size, size))[-1]
    text, result = record.formula.split(" = ")
    assert eval(text, {"floor": math.floor}) == int(result)
    assert np.asarray(model(np.zeros((1, size, size, 1)))).shape[1:] == (int(result), int(result), 1)
    assert record.output_shape == (int(result), int(result), 1)


def test_sides_that_differ_have_a_formula_each():
    inputs = keras.Input((8, 9, 1))
    record = layer_table(keras.Model(inputs, layers.Conv2D(1, 3, strides=2)(inputs)))[-1]
    assert record.formula == (
        "rows floor((8 + 0 - 1*(3 - 1) - 1) / 2) + 1 = 3, columns floor((9 + 0 - 1*(3 - 1) - 1) / 2) + 1 = 4"
    )


def test_shared_layers_and_nested_models_count_their_weights_once_and_their_work_each_time():
    inner_input = keras.Input((8, 8, 2))
    inner = keras.Model(inner_input, layers.Conv2D(2, 3, padding="same", name="conv")(inner_input), name="inner")
    tail = keras.Sequential([layers.Conv2D(4, 1, name="last")], name="tail")
    shared = layers.Conv2D(2, 1, name="shared")
    inputs = keras.Input((8, 8, 2), name="image")
    x = shared(inner(shared(inputs)))
    model = keras.Model(inputs, tail(layers.Add(name="sum")([inner(x), x])))
    table = {record.name: record for record in layer_table(model) if record.kind != "InputLayer"}
    assert list(table) == ["shared", "inner/conv", "shared#2", "inner/conv#2", "sum", "tail/last"]
    counts = {name: (record.parameters, record.multiply_adds) for name, record in table.items()}
    assert (counts["inner/conv"], counts["inner/conv#2"]) == ((38, 64 * 36), (0, 64 * 36))
    assert (counts["shared"], counts["shared#2"]) == ((6, 64 * 4), (0, 64 * 4))
    assert sum(record.parameters for record in table.values()) == model.count_params()
    assert table["tail/last"].receptive_field == (5, 5)


def test_looking_leaves_the_model_as_it_was():
    """A layer that was called again would no longer know its one output, which explanations ask it for."""
    model = branched()
    before = [layer.output for layer in model.layers]
    assert layer_table(model) == layer_table(model)
    assert all(layer.output is output for layer, output in zip(model.layers, before, strict=True))


def test_views_count_as_often_as_they_are_computed():
    one, two = (model_cost(layer_table(build_face_resnet(None, views=views))) for views in (1, 2))
    assert (two.multiply_adds, two.parameters) == (2 * one.multiply_adds, one.parameters)


def test_open_sides_take_the_image_size():
    inputs = keras.Input((None, None, 3), name="image")
    model = keras.Model(inputs, layers.Conv2D(4, 3, padding="same")(inputs))
    assert layer_table(model, (6, 10))[-1].output_shape == (6, 10, 4)
    with pytest.raises(ValueError, match=re.escape("shape (None, None, None, 3), image_size=None")):
        layer_table(model)
    with pytest.raises(ValueError, match=re.escape("takes images of (24, 20). Received: image_size=(32, 32)")):
        layer_table(branched(), (32, 32))


def test_layers_of_unknown_cost_are_named():
    class Mixed(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(shape=(input_shape[-1], 2))

        def call(self, inputs):
            return ops.matmul(inputs, self.kernel)

    inputs = keras.Input((4,))
    records = layer_table(keras.Model(inputs, Mixed(name="mixed")(layers.Dense(3)(inputs))))
    cost = model_cost(records)
    assert (cost.uncounted, cost.multiply_adds, cost.parameters) == (("mixed",), 12, 15 + 6)
    assert cost.to_dict()["uncounted"] == ("mixed",)


def test_models_without_a_graph_are_refused():
    class Subclassed(keras.Model):
        pass

    for model in (Subclassed(name="mine"), keras.Sequential(name="mine")):
        with pytest.raises(ValueError, match=r"built functional and Sequential models. Received: S.* 'mine'"):
            layer_table(model)


def test_channels_first_are_refused():
    inputs = keras.Input((3, 8, 8))
    model = keras.Model(inputs, layers.MaxPooling2D(2, data_format="channels_first")(inputs))
    with pytest.raises(ValueError, match="Channels must stand last"):
        layer_table(model)


def test_what_a_layer_does_not_say_is_worked_out_and_what_nobody_knows_refused():
    inputs = keras.Input((9, 11, 6))
    vague = layers.EinsumDense("abcd,de->abce", (None, 11, 5))
    assert layer_table(keras.Model(inputs, vague(inputs)))[-1].output_shape == (9, 11, 5)
    picked = layers.Lambda(lambda x: ops.nonzero(x)[0], output_shape=(None,), name="picked")
    with pytest.raises(ValueError, match=r"known beforehand. Received: layer 'picked'"):
        layer_table(keras.Model(inputs, picked(inputs)))
