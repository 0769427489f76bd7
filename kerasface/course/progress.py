"""Which exercises were solved on this machine: a small file next to the user's other settings."""

from pathlib import Path

from kerasface.files.locks import take_lock
from kerasface.files.parsing import json_of
from kerasface.files.paths import read_text, user_folder
from kerasface.files.writing import write_json

_PATIENCE = 10  # seconds; whoever holds the lock writes a few bytes


def progress_path() -> Path:
    """Where it is kept: `course.json` in the folder of the user's settings."""
    return user_folder("XDG_CONFIG_HOME", ".config") / "kerasface" / "course.json"


def read_solved() -> set[int]:
    """Returns the numbers of the items whose exercise was solved.

    Raises:
        ValueError: If the file holds something else.
        OSError: If it cannot be read.
    """
    path = progress_path()
    if not path.exists():
        return set()
    try:
        solved = json_of(read_text(path))["solved"]
        if not all(isinstance(number, int) for number in solved):
            raise TypeError("not numbers")
        return set(solved)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no record of solved exercises. Delete it to begin anew.") from error


def mark_solved(number: int) -> set[int]:
    """Adds an item, and returns all that are solved now; of two windows that do so at once, neither loses its own.

    Raises:
        ValueError: As `read_solved`.
        OSError: If the file cannot be read or written.
    """
    path = progress_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = take_lock(path.with_name(f".{path.name}.lock"), patience=_PATIENCE)
    if lock is None:
        raise TimeoutError(f"{path} has been held by another process for {_PATIENCE} s. Try again.")
    with lock:
        solved = read_solved() | {number}
        write_json(path, {"solved": sorted(solved)})
    return solved


def forget_solved() -> None:
    """Begins anew, also where the file is damaged.

    Raises:
        OSError: If it cannot be removed.
    """
    progress_path().unlink(missing_ok=True)
