"""What of a network does not depend on the images, computed at once: constants, and shapes that are asked for."""

import numpy as np

from kerasface.models.onnx.building import Builder, UnsupportedError
from kerasface.models.onnx.reading import Node

BATCH = -(2**40)  # stands for the number of images where a network asks for a shape
_LIMIT = 2**28  # numbers in a computed constant


def folded(builder: Builder, node: Node) -> np.ndarray | None:
    """Returns what a node gives if it depends on no image; `None` if it does.

    Raises:
        UnsupportedError: If it does not, but cannot be computed.
    """
    if node.operator == "Shape":
        return _shape(builder, node)
    if any(name in builder.values for name in node.inputs):
        return None
    if node.operator not in _COMPUTED:
        raise UnsupportedError("it computes something that does not depend on the images")
    inputs = [builder.constant(node, place) for place in range(len(node.inputs))]
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(_COMPUTED[node.operator](node, *inputs))
    except (ValueError, IndexError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise UnsupportedError(f"its constants do not fit: {error}") from error
    if found.size > _LIMIT:
        raise UnsupportedError("it makes a constant that is too large")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise UnsupportedError("it makes NaN of constants")
    return found


def _shape(builder: Builder, node: Node) -> np.ndarray:
    if node.inputs[0] in builder.values:
        shape = [BATCH if side is None else side for side in builder.value(node).shape]
    else:
        shape = builder.needed(node, 0).shape
    start, end = node.attributes.get("start", 0), node.attributes.get("end")
    return np.array(shape[start:end], dtype=np.int64)


def _constant(node: Node) -> np.ndarray:
    kinds = {"value": None, "value_float": np.float32, "value_floats": np.float32, "value_int": np.int64}
    kinds["value_ints"] = np.int64
    name, value = next((name, value) for name, value in node.attributes.items() if name in kinds)
    return value if kinds[name] is None else np.array(value, dtype=kinds[name])


def _cast(node: Node, array: np.ndarray) -> np.ndarray:
    kinds = {1: np.float32, 10: np.float32, 11: np.float32, 6: np.int64, 7: np.int64, 9: np.bool_}
    return array.astype(kinds[node.attributes["to"]])  # of onnx.TensorProto.DataType


def _filled(node: Node, shape: np.ndarray) -> np.ndarray:
    value = node.attributes.get("value", np.zeros(1, np.float32))
    if np.prod(shape.astype(np.float64)) > _LIMIT or (shape < 0).any():
        raise ValueError("a shape of that size")
    return np.full(shape.astype(int), value.ravel()[0])


def _axes(node: Node, axes: np.ndarray | None) -> tuple[int, ...] | None:
    given = node.attributes.get("axes")
    given = axes if given is None else given
    return None if given is None else tuple(int(axis) for axis in given)


def _sliced(node: Node, array, starts=None, ends=None, axes=None, steps=None) -> np.ndarray:
    starts = node.attributes["starts"] if starts is None else starts
    ends = node.attributes["ends"] if ends is None else ends
    axes = node.attributes.get("axes") if axes is None else axes
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    where = [slice(None)] * array.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        where[int(axis)] = slice(int(start), int(end), int(step))
    return array[tuple(where)]


def _arithmetic(operation):
    def compute(node: Node, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        if BATCH in (*first.ravel()[:_FEW].tolist(), *second.ravel()[:_FEW].tolist()):
            raise ValueError("it calculates with the number of images")
        if np.broadcast(first, second).size > _LIMIT:
            raise ValueError("a shape of that size")
        return np.asarray(operation(first, second)).astype(first.dtype)

    return compute


_FEW = 16  # numbers of a shape

_COMPUTED = {
    "Constant": _constant,
    "Identity": lambda node, array: array,
    "Cast": _cast,
    "ConstantOfShape": _filled,
    "Unsqueeze": lambda node, array, axes=None: np.expand_dims(array, _axes(node, axes)),
    "Squeeze": lambda node, array, axes=None: np.squeeze(array, _axes(node, axes)),
    "Reshape": lambda node, array, shape: array.reshape([int(side) for side in shape]),
    "Transpose": lambda node, array: array.transpose(node.attributes.get("perm")),
    "Concat": lambda node, *arrays: np.concatenate(arrays, axis=node.attributes["axis"]),
    "Gather": lambda node, array, indices: np.take(array, indices.astype(int), axis=node.attributes.get("axis", 0)),
    "Slice": _sliced,
    "Sqrt": lambda node, array: np.sqrt(array),
    "Add": _arithmetic(np.add),
    "Sub": _arithmetic(np.subtract),
    "Mul": _arithmetic(np.multiply),
    "Div": _arithmetic(lambda first, second: first / second if first.dtype.kind == "f" else first // second),
}
