"""A training in progress: a hidden folder beside the runs that other processes can follow, stop and resume.

`saved_models/.NAME.running/` holds `recipe.toml`, `session.json` (data, code, versions), `events.jsonl` (one JSON line
per event) and `checkpoint.npz`. A file `stop` in it asks the training to end (`stopping.py`).
"""

import contextlib
import hashlib
import json
import math
import os
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

import kerasface
from kerasface.files.locks import Lock
from kerasface.files.parsing import json_of
from kerasface.files.paths import writing
from kerasface.files.reading import open_regular
from kerasface.files.writing import write_atomically
from kerasface.runs.store import RunError
from kerasface.terminal.streams import in_json
from kerasface.train.engine.stopping import (
    TrainingStoppedError,
    ask_to_stop,
    is_asked_to_stop,
    this_process,
)
from kerasface.train.kinds import KINDS
from kerasface.train.process.claim import claim_name, training_process
from kerasface.train.process.folders import (
    has_learned,
    kind_of,
    read_facts,
    resume_command,
    session_folder,
    sessions_in_progress,
)
from kerasface.train.recipe import Recipe, build_recipe, read_recipe, write_recipe

# Of an earlier training that came to nothing, or of an earlier process of it.
_STALE = ("events.jsonl", "checkpoint.npz", "filters.npz", "confusion.json", "events.out.tfevents.kerasface")
_PARTS_THAT_TRAIN = ("data", "faces", "images", "losses", "models", "train")
_MAX_CHECKPOINT_SHARE = 0.05  # of the time goes into writing checkpoints at most
_PREPARATION = ("images", "features")  # stages without steps of their own
_LOG_SECONDS = 1.0  # between two lines of the event log


