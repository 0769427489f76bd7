"""Small ONNX networks that tests write."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

SIDE, CHANNELS, DIM = 18, 6, 8


def weights(*shape, low=-0.5, high=0.5, rng=None):
    """Random numbers: the same ones for the same shape, whichever tests ran before."""
    return (rng or np.random.default_rng([7, *shape])).uniform(low, high, shape).astype(np.float32)


def model_of(nodes, constants, *, input_shape=("N", 3, SIDE, SIDE), output="vector", opset=17, **more):
    """An ONNX model from `images` to `output`."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("images", more.pop("kind", onnx.TensorProto.FLOAT), input_shape)],
        [helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8, **more)


def network(middle=(), constants=None, *, tail=None, **options):
    """A model: pixels to -1..1, a convolution to `(N, 6, 18, 18)` "x", some nodes to "y", pooling and a dense layer.

    Args:
        middle: Nodes that make "y" of "x"; none where "x" goes on.
        constants: Theirs.
        tail: Nodes that make "vector" of "y", in the place of pooling and dense layer.
        options: For `model_of`.
    """
    head = [
        helper.make_node("Sub", ["images", "mean"], ["centred"], name="centre"),
        helper.make_node("Div", ["centred", "std"], ["scaled"], name="scale"),
        helper.make_node("Conv", ["scaled", "filters"], ["x"], name="/stem/Conv", pads=[1, 1, 1, 1]),
    ]
    last, rng = "y" if middle else "x", np.random.default_rng(7)
    if tail is None:
        tail = [
            helper.make_node("GlobalAveragePool", [last], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["vector"], transB=1, name="fc"),
        ]
    base = {
        "mean": np.float32(127.5).reshape(1),
        "std": np.float32(128).reshape(1),
        "filters": weights(CHANNELS, 3, 3, 3, rng=rng),
        "matrix": weights(DIM, CHANNELS, rng=rng),
        "bias": weights(DIM, rng=rng),
    }
    return model_of([*head, *middle, *tail], base | (constants or {}), **options)


def ints(*values):
    return np.array(values, dtype=np.int64)
