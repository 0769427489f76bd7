"""Scores to probabilities, against the equations of each curve and what Bayes says of priors."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.calibration import ScoreCalibration, fit_calibration
from kerasface.evaluation.reliability import log_loss, reliability_bins
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.operating_points import pair_calibration, search_calibration

SOURCE = {"data": "drawn pairs", "date": "2026-01-31"}
CURVES = {
    "platt": {"slope": 20.0, "intercept": -10.0},
    "logarithmic": {"slope": 4.0, "intercept": -3.0},
    "isotonic": {"scores": [0.1, 0.4, 0.5, 0.9], "probabilities": [0.05, 0.3, 0.3, 0.9]},
}


def drawn_pairs(log_odds, *, num_pairs=4000, seed=0):
    """Scores from 0 to 0.99 whose labels are drawn with the probability of `log_odds(score)`, and four folds."""
    generator = np.random.default_rng(seed)
    scores = generator.uniform(0, 0.99, num_pairs)
    same = generator.random(num_pairs) < 1 / (1 + np.exp(-log_odds(scores)))
    return scores, same, np.arange(num_pairs) % 4


def steps(scores):
    """Log-odds of a staircase, which no line follows."""
    return np.select([scores < 0.3, scores < 0.6], [-3.0, 0.0], 3.0)


def record(method="platt", **changes):
    """A calibration on 99 genuine and 99 impostor pairs, with the curve of `CURVES`."""
    values = {"method": method, "parameters": CURVES[method], "prior": 0.5, "num_genuine": 99, "num_impostor": 99}
    errors = {"ece": 0.01, "ece_low": 0.005, "ece_high": 0.02, "log_losses": {method: 0.1}, "num_folds": 5}
    bins = reliability_bins([0.2, 0.8, 0.9], [False, True, True])
    return ScoreCalibration(**{**values, **errors, **SOURCE, "bins": bins, **changes})


@pytest.mark.parametrize(
    ("method", "log_odds"),
    [
        ("platt", lambda scores: 12 * scores - 6),
        ("logarithmic", lambda scores: -5 * np.log(1 - scores) - 4),
        ("isotonic", steps),
    ],
)
def test_the_curve_that_made_the_labels_is_chosen_and_found_again(method, log_odds):
    calibration = fit_calibration(*drawn_pairs(log_odds), **SOURCE)
    assert calibration.method == method
    assert calibration.log_losses[method] == min(calibration.log_losses.values())
    scores = np.array([0.15, 0.45, 0.8])  # far from the stairs
    expected = 1 / (1 + np.exp(-log_odds(scores)))
    np.testing.assert_allclose(calibration.probability(scores), expected, atol=0.05)
    assert calibration.ece_low <= calibration.ece <= calibration.ece_high < 0.06


@pytest.mark.parametrize(
    ("log_odds", "feature"),
    [(lambda s: 12 * s - 6, lambda s: s), (lambda s: -5 * np.log(1 - s) - 4, lambda s: -np.log(1 - s))],
)
def test_slope_and_intercept_solve_the_equations_of_the_likeliest_line(log_odds, feature):
    """Where the log loss of the smoothed labels is least, its derivatives by intercept and slope are 0."""
    scores, same, folds = drawn_pairs(log_odds)
    calibration = fit_calibration(scores, same, folds, **SOURCE)
    line = calibration.parameters["slope"] * feature(scores) + calibration.parameters["intercept"]
    target = np.where(same, (same.sum() + 1) / (same.sum() + 2), 1 / ((~same).sum() + 2))
    residual = target - 1 / (1 + np.exp(-line))
    assert np.mean(residual) == pytest.approx(0, abs=1e-6)
    assert np.mean(residual * feature(scores)) == pytest.approx(0, abs=1e-6)


def test_isotonic_knots_are_the_means_of_what_had_to_be_pooled():
    # Blocks of equal scores, 30 genuine shares: 0.1, then 0.5 and 0.3 out of order (pooled: 0.4), then 0.9.
    scores = np.repeat([0.1, 0.4, 0.5, 0.8], 40)
    same = np.concatenate([np.arange(40) % 10 < share for share in (1, 5, 3, 9)])
    calibration = fit_calibration(scores, same, np.arange(160) // 10 % 2, **SOURCE)
    isotonic = record("isotonic", parameters={"scores": [0.1, 0.4, 0.5, 0.8], "probabilities": [0.1, 0.4, 0.4, 0.9]})
    # Both folds have these shares, so each held-out pair gets the pooled share of its block.
    assert calibration.log_losses["isotonic"] == pytest.approx(log_loss(isotonic.probability(scores), same))


def test_log_losses_are_of_pairs_that_the_curve_has_not_seen():
    """In fold 0 the step is at 0.3, in fold 1 at 0.6: each curve is wrong about the other fold's scores between."""
    scores = np.tile(np.linspace(0, 0.9, 91), 2)
    folds = np.repeat([0, 1], 91)
    same = scores > np.where(folds == 0, 0.3, 0.6)
    losses = fit_calibration(scores, same, folds, **SOURCE).log_losses
    # Isotonic curves are certain up to Laplace's bound, so a wrong answer costs the logarithm of the pairs fitted on.
    num_wrong = np.sum((scores > 0.3001) & (scores < 0.5999)) / 2
    cost = num_wrong * (math.log(61 + 2 - 1) + math.log(61 + 2 - 1)) / len(scores)
    assert losses["isotonic"] == pytest.approx(cost, rel=0.1)
    seen = record("isotonic", parameters={"scores": [0.3, 0.31], "probabilities": [0.02, 0.98]})
    assert losses["isotonic"] > 5 * log_loss(seen.probability(scores[:91]), same[:91])


