"""Classification rates against independent computations and cases small enough to count by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.classification import (
    apply_temperature,
    calibration,
    cross_fitted_temperature,
    fit_temperature,
    open_set,
    open_set_curve,
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
    assert (result.num_unknown, result.num_known, result.num_chosen_on) == (2000, 500, 2000)


def test_the_rate_asked_for_holds_nineteen_times_in_twenty():
    """Each time another 1,000 strangers; the true rate at the threshold is that of the normal distribution."""
    rng = np.random.default_rng(2)
    rates = []
    for _ in range(200):
        unknown = rng.normal(0, 1, 2000)
        found = open_set(np.ones(1), np.ones(1, dtype=bool), unknown, np.arange(2000), false_accept=0.01)
        rates.append(math.erfc(found.threshold / math.sqrt(2)) / 2)
    assert np.mean(np.array(rates) <= 0.01) >= 0.9
    assert np.mean(rates) > 0.003  # and is not simply far above everything


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


@pytest.mark.parametrize("accepted", [0, 1, 7, 19])
def test_the_upper_bound_is_where_so_few_would_have_a_chance_of_one_in_twenty(accepted):
    """Of 20 strangers measured; the sum of the binomial distribution is written out."""
    unknown = np.zeros(40)
    unknown[1 : 1 + 2 * accepted : 2] = 1  # those the threshold is not chosen on
    result = open_set(np.ones(3), np.ones(3, dtype=bool), unknown, np.arange(40))
    high = result.unknown_accepted_high
    chance = sum(math.comb(20, k) * high**k * (1 - high) ** (20 - k) for k in range(accepted + 1))
    assert result.unknown_accepted == accepted / 20 < high
    assert chance == pytest.approx(0.05)


def test_nothing_bounds_a_share_of_which_all_were_accepted():
    unknown = np.tile([0.0, 1.0], 20)
    assert open_set(np.ones(3), np.ones(3, dtype=bool), unknown, np.arange(40)).unknown_accepted_high == 1


@pytest.mark.parametrize(("num_people", "supported"), [(600, True), (598, False)])
def test_three_hundred_people_support_one_in_a_hundred(num_people, supported):
    """Half of them choose the threshold; a person's further images add nobody."""
    people = np.arange(num_people).repeat(2)
    result = open_set(np.ones(3), np.ones(3, dtype=bool), np.zeros(2 * num_people), people, false_accept=0.01)
    assert result.supported is supported


def test_curve_by_hand():
    """Strangers at 0.9, 0.5, 0.5, 0.1: thresholds above 0.9, above 0.5, above 0.1, and at the lowest score."""
    known, correct = np.array([0.95, 0.7, 0.4, 0.05]), np.array([True, False, True, True])
    curve = open_set_curve(known, correct, np.array([0.5, 0.1, 0.9, 0.5]))
    assert curve.false_accept.tolist() == [0, 0.25, 0.75, 1]
    assert curve.known_accepted.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.known_correct.tolist() == [0.25, 0.25, 0.5, 0.75]
    assert curve.threshold == pytest.approx([0.9, 0.5, 0.1, 0.05])
    assert curve.to_dict()["false_accept"] == [0, 0.25, 0.75, 1]


@given(st.integers(0, 2**32 - 1))
def test_curve_agrees_with_counting_and_never_falls(seed):
    rng = np.random.default_rng(seed)
    known, unknown = rng.integers(0, 9, 30) / 8, rng.integers(0, 9, 20).astype(np.float32) / 8  # with ties
    curve = open_set_curve(known, rng.random(30) < 0.7, unknown)
    for threshold, false_accept, accepted in zip(
        curve.threshold, curve.false_accept, curve.known_accepted, strict=True
    ):
        assert false_accept == np.mean(unknown >= threshold)
        assert accepted == np.mean(known >= threshold)
    assert (np.diff(curve.false_accept) >= 0).all()
    assert (np.diff(curve.known_correct) >= 0).all()
    assert (curve.false_accept[0], curve.false_accept[-1], curve.known_accepted[-1]) == (0, 1, 1)


@pytest.mark.parametrize(("num_unknown", "num_points"), [(50, 51), (199, 200), (5000, 200)])
def test_a_thinned_curve_is_short_and_keeps_its_ends(num_unknown, num_points):
    unknown = np.random.default_rng(0).permutation(num_unknown) / num_unknown
    whole = open_set_curve(np.array([0.5, 1.0]), np.array([True, True]), unknown)
    part = whole.thinned(200)
    assert len(whole.threshold) == num_unknown + 1
    assert len(part.threshold) <= num_points
    assert (part.false_accept[0], part.false_accept[-1]) == (0, 1)
    assert np.isin(part.threshold, whole.threshold).all()


def test_a_curve_needs_both():
    with pytest.raises(ValueError, match="0 known faces, 3 unknown ones"):
        open_set_curve(np.zeros(0), np.zeros(0, dtype=bool), np.ones(3))


def test_open_set_refuses_too_few_people():
    with pytest.raises(ValueError, match="at least four unknown"):
        open_set(np.ones(3), np.ones(3, dtype=bool), np.zeros(9), np.zeros(9))


@pytest.mark.parametrize("function", [lambda p, y: top_k_accuracy(p, y, 1), calibration, fit_temperature])
def test_shapes_are_checked(function):
    with pytest.raises(ValueError, match="one label each"):
        function(np.ones((3, 2)) / 2, np.zeros(4, dtype=int))
