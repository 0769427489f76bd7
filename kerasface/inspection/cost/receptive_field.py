"""How much of the image one value of a layer depends on, and how far apart neighbouring values look.

Reference:
    Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019: along a path
    `r_l = r_(l-1) + (k_l - 1) d_l j_(l-1)` and `j_l = j_(l-1) s_l`; where paths meet, the largest counts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

Shape = tuple[int, ...]

WINDOWED = (
    layers.Conv2D,
    layers.DepthwiseConv2D,
    layers.SeparableConv2D,
    layers.MaxPooling2D,
    layers.AveragePooling2D,
)
_RESIZING = ("UpSampling2D", "Resizing", "ResizeLike", "Resize", "UnpoolToCorner", "UnpoolByIndex")


@dataclass(frozen=True)
class Field:
    """What one value depends on.

    Attributes:
        size: Rows and columns of the input, in pixels. They count beyond the image's border, where zeros stand.
        jump: Pixels of the input between neighbouring values, along rows and columns; 0 where there are no neighbours.
    """

    size: tuple[float, float] = (1, 1)
    jump: tuple[float, float] = (1, 1)


def field_after(operation: keras.Operation, fields: Sequence[Field], inputs: Sequence[Shape], output: Shape) -> Field:
    """Returns the field of what an operation gives.

    Operations that neither slide a window nor resize nor pool a whole map keep the field; behind one that takes in a
    whole map, such as the gate of squeeze and excitation, every value depends on the whole image.

    Args:
        operation: A layer or an operation of `keras.ops`.
        fields: Field of each input that depends on the image, at least one.
        inputs: Their shapes, batch included.
        output: Shape of the first output.
    """
    rows, cols = (
        [_along(axis, operation, field, shape, output) for field, shape in zip(fields, inputs, strict=True)]
        for axis in (0, 1)
    )
    sizes, jumps = zip(_largest(rows), _largest(cols), strict=True)
    return Field(sizes, jumps)


def window(layer: keras.layers.Layer) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Returns kernel, strides and dilation of a convolution or pooling, a number for each axis."""
    kernel = getattr(layer, "pool_size", None) or layer.kernel_size
    return kernel, layer.strides, getattr(layer, "dilation_rate", (1,) * len(kernel))


def _along(axis: int, operation, field: Field, shape: Shape, output: Shape) -> tuple[float, float]:
    """Size and jump along one axis, of one of the inputs."""
    size, jump = field.size[axis], field.jump[axis]
    if len(shape) != 4:
        return size, jump
    before = shape[1 + axis]
    after = output[1 + axis] if len(output) == 4 else 1
    if isinstance(operation, WINDOWED):
        kernel, strides, dilation = (numbers[axis] for numbers in window(operation))
        return size + (kernel - 1) * dilation * jump, jump * strides
    if isinstance(operation, layers.Conv2DTranspose):
        kernel, strides, dilation = (numbers[axis] for numbers in window(operation))
        # So many pixels of the input reach one of the output.
        reach = math.ceil((dilation * (kernel - 1) + 1) / strides)
        return size + (reach - 1) * jump, jump / strides
    if type(operation).__name__ in _RESIZING:
        nearest = getattr(operation, "interpolation", "bilinear") == "nearest"
        blurred = 0 if nearest or before == after else jump  # bilinear: two neighbours are mixed
        return size + blurred, jump * before / after
    if len(output) != 4 or isinstance(operation, layers.Reshape) or (after == 1 and before > 1):
        return size + (before - 1) * jump, 0
    return size, jump


def _largest(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return tuple(max(numbers) for numbers in zip(*values, strict=True))
