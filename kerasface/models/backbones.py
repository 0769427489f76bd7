"""Backbones for transfer learning: by name a flat model with its preprocessing inside, cut into blocks to freeze."""

import inspect
import os
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers

from kerasface.models.efficientnet_lite import LITE0, build_efficientnet_lite0
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.layers import ReverseChannels
from kerasface.models.pretrained import ModelFileError, weight_file
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, build_features


@dataclass(frozen=True)
class Block:
    """A stretch of a backbone that is frozen or trained as a whole.

    Attributes:
        name: Unique in the backbone.
        layers: Names of its layers in forward order.
    """

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Backbone:
    """A model from images to features.

    Attributes:
        model: Functional; `(batch, height, width, 3)` RGB, `uint8` or floats in `[0, 255]`, to a feature map
            `(batch, rows, cols, channels)` or a vector `(batch, dim)`.
        name: What it was built by.
        blocks: All layers in forward order, each in one block; every block has weights, so `linear` has no block.
        licence: Licence of the weights; `None` for random ones.
        features_layer: Name of the layer with the last feature map, `(batch, rows, cols, channels)`.
    """

    model: keras.Model
    name: str
    blocks: tuple[Block, ...]
    licence: str | None
    features_layer: str


@dataclass(frozen=True)
class _Family:
    """A module of `keras.applications`.

    Attributes:
        preprocessing: What its ImageNet weights expect; `"inside"` where Keras builds it into the model.
        block: Pattern in a layer's name that names the layer's block: its group, where it has one.
        licence: Under which the ImageNet weights were published, as the documentation of Keras gives it.
        named_by_last: Whether a block's unnamed layers stand in front of its named ones, not behind them.
    """

    preprocessing: str
    block: str
    licence: str
    named_by_last: bool = False


_RESNET_BLOCK = r"conv\d_block\d+"
_FAMILIES = {
    "convnext": _Family("inside", r"stage_\d+_block_\d+|downsampling_block_\d+", "MIT"),
    "densenet": _Family("torch", r"conv\d_block\d+|pool[2-9]", "BSD-3-Clause"),
    "efficientnet": _Family("inside", r"block\d+[a-z]+|top", "Apache-2.0"),
    "efficientnet_v2": _Family("inside", r"block\d+[a-z]+|top", "Apache-2.0"),
    "inception_resnet_v2": _Family("tf", r"mixed_\d[ab]|block\d+_\d+|conv_7b", "Apache-2.0", named_by_last=True),
    "inception_v3": _Family("tf", r"^mixed\d+$", "Apache-2.0", named_by_last=True),
    "mobilenet": _Family("tf", r"conv_(?:dw|pw|pad)_(\d+)", "Apache-2.0"),
    "mobilenet_v2": _Family("tf", r"expanded_conv|block_\d+|Conv_1", "Apache-2.0"),
    "mobilenet_v3": _Family("inside", r"expanded_conv(?:_\d+)?|^conv_1", "Apache-2.0"),
    "nasnet": _Family("tf", r"^(?:normal|reduction|adjust|separable)\w*?_(stem_\d+|reduce_\d+|\d+)$", "Apache-2.0"),
    "resnet": _Family("caffe", _RESNET_BLOCK, "MIT"),
    "resnet_v2": _Family("tf", _RESNET_BLOCK, "BSD-3-Clause"),
    "vgg16": _Family("caffe", r"block\d+", "CC-BY-4.0"),
    "vgg19": _Family("caffe", r"block\d+", "CC-BY-4.0"),
    "xception": _Family("tf", r"block\d+", "MIT"),
}
_OWN_BLOCK = r"^(?:stage\d+_block\d+|block\d+|features)"

APPLICATIONS: dict[str, Callable[..., keras.Model]] = {
    name: build for name, build in vars(keras.applications).items() if name[0].isupper() and inspect.isfunction(build)
}


def backbone_names() -> tuple[str, ...]:
    """Returns every name that `build_backbone` takes."""
    return ("face_resnet", LITE0, *ARCHITECTURES, *APPLICATIONS)