class Session:
    """The folder of one training in progress, and its name, which nobody else has meanwhile.

    As a context it gives the name up at the end; one that began there and failed before there was a checkpoint to go on
    from is removed.

    Attributes:
        folder: The folder.
        name: Name of the run that it becomes.
        recipe: The resolved recipe.
        facts: What `session.json` holds: `kind`, `data`, `fingerprint`, `code`, `process`, `process_start`;
            `stopped` where it ended as it was asked to.
    """

    def __init__(self, folder: Path, name: str, recipe: Recipe, facts: dict, lock: Lock, on_event=None):
        self.folder = folder
        self.name = name
        self.recipe = recipe
        self.facts = facts
        self._lock = lock
        self._on_event: Callable[[dict], None] = on_event or (lambda event: None)
        self._is_new = False
        self._tensorboard = None
        self._started = time.perf_counter()
        self._next_checkpoint = self._started + recipe.checkpoint_seconds

    @classmethod
    def start(cls, runs: str | Path, name: str, recipe: Recipe, data: str | Path, on_event=None) -> "Session":
        """Makes the folder of a new training.

        Raises:
            RunError: If a training of this name runs, or was left off with something learned, or the folder cannot be
                made.
        """
        folder = session_folder(runs, name)
        kind = next(name for name, kind in KINDS.items() if isinstance(recipe, kind.recipe))
        lock = claim_name(runs, name, to_train=True)
        try:
            if has_learned(folder):
                command = resume_command(runs, name, _kind_or(folder, kind))
                raise RunError(
                    f"A training named {name!r} was stopped or killed before its end. Go on with `{command}`, or "
                    f"delete {folder}."
                )
            facts = {"kind": kind, "data": str(Path(data).resolve()), "code": code_fingerprint(), **this_process()}
            for stale in _STALE:
                (folder / stale).unlink(missing_ok=True)
            _forget_other_requests(folder)
            write_atomically(folder / "recipe.toml", write_recipe(recipe).encode())
            session = cls(folder, name, recipe, facts, lock, on_event)
            session.note(facts)
        except OSError as error:
            lock.release()
            raise RunError(f"The training's folder {folder} cannot be written: {error.strerror}.") from error
        except BaseException:
            lock.release()
            raise
        session._is_new = True
        return session

    @classmethod
    def resume(cls, runs: str | Path, name: str, on_event=None, kind: str | None = None) -> "Session":
        """Opens the folder of a training that was stopped or killed.

        Args:
            runs: Folder of the runs.
            name: Name of the training.
            on_event: Called with every event.
            kind: Refuses a training of another kind, if given.

        Raises:
            RunError: If there is none, it runs, it is a training of another kind, or its files are damaged.
        """
        folder = session_folder(runs, name)
        if not Path(runs).is_dir():
            raise RunError(_nothing_to_resume(runs, name))
        lock = claim_name(runs, name, to_train=True)
        try:
            if not (folder / "session.json").is_file():
                raise RunError(_nothing_to_resume(runs, name))
            facts = read_facts(folder)
            if kind not in (None, is_kind := kind_of(folder)):
                command = resume_command(runs, name, is_kind)
                raise RunError(f"The training {name!r} is one of `kerasface train {is_kind}`. Go on with `{command}`.")
            recipe = _read_recipe(folder, KINDS[is_kind].recipe)
            _forget_other_requests(folder)
            session = cls(folder, name, recipe, facts, lock, on_event)
            session.note({"kind": is_kind, "stopped": False, **this_process()})
        except BaseException:
            lock.release()
            raise
        if facts.get("code") != code_fingerprint():
            session.event(
                "warning",
                text="Resumed with another version of the code: the result may differ from an "
                "uninterrupted training's.",
            )
        return session

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind, error, traceback) -> None:
        failed = error is not None and not isinstance(error, TrainingStoppedError)
        try:
            if self._is_new and failed and self.read_checkpoint() is None:
                self.remove()
        finally:
            self.close()

    def close(self) -> None:
        """Gives the name up: another process, or another call in this one, may go on with the training then."""
        if self.stop_is_asked():
            self.note({"stopped": True})
            (self.folder / "stop").unlink(missing_ok=True)
        if self._tensorboard is not None:
            self._tensorboard.close()
        self._lock.release()

    def note(self, facts: Mapping[str, object]) -> None:
        """Adds facts to `session.json`."""
        self.facts = {**self.facts, **facts}
        write_atomically(self.folder / "session.json", json.dumps(self.facts, indent=1).encode())

    def check_data(self, fingerprint: str) -> None:
        """Notes the fingerprint of the data, or refuses data that changed since the training began.

        Raises:
            RunError: If they changed.
        """
        if self.facts.setdefault("fingerprint", fingerprint) != fingerprint:
            raise RunError(
                f"The images in {self.facts['data']} are not those that {self.name!r} was trained on so far. "
                f"Restore them, or delete {self.folder} and train anew."
            )
        self.note({})

    def event(self, kind: str, **values) -> None:
        """Appends an event to the log and hands it on; numbers that are not finite become null."""
        event = {"event": kind, "time": round(time.time(), 3), **_finite(values)}
        path = self.folder / "events.jsonl"
        with writing(path), path.open("a", encoding="utf-8") as log:
            log.write(in_json(json.dumps(event, ensure_ascii=False)) + "\n")
        if self.recipe.tensorboard:
            self._event_file().note(event)
        self._on_event(event)

    def _event_file(self):
        if self._tensorboard is None:
            from kerasface.train.engine.tensorboard import EventFile  # TensorFlow, seconds to import

            earlier, _ = read_events(self.folder / "events.jsonl")
            self._tensorboard = EventFile(self.folder, earlier[:-1])  # the last one is noted next
        return self._tensorboard

    def with_log(self, on_progress: Callable[[str, int, int], None] | None) -> Callable[[str, int, int], None]:
        """Returns a function of stage, done and total that hands them on, and logs what comes before the first step.

        It raises `TrainingStoppedError` there, when the training is asked to stop.
        """
        logged = dict.fromkeys(_PREPARATION, -_LOG_SECONDS)

        def report(stage: str, done: int, total: int) -> None:
            if stage in logged:
                self.stop_early_if_asked()
            now = time.perf_counter()
            if stage in logged and (now - logged[stage] >= _LOG_SECONDS or done == total):
                logged[stage] = now
                self.event("progress", stage=stage, done=done, total=total)
            if on_progress is not None:
                on_progress(stage, done, total)

        return report

    def checkpoint_is_due(self) -> bool:
        """Tells whether it is time for another checkpoint."""
        return time.perf_counter() >= self._next_checkpoint

    def write_checkpoint(self, arrays: Mapping[str, Sequence[np.ndarray]], progress: dict) -> None:
        """Replaces the checkpoint, written beside, synced and renamed, so that one is always whole.

        Args:
            arrays: Lists of arrays by name.
            progress: JSON-ready values.
        """
        started = time.perf_counter()
        flat = {f"{name}/{index}": array for name, part in arrays.items() for index, array in enumerate(part)}
        flat["progress"] = np.frombuffer(json.dumps(progress).encode(), dtype=np.uint8)
        write_atomically(self.folder / "checkpoint.npz", lambda file: np.savez(file, **flat))
        finished = time.perf_counter()
        pause = max(self.recipe.checkpoint_seconds, (finished - started) / _MAX_CHECKPOINT_SHARE)
        self._next_checkpoint = finished + pause

    def read_checkpoint(self) -> tuple[dict[str, list[np.ndarray]], dict] | None:
        """Returns the arrays and the progress of the checkpoint; `None` where there is none yet.

        Raises:
            RunError: If it is damaged.
        """
        path = self.folder / "checkpoint.npz"
        if not path.is_file():
            return None
        arrays: dict[str, list[np.ndarray]] = {}
        try:
            with open_regular(path) as file, np.load(file, allow_pickle=False) as stored:
                progress = json_of(stored["progress"].tobytes())
                for entry in stored.files:  # in the order in which they were written
                    if entry != "progress":
                        arrays.setdefault(entry.rpartition("/")[0], []).append(stored[entry])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RunError(f"The checkpoint {path} is damaged: {error}") from error
        return arrays, progress

    def stop_is_asked(self) -> bool:
        """Tells whether this process was asked to end the training."""
        return is_asked_to_stop(self.folder, self.facts)

    def stop_early_if_asked(self) -> None:
        """Ends a training that has taken no step in this process, if that is asked.

        Raises:
            TrainingStoppedError: Then.
        """
        if not self.stop_is_asked():
            return
        command = resume_command(self.folder.parent, self.name, self.facts["kind"])
        if has_learned(self.folder):
            raise TrainingStoppedError(f"The training {self.name!r} was stopped before it went on. Resume: {command}")
        raise TrainingStoppedError(
            f"The training {self.name!r} was stopped before its first step: no model was written. Begin anew: {command}"
        )

    def note_stop(self) -> None:
        """Leaves word for whoever looks later that the training was stopped, and not killed."""
        if not self.stop_is_asked():
            ask_to_stop(self.folder.parent, self.name, self.facts)

    def seconds(self) -> float:
        """Seconds since this process began or resumed the training."""
        return time.perf_counter() - self._started

    def remove(self) -> None:
        """Deletes the folder; what is worth keeping went into the run."""
        for path in self.folder.iterdir():
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            self.folder.rmdir()


