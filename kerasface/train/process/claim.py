"""One name, one training, one process: whoever starts, resumes or deletes a training holds its name meanwhile.

The lock lies beside the training's folder and not in it, as the folder is what is made and deleted under it.
"""

import os
import time
from pathlib import Path

from kerasface.files.locks import Lock, lock_note, take_lock
from kerasface.runs.store import RunError
from kerasface.train.process.folders import session_folder

_PATIENCE = 1.0  # seconds, for somebody who only looks, or is just starting or deleting it
_PAUSE = 0.01


def claim_name(runs: str | Path, name: str, *, to_train: bool = False) -> Lock:
    """Takes a name for this process, until the lock that it returns is released or the process ends.

    Args:
        runs: Folder of the runs; made if missing.
        name: Name of the training.
        to_train: Whether this process trains it; otherwise it starts, resumes or deletes it for another.

    Raises:
        RunError: If another process has it, or the folder cannot be written.
    """
    lock_file, deadline = _lock_file(runs, name), time.monotonic() + _PATIENCE
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        while (lock := take_lock(lock_file, str(os.getpid()) if to_train else "")) is None:
            process = training_process(runs, name)
            if process is not None or time.monotonic() >= deadline:
                raise RunError(in_use(runs, name, process))
            time.sleep(_PAUSE)
    except OSError as error:
        raise RunError(f"The folder {lock_file.parent} cannot be written: {error.strerror}.") from error
    return lock


def training_process(runs: str | Path, name: str) -> int | None:
    """Returns the number of the process that trains under a name at this moment, or `None`."""
    note = lock_note(_lock_file(runs, name))
    return int(note) if note and note.isdecimal() else None


def in_use(runs: str | Path, name: str, process: int | None) -> str:
    """Returns the sentence for somebody who wants a name that a living process has."""
    if process is None:
        return f"Another process is just starting or deleting the training {name!r}. Try again in a moment."
    log = session_folder(runs, name) / "events.jsonl"
    return (
        f"A training named {name!r} runs already, as process {process}. Follow it on the page Train or in {log}, "
        f"stop it there or with `kill {process}`, or choose another name."
    )


def _lock_file(runs: str | Path, name: str) -> Path:
    return session_folder(runs, name).with_name(f".{name}.lock")
