"""The default threshold of classifiers that have no strangers of their own."""

import numpy as np
import pytest

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates import classifier_points
from kerasface.faces.rates.classifier_points import classifier_point


@pytest.fixture
def measured(monkeypatch):
    """Thresholds 0.80 and 0.84 for two people with one photo and with four, 0.90 for eight people, of one photo."""

    def row(num_classes, photos, threshold, alike):
        shares = (
            "unknown_accepted",
            "unknown_accepted_low",
            "unknown_accepted_high",
            "known_accepted",
            "known_correct",
        )
        return {
            **dict.fromkeys(shares, 0.5),
            **{"num_classes": num_classes, "photos": photos, "threshold": threshold, "alike_accepted": alike},
            **{"num_unknown": 100, "num_known": 50},
        }

    rows = [row(2, 1, 0.8, 0.02), row(2, 4, 0.84, 0.02), row(8, 1, 0.9, None)]
    told = {"data": "some", "alike": "others", "date": "2026-11-28", "false_accept_asked": 0.003}
    monkeypatch.setattr(classifier_points, "_measurements", lambda: {"this": {**told, "rows": rows}})


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("num_classes", "photos", "expected"),
    [
        (2, 1, 0.80),
        (2, 2, 0.82),  # half of the way from 1 to 4 by logarithms
        (2, 0.5, 0.80),
        (2, 9, 0.84),
        (4, 1, 0.85),  # half of the way from 2 to 8
        (4, 2, 0.86),
        (8, 4, 0.90),
    ],
)
def test_between_what_was_measured_lies_a_line_over_logarithms(num_classes, photos, expected):
    assert classifier_point("this", num_classes, photos).threshold == pytest.approx(expected)


@pytest.mark.usefixtures("measured")
def test_what_was_not_measured_is_none():
    assert classifier_point("other", 2, 1) is None
    assert classifier_point("this", 1, 1) is None
    assert classifier_point("this", 9, 1) is None
    assert classifier_point("this", 2, 1).alike_accepted == 0.02
    assert classifier_point("this", 4, 1).alike_accepted is None


@pytest.mark.parametrize("views", [1, 2])
def test_the_thresholds_that_ship_rise_with_the_number_of_people_and_keep_their_rate(views):
    """The rate was measured on other strangers than the threshold was chosen on."""
    points = [classifier_point(embedder_fingerprint(views), size, 4) for size in (2, 5, 8, 20, 50, 100)]
    assert (np.diff([point.threshold for point in points]) > 0).all()
    for point in points:
        assert point.unknown_accepted_low <= point.unknown_accepted <= point.unknown_accepted_high <= 0.01
        assert point.unknown_accepted_low <= point.false_accept_asked
        assert point.known_accepted > 0.85
