"""Event files for TensorBoard, read back with TensorFlow's own reader of records."""

import pytest
import tensorflow as tf

from kerasface.train.engine.session import Session
from kerasface.train.engine.tensorboard import EVENT_FILE, EventFile, keep_event_file
from kerasface.train.recipe import ClassifyRecipe


def steps(stage, epoch, step, loss):
    place = {"stage": stage, "epoch": epoch, "step": step, "steps_per_epoch": 4, "epochs": 2}
    return {"event": "steps", "time": 1.0, **place, "loss": loss, "memory_mib": None}


def epoch(stage, number, loss):
    return {"event": "epoch", "time": 2.0, "stage": stage, "epoch": number, "loss": loss, "val_loss": 2 * loss}


def written(folder):
    """What stands in the event file: `(step, tag, value)` in order."""
    first, *events = (
        tf.compat.v1.Event.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(folder / EVENT_FILE))
    )
    assert first.file_version == "brain.Event:2"
    return [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]


def test_numbers_are_there_as_soon_as_they_are_noted(tmp_path):
    file = EventFile(tmp_path)
    file.note(steps("train", 1, 3, 0.5))
    assert written(tmp_path) == [(3, "step/loss", 0.5)]
    file.note({"event": "end", "metrics": {"top1": 1.0}})
    file.note(epoch("train", 1, 0.25))
    assert written(tmp_path)[1:] == [(1, "epoch/loss", 0.25), (1, "epoch/val_loss", 0.5)]


def test_stages_are_counted_through(tmp_path):
    """The head has two epochs of four steps, and then comes fine-tuning."""
    events = [steps("head", 2, 4, 1), epoch("head", 1, 1), epoch("head", 2, 1)]
    EventFile(tmp_path, [*events, steps("fine_tune", 1, 2, 1), epoch("fine_tune", 1, 1)])
    assert [(step, tag) for step, tag, _ in written(tmp_path) if not tag.endswith("val_loss")] == [
        (8, "step/loss"),
        (1, "epoch/loss"),
        (2, "epoch/loss"),
        (10, "step/loss"),
        (3, "epoch/loss"),
    ]


def test_what_was_done_twice_counts_once(tmp_path):
    """It was killed in the second epoch and went on from a checkpoint after the first epoch's third step."""
    before = [steps("train", 1, 3, 8), steps("train", 1, 4, 7), epoch("train", 1, 7), steps("train", 2, 2, 6)]
    file = EventFile(tmp_path, before)
    file.note({"event": "resumed", "stage": "train", "epoch": 1, "step": 3})
    file.note(steps("train", 1, 4, 5))
    file.note(epoch("train", 1, 5))
    found = [(8, 3), (5, 4), (5, 1)]
    assert [(value, step) for step, tag, value in written(tmp_path) if not tag.endswith("val_loss")] == found
    file.note({"event": "resumed", "stage": "train", "epoch": 2, "step": 0})
    assert len(written(tmp_path)) == 4


@pytest.mark.parametrize("wanted", [True, False])
def test_a_session_writes_it_where_it_is_asked_for(tmp_path, wanted):
    recipe = ClassifyRecipe(tensorboard=wanted)
    with Session.start(tmp_path, "faces", recipe, tmp_path) as session:
        session.event("epoch", stage="train", epoch=1, loss=0.5)
        session.write_checkpoint({}, {"epoch": 1})
    with Session.resume(tmp_path, "faces") as session:
        session.event("epoch", stage="train", epoch=2, loss=0.25)
        run = tmp_path / "faces"
        run.mkdir()
        keep_event_file(session.folder, run)
    assert (run / EVENT_FILE).is_file() == wanted
    if wanted:
        assert written(run) == [(1, "epoch/loss", 0.5), (2, "epoch/loss", 0.25)]
