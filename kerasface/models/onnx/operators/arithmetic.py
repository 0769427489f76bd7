"""Sums, differences, products and quotients, with constants and between tensors, and unit length."""

from collections.abc import Iterable

import keras
import numpy as np
from keras import layers

from kerasface.models.onnx.building import Builder, UnsupportedError, Value
from kerasface.models.onnx.layers import Affine, Divide
from kerasface.models.onnx.reading import Node

_FEW = 4  # numbers that a layer keeps as settings; more are weights


def elementwise(builder: Builder, node: Node) -> Value:
    """`Add`, `Sub`, `Mul` and `Div`, of a tensor and a constant, or of two tensors."""
    if len(node.inputs) != 2:
        raise UnsupportedError(f"it takes two inputs, not {len(node.inputs)}")
    first, second = (name in builder.values for name in node.inputs)
    if first and second:
        return of_tensors(builder, node)
    value = builder.value(node, 0 if first else 1)
    constant = value.placed(builder.needed(node, 1 if first else 0)).astype(np.float32)
    scale = offset = None
    match node.operator:
        case "Add":
            offset = constant
        case "Sub":
            scale, offset = (None, -constant) if first else (np.full_like(constant[..., :1], -1), constant)
        case "Mul":
            scale = constant
        case "Div" if first and np.all(constant):
            scale = 1 / constant
        case _:
            raise UnsupportedError("it divides a constant by a tensor, or by zero")
    return affine(builder, node, value, scale, offset)


def affine(builder: Builder, node: Node, value: Value, scale: np.ndarray | None, offset: np.ndarray | None) -> Value:
    """Multiplies and adds constants: as settings of a layer if they are few and per channel, else as its weights."""
    parts = [part for part in (scale, offset) if part is not None]
    if all(part.size <= _FEW and part.size == part.shape[-1] for part in parts):
        factor, shift = (
            plain if part is None else part.ravel()[0].item() if part.size == 1 else part.ravel().tolist()
            for plain, part in ((1.0, scale), (0.0, offset))
        )
        return builder.apply(layers.Rescaling(factor, shift, name=builder.name(node)), value)
    shapes = [None if part is None else part.shape for part in (scale, offset)]
    layer = Affine(*shapes, name=builder.name(node))
    value = builder.apply(layer, value)
    layer.set_weights(parts)
    return value


def of_tensors(builder: Builder, node: Node) -> Value:
    """Joins tensors of one rank, of which one may spread over the other."""
    values = [builder.value(node, place) for place in range(len(node.inputs))]
    if len(values) == 1:
        return values[0]
    main = max(values, key=lambda value: value.size)
    if any(value.rank != main.rank for value in values):
        raise UnsupportedError(f"it joins tensors of the shapes {[list(value.shape) for value in values]}")
    for value in values:
        if any(side not in (1, whole) for side, whole in zip(value.shape[1:], main.shape[1:], strict=True)):
            raise UnsupportedError(f"it joins tensors of the shapes {[list(value.shape) for value in values]}")
    kind = {"Add": layers.Add, "Sum": layers.Add, "Sub": layers.Subtract, "Mul": layers.Multiply, "Div": Divide}
    layer: keras.layers.Layer = kind[node.operator](name=builder.name(node))
    return Value(layer([builder.ordered(node, value, main.axes).tensor for value in values]), main.axes)


def concatenation(builder: Builder, node: Node) -> Value:
    """`Concat`, of any axis but the batch."""
    values = [builder.value(node, place) for place in range(len(node.inputs))]
    main = values[0]
    axis = node.attributes.get("axis", 1) % main.rank
    if axis == 0 or any(value.rank != main.rank for value in values):
        raise UnsupportedError("it joins batches, or tensors of different ranks")
    tensors = [builder.ordered(node, value, main.axes).tensor for value in values]
    if len(tensors) == 1:
        return main
    return Value(layers.Concatenate(axis=main.axes.index(axis), name=builder.name(node))(tensors), main.axes)


def unit_length(builder: Builder, node: Node) -> Value:
    """`LpNormalization`, and the nodes that other programs write for it."""
    value = builder.value(node)
    axis = node.attributes.get("axis", -1) % value.rank
    if value.rank != 2 or axis != 1 or node.attributes.get("p", 2) != 2:
        raise UnsupportedError("vectors are brought to length 1 by the sum of their squares")
    return builder.apply(layers.UnitNormalization(name=builder.name(node)), value)


def lengths_divided_by(nodes: Iterable[Node]) -> dict[str, str]:
    """Finds where a vector is divided by its own length.

    Args:
        nodes: Of the network.

    Returns:
        For the name of each such quotient the name of the vector.
    """
    nodes = list(nodes)
    maker = {name: node for node in nodes for name in node.outputs if name}
    found = {}
    for node in nodes:
        if node.operator == "Div" and len(node.inputs) == 2 and _is_length(maker, node.inputs[1], node.inputs[0]):
            found[node.outputs[0]] = node.inputs[0]
    return found


def _is_length(maker: dict[str, Node], name: str, vector: str) -> bool:
    """Whether a tensor is the length of a vector, perhaps kept from zero and spread over it."""
    node = maker.get(name)
    while node is not None and node.operator in ("Clip", "Max", "Expand", "Identity", "Unsqueeze", "Add"):
        name = node.inputs[0]  # a small number is added, or the larger of the two taken: no face is as short
        node = maker.get(name)
    if node is None:
        return False
    if node.operator == "ReduceL2":
        return node.inputs[0] == vector
    if node.operator not in ("Sqrt", "Pow"):
        return False
    total = maker.get(node.inputs[0])
    while total is not None and total.operator in ("Clip", "Max", "Identity", "Add"):
        total = maker.get(total.inputs[0])
    if total is None or total.operator not in ("ReduceSum", "ReduceSumSquare"):
        return False
    if total.operator == "ReduceSumSquare":
        return total.inputs[0] == vector
    square = maker.get(total.inputs[0])
    if square is None:
        return False
    return tuple(square.inputs) == (vector, vector) if square.operator == "Mul" else square.inputs[0] == vector


OPERATORS = {
    "Add": elementwise,
    "Sub": elementwise,
    "Mul": elementwise,
    "Div": elementwise,
    "Sum": of_tensors,
    "Concat": concatenation,
    "LpNormalization": unit_length,
}
