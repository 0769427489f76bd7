"""What the architectures are made of: a convolution with what belongs to it, and the blocks that papers gave a name.

Each takes the name of its block: its layers are called `<block>_<what>`.
"""

import math

import keras
from keras import layers

from kerasface.models.layers import DropBlock2D, Maxout

# Below this side the stem keeps the resolution, so that the last map is not a single point.
SMALL_SIDE = 64
PUBLISHED = "published"  # BatchNorm as networks of ImageNet have it, whose weights were made with its epsilon
LEAK = 0.1  # slope of leaky_relu below 0: max(0.1 x, x)


def dense(x, units: int, activation: str, dropout: float, block: str, norm: str = "none"):
    """Dense layer, normalisation, activation, dropout. `instance` normalises over a map, which a vector has none of."""
    norm = "none" if norm == "instance" else norm
    x = layers.Dense(
        _width(units, activation), use_bias=norm == "none", kernel_initializer="he_normal", name=f"{block}_dense"
    )(x)
    x = _activation(_norm(x, norm, f"{block}_dense_norm"), activation, f"{block}_{activation}")
    return layers.Dropout(dropout, name=f"{block}_dropout")(x) if dropout else x


def conv(
    x,
    filters: int,
    kernel_size: int,
    *,
    norm: str,
    name: str,
    strides: int = 1,
    activation: str = "relu",
    padding: str = "same",
    groups: int = 1,
):
    """Convolution, normalisation (which makes a bias pointless), activation; `activation="linear"` for none.

    With `groups` the channels are parted, and each part is convolved by itself, with so many times less work.
    """
    x = layers.Conv2D(
        _width(filters, activation),
        kernel_size,
        strides=strides,
        padding=padding,
        groups=groups,
        use_bias=norm == "none",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return _activation(_norm(x, norm, f"{name}_norm"), activation, f"{name}_{activation}")


def depthwise(x, strides: int, norm: str, activation: str, name: str, *, multiplier: int = 1, kernel: int = 3):
    """Each channel convolved by itself, to `multiplier` maps, which the lecture calls K."""
    x = layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding="same",
        depth_multiplier=multiplier,
        use_bias=norm == "none",
        depthwise_initializer=he_depthwise(kernel),
        name=name,
    )(x)
    return _activation(_norm(x, norm, f"{name}_norm"), activation, f"{name}_{activation}")


def he_depthwise(kernel: int) -> keras.Initializer:
    """He's initialisation of a depthwise kernel, each of whose outputs adds up `kernel ** 2` inputs.

    Keras's `he_normal` counts those of all channels. The variance behind the kernel is then as many times smaller, far
    below 1, at which the moving variances of BatchNorm begin: after a few dozen steps a network is at chance where it
    is used, though it has learned.
    """
    return keras.initializers.RandomNormal(stddev=math.sqrt(2) / kernel)


def _width(units: int, activation: str) -> int:
    return 2 * units if activation == "maxout" else units


def _activation(x, kind: str, name: str):
    if kind == "linear":
        return x
    if kind == "maxout":
        return Maxout(2, name=name)(x)
    if kind == "leaky_relu":
        return layers.LeakyReLU(LEAK, name=name)(x)
    return layers.Activation(kind, name=name)(x)


