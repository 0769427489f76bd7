"""The report of a training: what stands in it, escaped, and bounded in size."""

import re
from dataclasses import replace

import numpy as np
import pytest

from kerasface.runs.card import ModelInput
from kerasface.train.classification.report import write_report

HISTORY = [
    {
        "stage": "head",
        "epoch": epoch,
        "loss": 1 / epoch,
        "val_loss": 1.1 / epoch,
        "learning_rate": 0.001,
        "images_per_second": 100.0 * epoch,
        "seconds": 2.0,
    }
    for epoch in (1, 2, 3)
]


def written(records, title="friends & family"):
    """The report without plotly.js, which holds any text."""
    report = write_report(title, records)
    assert report.startswith("<!doctype html>")
    head, body = report.split("<body>")
    assert head.count("<script>") == 1
    return body


def num_pictures(body):
    return body.count("<img ")


def test_mistakes_are_shown_with_their_pictures_and_files(records):
    body = written(records)
    assert "friends &amp; family" in body
    assert "90.00" in body  # 27 of 30
    assert "All 3 wrong names" in body
    assert "Ada taken for Emmy, 2 times" in body
    assert "Grace taken for Emmy, once" in body
    assert "Ada/7.jpg" in body
    assert "Ada/8.jpg" not in body
    # Each of the three once among the mistakes and once behind its confusion, and the stranger who is accepted.
    assert num_pictures(body) == 7


def test_the_accepted_stranger_is_shown_with_the_name_it_got(records):
    score = records.cooled.unknown_scores[7]
    assert f"taken for Grace, probability {score:.3f}<small>unknown/43.jpg" in written(records)
    stricter = replace(records.open_set, threshold=1.5)
    assert "No stranger was accepted." in written(replace(records, open_set=stricter))


def test_the_threshold_comes_with_its_bound_and_with_what_strangers_can_promise(records):
    body = written(records)
    assert "chosen on 20 strangers so that at most 1.0\N{NO-BREAK SPACE}% of their images" in body
    assert "20 strangers are too few to promise 1.0\N{NO-BREAK SPACE}%: that takes 300" in body
    # One of 20 accepted: (1 - p) ** 20 + 20 * p * (1 - p) ** 19 = 0.05 at p = 0.2161
    assert "accepts 5.00\N{NO-BREAK SPACE}%, with 95 % confidence at most 21.61\N{NO-BREAK SPACE}%" in body
    assert "too few" not in written(replace(records, open_set=replace(records.open_set, supported=True)))


def test_a_report_of_pictures_speaks_of_no_strangers(records):
    """Neither where pictures of anything else were at hand nor where there were none."""
    pictures = replace(records.prepared, input=ModelInput(kind="image"))
    compared = {"top1": 0.9, "unknown_accepted": 0.1}
    comparison = {"frozen": compared, "fine_tuned": compared, "fine_tuned_kept": True}
    measured = written(replace(records, prepared=pictures, comparison=comparison))
    assert "20 pictures of anything else so that at most" in measured
    without = written(replace(records, prepared=pictures, open_set=None))
    for body in (measured, without):
        assert "stranger" not in body.lower()
    assert "anything else" not in without


def test_a_class_named_unknown_stands_in_quotation_marks(records):
    body = written(replace(records, prepared=replace(records.prepared, names=["unknown", "Emmy", "Grace"])))
    assert "&quot;unknown&quot; taken for Emmy, 2 times" in body


def test_names_files_and_notes_are_escaped(records):
    evil = "<script>alert(1)</script>"
    files = [f"{evil}/{index}.jpg" for index in range(len(records.prepared.files))]
    files[7] = "Ada/\udce9.jpg"  # a Latin-1 name, as Python reads it
    prepared = replace(records.prepared, names=[evil, "Emmy", "Grace"], files=files)
    body = written(replace(records, prepared=prepared, notes=["2 files <not> used."]), title=evil)
    body.encode("utf-8")
    assert "alert(1)" in body
    assert "<script>alert" not in body
    assert "2 files &lt;not&gt; used." in body


def test_training_is_summed_up_by_stage(records):
    history = [*HISTORY, HISTORY[0] | {"stage": "fine_tune", "val_loss": 0.25}]
    body = written(replace(records, history=history))
    # Best of three at 1.1 / 3, six seconds, median of 100, 200, 300 images per second.
    cells = re.search(r"<tr><td>head</td>(.*?)</tr>", body)[1]
    assert re.findall(r">([^<]+)</td>", cells) == ["3", "3", "0.367", "6.0", "200"]
    assert "<td>fine_tune</td>" in body


def test_without_a_training_without_strangers_and_without_mistakes(records):
    right = np.eye(3)[records.judged.labels] * 0.97 + 0.01
    judged = replace(records.judged, probabilities=right, scores=right.max(axis=1))
    body = written(replace(records, judged=judged, open_set=None))
    assert "Nothing was trained" in body
    assert "Not measured" in body
    assert "every image judged on was named rightly" in body
    assert num_pictures(body) == 0


def test_the_comparison_says_what_was_kept(records):
    comparison = {
        "frozen": {"top1": 0.9, "unknown_accepted": 0.125},
        "fine_tuned": {"top1": 0.8, "unknown_accepted": None},
        "fine_tuned_kept": False,
    }
    body = written(replace(records, comparison=comparison))
    assert re.search(r"frozen backbone \(kept\).*90\.00.*12\.50.*<td>fine-tuned</td>.*80\.00.*>-</td>", body)
    assert "Frozen or fine-tuned" not in written(records)


def test_pictures_under_two_names_stand_side_by_side(records):
    leaks = replace(records.prepared.leaks, two_labels_exact=np.array([[6, 40], [0, 2]]))
    body = written(replace(records, prepared=replace(records.prepared, leaks=leaks, rejected=[("a.txt", "No image.")])))
    assert body.count('class="pair"') == 2
    assert "a stranger<small>unknown/40.jpg" in body
    assert "Files not used, for the reasons in rejected.csv: 1<" in body
    assert "None: no picture stands on both sides" in written(records)


@pytest.mark.parametrize("num_classes", [500, 1500])
def test_many_classes_make_no_large_report(make_prepared, make_records, num_classes):
    """Half of all held-out images get another name, no two the same."""
    labels = np.concatenate([np.arange(num_classes).repeat(2), np.full(8, -1)])
    held_out, strangers = np.arange(1, 2 * num_classes, 2), np.arange(2 * num_classes, 2 * num_classes + 8)
    names = [f"person {label}" for label in range(num_classes)]
    prepared = make_prepared(names, labels, held_out - 1, held_out, strangers)
    named = np.where(np.arange(num_classes) % 2, np.arange(num_classes), np.arange(num_classes)[::-1])
    probabilities = np.full((num_classes, num_classes), 0.1 / num_classes, dtype=np.float32)
    probabilities[np.arange(num_classes), named] += 0.9
    records = make_records(prepared, probabilities, np.full((8, num_classes), 1 / num_classes, dtype=np.float32))
    body = written(records)
    assert f"24 of {num_classes // 2} wrong names" in body
    assert f"20 of {num_classes // 2} pairs of names" in body
    assert num_pictures(body) <= 24 + 20 * 8 + 24
    assert body.count("<tr>") <= 1001
    assert ("1,000 of 1,500 classes" in body) == (num_classes == 1500)
    assert len(body) < 1e6
