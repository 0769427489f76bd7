"""The architectures of the field's standard course, from a linear classifier to ConvNeXt.

Each is one function from the standardised image to a feature vector; its keyword arguments are the options that apply
to it. A new architecture is one function and one line in `ARCHITECTURES`.

Every layer is called `<block>_<what>`, the block being `stem`, `block1`, `block2` ... or `head`.
"""

from collections.abc import Callable

from keras import layers

from kerasface.models.heads import to_vector
from kerasface.models.zoo.parts import (
    SMALL_SIDE,
    channel_norm,
    conv,
    convnext_block,
    dense,
    depthwise,
    drop_blocks,
    halve,
    inception_module,
    inverted_residual,
    residual,
    stem,
    stem_stride,
)

_LARGE_SIDE = 100  # pixels from which `vgg_recipe` brings the map down at once


def linear(x):
    """Pixels straight to the classifier: one template per class."""
    return layers.Flatten(name="head_flatten")(x)


def mlp(x, *, num_layers=2, activation="relu", norm="none", dropout=0.0):
    """One or two hidden layers of 512 units on the pixels; the classifier counts as a layer.

    Reference: Rumelhart et al. 1986, "Learning Representations by Back-propagating Errors".
    """
    if norm == "instance":
        raise ValueError("Instance normalisation is over a map, which an mlp has none of. Received: norm='instance'.")
    x = layers.Flatten(name="stem_flatten")(x)
    for block in range(1, num_layers):
        x = dense(x, 512, activation, dropout, f"block{block}", norm)
    return x


def lenet(x, *, norm="none", activation="tanh", pooling="average", dropout=0.0):
    """Two 5x5 convolutions without padding, each halved, and two dense layers: LeNet-5, in colour.

    Its connections between the maps are all there, and the classifier is a softmax instead of distances.

    Reference: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition", figure 2.
    """
    for block, filters in enumerate((6, 16), start=1):
        name = f"block{block}_conv"
        x = conv(x, filters, 5, padding="valid", norm=norm, activation=activation, name=name)  # 32: 28, 10
        x = halve(x, pooling, f"block{block}_pool")  # 32: (14, 14, 6), (5, 5, 16)
    x = layers.Flatten(name="block2_flatten")(x)
    x = dense(x, 120, activation, dropout, "block3", norm)
    return dense(x, 84, activation, dropout, "block4", norm)


def simple_cnn(
    x,
    *,
    norm="batch",
    activation="relu",
    pooling="max",
    dropblock=0.0,
    dropblock_size=7,
    head="gap",
    dropout=0.0,
):
    """Four 3x3 convolutions, each followed by halving."""
    for block, filters in enumerate((32, 64, 64, 128), start=1):
        x = conv(x, filters, 3, norm=norm, activation=activation, name=f"block{block}_conv")
        x = drop_blocks(x, dropblock if block > 2 else 0, dropblock_size, f"block{block}_dropblock")
        x = halve(x, pooling, f"block{block}_pool")  # 32: (16, 16, 32) (8, 8, 64) (4, 4, 64) (2, 2, 128)
    return to_vector(x, head=head, dropout=dropout)


def alexnet(x, *, norm="none", dropout=0.5):
    """Five convolutions and two dense layers; first kernel, its stride and the dense layers shrink with the image.

    Reference: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks".
    """
    side = min(x.shape[1:3])
    kernel, stride, units = (11, 4, 4096) if side >= 160 else (7, 2, 2048) if side >= 96 else (5, 1, 1024)
    x = conv(x, 96, kernel, strides=stride, norm=norm, name="block1_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block1_pool")(x)  # 224: (27, 27, 96), 32: (15, 15, 96)
    x = conv(x, 256, 5, norm=norm, name="block2_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block2_pool")(x)  # (13, 13, 256), (7, 7, 256)
    x = conv(x, 384, 3, norm=norm, name="block3_conv")
    x = conv(x, 384, 3, norm=norm, name="block4_conv")
    x = conv(x, 256, 3, norm=norm, name="block5_conv")
    x = layers.MaxPooling2D(3, strides=2, name="block5_pool")(x)  # (6, 6, 256), (3, 3, 256)
    x = layers.Flatten(name="block5_flatten")(x)
    x = dense(x, units, "relu", dropout, "block6", norm)
    return dense(x, units, "relu", dropout, "block7", norm)


