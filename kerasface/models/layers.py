"""Keras layers that Keras itself does not have."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasface")
class PaddedAdd(keras.layers.Layer):
    """Adds two feature maps of different size, the smaller one padded with zeros at its end.

    dlib's residual networks join shortcut and residual this way where a block halves the map: rows, columns and
    channels are padded at the bottom, right and end until both have the larger extent of the two.

    Input shape:
        Two tensors `(batch, rows, cols, channels)`.

    Output shape:
        `(batch, max(rows), max(cols), max(channels))`.
    """

    def call(self, inputs):
        first, second = inputs
        target = self.compute_output_shape([first.shape, second.shape])[1:]
        return _pad_end(first, target) + _pad_end(second, target)

    def compute_output_shape(self, input_shape):
        first, second = input_shape
        return (first[0], *(max(a, b) for a, b in zip(first[1:], second[1:], strict=True)))


def _pad_end(x, target: tuple[int, int, int]):
    missing = [wanted - given for wanted, given in zip(target, x.shape[1:], strict=True)]
    if not any(missing):
        return x
    return ops.pad(x, [(0, 0), *((0, count) for count in missing)])
