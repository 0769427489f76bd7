"""The architectures of the field's standard course, from a linear classifier to inverted residuals.

Each is one function from the standardised image to a feature vector; its keyword arguments are the options that apply
to it. A new architecture is one function and one line in `ARCHITECTURES`.

Every layer is called `<block>_<what>`, the block being `stem`, `block1`, `block2` ... or `head`.
"""

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import keras
from keras import layers

from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.layers import DropBlock2D, Maxout

MIN_SIDE = 16  # pixels; the deepest architectures halve the map four times
# Below this side the stem keeps the resolution, so that the last map is not a single point.
SMALL_SIDE = 64

CHOICES = {
    "norm": ("batch", "layer", "group", "instance", "none"),
    "pooling": ("max", "average", "strided"),
    "head": ("gap", "flatten"),
    "activation": ("sigmoid", "tanh", "relu", "leaky_relu", "maxout", "elu"),
    "num_layers": (2, 3),
}


@dataclass(frozen=True)
class ArchitectureOptions:
    """What can be varied in an architecture; `None` leaves its own default. `supported_options` says what applies.

    Attributes:
        norm: Normalisation behind each convolution: `batch`, `layer` (over the whole map), `group`, `instance`, `none`.
        dropout: Rate of dropout in front of the classifier (`mlp`, `alexnet`: behind each hidden dense layer).
        dropblock: Rate of DropBlock in the last blocks; 0 for none.
        pooling: How blocks halve the map: `max`, `average`, or `strided` convolution.
        head: From map to vector: `gap` (global average pooling) or `flatten`.
        activation: `sigmoid`, `tanh`, `relu`, `leaky_relu`, `maxout` (of two) or `elu`.
        num_layers: Layers with weights of an `mlp`, the classifier included: 2 or 3.

    Raises:
        ValueError: If a value is none of these.
    """

    norm: str | None = None
    dropout: float | None = None
    dropblock: float | None = None
    pooling: str | None = None
    head: str | None = None
    activation: str | None = None
    num_layers: int | None = None

    def __post_init__(self):
        for name, value in self.given().items():
            if name in CHOICES and value not in CHOICES[name]:
                raise ValueError(f"{name} must be one of {CHOICES[name]}. Received: {name}={value!r}.")
            if name not in CHOICES and not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1). Received: {name}={value!r}.")

    def given(self) -> dict:
        """Returns the options that are not left to the architecture."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def build_architecture(
    name: str,
    image_size: tuple[int, int],
    num_classes: int,
    *,
    options: ArchitectureOptions | None = None,
    mean: Sequence[float] | None = None,
    variance: Sequence[float] | None = None,
) -> keras.Model:
    """Builds a classifier with random weights (He normal).

    Args:
        name: One of `ARCHITECTURES`.
        image_size: Height and width in pixels, each at least 16.
        num_classes: Number of classes, at least 2.
        options: What to vary.
        mean: The training set's mean of red, green and blue, in `[0, 255]`; 127.5 if not given.
        variance: Their variance; 127.5 ** 2 if not given.

    Input shape:
        `(batch, height, width, 3)`, RGB, `uint8` or floats in `[0, 255]`: standardisation is inside.

    Output shape:
        `(batch, num_classes)` probabilities, float32 under every precision.

    Raises:
        ValueError: If the name is unknown, an option does not apply to it, or an argument is out of range.

    Example:
        ```python
        model = build_architecture("simple_cnn", (32, 32), 10, options=ArchitectureOptions(norm="group"))
        ```
    """
    if num_classes < 2:
        raise ValueError(f"A classifier needs at least 2 classes. Received: num_classes={num_classes}.")
    features = build_features(name, image_size, options=options, mean=mean, variance=variance)
    return keras.Model(features.input, to_probabilities(features.output, num_classes), name=name)


def build_features(
    name: str,
    image_size: tuple[int, int],
    *,
    options: ArchitectureOptions | None = None,
    mean: Sequence[float] | None = None,
    variance: Sequence[float] | None = None,
) -> keras.Model:
    """Builds what `build_architecture` puts its classifier on: images to feature vectors `(batch, dim)`.

    Arguments and errors are those of `build_architecture`.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"Unknown architecture. Received: name={name!r}. Expected one of {list(ARCHITECTURES)}.")
    if min(image_size) < MIN_SIDE:
        raise ValueError(f"Images must be at least {MIN_SIDE} pixels high and wide. Received: image_size={image_size}.")
    given = options.given() if options else {}
    supported = supported_options(name)
    if refused := {option: value for option, value in given.items() if option not in supported}:
        raise ValueError(
            f"An option does not apply to this architecture. Received: name={name!r}, {refused}. "
            f"{name!r} takes {list(supported) or 'no options'}."
        )
    inputs = keras.Input((*image_size, 3), name="image")
    mean = [127.5] * 3 if mean is None else [float(value) for value in mean]
    variance = [127.5**2] * 3 if variance is None else [float(value) for value in variance]
    x = layers.Normalization(mean=mean, variance=variance, name="preprocess")(inputs)
    return keras.Model(inputs, ARCHITECTURES[name](x, **given), name=f"{name}_features")


