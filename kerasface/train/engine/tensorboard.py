"""The numbers of a training as an event file that TensorBoard reads, while it goes on and in its run afterwards.

Such a file is a TFRecord of `Event` messages, which TensorFlow itself can write; TensorBoard is needed to look at it:
`tensorboard --logdir saved_models`.
"""

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tensorflow as tf

from kerasface.files.writing import write_atomically

EVENT_FILE = "events.out.tfevents.kerasface"  # TensorBoard takes every file of a folder whose name holds `tfevents`
_VERSION = "brain.Event:2"
_PLACES = ("stage", "epoch", "epochs", "step", "steps_per_epoch", "time")  # where a number stands, and no numbers


@dataclass
class _Count:
    """Steps and epochs of a training with several stages, counted through."""

    stage: str | None = None
    before: dict[str, int] = field(default_factory=lambda: {"epoch": 0, "step": 0})
    now: dict[str, int] = field(default_factory=lambda: {"epoch": 0, "step": 0})

    def to(self, event: Mapping) -> int:
        """Goes on to an event; returns its epoch or step since the training began."""
        if event["stage"] != self.stage:
            self.before = {name: self.before[name] + self.now[name] for name in self.before}
            self.stage, self.now = event["stage"], dict.fromkeys(self.now, 0)
        if event["event"] == "epoch":
            self.now["epoch"] = event["epoch"]
            return self.before["epoch"] + event["epoch"]
        self.now["step"] = (event["epoch"] - 1) * event["steps_per_epoch"] + event["step"]
        return self.before["step"] + self.now["step"]


class EventFile:
    """The event file of a training.

    Args:
        folder: The training's folder.
        events: What was logged so far, by an earlier process.
    """

    def __init__(self, folder: Path, events: Iterable[Mapping] = ()):
        self._path, self._events = folder / EVENT_FILE, []
        self._begin()
        for event in events:
            self.note(event)

    def note(self, event: Mapping) -> None:
        """Writes the numbers of an event of the log: `epoch/loss` and the like, `step/loss` within an epoch."""
        if event["event"] == "resumed":
            self._go_back(event)
        elif event["event"] in ("epoch", "steps"):
            self._events.append(event)
            self._write(event)

    def close(self) -> None:
        """Closes the file; what was noted is on disk."""
        self._writer.close()

    def _begin(self) -> None:
        self._count = _Count()
        self._writer = tf.io.TFRecordWriter(str(self._path))
        self._writer.write(tf.compat.v1.Event(file_version=_VERSION).SerializeToString())
        self._writer.flush()

    def _go_back(self, resumed: Mapping) -> None:
        """Takes back what comes again, as the training goes on from a checkpoint that is older than its log."""
        place = resumed["epoch"], resumed["step"]
        kept = [
            event
            for event in self._events
            if event["stage"] != resumed["stage"] or (event["epoch"], event.get("step", float("inf"))) <= place
        ]
        if len(kept) < len(self._events):
            self.close()
            self._events = []
            self._begin()
            for event in kept:
                self.note(event)

    def _write(self, event: Mapping) -> None:
        group = "epoch" if event["event"] == "epoch" else "step"
        values = [
            tf.compat.v1.Summary.Value(tag=f"{group}/{name}", simple_value=value)
            for name, value in event.items()
            if name not in _PLACES and isinstance(value, int | float) and not isinstance(value, bool)
        ]
        summary = tf.compat.v1.Summary(value=values)
        message = tf.compat.v1.Event(wall_time=event["time"], step=self._count.to(event), summary=summary)
        self._writer.write(message.SerializeToString())
        self._writer.flush()


def keep_event_file(training: Path, run: Path) -> None:
    """Copies the event file of a training, if there is one, into the run that it became."""
    with contextlib.suppress(FileNotFoundError):
        write_atomically(run / EVENT_FILE, (training / EVENT_FILE).read_bytes())
