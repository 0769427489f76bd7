"""Classification rates against independent computations and cases small enough to count by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.classification import (
    apply_temperature,
    calibration,
    fit_temperature,
    open_set,
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


def test_open_set_threshold_keeps_its_promise_on_the_people_it_was_chosen_on():
    rng = np.random.default_rng(1)
    unknown, groups = rng.normal(0, 1, 4000), np.arange(4000)
    result = open_set(rng.normal(6, 1, 500), np.ones(500, dtype=bool), unknown, groups, false_accept=0.01)
    assert np.mean(unknown[::2] >= result.threshold) <= 0.01
    assert result.unknown_accepted == np.mean(unknown[1::2] >= result.threshold)
    assert result.known_accepted > 0.99
    assert (result.num_unknown, result.num_known) == (2000, 500)


def test_open_set_refuses_too_few_people():
    with pytest.raises(ValueError, match="at least four unknown"):
        open_set(np.ones(3), np.ones(3, dtype=bool), np.zeros(9), np.zeros(9))


@pytest.mark.parametrize("function", [lambda p, y: top_k_accuracy(p, y, 1), calibration, fit_temperature])
def test_shapes_are_checked(function):
    with pytest.raises(ValueError, match="one label each"):
        function(np.ones((3, 2)) / 2, np.zeros(4, dtype=int))
