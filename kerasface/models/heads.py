"""Heads: what is put behind a backbone's features, and how the two become one model."""

import keras
import numpy as np
from keras import layers


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
