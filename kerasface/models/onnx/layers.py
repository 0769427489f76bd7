"""Keras layers for what ONNX networks compute and Keras has no layer for."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasface")
class Affine(keras.layers.Layer):
    """Multiplies by weights and adds weights, each of a shape that spreads over the input: `x * scale + offset`.

    Args:
        scale_shape: Shape of the factors without the batch, such as `(1, 1, channels)`; `None` for none.
        offset_shape: Shape of what is added; `None` for nothing.

    Input shape:
        `(batch, ...)`.

    Output shape:
        That of the input.
    """

    def __init__(self, scale_shape=None, offset_shape=None, **kwargs):
        super().__init__(**kwargs)
        self.scale_shape = None if scale_shape is None else tuple(scale_shape)
        self.offset_shape = None if offset_shape is None else tuple(offset_shape)

    def build(self, input_shape):
        if self.scale_shape is not None:
            self.scale = self.add_weight(name="scale", shape=self.scale_shape, initializer="ones")
        if self.offset_shape is not None:
            self.offset = self.add_weight(name="offset", shape=self.offset_shape, initializer="zeros")

    def call(self, inputs):
        if self.scale_shape is not None:
            inputs = inputs * ops.cast(self.scale, inputs.dtype)
        if self.offset_shape is not None:
            inputs = inputs + ops.cast(self.offset, inputs.dtype)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "scale_shape": self.scale_shape, "offset_shape": self.offset_shape}


@keras.saving.register_keras_serializable(package="kerasface")
class Clip(keras.layers.Layer):
    """Keeps values between two limits.

    Args:
        minimum: Lower one; `None` for none.
        maximum: Upper one; `None` for none.

    Input shape:
        Any.

    Output shape:
        That of the input.
    """

    def __init__(self, minimum: float | None = None, maximum: float | None = None, **kwargs):
        super().__init__(**kwargs)
        self.minimum = minimum
        self.maximum = maximum

    def call(self, inputs):
        if self.minimum is not None:
            inputs = ops.maximum(inputs, ops.cast(self.minimum, inputs.dtype))
        if self.maximum is not None:
            inputs = ops.minimum(inputs, ops.cast(self.maximum, inputs.dtype))
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "minimum": self.minimum, "maximum": self.maximum}


@keras.saving.register_keras_serializable(package="kerasface")
class Divide(keras.layers.Layer):
    """Divides one tensor by another, which may spread over it.

    Input shape:
        Two tensors of equal rank.

    Output shape:
        That of their quotient.
    """

    def call(self, inputs):
        first, second = inputs
        return first / second

    def compute_output_shape(self, input_shape):
        first, second = input_shape
        return (first[0], *(max(pair) for pair in zip(first[1:], second[1:], strict=True)))


@keras.saving.register_keras_serializable(package="kerasface")
class Pad(keras.layers.Layer):
    """Pads any axis but the batch, also with another number than zero, or with what the map shows.

    Args:
        padding: `(before, after)` for every axis but the batch.
        mode: `"constant"`, `"reflect"` or `"edge"`.
        value: What is padded with, where it is constant.

    Input shape:
        `(batch, ...)`.

    Output shape:
        The same with each side longer by its padding.
    """

    def __init__(self, padding, mode: str = "constant", value: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.padding = tuple(tuple(pair) for pair in padding)
        self.mode = mode
        self.value = value

    def call(self, inputs):
        widths = ((0, 0), *self.padding)
        if self.mode == "edge":
            return _repeated(inputs, widths)
        return ops.pad(inputs, widths, mode=self.mode, **({"constant_values": self.value} if self.value else {}))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(side + sum(pair) for side, pair in zip(input_shape[1:], self.padding, strict=True)))

    def get_config(self):
        return {**super().get_config(), "padding": self.padding, "mode": self.mode, "value": self.value}


def _repeated(inputs, widths):
    """Pads with the outermost values, which not every backend's `pad` can."""
    for axis, (before, after) in enumerate(widths):
        parts = [inputs]
        if before:
            parts.insert(0, ops.repeat(ops.take(inputs, [0], axis=axis), before, axis=axis))
        if after:
            parts.append(ops.repeat(ops.take(inputs, [inputs.shape[axis] - 1], axis=axis), after, axis=axis))
        inputs = ops.concatenate(parts, axis=axis) if len(parts) > 1 else inputs
    return inputs