def supported_options(name: str) -> dict:
    """Returns the options that apply to an architecture, with its defaults: the keyword arguments of its function."""
    parameters = inspect.signature(ARCHITECTURES[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def linear(x):
    """Pixels straight to the classifier: one template per class."""
    return layers.Flatten(name="head_flatten")(x)


def mlp(x, *, num_layers=2, activation="relu", dropout=0.0):
    """One or two hidden layers of 512 units on the pixels; the classifier counts as a layer."""
    x = layers.Flatten(name="stem_flatten")(x)
    for block in range(1, num_layers):
        x = _dense(x, 512, activation, dropout, f"block{block}")
    return x


def simple_cnn(x, *, norm="batch", activation="relu", pooling="max", dropblock=0.0, head="gap", dropout=0.0):
    """Four 3x3 convolutions, each followed by halving."""
    for block, filters in enumerate((32, 64, 64, 128), start=1):
        x = _conv(x, filters, 3, norm=norm, activation=activation, name=f"block{block}_conv")
        x = _dropblock(x, dropblock if block > 2 else 0, f"block{block}_dropblock")
        x = _halve(x, pooling, f"block{block}_pool")  # 32: (16, 16, 32) (8, 8, 64) (4, 4, 64) (2, 2, 128)
    return to_vector(x, head=head, dropout=dropout)


def alexnet(x, *, norm="none", dropout=0.5):
    """Five convolutions and two dense layers; first kernel, its stride and the dense layers shrink with the image.

    Reference: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks".
    """
    side = min(x.shape[1:3])
    kernel, stride, units = (11, 4, 4096) if side >= 160 else (7, 2, 2048) if side >= 96 else (5, 1, 1024)
    x = _conv(x, 96, kernel, strides=stride, norm=norm, name="block1_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block1_pool")(x)  # 224: (27, 27, 96), 32: (15, 15, 96)
    x = _conv(x, 256, 5, norm=norm, name="block2_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block2_pool")(x)  # (13, 13, 256), (7, 7, 256)
    x = _conv(x, 384, 3, norm=norm, name="block3_conv")
    x = _conv(x, 384, 3, norm=norm, name="block4_conv")
    x = _conv(x, 256, 3, norm=norm, name="block5_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block5_pool")(x)  # (6, 6, 256), (3, 3, 256)
    x = layers.Flatten(name="block5_flatten")(x)
    x = _dense(x, units, "relu", dropout, "block6")
    return _dense(x, units, "relu", dropout, "block7")


def vgg_recipe(x, *, norm="batch", pooling="max", dropblock=0.0, head="gap", dropout=0.0):
    """Blocks of conv-conv-pool, maps doubling up to 512, until the map's side is 7 or less.

    Reference: Simonyan and Zisserman 2014 (arXiv:1409.1556), with the head of Lin et al. 2013 (arXiv:1312.4400).
    """
    filters = 32 if max(x.shape[1:3]) <= 64 else 64
    block = 0
    while max(x.shape[1:3]) > 7:  # 32: 3 blocks to (4, 4, 128); 112: 4 to (7, 7, 512); 224: 5 to (7, 7, 512)
        block += 1
        x = _conv(x, filters, 3, norm=norm, name=f"block{block}_conv1")
        x = _conv(x, filters, 3, norm=norm, name=f"block{block}_conv2")
        x = _dropblock(x, dropblock if max(x.shape[1:3]) <= 28 else 0, f"block{block}_dropblock")
        x = _halve(x, pooling, f"block{block}_pool")
        filters = min(2 * filters, 512)
    return to_vector(x, head=head, dropout=dropout)


def resnet34(x, *, norm="batch", dropblock=0.0, head="gap", dropout=0.0):
    """Sixteen residual blocks of two convolutions; DropBlock in the last two stages, as its paper does.

    Reference: He et al. 2015 (arXiv:1512.03385), table 1.
    """
    x = _stem(x, 64, norm)  # 224: (56, 56, 64), 32: (32, 32, 64)
    block = 0
    for stage, (filters, repeats) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        for repeat in range(repeats):
            block += 1
            strides = 2 if stage > 1 and repeat == 0 else 1
            x = _residual(x, filters, strides, norm, dropblock if stage > 2 else 0, f"block{block}")
    return to_vector(x, head=head, dropout=dropout)  # (7, 7, 512), (4, 4, 512)


def inception(x, *, norm="batch", pooling="max", head="gap", dropout=0.0):
    """Five inception modules, a small GoogLeNet: 3a, 3b, 4a, 4e and 5b of its table.

    Reference: Szegedy et al. 2014 (arXiv:1409.4842), table 1; normalisation as in Ioffe and Szegedy 2015.
    """
    x = _stem(x, 64, norm)  # 224: (56, 56, 64), 32: (32, 32, 64)
    x = _conv(x, 192, 3, norm=norm, name="stem_conv2")
    x = _halve(x, pooling, "stem_pool2")  # (28, 28, 192), (16, 16, 192)
    x = _inception_module(x, (64, 96, 128, 16, 32, 32), norm, "block1")  # 256 maps
    x = _inception_module(x, (128, 128, 192, 32, 96, 64), norm, "block2")  # 480 maps
    x = _halve(x, pooling, "block2_pool")  # (14, 14), (8, 8)
    x = _inception_module(x, (192, 96, 208, 16, 48, 64), norm, "block3")  # 512 maps
    x = _inception_module(x, (256, 160, 320, 32, 128, 128), norm, "block4")  # 832 maps
    x = _halve(x, pooling, "block4_pool")  # (7, 7), (4, 4)
    x = _inception_module(x, (384, 192, 384, 48, 128, 128), norm, "block5")  # 1024 maps
    return to_vector(x, head=head, dropout=dropout)


def mobilenet(x, *, norm="batch", head="gap", dropout=0.0):
    """Depthwise convolutions for space, 1x1 convolutions for channels.

    Reference: Howard et al. 2017 (arXiv:1704.04861), table 1.
    """
    x = _conv(x, 32, 3, strides=_stem_stride(x), norm=norm, name="stem_conv")
    # (filters, stride) of each depthwise separable block
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    for block, (filters, strides) in enumerate(plan, start=1):
        x = _depthwise(x, strides, norm, "relu", f"block{block}_depthwise")
        x = _conv(x, filters, 1, norm=norm, name=f"block{block}_pointwise")
    return to_vector(x, head=head, dropout=dropout)  # 224: (7, 7, 1024), 32: (2, 2, 1024)


def mobilenet_v2(x, *, norm="batch", head="gap", dropout=0.0):
    """Inverted residuals: expand, depthwise, and a linear projection to few channels that carries the shortcut.

    Reference: Sandler et al. 2018 (arXiv:1801.04381), table 2.
    """
    x = _conv(x, 32, 3, strides=_stem_stride(x), norm=norm, activation="relu6", name="stem_conv")
    block = 0
    # (expansion, filters, repeats, stride of the first)
    plan = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, filters, repeats, strides in plan:
        for repeat in range(repeats):
            block += 1
            x = _inverted_residual(x, expansion, filters, strides if repeat == 0 else 1, norm, f"block{block}")
    x = _conv(x, 1280, 1, norm=norm, activation="relu6", name="block18_conv")  # 224: (7, 7, 1280), 32: (2, 2, 1280)
    return to_vector(x, head=head, dropout=dropout)


ARCHITECTURES: dict[str, Callable] = {
    "linear": linear,
    "mlp": mlp,
    "simple_cnn": simple_cnn,
    "alexnet": alexnet,
    "vgg_recipe": vgg_recipe,
    "resnet34": resnet34,
    "inception": inception,
    "mobilenet": mobilenet,
    "mobilenet_v2": mobilenet_v2,
}


def _dense(x, units: int, activation: str, dropout: float, block: str):
    x = layers.Dense(_width(units, activation), kernel_initializer="he_normal", name=f"{block}_dense")(x)
    x = _activation(x, activation, f"{block}_{activation}")
    return layers.Dropout(dropout, name=f"{block}_dropout")(x) if dropout else x


def _conv(x, filters: int, kernel_size: int, *, norm: str, name: str, strides: int = 1, activation: str = "relu"):
    """Convolution, normalisation (which makes a bias pointless), activation; `activation="linear"` for none."""
    x = layers.Conv2D(
        _width(filters, activation),
        kernel_size,
        strides=strides,
        padding="same",
        use_bias=norm == "none",
        kernel_initializer="he_normal",
        name=name,
    )(x)
    return _activation(_norm(x, norm, f"{name}_norm"), activation, f"{name}_{activation}")


def _depthwise(x, strides: int, norm: str, activation: str, name: str):
    x = layers.DepthwiseConv2D(
        3, strides=strides, padding="same", use_bias=norm == "none", depthwise_initializer="he_normal", name=name
    )(x)
    return _activation(_norm(x, norm, f"{name}_norm"), activation, f"{name}_{activation}")


def _width(units: int, activation: str) -> int:
    return 2 * units if activation == "maxout" else units


def _activation(x, kind: str, name: str):
    if kind == "linear":
        return x
    if kind == "maxout":
        return Maxout(2, name=name)(x)
    return layers.Activation(kind, name=name)(x)


def _norm(x, kind: str, name: str):
    """Normalises; `batch` over batch and map, `layer` over map and channels, `instance` over the map alone."""
    if kind == "none":
        return x
    if kind == "batch":
        # Keras's momentum of 0.99 needs hundreds of steps; small sets of photos have a dozen per epoch.
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)
    channels = x.shape[-1]
    # Wu and He 2018 (arXiv:1803.08494): 32 groups; here at least 4 channels each.
    groups = {"layer": 1, "instance": -1, "group": math.gcd(32, max(1, channels // 4))}[kind]
    return layers.GroupNormalization(groups, epsilon=1e-5, name=name)(x)


def _halve(x, pooling: str, name: str):
    if pooling == "strided":
        return layers.Conv2D(
            x.shape[-1], 3, strides=2, padding="same", kernel_initializer="he_normal", name=f"{name}_conv"
        )(x)
    layer = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    return layer(2, padding="same", name=name)(x)


def _dropblock(x, rate: float, name: str):
    if not rate:
        return x
    # Seven as in the paper, but no more than half of a small map.
    return DropBlock2D(rate, block_size=max(1, min(7, min(x.shape[1:3]) // 2)), name=name)(x)


def _stem_stride(x) -> int:
    return 1 if min(x.shape[1:3]) < SMALL_SIDE else 2


def _stem(x, filters: int, norm: str):
    """Stem of the ImageNet networks, or one 3x3 convolution where the image is small."""
    if _stem_stride(x) == 1:
        return _conv(x, filters, 3, norm=norm, name="stem_conv")
    x = _conv(x, filters, 7, strides=2, norm=norm, name="stem_conv")
    return layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pool")(x)


def _residual(x, filters: int, strides: int, norm: str, dropblock: float, name: str):
    shortcut = x
    if strides > 1 or x.shape[-1] != filters:
        shortcut = _conv(x, filters, 1, strides=strides, norm=norm, activation="linear", name=f"{name}_shortcut")
    x = _conv(x, filters, 3, strides=strides, norm=norm, name=f"{name}_conv1")
    x = _conv(x, filters, 3, norm=norm, activation="linear", name=f"{name}_conv2")
    x = layers.Add(name=f"{name}_add")([_dropblock(x, dropblock, f"{name}_dropblock"), shortcut])
    return layers.Activation("relu", name=f"{name}_relu")(x)


def _inverted_residual(x, expansion: int, filters: int, strides: int, norm: str, name: str):
    shortcut, channels = x, x.shape[-1]
    if expansion > 1:
        x = _conv(x, expansion * channels, 1, norm=norm, activation="relu6", name=f"{name}_expand")
    x = _depthwise(x, strides, norm, "relu6", f"{name}_depthwise")
    x = _conv(x, filters, 1, norm=norm, activation="linear", name=f"{name}_project")
    if strides > 1 or channels != filters:
        return x
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _inception_module(x, filters: tuple[int, int, int, int, int, int], norm: str, name: str):
    """Four branches beside each other; `filters` in the columns of the paper's table 1."""
    ones, reduce3, threes, reduce5, fives, pooled = filters
    pool = layers.MaxPooling2D(3, strides=1, padding="same", name=f"{name}_pool3")(x)
    branches = [
        _conv(x, ones, 1, norm=norm, name=f"{name}_1x1"),
        _conv(_conv(x, reduce3, 1, norm=norm, name=f"{name}_3x3_reduce"), threes, 3, norm=norm, name=f"{name}_3x3"),
        _conv(_conv(x, reduce5, 1, norm=norm, name=f"{name}_5x5_reduce"), fives, 5, norm=norm, name=f"{name}_5x5"),
        _conv(pool, pooled, 1, norm=norm, name=f"{name}_pool_proj"),
    ]
    return layers.Concatenate(name=f"{name}_concat")(branches)
