"""A folder that is replaced by another one as a whole, so that a kill at any moment leaves the old one or the new one.

The new one is written beside as `.<name>.writing-xxxxxxxx`, synced to disk and renamed into place; the old one stays as
`.<name>.previous`. Between the two renames there is none: what a writer killed there left is set right by whoever looks
next, and the lock `.<name>.writing` tells a killed writer from a living one.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasface.files.locks import Lock, take_lock
from kerasface.files.writing import sync_path

_LEFT = re.compile(r"\.(.+)\.(?:writing(?:-[a-z0-9_]{8})?|previous)")
_REPLACED = ".replaced"  # in the old folder, once the new one was in its place: if that is missing, it was deleted
_READERS_PATIENCE = 10.0  # seconds, for a writer between its two renames, which takes a hundredth of one
_WRITERS_PATIENCE = 120.0  # seconds, for another writer of the same folder


@contextmanager
def replaced_whole(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to be filled, which takes the place of `folder` when the block ends without an error.

    Raises:
        OSError: If the disk refuses, or another process writes the same folder for minutes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _writers_lock(folder):
        _tidy(folder)
        beside = Path(tempfile.mkdtemp(prefix=_start_of(folder), dir=folder.parent))
        try:
            beside.chmod(0o755)
            yield beside
            sync_folder(beside)
            swap_in(beside, folder)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise


def names_left(root: Path) -> set[str]:
    """Returns the names of folders of which something stands beside: a previous one, or what was not finished."""
    return {found[1] for path in root.iterdir() if (found := _LEFT.fullmatch(path.name))}


def settle(folder: Path) -> str | None:
    """Sets right what a killed writer of a folder left; what a living one is at is its own.

    Returns:
        Why the folder is not where it belongs, in a sentence, or `None`.
    """
    if not folder.parent.is_dir():
        return None
    if not (_is_between_renames(folder) or _lock_of(folder).exists() or _unfinished(folder)):
        return None
    try:
        lock = take_lock(_lock_of(folder), patience=_READERS_PATIENCE if _is_between_renames(folder) else 0.0)
        if lock is not None:
            with lock:
                _tidy(folder)
    except OSError as error:
        if _is_between_renames(folder):
            return (
                f"{folder} was being replaced when its writer was killed, and what it was before cannot be renamed "
                f"from {_previous(folder).name}: {error.strerror}."
            )
    return None


def swap_in(beside: Path, folder: Path) -> None:
    """Renames a folder into the place of another, which is kept."""
    if folder.exists():
        previous = _previous(folder)
        shutil.rmtree(previous, ignore_errors=True)
        (folder / _REPLACED).unlink(missing_ok=True)  # it was replaced once, and brought back by hand
        folder.rename(previous)
        try:
            beside.rename(folder)
        except BaseException:
            previous.rename(folder)
            raise
        (previous / _REPLACED).touch()
    else:
        beside.rename(folder)
    sync_path(folder.parent)


def put_away(folder: Path) -> Path:
    """Takes a folder away as a whole: it is kept as what it was before, in place of what was kept so far.

    Returns:
        The folder that keeps it.

    Raises:
        OSError: If the disk refuses, or another process writes the folder for minutes.
    """
    with _writers_lock(folder):
        _tidy(folder)
        previous = _previous(folder)
        shutil.rmtree(previous, ignore_errors=True)
        (folder / _REPLACED).touch()  # first, or it would be brought back
        folder.rename(previous)
        sync_path(folder.parent)
    return previous


def kept_of(folder: Path) -> Path | None:
    """Returns the folder that keeps what a folder was before; `None` where nothing is kept."""
    previous = _previous(folder)
    return previous if previous.is_dir() else None


def put_back(folder: Path) -> bool:
    """Brings back what a folder was before; returns whether there is something, and nothing in its place.

    Raises:
        OSError: If the disk refuses, or another process writes the folder for minutes.
    """
    with _writers_lock(folder):
        _tidy(folder)
        previous = kept_of(folder)
        if previous is None or folder.exists():
            return False
        (previous / _REPLACED).unlink(missing_ok=True)
        previous.rename(folder)
        sync_path(folder.parent)
    return True


def forget_previous(folder: Path) -> None:
    """Deletes what a folder was before, if that is kept.

    Raises:
        OSError: If the disk refuses, or another process writes the folder for minutes.
    """
    with _writers_lock(folder):
        _tidy(folder)
        if (previous := kept_of(folder)) is not None:
            shutil.rmtree(previous)


def sync_folder(folder: Path) -> None:
    """Waits until a folder and its files are on disk."""
    for path in (*folder.iterdir(), folder):
        sync_path(path)


def _writers_lock(folder: Path) -> Lock:
    lock = take_lock(_lock_of(folder), patience=_WRITERS_PATIENCE)
    if lock is None:
        raise OSError(f"another process has been writing {folder} for {_WRITERS_PATIENCE:.0f} seconds")
    return lock


def _tidy(folder: Path) -> None:
    """Brings back a folder that was being replaced, and deletes what was not finished. Needs the writer's lock."""
    if _is_between_renames(folder):
        _previous(folder).rename(folder)
        sync_path(folder.parent)
    for path in _unfinished(folder):
        shutil.rmtree(path, ignore_errors=True)


def _is_between_renames(folder: Path) -> bool:
    previous = _previous(folder)
    return previous.is_dir() and not (previous / _REPLACED).exists() and not folder.exists()


def _unfinished(folder: Path) -> list[Path]:
    pattern = re.compile(re.escape(_start_of(folder)) + "[a-z0-9_]{8}")  # as `tempfile` ends its names
    return [path for path in folder.parent.iterdir() if pattern.fullmatch(path.name)]


def _previous(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.previous")


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.writing")


def _start_of(folder: Path) -> str:
    return f"{_lock_of(folder).name}-"