def vgg_recipe(x, *, norm="batch", pooling="max", dropblock=0.0, dropblock_size=7, head="gap", dropout=0.0):
    """The recipe: conv-conv-pool, maps doubling up to 512, until the map's side is 7 or less.

    A large image is first brought below 100 pixels a side, by a 7x7 convolution of stride 2 and a 2x2 pool; then the
    last map is looked at by two convolutions more. Of 224 pixels become 56, 28, 14, 7 with 64, 128, 256, 512 maps, by
    ten layers with weights, the classifier included.

    Reference: Simonyan and Zisserman 2014 (arXiv:1409.1556), with the head of Lin et al. 2013 (arXiv:1312.4400).
    """
    large = max(x.shape[1:3]) >= _LARGE_SIDE
    filters = 32 if max(x.shape[1:3]) <= SMALL_SIDE else 64
    if large:
        x = conv(x, filters, 7, strides=2, norm=norm, name="stem_conv")
        x = halve(x, pooling, "stem_pool")  # 224: (56, 56, 64)
    block = 0
    while max(x.shape[1:3]) > 7:  # 32: 3 blocks to (4, 4, 128); 112: 2 to (7, 7, 128); 224: 3 to (7, 7, 256)
        block += 1
        x = _twice(x, filters, norm, (dropblock, dropblock_size), f"block{block}")
        x = halve(x, pooling, f"block{block}_pool")
        filters = min(2 * filters, 512)
    if large:
        x = _twice(x, filters, norm, (dropblock, dropblock_size), f"block{block + 1}")  # 224: (7, 7, 512)
    return to_vector(x, head=head, dropout=dropout)


def _twice(x, filters: int, norm: str, dropped: tuple[float, int], block: str):
    x = conv(x, filters, 3, norm=norm, name=f"{block}_conv1")
    x = conv(x, filters, 3, norm=norm, name=f"{block}_conv2")
    rate, size = dropped
    return drop_blocks(x, rate if max(x.shape[1:3]) <= 28 else 0, size, f"{block}_dropblock")


def resnet34(x, *, norm="batch", dropblock=0.0, dropblock_size=7, head="gap", dropout=0.0):
    """Sixteen residual blocks of two convolutions; DropBlock in the last two stages, as its paper does.

    Reference: He et al. 2015 (arXiv:1512.03385), table 1.
    """
    x = stem(x, 64, norm)  # 224: (56, 56, 64), 32: (32, 32, 64)
    block = 0
    for stage, (filters, repeats) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        for repeat in range(repeats):
            block += 1
            strides = 2 if stage > 1 and repeat == 0 else 1
            dropped = (dropblock if stage > 2 else 0, dropblock_size)
            x = residual(x, filters, strides, norm, dropped, f"block{block}")
    return to_vector(x, head=head, dropout=dropout)  # (7, 7, 512), (4, 4, 512)


def inception(x, *, norm="batch", pooling="max", head="gap", dropout=0.0):
    """Five inception modules, a small GoogLeNet: 3a, 3b, 4a, 4e and 5b of its table.

    Reference: Szegedy et al. 2014 (arXiv:1409.4842), table 1; normalisation as in Ioffe and Szegedy 2015.
    """
    x = stem(x, 64, norm)  # 224: (56, 56, 64), 32: (32, 32, 64)
    x = conv(x, 192, 3, norm=norm, name="stem_conv2")
    x = halve(x, pooling, "stem_pool2")  # (28, 28, 192), (16, 16, 192)
    x = inception_module(x, (64, 96, 128, 16, 32, 32), norm, "block1")  # 256 maps
    x = inception_module(x, (128, 128, 192, 32, 96, 64), norm, "block2")  # 480 maps
    x = halve(x, pooling, "block2_pool")  # (14, 14), (8, 8)
    x = inception_module(x, (192, 96, 208, 16, 48, 64), norm, "block3")  # 512 maps
    x = inception_module(x, (256, 160, 320, 32, 128, 128), norm, "block4")  # 832 maps
    x = halve(x, pooling, "block4_pool")  # (7, 7), (4, 4)
    x = inception_module(x, (384, 192, 384, 48, 128, 128), norm, "block5")  # 1024 maps
    return to_vector(x, head=head, dropout=dropout)


