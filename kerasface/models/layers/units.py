"""Units that Keras does not have: maxout, dropped blocks, cosine logits, reversed channels."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasface")
class ReverseChannels(keras.layers.Layer):
    """Turns RGB into BGR, and back. A layer, not an operation, so that a model can be rebuilt in another precision.

    Input shape:
        `(batch, ..., channels)`.

    Output shape:
        That of the input.

    Example:
        ```python
        >>> np.asarray(kf.layers.ReverseChannels()(np.array([[1.0, 2.0, 3.0]]))).tolist()
        [[3.0, 2.0, 1.0]]

        ```
    """

    def call(self, inputs):
        return ops.flip(inputs, axis=-1)

    def compute_output_shape(self, input_shape):
        return input_shape


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

    Example:
        ```python
        >>> np.asarray(kf.layers.Maxout(pieces=2)(np.array([[1.0, 5.0, 2.0, -1.0]]))).tolist()
        [[5.0, 2.0]]

        ```
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

    Example:
        ```python
        >>> dropped = kf.layers.DropBlock2D(rate=0.3, block_size=2, seed=1)(np.ones((1, 4, 4, 1)), training=True)
        >>> int(np.sum(np.asarray(dropped) == 0)), round(float(np.mean(dropped)), 3)  # a block of 2 by 2
        (4, 1.0)

        ```
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

    Example:
        ```python
        >>> logits = kf.layers.CosineLogits(num_classes=3)(np.ones((1, 8)))
        >>> tuple(logits.shape), bool(np.all(np.abs(np.asarray(logits)) <= 1))
        ((1, 3), True)

        ```
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
