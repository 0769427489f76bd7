"""Heads on backbones."""

import keras
import numpy as np

from kerasface.models.heads import build_classifier_head, join


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
