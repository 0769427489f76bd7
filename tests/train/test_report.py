"""The report of a training: what stands in it, escaped, and numbers that are those of the predictions."""

import numpy as np
import pytest

from kerasface.train.report import Predictions, cross_fitted_temperature, per_class, write_report

NAMES = ("Ada", "<script>alert(1)</script>", "Emmy")


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.fixture
def predictions():
    """Ten of each of three classes; two of the first class are taken for the second, surely."""
    labels = np.arange(3).repeat(10)
    logits = 6.0 * np.eye(3)[labels] + np.random.default_rng(0).normal(0, 0.5, (30, 3))
    logits[:2] = [0, 8, 0]
    pictures = np.full((30, 40, 40, 3), 90, dtype=np.uint8)
    return Predictions(softmax(logits), labels, NAMES, [f"photo {index}.jpg" for index in range(30)], pictures)


def test_per_class_by_hand(predictions):
    ada, script, emmy = per_class(predictions)
    assert (ada["recall"], ada["precision"]) == (0.8, 1.0)
    assert (script["recall"], script["precision"]) == (1.0, pytest.approx(10 / 12))
    assert (emmy["recall"], emmy["precision"], emmy["num_validation"]) == (1.0, 1.0, 10)


def test_the_report_shows_the_mistakes_and_escapes_names(predictions):
    temperature = cross_fitted_temperature(predictions.probabilities, predictions.labels)
    metrics = {"top1": 28 / 30, "top5": 1.0, "num_classes": 3, "num_train": 60, "num_validation": 30}
    history = [{"epoch": 1, "loss": 1.0, "val_loss": 1.1}, {"epoch": 2, "loss": 0.5, "val_loss": 0.7}]
    report = write_report("friends & family", metrics, history, predictions, temperature, ["2 files <not> used."])
    assert report.startswith("<!doctype html>")
    assert "friends &amp; family" in report
    assert "2 files &lt;not&gt; used." in report
    assert "<script>alert(1)</script>" not in report
    assert "93.33%" in report
    # Each of the two confused photos once among the mistakes and once behind the confusion cell.
    assert report.count("data:image/jpeg;base64,") == 4
    assert "photo 0.jpg" in report
    assert "photo 2.jpg" not in report


def test_temperature_is_judged_on_the_other_half():
    rng = np.random.default_rng(1)
    logits = 2 * rng.normal(size=(4000, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits)])
    temperature = cross_fitted_temperature(softmax(3 * logits), labels)
    assert temperature.value == pytest.approx(3, rel=0.1)
    assert temperature.after.ece < 0.03 < temperature.before.ece
