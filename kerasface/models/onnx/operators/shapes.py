"""Other shapes of the same numbers."""

from collections.abc import Sequence
from math import prod

from kerasface.models.onnx.building import Builder, UnsupportedError, Value
from kerasface.models.onnx.folding import BATCH
from kerasface.models.onnx.reading import Node


def identity(builder: Builder, node: Node) -> Value:
    """`Identity` and `Cast` between floats."""
    kinds = {1: "float32", 10: "float16", 11: "float64"}  # of onnx.TensorProto.DataType
    if node.operator == "Cast" and node.attributes.get("to") not in kinds:
        raise UnsupportedError("it turns maps into integers")
    return builder.value(node)


def flatten(builder: Builder, node: Node) -> Value:
    """`Flatten` to a vector for each image, in ONNX's order of axes."""
    value = builder.value(node)
    if node.attributes.get("axis", 1) % value.rank != 1:
        raise UnsupportedError("it does not keep the images apart")
    return builder.reshaped(node, value, (value.size,))


def reshape(builder: Builder, node: Node) -> Value:
    """`Reshape`, which may write the batch as 0, -1, the shape of something, or the number it is fixed to."""
    value = builder.value(node)
    shape = node.attributes.get("shape")
    shape = [int(side) for side in (builder.needed(node, 1).ravel() if shape is None else shape)]
    if node.attributes.get("allowzero"):
        raise UnsupportedError("it allows shapes of size 0")
    rest = _filled(value, shape)
    batch = shape[0] if shape else None
    apart = batch in (BATCH, 0, builder.fixed_batch) or (batch == -1 and -1 not in shape[1:])
    if not rest or not apart or prod(rest) != value.size:
        raise UnsupportedError(f"it brings {list(value.shape)} to {shape}, which does not keep the images apart")
    return builder.reshaped(node, value, rest)


def _filled(value: Value, shape: list[int]) -> list[int]:
    """The sides behind the batch, with 0 for a side that stays and -1 for what is left."""
    rest = [value.shape[place] if side == 0 and place < value.rank else side for place, side in enumerate(shape)][1:]
    if rest.count(-1) == 1:
        known = prod(side for side in rest if side != -1)
        rest[rest.index(-1)] = value.size // known if known > 0 else 0
    return rest if all(side is not None and side > 0 for side in rest) else []


def transpose(builder: Builder, node: Node) -> Value:
    """`Transpose`: only the names of the axes change."""
    value = builder.value(node)
    order = list(node.attributes.get("perm", range(value.rank)[::-1]))
    if sorted(order) != list(range(value.rank)) or order[0] != 0:
        raise UnsupportedError(f"it moves the batch: perm={order}")
    return Value(value.tensor, tuple(order.index(axis) for axis in value.axes))


def squeeze(builder: Builder, node: Node) -> Value:
    """`Squeeze`, but for the batch."""
    value = builder.value(node)
    axes = _axes(builder, node, value.rank)
    axes = [axis for axis in range(1, value.rank) if value.shape[axis] == 1] if axes is None else axes
    if 0 in axes or any(value.shape[axis] != 1 for axis in axes):
        raise UnsupportedError(f"axes {axes} of {list(value.shape)} cannot be left out")
    return builder.reshaped(node, value, [side for axis, side in enumerate(value.shape) if axis and axis not in axes])


def unsqueeze(builder: Builder, node: Node) -> Value:
    """`Unsqueeze`, but for the batch."""
    value = builder.value(node)
    given = node.attributes.get("axes")
    given = builder.needed(node, 1).ravel() if given is None else given
    rank = value.rank + len(given)
    axes = [int(axis) % rank for axis in given]
    if 0 in axes or len(set(axes)) != len(axes):
        raise UnsupportedError(f"axes {axes} cannot be added")
    sides = iter(value.shape[1:])
    return builder.reshaped(node, value, [1 if axis in axes else next(sides) for axis in range(1, rank)])


def expand(builder: Builder, node: Node) -> Value:
    """`Expand` to the shape that a tensor has already."""
    value, shape = builder.value(node), builder.needed(node, 1)
    padded = [1] * (value.rank - len(shape)) + [int(side) for side in shape]
    if any(side not in (1, whole, BATCH) for side, whole in zip(padded, (1, *value.shape[1:]), strict=False)):
        raise UnsupportedError("it repeats numbers")
    return value


def _axes(builder: Builder, node: Node, rank: int) -> list[int] | None:
    axes: Sequence[int] | None = node.attributes.get("axes")
    axes = builder.constant(node, 1) if axes is None else axes
    return None if axes is None else [int(axis) % rank for axis in axes]


OPERATORS = {
    "Identity": identity,
    "Cast": identity,
    "Flatten": flatten,
    "Reshape": reshape,
    "Transpose": transpose,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Expand": expand,
}