def mobilenet(x, *, norm="batch", conv_groups=1, depth_multiplier=1, head="gap", dropout=0.0):
    """Depthwise convolutions for space, 1x1 convolutions for channels.

    `conv_groups` parts the channels of the 1x1 convolutions; `depth_multiplier` makes more maps of each channel.

    Reference: Howard et al. 2017 (arXiv:1704.04861), table 1.
    """
    x = conv(x, 32, 3, strides=stem_stride(x), norm=norm, name="stem_conv")
    # (filters, stride) of each depthwise separable block
    plan = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
    for block, (filters, strides) in enumerate(plan, start=1):
        x = depthwise(x, strides, norm, "relu", f"block{block}_depthwise", multiplier=depth_multiplier)
        x = conv(x, filters, 1, norm=norm, groups=conv_groups, name=f"block{block}_pointwise")
    return to_vector(x, head=head, dropout=dropout)  # 224: (7, 7, 1024), 32: (2, 2, 1024)


def mobilenet_v2(x, *, norm="batch", conv_groups=1, depth_multiplier=1, head="gap", dropout=0.0):
    """Inverted residuals: expand, depthwise, and a linear projection to few channels that carries the shortcut.

    `conv_groups` and `depth_multiplier` as in `mobilenet`.

    Reference: Sandler et al. 2018 (arXiv:1801.04381), table 2.
    """
    x = conv(x, 32, 3, strides=stem_stride(x), norm=norm, activation="relu6", name="stem_conv")
    block = 0
    # (expansion, filters, repeats, stride of the first)
    plan = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for expansion, filters, repeats, strides in plan:
        for repeat in range(repeats):
            block += 1
            x = inverted_residual(
                x,
                expansion,
                filters,
                strides if repeat == 0 else 1,
                norm,
                f"block{block}",
                groups=conv_groups,
                multiplier=depth_multiplier,
            )
    x = conv(
        x, 1280, 1, norm=norm, activation="relu6", groups=conv_groups, name="block18_conv"
    )  # 224: (7, 7, 1280), 32: (2, 2, 1280)
    return to_vector(x, head=head, dropout=dropout)


def convnext(x, *, head="gap", dropout=0.0):
    """A residual network in the manner of transformers: patches, 7x7 depthwise kernels, few norms and activations.

    Twelve blocks with 40 to 320 maps, the size that is called Atto; `keras.applications` has the paper's, from Tiny on.

    Reference: Liu et al. 2022 (arXiv:2201.03545), figure 4 and table 9.
    """
    patch = 2 if min(x.shape[1:3]) < SMALL_SIDE else 4
    x = conv(x, 40, patch, strides=patch, norm="none", activation="linear", name="stem_conv")
    x = channel_norm(x, "stem_norm")  # 224: (56, 56, 40), 32: (16, 16, 40)
    block = 0
    for stage, (filters, repeats) in enumerate(((40, 2), (80, 2), (160, 6), (320, 2)), start=1):
        for repeat in range(repeats):
            block += 1
            if stage > 1 and repeat == 0:
                x = channel_norm(x, f"block{block}_halve_norm")
                x = conv(x, filters, 2, strides=2, norm="none", activation="linear", name=f"block{block}_halve")
            x = convnext_block(x, f"block{block}")
    x = to_vector(x, head=head, dropout=dropout)  # (7, 7, 320), (2, 2, 320)
    return channel_norm(x, "head_norm")


ARCHITECTURES: dict[str, Callable] = {
    "linear": linear,
    "mlp": mlp,
    "lenet": lenet,
    "simple_cnn": simple_cnn,
    "alexnet": alexnet,
    "vgg_recipe": vgg_recipe,
    "resnet34": resnet34,
    "inception": inception,
    "mobilenet": mobilenet,
    "mobilenet_v2": mobilenet_v2,
    "convnext": convnext,
}
