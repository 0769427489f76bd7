"""The angular-margin losses against NumPy, written from the papers' equations."""

import keras
import numpy as np
import pytest

from kerasface.losses import ArcFace, CosFace


@pytest.fixture
def cosines():
    return np.random.default_rng(0).uniform(-0.95, 0.95, (6, 4)).astype(np.float32)


@pytest.fixture
def one_hot():
    return np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]


def cross_entropy(logits, one_hot, smoothing=0.0):
    targets = one_hot * (1 - smoothing) + smoothing / one_hot.shape[1]
    log_softmax = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.sum(targets * log_softmax, axis=1).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_arcface_is_equation_3(cosines, one_hot, smoothing):
    margin, scale = 0.3, 8.0
    angles = np.arccos(cosines.astype(np.float64))
    assert (angles[one_hot == 1] + margin < np.pi).all()  # within the range where the equation holds as it stands
    logits = scale * np.cos(angles + margin * one_hot)
    loss = ArcFace(margin=margin, scale=scale, label_smoothing=smoothing)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(logits, one_hot, smoothing), rel=1e-5)


def test_cosface_is_equation_4(cosines, one_hot):
    logits = 8.0 * (cosines.astype(np.float64) - 0.35 * one_hot)
    loss = CosFace(margin=0.35, scale=8.0)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(logits, one_hot), rel=1e-5)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_no_margin_is_plain_cross_entropy(kind, cosines, one_hot):
    loss = kind(margin=0.0, scale=8.0)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(8.0 * cosines.astype(np.float64), one_hot), rel=1e-4)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_the_loss_falls_as_the_true_cosine_rises_over_the_whole_range(kind):
    # Beyond pi - margin the cosine of the turned angle would rise again.
    true = np.linspace(-0.999, 0.999, 201, dtype=np.float32)
    one_hot = np.tile(np.float32([1, 0]), (len(true), 1))
    cosines = np.stack([true, np.zeros_like(true)], axis=1)
    losses = np.asarray(kind(margin=0.5, scale=4.0).call(one_hot, keras.ops.convert_to_tensor(cosines)))
    assert (np.diff(losses) < 0).all()


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_gradients_are_finite_at_the_ends(kind):
    import tensorflow as tf

    cosines = tf.Variable([[1.0, -1.0], [-1.0, 1.0]])
    with tf.GradientTape() as tape:
        loss = kind()(np.float32([[1, 0], [1, 0]]), cosines)
    assert np.isfinite(loss.numpy())
    assert np.isfinite(tape.gradient(loss, cosines).numpy()).all()


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_configuration_round_trip(kind, cosines, one_hot):
    loss = kind(margin=0.2, scale=16.0, label_smoothing=0.05)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(one_hot, cosines)) == float(loss(one_hot, cosines))
