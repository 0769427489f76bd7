"""Heads: what is put behind a backbone's features, and how the two become one model."""

import keras
import numpy as np
from keras import layers

from kerasface.models.layers import CosineLogits


def build_classifier_head(features: np.ndarray, num_classes: int) -> keras.Model:
    """Builds a linear softmax classifier for standardised features.

    Args:
        features: `(n, dim)` training features: each dimension is standardised by their mean and variance, which are
            stored in the head.
        num_classes: Number of classes.

    Input shape:
        `(batch, dim)`.

    Output shape:
        `(batch, num_classes)` probabilities.
    """
    inputs = keras.Input((features.shape[1],), name="features")
    # A dimension that never varies would divide by zero; its standardised value is 0 anyway.
    variance = np.maximum(features.var(axis=0), 1e-12)
    x = layers.Normalization(mean=features.mean(axis=0), variance=variance, name="standardise")(inputs)
    outputs = layers.Dense(num_classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="head")


def build_cosine_head(features: np.ndarray, num_classes: int, *, scale: float = 64.0) -> keras.Model:
    """Builds a head for angular-margin losses: one direction per class, scored by the cosine.

    Train `cosines` with `losses.ArcFace(scale=scale)` or `losses.CosFace(scale=scale)`; the margin stays in the loss,
    so the head's own output is what the trained model believes without it.

    Args:
        features: `(n, dim)` training features, for standardisation as in `build_classifier_head`.
        num_classes: Number of classes.
        scale: Factor on the cosines before the softmax; that of the loss.

    Input shape:
        `(batch, dim)`.

    Output shape:
        `(batch, num_classes)` probabilities; the layer `cosines` gives `(batch, num_classes)` in `[-1, 1]`.
    """
    inputs = keras.Input((features.shape[1],), name="features")
    variance = np.maximum(features.var(axis=0), 1e-12)
    x = layers.Normalization(mean=features.mean(axis=0), variance=variance, name="standardise")(inputs)
    x = CosineLogits(num_classes, dtype="float32", name="cosines")(x)
    x = layers.Rescaling(scale, dtype="float32", name="logits")(x)
    outputs = layers.Softmax(dtype="float32", name="probabilities")(x)
    return keras.Model(inputs, outputs, name="cosine_head")


def to_vector(features, *, head: str = "gap", dropout: float = 0.0):
    """Turns a feature map into a vector, with dropout behind it; a vector only gets the dropout.

    Args:
        features: Tensor `(batch, rows, cols, channels)` or `(batch, dim)`.
        head: `"gap"` averages each channel over the map; `"flatten"` keeps all places, and so many more weights.
        dropout: Share of the values dropped while training, in `[0, 1)`.

    Returns:
        Tensor `(batch, channels)` for `gap`, `(batch, rows * cols * channels)` for `flatten`.

    Raises:
        ValueError: If `head` is unknown.
    """
    if head not in ("gap", "flatten"):
        raise ValueError(f"head must be 'gap' or 'flatten'. Received: head={head!r}.")
    if len(features.shape) == 4:
        layer = (
            layers.GlobalAveragePooling2D(name="head_pool") if head == "gap" else layers.Flatten(name="head_flatten")
        )
        features = layer(features)
    return layers.Dropout(dropout, name="head_dropout")(features) if dropout else features


def to_probabilities(features, num_classes: int):
    """Puts a linear softmax classifier on a vector, in float32 also under mixed precision.

    Args:
        features: Tensor `(batch, dim)`.
        num_classes: Number of classes.

    Returns:
        Tensor `(batch, num_classes)`; the layer `head_logits` gives it before the softmax.
    """
    logits = layers.Dense(num_classes, dtype="float32", name="head_logits")(features)
    return layers.Softmax(dtype="float32", name="head_probabilities")(logits)


def join(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Puts `head` behind `backbone` as one flat functional model with the frozen backbone's layers in it.

    Flat, because a model nested in another hides its layers from inspection.

    Args:
        backbone: Images to features.
        head: Features to outputs; a chain of layers.
    """
    backbone.trainable = False
    x = backbone.output
    for layer in head.layers[1:]:
        x = layer(x)
    return keras.Model(backbone.input, x, name="classifier")


def cool(model: keras.Model, temperature: float) -> None:
    """Divides a classifier's logits by `temperature`, in its weights: its probabilities become the calibrated ones.

    Args:
        model: Ends in a dense layer with softmax, in a dense layer and a softmax, or in the scaled cosines of
            `build_cosine_head`.
        temperature: Above 1 for less confidence, below 1 for more.

    Raises:
        ValueError: If the model ends otherwise.
    """
    for layer in model.layers[::-1]:
        if isinstance(layer, layers.Dense):
            layer.set_weights([weight / temperature for weight in layer.get_weights()])
            return
        if isinstance(layer, layers.Rescaling):
            layer.scale = layer.scale / temperature
            return
        if not isinstance(layer, layers.Softmax):
            break
    raise ValueError(
        f"{model.name} does not end in logits and a softmax. Received: last layer {model.layers[-1].name}."
    )
