"""Log loss, calibration error and reliability bins, by hand and by drawing pairs."""

import math

import numpy as np
import pytest

from kerasface.evaluation.reliability import (
    calibration_error_interval,
    expected_calibration_error,
    log_loss,
    reliability_bins,
)
from kerasface.evaluation.verification import wilson_interval


def test_log_loss_by_hand():
    # -ln 0.5, -ln 0.8 for what happened, -ln 0.9 for what did not (1 - 0.1).
    expected = -(math.log(0.5) + math.log(0.8) + math.log(0.9)) / 3
    assert log_loss([0.5, 0.8, 0.1], [True, True, False]) == pytest.approx(expected)


def test_calibration_error_by_hand():
    # Two bins of two pairs: mean 0.15 against a share of 0, mean 0.7 against 0.5.
    assert expected_calibration_error([0.1, 0.2, 0.6, 0.8], [0, 0, 1, 0], num_bins=2) == pytest.approx((0.15 + 0.2) / 2)


def test_equal_probabilities_share_a_bin_whatever_their_order():
    probabilities = np.repeat([0.25, 0.75], 40)
    same = np.r_[np.repeat([True, False], [10, 30]), np.repeat([True, False], [30, 10])]
    # Genuine pairs come first in each block: cut into parts, the block would look wrong at both ends.
    assert expected_calibration_error(probabilities, same, num_bins=15) == pytest.approx(0)


def test_interval_covers_what_drawing_pairs_again_gives():
    generator = np.random.default_rng(0)
    probabilities = generator.random(1500)
    same = generator.random(1500) < probabilities**1.3  # a little too sure
    low, high = calibration_error_interval(probabilities, same)
    drawn = []
    for _ in range(300):
        rows = generator.integers(0, 1500, 1500)
        drawn.append(expected_calibration_error(probabilities[rows], same[rows]))
    assert low == pytest.approx(np.quantile(drawn, 0.025), abs=0.006)
    assert high == pytest.approx(np.quantile(drawn, 0.975), abs=0.006)
    assert low <= expected_calibration_error(probabilities, same) <= high
    assert calibration_error_interval(probabilities, same, seed=1) != (low, high)


def test_bins_of_equal_width():
    bins = reliability_bins([0.0, 0.05, 0.1, 0.95, 1.0], [False, True, True, True, True])
    assert [(part.count, part.share_genuine) for part in bins] == [(2, 0.5), (1, 1.0), (2, 1.0)]
    assert [part.probability for part in bins] == pytest.approx([0.025, 0.1, 0.975])
    assert [(part.low, part.high) for part in bins] == [wilson_interval(k, n) for k, n in ((1, 2), (1, 1), (2, 2))]


def test_bootstrap_needs_a_sample():
    with pytest.raises(ValueError, match="bootstrap=0"):
        calibration_error_interval([0.5, 0.6], [True, False], bootstrap=0)
