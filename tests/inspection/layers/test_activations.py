"""Layers, maps and silent channels of models whose answers can be written down."""

import keras
import numpy as np
import pytest

from kerasface.inspection.layers.activations import dead_channels, feature_maps, list_layers, tap
from kerasface.models.layers import AddMirrored, MeanOfMirrored

LEFT_EDGE = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=np.float32)


def edges(name="edges", activation=None):
    """A convolution with two filters on the red channel: edges with their bright side right, and the opposite."""
    layer = keras.layers.Conv2D(2, 3, use_bias=False, activation=activation, name=name)
    layer.build((None, None, None, 3))
    kernel = np.zeros((3, 3, 3, 2), dtype=np.float32)
    kernel[:, :, 0, 0], kernel[:, :, 0, 1] = LEFT_EDGE, -LEFT_EDGE
    layer.set_weights([kernel])
    return layer


def flat_model(size=(6, 7)):
    inputs = keras.Input((*size, 3), name="image")
    x = keras.layers.ReLU(name="relu")(edges()(inputs))
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(4, name="scores")(x), name="flat")


def nested_model():
    """The same layers, the first two in a model inside a sequential model inside the model."""
    inner_inputs = keras.Input((None, None, 3))
    inner = keras.Model(inner_inputs, keras.layers.ReLU(name="relu")(edges()(inner_inputs)), name="inner")
    middle = keras.Sequential([keras.Input((None, None, 3)), inner], name="middle")
    inputs = keras.Input((6, 7, 3), name="image")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(middle(inputs))
    return keras.Model(inputs, keras.layers.Dense(4, name="scores")(pooled), name="outer")


def picture(size=(6, 7)):
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)


def by_hand(image):
    """Both filters slid over the red channel, `(rows - 2, cols - 2, 2)`."""
    red = image[..., 0].astype(np.float32)
    rows, cols = red.shape
    first = np.array(
        [[(red[y : y + 3, x : x + 3] * LEFT_EDGE).sum() for x in range(cols - 2)] for y in range(rows - 2)]
    )
    return np.stack([first, -first], axis=-1)


@pytest.mark.parametrize(
    ("model", "prefix"), [(flat_model, ""), (nested_model, "middle/inner/")], ids=["flat", "nested"]
)
def test_layers_in_forward_order_with_paths_and_shapes(model, prefix):
    infos = list_layers(model())
    assert [info.path for info in infos] == [f"{prefix}edges", f"{prefix}relu", "pool", "scores"]
    assert [info.kind for info in infos] == ["Conv2D", "ReLU", "GlobalAveragePooling2D", "Dense"]
    assert [info.output_shape for info in infos] == [(4, 5, 2), (4, 5, 2), (2,), (4,)]
    assert [info.num_params for info in infos] == [3 * 3 * 3 * 2, 0, 0, 2 * 4 + 4]
    assert [info.spatial for info in infos] == [True, True, False, False]


@pytest.mark.parametrize(
    ("model", "prefix"), [(flat_model, ""), (nested_model, "middle/inner/")], ids=["flat", "nested"]
)
def test_maps_are_those_computed_by_hand(model, prefix):
    model, image = model(), picture()
    expected = by_hand(image)
    np.testing.assert_allclose(feature_maps(model, image, f"{prefix}edges"), expected, atol=1e-3)
    np.testing.assert_allclose(feature_maps(model, image, f"{prefix}relu"), np.maximum(expected, 0), atol=1e-3)


def test_shapes_of_a_model_of_any_size_are_those_of_the_picture():
    model = flat_model((None, None))
    assert list_layers(model)[0].output_shape == (None, None, 2)
    assert list_layers(model, (9, 8))[0].output_shape == (7, 6, 2)
    np.testing.assert_allclose(feature_maps(model, picture((9, 8)), "edges"), by_hand(picture((9, 8))), atol=1e-3)


