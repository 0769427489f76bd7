"""ONNX's operators as Keras layers, by name."""

from collections.abc import Callable

from kerasface.models.onnx.building import Builder, Value
from kerasface.models.onnx.operators import activations, arithmetic, convolutions, pooling, shapes
from kerasface.models.onnx.reading import Node

OPERATORS: dict[str, Callable[[Builder, Node], Value]] = {
    **convolutions.OPERATORS,
    **pooling.OPERATORS,
    **activations.OPERATORS,
    **arithmetic.OPERATORS,
    **shapes.OPERATORS,
}
