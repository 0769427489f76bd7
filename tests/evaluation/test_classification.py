"""Classification rates against independent computations and cases small enough to count by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.classification import (
    apply_temperature,
    calibration,
    cross_fitted_temperature,
    fit_temperature,
    top_k_accuracy,
)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_top_k_by_hand():
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    labels = np.array([0, 2, 0])  # ranks 1, 2, 3
    assert [top_k_accuracy(probabilities, labels, k) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_model_that_says_nothing_gets_nothing():
    uniform = np.full((4, 10), 0.1)
    assert top_k_accuracy(uniform, np.arange(4), 5) == 0
    assert top_k_accuracy(uniform, np.arange(4), 10) == 1


@given(st.integers(0, 2**32 - 1))
def test_top_k_never_falls_with_k(seed):
    rng = np.random.default_rng(seed)
    probabilities, labels = softmax(rng.normal(size=(20, 7))), rng.integers(0, 7, 20)
    rates = [top_k_accuracy(probabilities, labels, k) for k in range(1, 8)]
    assert rates == sorted(rates)
    assert rates[-1] == 1
    assert rates[0] == np.mean(probabilities.argmax(axis=1) == labels)


def test_calibration_by_hand():
    # Confidence 0.8 four times, right three times: |0.8 - 0.75| = 0.05. Confidence 0.6 once, wrong: 0.6.
    probabilities = np.array([[0.8, 0.2]] * 4 + [[0.6, 0.4]])
    labels = np.array([0, 0, 0, 1, 1])
    result = calibration(probabilities, labels, num_bins=10)
    assert result.ece == pytest.approx((4 * 0.05 + 1 * 0.6) / 5)
    assert [(part.count, part.accuracy) for part in result.bins] == [(1, 0.0), (4, 0.75)]


def test_temperature_recovers_overconfidence():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(20_000, 5))
    probabilities = softmax(logits)
    labels = np.array([rng.choice(5, p=row) for row in probabilities])
    overconfident = softmax(3 * logits)
    temperature = fit_temperature(overconfident, labels)
    assert temperature == pytest.approx(3, rel=0.05)
    np.testing.assert_allclose(apply_temperature(overconfident, 3), probabilities, atol=1e-6)
    assert calibration(apply_temperature(overconfident, temperature), labels).ece < 0.02
    assert calibration(overconfident, labels).ece > 0.1


def test_no_mistake_in_so_many_is_no_certainty():
    """Of 98 samples, all right and equally sure, one chance in 100 stays: p is 0.99 afterwards."""
    probabilities = np.tile([0.8, 0.1, 0.1], (98, 1))
    cooled = apply_temperature(probabilities, fit_temperature(probabilities, np.zeros(98, dtype=int)))
    np.testing.assert_allclose(cooled[:, 0], 0.99, atol=1e-4)


def test_temperature_is_judged_on_the_other_half():
    rng = np.random.default_rng(1)
    logits = 2 * rng.normal(size=(4000, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    temperature = cross_fitted_temperature(softmax(3 * logits), labels)
    assert temperature.value == pytest.approx(3, rel=0.1)
    assert temperature.after.ece < 0.03 < temperature.before.ece
    np.testing.assert_allclose(temperature.apply(softmax(3 * logits)), softmax(3 * logits / temperature.value))


def sure_of(probability, count, num_classes=3):
    """`count` samples of class 0, of which the model is so sure."""
    rest = (1 - probability) / (num_classes - 1)
    return np.tile([probability] + [rest] * (num_classes - 1), (count, 1)), np.zeros(count, dtype=int)


@pytest.mark.parametrize("count", [1, 3, 4, 6, 12])
def test_a_few_samples_without_a_mistake_do_not_unsettle_a_sure_model(count):
    """98 % sure and right each time; the rule of succession alone would leave 88 % of six, and an error of 12 %."""
    probabilities, labels = sure_of(0.98, count)
    temperature = cross_fitted_temperature(probabilities, labels)
    assert (temperature.value, temperature.applied) == (1, False)
    assert temperature.fitted > 1.2
    assert temperature.ece == temperature.before.ece == pytest.approx(0.02)
    np.testing.assert_array_equal(temperature.apply(probabilities), probabilities)
    assert temperature.reason.startswith("No temperature scaling")
    assert ("too few" in temperature.reason) == (count < 4)


def test_a_temperature_that_its_own_measure_speaks_against_is_not_applied():
    """Models that are right about themselves and models that are not, judged on few samples each."""
    rng, applied = np.random.default_rng(4), []
    for count in (8, 16, 40):
        for sharpness in (0.5, 1, 1, 3):
            logits = 3 * rng.normal(size=(count + 2000, 5))
            labels = np.array([rng.choice(5, p=row) for row in softmax(logits)])
            said = softmax(sharpness * logits)
            temperature = cross_fitted_temperature(said[:count], labels[:count])
            hurts = (
                temperature.log_loss_after >= temperature.log_loss_before
                or temperature.after.ece > temperature.before.ece
            )
            assert not (temperature.applied and hurts)
            assert temperature.value == (temperature.fitted if temperature.applied else 1)
            fresh = calibration(said[count:], labels[count:]).ece
            assert calibration(temperature.apply(said[count:]), labels[count:]).ece <= fresh + 0.01
            applied.append(temperature.applied)
    assert 0 < sum(applied) < len(applied)


def test_a_model_that_is_too_sure_is_scaled_and_says_why():
    rng = np.random.default_rng(5)
    logits = 2 * rng.normal(size=(300, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    temperature = cross_fitted_temperature(softmax(4 * logits), labels)
    assert temperature.applied
    assert temperature.ece == temperature.after.ece < temperature.before.ece
    assert f"logits divided by {temperature.value:.2f}" in temperature.reason
    assert f"from {temperature.log_loss_before:.3f} to {temperature.log_loss_after:.3f}" in temperature.reason
    told = temperature.to_dict()
    assert (told["applied"], told["temperature"], told["ece"]) == (True, temperature.value, temperature.ece)


@pytest.mark.parametrize("function", [lambda p, y: top_k_accuracy(p, y, 1), calibration, fit_temperature])
def test_shapes_are_checked(function):
    with pytest.raises(ValueError, match="one label each"):
        function(np.ones((3, 2)) / 2, np.zeros(4, dtype=int))
