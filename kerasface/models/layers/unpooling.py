"""Maps made twice as large, each value at one place of its window: at the corner, or where another map is largest."""

import keras
from keras import ops


class _Unpooling(keras.layers.Layer):
    interpolation = "nearest"  # nothing is mixed: `inspection/cost/receptive_field.py` asks


@keras.saving.register_keras_serializable(package="kerasface")
class UnpoolToCorner(_Unpooling):
    """Places each value at the top left of a window of 2 x 2, zeros around it.

    Input shape:
        `(batch, rows, cols, channels)`.

    Output shape:
        `(batch, 2 * rows, 2 * cols, channels)`.

    Example:
        ```python
        >>> np.asarray(kf.layers.UnpoolToCorner()(np.array([[[[7.0]]]])))[0, :, :, 0].tolist()
        [[7.0, 0.0], [0.0, 0.0]]

        ```
    """

    def call(self, inputs):
        corner = ops.pad(inputs[..., None], [*[(0, 0)] * 4, (0, 3)])  # (batch, rows, cols, channels, places)
        return _spread(corner)

    def compute_output_shape(self, input_shape):
        batch, *sides, channels = input_shape
        return (batch, *(side and 2 * side for side in sides), channels)


@keras.saving.register_keras_serializable(package="kerasface")
class UnpoolByIndex(_Unpooling):
    """Places each value of a map in its window of 2 x 2 where another map is largest: where max pooling took it from.

    Of equal values of the other map the first counts, row by row.

    Input shape:
        Two tensors: the map `(batch, rows, cols, channels)`, and the one before it was pooled, about twice as large,
        of as many channels. What it has beyond twice the rows and columns does not count; what it lacks is never the
        largest.

    Output shape:
        `(batch, 2 * rows, 2 * cols, channels)`.

    Reference:
        Badrinarayanan et al., "SegNet", 2015 (arXiv:1511.00561), section 3.

    Example:
        ```python
        >>> before = np.array([1.0, 2.0, 9.0, 4.0]).reshape(1, 2, 2, 1)
        >>> np.asarray(kf.layers.UnpoolByIndex()([np.array([[[[7.0]]]]), before]))[0, :, :, 0].tolist()
        [[0.0, 0.0], [7.0, 0.0]]

        ```
    """

    def call(self, inputs):
        x, before = inputs
        rows, cols = ops.shape(x)[1:3]
        before = before[:, : 2 * rows, : 2 * cols]
        lacks = [2 * wanted - given for wanted, given in zip((rows, cols), ops.shape(before)[1:3], strict=True)]
        least = float("-inf") if before.dtype == "float32" else -3e4  # of float16 and bfloat16, whatever the backend
        before = ops.pad(before, [(0, 0), (0, lacks[0]), (0, lacks[1]), (0, 0)], constant_values=least)
        channels = x.shape[-1]
        windows = ops.reshape(before, (-1, rows, 2, cols, 2, channels))
        windows = ops.reshape(ops.transpose(windows, (0, 1, 3, 5, 2, 4)), (-1, rows, cols, channels, 4))
        places = ops.one_hot(ops.argmax(windows, axis=-1), 4, dtype=x.dtype)
        return _spread(places * x[..., None])

    def compute_output_shape(self, input_shape):
        (batch, *sides, channels), _ = input_shape
        return (batch, *(side and 2 * side for side in sides), channels)


def _spread(places):
    """Lays the last axis, four places, out as windows of 2 x 2."""
    rows, cols, channels = *ops.shape(places)[1:3], places.shape[3]
    windows = ops.reshape(places, (-1, rows, cols, channels, 2, 2))
    windows = ops.transpose(windows, (0, 1, 4, 2, 5, 3))  # (batch, rows, 2, cols, 2, channels)
    return ops.reshape(windows, (-1, 2 * rows, 2 * cols, channels))
