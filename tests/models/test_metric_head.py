"""Heads that make embeddings: where they begin, what they learn, and the Siamese network over them."""

import keras
import numpy as np
import pytest

from kerasface.models.engines.graphs import with_dtype_policy
from kerasface.models.heads import build_metric_head, build_siamese, join_embedder

DIM = 6


def unit(count=12, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def changed_head():
    """A head with centres all of whose weights have moved from where they begin."""
    rng = np.random.default_rng(3)
    head = build_metric_head(DIM, centres=unit(4, seed=1), width=2.0)
    head.get_layer("head_residual").set_weights([rng.normal(size=(DIM, DIM)).astype(np.float32)])
    head.get_layer("head_stretch").set_weights([rng.normal(size=(4, 1)).astype(np.float32), np.float32([0.3])])
    return head


def small_backbone():
    inputs = keras.Input((4, 4, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D(name="pool")(inputs)
    return keras.Model(inputs, keras.layers.Dense(DIM, name="features")(x), name="backbone")


def test_the_head_begins_as_the_features_themselves():
    features = 3 * unit()
    np.testing.assert_allclose(np.asarray(build_metric_head(DIM)(features)), unit(), atol=1e-6)


def test_with_centres_it_begins_with_the_same_order_of_likeness():
    """Beside the constant coordinate 2, a cosine c becomes (c + 4) / 5."""
    embeddings = np.asarray(build_metric_head(DIM, centres=unit(4, seed=1))(unit()))
    assert embeddings.shape == (12, DIM + 1)
    np.testing.assert_allclose(embeddings @ embeddings.T, (unit() @ unit().T + 4) / 5, atol=1e-6)


def test_the_head_is_residual_then_stretch_then_unit_length():
    head, x, centres = changed_head(), unit().astype(np.float64), unit(4, seed=1)
    (residual,) = head.get_layer("head_residual").get_weights()
    kernel, bias = head.get_layer("head_stretch").get_weights()
    near = np.exp(-2.0 * ((x[:, None] - centres[None]) ** 2).sum(axis=2))
    stretched = (x + x @ residual) * np.exp(near @ kernel + bias)
    lifted = np.concatenate([stretched, np.full((len(x), 1), 2.0)], axis=1)
    expected = lifted / np.linalg.norm(lifted, axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(head(unit())), expected, atol=1e-5)


def test_only_the_residual_is_trained_and_pulled_back():
    head = build_metric_head(DIM, centres=unit(4, seed=1), pull=0.5)
    assert [variable.path for variable in head.trainable_variables] == ["head_residual/kernel"]
    head.get_layer("head_residual").set_weights([np.full((DIM, DIM), 0.1, dtype=np.float32)])
    assert float(sum(head.losses)) == pytest.approx(0.5 * DIM * DIM * 0.01, rel=1e-5)


def test_joined_is_backbone_then_head_in_one_flat_frozen_model(tmp_path):
    backbone, head = small_backbone(), changed_head()
    images = np.random.default_rng(1).random((6, 4, 4, 3), dtype=np.float32)
    model = join_embedder(backbone, head)
    expected = np.asarray(head(backbone(images)))
    np.testing.assert_allclose(np.asarray(model(images)), expected, atol=1e-6)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    assert [variable.path for variable in model.trainable_variables] == ["head_residual/kernel"]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(np.asarray(loaded(images)), expected, atol=1e-6)
    mixed = with_dtype_policy(model, "mixed_bfloat16")
    assert np.asarray(mixed(images)).dtype == np.float32
    np.testing.assert_allclose(np.asarray(mixed(images)), expected, atol=0.05)


def test_the_siamese_network_is_the_sigmoid_of_the_distance():
    head = changed_head()
    siamese = build_siamese(head, threshold=0.3, slope=7.0)
    first, second = unit(5, seed=4), unit(5, seed=5)
    distances = np.linalg.norm(np.asarray(head(first)) - np.asarray(head(second)), axis=1)
    expected = 1 / (1 + np.exp(7.0 * (distances - 0.3)))
    np.testing.assert_allclose(np.asarray(siamese([first, second]))[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(siamese([first, second]), siamese([second, first]), atol=1e-6)


def test_both_sides_of_the_siamese_network_share_the_embedder():
    head = build_metric_head(DIM)
    siamese = build_siamese(head)
    assert len(siamese.trainable_variables) == 1 + 2  # the residual once, w and b
    siamese.compile("sgd", "binary_crossentropy")
    before = head.get_weights()
    siamese.fit([unit(8, seed=1), unit(8, seed=2)], np.arange(8)[:, None] % 2, verbose=0)
    assert any((one != other).any() for one, other in zip(before, head.get_weights(), strict=True))


def test_equal_images_have_a_finite_gradient():
    import tensorflow as tf

    siamese = build_siamese(build_metric_head(DIM))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(siamese([unit(), unit()]))
    gradients = tape.gradient(loss, siamese.trainable_variables)
    assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)