def _norm(x, kind: str, name: str):
    """Normalises; `batch` over batch and map, `layer` over map and channels, `instance` over the map alone."""
    if kind == "none":
        return x
    if kind == PUBLISHED:
        return layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)(x)
    if kind == "batch":
        # Keras's momentum of 0.99 needs hundreds of steps; small sets of photos have a dozen per epoch.
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
    channels = x.shape[-1]
    # Wu and He 2018 (arXiv:1803.08494): 32 groups; here at least 4 channels each.
    groups = {"layer": 1, "instance": -1, "group": math.gcd(32, max(1, channels // 4))}[kind]
    return layers.GroupNormalization(groups, epsilon=1e-5, name=name)(x)


def halve(x, pooling: str, name: str):
    """Half the rows and columns: by the largest or the mean of 2 x 2, or by a convolution of stride 2."""
    if pooling == "strided":
        return layers.Conv2D(
            x.shape[-1], 3, strides=2, padding="same", kernel_initializer="he_normal", name=f"{name}_conv"
        )(x)
    layer = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    return layer(2, padding="same", name=name)(x)


def drop_blocks(x, rate: float, size: int, name: str):
    """DropBlock with blocks of `size` pixels of the map, but no more than half of a small one; a rate of 0 for none."""
    if not rate:
        return x
    return DropBlock2D(rate, block_size=max(1, min(size, min(x.shape[1:3]) // 2)), name=name)(x)


def stem_stride(x) -> int:
    """Returns the stride of a network's first convolution: 2, but 1 where the image is small."""
    return 1 if min(x.shape[1:3]) < SMALL_SIDE else 2


def stem(x, filters: int, norm: str):
    """Stem of the ImageNet networks, or one 3x3 convolution where the image is small."""
    if stem_stride(x) == 1:
        return conv(x, filters, 3, norm=norm, name="stem_conv")
    x = conv(x, filters, 7, strides=2, norm=norm, name="stem_conv")
    return layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)


def residual(x, filters: int, strides: int, norm: str, dropped: tuple[float, int], name: str):
    """Two convolutions, and a shortcut past them; `dropped` are rate and block size of DropBlock.

    Reference: He et al. 2015 (arXiv:1512.03385), figure 2.
    """
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = conv(x, filters, 1, strides=strides, norm=norm, activation="linear", name=f"{name}_shortcut")
    x = conv(x, filters, 3, strides=strides, norm=norm, name=f"{name}_conv1")
    x = conv(x, filters, 3, norm=norm, activation="linear", name=f"{name}_conv2")
    x = layers.Add(name=f"{name}_add")([drop_blocks(x, *dropped, f"{name}_dropblock"), shortcut])
    return layers.Activation("relu", name=f"{name}_relu")(x)


def inverted_residual(
    x,
    expansion: int,
    filters: int,
    strides: int,
    norm: str,
    name: str,
    *,
    groups: int = 1,
    multiplier: int = 1,
    kernel: int = 3,
):
    """Expand, depthwise, project without activation; a shortcut where the map keeps its size and its channels.

    Reference: Sandler et al. 2018 (arXiv:1801.04381), table 1.
    """
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = conv(x, expansion * channels, 1, norm=norm, activation="relu6", groups=groups, name=f"{name}_expand")
    x = depthwise(x, strides, norm, "relu6", f"{name}_depthwise", multiplier=multiplier, kernel=kernel)
    x = conv(x, filters, 1, norm=norm, activation="linear", groups=groups, name=f"{name}_project")
    if strides > 1 or channels != filters:
        return x
    return layers.Add(name=f"{name}_add")([x, shortcut])


def convnext_block(x, name: str):
    """A 7x7 depthwise convolution, then two dense layers on each place's channels, and a shortcut past them.

    Reference: Liu et al. 2022 (arXiv:2201.03545), figure 4, without layer scale and stochastic depth.
    """
    shortcut, channels = x, x.shape[-1]
    x = layers.DepthwiseConv2D(7, padding="same", depthwise_initializer=he_depthwise(7), name=f"{name}_depthwise")(x)
    x = channel_norm(x, f"{name}_norm")
    x = conv(x, 4 * channels, 1, norm="none", activation="gelu", name=f"{name}_expand")
    x = conv(x, channels, 1, norm="none", activation="linear", name=f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def channel_norm(x, name: str):
    """Layer normalisation as transformers have it: over the channels of each place by itself."""
    return layers.LayerNormalization(epsilon=1e-6, name=name)(x)


def inception_module(x, filters: tuple[int, int, int, int, int, int], norm: str, name: str):
    """Four branches beside each other; `filters` in the columns of the paper's table 1."""
    ones, reduce3, threes, reduce5, fives, pooled = filters
    pool = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool3")(x)
    branches = [
        conv(x, ones, 1, norm=norm, name=f"{name}_1x1"),
        conv(conv(x, reduce3, 1, norm=norm, name=f"{name}_3x3_reduce"), threes, 3, norm=norm, name=f"{name}_3x3"),
        conv(conv(x, reduce5, 1, norm=norm, name=f"{name}_5x5_reduce"), fives, 5, norm=norm, name=f"{name}_5x5"),
        conv(pool, pooled, 1, norm=norm, name=f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=f"{name}_concat")(branches)
