"""The layers of a small network, as a list that is added to and taken from, and the network that it makes."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
from keras import layers

CONVOLUTION, MAX_POOLING, AVERAGE_POOLING = "convolution", "max pooling", "average pooling"
DENSE, NORM, DROPOUT = "dense", "batch norm", "dropout"
KINDS = (CONVOLUTION, MAX_POOLING, AVERAGE_POOLING, DENSE, NORM, DROPOUT)
ACTIVATIONS = ("relu", "leaky relu", "elu", "tanh", "sigmoid", "none")
MOST_LAYERS = 10
MOST_WEIGHTS = 300_000
_DROPPED = 0.3
_SLOPE = 0.1  # of the leaky ReLU below 0, as in the lectures
_POOLS = {MAX_POOLING: layers.MaxPooling2D, AVERAGE_POOLING: layers.AveragePooling2D}


@dataclass(frozen=True)
class Layer:
    """One layer of the list.

    Attributes:
        kind: One of `KINDS`.
        size: Filters of a convolution, units of a dense layer; else without a meaning.
        kernel: Side of a convolution's kernels; padding keeps the size of the map.
        activation: Of a convolution or a dense layer, one of `ACTIVATIONS`.
    """

    kind: str
    size: int = 9
    kernel: int = 5
    activation: str = "relu"

    def __str__(self) -> str:
        if self.kind == CONVOLUTION:
            return f"{self.size} filters {self.kernel}x{self.kernel}, {self.activation}"
        return f"{self.size} units, {self.activation}" if self.kind == DENSE else self.kind


# Lists to begin with, by name.
STACKS: dict[str, tuple[Layer, ...]] = {
    "One convolution": (Layer(CONVOLUTION), Layer(MAX_POOLING)),
    "ConvNetJS": tuple(
        layer for filters in (16, 20, 20) for layer in (Layer(CONVOLUTION, filters), Layer(MAX_POOLING))
    ),
    "Dense layers": (Layer(DENSE, 50), Layer(DENSE, 50)),
    "No layers": (),
}


def build_stack(shape: tuple[int, int, int], num_classes: int, stack: Sequence[Layer], seed: int = 0) -> keras.Model:
    """Builds the network of a list; behind the list come, always, a dense layer of logits, before it flattening.

    An empty list is a linear classifier: each class has a weight for every pixel.

    Args:
        shape: Rows, columns and channels of a picture.
        num_classes: Of the answers.
        stack: The layers, the first one first.
        seed: Of the first weights.

    Input shape:
        `(batch, rows, cols, channels)`, in `[0, 1]`.

    Output shape:
        `(batch, num_classes)`, logits.

    Raises:
        ValueError: If a layer cannot stand where it stands, a number is out of range, or there is too much of it.
    """
    if len(stack) > MOST_LAYERS:
        raise ValueError(
            f"More than {MOST_LAYERS} layers are too slow to look at. Received: {len(stack)}. Remove some."
        )
    inputs = keras.Input(shape, name="picture")
    x, flat_since = inputs, ""
    for number, layer in enumerate(stack, start=1):
        _check(layer, number)
        if layer.kind in (CONVOLUTION, *_POOLS) and flat_since:
            raise ValueError(
                f"Layer {number} ({layer.kind}) needs a map, and {flat_since} has made one row of numbers of it. "
                "Put it further up, or remove it."
            )
        if layer.kind in _POOLS and min(x.shape[1:3]) < 2:
            raise ValueError(
                f"Layer {number} ({layer.kind}) has nothing to halve: the map is {x.shape[1]} x {x.shape[2]} there. "
                "Remove it, or another pooling before it."
            )
        if layer.kind == DENSE and not flat_since:
            x, flat_since = layers.Flatten(name="flatten")(x), f"layer {number} (dense)"
        x = _one(x, layer, f"layer{number}", seed + number)
    x = x if flat_since else layers.Flatten(name="flatten")(x)
    outputs = layers.Dense(num_classes, kernel_initializer=keras.initializers.HeNormal(seed), name="logits")(x)
    model = keras.Model(inputs, outputs, name="live")
    if model.count_params() > MOST_WEIGHTS:
        raise ValueError(
            f"{model.count_params():,} weights are too slow to look at. Take fewer filters or units, or pool before "
            f"the dense layers: at most {MOST_WEIGHTS:,}."
        )
    return model


def _check(layer: Layer, number: int) -> None:
    if layer.kind not in KINDS:
        raise ValueError(f"Layer {number} is of no known kind. Received: {layer.kind!r}. Choose one of {[*KINDS]}.")
    if layer.activation not in ACTIVATIONS:
        raise ValueError(
            f"Layer {number} has no known activation. Received: {layer.activation!r}. Choose one of {[*ACTIVATIONS]}."
        )
    if layer.size < 1 or layer.kernel < 1:
        raise ValueError(
            f"Layer {number} needs a size and a kernel of at least 1. Received: size={layer.size}, "
            f"kernel={layer.kernel}."
        )


def _one(x, layer: Layer, name: str, seed: int):
    if layer.kind in _POOLS:
        return _POOLS[layer.kind](2, name=f"{name}_pool")(x)
    if layer.kind == NORM:
        return layers.BatchNormalization(momentum=0.9, name=f"{name}_norm")(x)
    if layer.kind == DROPOUT:
        return layers.Dropout(_DROPPED, seed=seed, name=f"{name}_dropout")(x)
    start = keras.initializers.HeNormal(seed)
    if layer.kind == CONVOLUTION:
        x = layers.Conv2D(layer.size, layer.kernel, padding="same", kernel_initializer=start, name=f"{name}_filters")(x)
    else:
        x = layers.Dense(layer.size, kernel_initializer=start, name=f"{name}_units")(x)
    if layer.activation == "none":
        return x
    if layer.activation == "leaky relu":
        return layers.LeakyReLU(negative_slope=_SLOPE, name=f"{name}_activation")(x)
    return layers.Activation(layer.activation, name=f"{name}_activation")(x)
