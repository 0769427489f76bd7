"""All methods on one model."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.methods import DEFAULT_METHOD, LAYER_METHODS, METHODS, default_method
from kerasface.inspection.attribution.targets import ClassTarget, MatchTarget, SegmentationTarget
from kerasface.inspection.stitched import Stitched
from kerasface.models.backbones import build_backbone
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.unet import build_encoder, build_unet

FEW = {
    "integrated-gradients": {"steps": 2},
    "smooth-grad": {"samples": 2},
    "occlusion": {"grid": 2},
    "rise": {"num_masks": 4},
}


@pytest.fixture(scope="module")
def explained(flat_model):
    """A model with its target: a class, a class of pixels, an embedding."""
    unet = build_unet(3, build_encoder("plain", mirror=True), widths=(4,))
    embedding = keras.layers.UnitNormalization()(keras.layers.Dense(2)(flat_model.get_layer("pool").output))
    embedder = keras.Model(flat_model.input, embedding)
    region = np.zeros((32, 32), dtype=bool)
    region[4:9, 20:] = True
    return {
        "class": (Stitched(flat_model, "maps"), (12, 10), ClassTarget()),
        "pixels": (Stitched(unet), (32, 32), SegmentationTarget(1, region)),
        "match": (Stitched(embedder), (12, 10), MatchTarget(np.float32([0.6, 0.8]))),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["class", "pixels", "match"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_explains_every_target(explained, method, kind):
    stitched, size, target = explained[kind]
    image = np.random.default_rng(5).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = METHODS[method](stitched, image, target, **FEW.get(method, {}))
    assert found.method == method
    assert (found.map.shape, found.map.dtype, found.raw.dtype) == (size, np.float32, np.float32)
    assert np.isfinite(found.map).all()
    assert found.signed or found.map.min() >= 0
    logits = stitched.logits(image[None])[0]
    assert found.score == pytest.approx(float((logits * target.weights(logits)).sum()), rel=1e-4, abs=1e-4)
    if method in LAYER_METHODS and kind != "pixels":
        assert found.raw.shape == stitched.map_shape[:2]


def test_the_default_is_one_of_them():
    assert default_method("classify") == DEFAULT_METHOD
    assert {DEFAULT_METHOD, default_method("segment")} <= set(METHODS)
    assert set(LAYER_METHODS) < set(METHODS)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.slow
def test_a_transfer_model_is_explained(nested):
    """MobileNetV2, flat or as one layer of another model, with random weights."""
    backbone = build_backbone("MobileNetV2", (64, 64), weights=None).model
    inputs = keras.Input((64, 64, 3), name="photo") if nested else backbone.input
    features = backbone(inputs) if nested else backbone.output
    model = keras.Model(inputs, to_probabilities(to_vector(features), 3))
    layer = "block_6_expand_relu"
    stitched = Stitched(model, layer)
    assert stitched.layer == (f"{backbone.name}/{layer}" if nested else layer)
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    found = METHODS["grad-cam"](stitched, image, ClassTarget(1), signed=True)
    assert found.raw.shape == stitched.map_shape[:2] == (8, 8)
    assert found.raw.any()
