"""Two models on the same pairs: counted again, and against SciPy."""

import json

import numpy as np
import pytest
from scipy import stats

from kerasface.evaluation.comparison import compare_classifiers, compare_pairs, mcnemar_exact
from kerasface.evaluation.verification import evaluate_verification, threshold_at_fmr


def labeled_pairs(num_people=60, per_person=5, num_impostor=400, seed=0):
    """Labels and people of some genuine pairs of each person and of impostor pairs drawn at random."""
    generator = np.random.default_rng(seed)
    genuine = np.repeat(np.arange(num_people), per_person)
    first = generator.integers(0, num_people, num_impostor)
    second = (first + generator.integers(1, num_people, num_impostor)) % num_people
    people = np.stack([np.r_[genuine, first], np.r_[genuine, second]], axis=1)
    return np.r_[np.ones(len(genuine), bool), np.zeros(num_impostor, bool)], people


def noisy_scores(same, noise, seed):
    return np.where(same, 0.7, 0.3) + np.random.default_rng(seed).normal(0, noise, len(same))


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [
        (0, 5, 2 / 2**5),  # all five heads, or all five tails
        (1, 3, 2 * (1 + 4) / 2**4),
        (2, 2, 1.0),
        (0, 0, 1.0),
        (12, 3, stats.binomtest(3, 15, 0.5).pvalue),
    ],
)
def test_mcnemar_counts_what_only_one_gets_wrong(only_a, only_b, p_value):
    both, none = [1] * 7, [0] * 9  # tell nothing
    wrong_a = np.array([*[1] * only_a, *[0] * only_b, *both, *none], dtype=bool)
    wrong_b = np.array([*[0] * only_a, *[1] * only_b, *both, *none], dtype=bool)
    found = mcnemar_exact(wrong_a, wrong_b)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p_value == pytest.approx(p_value)
    assert mcnemar_exact(wrong_b, wrong_a).p_value == found.p_value


def test_rates_are_those_that_each_model_has_alone():
    same, people = labeled_pairs()
    scores = [np.round(noisy_scores(same, noise, seed), 2) for noise, seed in ((0.25, 1), (0.15, 2))]  # with ties
    found = compare_pairs(*scores, same, people, fmr=0.05, bootstrap=20)
    for name, one in zip("ab", scores, strict=True):
        threshold = threshold_at_fmr(one[~same], 0.05)
        alone = evaluate_verification(one, same, np.arange(len(same)) % 2, bootstrap=1)
        assert getattr(found, f"threshold_{name}") == threshold
        assert getattr(found.fnmr, name) == pytest.approx(np.mean(one[same] < threshold))
        assert getattr(found.eer, name) == pytest.approx(alone.eer)
        assert getattr(found.auc, name) == pytest.approx(alone.auc)
    assert found.fnmr.value == pytest.approx(found.fnmr.b - found.fnmr.a)
    assert found.better == "b"
    assert (found.num_genuine, found.num_impostor, found.num_people) == (300, 400, 60)
    assert json.loads(json.dumps(found.to_dict()))["better"] == "b"


