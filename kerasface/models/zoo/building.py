"""Builds an architecture of the zoo as a model, with the options that apply to it."""

import inspect
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import keras
from keras import layers

from kerasface.models.heads import to_probabilities
from kerasface.models.zoo.architectures import ARCHITECTURES

MIN_SIDE = 16  # pixels; the deepest architectures halve the map four times

CHOICES = {
    "norm": ("batch", "layer", "group", "instance", "none"),
    "pooling": ("max", "average", "strided"),
    "head": ("gap", "flatten"),
    "activation": ("sigmoid", "tanh", "relu", "leaky_relu", "maxout", "elu"),
    "num_layers": (2, 3),
    "conv_groups": (1, 2, 4, 8),
    "depth_multiplier": (1, 2, 4),
    "dropblock_size": tuple(range(1, 16)),
}


@dataclass(frozen=True)
class ArchitectureOptions:
    """What can be varied in an architecture; `None` leaves its own default. `supported_options` says what applies.

    Attributes:
        norm: Normalisation behind each convolution and hidden dense layer: `batch`, `layer` (over the whole map),
            `group`, `instance` (for maps alone), `none`.
        dropout: Rate of dropout in front of the classifier (`mlp`, `lenet`, `alexnet`: behind each hidden dense layer).
        dropblock: Rate of DropBlock in the last blocks; 0 for none.
        dropblock_size: Side of its blocks in pixels of the map, 1 to 15; 7 as in its paper.
        pooling: How blocks halve the map: `max`, `average`, or `strided` convolution.
        head: From map to vector: `gap` (global average pooling) or `flatten`.
        activation: `sigmoid`, `tanh`, `relu`, `leaky_relu` (slope 0.1), `maxout` (of two) or `elu`.
        num_layers: Layers with weights of an `mlp`, the classifier included: 2 or 3.
        conv_groups: Parts that the channels of 1x1 convolutions are divided into: 1, 2, 4 or 8.
        depth_multiplier: Maps that a depthwise convolution makes of each channel: 1, 2 or 4.

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
    conv_groups: int | None = None
    depth_multiplier: int | None = None
    dropblock_size: int | None = None

    def __post_init__(self):
        for name, value in self.given().items():
            if name in CHOICES and value not in CHOICES[name]:
                allowed = ", ".join(map(str, CHOICES[name]))
                raise ValueError(f"{name} must be one of {allowed}. Received: {name}={value!r}.")
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
        raise ValueError(f"Unknown architecture. Received: name={name!r}. Expected one of {', '.join(ARCHITECTURES)}.")
    if min(image_size) < MIN_SIDE:
        raise ValueError(f"Images must be at least {MIN_SIDE} pixels high and wide. Received: image_size={image_size}.")
    given = options.given() if options else {}
    supported = supported_options(name)
    if refused := {option: value for option, value in given.items() if option not in supported}:
        raise ValueError(
            f"An option does not apply to this architecture. Received: name={name!r}, {', '.join(refused)}. "
            f"{name!r} takes {', '.join(supported) or 'no options'}."
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