@given(scores=st.lists(st.floats(-1, 1), min_size=2, max_size=30), method=st.sampled_from(sorted(CURVES)))
def test_probability_rises_with_the_score_and_is_never_certain(scores, method):
    probabilities = record(method).probability(np.sort(scores))
    assert (np.diff(probabilities) >= 0).all()
    # 99 pairs of a kind without an exception carry 100 to 1.
    assert (probabilities >= 1 / 101 - 1e-12).all()
    assert (probabilities <= 100 / 101 + 1e-12).all()


@pytest.mark.parametrize("method", sorted(CURVES))
def test_separable_pairs_stay_finite_and_claim_what_their_number_carries(method):
    scores = np.r_[np.linspace(0.8, 0.99, 30), np.linspace(-0.2, 0.3, 30)]
    same, folds = np.repeat([True, False], 30), np.arange(60) % 3
    calibration = fit_calibration(scores, same, folds, **SOURCE)
    assert math.isfinite(calibration.log_losses[method])
    assert calibration.probability(1.0) <= 31 / 32 + 1e-12
    assert calibration.probability(-1.0) >= 1 / 32 - 1e-12


@given(prior=st.floats(0.001, 0.999), score=st.floats(-1, 1), method=st.sampled_from(sorted(CURVES)))
def test_another_prior_multiplies_the_odds(prior, score, method):
    """Bayes: odds after = odds before x likelihood ratio, and the likelihood ratio is the pairs' own."""
    calibration = record(method, prior=99 / 198)
    odds = [p / (1 - p) for p in (float(c.probability(score)) for c in (calibration, calibration.with_prior(prior)))]
    assert odds[1] / odds[0] == pytest.approx(prior / (1 - prior), rel=1e-6)
    assert calibration.with_prior(prior).with_prior(0.5) == calibration


def test_the_prior_is_the_share_of_genuine_pairs():
    scores, same, folds = drawn_pairs(lambda scores: 12 * scores - 9)
    calibration = fit_calibration(scores, same, folds, **SOURCE)
    assert calibration.prior == same.mean()
    assert (calibration.num_genuine, calibration.num_impostor) == (same.sum(), (~same).sum())
    # A likeliest line has the mean of its (smoothed) labels as its mean probability.
    assert calibration.probability(scores).mean() == pytest.approx(same.mean(), abs=0.01)


def test_shapes_are_kept():
    calibration = record()
    assert calibration.probability(0.5).shape == ()
    assert float(calibration.probability(0.5)) == pytest.approx(0.5)  # log-odds 20 * 0.5 - 10
    assert calibration.probability(np.zeros((2, 3), np.float32)).shape == (2, 3)
    assert calibration.probability([]).shape == (0,)
    # A photo with itself, in float32.
    assert float(record("logarithmic").probability(np.float32(1.0000001))) == pytest.approx(100 / 101)


@pytest.mark.parametrize("method", sorted(CURVES))
def test_a_calibration_survives_json(method):
    calibration = record(method)
    again = ScoreCalibration.from_dict(json.loads(json.dumps(calibration.to_dict(), allow_nan=False)))
    assert again == calibration
    assert again.probability(0.45) == calibration.probability(0.45)


def test_a_fit_survives_json():
    calibration = fit_calibration(*drawn_pairs(steps), **SOURCE)
    text = json.dumps(calibration.to_dict(), allow_nan=False)
    assert ScoreCalibration.from_dict(json.loads(text)) == calibration
    assert (calibration.data, calibration.date, calibration.num_folds) == ("drawn pairs", "2026-01-31", 4)


