"""Activations."""

from collections.abc import Callable

from keras import layers

from kerasface.models.onnx.building import Builder, UnsupportedError, Value, filled
from kerasface.models.onnx.layers import Clip
from kerasface.models.onnx.reading import Node


def named(activation: str) -> Callable[[Builder, Node], Value]:
    """Makes what puts Keras's activation of a name behind a tensor."""

    def operator(builder: Builder, node: Node) -> Value:
        return builder.apply(layers.Activation(activation, name=builder.name(node)), builder.value(node))

    return operator


def relu(builder: Builder, node: Node) -> Value:
    """`Relu`."""
    return builder.apply(layers.ReLU(name=builder.name(node)), builder.value(node))


def leaky_relu(builder: Builder, node: Node) -> Value:
    """`LeakyRelu`."""
    slope = float(node.attributes.get("alpha", 0.01))
    return builder.apply(layers.LeakyReLU(negative_slope=slope, name=builder.name(node)), builder.value(node))


def elu(builder: Builder, node: Node) -> Value:
    """`Elu`."""
    layer = layers.ELU(alpha=float(node.attributes.get("alpha", 1.0)), name=builder.name(node))
    return builder.apply(layer, builder.value(node))


def prelu(builder: Builder, node: Node) -> Value:
    """`PRelu`, with a slope for all, for each channel, or for each place."""
    value = builder.value(node)
    slope = value.placed(builder.needed(node, 1))
    shared = [axis for axis, side in enumerate(slope.shape, start=1) if side == 1]
    return filled(layers.PReLU(shared_axes=shared or None, name=builder.name(node)), value, [slope])


def clip(builder: Builder, node: Node) -> Value:
    """`Clip`; between 0 and a number it is a bounded ReLU."""
    value, limits = builder.value(node), []
    for place, name in ((1, "min"), (2, "max")):
        constant = builder.constant(node, place)
        limit = node.attributes.get(name) if constant is None else constant.ravel()[0]
        limits.append(None if limit is None or abs(limit) > 1e30 else float(limit))
    low, high = limits
    if low == 0:
        layer = layers.ReLU(max_value=high, name=builder.name(node))
    else:
        layer = Clip(low, high, name=builder.name(node))
    return builder.apply(layer, value)


def hard_sigmoid(builder: Builder, node: Node) -> Value:
    """`HardSigmoid` of any slope."""
    slope, offset = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    value = builder.apply(layers.Rescaling(slope, offset, name=builder.name(node, "line")), builder.value(node))
    return builder.apply(Clip(0.0, 1.0, name=builder.name(node)), value)


def swish(builder: Builder, node: Node) -> Value:
    """`Swish`."""
    if node.attributes.get("alpha", 1.0) != 1.0:
        raise UnsupportedError("its alpha is not 1")
    return named("silu")(builder, node)


def dropout(builder: Builder, node: Node) -> Value:
    """`Dropout`, which drops nothing unless somebody trains on."""
    training = builder.constant(node, 2)
    if training is not None and training.any():
        raise UnsupportedError("it drops values at every use (training_mode)")
    constant = builder.constant(node, 1)
    rate = float(node.attributes.get("ratio", 0.5) if constant is None else constant.ravel()[0])
    if not 0 <= rate < 1:
        raise UnsupportedError(f"its ratio is {rate:g}")
    return builder.apply(layers.Dropout(rate, name=builder.name(node)), builder.value(node))


OPERATORS = {
    "Relu": relu,
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Elu": elu,
    "Sigmoid": named("sigmoid"),
    "Tanh": named("tanh"),
    "Softplus": named("softplus"),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": named("hard_silu"),
    "Swish": swish,
    "Mish": named("mish"),
    "Clip": clip,
    "Dropout": dropout,
}