def test_of_several_views_the_first_is_given():
    """The mirror image stands behind the picture in the batch; its maps would be those of the mirrored picture."""
    inputs = keras.Input((6, 7, 3))
    x = edges()(AddMirrored(name="views")(inputs))
    model = keras.Model(inputs, MeanOfMirrored(name="mean")(x))
    np.testing.assert_allclose(feature_maps(model, picture(), "edges"), by_hand(picture()), atol=1e-3)


def test_looking_leaves_the_model_as_it_is():
    """Calling its layers symbolically would add a node to each at every look, and keep all of them in memory."""
    model = nested_model()
    layers = [info.layer for info in list_layers(model)]
    before = [len(layer._inbound_nodes) for layer in layers]
    for _ in range(3):
        tap(model, ["middle/inner/edges", "scores"])
    assert [len(layer._inbound_nodes) for layer in layers] == before


def test_layers_for_augmentation_rest():
    inputs = keras.Input((6, 7, 3))
    moved = keras.layers.RandomTranslation(0.5, 0.5, seed=1, name="moved")(inputs)
    np.testing.assert_array_equal(feature_maps(keras.Model(inputs, moved), picture(), "moved"), picture())


def test_a_layer_that_does_not_exist_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Received: layer='edgse'.*edges"):
        feature_maps(flat_model(), picture(), "edgse")


def test_a_layer_without_maps_is_refused_with_some_that_have():
    with pytest.raises(ValueError, match=r"gives \(2,\).*layer='pool'.*edges"):
        feature_maps(flat_model(), picture(), "pool")


@pytest.mark.parametrize("image", [picture((5, 7)), picture().astype(np.float32), picture()[..., 0]])
def test_a_picture_that_does_not_fit_is_refused(image):
    with pytest.raises(ValueError, match="takes pictures of 6 x 7 x 3, uint8"):
        feature_maps(flat_model(), image, "edges")


def test_a_model_of_two_inputs_is_refused():
    first, second = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    with pytest.raises(ValueError, match=r"one input.*2 inputs"):
        list_layers(keras.Model([first, second], keras.layers.Add()([first, second])))


def threshold_model():
    """Four rectified channels of one pixel: red, minus red, red above 200, red above 300; a leaky and a last one."""
    inputs = keras.Input((2, 2, 3))
    conv = keras.layers.Conv2D(4, 1, activation="relu", name="steps")
    x = conv(inputs)
    kernel = np.zeros((1, 1, 3, 4), dtype=np.float32)
    kernel[0, 0, 0] = [1, -1, 1, 1]
    conv.set_weights([kernel, np.float32([0, 0, -200, -300])])
    x = keras.layers.LeakyReLU(name="leaky")(x)
    last = keras.layers.ReLU(name="last")
    return keras.Model(inputs, last(keras.layers.GlobalMaxPooling2D(name="pool")(x)))


def test_dead_channels_are_found_exactly():
    """No red is below 0 or above 300; above 200 is one pixel, put into the last picture of the last batch."""
    images = np.full((6, 2, 2, 3), 100, dtype=np.uint8)
    progress = []
    model = threshold_model()
    found = dead_channels(model, images, max_batch=2, on_progress=lambda *counts: progress.append(counts))
    assert [(record.layer, record.num_channels, record.dead) for record in found] == [
        ("steps", 4, (1, 2, 3)),
        ("last", 4, (1, 2, 3)),
    ]
    assert progress == [(2, 6), (4, 6), (6, 6)]
    images[5, 1, 0, 0] = 255
    assert [record.dead for record in dead_channels(model, images, max_batch=2)] == [(1, 3), (1, 3)]


def test_dead_channels_of_no_pictures_are_no_question():
    with pytest.raises(ValueError, match=r"Received: \(0, 2, 2, 3\)"):
        dead_channels(threshold_model(), np.zeros((0, 2, 2, 3), dtype=np.uint8))
