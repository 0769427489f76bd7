"""A training in progress: a hidden folder beside the runs that other processes can follow, stop and resume.

`saved_models/.NAME.running/` holds `recipe.toml`, `session.json` (data, code, versions), `events.jsonl` (one JSON line
per event) and `checkpoint.npz`. A file `stop` in it asks the training to end after its current step.
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
from kerasface.runs import RunError, check_name, write_atomically
from kerasface.streams import in_json
from kerasface.train.processes import process_start
from kerasface.train.recipe import ClassifyRecipe, Recipe, build_recipe, read_recipe, write_recipe

_PARTS_THAT_TRAIN = ("data", "faces", "models", "train", "images.py", "losses.py", "segmentation_losses.py")
_MAX_CHECKPOINT_SHARE = 0.05  # of the time goes into writing checkpoints at most
_PREPARATION = ("images", "features")  # stages without steps of their own
_LOG_SECONDS = 1.0  # between two lines of the event log


class Session:
    """The folder of one training in progress.

    Attributes:
        folder: The folder.
        name: Name of the run that it becomes.
        recipe: The resolved recipe.
        facts: What `session.json` holds: `data`, `fingerprint`, `code`.
    """

    def __init__(self, folder: Path, name: str, recipe: Recipe, facts: dict, on_event=None):
        self.folder = folder
        self.name = name
        self.recipe = recipe
        self.facts = facts
        self._on_event: Callable[[dict], None] = on_event or (lambda event: None)
        self._started = time.perf_counter()
        self._next_checkpoint = self._started + recipe.checkpoint_seconds

    @classmethod
    def start(cls, runs: str | Path, name: str, recipe: Recipe, data: str | Path, on_event=None) -> "Session":
        """Makes the folder of a new training.

        Raises:
            RunError: If a training of this name is in progress, or the folder cannot be made.
        """
        folder = session_folder(runs, name)
        if (folder / "checkpoint.npz").exists():
            raise RunError(
                f"A training named {name!r} was interrupted. Go on with --resume {name}, or delete {folder}."
            )
        facts = {"data": str(Path(data).resolve()), "code": code_fingerprint(), **_this_process()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for stale in ("events.jsonl", "stop"):
                (folder / stale).unlink(missing_ok=True)
            write_atomically(folder / "recipe.toml", write_recipe(recipe).encode())
        except OSError as error:
            raise RunError(f"The training's folder {folder} cannot be written: {error.strerror}.") from error
        session = cls(folder, name, recipe, facts, on_event)
        session.note(facts)
        return session

    @classmethod
    def resume(cls, runs: str | Path, name: str, on_event=None, kind: type = ClassifyRecipe) -> "Session":
        """Opens the folder of a training that was interrupted.

        Args:
            runs: Folder of the runs.
            name: Name of the training.
            on_event: Called with every event.
            kind: The dataclass of its recipe.

        Raises:
            RunError: If there is none, it is a training of another kind, or its files are damaged.
        """
        folder = session_folder(runs, name)
        if not (folder / "session.json").is_file():
            waiting = ", ".join(sessions_in_progress(runs)) or "none"
            raise RunError(f"There is no interrupted training {name!r} in {Path(runs)}. Interrupted: {waiting}.")
        try:
            facts = json.loads((folder / "session.json").read_text(encoding="utf-8"))
            recipe = build_recipe(read_recipe(folder / "recipe.toml", kind), kind)
        except (ValueError, OSError) as error:
            raise RunError(f"The interrupted training {folder} is damaged or of another kind: {error}") from error
        (folder / "stop").unlink(missing_ok=True)
        session = cls(folder, name, recipe, facts, on_event)
        session.note(_this_process())
        if facts.get("code") != code_fingerprint():
            session.event(
                "warning",
                text="Resumed with another version of the code: the result may differ from an "
                "uninterrupted training's.",
            )
        return session

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
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as log:
            log.write(in_json(json.dumps(event, ensure_ascii=False)) + "\n")
        self._on_event(event)

    def with_log(self, on_progress: Callable[[str, int, int], None] | None) -> Callable[[str, int, int], None]:
        """Returns a function of stage, done and total that hands them on, and logs what comes before the first step."""
        logged = dict.fromkeys(_PREPARATION, -_LOG_SECONDS)

        def report(stage: str, done: int, total: int) -> None:
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
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                progress = json.loads(stored["progress"].tobytes())
                for entry in stored.files:  # in the order in which they were written
                    if entry != "progress":
                        arrays.setdefault(entry.rpartition("/")[0], []).append(stored[entry])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise RunError(f"The checkpoint {path} is damaged: {error}") from error
        return arrays, progress

    def stop_is_asked(self) -> bool:
        """Tells whether another process asked the training to end."""
        return (self.folder / "stop").exists()

    @contextlib.contextmanager
    def removed_if_nothing_to_resume(self):
        """Removes the folder if what is done inside fails before there is a checkpoint to go on from."""
        try:
            yield
        except BaseException:
            if self.read_checkpoint() is None:
                self.remove()
            raise

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


def session_folder(runs: str | Path, name: str) -> Path:
    """Returns where a training of this name keeps its log and checkpoint while it is in progress.

    Raises:
        RunError: If the name is no plain folder name.
    """
    check_name(name)
    return Path(runs) / f".{name}.running"


def sessions_in_progress(runs: str | Path) -> list[str]:
    """Returns the names of the trainings under `runs` that are running or were interrupted."""
    found = (path.name for path in Path(runs).glob(".*.running") if (path / "session.json").is_file())
    return sorted(name.removeprefix(".").removesuffix(".running") for name in found)


def ask_to_stop(runs: str | Path, name: str) -> None:
    """Asks a training, in whatever process it runs, to end after its current step."""
    (session_folder(runs, name) / "stop").touch()


def read_events(path: str | Path, offset: int = 0) -> tuple[list[dict], int]:
    """Reads the events of a log from a byte offset on.

    Returns:
        The events, and the offset to go on from: a line that is being written is left for the next reading, one that
        a process did not finish before it was killed is passed over.
    """
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as log:
        log.seek(offset)
        whole, newline, _ = log.read().rpartition(b"\n")
        events = [event for line in whole.splitlines() if (event := _parsed(line)) is not None]
        return events, offset + len(whole) + len(newline)
    return [], offset


def code_fingerprint() -> str:
    """SHA-256 over the sources that a training's result depends on."""
    root = Path(kerasface.__file__).parent
    files = sorted(path for part in _PARTS_THAT_TRAIN for path in [root / part, *(root / part).rglob("*.py")])
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            digest.update(os.fsencode(path.relative_to(root).as_posix()) + path.read_bytes())
    return digest.hexdigest()


def _parsed(line: bytes) -> dict | None:
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        return event if isinstance(event, dict) else None
    return None


def _this_process() -> dict:
    """What another process needs to tell whether this one still runs."""
    return {"process": os.getpid(), "process_start": process_start(os.getpid())}


def _finite(values):
    if isinstance(values, Mapping):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    if isinstance(values, float | np.floating):
        return float(values) if math.isfinite(values) else None
    return int(values) if isinstance(values, np.integer) else values
