"""Heads: what is put behind a backbone's features, and how the two become one model."""

import keras
import numpy as np
from keras import layers, ops

from kerasface.models.layers import CosineLogits

# The constant coordinate beside stretched vectors, whose length is about 1.
_LIFT = 2.0


def build_classifier_head(
    mean: np.ndarray,
    variance: np.ndarray,
    num_classes: int,
    *,
    dropout: float = 0.0,
    hidden: int | None = None,
    scale: float | None = None,
    offsets: np.ndarray | None = None,
) -> keras.Model:
    """Builds a classifier for standardised features, or one of cosines for features as they are.

    Args:
        mean: Mean of the training features, shape `(dim,)`; it is stored in the head.
        variance: Their variance, shape `(dim,)`.
        num_classes: Number of classes.
        dropout: Share of the standardised features dropped while training.
        hidden: Units of a hidden layer; see `to_probabilities`.
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
    outputs = to_probabilities(x, num_classes, hidden=hidden, scale=scale, offsets=offsets)
    return keras.Model(inputs, outputs, name="head")


def build_metric_head(
    dim: int, *, centres: np.ndarray | None = None, width: float = 4.0, pull: float = 0.0
) -> keras.Model:
    """Builds a head that turns features into embeddings, and begins by leaving their order of likeness as it is.

    The unit features `x` become `x + residual(x)`, with a residual that begins at 0. With `centres` they are also
    stretched by a factor that depends on where they lie, which begins at 1: where faces crowd, a larger one keeps
    strangers apart. Cosines do not see lengths, so a constant coordinate is put beside the stretched vector before both
    are brought to unit length: cosines then fall with the Euclidean distance of the stretched vectors.

    Args:
        dim: Length of the features.
        centres: Places around which the factor is learned, `(num_centres, dim)`; it is the exponential of a weighted
            sum of `exp(-width * |x - centre|^2)`. Its layer `head_stretch` is not trained with the rest, see
            `train/metric_head.py`.
        width: The larger, the smaller the surroundings of a centre that it speaks for.
        pull: Weight of the squared residual weights in the loss, which holds the head near its beginning.

    Input shape:
        `(batch, dim)`.

    Output shape:
        `(batch, dim)` unit embeddings; `(batch, dim + 1)` with `centres`.
    """
    inputs = keras.Input((dim,), name="features")
    unit = layers.UnitNormalization(name="head_unit")(inputs)
    pulled = keras.regularizers.L2(pull) if pull else None
    residual = layers.Dense(
        dim, use_bias=False, kernel_initializer="zeros", kernel_regularizer=pulled, name="head_residual"
    )(unit)
    x = layers.Add(name="head_sum")([unit, residual])
    if centres is not None:
        near = layers.Dense(len(centres), activation="exponential", trainable=False, name="head_centres")
        stretch = layers.Dense(
            1, activation="exponential", kernel_initializer="zeros", trainable=False, name="head_stretch"
        )
        factor = stretch(near(unit))
        # |x - c|^2 = 1 - 2 x c + |c|^2
        near.set_weights([2 * width * centres.T, -width * (1 + np.sum(centres**2, axis=1))])
        x = layers.Multiply(name="head_stretched")([x, factor])
        lift = keras.initializers.Constant(_LIFT)
        constant = layers.Dense(
            1, kernel_initializer="zeros", bias_initializer=lift, trainable=False, name="head_constant"
        )(unit)
        x = layers.Concatenate(name="head_lifted")([x, constant])
    return keras.Model(inputs, layers.UnitNormalization(dtype="float32", name="head_embedding")(x), name="metric_head")


def build_scratch_embedder(backbone: keras.Model, dim: int) -> keras.Model:
    """Puts a projection to unit embeddings behind a network that is trained from its first layer on.

    Args:
        backbone: Images to a feature map.
        dim: Length of the embeddings.

    Output shape:
        `(batch, dim)`, each of length 1, float32.
    """
    x = to_vector(backbone.output, head="gap")
    x = layers.Dense(dim, use_bias=False, name="head_embedding")(x)
    x = layers.BatchNormalization(name="head_norm")(x)
    unit = layers.UnitNormalization(dtype="float32", name="head_unit")(x)
    return keras.Model(backbone.input, unit, name="embedder")


def build_siamese(embedder: keras.Model, *, threshold: float = 0.6, slope: float = 10.0) -> keras.Model:
    """Builds a Siamese network: two inputs, one embedder, the probability that both show the same person.

    The probability is `sigmoid(w * d(f(x1), f(x2)) + b)` with the Euclidean distance `d` of unit embeddings and two
    weights of its own.

    Args:
        embedder: From images or features to unit embeddings; its weights are shared by both sides.
        threshold: Distance at which the probability begins as a half.
        slope: The `-w` that it begins with.

    Input shape:
        Two tensors of the embedder's input shape.

    Output shape:
        `(batch, 1)`, in `(0, 1)`.

    Reference:
        Koch et al., "Siamese Neural Networks for One-shot Image Recognition", ICML Deep Learning Workshop 2015.
    """
    first, second = (keras.Input(embedder.input_shape[1:], name=name) for name in ("first", "second"))
    squared = ops.sum(ops.square(embedder(first) - embedder(second)), axis=-1, keepdims=True)
    distance = ops.sqrt(ops.maximum(squared, 1e-9))  # the derivative of the root is infinite at 0
    decision = layers.Dense(1, activation="sigmoid", dtype="float32", name="same_person")
    probability = decision(distance)
    decision.set_weights([np.float32([[-slope]]), np.float32([slope * threshold])])
    return keras.Model([first, second], probability, name="siamese")


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


def to_probabilities(
    features,
    num_classes: int,
    *,
    hidden: int | None = None,
    scale: float | None = None,
    offsets: np.ndarray | None = None,
):
    """Puts a softmax classifier on a vector, in float32 also under mixed precision.

    Args:
        features: Tensor `(batch, dim)`.
        num_classes: Number of classes.
        hidden: Units of a hidden layer in front of it, normalised over the batch before its ReLU; none if not given.
        scale: Where given, one direction per class is learned, and the logits are the cosines to them times `scale`.
            Train the layer `head_cosines` with `losses.ArcFace(scale=scale)` or `losses.CosFace(scale=scale)`: the
            margin stays in the loss, so the output is what the trained model believes without it.
        offsets: Taken off each class's cosine before it is scaled, shape `(num_classes,)`.

    Returns:
        Tensor `(batch, num_classes)`; the layer `head_logits` gives it before the softmax.
    """
    if hidden is not None:
        features = layers.Dense(hidden, use_bias=False, kernel_initializer="he_normal", name="head_hidden")(features)
        features = layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name="head_hidden_norm")(features)
        features = layers.Activation("relu", name="head_hidden_relu")(features)
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


def join_embedder(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Puts a copy of a metric head behind `backbone`, whose layers are frozen: images to embeddings, one flat model.

    Args:
        backbone: Images to features.
        head: Made by `build_metric_head`.
    """
    backbone.trainable = False
    outputs = {head.layers[0].name: backbone.output}
    for layer in head.layers[1:]:
        copy = layer.__class__.from_config(layer.get_config())
        x = [outputs[tensor._keras_history.operation.name] for tensor in keras.tree.flatten(layer.input)]
        outputs[layer.name] = copy(x if len(x) > 1 else x[0])
        copy.set_weights(layer.get_weights())
    return keras.Model(backbone.input, outputs[head.layers[-1].name], name="embedder")


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
