"""Class activation maps against NumPy, on a model whose gradients are known."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.activation_maps import grad_cam, grad_cam_plus_plus, layer_cam
from kerasface.inspection.attribution.targets import ClassTarget, SegmentationTarget
from kerasface.inspection.stitched import Stitched
from kerasface.models.face_resnet import build_face_resnet

PLACES = 80  # of the map (10, 8)


@pytest.fixture(scope="module")
def stitched(flat_model):
    return Stitched(flat_model, "maps")


def parts(stitched, image, index):
    """Activations `(10, 8, 4)`, and the gradient of every channel, which is the same at each place."""
    kernel, _ = stitched.model.get_layer("logits").get_weights()
    return stitched.activations(image[None])[0], kernel[:, index] / PLACES


@pytest.mark.parametrize("index", [0, 1, 2])
def test_grad_cam(stitched, small_image, index):
    """The mean gradient of a channel is its gradient; positive parts of the sum are left."""
    activations, gradient = parts(stitched, small_image, index)
    found = grad_cam(stitched, small_image, ClassTarget(index))
    np.testing.assert_allclose(found.raw, np.maximum(activations @ gradient, 0), atol=1e-6)
    signed = grad_cam(stitched, small_image, ClassTarget(index), signed=True)
    np.testing.assert_allclose(signed.raw, activations @ gradient, atol=1e-6)
    assert (found.signed, signed.signed) == (False, True)
    logits = stitched.logits(small_image[None])[0]
    assert found.score == pytest.approx(logits[index], abs=1e-5)


def test_maps_come_to_the_images_size_where_their_cells_look(stitched, small_image):
    """The 3x3 convolution without padding: cell 0 looks at pixel 1, the image's border repeats the outermost cells."""
    found = grad_cam(stitched, small_image, ClassTarget(0), signed=True)
    assert found.map.shape == (12, 10)
    assert found.map.dtype == np.float32
    np.testing.assert_allclose(found.map[1:-1, 1:-1], found.raw, atol=1e-6)
    np.testing.assert_allclose(found.map[0, 1:-1], found.raw[0], atol=1e-6)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_grad_cam_plus_plus(stitched, small_image, index):
    """Equation 19 in float64: alpha = g^2 / (2 g^2 + sum(A) g^3), weight = the sum of alpha * relu(g)."""
    activations, gradient = (np.float64(part) for part in parts(stitched, small_image, index))
    alpha = gradient**2 / (2 * gradient**2 + activations.sum(axis=(0, 1)) * gradient**3)
    weights = PLACES * alpha * np.maximum(gradient, 0)
    found = grad_cam_plus_plus(stitched, small_image, ClassTarget(index))
    np.testing.assert_allclose(found.raw, np.maximum(activations @ weights, 0), rtol=1e-3, atol=1e-6)


def test_layer_cam_weights_each_place_by_its_own_gradient():
    """Max pooling passes the gradient to the largest place only, so the map is 0 elsewhere; Grad-CAM's is not."""
    inputs = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="maps")(inputs)
    x = keras.layers.GlobalMaxPooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, kernel_initializer=keras.initializers.Constant(3.0))(x))
    image = np.ones((6, 6, 1), dtype=np.uint8)
    image[2, 4] = 7
    found = layer_cam(Stitched(model, "maps"), image, ClassTarget(0))
    assert np.argwhere(found.raw).tolist() == [[2, 4]]
    assert found.raw[2, 4] == 3 * 7
    assert np.count_nonzero(grad_cam(Stitched(model, "maps"), image, ClassTarget(0)).raw) == 36


def test_layer_cam_drops_what_speaks_against_unless_signed(stitched, small_image):
    activations, gradient = parts(stitched, small_image, 2)
    assert gradient.min() < 0 < gradient.max()
    found = layer_cam(stitched, small_image, ClassTarget(2))
    np.testing.assert_allclose(found.raw, activations @ np.maximum(gradient, 0), atol=1e-6)
    signed = layer_cam(stitched, small_image, ClassTarget(2), signed=True)
    np.testing.assert_allclose(signed.raw, activations @ gradient, atol=1e-6)


def test_a_class_of_a_segmentation():
    """Logits by a 1x1 convolution: the gradient of a channel is its weight in the region and 0 elsewhere."""
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 1, activation="relu", name="maps")(inputs)
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Conv2D(2, 1, name="logits")(x)))
    stitched = Stitched(model, "maps")
    image = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    region = np.zeros((6, 6), dtype=bool)
    region[:3] = True
    kernel = model.get_layer("logits").get_weights()[0][0, 0, :, 1]
    activations = stitched.activations(image[None])[0]
    found = grad_cam(stitched, image, SegmentationTarget(1, region), signed=True)
    np.testing.assert_allclose(found.raw, activations @ (kernel / 2), rtol=1e-4, atol=1e-4)
    exact = layer_cam(stitched, image, SegmentationTarget(1, region), signed=True)
    np.testing.assert_allclose(exact.raw, np.where(region, activations @ kernel, 0), rtol=1e-4, atol=1e-4)


def test_a_layer_without_a_map_is_refused(flat_model, small_image):
    with pytest.raises(ValueError, match=r"needs a layer that gives a map.*'pool'.*'maps'"):
        grad_cam(Stitched(flat_model, "pool"), small_image, ClassTarget())


def test_a_model_without_a_map_is_refused():
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="needs a layer that gives a map"):
        grad_cam(Stitched(model), np.zeros((4, 4, 3), dtype=np.uint8), ClassTarget())


def test_mirrored_views_are_merged():
    """An embedder that looks at image and mirror image explains a mirrored image by the mirrored map."""
    keras.utils.set_random_seed(0)
    stitched = Stitched(build_face_resnet(None, views=2))
    image = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    found, mirrored = (grad_cam(stitched, one, ClassTarget(5), signed=True) for one in (image, image[:, ::-1]))
    assert np.ptp(found.map) > 0
    np.testing.assert_allclose(mirrored.map, found.map[:, ::-1], atol=1e-3 * np.abs(found.map).max())
