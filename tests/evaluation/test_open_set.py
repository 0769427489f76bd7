"""Open-set thresholds against counting, and the promise that comes with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.open_set import open_set, open_set_curve


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
