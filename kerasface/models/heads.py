"""Heads: what is put behind a backbone's features, and how the two become one model."""

import keras
import numpy as np
from keras import layers

from kerasface.models.layers import CosineLogits


def build_classifier_head(
    mean: np.ndarray,
    variance: np.ndarray,
    num_classes: int,
    *,
    dropout: float = 0.0,
    scale: float | None = None,
    offsets: np.ndarray | None = None,
) -> keras.Model:
    """Builds a linear classifier for standardised features, or one of cosines for features as they are.

    Args:
        mean: Mean of the training features, shape `(dim,)`; it is stored in the head.
        variance: Their variance, shape `(dim,)`.
        num_classes: Number of classes.
        dropout: Share of the standardised features dropped while training.
        scale: For cosines, see `to_probabilities`; directions are what an embedder was trained to compare, so the
            features are not standardised then.
        offsets: For cosines, see `to_probabilities`.

    Input shape:
        `(batch, dim)`.

    Output shape:
        `(batch, num_classes)` probabilities.
    """
    x = inputs = keras.Input((len(mean),), name="features")
    if scale is None:
        # A dimension that never varies would divide by zero; its standardised value is 0 anyway.
        variance = np.maximum(variance, 1e-12)
        x = layers.Normalization(mean=mean, variance=variance, name="head_standardise")(x)
    x = layers.Dropout(dropout, name="head_dropout")(x) if dropout else x
    return keras.Model(inputs, to_probabilities(x, num_classes, scale=scale, offsets=offsets), name="head")


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


def to_probabilities(features, num_classes: int, *, scale: float | None = None, offsets: np.ndarray | None = None):
    """Puts a softmax classifier on a vector, in float32 also under mixed precision.

    Args:
        features: Tensor `(batch, dim)`.
        num_classes: Number of classes.
        scale: Where given, one direction per class is learned, and the logits are the cosines to them times `scale`.
            Train the layer `head_cosines` with `losses.ArcFace(scale=scale)` or `losses.CosFace(scale=scale)`: the
            margin stays in the loss, so the output is what the trained model believes without it.
        offsets: Taken off each class's cosine before it is scaled, shape `(num_classes,)`.

    Returns:
        Tensor `(batch, num_classes)`; the layer `head_logits` gives it before the softmax.
    """
    if scale is None:
        logits = layers.Dense(num_classes, dtype="float32", name="head_logits")(features)
    else:
        cosines = CosineLogits(num_classes, dtype="float32", name="head_cosines")(features)
        if offsets is not None:
            ones = np.ones(num_classes, dtype=np.float32)
            cosines = layers.Normalization(mean=offsets, variance=ones, dtype="float32", name="head_offsets")(cosines)
        logits = layers.Rescaling(scale, dtype="float32", name="head_logits")(cosines)
    return layers.Softmax(dtype="float32", name="head_probabilities")(logits)


def join(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Puts a copy of `head` behind `backbone` as one flat functional model with the frozen backbone's layers in it.

    Flat, because a model nested in another hides its layers from inspection. A copy, because a layer in two graphs has
    two outputs, and Keras would give that of the first.

    Args:
        backbone: Images to features.
        head: Features to outputs; a chain of layers.
    """
    backbone.trainable = False
    x = backbone.output
    for layer in head.layers[1:]:
        copy = layer.__class__.from_config(layer.get_config())
        x = copy(x)
        copy.set_weights(layer.get_weights())
    return keras.Model(backbone.input, x, name="classifier")


def cool(model: keras.Model, temperature: float) -> None:
    """Divides a classifier's logits by `temperature`, in its weights: its probabilities become the calibrated ones.

    Args:
        model: Ends in logits and a softmax, as `to_probabilities` makes them.
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
