"""Who is confused with whom: figures by hand, and against counting every pair one by one."""

import numpy as np
import pytest

from kerasface.evaluation import people as module
from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.people import measure_people, rates_of_parts
from kerasface.evaluation.people_rates import people_over
from kerasface.evaluation.verification import threshold_at_fmr


def at_angles(*degrees):
    """Unit embeddings in a plane: the cosine of two is that of the angle between them."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def some_people(seed=0, num_people=12):
    """Embeddings and shuffled labels of people with 1 to 5 photos."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(num_people) * 3, generator.integers(1, 6, num_people))  # labels need not be 0, 1, 2
    rows = generator.normal(size=(num_people, 8))[labels // 3] + 0.7 * generator.normal(size=(len(labels), 8))
    order = generator.permutation(len(labels))
    rows = rows[order] / np.linalg.norm(rows[order], axis=1, keepdims=True)
    return rows.astype(np.float32), labels[order]


def counted_one_by_one(scores, labels, threshold):
    """FMR, FNMR and each person's own rate, by looking at every pair."""
    genuine, impostor, own = [], [], {person: [] for person in np.unique(labels)}
    for first in range(len(labels)):
        for second in range(first + 1, len(labels)):
            reached = scores[first, second] >= threshold
            if labels[first] == labels[second]:
                genuine.append(not reached)
            else:
                impostor.append(reached)
                own[labels[first]].append(reached)
                own[labels[second]].append(reached)
    return np.mean(impostor), np.mean(genuine), [np.mean(own[person]) for person in sorted(own)]


def test_by_hand():
    """Ada at 0 and 10 degrees, Bob at 15 and 60, Cyd (one photo) at 90.

    Within 25 degrees are Ada-Bob twice (15 and 5 apart) of 4, Ada-Cyd never of 2, Bob-Cyd never of 2 (30 apart).
    """
    rates = measure_people(at_angles(0, 10, 15, 60, 90), np.array([0, 0, 1, 1, 2]), [np.cos(np.deg2rad(25))])
    (at,) = rates.rates
    assert (rates.num_genuine, rates.num_impostor, rates.num_people_pairs) == (2, 8, 3)
    assert (at.fmr.value, at.fnmr.value) == (2 / 8, 1 / 2)
    assert rates.own_rates[0].tolist() == [2 / 6, 2 / 6, 0]
    assert rates.num_over_half == (0,)  # two of four are half
    worst = rates.confused[0][0]
    assert (worst.people, worst.num_pairs, worst.num_matched, worst.photos) == ((0, 1), 4, 2, (1, 2))
    assert worst.highest == pytest.approx(np.cos(np.deg2rad(5)))
    assert rates.confused[0][1].people == (1, 2)  # none matches, and this comes nearest
    assert at.fnmr.low == 0
    assert at.fnmr.high == 1


@pytest.mark.parametrize("scores_at_once", [10**6, 7])
@pytest.mark.parametrize("normalized", [False, True])
def test_blocks_count_what_is_counted_one_by_one(monkeypatch, normalized, scores_at_once):
    monkeypatch.setattr(module, "_SCORES_AT_ONCE", scores_at_once)
    embeddings, labels = some_people()
    normalizer, scores = None, (embeddings @ embeddings.T).astype(float)
    if normalized:
        cohort = np.random.default_rng(9).normal(size=(50, 8))
        cohort /= np.linalg.norm(cohort, axis=1, keepdims=True)
        normalizer = Normalizer(cohort.astype(np.float32), 10, "made up")
        scores = normalizer.scores(embeddings, embeddings)
    thresholds = np.quantile(scores, [0.97, 0.6, 0.8]) + 1e-5  # in no order, and none a score
    told = []
    rates = measure_people(
        embeddings, labels, thresholds, normalizer=normalizer, on_progress=lambda *counts: told.append(counts)
    )
    for index, threshold in enumerate(thresholds):
        fmr, fnmr, own = counted_one_by_one(scores, labels, threshold)
        assert rates.rates[index].fmr.value == pytest.approx(fmr)
        assert rates.rates[index].fnmr.value == pytest.approx(fnmr)
        assert rates.own_rates[index] == pytest.approx(own)
        pair = rates.confused[index][0]
        first, second = (labels == person for person in pair.people)
        block = scores[np.ix_(first, second)]
        assert (pair.num_pairs, pair.num_matched) == (block.size, np.sum(block >= threshold))
        assert pair.highest == pytest.approx(block.max())
        assert scores[pair.photos] == pytest.approx(block.max())
    assert told[-1] == (len(labels), len(labels))
    impostor = scores[np.triu(labels[:, None] != labels[None], k=1)]
    assert rates.threshold_at(0.01) == pytest.approx(threshold_at_fmr(impostor, 0.01))
    assert rates.threshold_at(0.01) > np.sort(impostor)[-1 - int(0.01 * len(impostor))] - 1e-6


def test_intervals_resample_people():
    """One pair of people makes all matches: samples without either have none, however many photos they have."""
    labels = np.repeat(np.arange(20), 10)
    embeddings = np.eye(20)[np.where(labels == 1, 0, labels)]  # 1 looks like 0
    rates = measure_people(embeddings, labels, [0.5])
    fmr = rates.rates[0].fmr
    assert fmr.value == pytest.approx(1 / 190)  # a hundred of 19,000
    assert fmr.low == 0
    assert 3 / 190 < fmr.high < 9 / 190  # as pairs drawn one by one are not: 6.4 / 1,000
    assert rates.num_over_half == (1,)
    over = people_over(rates.own_rates[0], 0.001)
    assert over.people.tolist() == [0, 1]
    assert over.to_dict([f"p{n}" for n in range(20)]) == {
        "asked": 0.001,
        "count": 2,
        "of": 20,
        "share": 0.1,
        "people": [{"name": "p0", "own_fmr": 1 / 19}, {"name": "p1", "own_fmr": 1 / 19}],
    }


def test_parts_count_together_and_no_pair_is_of_two():
    """Alone, 25 of 65 and none of 15 impostor pairs match."""
    alike = np.repeat([0, 1, 2], [5, 5, 4])
    first = measure_people(np.eye(3)[np.where(alike == 1, 0, alike)], alike, [0.5, 0.4])
    second = measure_people(np.eye(6), np.arange(6), [0.5, 0.4])
    assert rates_of_parts([first]) == first.rates
    for at in rates_of_parts([first, second]):
        assert at.fmr.value == 25 / (25 + 2 * 20 + 15)
        assert at.fnmr.value == 0
        assert at.fmr.low == 0
        assert at.fmr.high < 1


def test_ten_times_is_not_over_ten_times():
    assert people_over([0.01, 0.0101, 0.5], 0.001).people.tolist() == [2, 1]


def test_all_of_many_is_worse_than_all_of_one():
    labels = np.r_[np.repeat([0, 1], 5), 2, 3]
    embeddings = np.eye(4)[[*[0] * 10, 2, 2]]
    rates = measure_people(embeddings, labels, [0.9], num_worst=2)
    assert [pair.people for pair in rates.confused[0]] == [(0, 1), (2, 3)]
    assert rates.num_over_half == (2,)


def test_two_people_tell_nothing_of_others():
    rates = measure_people(at_angles(0, 40), np.array([7, 4]), [0.9])
    assert (rates.rates[0].fmr.low, rates.rates[0].fmr.value, rates.rates[0].fmr.high) == (0, 0, 1)
    assert rates.rates[0].fnmr.value is None
    assert rates.people.tolist() == [4, 7]
    assert rates.confused[0][0].photos == (1, 0)


@pytest.mark.parametrize(
    ("labels", "thresholds", "message"),
    [
        ([0, 0, 0], [0.5], "two people or more. Received: 1"),
        ([0, 1], [0.5], "for 3 embeddings"),
        ([0.5, 1, 2], [0.5], "an integer"),
        ([0, 1, 2], [], "one or more finite numbers"),
        ([0, 1, 2], [np.nan], "one or more finite numbers"),
    ],
)
def test_what_cannot_be_measured_is_refused(labels, thresholds, message):
    with pytest.raises(ValueError, match=message):
        measure_people(at_angles(0, 40, 80), np.array(labels), thresholds)


def test_no_threshold_of_ones_own_for_rates_that_were_not_kept():
    rates = measure_people(at_angles(0, 40), np.array([7, 4]), [0.9])
    with pytest.raises(ValueError, match=r"fmr=0\.5"):
        rates.threshold_at(0.5)
