"""Maps of different sizes brought together: padded, cut off, resized, added."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasface")
class PaddedAdd(keras.layers.Layer):
    """Adds two feature maps of different size, the smaller one padded with zeros at its end.

    dlib's residual networks join shortcut and residual this way where a block halves the map: rows, columns and
    channels are padded at the bottom, right and end until both have the larger extent of the two. Rows or columns that
    are not known beforehand must be equal.

    Input shape:
        Two tensors `(batch, rows, cols, channels)`.

    Output shape:
        `(batch, max(rows), max(cols), max(channels))`.

    Example:
        ```python
        >>> large, small = np.ones((1, 4, 4, 2)), np.ones((1, 2, 2, 3))
        >>> tuple(kf.layers.PaddedAdd()([large, small]).shape)
        (1, 4, 4, 3)

        ```
    """

    def call(self, inputs):
        first, second = inputs
        target = self.compute_output_shape([first.shape, second.shape])[1:]
        return _pad_end(first, target) + _pad_end(second, target)

    def compute_output_shape(self, input_shape):
        first, second = input_shape
        extents = zip(first[1:], second[1:], strict=True)
        return (first[0], *(None if None in pair else max(pair) for pair in extents))


@keras.saving.register_keras_serializable(package="kerasface")
class PadToMultiple(keras.layers.Layer):
    """Pads pictures at the bottom and right by their own mirror image, so that rows and columns can be halved evenly.

    `CropLike` takes off what was added.

    Args:
        multiple: Rows and columns become multiples of this.

    Input shape:
        `(batch, rows, cols, channels)`; rows and columns may be unknown, and have at least `multiple - 1` pixels.

    Output shape:
        `(batch, padded_rows, padded_cols, channels)`, of the layer's compute dtype.

    Example:
        ```python
        >>> tuple(kf.layers.PadToMultiple(4)(np.ones((1, 5, 7, 3))).shape)
        (1, 8, 8, 3)

        ```
    """

    def __init__(self, multiple: int, **kwargs):
        super().__init__(**kwargs)
        if multiple < 1:
            raise ValueError(f"multiple must be at least 1. Received: multiple={multiple}.")
        self.multiple = multiple

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)
        if None not in inputs.shape[1:3] and not any(side % self.multiple for side in inputs.shape[1:3]):
            return inputs
        rows, cols = (-side % self.multiple for side in ops.shape(inputs)[1:3])
        return ops.pad(inputs, [(0, 0), (0, rows), (0, cols), (0, 0)], mode="symmetric")

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(side and -(-side // self.multiple) * self.multiple for side in sides), channels)

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable(package="kerasface")
class CropLike(keras.layers.Layer):
    """Cuts a map at the bottom and right to the rows and columns of another.

    Input shape:
        Two tensors: the map `(batch, rows, cols, channels)`, and one `(batch, fewer_rows, fewer_cols, any)`.

    Output shape:
        `(batch, fewer_rows, fewer_cols, channels)`.

    Example:
        ```python
        >>> large, small = np.ones((1, 4, 4, 2)), np.ones((1, 2, 2, 3))
        >>> tuple(kf.layers.CropLike()([large, small]).shape)
        (1, 2, 2, 2)

        ```
    """

    def call(self, inputs):
        x, like = inputs
        rows, cols = ops.shape(like)[1:3]
        return x[:, :rows, :cols]

    def compute_output_shape(self, input_shape):
        shape, like = input_shape
        return (shape[0], *like[1:3], shape[3])


@keras.saving.register_keras_serializable(package="kerasface")
class ResizeLike(keras.layers.Layer):
    """Brings a map to the rows and columns of another, bilinearly.

    Input shape:
        Two tensors: the map `(batch, rows, cols, channels)`, and one `(batch, other_rows, other_cols, any)`, whose rows
        and columns are known.

    Output shape:
        `(batch, other_rows, other_cols, channels)`.

    Example:
        ```python
        >>> large, small = np.ones((1, 4, 4, 2)), np.ones((1, 2, 2, 3))
        >>> tuple(kf.layers.ResizeLike()([large, small]).shape)
        (1, 2, 2, 2)

        ```
    """

    def call(self, inputs):
        x, like = inputs
        return ops.image.resize(x, like.shape[1:3], interpolation="bilinear")

    def compute_output_shape(self, input_shape):
        shape, like = input_shape
        return (shape[0], *like[1:3], shape[3])


def _pad_end(x, target: tuple[int, int, int]):
    missing = [0 if wanted is None else wanted - given for wanted, given in zip(target, x.shape[1:], strict=True)]
    if not any(missing):
        return x
    return ops.pad(x, [(0, 0), *((0, count) for count in missing)])
