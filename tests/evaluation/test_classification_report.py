"""What a classifier said of pictures, counted again by hand."""

import json

import numpy as np
import pytest

from kerasface.evaluation.classification import calibration
from kerasface.evaluation.classification_report import (
    ClassificationTrial,
    evaluate_classification,
    most_confused,
    surest_mistakes,
)
from kerasface.evaluation.verification import wilson_interval

CLASSES = ("Ada", "Bea", "Cleo")
# Six pictures: three of Ada (right, taken for Bea, without a face), two of Bea (right; Cleo first), none of Cleo.
ANSWERS = np.array(
    [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0, 0, 0], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9], [0.2, 0.5, 0.3]],
    dtype=np.float32,
)


def trial(**changes):
    values = {
        "classes": CLASSES,
        "labels": np.array([0, 0, 0, 1, 1, 1]),
        "found": np.array([True, True, False, True, True, True]),
        "probabilities": ANSWERS,
        "scores": np.array([0.7, 0.6, 0.0, 0.8, 0.9, 0.5]),
        "unknown_scores": np.array([0.2, 0.75, 0.1]),
        "num_unknown_failed": 1,
        "threshold": 0.6,
    }
    return ClassificationTrial(**values | changes)


def test_rates_are_counted_and_what_has_no_answer_is_wrong():
    report = evaluate_classification(trial())
    assert (report.top1.value, report.top1.num_pictures) == (3 / 6, 6)
    assert (report.top1.low, report.top1.high) == wilson_interval(3, 6)
    assert report.top5.value == pytest.approx(5 / 6)  # three classes: whatever has an answer
    assert report.recall == {"Ada": 1 / 3, "Bea": 2 / 3, "Cleo": None}
    assert report.balanced_accuracy == pytest.approx(1 / 2)
    assert report.precision == {"Ada": 1.0, "Bea": 2 / 3, "Cleo": 0.0}
    np.testing.assert_array_equal(report.confusion, [[1, 1, 0], [0, 2, 1], [0, 0, 0]])
    assert report.num_failed == 1
    found = trial().found
    assert report.ece == calibration(ANSWERS[found], trial().labels[found]).ece


def test_the_threshold_accepts_known_and_strangers():
    report = evaluate_classification(trial())
    assert report.known_accepted.value == pytest.approx(4 / 6)
    assert report.known_correct.value == pytest.approx(2 / 6)
    assert (report.unknown_accepted.value, report.num_unknown) == (pytest.approx(1 / 3), 3)
    without = evaluate_classification(trial(threshold=None))
    assert without.known_accepted is without.known_correct is without.unknown_accepted is None
    assert without.num_unknown == 3
    assert evaluate_classification(trial(unknown_scores=np.zeros(0))).unknown_accepted is None


def test_mistakes_are_ordered():
    assert surest_mistakes(trial(), 5).tolist() == [4, 1]  # not the picture without an answer
    assert surest_mistakes(trial(), 1).tolist() == [4]
    report = evaluate_classification(
        trial(
            labels=np.array([0, 0, 1]),
            found=np.ones(3, bool),
            probabilities=ANSWERS[[3, 3, 4]],
            scores=np.ones(3),
        )
    )
    assert most_confused(report, 5) == [("Ada", "Bea", 2), ("Bea", "Cleo", 1)]
    assert most_confused(report, 1) == [("Ada", "Bea", 2)]


def test_the_report_is_json():
    report = json.loads(json.dumps(evaluate_classification(trial()).to_dict(), allow_nan=False))
    assert report["classes"] == list(CLASSES)
    assert report["top1"]["num_pictures"] == 6
    assert report["recall"]["Cleo"] is None
    assert json.dumps(evaluate_classification(trial(threshold=None)).to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"found": np.zeros(6, bool)}, "No picture has an answer"),
        ({"labels": np.array([0, 0, 0, 1, 1, 3])}, "indices of the 3 classes"),
        ({"scores": np.zeros(5)}, "shapes"),
        ({"classes": ("Ada", "Bea")}, "2 classes"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        evaluate_classification(trial(**changes))
