"""Multiply-adds of one call of a layer, from the shapes of its inputs and weights.

Counted is what published tables count: products with kernels and of matrices, padding included. Biases, activations,
normalisation, pooling and sums are not; they take time, but little beside the others.
"""

import math
from collections.abc import Callable, Sequence

import keras
from keras import layers

from kerasface.models.layers import CosineLogits

Shape = tuple[int, ...]

# Weights of several dimensions that are looked up or multiply one value each.
_ELEMENTWISE = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.RMSNormalization,
    layers.PReLU,
    layers.Embedding,
)
# They multiply without a weight of their own.
_WEIGHTLESS = (
    *("Attention", "AdditiveAttention", "Dot", "Tensordot", "Inner", "Vdot", "DotProductAttention"),
    *("Conv", "ConvTranspose", "DepthwiseConv", "SeparableConv"),
)


def multiply_adds(operation: keras.Operation, inputs: Sequence[Shape], output: Shape) -> int | None:
    """Counts the multiply-adds of one call.

    Args:
        operation: A built layer, or an operation of `keras.ops` in a functional model.
        inputs: Shape of each tensor that goes in, batch included, in the order of the call.
        output: Shape of the first tensor that comes out.

    Returns:
        The count for the whole batch; `None` where it is not known, for layers of other packages that have kernels.
    """
    for kinds, count in _COUNTS:
        if isinstance(operation, kinds):
            return count(operation, inputs, output)
    name = type(operation).__name__
    if isinstance(operation, layers.Layer):
        has_kernel = any(len(weight.shape) > 1 for weight in operation.weights)
        return None if name in _WEIGHTLESS or (has_kernel and not isinstance(operation, _ELEMENTWISE)) else 0
    if name == "Matmul":
        return math.prod(output) * inputs[0][-1]
    if name == "Einsum":
        return _einsum(operation.subscripts, *inputs)
    return None if name in _WEIGHTLESS else 0


def _convolution(layer, inputs, output) -> int:
    return math.prod(output[:-1]) * math.prod(layer.kernel.shape)  # groups share the kernel's channels


def _separable(layer, inputs, output) -> int:
    kernels = layer.depthwise_kernel, layer.pointwise_kernel
    return math.prod(output[:-1]) * sum(math.prod(kernel.shape) for kernel in kernels)


def _transposed(layer, inputs, output) -> int:
    return math.prod(inputs[0][:-1]) * math.prod(layer.kernel.shape)  # every input pixel is spread once


def _dense(layer, inputs, output) -> int:
    return math.prod(inputs[0]) * output[-1]


def _einsum_dense(layer, inputs, output) -> int:
    return _einsum(layer.equation, inputs[0], layer.kernel.shape)


def _attention(layer, inputs, output) -> int | None:
    """Projections of query, key and value and back, and between them the scores and the weighted sum of the values."""
    query, value, key = inputs if len(inputs) == 3 else (*inputs, inputs[-1])
    if len(inputs) > 3 or len(query) != 3:
        return None
    projections = (layer.query_dense, query), (layer.key_dense, key), (layer.value_dense, value)
    config = layer.get_config()
    heads, widths = config["num_heads"], (config["key_dim"], config["value_dim"])
    back = _einsum(layer.output_dense.equation, (*query[:2], heads, widths[1]), layer.output_dense.kernel.shape)
    scores = query[0] * query[1] * value[1] * heads * sum(widths)
    return sum(_einsum(dense.equation, shape, dense.kernel.shape) for dense, shape in projections) + scores + back


def _einsum(equation: str, *shapes: Shape) -> int:
    """One multiply-add for every combination of the indices; those under an ellipsis count as one index."""
    sizes: dict[str, int] = {}
    for labels, shape in zip(equation.replace(" ", "").split("->")[0].split(","), shapes, strict=True):
        head, dots, tail = labels.partition("...")
        behind = len(shape) - len(tail)
        sizes |= dict(zip(head, shape, strict=False)) | dict(zip(tail, shape[behind:], strict=True))
        if dots:
            sizes[dots] = max(sizes.get(dots, 1), math.prod(shape[len(head) : behind]))
    return math.prod(sizes.values())


_COUNTS: tuple[tuple[tuple[type, ...], Callable], ...] = (
    ((layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose), _transposed),
    ((layers.SeparableConv1D, layers.SeparableConv2D), _separable),
    (
        (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D),
        _convolution,
    ),
    ((layers.Dense, CosineLogits), _dense),
    ((layers.EinsumDense,), _einsum_dense),
    ((layers.MultiHeadAttention,), _attention),
)
