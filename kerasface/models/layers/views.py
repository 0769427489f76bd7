"""Views of a picture in one batch: mirrored, smaller and larger ones, and the mean of what they lead to."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasface")
class AddMirrored(keras.layers.Layer):
    """Appends the mirror image of every image to the batch; `MeanOfViews` brings both together again.

    In the batch, so that the layers between the two are called once, and inspection finds one output of each.

    Input shape:
        `(batch, rows, cols, channels)`.

    Output shape:
        `(2 * batch, rows, cols, channels)`: the images, then their mirror images.

    Example:
        ```python
        >>> row = np.array([0.0, 1.0, 2.0]).reshape(1, 1, 3, 1)
        >>> np.asarray(kf.layers.AddMirrored()(row)).ravel().tolist()
        [0.0, 1.0, 2.0, 2.0, 1.0, 0.0]

        ```
    """

    def call(self, inputs):
        return ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0)

    def compute_output_shape(self, input_shape):
        return _with_batch(input_shape, 2)


@keras.saving.register_keras_serializable(package="kerasface")
class AddZoomed(keras.layers.Layer):
    """Appends every image once smaller and once larger to the batch; `MeanOfViews` brings the three together again.

    Smaller: the image with a border of its own reflection, brought back to its size; larger: its middle, brought back
    to its size. Both bilinear.

    Args:
        border: Pixels added on every side for the smaller view, below half the image's side.
        cut: Pixels cut from every side for the larger view, below half the image's side.

    Input shape:
        `(batch, rows, cols, channels)`.

    Output shape:
        `(3 * batch, rows, cols, channels)`, floats: the images, the smaller views, the larger ones.

    Example:
        ```python
        >>> tuple(kf.layers.AddZoomed(border=1, cut=1)(np.ones((1, 4, 4, 2))).shape)
        (3, 4, 4, 2)

        ```
    """

    def __init__(self, border: int = 4, cut: int = 7, **kwargs):
        super().__init__(**kwargs)
        if min(border, cut) < 1:
            raise ValueError(f"border and cut must be at least 1 pixel. Received: border={border}, cut={cut}.")
        self.border = border
        self.cut = cut

    def call(self, inputs):
        inputs = ops.cast(inputs, self.compute_dtype)
        size = inputs.shape[1:3]
        sides = (self.border, self.border)
        framed = ops.pad(inputs, [(0, 0), sides, sides, (0, 0)], mode="reflect")
        middle = inputs[:, self.cut : -self.cut, self.cut : -self.cut]
        zoomed = [ops.image.resize(view, size, interpolation="bilinear") for view in (framed, middle)]
        return ops.concatenate([inputs, *zoomed], axis=0)

    def compute_output_shape(self, input_shape):
        return _with_batch(input_shape, 3)

    def get_config(self):
        return {**super().get_config(), "border": self.border, "cut": self.cut}


@keras.saving.register_keras_serializable(package="kerasface")
class MeanOfViews(keras.layers.Layer):
    """Averages the unit embeddings of several views of each image, and brings the mean to unit length again.

    Args:
        views: Views of each image, at least 2.

    Input shape:
        `(views * batch, dim)`: all images in their first view, then all in their second and so on, as `AddMirrored` and
        `AddZoomed` make it.

    Output shape:
        `(batch, dim)`.

    Example:
        ```python
        >>> views = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(kf.layers.MeanOfViews(2)(views)[0, 0]), 3)
        0.707

        ```
    """

    def __init__(self, views: int = 2, **kwargs):
        super().__init__(**kwargs)
        if views < 2:
            raise ValueError(f"A mean needs two views or more. Received: views={views}.")
        self.views = views

    def call(self, inputs):
        total, *others = ops.split(inputs, self.views, axis=0)
        for view in others:
            total = total + view
        return ops.normalize(total, axis=-1)

    def compute_output_shape(self, input_shape):
        return _with_batch(input_shape, 1 / self.views)

    def get_config(self):
        return {**super().get_config(), "views": self.views}


@keras.saving.register_keras_serializable(package="kerasface")
class MeanOfMirrored(keras.layers.Layer):
    """Averages the maps of every picture and of its mirror image, which is mirrored back.

    Input shape:
        `(2 * batch, rows, cols, channels)`: maps of the pictures, then of their mirror images, as `AddMirrored` makes
        them.

    Output shape:
        `(batch, rows, cols, channels)`.

    Example:
        ```python
        >>> maps = np.array([0.0, 1.0, 2.0, 3.0]).reshape(2, 1, 2, 1)
        >>> np.asarray(kf.layers.MeanOfMirrored()(maps)).ravel().tolist()
        [1.5, 1.5]

        ```
    """

    def call(self, inputs):
        maps, mirrored = ops.split(inputs, 2, axis=0)
        return (maps + ops.flip(mirrored, axis=2)) / 2

    def compute_output_shape(self, input_shape):
        return _with_batch(input_shape, 1 / 2)


def _with_batch(shape: tuple, factor: float) -> tuple:
    return (None if shape[0] is None else round(shape[0] * factor), *shape[1:])
