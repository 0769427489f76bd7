import numpy as np
import pytest

from kerasface.evaluation.classification import calibration
from kerasface.evaluation.open_set import open_set, open_set_curve
from kerasface.plotting import classification


def test_open_set_curve_shows_the_curve_and_the_bound_of_the_chosen_threshold():
    """Forty strangers, the threshold chosen on 20 of score 0; of the other 20, one has a score of 1."""
    unknown = np.zeros(40)
    unknown[1] = 1
    known, correct = np.array([2.0, 2.0, 0.5, 0.0]), np.array([True, False, True, True])
    chosen = open_set(known, correct, unknown, np.arange(40))
    figure = classification.open_set_curve(open_set_curve(known, correct, unknown), chosen)
    accepted, named, point = figure.data
    # No stranger (above 1), one (above 0), all; none has a place on the logarithmic axis too.
    assert list(accepted.x) == pytest.approx([1 / 80, 1 / 40, 1])
    assert list(accepted.y) == [0.5, 0.75, 1.0]
    assert list(named.y) == [0.25, 0.5, 0.75]
    assert (point.x[0], point.y[0]) == (1 / 20, 0.5)
    assert point.x[0] + point.error_x.array[0] == pytest.approx(chosen.unknown_accepted_high)
    assert figure.layout.xaxis.ticktext == ("none", "10 %", "100 %")


def test_a_threshold_that_accepts_no_stranger_has_its_place():
    unknown, known = np.zeros(40), np.ones(3)
    chosen = open_set(known, known > 0, unknown, np.arange(40))
    figure = classification.open_set_curve(open_set_curve(known, known > 0, unknown), chosen)
    left = 10 ** figure.layout.xaxis.range[0]
    assert figure.data[2].x[0] == pytest.approx(left)
    assert 0 < left < chosen.unknown_accepted_high


def test_reliability_diagram_and_confusions_show_the_records():
    probabilities, labels = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]]), np.array([0, 1, 1])
    result = calibration(probabilities, labels, num_bins=10)
    figure = classification.reliability_diagram(result, result)
    assert list(figure.data[1].x) == pytest.approx([0.7, 0.8, 0.9])
    assert list(figure.data[1].y) == [0.0, 1.0, 1.0]
    heatmap = classification.confusion_heatmap(np.array([[1, 0], [1, 1]]), ["<b>Ada</b>", "Emmy"])
    assert heatmap.data[0].z.tolist() == [[1, 0], [1, 1]]
    assert "<b>" not in "".join(heatmap.data[0].x + heatmap.layout.xaxis.ticktext)
    assert [list(row) for row in heatmap.data[0].text] == [[1, ""], [1, 1]]
