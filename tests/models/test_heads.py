"""Heads on backbones."""

import keras
import numpy as np
import pytest

from kerasface.models.heads import build_classifier_head, build_cosine_head, cool, join, to_vector


def small_backbone():
    inputs = keras.Input((4, 4, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(inputs)
    return keras.Model(inputs, keras.layers.Dense(5, name="features")(x), name="backbone")


def test_the_head_standardises_and_classifies():
    """Against NumPy: softmax(((x - mean) / deviation) @ kernel + bias)."""
    features = np.random.default_rng(0).normal(3, 2, (50, 5)).astype(np.float32)
    head = build_classifier_head(features, num_classes=4)
    kernel, bias = (np.asarray(weight) for weight in head.get_layer("probabilities").get_weights())
    logits = (features - features.mean(axis=0)) / features.std(axis=0) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)


def test_a_feature_that_never_varies_does_no_harm():
    features = np.ones((10, 3), dtype=np.float32)
    assert np.isfinite(np.asarray(build_classifier_head(features, num_classes=2)(features))).all()


def test_joined_is_backbone_then_head_and_the_backbone_is_frozen():
    backbone = small_backbone()
    images = np.random.default_rng(1).random((6, 4, 4, 3), dtype=np.float32)
    features = np.asarray(backbone(images))
    head = build_classifier_head(features, num_classes=3)
    model = join(backbone, head)
    np.testing.assert_allclose(np.asarray(model(images)), np.asarray(head(features)), atol=1e-6)
    assert {layer.name for layer in model.layers} >= {"pool", "features", "standardise", "probabilities"}
    assert [variable.path for variable in model.trainable_variables] == [
        variable.path for variable in head.get_layer("probabilities").variables
    ]


def test_the_cosine_head_scales_the_cosines_before_the_softmax():
    """Against NumPy, on standardised features; under `losses.ArcFace(scale=16)` the cosines are what is trained."""
    features = np.random.default_rng(0).normal(3, 2, (50, 5)).astype(np.float32)
    head = build_cosine_head(features, num_classes=4, scale=16.0)
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    directions = np.asarray(head.get_layer("cosines").directions)
    cosines = standard @ directions / np.outer(np.linalg.norm(standard, axis=1), np.linalg.norm(directions, axis=0))
    expected = np.exp(16 * cosines) / np.exp(16 * cosines).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)
    trained = keras.Model(head.input, head.get_layer("cosines").output)
    np.testing.assert_allclose(np.asarray(trained(features)), cosines, atol=1e-5)


def test_a_map_becomes_a_vector_by_averaging_or_flattening():
    maps = keras.Input((4, 6, 5))
    assert to_vector(maps).shape == (None, 5)
    assert to_vector(maps, head="flatten").shape == (None, 4 * 6 * 5)
    values = np.random.default_rng(0).random((2, 4, 6, 5), dtype=np.float32)
    averaged = keras.Model(maps, to_vector(maps, dropout=0.5))
    np.testing.assert_allclose(np.asarray(averaged(values)), values.mean(axis=(1, 2)), rtol=1e-5)
    assert averaged.get_layer("head_dropout").rate == 0.5


def test_a_vector_stays_a_vector():
    vector = keras.Input((5,))
    assert to_vector(vector, head="flatten") is vector


def test_an_unknown_head_is_refused():
    with pytest.raises(ValueError, match=r"'gap' or 'flatten'.*'max'"):
        to_vector(keras.Input((4, 4, 5)), head="max")


@pytest.mark.parametrize("build", [build_classifier_head, build_cosine_head])
def test_cooling_divides_the_logits(build):
    """Probabilities p become p ** (1 / T), summing to 1 again."""
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    head = build(features, 4) if build is build_classifier_head else build(features, 4, scale=4.0)
    before = np.asarray(head(features), dtype=np.float64)
    cool(head, 2.5)
    powers = before ** (1 / 2.5)
    np.testing.assert_allclose(head(features), powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def test_cooling_refuses_a_model_without_logits():
    with pytest.raises(ValueError, match="does not end in logits"):
        cool(small_backbone_without_dense(), 2.0)


def small_backbone_without_dense():
    inputs = keras.Input((4, 4, 3), name="image")
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(inputs), name="pooled")
