"""Thresholds for two photos: counted anew by hand, and held to what they promise."""

import numpy as np
import pytest

from kerasface.evaluation.measured.pairs import PairScores, pair_thresholds
from kerasface.evaluation.verification import roc, threshold_at_fmr


def people(number=30, photos=4, dim=16, noise=0.6, seed=0):
    """Unit embeddings around a direction for each person, and who is on each."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(number), photos)
    found = rng.normal(size=(number, dim))[labels] + noise * rng.normal(size=(number * photos, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), labels


EMBEDDINGS, LABELS = people()
SCORES = PairScores("some", "people of nowhere").add(EMBEDDINGS, LABELS)
FIRST, SECOND = np.triu_indices(len(LABELS), k=1)
COSINES = (EMBEDDINGS @ EMBEDDINGS.T)[FIRST, SECOND]
SAME = LABELS[FIRST] == LABELS[SECOND]


def test_pairs_are_counted_by_kind():
    assert SCORES.num_genuine == 30 * 6
    assert SCORES.num_impostor == 120 * 119 // 2 - 30 * 6
    assert SCORES.people.tolist() == list(range(30))


@pytest.mark.parametrize("fmr", [0.001, 0.01, 0.1])
def test_a_threshold_is_the_lowest_at_which_the_rate_holds(fmr):
    threshold = SCORES.threshold(fmr)
    assert threshold == threshold_at_fmr(COSINES[~SAME], fmr)
    assert np.mean(COSINES[~SAME] >= threshold) <= fmr < np.mean(COSINES[~SAME] >= np.nextafter(threshold, -2) - 1e-3)


def test_a_rate_that_too_few_pairs_carry_has_no_threshold():
    """6,960 impostor pairs carry 3 / 6,960 = 0.00043."""
    assert SCORES.supports(0.0005)
    assert not SCORES.supports(0.0004)
    assert SCORES.threshold(0.0004) == -np.inf


@pytest.mark.parametrize("decimals", [None, 1])
def test_the_equal_error_rate_is_that_of_the_curve(decimals):
    """Also of scores of which many are equal, and of pairs that are told apart without an error."""
    scores = COSINES if decimals is None else COSINES.round(decimals)
    found = PairScores("some", "people", parts=[(LABELS[FIRST], LABELS[SECOND], scores, SAME)])
    curve = roc(scores, SAME)
    excess = curve.fmr - curve.fnmr
    expected = np.interp(0, excess, curve.fmr)
    assert 0.001 < expected < 0.3
    assert found.eer == pytest.approx(expected)
    apart = PairScores("some", "people", parts=[(LABELS[FIRST], LABELS[SECOND], SAME.astype(float), SAME)])
    assert apart.eer == 0
    strangers = [part[~SAME] for part in (LABELS[FIRST], LABELS[SECOND], COSINES, SAME)]
    assert PairScores("some", "people", parts=[tuple(strangers)]).eer is None


def test_rates_are_those_of_the_pairs_and_their_intervals_come_from_people():
    """Person i drawn w_i times: genuine pairs count w_i times, pairs of persons i and j w_i * w_j times."""
    threshold, rng = 0.5, np.random.default_rng(3)
    (row,) = SCORES.rates([threshold], np.random.default_rng(3))
    drawn = [np.bincount(rng.integers(0, 30, 30), minlength=30) for _ in range(300)]
    for column, kind, wrong in ((0, ~SAME, threshold <= COSINES), (3, SAME, threshold > COSINES)):
        assert row[column] == pytest.approx(np.mean(wrong[kind]))
        shares = []
        for weights in drawn:
            weight = weights[LABELS[FIRST]] * (1 if column else weights[LABELS[SECOND]])
            shares.append(np.sum(weight[kind & wrong]) / np.sum(weight[kind]))
        np.testing.assert_allclose(row[column + 1 : column + 3], np.percentile(shares, [2.5, 97.5]), rtol=1e-9)


def test_what_is_measured_falls_as_the_threshold_rises_and_rates_that_cannot_be_told_are_left_out():
    found = pair_thresholds([SCORES], np.random.default_rng(0))
    asked = [point["fmr"] for point in found["points"]]
    thresholds = [point["threshold"] for point in found["points"]]
    measured = np.array([point["measured"][0] for point in found["points"]])
    assert asked == sorted(asked)
    assert asked[0] == 0.00056  # the first of the list that is no lower than 0.00043
    assert thresholds == sorted(thresholds, reverse=True)
    assert (measured[:, 0] <= np.array(asked) * 1.005).all()  # figures are rounded to three digits
    assert (measured[:, 1] <= measured[:, 0]).all()
    assert (measured[:, 0] <= measured[:, 2]).all()
    assert found["populations"] == [
        {"name": "some", "description": "people of nowhere", "num_people": 30, "num_impostor": 6960, "num_genuine": 180}
    ]


def test_the_worst_population_decides():
    """A second one whose strangers are more alike."""
    alike, labels = people(seed=1)
    alike = alike + 0.2
    alike = (alike / np.linalg.norm(alike, axis=1, keepdims=True)).astype(np.float32)
    other = PairScores("alike", "people who look alike").add(alike, labels)
    both = pair_thresholds([SCORES, other], np.random.default_rng(0))
    for point in both["points"]:
        assert point["threshold"] == pytest.approx(
            max(one.threshold(point["fmr"]) for one in (SCORES, other)), abs=1e-6
        )
        assert point["measured"][1][0] <= point["fmr"] * 1.005


def test_doubtful_pairs_are_of_nobody_and_slices_have_their_own_people():
    doubtful = np.zeros((len(LABELS), len(LABELS)), dtype=bool)
    doubtful[0, 5] = doubtful[5, 0] = True
    unknown = PairScores("some", "people").add(EMBEDDINGS, LABELS, doubtful=doubtful)
    assert (unknown.num_genuine, unknown.num_impostor) == (0, 6959)
    assert np.isnan(unknown.rates([0.5], np.random.default_rng(0))[0, 3:]).all()
    part = SCORES.sliced("few", "few people", np.arange(5), 2)
    assert (part.num_genuine, part.num_impostor, part.slack) == (30, 20 * 19 // 2 - 30, 2)


def test_too_few_pairs_for_any_rate_are_refused():
    few = PairScores("few", "people of nowhere").add(EMBEDDINGS[:6], LABELS[:6])
    with pytest.raises(ValueError, match=r"30 for a false match rate of 0\.1\. Received: 8 pairs"):
        pair_thresholds([few], np.random.default_rng(0))