def has_pretrained_weights(name: str) -> bool:
    """Returns whether weights were published for this backbone; the architectures of the zoo have none."""
    return name in backbone_names() and name not in ARCHITECTURES


def build_backbone(
    name: str,
    image_size: tuple[int, int],
    *,
    weights: str | None = "imagenet",
    mirror: bool = False,
    options: ArchitectureOptions | None = None,
) -> Backbone:
    """Builds a backbone.

    Args:
        name: `"face_resnet"`, `"efficientnet_lite0"`, an architecture of the zoo, or a constructor of
            `keras.applications`, spelt as there.
        image_size: Height and width in pixels; `face_resnet` takes (150, 150) alone.
        weights: `None` for random weights, or the published ones: `"imagenet"` for `efficientnet_lite0`, whose weights
            pip has installed, and for `keras.applications`, where Keras downloads them on first use; `"face_resnet"`
            for `face_resnet`; for all of them `"pretrained"`.
        mirror: Average over image and mirror image; `face_resnet` alone can.
        options: What to vary in an architecture of the zoo.

    Raises:
        ValueError: If the name is unknown, has no such weights, cannot take images of this size, or cannot mirror.
        ModelFileError: If a weight file is missing, altered, or cannot be downloaded: then it names the file and
            where to put it.

    Example:
        ```python
        backbone = build_backbone("MobileNetV2", (160, 160))
        for line in freeze(backbone, trainable_blocks=2):
            print(line)
        ```
    """
    if mirror and name != "face_resnet":
        raise ValueError(f"Only face_resnet averages over mirror images. Received: name={name!r}, mirror=True.")
    if name in ARCHITECTURES:
        _check_weights(name, weights, published=None)
        return describe(build_features(name, image_size, options=options), name, licence=None)
    if name == "face_resnet":
        _check_weights(name, weights, published="face_resnet")
        if tuple(image_size) != IMAGE_SIZE:
            raise ValueError(f"face_resnet takes images of {IMAGE_SIZE}. Received: image_size={image_size}.")
        model = build_face_resnet("face_resnet" if weights else None, views=2 if mirror else 1)
        return describe(model, name, licence=weight_file(name).licence if weights else None)
    if name == LITE0:
        _check_weights(name, weights, published="imagenet")
        model = build_efficientnet_lite0(image_size, LITE0 if weights else None)
        return describe(model, name, licence=weight_file(name).licence if weights else None)
    if name in APPLICATIONS:
        _check_weights(name, weights, published="imagenet")
        family = _FAMILIES[family_of(name)]
        model = _application(name, image_size, "imagenet" if weights else None, family.preprocessing)
        return describe(
            model,
            name,
            family.block,
            licence=family.licence if weights else None,
            named_by_last=family.named_by_last,
        )
    raise ValueError(f"Unknown backbone. Received: name={name!r}. Expected one of {list(backbone_names())}.")


def family_of(name: str) -> str:
    """Returns the module of `keras.applications` that a constructor stands in: `"ResNet50"` -> `"resnet"`."""
    return APPLICATIONS[name].__module__.rpartition(".")[2]


def published_licence(name: str) -> str:
    """Returns the licence of the ImageNet weights of a constructor of `keras.applications`."""
    return _FAMILIES[family_of(name)].licence


def _check_weights(name: str, weights: str | None, published: str | None) -> None:
    if weights is None or (published and weights in (published, "pretrained")):
        return
    choice = f"{published!r} or None" if published else "None: it has no pretrained weights"
    raise ValueError(f"{name} takes weights={choice}. Received: weights={weights!r}.")


def build_application(name: str, image_size: tuple[int, int], **options) -> keras.Model:
    """Calls a constructor of `keras.applications`.

    Raises:
        ValueError: If it does not take images of this size, or such options.
    """
    try:
        return APPLICATIONS[name](input_shape=(*image_size, 3), **options)
    except ValueError as error:
        height, width = image_size
        raise ValueError(f"{name} cannot be built for images of {height} x {width} pixels. {error}") from error


