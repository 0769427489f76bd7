"""Where a training stands, from logs that are written here."""

import pytest

from kerasface.train.process.following import Standing, standing


def steps(time, step, *, stage="train", epoch=1, **values):
    base = {"event": "steps", "time": time, "stage": stage, "epoch": epoch, "step": step, "steps_per_epoch": 10}
    return base | {"epochs": 3, "loss": 1.0, "images_per_second": 5.0, "memory_mib": 100.0} | values


def epoch(number, *, stage="train", **values):
    return {"event": "epoch", "time": 0.0, "stage": stage, "epoch": number, "loss": 0.5, "val_loss": 0.6} | values


def test_nothing_logged_is_nothing_known():
    assert standing([]) == Standing()


def test_images_are_counted_with_the_time_left():
    """20 images in 4 seconds: 70 more take 14."""
    log = [
        {"event": "progress", "stage": "images", "total": 100, "time": t, "done": d} for t, d in ((10, 10), (14, 30))
    ]
    found = standing(log)
    assert (found.stage, found.done, found.total, found.seconds_left) == ("images", 30, 100, pytest.approx(14.0))
    assert found.history == ()


def test_steps_are_counted_over_all_epochs():
    """From step 1 to step 13 of 30 in 24 seconds: 17 more take 34."""
    found = standing([{"event": "start", "device": "CPU"}, steps(0, 1), epoch(1), steps(24, 3, epoch=2, loss=0.4)])
    assert (found.stage, found.epoch, found.epochs, found.done, found.total) == ("train", 2, 3, 13, 30)
    assert found.seconds_left == pytest.approx(34.0)
    assert found.images_per_second == 5.0
    assert [(row["loss"], row.get("val_loss")) for row in found.history] == [(0.5, 0.6), (0.4, None)]
    assert found.start["device"] == "CPU"


def test_the_speed_of_one_stage_says_nothing_of_the_next():
    found = standing([steps(0, 1, stage="head"), steps(5, 10, stage="head"), epoch(1, stage="head"), steps(99, 1)])
    assert (found.stage, found.seconds_left) == ("train", None)
    assert [row["stage"] for row in found.history] == ["head", "train"]


def test_what_was_done_twice_counts_once_and_the_pause_is_no_work():
    """Resumed in epoch 2 from step 2 after an hour, though epoch 2 was over: 2 steps in 4 seconds, 16 left."""
    log = [
        *(steps(0, 1), epoch(1), steps(5, 10, epoch=2), epoch(2, val_loss=9.0), steps(6, 1, epoch=3)),
        {"event": "resumed", "stage": "train", "epoch": 2, "step": 2},
        *(steps(3600, 2, epoch=2), steps(3604, 4, epoch=2, loss=0.3)),
    ]
    found = standing(log)
    assert [(row["epoch"], row["loss"], row.get("val_loss")) for row in found.history] == [
        (1, 0.5, 0.6),
        (2, 0.3, None),
    ]
    assert found.seconds_left == pytest.approx(2.0 * 16)


def test_sentences_and_the_end_are_kept():
    log = [{"event": "warning", "text": "a"}, {"event": "diverged", "text": "b"}, {"event": "end", "stopped": True}]
    found = standing(log)
    assert found.warnings == ("a", "b")
    assert found.ended["stopped"]
    assert standing([*log, {"event": "start"}]).ended is None  # it goes on


def test_events_of_later_versions_are_passed_over():
    assert standing([{"event": "novelty", "stage": "x"}, {}]) == Standing()


@pytest.mark.parametrize(
    "line",
    [
        *({"event": kind} for kind in ("epoch", "progress", "steps", "resumed", "start", "end", "warning")),
        {"event": "steps", "stage": ["train"], "time": 1, "epoch": 1, "epochs": 1, "step": 1, "steps_per_epoch": 1},
        {"event": "progress", "stage": "images", "time": "x", "done": 1, "total": 2},
        {"event": "resumed", "stage": "train", "epoch": "1"},
        {"event": ["epoch"]},
        {},
    ],
)
def test_a_line_that_no_training_writes_is_passed_over(line):
    log = [steps(1.0, 1), epoch(1), steps(2.0, 5, epoch=2)]
    found = standing([line, *log, line])
    assert (found.done, found.total) == (15, 30)
    assert len(found.history) == 2
