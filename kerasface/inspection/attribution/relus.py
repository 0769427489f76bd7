"""Copies of models whose ReLUs pass gradients back by another rule; what goes forward stays the same."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

# From the gradient that arrives and where the ReLU was on to the gradient that it passes back.
Backward = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]

_FUNCTIONS = {keras.activations.relu: {}, keras.activations.relu6: {"max_value": 6.0}}


def guided(gradient: tf.Tensor, derivative: tf.Tensor) -> tf.Tensor:
    """Passes back what is positive, where the ReLU was on."""
    return tf.nn.relu(gradient) * derivative


def deconvolved(gradient: tf.Tensor, derivative: tf.Tensor) -> tf.Tensor:
    """Passes back what is positive, wherever the ReLU was on: a ReLU for what goes backward."""
    return tf.nn.relu(gradient)


def rewired(model: keras.Model, backward: Backward) -> keras.Model:
    """Copies a model with its weights, with another rule for the gradients of its ReLUs.

    ReLUs are layers of that name, and layers whose activation is `relu` or `relu6`.

    Args:
        model: Functional or sequential; models nested in it are copied too.
        backward: The rule.

    Raises:
        ValueError: If the model has no ReLU.
    """
    count = 0

    def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
        nonlocal count
        if isinstance(layer, layers.ReLU):
            count += 1
            options = {name: getattr(layer, name) for name in ("max_value", "negative_slope", "threshold")}
            return layers.Activation(_relu(backward, options), name=layer.name, dtype=layer.dtype_policy)
        copy = layer.__class__.from_config(layer.get_config())
        if (function := getattr(layer, "activation", None)) in _FUNCTIONS:
            count += 1
            copy.activation = _relu(backward, _FUNCTIONS[function])
        return copy

    copy = keras.models.clone_model(model, clone_function=copied, recursive=True)
    if not count:
        raise ValueError(
            f"The rule is for ReLUs, and {model.name} has none. Choose another method, such as smooth-grad."
        )
    copy.set_weights(model.get_weights())
    return copy


def _relu(backward: Backward, options: dict) -> Callable:
    @tf.custom_gradient
    def relu(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = keras.activations.relu(x, **options)
        derivative = tape.gradient(y, x)

        def gradient(upstream):
            return backward(upstream, derivative)

        return y, gradient

    return relu
