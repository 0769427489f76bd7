"""The basics with the numbers of the course's slides, and against SciPy and Keras."""

import math

import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.signal
import scipy.special
import scipy.stats

from kerasface.inspection.teaching.basics import (
    KERNELS,
    best_gap,
    beta_density,
    convolve,
    cross_entropy,
    gap_losses,
    log_softmax,
    mixup,
    smooth_labels,
    softmax,
)

LOGITS = [1, -2, 0]


def test_softmax_of_the_slides():
    """e / (e + e^-2 + 1) = 2.7183 / 3.8536 = 0.70; 0.1353 / 3.8536 = 0.04; 1 / 3.8536 = 0.26."""
    np.testing.assert_allclose(softmax(LOGITS), [0.70, 0.04, 0.26], atol=0.006)
    np.testing.assert_allclose(softmax(LOGITS).sum(), 1)


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1, 7])
def test_softmax_divides_by_the_temperature(temperature):
    logits = np.random.default_rng(0).normal(scale=30, size=(5, 4))
    np.testing.assert_allclose(softmax(logits, temperature), scipy.special.softmax(logits / temperature, axis=-1))
    expected = scipy.special.log_softmax(logits / temperature, axis=-1)
    np.testing.assert_allclose(log_softmax(logits, temperature), expected, rtol=1e-12)


def test_large_logits_overflow_nowhere():
    np.testing.assert_allclose(softmax([1e300, -1e300]), [1, 0])
    assert cross_entropy([0, 2000], [1, 0]).loss == pytest.approx(2000)


@pytest.mark.parametrize("temperature", [0.7, 1, 3])
@pytest.mark.parametrize("target", [[0, 1, 0], [0.2, 0.5, 0.3]])
def test_loss_and_gradient(target, temperature):
    found = cross_entropy(LOGITS, target, temperature)
    shares = scipy.special.softmax(np.array(LOGITS) / temperature)
    assert found.loss == pytest.approx(-sum(part * math.log(share) for part, share in zip(target, shares, strict=True)))

    def loss(logits):
        return -np.dot(target, np.log(scipy.special.softmax(logits / temperature)))

    numeric = scipy.optimize.approx_fprime(np.array(LOGITS, dtype=float), loss, 1e-7)
    np.testing.assert_allclose(found.gradient, numeric, atol=1e-6)
    assert found.gradient.sum() == pytest.approx(0, abs=1e-12)


def test_at_a_temperature_of_one_the_gradient_is_share_minus_target():
    found = cross_entropy(LOGITS, [1, 0, 0])
    np.testing.assert_allclose(found.gradient, found.probabilities - [1, 0, 0])


def test_smoothed_labels_of_the_slides():
    """1 - 0.1 + 0.1 / 3 = 0.9333 and 0.1 / 3 = 0.0333."""
    np.testing.assert_allclose(smooth_labels(0, 3, 0.1), [0.9333, 0.0333, 0.0333], atol=5e-5)
    np.testing.assert_array_equal(smooth_labels(2, 3, 0), [0, 0, 1])
    np.testing.assert_allclose(smooth_labels(1, 4, 1), [0.25] * 4)


def test_labels_are_smoothed_as_keras_smooths_them():
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    expected = float(loss(np.array([[0.0, 0, 1]]), np.array([LOGITS], dtype=float)))
    assert cross_entropy(LOGITS, smooth_labels(2, 3, 0.3)).loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("num_classes", "alpha"), [(2, 0.5), (3, 0.1), (20, 0.02), (5, 1)])
def test_the_best_gap_is_the_least_loss_and_gives_the_target(num_classes, alpha):
    gap = best_gap(num_classes, alpha)
    found = scipy.optimize.minimize_scalar(lambda value: gap_losses([value], num_classes, alpha)[0], bounds=(-1, 15))
    assert gap == pytest.approx(found.x, abs=1e-3)
    logits = [gap] + [0] * (num_classes - 1)
    np.testing.assert_allclose(scipy.special.softmax(logits), smooth_labels(0, num_classes, alpha))


def test_the_best_gap_of_the_slides():
    """The shares 0.9333 and 0.0333 stand as 28 to 1, and ln 28 = 3.33."""
    assert best_gap(3, 0.1) == pytest.approx(math.log(28))


