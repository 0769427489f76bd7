"""Convolutions, dense layers and batch normalization."""

from collections.abc import Sequence

import numpy as np
from keras import layers

from kerasface.models.onnx.building import Builder, UnsupportedError, Value, filled
from kerasface.models.onnx.layers import Pad
from kerasface.models.onnx.reading import Node


def pads_of(
    node: Node, shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[tuple[int, int]]:
    """Returns what a window's operator adds before and after rows and columns.

    Args:
        node: The operator.
        shape: Rows and columns of its map.
        kernel: Rows and columns of its window.
        strides: Steps of its window.
        dilations: Distances of the window's points.

    Raises:
        UnsupportedError: If it cuts instead.
    """
    auto = node.attributes.get("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = list(node.attributes.get("pads", (0, 0, 0, 0)))
        if len(pads) != 4 or min(pads) < 0:
            raise UnsupportedError(f"pads={pads} are not four numbers from 0")
        return [(pads[0], pads[2]), (pads[1], pads[3])]
    if auto == "VALID":
        return [(0, 0), (0, 0)]
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad={auto!r} is not known")
    return same_pads(shape, kernel, strides, dilations, upper=auto == "SAME_UPPER")


def same_pads(shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations, *, upper: bool = True):
    """Returns what is added before and after rows and columns so that their number is divided by the stride alone.

    Args:
        shape: As for `pads_of`, and so the others.
        kernel: Rows and columns.
        strides: Steps.
        dilations: Distances.
        upper: Whether the larger half of an odd number comes after, as Keras's `padding="same"` has it.
    """
    found = []
    for side, window, stride, dilation in zip(shape, kernel, strides, dilations, strict=True):
        total = max(0, (-(-side // stride) - 1) * stride + (window - 1) * dilation + 1 - side)
        less = total // 2
        found.append((less, total - less) if upper else (total - less, less))
    return found


def zero_padded(builder: Builder, node: Node, value: Value, pads: list[tuple[int, int]]) -> Value:
    """Puts zeros around a map."""
    if not any(map(sum, pads)):
        return value
    return builder.apply(layers.ZeroPadding2D(tuple(pads), name=builder.name(node, "pad")), value)


def two(node: Node, name: str) -> tuple[int, int]:
    """Returns an attribute with a number for rows and one for columns, 1 where it is left out."""
    found = tuple(node.attributes.get(name, (1, 1)))
    if len(found) != 2 or min(found) < 1:
        raise UnsupportedError(f"{name}={list(found)} are not two numbers from 1")
    return found


def convolution(builder: Builder, node: Node) -> Value:
    """`Conv`: `Conv2D`, `DepthwiseConv2D` where each channel has filters of its own."""
    value = builder.image(node, builder.value(node))
    weights, bias = builder.needed(node, 1), builder.constant(node, 2)
    if weights.ndim != 4 or weights.size == 0:
        raise UnsupportedError(f"its filters have the shape {list(weights.shape)}; two dimensions of space are read")
    filters, depth, *kernel = weights.shape
    groups, channels = node.attributes.get("group", 1), value.shape[1]
    if groups < 1 or depth * groups != channels or filters % groups:
        raise UnsupportedError(f"{groups} groups of filters {list(weights.shape)} do not fit {channels} channels")
    strides, dilations = two(node, "strides"), two(node, "dilations")
    if max(strides) > 1 and max(dilations) > 1:
        raise UnsupportedError("it has both strides and dilations, which no Keras layer has")
    pads = pads_of(node, value.shape[2:], kernel, strides, dilations)
    same = pads == same_pads(value.shape[2:], kernel, strides, dilations) and any(map(sum, pads))
    value = value if same else zero_padded(builder, node, value, pads)
    options = {
        "kernel_size": tuple(kernel),
        "strides": strides,
        "dilation_rate": dilations,
        "padding": "same" if same else "valid",
        "use_bias": bias is not None,
        "name": builder.name(node),
    }
    biases = [] if bias is None else [bias]
    if groups == channels and groups > 1:
        if strides[0] != strides[1]:
            raise UnsupportedError("a depthwise convolution has one stride for rows and columns")
        layer = layers.DepthwiseConv2D(depth_multiplier=filters // groups, **options)
        # (channels * multiple, 1, rows, cols) -> (rows, cols, channels, multiple)
        kernels = weights.reshape(channels, filters // groups, *kernel).transpose(2, 3, 0, 1)
        return filled(layer, value, [kernels, *biases])
    layer = layers.Conv2D(filters, groups=groups, **options)
    return filled(layer, value, [weights.transpose(2, 3, 1, 0), *biases])


def batch_normalization(builder: Builder, node: Node) -> Value:
    """`BatchNormalization`, with its statistics."""
    if node.attributes.get("training_mode") or node.attributes.get("spatial", 1) != 1:
        raise UnsupportedError("it normalizes by the batch, or every pixel by itself")
    value = builder.value(node)
    if value.rank == 4:
        value = builder.image(node, value)
    elif value.rank != 2:
        raise UnsupportedError(f"it takes maps or vectors, not a tensor of shape {list(value.shape)}")
    weights = [builder.needed(node, place) for place in range(1, 5)]
    if (weights[3] < 0).any():
        raise UnsupportedError("a variance is below zero")
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    layer = layers.BatchNormalization(epsilon=epsilon, momentum=0.9, name=builder.name(node))
    return filled(layer, value, weights)


def dense(builder: Builder, node: Node) -> Value:
    """`Gemm`: `Dense`."""
    value = builder.value(node)
    if value.rank != 2 or node.attributes.get("transA", 0):
        raise UnsupportedError(f"it multiplies vectors of images, not a tensor of shape {list(value.shape)}")
    matrix, bias = builder.needed(node, 1), builder.constant(node, 2)
    matrix = matrix.T if node.attributes.get("transB", 0) else matrix
    if matrix.ndim != 2:
        raise UnsupportedError(f"its matrix has the shape {list(matrix.shape)}")
    matrix = matrix * np.float32(node.attributes.get("alpha", 1.0))
    biases = []
    if bias is not None:
        if bias.size not in (1, matrix.shape[1]):
            raise UnsupportedError(f"its bias has the shape {list(bias.shape)}")
        bias = bias.ravel() * np.float32(node.attributes.get("beta", 1.0))
        biases = [np.broadcast_to(bias, matrix.shape[1:]).copy()]
    layer = layers.Dense(matrix.shape[1], use_bias=bool(biases), name=builder.name(node))
    return filled(layer, value, [matrix, *biases])


def product(builder: Builder, node: Node) -> Value:
    """`MatMul` with weights: `Dense` without bias, over the last axis."""
    value, matrix = builder.value(node), builder.needed(node, 1)
    if matrix.ndim != 2:
        raise UnsupportedError(f"its matrix has the shape {list(matrix.shape)}")
    value = builder.ordered(node, value, tuple(range(value.rank)))
    return filled(layers.Dense(matrix.shape[1], use_bias=False, name=builder.name(node)), value, [matrix])


def padded(builder: Builder, node: Node) -> Value:
    """`Pad`, of any axis but the batch."""
    value = builder.value(node)
    pads = node.attributes.get("pads")
    pads = builder.needed(node, 1) if pads is None else pads
    axes = builder.constant(node, 3)
    constant = builder.constant(node, 2)
    number = float(node.attributes.get("value", 0.0) if constant is None else constant.ravel()[0])
    mode = node.attributes.get("mode", "constant")
    pads = [int(pad) for pad in pads]
    axes = range(value.rank) if axes is None else [int(axis) % value.rank for axis in axes]
    if len(pads) != 2 * len(axes) or min(pads) < 0:
        raise UnsupportedError(f"pads={pads} are not two numbers from 0 for each axis")
    if mode not in ("constant", "reflect", "edge"):
        raise UnsupportedError(f"mode={mode!r} is not known")
    of_axis = {axis: (pads[place], pads[place + len(axes)]) for place, axis in enumerate(axes)}
    if any(of_axis.get(0, ())):
        raise UnsupportedError("it adds images to the batch")
    widths = tuple(of_axis.get(axis, (0, 0)) for axis in value.axes[1:])
    if mode == "constant" and number == 0 and value.axes == (0, 2, 3, 1) and not any(widths[2]):
        return zero_padded(builder, node, value, list(widths[:2]))
    return builder.apply(Pad(widths, mode, number if mode == "constant" else 0.0, name=builder.name(node)), value)


OPERATORS = {
    "Conv": convolution,
    "BatchNormalization": batch_normalization,
    "Gemm": dense,
    "MatMul": product,
    "Pad": padded,
}
