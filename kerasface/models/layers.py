"""Keras layers that Keras itself does not have."""

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
class ReverseChannels(keras.layers.Layer):
    """Turns RGB into BGR, and back. A layer, not an operation, so that a model can be rebuilt in another precision.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        That of the input.
    """

    def call(self, inputs):
        return ops.flip(inputs, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable(package="kerasface")
class AddMirrored(keras.layers.Layer):
    """Appends the mirror image of every image to the batch; `MeanOfViews` brings both together again.

    In the batch, so that the layers between the two are called once, and inspection finds one output of each.

    Input shape:
        `(batch, rows, cols, channels)`.

    Output shape:
        `(2 * batch, rows, cols, channels)`: the images, then their mirror images.
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
    """

    def call(self, inputs):
        maps, mirrored = ops.split(inputs, 2, axis=0)
        return (maps + ops.flip(mirrored, axis=2)) / 2

    def compute_output_shape(self, input_shape):
        return _with_batch(input_shape, 1 / 2)


@keras.saving.register_keras_serializable(package="kerasface")
class Maxout(keras.layers.Layer):
    """Keeps the largest of each group of neighbouring channels: an activation that is learned by the layer before it.

    Put it behind a dense or convolution layer with `pieces` times as many units as are wanted.

    Args:
        pieces: Channels per group, at least 2.

    Input shape:
        `(batch, ..., channels * pieces)`.

    Output shape:
        `(batch, ..., channels)`.

    Raises:
        ValueError: If `pieces` is below 2, or does not divide the input's channels.

    Reference:
        Goodfellow et al. 2013, "Maxout Networks" (arXiv:1302.4389), section 3.
    """

    def __init__(self, pieces: int = 2, **kwargs):
        super().__init__(**kwargs)
        if pieces < 2:
            raise ValueError(f"Maxout chooses among at least 2 pieces. Received: pieces={pieces}.")
        self.pieces = pieces

    def call(self, inputs):
        shape = self.compute_output_shape(inputs.shape)
        groups = ops.reshape(inputs, (-1, *shape[1:], self.pieces))  # (batch, ..., channels, pieces)
        return ops.max(groups, axis=-1)

    def compute_output_shape(self, input_shape):
        if input_shape[-1] % self.pieces:
            raise ValueError(
                f"The channels must be a multiple of pieces={self.pieces}. Received: input shape {tuple(input_shape)}."
            )
        return (*input_shape[:-1], input_shape[-1] // self.pieces)

    def get_config(self):
        return {**super().get_config(), "pieces": self.pieces}


@keras.saving.register_keras_serializable(package="kerasface")
class DropBlock2D(keras.layers.Layer):
    """Drops square blocks of a feature map while training, and scales what is left so that its mean stays.

    Use it where dropout of single values does little because their neighbours say the same: in convolutional layers.
    The paper raises the rate during training; `layer.rate.assign(value)` does that from a callback.

    Args:
        rate: Expected share of dropped values, in `[0, 1)`.
        block_size: Side of a block in pixels of the map; a smaller map is dropped as a whole.
        seed: Seed of the blocks' positions.

    Input shape:
        `(batch, rows, cols, channels)` with known rows and columns. Each channel has its own blocks.

    Output shape:
        That of the input.

    Raises:
        ValueError: If `rate` or `block_size` is out of range.

    Reference:
        Ghiasi et al. 2018, "DropBlock" (arXiv:1810.12890), algorithm 1 and equation 1.
    """

    def __init__(self, rate: float = 0.1, block_size: int = 7, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate must be in [0, 1). Received: rate={rate}.")
        if block_size < 1:
            raise ValueError(f"block_size must be at least 1. Received: block_size={block_size}.")
        self.initial_rate = rate
        self.block_size = block_size
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        # A variable, because a compiled training step would keep seeing the first value of a plain number.
        self.rate = self.add_weight(
            name="rate", initializer=keras.initializers.Constant(self.initial_rate), trainable=False, autocast=False
        )

    def call(self, inputs, training=False):
        if not training:
            return inputs
        keep = ops.cast(self._keep_mask(inputs), "float32")  # counted in float32: 16 bits cannot count a map
        share = ops.maximum(ops.mean(keep), keras.config.epsilon())  # all may be dropped
        return inputs * ops.cast(keep / share, inputs.dtype)

    def _keep_mask(self, inputs):
        """Returns where values are kept: boolean, the shape of `inputs`."""
        batch, (rows, cols, channels) = ops.shape(inputs)[0], inputs.shape[1:]
        height, width = min(self.block_size, rows), min(self.block_size, cols)
        corners = (rows - height + 1, cols - width + 1)  # positions of upper left corners of whole blocks
        gamma = self.rate * (rows * cols) / (height * width * corners[0] * corners[1])
        drawn = keras.random.uniform((batch, *corners, channels), dtype="float32", seed=self.seed_generator)
        seeds = ops.cast(drawn < gamma, "float32")
        around = [(0, 0), (height - 1, height - 1), (width - 1, width - 1), (0, 0)]
        # A value falls if a block's corner lies up to a block's side above and left of it.
        dropped = ops.max_pool(ops.pad(seeds, around), (height, width), strides=1, padding="valid")
        return dropped < 0.5

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.initial_rate,
            "block_size": self.block_size,
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="kerasface")
class CosineLogits(keras.layers.Layer):
    """Scores features against one direction per class: the cosine of the angle between them, times `scale`.

    The last layer under `losses.ArcFace` and `losses.CosFace`, which take cosines (`scale=1`) and scale them
    themselves. Under mixed precision give it `dtype="float32"`: a 16-bit cosine is too coarse for an angular margin.

    Args:
        num_classes: Number of classes.
        scale: Factor on the cosines, above 0.

    Input shape:
        `(batch, dim)`.

    Output shape:
        `(batch, num_classes)`, in `[-scale, scale]`.

    Raises:
        ValueError: If `num_classes` or `scale` is out of range.

    Reference:
        Wang et al. 2017, "NormFace" (arXiv:1704.06369), equation 5.
    """

    def __init__(self, num_classes: int, scale: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        if num_classes < 1:
            raise ValueError(f"num_classes must be at least 1. Received: num_classes={num_classes}.")
        if scale <= 0:
            raise ValueError(f"scale must be above 0. Received: scale={scale}.")
        self.num_classes = num_classes
        self.scale = scale

    def build(self, input_shape):
        self.directions = self.add_weight(
            name="directions", shape=(input_shape[-1], self.num_classes), initializer="glorot_uniform"
        )

    def call(self, inputs):
        features = ops.normalize(inputs, axis=-1)
        directions = ops.normalize(ops.convert_to_tensor(self.directions), axis=0)
        return self.scale * ops.matmul(features, directions)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_classes)

    def get_config(self):
        return {**super().get_config(), "num_classes": self.num_classes, "scale": self.scale}


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
    """

    def call(self, inputs):
        x, like = inputs
        return ops.image.resize(x, like.shape[1:3], interpolation="bilinear")

    def compute_output_shape(self, input_shape):
        shape, like = input_shape
        return (shape[0], *like[1:3], shape[3])


def _with_batch(shape: tuple, factor: float) -> tuple:
    return (None if shape[0] is None else round(shape[0] * factor), *shape[1:])


def _pad_end(x, target: tuple[int, int, int]):
    missing = [0 if wanted is None else wanted - given for wanted, given in zip(target, x.shape[1:], strict=True)]
    if not any(missing):
        return x
    return ops.pad(x, [(0, 0), *((0, count) for count in missing)])
