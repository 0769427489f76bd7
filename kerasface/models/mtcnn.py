"""The three networks of MTCNN as Keras functional models.

Zhang, Zhang, Li, Qiao: "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks", IEEE
Signal Processing Letters 2016 (arXiv:1604.02878), Figure 2. P-Net proposes windows, R-Net refines them, O-Net refines
them again and finds five landmarks. All three take RGB in `[0, 255]`; preprocessing is inside.
"""

import io

import keras
from keras import layers

from kerasface.models.pretrained import ModelFileError, read_verified, weight_file
from kerasface.models.shipped import ONET_SIZE, RNET_SIZE


def build_pnet(weights: str | None = "mtcnn_pnet") -> keras.Model:
    """Builds the proposal network, fully convolutional.

    Input shape:
        `(batch, height, width, 3)`, any size of at least 12 x 12.

    Output shape:
        `probability` `(batch, rows, cols)` of a face in each 12 x 12 window, and `offsets` `(batch, rows, cols, 4)`:
        corrections of left, top, right, bottom as fractions of the window.

    Raises:
        ModelFileError: If the weights are missing, altered or of another shape.
    """
    inputs = keras.Input((None, None, 3), name="image")
    x = _normalised(inputs)
    x = _prelu_conv(x, 10, 3, "conv1")
    x = layers.MaxPooling2D(2, padding="same", name="pool1")(x)
    x = _prelu_conv(x, 16, 3, "conv2")
    x = _prelu_conv(x, 32, 3, "conv3")
    offsets = layers.Conv2D(4, 1, name="offsets")(x)
    classes = layers.Conv2D(2, 1, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, [classes[..., 1], offsets], name="pnet")
    return _filled(model, weights)


def build_rnet(weights: str | None = "mtcnn_rnet") -> keras.Model:
    """Builds the refinement network.

    Input shape:
        `(batch, 24, 24, 3)`.

    Output shape:
        `probability` `(batch,)` and `offsets` `(batch, 4)`.

    Raises:
        ModelFileError: If the weights are missing, altered or of another shape.
    """
    inputs = keras.Input((RNET_SIZE, RNET_SIZE, 3), name="window")
    x = _normalised(inputs)
    x = _prelu_conv(x, 28, 3, "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    x = _prelu_conv(x, 48, 3, "conv2")
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(x)
    x = _prelu_conv(x, 64, 2, "conv3")
    x = _prelu_dense(x, 128)
    offsets = layers.Dense(4, name="offsets")(x)
    classes = layers.Dense(2, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, [classes[..., 1], offsets], name="rnet")
    return _filled(model, weights)


def build_onet(weights: str | None = "mtcnn_onet") -> keras.Model:
    """Builds the output network.

    Input shape:
        `(batch, 48, 48, 3)`.

    Output shape:
        `probability` `(batch,)`, `offsets` `(batch, 4)` and `landmarks` `(batch, 10)`: five x, then five y, as
        fractions of the window.

    Raises:
        ModelFileError: If the weights are missing, altered or of another shape.
    """
    inputs = keras.Input((ONET_SIZE, ONET_SIZE, 3), name="window")
    x = _normalised(inputs)
    x = _prelu_conv(x, 32, 3, "conv1")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    x = _prelu_conv(x, 64, 3, "conv2")
    x = layers.MaxPooling2D(3, strides=2, name="pool2")(x)
    x = _prelu_conv(x, 64, 3, "conv3")
    x = layers.MaxPooling2D(2, padding="same", name="pool3")(x)
    x = _prelu_conv(x, 128, 2, "conv4")
    x = _prelu_dense(x, 256)
    offsets = layers.Dense(4, name="offsets")(x)
    landmarks = layers.Dense(10, name="landmarks")(x)
    classes = layers.Dense(2, activation="softmax", name="classes")(x)
    model = keras.Model(inputs, [classes[..., 1], offsets, landmarks], name="onet")
    return _filled(model, weights)


def _normalised(x):
    return layers.Rescaling(1 / 128, offset=-127.5 / 128, name="preprocess")(x)


def _prelu_conv(x, filters: int, kernel_size: int, name: str):
    x = layers.Conv2D(filters, kernel_size, name=name)(x)
    return layers.PReLU(shared_axes=[1, 2], name=f"{name}_prelu")(x)


def _prelu_dense(x, units: int):
    # The weights were trained in a framework that flattens columns before rows.
    x = layers.Permute((2, 1, 3), name="columns_first")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(units, name="dense")(x)
    return layers.PReLU(name="dense_prelu")(x)


def _filled(model: keras.Model, weights: str | None) -> keras.Model:
    """Fills `model`: trunk in forward order, then the heads: offsets, landmarks, classes, as in the published files."""
    if weights is None:
        return model
    # joblib unpickles: it sees only bytes whose SHA-256 matched the ledger.
    content = read_verified(weight_file(weights))
    import joblib

    arrays = joblib.load(io.BytesIO(content))
    heads = [layer for name in ("offsets", "landmarks", "classes") if (layer := _layer_or_none(model, name))]
    trunk = [layer for layer in model.layers if layer.weights and layer not in heads]
    variables = [variable for layer in (*trunk, *heads) for variable in layer.weights]
    if len(arrays) != len(variables):
        raise ModelFileError(f"The weights {weights!r} hold {len(arrays)} arrays; {model.name} has {len(variables)}.")
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array.reshape(variable.shape))
    return model


def _layer_or_none(model: keras.Model, name: str):
    return next((layer for layer in model.layers if layer.name == name), None)