def read_events(path: str | Path, offset: int = 0) -> tuple[list[dict], int]:
    """Reads the events of a log from a byte offset on.

    Returns:
        The events, and the offset to go on from: a line that is being written is left for the next reading, one that
        a process did not finish before it was killed is passed over.
    """
    with contextlib.suppress(FileNotFoundError), open_regular(path) as log:
        log.seek(offset)
        whole, newline, _ = log.read().rpartition(b"\n")
        events = [event for line in whole.splitlines() if (event := _parsed(line)) is not None]
        return events, offset + len(whole) + len(newline)
    return [], offset


def code_fingerprint() -> str:
    """SHA-256 over the sources that a training's result depends on."""
    root = Path(kerasface.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for part in _PARTS_THAT_TRAIN for path in (root / part).rglob("*.py")):
        digest.update(os.fsencode(path.relative_to(root).as_posix()) + path.read_bytes())
    return digest.hexdigest()


def _parsed(line: bytes) -> dict | None:
    with contextlib.suppress(ValueError):
        event = json_of(line)
        return event if isinstance(event, dict) else None
    return None


def _kind_or(folder: Path, other: str) -> str:
    try:
        return kind_of(folder)
    except RunError:
        return other  # only its checkpoint is left


def _read_recipe(folder: Path, kind: type[Recipe]) -> Recipe:
    try:
        return build_recipe(read_recipe(folder / "recipe.toml", kind), kind)
    except ValueError as error:
        raise RunError(f"The training {folder} is damaged: {error}") from error


def _nothing_to_resume(runs: str | Path, name: str) -> str:
    waiting = [other for other in sessions_in_progress(runs) if training_process(runs, other) is None]
    return f"There is no training {name!r} to go on with in {Path(runs)}. Left off: {', '.join(waiting) or 'none'}."


def _forget_other_requests(folder: Path) -> None:
    """Deletes a request to stop that is not for this process; one for it may have come before it got here."""
    me = this_process()
    if is_asked_to_stop(folder, me) and not is_asked_to_stop(folder, None):
        return
    (folder / "stop").unlink(missing_ok=True)


def _finite(values):
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    if isinstance(values, float | np.floating):
        return float(values) if math.isfinite(values) else None
    return int(values) if isinstance(values, np.integer) else values
