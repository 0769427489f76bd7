"""U-Net: from a picture to the class of every pixel, as encoder, decoder and head.

The encoder halves the map again and again and learns what is there; the decoder doubles it again and, at each level,
takes in what the encoder saw at that resolution, to tell where exactly it is. The head names a class for every pixel.

Reference:
    Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015 (arXiv:1505.04597).
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import keras
from keras import layers

from kerasface.models.backbones import Backbone, backbone_names, build_backbone, describe
from kerasface.models.face_resnet import build_face_resnet_map
from kerasface.models.layers import (
    AddMirrored,
    CropLike,
    MeanOfMirrored,
    PadToMultiple,
    ResizeLike,
    UnpoolByIndex,
    UnpoolToCorner,
)
from kerasface.models.pretrained import weight_file
from kerasface.models.zoo import ArchitectureOptions

DECODERS = ("transposed", "upsampled", "copied", "placed", "unpooled")
# Filters of the decoder at each resolution, the finest first; deeper levels have as many as the last one.
WIDTHS = (16, 32, 64, 96, 96)
_PLAIN_FILTERS = (16, 32, 64, 96, 128)  # a quarter of the paper's, and less at the bottom
MIN_SIDE = 32  # pixels
_BORDERS = (layers.ZeroPadding2D, layers.Cropping2D)
_FREE = ("plain", "face_resnet")  # encoders whose pictures may have any size, and that can mirror


@dataclass(frozen=True, eq=False)
class Encoder:
    """The half of a U-Net that looks: a backbone, and where its maps are tapped.

    Attributes:
        backbone: Its model, blocks and licence; `freezing.freeze` freezes its first blocks.
        skips: Names of the layers whose maps the decoder takes in, the finest first; the last one is the bottom. Each
            map has half the rows and columns of the one before.
        stride: Pixels per row of the finest of these maps.
        picture: Name of the layer that gives the picture itself, padded.
        mirror: Whether the maps are those of the picture and, behind it in the batch, of its mirror image.
    """

    backbone: Backbone
    skips: tuple[str, ...]
    stride: int
    picture: str
    mirror: bool = False

    @property
    def multiple(self) -> int:
        """Rows and columns of the padded picture are multiples of this, so that every halving is exact."""
        return self.stride * 2 ** (len(self.skips) - 1)


def encoder_names() -> tuple[str, ...]:
    """Returns every name that `build_encoder` takes."""
    return ("plain", *(name for name in backbone_names() if name not in ("linear", "mlp")))


def build_encoder(
    name: str,
    image_size: tuple[int, int] | None = None,
    *,
    weights: str | None = None,
    mirror: bool = False,
    options: ArchitectureOptions | None = None,
) -> Encoder:
    """Builds an encoder.

    Args:
        name: `"plain"`, the encoder of the paper with fewer filters; `"face_resnet"`, the first three stages of the
            face embedder; or a backbone of `backbones.py`, whose map is tapped each time before it is halved.
        image_size: Height and width of the pictures, in pixels, at least 32. `None`, for pictures of any size, goes
            with `plain` and `face_resnet`, which pad theirs to a multiple of 16; the others take multiples of 32.
        weights: `None` for random weights, `"pretrained"` for the published ones.
        mirror: Average over picture and mirror image: twice the work, fewer errors. For `plain` and `face_resnet` only.
        options: What to vary in an architecture of the zoo.

    Raises:
        ValueError: If there is no such encoder, it has no such weights, cannot mirror, or does not take pictures of
            this size.
        ModelFileError: If a weight file is missing or altered.
    """
    if name not in encoder_names():
        raise ValueError(f"Unknown encoder. Received: encoder={name!r}. Choose one of {list(encoder_names())}.")
    if image_size is not None and min(image_size) < MIN_SIDE:
        raise ValueError(f"Pictures need at least {MIN_SIDE} pixels a side. Received: image_size={image_size}.")
    if name == "plain":
        if weights is not None:
            raise ValueError(f"The plain encoder has no pretrained weights. Received: weights={weights!r}.")
        return _plain(image_size, mirror)
    if name == "face_resnet":
        model = build_face_resnet_map(image_size, weights and "face_resnet", mirror=mirror)
        skips = ("stem_relu", "stage1_block3_relu2", "stage2_block4_relu2", "stage3_block3_relu2")
        backbone = describe(model, name, licence=weight_file(name).licence if weights else None)
        return Encoder(backbone, skips, stride=2, picture="pad", mirror=mirror)
    if mirror:
        raise ValueError(f"Only {' and '.join(_FREE)} average over mirror images. Received: encoder={name!r}.")
    if image_size is None or any(side % 32 for side in image_size):
        raise ValueError(
            f"{name} takes pictures whose height and width are multiples of 32, known beforehand. "
            f"Received: image_size={image_size}."
        )
    return _tapped(build_backbone(name, image_size, weights=weights, options=options), image_size[0])


def build_unet(
    num_classes: int,
    encoder: Encoder,
    *,
    decoder: str = "transposed",
    deeper: int = 0,
    skips: Collection[int] | None = None,
    widths: tuple[int, ...] = WIDTHS,
) -> keras.Model:
    """Builds a U-Net on an encoder, whose layers become its own.

    Args:
        num_classes: Number of classes, background included; at least 2.
        encoder: From `build_encoder`.
        decoder: How maps grow: by a `transposed` convolution that learns it; or, before a convolution, `upsampled`
            (smoothly), `copied` (each value four times), `placed` (one of four, zeros around) or `unpooled` (placed
            where the encoder's map of that resolution is largest, as SegNet does).
        deeper: How many times the map is halved below the encoder, by convolutions from scratch: each sees twice as far
            around.
        skips: At which resolutions the decoder takes in the encoder's map, as pixels per row of the map, 1 the finest.
            `None` for all; an empty one leaves the bottom alone to tell where things are.
        widths: Filters of the decoder at each resolution, the finest first.

    Input shape:
        `(batch, rows, cols, 3)`, RGB, `uint8` or floats in `[0, 255]`: preprocessing is inside. Of any size, where the
        encoder was built without one.

    Output shape:
        `(batch, rows, cols, num_classes)` probabilities, float32 under every precision. The layer `logits` has what
        they are made of.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        ```python
        model = build_unet(6, build_encoder("face_resnet", weights="pretrained"))
        ```
    """
    if num_classes < 2:
        raise ValueError(f"A segmentation needs at least 2 classes. Received: num_classes={num_classes}.")
    if decoder not in DECODERS:
        raise ValueError(f"Unknown decoder. Received: decoder={decoder!r}. Choose one of {DECODERS}.")
    if not widths or min(widths) < 1 or deeper < 0:
        raise ValueError(
            "widths must be numbers of filters, the finest first, and deeper a number of levels. "
            f"Received: widths={widths}, deeper={deeper}."
        )
    levels = [2**level for level in range((encoder.multiple * 2**deeper).bit_length() - 1)]
    if unknown := sorted(set(skips or ()) - set(levels)):
        raise ValueError(f"This U-Net takes maps in at {levels} pixels per row. Received: skips={unknown}.")
    model = encoder.backbone.model
    *maps, x = (model.get_layer(name).output for name in encoder.skips)
    stride = encoder.multiple
    for level in range(1, deeper + 1):
        maps.append(x)
        x = _convolution(x, widths[-1], f"bottom{level}_conv1", strides=2)
        x = _convolution(x, widths[-1], f"bottom{level}_conv2")
        stride *= 2
    while stride > 1:
        stride //= 2
        filters = widths[min(stride.bit_length(), len(widths)) - 1]
        taken = skips is None or stride in skips
        skip = maps.pop() if maps else None
        if skip is None and (taken or decoder == "unpooled"):
            skip = _detail(model.get_layer(encoder.picture).output, stride, widths[0])
        x = _grown(x, skip, filters, decoder, f"decoder{stride}", taken)
    logits = layers.Conv2D(num_classes, 1, dtype="float32", name="head")(x)
    logits = CropLike(dtype="float32", name="logits")([logits, model.input])
    outputs = layers.Softmax(dtype="float32", name="probabilities")(logits)
    if encoder.mirror:
        outputs = MeanOfMirrored(dtype="float32", name="mean_of_mirrored")(outputs)
    return keras.Model(model.input, outputs, name="unet")


def _grown(x, skip, filters: int, decoder: str, name: str, taken: bool):
    """Doubles a map and, where it is taken in, joins the encoder's; finer levels have one convolution only."""
    if decoder == "transposed":
        x = layers.Conv2DTranspose(filters, 2, strides=2, name=f"{name}_up")(x)
    else:
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_up_conv")(_unpooled(x, skip, decoder, f"{name}_up"))
    if skip is not None and None in x.shape[1:3]:
        x = CropLike(name=f"{name}_fit")([x, skip])  # of an odd number of rows, halved and doubled, one is left over
    elif skip is not None and x.shape[1:3] != skip.shape[1:3]:  # and backbones may not pad
        x = ResizeLike(name=f"{name}_fit")([x, skip])
    if taken:
        x = layers.Concatenate(name=f"{name}_join")([x, skip])
    x = _convolution(x, filters, f"{name}_conv1")
    return x if filters < 64 else _convolution(x, filters, f"{name}_conv2")


def _unpooled(x, skip, decoder: str, name: str):
    """Doubles a map without weights, except where it needs as many channels as the map that tells places."""
    if decoder == "placed":
        return UnpoolToCorner(name=name)(x)
    if decoder == "unpooled":
        x = layers.Conv2D(skip.shape[-1], 1, name=f"{name}_channels")(x)
        return UnpoolByIndex(name=name)([x, skip])
    smooth = "nearest" if decoder == "copied" else "bilinear"
    return layers.UpSampling2D(2, interpolation=smooth, name=name)(x)


def _detail(picture, stride: int, filters: int):
    """A shallow look at the picture itself, at a resolution that the encoder never had."""
    x = layers.Rescaling(1 / 127.5, offset=-1, name=f"detail{stride}_preprocess")(picture)
    return _convolution(x, max(filters // 2, 1), f"detail{stride}", strides=stride)


def _convolution(x, filters: int, name: str, strides: int = 1):
    x = layers.Conv2D(
        filters, 3, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    # Momentum of the moving averages: small data sets take few steps.
    x = layers.BatchNormalization(momentum=0.95, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def _plain(image_size: tuple[int, int] | None, mirror: bool) -> Encoder:
    """Two convolutions at each resolution, halved by max pooling, as in the paper."""
    inputs = keras.Input((*(image_size or (None, None)), 3), name="image")
    x = AddMirrored(name="add_mirrored")(inputs) if mirror else inputs
    x = PadToMultiple(2 ** (len(_PLAIN_FILTERS) - 1), name="pad")(x)
    x = layers.Rescaling(1 / 127.5, offset=-1, name="preprocess")(x)
    skips = []
    for level, filters in enumerate(_PLAIN_FILTERS, start=1):
        x = layers.MaxPooling2D(2, name=f"block{level}_pool")(x) if level > 1 else x
        for conv in (1, 2):
            x = _convolution(x, filters, f"block{level}_conv{conv}")
        skips.append(f"block{level}_conv2_relu")
    backbone = describe(keras.Model(inputs, x, name="plain"), "plain", licence=None)
    return Encoder(backbone, tuple(skips), stride=1, picture="pad", mirror=mirror)


def _tapped(backbone: Backbone, side: int) -> Encoder:
    """Taps a backbone's map each time before it is halved, down to its last one."""
    model = backbone.model
    last = model.get_layer(backbone.features_layer).output.shape[1]
    skips: dict[int, str] = {}
    seen = False
    for layer in model.layers[1:]:
        shape = layer.output.shape
        seen = seen or "kernel" in {weight.name for weight in layer.weights}
        # A picture that was only preprocessed, squeezed maps of one pixel, and those cut or with a border for the next
        # convolution, are no level.
        if seen and len(shape) == 4 and last <= shape[1] <= side and not isinstance(layer, _BORDERS):
            skips[round(math.log2(side / shape[1]))] = layer.name
        if layer.name == backbone.features_layer:
            break
    levels = sorted(skips)
    if levels != list(range(levels[0], levels[-1] + 1)):
        raise ValueError(f"{backbone.name} does not halve its map step by step. Received: halvings {levels}.")
    names = tuple(skips[level] for level in levels)
    return Encoder(backbone, names, stride=2 ** levels[0], picture=model.layers[0].name)
