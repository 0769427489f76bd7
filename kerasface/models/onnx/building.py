"""Tensors of an ONNX network as Keras has them, and the names of its layers.

ONNX keeps maps as `(batch, channels, rows, cols)`, Keras as `(batch, rows, cols, channels)`. Each tensor says which
axis of ONNX each of its axes is, so that a transposition costs nothing until somebody needs an order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import keras
import numpy as np
from keras import layers

from kerasface.models.onnx.reading import Node

IMAGE = (0, 2, 3, 1)  # axes of ONNX in Keras's order of a map


class UnsupportedError(Exception):
    """Why a node cannot be a Keras layer."""


@dataclass(frozen=True, eq=False)
class Value:
    """A tensor of the network.

    Attributes:
        tensor: Keras's.
        axes: For each of its axes the one of ONNX.
    """

    tensor: keras.KerasTensor
    axes: tuple[int, ...]

    @property
    def rank(self) -> int:
        """Axes, with the batch."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape as ONNX has it; `None` for the batch."""
        return tuple(self.tensor.shape[self.axes.index(axis)] for axis in range(self.rank))

    @property
    def size(self) -> int:
        """Numbers of one image."""
        return prod(self.shape[1:])

    def placed(self, array: np.ndarray) -> np.ndarray:
        """Returns a constant that spreads over this tensor, in Keras's order of axes and without the batch.

        Raises:
            UnsupportedError: If it has more axes, other sides, or differs from image to image.
        """
        padded = array.reshape((1,) * (self.rank - array.ndim) + array.shape) if array.ndim <= self.rank else None
        sides = zip(padded.shape[1:], self.shape[1:], strict=True) if padded is not None else ()
        if padded is None or padded.shape[0] != 1 or any(side not in (1, whole) for side, whole in sides):
            raise UnsupportedError(f"a constant of shape {list(array.shape)} does not fit {list(self.shape)}")
        return padded.transpose(self.axes)[0]


class Builder:
    """Makes the layers of a network, one node after the other.

    Attributes:
        values: Tensors by name.
        constants: Weights and computed constants by name.
        fixed_batch: Images at a time that the file was written for; `None` for any number.

    Args:
        constants: Of the file.
        fixed_batch: As the attribute.
        taken: Names that its layers cannot have.
    """

    def __init__(self, constants: dict[str, np.ndarray], fixed_batch: int | None, taken: Sequence[str]):
        self.values: dict[str, Value] = {}
        self.constants = dict(constants)
        self.fixed_batch = fixed_batch
        self._names = set(taken)

    def value(self, node: Node, place: int = 0) -> Value:
        """Returns what a node takes, which must be a tensor of the images."""
        name = self._input(node, place)
        if name not in self.values:
            raise UnsupportedError("it takes a constant where a map of the images belongs")
        return self.values[name]

    def constant(self, node: Node, place: int) -> np.ndarray | None:
        """Returns a constant that a node takes; `None` if it is left out.

        Raises:
            UnsupportedError: If it depends on the images.
        """
        name = self._input(node, place)
        if name in self.values:
            raise UnsupportedError(f"its input {name!r} is computed from the images, not a constant")
        return self.constants[name] if name else None

    def _input(self, node: Node, place: int) -> str:
        name = node.inputs[place] if place < len(node.inputs) else ""
        if name and name not in self.values and name not in self.constants:
            raise UnsupportedError(f"it takes {name!r}, a further output of another node")
        return name

    def needed(self, node: Node, place: int) -> np.ndarray:
        """Returns a constant that a node must have."""
        found = self.constant(node, place)
        if found is None:
            raise UnsupportedError(f"it lacks input {place + 1}")
        return found

    def name(self, node: Node, what: str = "") -> str:
        """Returns a name for a layer: the node's, made one that Keras takes and that nobody has."""
        words = re.sub(r"\W+", "_", node.name or next(filter(None, node.outputs), "")).strip("_").lower()
        if not re.search(r"[a-z]", words):  # a bare number says nothing
            words = f"{node.operator.lower()}_{words}".strip("_")
        words = words[-80:].strip("_") + (f"_{what}" if what else "")
        return self.free(words)

    def free(self, words: str) -> str:
        """Returns `words`, or these with a number if they are taken, and takes them."""
        found, number = words, 2
        while found in self._names:
            found, number = f"{words}_{number}", number + 1
        self._names.add(found)
        return found

    def apply(self, layer: keras.layers.Layer, value: Value) -> Value:
        """Puts a layer that keeps the order of axes behind a tensor."""
        return Value(layer(value.tensor), value.axes)

    def ordered(self, node: Node, value: Value, axes: Sequence[int]) -> Value:
        """Returns the tensor with its axes in another order."""
        if tuple(axes) == value.axes:
            return value
        order = tuple(value.axes.index(axis) for axis in axes)
        return Value(layers.Permute(order[1:], name=self.name(node, "permute"))(value.tensor), tuple(axes))

    def image(self, node: Node, value: Value) -> Value:
        """Returns a map with its channels last."""
        if value.rank != 4:
            raise UnsupportedError(f"it takes a map with rows and columns, not a tensor of shape {list(value.shape)}")
        return self.ordered(node, value, IMAGE)

    def reshaped(self, node: Node, value: Value, shape: Sequence[int]) -> Value:
        """Returns the tensor in another shape without the batch, read in ONNX's order."""
        axes = tuple(range(value.rank))
        long = [axis for axis in value.axes if axis and value.shape[axis] != 1]
        if long != sorted(long):
            value = self.ordered(node, value, axes)
        if tuple(value.tensor.shape[1:]) == tuple(shape):
            return Value(value.tensor, tuple(range(len(shape) + 1)))
        if len(shape) == 1:
            layer = layers.Flatten(name=self.name(node))
        else:
            layer = layers.Reshape(tuple(shape), name=self.name(node))
        return Value(layer(value.tensor), tuple(range(len(shape) + 1)))


def filled(layer: keras.layers.Layer, value: Value, weights: Sequence[np.ndarray]) -> Value:
    """Puts a layer behind a tensor and gives it its weights."""
    tensor = layer(value.tensor)
    wanted = [tuple(weight.shape) for weight in layer.weights]
    received = [tuple(weight.shape) for weight in weights]
    if wanted != received:
        raise UnsupportedError(f"its weights have the shapes {received}, and {wanted} are wanted")
    layer.set_weights(list(weights))
    return Value(tensor, value.axes)
