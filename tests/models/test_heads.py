"""Heads on backbones."""

import keras
import numpy as np
import pytest

from kerasface.models.heads import build_classifier_head, cool, join, to_vector


def head_for(features, num_classes, **options):
    return build_classifier_head(features.mean(axis=0), features.var(axis=0), num_classes, **options)


def small_backbone():
    inputs = keras.Input((4, 4, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(inputs)
    return keras.Model(inputs, keras.layers.Dense(5, name="features")(x), name="backbone")


def test_the_head_standardises_and_classifies():
    """Against NumPy: softmax(((x - mean) / deviation) @ kernel + bias)."""
    features = np.random.default_rng(0).normal(3, 2, (50, 5)).astype(np.float32)
    head = head_for(features, 4)
    kernel, bias = (np.asarray(weight) for weight in head.get_layer("head_logits").get_weights())
    logits = (features - features.mean(axis=0)) / features.std(axis=0) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)


def test_a_hidden_layer_is_normalised_before_its_relu_and_comes_along():
    """Against NumPy, with the moving mean 0 and variance 1 of a head that was not trained."""
    features = np.random.default_rng(0).normal(3, 2, (50, 5)).astype(np.float32)
    head = head_for(features, 4, hidden=7)
    hidden = head.get_layer("head_hidden").get_weights()[0]
    kernel, bias = head.get_layer("head_logits").get_weights()
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    logits = np.maximum(standard @ hidden / np.sqrt(1 + 1e-5), 0) @ kernel + bias
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)
    backbone = small_backbone()
    images = np.random.default_rng(1).random((6, 4, 4, 3), dtype=np.float32)
    joined = join(backbone, head)
    np.testing.assert_allclose(np.asarray(joined(images)), np.asarray(head(backbone(images))), atol=1e-6)


def test_a_feature_that_never_varies_does_no_harm():
    features = np.ones((10, 3), dtype=np.float32)
    assert np.isfinite(np.asarray(head_for(features, 2)(features))).all()


def test_joined_is_backbone_then_head_and_the_backbone_is_frozen():
    backbone = small_backbone()
    images = np.random.default_rng(1).random((6, 4, 4, 3), dtype=np.float32)
    features = np.asarray(backbone(images))
    head = head_for(features, 3)
    model = join(backbone, head)
    np.testing.assert_allclose(np.asarray(model(images)), np.asarray(head(features)), atol=1e-6)
    assert {layer.name for layer in model.layers} >= {"pool", "features", "head_standardise", "head_probabilities"}
    assert [variable.path for variable in model.trainable_variables] == [
        variable.path for variable in head.get_layer("head_logits").variables
    ]


def test_the_cosine_head_scales_the_cosines_before_the_softmax():
    """Against NumPy, on features as they are; under `losses.ArcFace(scale=16)` the cosines are what is trained."""
    features = np.random.default_rng(0).normal(3, 2, (50, 5)).astype(np.float32)
    head = head_for(features, 4, scale=16.0)
    directions = np.asarray(head.get_layer("head_cosines").directions)
    cosines = features @ directions / np.outer(np.linalg.norm(features, axis=1), np.linalg.norm(directions, axis=0))
    expected = np.exp(16 * cosines) / np.exp(16 * cosines).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)
    trained = keras.Model(head.input, head.get_layer("head_cosines").output)
    np.testing.assert_allclose(np.asarray(trained(features)), cosines, atol=1e-5)


def test_offsets_are_taken_off_the_cosines_only():
    """Probabilities are those of scale * (cosine - offset); the cosines themselves stay."""
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    offsets = np.array([0.0, 0.2, -0.1, 0.5], dtype=np.float32)
    head = head_for(features, 4, scale=8.0, offsets=offsets)
    cosines = np.asarray(keras.Model(head.input, head.get_layer("head_cosines").output)(features))
    expected = np.exp(8 * (cosines - offsets))
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(features)), expected, atol=1e-5)


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


@pytest.mark.parametrize("scale", [None, 4.0])
def test_cooling_divides_the_logits(scale):
    """Probabilities p become p ** (1 / T), summing to 1 again."""
    features = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    head = head_for(features, 4, scale=scale)
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
