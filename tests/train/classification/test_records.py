"""The records of a training: numbers that are those of the predictions, and JSON that holds nothing but JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from kerasface.runs.answers import read_records
from kerasface.runs.store import RunError


def test_per_class_by_hand(records):
    ada, emmy, grace = records.per_class()
    assert ada == {"name": "Ada", "num_train": 2, "num_validation": 10, "recall": 0.8, "precision": 1.0}
    assert (emmy["recall"], emmy["precision"]) == (1.0, 10 / 13)
    assert (grace["recall"], grace["precision"]) == (0.9, 1.0)


def test_a_class_without_held_out_images_has_no_recall(make_prepared, make_records):
    prepared = make_prepared(["Ada", "Emmy", "Grace"], [0, 1, 2, 0, 1], [0, 1, 2], [3, 4], [])
    records = make_records(prepared, np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]]), np.zeros((0, 3)))
    assert [row["recall"] for row in records.per_class()] == [1.0, 0.0, None]
    assert [row["precision"] for row in records.per_class()] == [0.5, None, None]


def test_mistakes_and_confusions_by_hand(records):
    assert records.mistakes.tolist() == [1, 0, 25]
    assert [(cell.true, cell.named, cell.samples.tolist()) for cell in records.confusions()] == [
        (0, 1, [1, 0]),
        (2, 1, [25]),
    ]
    assert records.confusion_matrix().tolist() == [[8, 2, 0], [0, 10, 0], [0, 1, 9]]


def test_what_is_said_is_what_the_cooled_model_says(records):
    value = records.temperature.value
    powers = records.judged.probabilities ** (1 / value)
    np.testing.assert_allclose(records.confidence, powers.max(axis=1) / powers.sum(axis=1))
    assert records.open_set.threshold in records.curve.threshold
    assert records.open_set.unknown_accepted == 1 / 20


def test_cooling_leaves_cosines(records):
    cosine = replace(records.judged, score="cosine", scores=np.full(30, 0.5), unknown_scores=np.zeros(40))
    cooled = cosine.cooled(records.temperature)
    assert cooled.scores is cosine.scores
    assert cooled.unknown_scores is cosine.unknown_scores
    np.testing.assert_array_equal(cooled.probabilities, records.cooled.probabilities)


def test_json_holds_everything_by_name(records):
    history = [{"stage": "head", "epoch": 1, "loss": np.float32(0.5), "val_loss": float("nan"), "seconds": np.int64(2)}]
    leaks = replace(records.prepared.leaks, two_labels_near=np.array([[6, 40]]), shared_labels=np.array([9]))
    prepared = replace(records.prepared, leaks=leaks, moved=np.array([3]))
    content = json.loads(
        replace(records, history=history, prepared=prepared).to_json(), parse_constant=lambda name: pytest.fail(name)
    )
    assert content["history"] == [{"stage": "head", "epoch": 1, "loss": 0.5, "val_loss": None, "seconds": 2}]
    assert [row["name"] for row in content["classes"]] == ["Ada", "Emmy", "Grace"]
    assert content["confusions"][0] == {
        "true": "Ada",
        "named": "Emmy",
        "count": 2,
        "files": ["Ada/7.jpg", "Ada/6.jpg"],
    }
    surest = content["mistakes"][0]
    assert (surest["file"], surest["true"], surest["named"]) == ("Ada/7.jpg", "Ada", "Emmy")
    assert surest["probability"] == pytest.approx(records.confidence[1], abs=1e-6)
    assert sum(part["count"] for part in content["calibration"]["before"]["bins"]) == 30
    assert content["open_set"]["threshold"] == records.open_set.threshold
    # Of 40 strangers one has the highest score, twenty the next, nineteen the lowest.
    assert content["open_set"]["curve"]["false_accept"] == [0, 1 / 40, 21 / 40, 1]
    assert content["leaks"] == {
        "exact": [],
        "near": [],
        "two_labels_exact": [],
        "two_labels_near": [["Ada/6.jpg", "unknown/40.jpg"]],
        "shared_persons": [["Ada/9.jpg"]],
        "moved": ["Emmy/3.jpg"],
    }


def test_json_without_strangers_and_with_a_name_that_is_no_unicode(records):
    files = [*records.prepared.files]
    files[7] = "Ada/\udce9.jpg"  # a Latin-1 name, as Python reads it
    without = replace(records, open_set=None, prepared=replace(records.prepared, files=files))
    text = without.to_json()
    text.encode("utf-8")
    content = json.loads(text)
    assert content["open_set"] is None
    assert content["mistakes"][0]["file"] == files[7]


def test_records_are_read_as_they_were_written(records, tmp_path):
    (tmp_path / "records.json").write_text(records.to_json(), encoding="utf-8")
    assert read_records(tmp_path) == json.loads(records.to_json())


@pytest.mark.parametrize(
    ("content", "message"), [("{", "damaged"), ("[]", "another version"), ('{"format": 9}', "another version")]
)
def test_records_that_cannot_be_read_are_a_sentence(tmp_path, content, message):
    (tmp_path / "records.json").write_text(content)
    with pytest.raises(RunError, match=message):
        read_records(tmp_path)


def test_a_run_without_records_is_a_sentence(tmp_path):
    with pytest.raises(RunError, match="cannot be read: No such file"):
        read_records(tmp_path)