def test_hard_labels_have_no_best_gap():
    assert math.isinf(best_gap(3, 0))
    losses = gap_losses(np.linspace(0, 30, 100), 3, 0)
    assert (np.diff(losses) < 0).all()
    np.testing.assert_allclose(losses[[0, -1]], [math.log(3), 0], atol=1e-12)


def test_mixup_mixes_as_the_layer_of_the_trainings():
    first, second = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3), dtype=np.uint8)
    layer = keras.layers.MixUp()
    weights = {"mix_weight": np.float32([0.3, 0.3]), "permutation_order": np.array([1, 0])}
    mixed = layer.transform_images(np.stack([first, second]).astype(np.float32), weights, training=True)
    expected = np.rint(keras.ops.convert_to_numpy(mixed)[0])
    found = mixup(first, second, 0.3)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found, expected, atol=1)  # a half may be rounded either way
    assert abs(found - expected).mean() < 0.05


def test_mixup_of_labels():
    np.testing.assert_allclose(mixup(np.eye(3)[0], np.eye(3)[2], 0.6), [0.6, 0, 0.4])


@pytest.mark.parametrize("alpha", [0.2, 1, 2.5])
def test_how_likely_a_share_is(alpha):
    shares = np.linspace(0.01, 0.99, 25)
    np.testing.assert_allclose(beta_density(shares, alpha), scipy.stats.beta.pdf(shares, alpha, alpha))


@pytest.mark.parametrize("name", KERNELS)
def test_a_convolution_is_keras_convolution_without_padding(name):
    picture = np.random.default_rng(0).uniform(0, 16, (8, 7))
    found = convolve(picture, KERNELS[name])
    np.testing.assert_allclose(found, scipy.signal.correlate2d(picture, KERNELS[name], mode="valid"))
    kernel = np.array(KERNELS[name], dtype=np.float32)[..., None, None]
    by_keras = keras.ops.conv(picture[None, ..., None].astype(np.float32), kernel, padding="valid")
    np.testing.assert_allclose(found, keras.ops.convert_to_numpy(by_keras)[0, ..., 0], atol=1e-4)


def test_what_the_kernels_do():
    even, upright = np.full((5, 5), 7.0), np.tile([0.0, 0, 0, 9, 9], (5, 1))
    for name, of_even in (("Upright edges", 0), ("Level edges", 0), ("Blur", 7), ("Sharpen", 7), ("Identity", 7)):
        np.testing.assert_allclose(convolve(even, KERNELS[name]), of_even, atol=1e-12)
    np.testing.assert_allclose(convolve(upright, KERNELS["Level edges"]), 0)
    np.testing.assert_allclose(
        convolve(upright, KERNELS["Upright edges"]), np.tile([0, 36, 36], (3, 1))
    )  # 9 (1 + 2 + 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: softmax([1, math.nan]), "finite numbers. Received"),
        (lambda: softmax([1, 2], 0), "above 0. Received: temperature=0"),
        (lambda: cross_entropy([1, 2], [1, 0, 0]), r"one number per class. Received: shapes \(2,\), \(3,\)"),
        (lambda: cross_entropy([1, 2], [0.5, 0.6]), r"add up to 1. Received: target=\[0.5, 0.6\]"),
        (lambda: cross_entropy([1, 2], [1.5, -0.5]), "add up to 1"),
        (lambda: smooth_labels(3, 3, 0.1), "classes 0 to 2. Received: label=3"),
        (lambda: smooth_labels(0, 1, 0.1), "at least 2 classes. Received: num_classes=1"),
        (lambda: best_gap(3, 1.5), r"alpha lies in \[0, 1\]. Received: alpha=1.5"),
        (lambda: mixup(np.zeros(2), np.zeros(3), 0.5), r"Received: \(2,\) float64 and \(3,\) float64"),
        (lambda: mixup(np.zeros(2), np.zeros(2), 1.5), "Received: share=1.5"),
        (lambda: beta_density([0.0, 0.5], 0.2), r"lie in \(0, 1\)"),
        (lambda: beta_density([0.5], 0), "alpha is above 0"),
        (lambda: convolve(np.zeros((2, 5)), np.zeros((3, 3))), r"Received: \(3, 3\) on \(2, 5\)"),
        (lambda: convolve(np.zeros((5, 5)), np.full((3, 3), math.nan)), "empty or infinite"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
