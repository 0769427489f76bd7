import numpy as np
import pytest

from kerasface.evaluation.calibration import fit_calibration
from kerasface.plotting.calibration import calibration_curve, pair_reliability


@pytest.fixture(scope="module")
def calibration():
    generator = np.random.default_rng(0)
    scores = generator.uniform(0, 0.99, 600)
    same = generator.random(600) < 1 / (1 + np.exp(6 - 12 * scores))
    return fit_calibration(scores, same, np.arange(600) % 3, data="drawn pairs", date="2026-01-31")


def test_reliability_shows_the_bins_with_their_intervals(calibration):
    _, points = pair_reliability(calibration).data
    assert list(points.x) == [part.probability for part in calibration.bins]
    assert list(points.y) == [part.share_genuine for part in calibration.bins]
    top, bottom = np.add(points.y, points.error_y.array), np.subtract(points.y, points.error_y.arrayminus)
    assert top == pytest.approx([part.high for part in calibration.bins])
    assert bottom == pytest.approx([part.low for part in calibration.bins])
    assert f"{calibration.ece:.1%}" in points.name


def test_curve_shows_the_probabilities_and_the_threshold(calibration):
    figure = calibration_curve(calibration, 0.2, 0.9, 0.6)
    line, threshold = figure.data
    assert (line.x[0], line.x[-1]) == (0.2, 0.9)
    np.testing.assert_allclose(line.y, calibration.probability(line.x))
    assert list(threshold.x) == [0.6, 0.6]
    with pytest.raises(ValueError, match=r"Received: low=0\.9, high=0\.2"):
        calibration_curve(calibration, 0.9, 0.2, 0.6)