def test_the_same_pairs_give_the_same_calibration_in_any_order():
    scores, same, folds = drawn_pairs(steps, num_pairs=400)
    order = np.random.default_rng(1).permutation(len(scores))
    first = fit_calibration(scores, same, folds, **SOURCE, seed=3)
    again = fit_calibration(scores[order], same[order], folds[order], **SOURCE, seed=3)
    assert again.method == first.method
    assert again.ece == pytest.approx(first.ece, abs=1e-9)
    np.testing.assert_allclose(again.probability(scores), first.probability(scores), atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "Received: method='magic'"),
        ({"prior": 0}, "Received: prior=0"),
        ({"prior": math.nan}, "Received: prior=nan"),
        ({"num_genuine": 0}, "num_genuine=0"),
        ({"num_impostor": math.nan}, "num_impostor=nan"),
        ({"ece": math.nan}, "ece=nan"),
        ({"ece": 0.5}, "ece=0.5"),
        ({"date": "yesterday"}, "yesterday"),
        ({"bins": []}, "bins must hold pairs"),
        ({"bins": [{"count": 3}]}, "A bin of a calibration has the keys"),
        ({"log_losses": {}}, "log_losses={}"),
        ({"parameters": {"slope": 1.0}}, "'platt' has the keys"),
        ({"parameters": {"slope": -1.0, "intercept": 0.0}}, "slope must be above 0"),
        ({"parameters": {"slope": 1.0, "intercept": math.inf}}, "slope must be above 0"),
        ({"prior": "half"}, "wrong type"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_an_edited_card_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        ScoreCalibration.from_dict({**record().to_dict(), **changes})


@pytest.mark.parametrize(
    "parameters",
    [
        {"scores": [0.1, 0.1], "probabilities": [0.2, 0.3]},
        {"scores": [0.1, 0.2], "probabilities": [0.3, 0.2]},
        {"scores": [0.1, 0.2], "probabilities": [0.3, 1.0]},
        {"scores": [0.1, math.nan], "probabilities": [0.3, 0.4]},
        {"scores": [0.1, 0.2], "probabilities": [0.3]},
        {"scores": [], "probabilities": []},
    ],
)
def test_a_curve_that_falls_or_claims_certainty_is_refused(parameters):
    with pytest.raises(ValueError, match=r"isotonic curve has .*Received"):
        record("isotonic", parameters=parameters)


def test_normalized_scores_have_a_curve_of_their_own():
    """Any finite score; cards written before say nothing of the kind, and mean cosines."""
    scores, same, folds = drawn_pairs(lambda scores: 12 * scores - 6, num_pairs=2000)
    found = fit_calibration(20 * scores - 10, same, folds, score="normalized", **SOURCE)
    assert set(found.log_losses) == {"platt", "isotonic"}
    assert found.probability([-40.0, 0.0, 40.0]).tolist() == sorted(found.probability([-40.0, 0.0, 40.0]))
    assert ScoreCalibration.from_dict(found.to_dict()).score == "normalized"
    older = {key: value for key, value in record().to_dict().items() if key != "score"}
    assert ScoreCalibration.from_dict(older).score == "cosine"
    with pytest.raises(ValueError, match="score must be one of"):
        fit_calibration(scores, same, folds, score="angle", **SOURCE)


def test_missing_keys_are_named():
    values = record().to_dict()
    del values["prior"]
    with pytest.raises(ValueError, match=r"A calibration has the keys.*'prior'"):
        ScoreCalibration.from_dict(values)
    with pytest.raises(ValueError, match="Received: list"):
        ScoreCalibration.from_dict([])
    with pytest.raises(dataclasses.FrozenInstanceError):
        record().prior = 0.1


def test_bad_input():
    scores, same, folds = drawn_pairs(lambda scores: 12 * scores - 6, num_pairs=200)
    with pytest.raises(ValueError, match="right way round"):
        fit_calibration(scores, ~same, folds, **SOURCE)
    with pytest.raises(ValueError, match=r"cosine similarities.*Received: scores from .* to 1\.2\."):
        fit_calibration(np.r_[scores[:-1], 1.2], same, folds, **SOURCE)
    with pytest.raises(ValueError, match="1 distinct, for 200 scores"):
        fit_calibration(scores, same, np.zeros(200), **SOURCE)
    with pytest.raises(ValueError, match="outside fold 0"):
        fit_calibration(scores, same, 1 - same, **SOURCE)  # each fold has one kind
    with pytest.raises(ValueError, match="Received: 0 genuine, 200 impostor"):
        fit_calibration(scores, np.zeros(200, bool), folds, **SOURCE)
    with pytest.raises(ValueError, match="Received: 150 equal scores"):
        fit_calibration(np.full(200, 0.5), same, folds, **SOURCE)
    with pytest.raises(ValueError, match="bootstrap=0"):
        fit_calibration(scores, same, folds, **SOURCE, bootstrap=0)
    with pytest.raises(ValueError, match=r"Scores must be cosine similarities.*1\.5"):
        record().probability([0.2, 1.5])
    with pytest.raises(ValueError, match="cosine similarities"):
        record().probability(math.nan)


def test_a_curve_helps_where_it_tells_held_out_pairs_better_than_their_share_does():
    """In either fold genuine pairs score higher, but so differently that each fold's curve is wrong about the other."""
    same, folds = np.tile([True, False], 20), np.repeat([0, 1], 20)
    scores = np.where(same, 0.9, 0.8)
    assert fit_calibration(scores, same, folds, **SOURCE).helps
    assert not fit_calibration(scores - 0.6 * folds, same, folds, **SOURCE).helps


@pytest.mark.parametrize("calibration", [pair_calibration, search_calibration])
def test_the_calibrations_that_ship_help(calibration):
    assert calibration(embedder_fingerprint()).helps