def test_the_interval_is_that_of_scipys_bootstrap_over_people():
    """Impostors all score alike, so that thresholds stay: what is left is a ratio of sums over people."""
    same, people = labeled_pairs(num_people=80, per_person=4)
    generator = np.random.default_rng(3)
    lost_a, lost_b = (np.repeat(generator.random(80) < share, 4) for share in (0.35, 0.25))  # whole people are lost
    scores_a, scores_b = np.zeros(len(same)), np.zeros(len(same))
    scores_a[same], scores_b[same] = np.where(lost_a, -1, 1), np.where(lost_b, -1, 1)
    found = compare_pairs(scores_a, scores_b, same, people, fmr=0.1, bootstrap=4000)
    each = (lost_b.astype(float) - lost_a).reshape(80, 4).mean(axis=1)
    expected = stats.bootstrap((each,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    assert (found.fnmr.low, found.fnmr.high) == pytest.approx(expected, abs=0.015)
    assert found.fnmr.value == pytest.approx(each.mean())


def test_more_pairs_of_the_same_people_make_nothing_more_certain():
    """Each pair four times: the test is fooled, the interval is not."""
    same, people = labeled_pairs(num_people=30, per_person=1, num_impostor=200)
    scores = noisy_scores(same, 0.25, 4), noisy_scores(same, 0.22, 5)
    once = compare_pairs(*scores, same, people, fmr=0.1, bootstrap=200)
    often = compare_pairs(
        *(np.repeat(one, 4) for one in (*scores, same)), np.repeat(people, 4, axis=0), fmr=0.1, bootstrap=200
    )
    assert (often.fnmr.low, often.fnmr.high) == pytest.approx((once.fnmr.low, once.fnmr.high))
    assert (often.auc.low, often.auc.high) == pytest.approx((once.auc.low, once.auc.high))
    assert often.mcnemar.p_value < once.mcnemar.p_value


@pytest.mark.slow
def test_models_of_one_quality_are_seldom_told_apart():
    same, people = labeled_pairs()
    found = [
        compare_pairs(
            noisy_scores(same, 0.2, seed), noisy_scores(same, 0.2, 100 + seed), same, people, bootstrap=100, fmr=0.05
        )
        for seed in range(40)
    ]
    # 5 % are expected; more than 6 of 40 has a probability of 0.3 %.
    assert sum(one.better is not None for one in found) <= 6
    inside = sum(one.eer.low <= 0 <= one.eer.high for one in found)
    assert inside >= 34


def test_a_model_against_itself_is_no_different():
    same, people = labeled_pairs()
    scores = noisy_scores(same, 0.2, 6)
    found = compare_pairs(scores, 10 * scores - 3, same, people, bootstrap=50)  # on another scale
    assert (found.fnmr.value, found.fnmr.low, found.fnmr.high) == (0, 0, 0)
    assert found.mcnemar.p_value == 1
    assert found.better is None


def test_samples_of_one_kind_alone_are_drawn_again():
    """Of two people every second sample has one person alone, and so no impostor pair."""
    same, people = np.array([True, True, False, False, False]), [[0, 0], [1, 1], [0, 1], [1, 0], [0, 1]]
    found = compare_pairs([3, 4, 1, 2, 0], [3, 4, 0, 2, 1], same, people, fmr=1.0, bootstrap=30)
    assert np.isfinite([found.auc.low, found.auc.high]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fmr": 0.001}, r"3,000 impostor pairs.*Received: 400"),
        ({"people": [[0, 0]]}, r"people must name two.*\(1, 2\) for 700 pairs"),
        ({"people": np.zeros((700, 2))}, r"Received: 400 of 700"),
        ({"scores_b": np.full(700, np.nan)}, "finite"),
        ({"scores_b": np.zeros(3)}, "every score"),
        ({"same": np.ones(700, bool)}, "Both genuine and impostor"),
        ({"bootstrap": 0}, "bootstrap=0"),
    ],
)
def test_what_cannot_be_compared_is_refused(changes, message):
    same, people = labeled_pairs()
    values = {
        "scores_a": noisy_scores(same, 0.2, 7),
        "scores_b": noisy_scores(same, 0.2, 8),
        "same": same,
        "people": people,
    }
    with pytest.raises(ValueError, match=message):
        compare_pairs(**values | changes)


def test_answers_of_two_lists_are_refused():
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        mcnemar_exact([True, False], [True, False, True])
    with pytest.raises(ValueError, match="True or False"):
        mcnemar_exact([0.5, 0.1], [1, 0])


def test_classifiers_are_compared_on_the_same_pictures():
    wrong_a = np.r_[np.ones(30, bool), np.zeros(170, bool)]
    wrong_b = np.r_[np.ones(12, bool), np.zeros(186, bool), np.ones(2, bool)]
    found = compare_classifiers(wrong_a, wrong_b)
    assert (found.error.a, found.error.b) == (0.15, pytest.approx(0.07))
    assert (found.mcnemar.only_a, found.mcnemar.only_b) == (18, 2)
    assert found.better == "b"
    # The interval of a difference of two counts of one multinomial, by the normal distribution.
    share = np.array([18, 2]) / 200
    deviation = np.sqrt((share.sum() - (share[1] - share[0]) ** 2) / 200)
    assert found.error.low == pytest.approx(found.error.value - 1.96 * deviation, abs=0.004)
    assert found.error.high == pytest.approx(found.error.value + 1.96 * deviation, abs=0.004)
    turned = compare_classifiers(wrong_b, wrong_a)
    assert (turned.better, turned.mcnemar.p_value) == ("a", found.mcnemar.p_value)
    assert json.loads(json.dumps(found.to_dict()))["better"] == "b"


def test_few_or_no_differing_pictures_show_no_difference():
    wrong = np.r_[np.ones(5, bool), np.zeros(95, bool)]
    same = compare_classifiers(wrong, wrong)
    assert (same.better, same.error.low, same.error.high, same.mcnemar.p_value) == (None, 0, 0, 1)
    assert compare_classifiers(wrong, np.r_[np.zeros(4, bool), wrong[4:]]).better is None  # four of four: p = 0.125
    with pytest.raises(ValueError, match="a picture or more"):
        compare_classifiers([], [])
