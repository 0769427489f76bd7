"""Pooling, by windows and over whole maps."""

import numpy as np
from keras import layers

from kerasface.models.onnx.building import IMAGE, Builder, UnsupportedError, Value
from kerasface.models.onnx.layers import Pad
from kerasface.models.onnx.operators.convolutions import pads_of, same_pads, two, zero_padded
from kerasface.models.onnx.reading import Node

_LOWEST = float(np.finfo(np.float32).min)


def pooling(builder: Builder, node: Node) -> Value:
    """`MaxPool` and `AveragePool`."""
    value = builder.image(node, builder.value(node))
    kernel, strides, dilations = (two(node, name) for name in ("kernel_shape", "strides", "dilations"))
    if max(dilations) > 1:
        raise UnsupportedError("its window has gaps (dilations)")
    pads = pads_of(node, value.shape[2:], kernel, strides, dilations)
    sides = [side + sum(pair) - window for side, pair, window in zip(value.shape[2:], pads, kernel, strict=True)]
    if min(sides) < 0:
        raise UnsupportedError(f"its window {list(kernel)} is larger than its map {list(value.shape[2:])}")
    if node.attributes.get("ceil_mode", 0) and any(side % stride for side, stride in zip(sides, strides, strict=True)):
        raise UnsupportedError("its last window hangs over the map (ceil_mode)")
    same = pads == same_pads(value.shape[2:], kernel, strides, dilations) and any(map(sum, pads))
    if node.operator == "MaxPool":
        if any(map(sum, pads)) and not same:
            value = builder.apply(Pad((*pads, (0, 0)), "constant", _LOWEST, name=builder.name(node, "pad")), value)
        layer = layers.MaxPooling2D
    else:
        counted = node.attributes.get("count_include_pad", 0)
        if any(map(sum, pads)) and not counted and not same:
            raise UnsupportedError("it leaves the padding out of its means, in a way that Keras has not")
        same = same and not counted
        value = value if same else zero_padded(builder, node, value, pads)
        layer = layers.AveragePooling2D
    return builder.apply(layer(kernel, strides, padding="same" if same else "valid", name=builder.name(node)), value)


def global_pooling(builder: Builder, node: Node) -> Value:
    """`GlobalAveragePool` and `GlobalMaxPool`."""
    value = builder.image(node, builder.value(node))
    layer = layers.GlobalAveragePooling2D if node.operator == "GlobalAveragePool" else layers.GlobalMaxPooling2D
    return builder.apply(layer(keepdims=True, name=builder.name(node)), value)


def mean_over_map(builder: Builder, node: Node) -> Value:
    """`ReduceMean` over rows and columns."""
    value = builder.value(node)
    axes = node.attributes.get("axes")
    axes = builder.constant(node, 1) if axes is None else axes
    if value.rank != 4 or axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]:
        told = None if axes is None else [int(axis) for axis in axes]
        raise UnsupportedError(f"means are taken over rows and columns of a map, axes [2, 3]; these are {told}")
    value = builder.image(node, value)
    layer = layers.GlobalAveragePooling2D(keepdims=True, name=builder.name(node))
    mean = Value(layer(value.tensor), IMAGE)
    return mean if node.attributes.get("keepdims", 1) else builder.reshaped(node, mean, mean.shape[1:2])


OPERATORS = {
    "MaxPool": pooling,
    "AveragePool": pooling,
    "GlobalAveragePool": global_pooling,
    "GlobalMaxPool": global_pooling,
    "ReduceMean": mean_over_map,
}
