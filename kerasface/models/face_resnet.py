"""The face embedder: dlib's 29-layer residual network as one Keras functional model.

Architecture and weights: D. King, "High Quality Face Recognition with Deep Metric Learning", 2017; a ResNet-34
(He et al. 2016, arXiv:1512.03385) with fewer layers and half the filters, trained with a pairwise hinge loss.
"""

import keras
import numpy as np
from keras import layers

from kerasface.models.dlib_format import layer_records
from kerasface.models.layers import AddMirrored, AddZoomed, MeanOfViews, PaddedAdd, PadToMultiple
from kerasface.models.pretrained import ModelFileError, read_verified, weight_file
from kerasface.models.shipped import EMBEDDING_DIM, IMAGE_SIZE, VIEWS

# The mean of the training set, per channel, RGB.
_MEAN = (122.782, 117.001, 104.298)
# (filters, blocks, whether the first block halves the map)
_STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))


def build_face_resnet(weights: str | None = "face_resnet", *, views: int = 1) -> keras.Model:
    """Builds the embedder.

    The affine layer behind each convolution of the original is folded into it, so the model has 29 convolutions with
    bias and one dense layer without. The layer `features` gives the embedding before normalisation.

    Args:
        weights: Name in the ledger of `pretrained.py`, or `None` for random weights.
        views: Over how many views of the crop the embedding is averaged: 1; 2, with its mirror image; or 6, both also a
            little smaller and larger. As many times the work, fewer errors.

    Input shape:
        `(batch, 150, 150, 3)`, aligned crops in RGB, `uint8` or floats in `[0, 255]`: preprocessing is inside.

    Output shape:
        `(batch, 128)`, unit embeddings.

    Raises:
        ModelFileError: If the weight file is missing, altered or not of this architecture.
        ValueError: If `views` is another number.
    """
    if views not in VIEWS:
        raise ValueError(f"views must be one of {VIEWS}. Received: views={views}.")
    inputs = keras.Input((*IMAGE_SIZE, 3), name="crop")
    x = AddZoomed(name="add_zoomed")(inputs) if views == 6 else inputs
    x = AddMirrored(name="add_mirrored")(x) if views > 1 else x
    x = _stages(x, len(_STAGES), padding="valid")  # (2, 2, 256)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dense(EMBEDDING_DIM, use_bias=False, name="features")(x)
    outputs = layers.UnitNormalization(name="embedding")(x)
    if views > 1:
        outputs = MeanOfViews(views, name="mean_of_views")(outputs)
    model = keras.Model(inputs, outputs, name="face_resnet")
    if weights is not None:
        _fill(model, weights)
    return model


def build_face_resnet_map(
    image_size: tuple[int, int] | None = None,
    weights: str | None = "face_resnet",
    *,
    num_stages: int = 3,
    mirror: bool = False,
) -> keras.Model:
    """Builds the first stages of the embedder for pictures of any size: to maps, where the embedder has a vector.

    The filters are the embedder's. Its convolutions that halve the map do not pad; here they do, so that each map has
    exactly half the rows and columns of the one before.

    Args:
        image_size: Height and width in pixels; `None` for any.
        weights: As `build_face_resnet` has them.
        num_stages: Stages, from 1 to 5.
        mirror: Append the mirror image of every picture to the batch.

    Input shape:
        `(batch, rows, cols, 3)`, RGB, `uint8` or floats in `[0, 255]`: preprocessing is inside.

    Output shape:
        `(batch, rows / 2 ** (num_stages + 1), cols / 2 ** (num_stages + 1), channels)`, rounded up; 32, 64, 128, 256
        and 256 channels after each stage.

    Raises:
        ModelFileError: If the weight file is missing, altered or not of this architecture.
        ValueError: If there are not so many stages.
    """
    if not 1 <= num_stages <= len(_STAGES):
        raise ValueError(f"There are {len(_STAGES)} stages. Received: num_stages={num_stages}.")
    inputs = keras.Input((*(image_size or (None, None)), 3), name="image")
    x = AddMirrored(name="add_mirrored")(inputs) if mirror else inputs
    x = PadToMultiple(2 ** (num_stages + 1), name="pad")(x)
    model = keras.Model(inputs, _stages(x, num_stages, padding="same"), name="face_resnet_map")
    if weights is not None:
        _fill(model, weights, whole=False)
    return model


def _stages(x, num_stages: int, padding: str):
    """Preprocessing, stem and residual stages. Of 150 pixels are left, without padding, 35, 17, 8, 4 and 2."""
    x = layers.Rescaling(1 / 256, offset=[-mean / 256 for mean in _MEAN], name="preprocess")(x)
    x = layers.Conv2D(32, 7, strides=2, padding=padding, name="stem_conv")(x)
    x = layers.ReLU(name="stem_relu")(x)
    x = layers.MaxPooling2D(3, strides=2, padding=padding, name="stem_pool")(x)
    for stage, (filters, blocks, halves) in enumerate(_STAGES[:num_stages], start=1):
        for block in range(1, blocks + 1):
            x = _residual_block(x, filters, halves and block == 1, padding, f"stage{stage}_block{block}")
    return x


def _residual_block(x, filters: int, halve: bool, padding: str, name: str):
    shortcut = x
    if halve:
        shortcut = layers.AveragePooling2D(2, padding=padding, name=f"{name}_shortcut")(shortcut)
        x = layers.Conv2D(filters, 3, strides=2, padding=padding, name=f"{name}_conv1")(x)
    else:
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv1")(x)
    x = layers.ReLU(name=f"{name}_relu1")(x)
    x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv2")(x)
    x = PaddedAdd(name=f"{name}_add")([x, shortcut])
    return layers.ReLU(name=f"{name}_relu2")(x)


def _fill(model: keras.Model, weights: str, *, whole: bool = True) -> None:
    targets = [layer for layer in model.layers if layer.weights]
    values = _folded(layer_records(read_verified(weight_file(weights))))
    values = values if whole else values[: len(targets)]
    if len(values) != len(targets):
        raise ModelFileError(
            f"The weights {weights!r} hold {len(values)} layers; face_resnet has {len(targets)}. They belong together?"
        )
    for layer, arrays in zip(targets, values, strict=True):
        layer.set_weights(arrays)


def _folded(records) -> list[list[np.ndarray]]:
    """Folds `gamma * (conv(x) + bias) + beta` into one convolution; returns each layer's arrays in Keras order."""
    folded: list[list[np.ndarray]] = []
    for kind, values in records:
        if kind == "affine":
            kernel, bias = folded[-1]
            folded[-1] = [kernel * values["gamma"], bias * values["gamma"] + values["beta"]]
        elif kind == "conv":
            folded.append([values["kernel"], values["bias"]])
        else:
            folded.append([values["kernel"]])
    return folded
