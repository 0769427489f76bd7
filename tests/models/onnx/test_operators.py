"""Operators of ONNX as Keras layers: every one against ONNX Runtime."""

import keras
import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import helper  # noqa: E402

from kerasface.models.onnx.input_form import InputForm  # noqa: E402
from kerasface.models.onnx.network import build_network  # noqa: E402
from kerasface.models.onnx.operators import OPERATORS  # noqa: E402
from kerasface.models.onnx.parity import compare  # noqa: E402
from kerasface.models.onnx.reading import read_graph  # noqa: E402
from tests.models.onnx.networks import CHANNELS, SIDE, ints, network, weights  # noqa: E402

RGB = InputForm()


def op(operator, inputs=("x",), output="y", **attributes):
    return helper.make_node(operator, list(inputs), [output], **attributes)


def with_weights(operator, shapes, **attributes):
    """A node behind "x" with weights of some shapes."""
    names = [f"w{place}" for place in range(len(shapes))]
    return [op(operator, ("x", *names), **attributes)], {
        name: weights(*shape) for name, shape in zip(names, shapes, strict=True)
    }


def fc(size, source="flat"):
    return [op("Gemm", (source, "wide"), "vector", transB=1)], {"wide": weights(8, size)}


C, S = CHANNELS, SIDE
NORMALIZED = {"gamma": weights(C), "beta": weights(C), "mu": weights(C), "var": weights(C, low=0.5, high=2)}
# name: nodes from "x" (N, 6, 18, 18) to "y", with their constants.
MIDDLES = {
    "Conv, uneven padding and bias": with_weights("Conv", [(C, C, 3, 3), (C,)], pads=[0, 1, 2, 0], strides=[2, 2]),
    "Conv, stride 2 on an even side": with_weights("Conv", [(C, C, 3, 3)], pads=[1, 1, 1, 1], strides=[2, 2]),
    "Conv, dilated": with_weights("Conv", [(C, C, 3, 2)], pads=[2, 1, 2, 0], dilations=[2, 1]),
    "Conv, groups": (
        [op("Conv", ("x", "w0"), "z", group=2), op("Conv", ("z", "w1"), "y")],
        {"w0": weights(4, 3, 3, 3), "w1": weights(C, 4, 1, 1)},
    ),
    "Conv, depthwise": with_weights("Conv", [(C, 1, 3, 3), (C,)], group=C, pads=[1, 1, 1, 1]),
    "Conv, depthwise with two filters each": (
        [op("Conv", ("x", "w0"), "z", group=C, strides=[2, 2]), op("Conv", ("z", "w1"), "y")],
        {"w0": weights(2 * C, 1, 3, 3), "w1": weights(C, 2 * C, 1, 1)},
    ),
    "Conv, SAME_UPPER": with_weights("Conv", [(C, C, 3, 3)], auto_pad="SAME_UPPER", strides=[2, 2]),
    "Conv, SAME_LOWER": with_weights("Conv", [(C, C, 4, 4)], auto_pad="SAME_LOWER"),
    "Conv, VALID": with_weights("Conv", [(C, C, 5, 5)], auto_pad="VALID"),
    "BatchNormalization": ([op("BatchNormalization", ("x", *NORMALIZED), epsilon=1e-3)], NORMALIZED),
    "BatchNormalization without epsilon": ([op("BatchNormalization", ("x", *NORMALIZED), epsilon=0.0)], NORMALIZED),
    "Relu": ([op("Relu")], {}),
    "LeakyRelu": ([op("LeakyRelu", alpha=0.2)], {}),
    "PRelu by channel": with_weights("PRelu", [(C, 1, 1)]),
    "PRelu for all": with_weights("PRelu", [(1,)]),
    "PRelu for every place": with_weights("PRelu", [(C, S, S)]),
    "Elu": ([op("Elu", alpha=0.7)], {}),
    "Sigmoid, swish": ([op("Sigmoid", output="gate"), op("Mul", ("x", "gate"))], {}),
    "HardSwish": ([op("HardSwish")], {}),
    "HardSigmoid": ([op("HardSigmoid", alpha=0.3, beta=0.4)], {}),
    "Tanh, Softplus, Mish": ([op("Tanh", output="t"), op("Softplus", ("t",), "s"), op("Mish", ("s",))], {}, 18),
    "Swish": ([op("Swish")], {}, 24),
    "Clip, ReLU6": ([op("Clip", ("x", "low", "high"))], {"low": np.float32(0), "high": np.float32(0.4)}),
    "Clip from above": ([op("Clip", ("x", "", "high"))], {"high": np.float32(0.1)}),
    "Clip of old": ([op("Clip", min=-0.2, max=0.3)], {}, 9),
    "Add, Sub, Mul, Div of constants": (
        [op("Add", ("x", "a"), "1"), op("Sub", ("b", "1"), "2"), op("Mul", ("2", "c"), "3"), op("Div", ("3", "d"))],
        {"a": weights(C, 1, 1), "b": weights(1, C, S, 1), "c": weights(1), "d": weights(S, low=1, high=2)},
    ),
    "Add, Sub, Mul, Div of tensors": (
        [op("Relu", output="r"), op("Add", ("x", "r"), "a"), op("Sub", ("a", "r"), "s"), op("Mul", ("s", "r"), "m"),
         op("Add", ("r", "one"), "p"), op("Div", ("m", "p"))],
        {"one": np.float32(1).reshape(1)},
    ),
    "Sum": ([op("Relu", output="r"), op("Sum", ("x", "r", "x"))], {}),
    "squeeze and excite": (
        [op("GlobalAveragePool", output="g"), op("Conv", ("g", "w"), "e"), op("Sigmoid", ("e",), "s"),
         op("Mul", ("s", "x"))],
        {"w": weights(C, C, 1, 1)},
    ),
    "Concat": ([op("Relu", output="r"), op("Concat", ("x", "r"), "c", axis=1), op("Conv", ("c", "w"))],
               {"w": weights(C, 2 * C, 1, 1)}),
    "Concat of columns": ([op("Relu", output="r"), op("Concat", ("x", "r"), axis=-1)], {}),
    "MaxPool": ([op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], {}),
    "MaxPool, same": ([op("MaxPool", kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")], {}),
    "MaxPool, ceil_mode that changes nothing": ([op("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)], {}),
    "AveragePool": ([op("AveragePool", kernel_shape=[2, 3], strides=[2, 1])], {}),
    "AveragePool, padding counted": (
        [op("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)], {}
    ),
    "AveragePool, padding left out": ([op("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}),
    "GlobalMaxPool": ([op("GlobalMaxPool")], {}),
    "Pad with zeros": ([op("Pad", ("x", "p"))], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "Pad with channels and a number": ([op("Pad", ("x", "p", "n"), "more"), op("Conv", ("more", "w"))],
                                       {"p": ints(0, 1, 1, 0, 0, 1, 0, 0), "n": np.float32(0.5),
                                        "w": weights(C, C + 2, 1, 1)}),
    "Pad, reflected": ([op("Pad", ("x", "p"), mode="reflect")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "Pad, edge": ([op("Pad", ("x", "p"), mode="edge")], {"p": ints(0, 0, 1, 2, 0, 0, 3, 0)}),
    "Pad of old": ([op("Pad", pads=[0, 0, 1, 1, 0, 0, 0, 0], value=0.0)], {}, 9),
    "Dropout, Identity, Cast": ([op("Dropout", output="d"), op("Identity", ("d",), "i"), op("Cast", ("i",), to=1)], {}),
    "Transpose there and back": (
        [op("Transpose", output="t", perm=[0, 2, 3, 1]), op("Mul", ("t", "c"), "m"),
         op("Transpose", ("m",), perm=[0, 3, 1, 2])],
        {"c": weights(C)},
    ),
    "channel shuffle": (
        [op("Reshape", ("x", "five"), "r"), op("Transpose", ("r",), "t", perm=[0, 2, 1, 3, 4]),
         op("Reshape", ("t", "four"), "s"), op("Conv", ("s", "w"))],
        {"five": ints(-1, 2, 3, S, S), "four": ints(0, C, S, S), "w": weights(C, C, 1, 1)},
    ),
    "Constant that is computed": (
        [helper.make_node("Constant", [], ["k"], value_floats=[0.5, -1, 2, 1, 3, 0.1]),
         op("Unsqueeze", ("k", "axes"), "u"), op("Sqrt", ("four",), "two"), op("Mul", ("u", "two"), "f"),
         op("Mul", ("x", "f"))],
        {"axes": ints(1, 2), "four": np.float32(4).reshape(1)},
    ),
}  # fmt: skip
BN = {"g1": weights(8), "b1": weights(8), "m1": weights(8), "v1": weights(8, low=0.5, high=2)}
FLAT = C * S * S
# name: nodes from "x" to "vector".
TAILS = {
    "Flatten of a map": ([op("Flatten", output="flat"), *fc(FLAT)[0]], fc(FLAT)[1]),
    "Gemm with alpha, beta and batch normalization": (
        [op("ReduceMean", output="p", axes=[2, 3], keepdims=0), op("Gemm", ("p", "w", "c"), "v", alpha=0.5, beta=2.0),
         op("BatchNormalization", ("v", *BN), "vector")],
        {"w": weights(C, 8), "c": weights(1, 8), **BN},
    ),
    "MatMul and Add": ([op("GlobalAveragePool", output="g"), op("Squeeze", ("g", "a"), "p"),
                        op("MatMul", ("p", "w"), "v"), op("Add", ("v", "c"), "vector")],
                       {"a": ints(2, 3), "w": weights(C, 8), "c": weights(8)}),
    "Reshape by a computed shape": (
        [op("Shape", output="s"), op("Gather", ("s", "first"), "n", axis=0), op("Unsqueeze", ("n", "a"), "u"),
         op("Concat", ("u", "rest"), "shape", axis=0), op("Reshape", ("x", "shape"), "flat"), *fc(FLAT)[0]],
        {"first": np.int64(0), "a": ints(0), "rest": ints(-1), **fc(FLAT)[1]},
    ),
    "a transposed map, flattened": (
        [op("Transpose", output="t", perm=[0, 2, 3, 1]), op("Reshape", ("t", "s"), "flat"), *fc(FLAT)[0]],
        {"s": ints(0, -1), **fc(FLAT)[1]},
    ),
    "a vector with rows and columns of 1": (
        [op("Conv", ("x", "w"), "vector")], {"w": weights(8, C, S, S)}
    ),
    "a depthwise convolution instead of pooling": (
        [op("Conv", ("x", "w"), "g", group=C), op("Flatten", ("g",), "flat"), *fc(C)[0]],
        {"w": weights(C, 1, S, S), **fc(C)[1]},
    ),
    "LpNormalization": ([op("Flatten", output="flat"), op("Gemm", ("flat", "wide"), "v", transB=1),
                         op("LpNormalization", ("v",), "vector")], fc(FLAT)[1]),
    "divided by its length, as PyTorch writes it": (
        [op("Flatten", output="flat"), op("Gemm", ("flat", "wide"), "v", transB=1),
         op("ReduceL2", ("v",), "l", axes=[1], keepdims=1), op("Clip", ("l", "tiny"), "c"), op("Shape", ("v",), "s"),
         op("Expand", ("c", "s"), "e"), op("Div", ("v", "e"), "vector")],
        {"tiny": np.float32(1e-12), **fc(FLAT)[1]},
    ),
    "divided by its length, written out": (
        [op("Flatten", output="flat"), op("Gemm", ("flat", "wide"), "v", transB=1), op("Mul", ("v", "v"), "q"),
         op("ReduceSum", ("q", "a"), "t"), op("Sqrt", ("t",), "l"), op("Div", ("v", "l"), "vector")],
        {"a": ints(1), **fc(FLAT)[1]},
    ),
}  # fmt: skip


def crops(number=4):
    return np.random.default_rng(0).integers(0, 256, (number, SIDE, SIDE, 3), dtype=np.uint8)


def checked(proto, form=RGB):
    """Builds the Keras model of an ONNX model; ONNX Runtime says the same."""
    content = proto.SerializeToString()
    graph = read_graph(content, "test")
    model = build_network(graph, form)
    result = compare(model, content, graph, form, crops())
    assert result["max_difference"] <= 1e-5 * result["largest"]
    assert not any(isinstance(layer, keras.layers.Lambda) for layer in model.layers)
    assert all(isinstance(layer, keras.layers.Layer) for layer in model.layers)  # no bare operations
    return model


@pytest.mark.parametrize("name", MIDDLES)
def test_an_operator_says_what_onnx_runtime_says(name):
    middle, constants, *opset = MIDDLES[name]
    checked(network(middle, constants, opset=opset[0] if opset else 17))


@pytest.mark.parametrize("name", TAILS)
def test_an_end_says_what_onnx_runtime_says(name):
    tail, constants = TAILS[name]
    model = checked(network((), constants, tail=tail))
    embeddings = np.asarray(model(crops().astype(np.float32)))
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


def test_every_operator_is_tried():
    tried = {
        node.op_type
        for part in (MIDDLES, TAILS)
        for nodes, *_ in part.values()
        for node in (*nodes, *network().graph.node)
    }
    assert set(OPERATORS) <= tried


@pytest.mark.parametrize("form", ["bgr 0..255", "rgb -1..1", "bgr mean 104,117,123 std 57,58,59"])
def test_colours_and_ranges_are_seen_to(form):
    checked(network(), InputForm.parse(form))


def test_pictures_with_channels_last_are_taken():
    nodes = [op("Transpose", ("images",), "t", perm=[0, 3, 1, 2]), op("Conv", ("t", "w"), "x"),
             op("GlobalAveragePool", output="g"), op("Flatten", ("g",), "vector")]  # fmt: skip
    proto = network(nodes, {"w": weights(8, 3, 3, 3)}, tail=[], output="vector", input_shape=(1, SIDE, SIDE, 3))
    del proto.graph.node[:3]  # the normalization and the convolution of the others
    checked(proto, InputForm.parse("rgb -1..1"))


def test_layers_are_called_as_in_the_file():
    names = [layer.name for layer in checked(network()).layers]
    assert names == [
        *("crop", "add_mirrored", "centre", "scale", "stem_conv", "pooled"),
        *("flat", "fc", "embedding", "mean_of_views"),
    ]


def test_the_mean_with_the_mirror_image_does_not_tell_a_picture_from_its_mirror_image():
    graph = read_graph(network().SerializeToString(), "test")
    images = crops().astype(np.float32)
    both, one = (build_network(graph, RGB, mirrored=mirrored) for mirrored in (True, False))
    np.testing.assert_allclose(np.asarray(both(images)), np.asarray(both(images[:, :, ::-1])), atol=1e-5)
    views = np.asarray(one(images)) + np.asarray(one(images[:, :, ::-1]))
    np.testing.assert_allclose(
        np.asarray(both(images)), views / np.linalg.norm(views, axis=1, keepdims=True), atol=1e-5
    )


def test_a_saved_network_says_the_same_and_can_be_rebuilt_in_another_precision(tmp_path):
    from kerasface.models.engines.graphs import with_dtype_policy

    middle, constants = MIDDLES["Add, Sub, Mul, Div of constants"]
    padding, others = MIDDLES["Pad with channels and a number"]
    padding = [helper.make_node(node.op_type, ["z" if name == "x" else name for name in node.input], list(node.output),
                                name="end" + node.op_type) for node in padding]  # fmt: skip
    middle = [*middle[:-1], op("Div", ("3", "d"), "q"), op("Clip", ("q", "low"), "z"), *padding]
    model = checked(network(middle, constants | others | {"low": np.float32(-0.5)}))
    images = crops().astype(np.float32)
    expected = np.asarray(model(images))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(loaded(images)), expected)
    half = np.asarray(with_dtype_policy(model, "mixed_bfloat16")(images))
    np.testing.assert_allclose(np.sum(half * expected, axis=1), 1, atol=1e-2)