def _application(name: str, image_size: tuple[int, int], weights: str | None, preprocessing: str) -> keras.Model:
    inputs = keras.Input((*image_size, 3), name="image")
    try:
        with warnings.catch_warnings():
            # MobileNets say that weights trained at 224 pixels serve other sizes too; without a classifier they do.
            warnings.filterwarnings("ignore", message=".*Weights for input shape")
            built = build_application(
                name,
                image_size,
                include_top=False,
                weights=weights,
                input_tensor=_preprocessed(inputs, preprocessing),
            )
    except Exception as error:
        # Keras raises a bare Exception with this text; anything else is not ours to explain.
        failed = re.match(r"URL fetch failure on (\S+): ", str(error))
        if not failed:
            raise
        file = failed[1].rpartition("/")[2]
        raise ModelFileError(
            f"The ImageNet weights of {name} are not on this machine and could not be downloaded. Put the file {file} "
            f"from {failed[1]} into {_weights_folder()}, or pass weights=None."
        ) from error
    # Keras takes the inputs for a list of one, and would warn at each call with an image batch.
    return keras.Model(inputs, built.output, name=built.name)


def _weights_folder() -> Path:
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def _preprocessed(x, mode: str):
    """What `preprocess_input` of the family does, as layers."""
    if mode == "inside":
        return x
    if mode == "tf":
        return layers.Rescaling(1 / 127.5, offset=-1, name="preprocess")(x)
    if mode == "torch":
        # Mean and standard deviation of ImageNet's RGB in [0, 1].
        mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        scale = [1 / (255 * value) for value in deviation]
        offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
        return layers.Rescaling(scale, offset=offset, name="preprocess")(x)
    # caffe: BGR, minus ImageNet's mean.
    bgr = ReverseChannels(name="bgr")(x)
    return layers.Rescaling(1, offset=[-103.939, -116.779, -123.68], name="preprocess")(bgr)


def describe(
    model: keras.Model, name: str, pattern: str = _OWN_BLOCK, *, licence: str | None, named_by_last: bool = False
) -> Backbone:
    """Describes a model from images to features as a backbone, cut into blocks.

    Args:
        model: Functional.
        name: What to call it.
        pattern: Pattern in a layer's name that names its block: its group, where it has one.
        licence: Licence of its weights; `None` for random ones.
        named_by_last: Whether a block's unnamed layers stand in front of its named ones, not behind them.
    """
    maps = [layer.name for layer in model.layers if len(layer.output.shape) == 4]
    return Backbone(model, name, _blocks(model, re.compile(pattern), named_by_last), licence, maps[-1])


def _blocks(model: keras.Model, pattern: re.Pattern, named_by_last: bool) -> tuple[Block, ...]:
    """Groups the layers by the block in their name; those that name none join a neighbour, as do weightless blocks."""
    members: dict[str, list[str]] = {}
    ordered = model.layers[::-1] if named_by_last else model.layers
    block = "last" if named_by_last else "stem"
    for layer in ordered:
        found = pattern.search(layer.name)
        block = _block_name(found) if found else block
        members.setdefault(block, []).append(layer.name)
    if named_by_last:
        members = {name: names[::-1] for name, names in reversed(members.items())}
    return tuple(Block(name, tuple(names)) for name, names in _with_weights(model, members))


def _block_name(found: re.Match) -> str:
    name = found[found.lastindex or 0]
    return f"block{name}" if name.isdigit() else name


def _with_weights(model: keras.Model, members: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    merged: list[tuple[str, list[str]]] = []
    waiting: list[str] = []  # weightless layers in front of the first block with weights
    for name, names in members.items():
        if any(model.get_layer(layer).weights for layer in names):
            merged.append((name, [*waiting, *names]))
            waiting = []
        elif merged:
            merged[-1][1].extend(names)
        else:
            waiting += names
    return merged
