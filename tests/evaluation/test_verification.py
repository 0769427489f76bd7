"""Error rates, each derived again with plain NumPy or from its definition."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerasface.evaluation.verification import (
    evaluate_verification,
    num_impostor_needed,
    roc,
    tar_at_fmr,
    threshold_at_fmr,
    wilson_interval,
)

score_lists = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


def fmr_at(impostor_scores, threshold):
    return np.mean(np.asarray(impostor_scores, np.float64) >= threshold)


def fnmr_at(genuine_scores, threshold):
    return np.mean(np.asarray(genuine_scores, np.float64) < threshold)


def overlapping_pairs(num_folds=5, per_half=60, seed=0):
    """Scores of two overlapping normal distributions, two decimals so that ties occur."""
    generator = np.random.default_rng(seed)
    same = np.tile(np.repeat([True, False], per_half), num_folds)
    scores = np.where(same, generator.normal(0.6, 0.15, same.size), generator.normal(0.1, 0.2, same.size)).round(2)
    return scores, same, np.repeat(np.arange(num_folds), 2 * per_half)


@given(scores=score_lists, fmr=st.floats(0, 1), dtype=st.sampled_from([np.float32, np.float64]))
def test_threshold_at_fmr_is_the_smallest_that_keeps_the_target(scores, fmr, dtype):
    scores = np.array(scores, dtype)
    threshold = threshold_at_fmr(scores, fmr)
    assert fmr_at(scores, threshold) <= fmr
    assert np.mean(scores >= threshold) <= fmr  # compared in the precision of the scores
    below = np.nextafter(dtype(threshold), dtype(-np.inf))
    assert fmr_at(scores, below) > fmr or threshold == scores.min()


@given(num_impostor=st.integers(1, 200), data=st.data())
def test_threshold_at_fmr_uses_the_whole_allowance(num_impostor, data):
    allowed = data.draw(st.integers(0, num_impostor))
    scores = np.random.default_rng(0).permutation(num_impostor) / 1000  # distinct
    assert fmr_at(scores, threshold_at_fmr(scores, allowed / num_impostor)) == allowed / num_impostor


def test_threshold_at_fmr_with_ties():
    # Accepting one 0.5 means accepting all three: 3 / 5 exceeds 0.4, so all three must be refused.
    threshold = threshold_at_fmr([0.1, 0.2, 0.5, 0.5, 0.5], 0.4)
    assert threshold == np.nextafter(0.5, 1)


def test_wilson_interval_solves_its_equation():
    # Wilson's ends are the proportions p with |share - p| = z * sqrt(p * (1 - p) / n).
    for successes, total in [(1, 10), (37, 100), (2990, 3000)]:
        for end in wilson_interval(successes, total):
            z = abs(successes / total - end) / math.sqrt(end * (1 - end) / total)
            assert z == pytest.approx(1.959964, abs=1e-5)


def test_wilson_interval_at_the_ends():
    # With no success, p / (1 - p) = z^2 / n.
    assert wilson_interval(0, 50) == (0.0, pytest.approx(1.959964**2 / (50 + 1.959964**2), abs=1e-6))
    assert wilson_interval(50, 50) == (pytest.approx(50 / (50 + 1.959964**2), abs=1e-6), 1.0)
    low, high = wilson_interval(5, 50, confidence=0.5)
    assert wilson_interval(5, 50)[0] < low < 0.1 < high < wilson_interval(5, 50)[1]


@pytest.mark.parametrize("arguments", [(1, 0), (-1, 5), (6, 5), (1, 5, 1.0), (1, 5, 0.0)])
def test_wilson_interval_checks_its_arguments(arguments):
    with pytest.raises(ValueError, match=f"Received: successes={arguments[0]}"):
        wilson_interval(*arguments)


def test_roc_agrees_with_counting():
    scores, same, _ = overlapping_pairs()
    curve = roc(scores, same)
    np.testing.assert_allclose(curve.fmr, [np.mean(scores[~same] >= t) for t in curve.thresholds])
    np.testing.assert_allclose(curve.tar, [np.mean(scores[same] >= t) for t in curve.thresholds])
    assert np.isfinite(curve.thresholds).all()
    assert (np.diff(curve.thresholds) < 0).all()
    assert (curve.fmr[0], curve.tar[0], curve.fmr[-1], curve.tar[-1]) == (0, 0, 1, 1)


def test_fnmr_is_counted_at_the_same_thresholds():
    scores, same, _ = overlapping_pairs()
    curve = roc(scores, same)
    np.testing.assert_allclose(curve.fnmr, [fnmr_at(scores[same], t) for t in curve.thresholds])
    again = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert again["fnmr"] == curve.fnmr.tolist()
    assert set(again) == {"thresholds", "fmr", "tar", "fnmr"}


@given(seed=st.integers(0, 1000), decimals=st.integers(1, 4))
def test_corners_draw_the_same_curve_with_fewer_points(seed, decimals):
    generator = np.random.default_rng(seed)
    same = np.arange(80) % 2 == 0
    curve = roc((generator.normal(0, 0.3, 80) + 0.4 * same).round(decimals), same)
    part = curve.corners()
    assert set(zip(part.thresholds, part.fmr, part.tar, strict=True)) <= set(
        zip(curve.thresholds, curve.fmr, curve.tar, strict=True)
    )
    assert (part.fmr[0], part.tar[0], part.fmr[-1], part.tar[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(part.tar, part.fmr) == pytest.approx(np.trapezoid(curve.tar, curve.fmr))
    # Each dropped point lies between its neighbours on one line along an axis.
    for fmr, tar in zip(curve.fmr, curve.tar, strict=True):
        level = (part.tar[:-1] == tar) & (part.tar[1:] == tar) & (part.fmr[:-1] <= fmr) & (fmr <= part.fmr[1:])
        upright = (part.fmr[:-1] == fmr) & (part.fmr[1:] == fmr) & (part.tar[:-1] <= tar) & (tar <= part.tar[1:])
        assert level.any() or upright.any() or ((part.fmr == fmr) & (part.tar == tar)).any()


def test_auc_is_the_chance_that_a_genuine_score_is_higher():
    scores, same, folds = overlapping_pairs()
    difference = scores[same][:, None] - scores[~same][None, :]
    expected = np.mean((difference > 0) + 0.5 * (difference == 0))
    assert evaluate_verification(scores, same, folds).auc == pytest.approx(expected)


def test_eer_by_hand():
    # Refused genuine 1 of 4 and accepted impostors 1 of 4 at every threshold in (0.4, 0.6].
    scores = np.tile([0.3, 0.7, 0.8, 0.9, 0.1, 0.2, 0.25, 0.6], 2)
    same = np.tile(np.repeat([True, False], 4), 2)
    assert evaluate_verification(scores, same, np.repeat([0, 1], 8)).eer == pytest.approx(0.25)


def test_eer_is_where_both_errors_meet():
    scores, same, folds = overlapping_pairs()
    eer = evaluate_verification(scores, same, folds).eer
    errors = [(fmr_at(scores[~same], t), fnmr_at(scores[same], t)) for t in np.arange(-1, 2, 0.005)]
    assert max(min(pair) for pair in errors) <= eer <= min(max(pair) for pair in errors)


def test_a_score_that_is_the_threshold_of_a_fold_is_accepted():
    scores = [0.5, 0.25, 0.25, 0.75]  # the threshold of the first fold lies midway between the scores of the second
    report = evaluate_verification(scores, [True, False, False, True], [0, 0, 1, 1], bootstrap=1)
    assert report.fold_accuracies[0] == 1.0


def test_fold_accuracy_agrees_with_trying_every_threshold():
    scores, same, folds = overlapping_pairs()
    report = evaluate_verification(scores, same, folds)
    assert len(report.fold_accuracies) == 5
    for fold, accuracy in enumerate(report.fold_accuracies):
        inside = folds == fold
        tried = np.arange(-1, 2, 0.0025)  # the scores have two decimals
        right = [np.mean((scores[~inside] >= t) == same[~inside]) for t in tried]
        reachable = [np.mean((scores[inside] >= t) == same[inside]) for t in tried[np.isclose(right, max(right))]]
        assert np.isclose(reachable, accuracy).any()
    assert report.accuracy_mean == pytest.approx(np.mean(report.fold_accuracies))
    # The report of LFW: sigma over 10 folds with 9 in the denominator, divided by the root of 10.
    spread = math.sqrt(sum((a - report.accuracy_mean) ** 2 for a in report.fold_accuracies) / 4)
    assert report.accuracy_se == pytest.approx(spread / math.sqrt(5))


def test_the_threshold_of_a_fold_comes_from_the_other_folds():
    # Each fold is separable by itself, at 0.5 and at 0.0; with the other fold's threshold half of each is wrong.
    scores = [0.9, 0.9, 0.1, 0.1, 0.05, 0.05, -0.9, -0.9]
    same = [True, True, False, False] * 2
    report = evaluate_verification(scores, same, [1, 1, 1, 1, 2, 2, 2, 2])
    assert report.fold_accuracies == (0.5, 0.5)
    assert report.threshold == pytest.approx((0.5 + (0.05 - 0.9) / 2) / 2)


@given(
    genuine=st.lists(st.floats(0.8, 1), min_size=6, max_size=30),
    impostor=st.lists(st.floats(0, 0.2), min_size=6, max_size=30),
    num_folds=st.integers(2, 5),
)
@settings(deadline=None)
def test_separated_scores_give_no_error(genuine, impostor, num_folds):
    # Any threshold found lies midway: between (0 + 0.8) / 2 and (0.2 + 1) / 2, so it separates the other folds too.
    folds = [i % num_folds for i in (*range(len(genuine)), *range(len(impostor)))]
    same = [True] * len(genuine) + [False] * len(impostor)
    report = evaluate_verification(genuine + impostor, same, folds, bootstrap=20)
    assert (report.accuracy_mean, report.accuracy_se, report.eer) == (1, 0, 0)
    assert report.auc == pytest.approx(1)
    assert report.tar_at_fmr["0.001"].value == report.tar_at_fmr["0.001"].low == 1


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_pairs_does_not_matter(seed):
    scores, same, folds = overlapping_pairs(num_folds=3, per_half=20)
    order = np.random.default_rng(seed).permutation(len(scores))
    first = evaluate_verification(scores, same, folds, bootstrap=50)
    assert evaluate_verification(scores[order], same[order], folds[order], bootstrap=50) == first


def test_tar_at_fmr_agrees_with_its_definition():
    scores, same, folds = overlapping_pairs(per_half=400)
    for name, point in evaluate_verification(scores, same, folds).tar_at_fmr.items():
        candidates = [t for t in np.arange(-1, 2, 0.005) if np.mean(scores[~same] >= t) <= float(name)]
        assert point.value == np.mean(scores[same] >= min(candidates))
        assert point.low <= point.value <= point.high
        assert fmr_at(scores[~same], point.threshold) <= float(name)


def test_bootstrap_agrees_with_drawing_pairs():
    scores, same, _ = overlapping_pairs(per_half=100)
    genuine, impostor = scores[same], scores[~same]
    generator = np.random.default_rng(1)
    drawn = [
        np.mean(generator.choice(genuine, 500) >= threshold_at_fmr(generator.choice(impostor, 500), 0.01))
        for _ in range(2000)
    ]
    point = tar_at_fmr(scores, same, [0.01], bootstrap=20_000)["0.01"]
    assert point.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.02)
    assert point.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.02)


def test_intervals_of_auc_and_eer_agree_with_drawing_pairs():
    scores, same, folds = overlapping_pairs(per_half=40)
    genuine, impostor = scores[same], scores[~same]
    generator = np.random.default_rng(1)
    auc, eer = [], []
    for _ in range(400):
        drawn = np.r_[generator.choice(genuine, 200), generator.choice(impostor, 200)]
        curve = roc(drawn, same[np.argsort(~same, kind="stable")])
        auc.append(np.trapezoid(curve.tar, curve.fmr))
        nearest = np.argmin(np.abs(curve.fmr - curve.fnmr))
        eer.append((curve.fmr[nearest] + curve.fnmr[nearest]) / 2)
    report = evaluate_verification(scores, same, folds)
    assert (report.auc_low, report.auc_high) == pytest.approx(np.quantile(auc, [0.025, 0.975]), abs=0.004)
    assert (report.eer_low, report.eer_high) == pytest.approx(np.quantile(eer, [0.025, 0.975]), abs=0.012)
    assert report.auc_low < report.auc < report.auc_high
    assert report.eer_low < report.eer < report.eer_high


def test_a_rate_that_the_pairs_cannot_support_is_refused():
    scores, same, folds = overlapping_pairs(per_half=60)  # 300 impostor pairs
    message = r"0\.001 can be measured on 3,000 impostor pairs.*Received: 300 impostor pairs.*a rate of 3 / 300 or more"
    with pytest.raises(ValueError, match=message):
        tar_at_fmr(scores, same, [0.01, 0.001])
    with pytest.raises(ValueError, match=r"300 impostor pairs or more.*Received: 299"):
        tar_at_fmr(scores[:-1], same[:-1], [0.01])
    points = tar_at_fmr(scores, same, [0.05, 0.01])
    assert list(points) == ["0.05", "0.01"]
    assert all(point.supported for point in points.values())
    assert points["0.01"].value == evaluate_verification(scores, same, folds).tar_at_fmr["0.01"].value
    assert points["0.01"].value <= points["0.05"].value


@pytest.mark.parametrize(
    ("fmr", "needed"), [(1, 3), (0.01, 300), (0.001, 3000), (0.0003, 10_000), (0.7, 5), (1e-6, 3e6)]
)
def test_number_of_impostor_pairs_needed(fmr, needed):
    assert num_impostor_needed(fmr) == needed


@pytest.mark.parametrize(("num_impostor", "supported"), [(2998, False), (3000, True)])
def test_rule_of_three(num_impostor, supported):
    # No false match in n pairs speaks for an FMR below 3 / n: 0.001 needs 3,000 impostor pairs, 0.01 needs 300.
    scores = np.r_[np.linspace(0, 0.2, num_impostor), 0.9, 0.9]
    same = np.r_[np.zeros(num_impostor, bool), True, True]
    report = evaluate_verification(scores, same, np.arange(len(scores)) % 2)
    assert report.tar_at_fmr["0.001"].supported is supported
    assert report.tar_at_fmr["0.01"].supported is True


def test_failed_pairs_count_as_wrong():
    scores, same, folds = [0.9, 0.9, 0.1, 0.1] * 2, [True, True, False, False] * 2, [0] * 4 + [1] * 4
    report = evaluate_verification(scores, same, folds, num_failed=2)
    assert report.accuracy_mean == pytest.approx(8 / 10)
    assert (report.num_pairs, report.num_failed, report.num_genuine, report.num_impostor) == (10, 2, 4, 4)


def test_report_is_plain_json():
    report = evaluate_verification(*overlapping_pairs()).to_dict()
    again = json.loads(json.dumps(report, allow_nan=False))
    assert {"accuracy_mean", "accuracy_se", "auc", "eer", "num_pairs", "num_failed", "threshold"} < set(again)
    assert set(again["tar_at_fmr"]) == {"0.01", "0.001"}
    assert set(again["tar_at_fmr"]["0.01"]) == {"value", "low", "high", "threshold", "supported"}


def test_bad_input():
    with pytest.raises(ValueError, match=r"Received: 1 of 4 NaN or infinite.*num_failed"):
        evaluate_verification([0.1, np.nan, 0.2, 0.3], [True, False] * 2, [0, 0, 1, 1])
    with pytest.raises(ValueError, match="num_failed=-1"):
        evaluate_verification([0.1, 0.2, 0.2, 0.3], [True, False] * 2, [0, 0, 1, 1], num_failed=-1)
    with pytest.raises(ValueError, match="1 distinct, for 2 scores"):
        evaluate_verification([0.1, 0.2], [True, False], [0, 0])
    with pytest.raises(ValueError, match="folds of shape"):
        evaluate_verification([0.1, 0.2], [True, False], [0, 1, 2])
    with pytest.raises(ValueError, match="Received: 2 genuine, 0 impostor"):
        roc([0.1, 0.2], [True, True])
    with pytest.raises(ValueError, match="same of shape"):
        roc([0.1, 0.2], [True])
    with pytest.raises(ValueError, match="same must be True or False"):
        roc([0.1, 0.2], [1, 2])
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        threshold_at_fmr([], 0.5)
    with pytest.raises(ValueError, match=r"Received: fmr=1\.5"):
        threshold_at_fmr([0.5], 1.5)
    with pytest.raises(ValueError, match="NaN"):
        threshold_at_fmr([np.nan], 0.5)
    with pytest.raises(ValueError, match=r"Received: fmr=0"):
        num_impostor_needed(0)
    with pytest.raises(ValueError, match="bootstrap=0"):
        tar_at_fmr([0.1, 0.1, 0.1, 0.2], [False, False, False, True], [1.0], bootstrap=0)
