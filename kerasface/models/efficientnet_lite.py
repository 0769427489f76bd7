"""EfficientNet-Lite0: a network of 1.2 million pictures of a thousand kinds, to go on from with one's own.

Architecture: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019
(arXiv:1905.11946), table 1, in the form for phones that its authors published as EfficientNet-Lite: without squeeze and
excitation, ReLU6 in place of swish. Its blocks are those of `zoo.mobilenet_v2`, some of them with 5x5 kernels.
Weights: theirs, top-1 74.8 % on ImageNet at 224 pixels.
"""

import keras
import numpy as np
from keras import layers

from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.pretrained import ModelFileError, read_verified, weight_file
from kerasface.models.torch_format import read_tensors
from kerasface.models.zoo.parts import PUBLISHED, conv, inverted_residual

LITE0 = "efficientnet_lite0"
LITE0_SIDE = 224  # pixels, that the weights were trained at; other sizes serve, too
NUM_CLASSES = 1000  # of ImageNet
# (expansion, filters, repeats, stride of the first, kernel)
_PLAN = (
    *((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3)),
    *((6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3)),
)


def build_efficientnet_lite0(
    image_size: tuple[int, int] = (LITE0_SIDE, LITE0_SIDE),
    weights: str | None = LITE0,
    *,
    num_classes: int | None = None,
) -> keras.Model:
    """Builds the network.

    Args:
        image_size: Height and width in pixels, at least 32.
        weights: Name in the ledger of `pretrained.py`, or `None` for random weights.
        num_classes: Put a classifier of so many classes behind the features: 1,000 for ImageNet's own, which is the
            one that has weights.

    Input shape:
        `(batch, height, width, 3)`, RGB, `uint8` or floats in `[0, 255]`: preprocessing is inside.

    Output shape:
        `(batch, height / 32, width / 32, 1280)`, rounded up; with a classifier `(batch, num_classes)` probabilities,
        float32, for 1,000 those of ImageNet's classes in their usual order.

    Raises:
        ModelFileError: If the weight file is missing, altered or not of this architecture.
        ValueError: If the images are too small, or there are weights for another number of classes only.

    Example:
        ```python
        model = build_efficientnet_lite0(num_classes=1000)
        ```
    """
    if min(image_size) < 32:
        raise ValueError(f"{LITE0} takes images of at least 32 pixels a side. Received: image_size={image_size}.")
    if num_classes not in (None, NUM_CLASSES) and weights is not None:
        raise ValueError(
            f"The weights of {LITE0} have {NUM_CLASSES} classes. Received: num_classes={num_classes}. "
            "Give weights=None for another number."
        )
    inputs = keras.Input((*image_size, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="preprocess")(inputs)
    x = conv(x, 32, 3, strides=2, norm=PUBLISHED, activation="relu6", name="stem_conv")  # 224: (112, 112, 32)
    block = 0
    for expansion, filters, repeats, strides, kernel in _PLAN:
        for repeat in range(repeats):
            block += 1
            step = strides if repeat == 0 else 1
            x = inverted_residual(x, expansion, filters, step, PUBLISHED, f"block{block}", kernel=kernel)
    x = conv(x, 1280, 1, norm=PUBLISHED, activation="relu6", name="block17_conv")  # 224: (7, 7, 1280)
    if num_classes is not None:
        x = to_probabilities(to_vector(x), num_classes)
    model = keras.Model(inputs, x, name=LITE0)
    if weights is not None:
        _fill(model, weights)
    return model


def _fill(model: keras.Model, weights: str) -> None:
    tensors = read_tensors(read_verified(weight_file(weights)))
    for layer in model.layers:
        if not layer.weights:
            continue
        arrays = _arrays(layer, tensors)
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if shapes != [array.shape for array in arrays]:
            raise ModelFileError(
                f"The weights {weights!r} are not those of {LITE0}: {layer.name} needs {shapes}. "
                f"Received: {[array.shape for array in arrays]}."
            )
        layer.set_weights(arrays)


def _arrays(layer: keras.layers.Layer, tensors: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Returns a layer's weights as Keras orders them; a missing tensor is an empty one."""
    place = _place(layer.name)
    found = {name: tensors.get(f"{place}.{name}", np.zeros(0)) for name in (*_NORM, "weight", "bias")}
    if isinstance(layer, layers.BatchNormalization):
        return [found[name] for name in _NORM]
    kernel = found["weight"]
    if isinstance(layer, layers.Dense):
        return [kernel.T, found["bias"]]
    # (out, in, rows, cols) in the file; a depthwise kernel has one input each, and Keras wants it last.
    axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [kernel.transpose(axes) if kernel.ndim == 4 else kernel]


_NORM = ("weight", "bias", "running_mean", "running_var")
_PARTS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}
_ENDS = {
    "stem_conv": "_conv_stem",
    "stem_conv_norm": "_bn0",
    "block17_conv": "_conv_head",
    "block17_conv_norm": "_bn1",
    "head_logits": "_fc",
}


def _place(name: str) -> str:
    """Returns what the file calls a layer: `block2_expand_norm` is `_blocks.1._bn0`."""
    if name in _ENDS:
        return _ENDS[name]
    block, part, *norm = name.split("_")
    return f"_blocks.{int(block.removeprefix('block')) - 1}.{_PARTS[part][bool(norm)]}"
