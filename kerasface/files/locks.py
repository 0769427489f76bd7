"""Locks on files: held by a living process, and gone with it, however it ends.

A lock file that is deleted while somebody waits for it would be two files of one name, each locked by another process.
So it is deleted by its holder alone, and who comes to hold a file makes sure that it still stands where it stood.
"""

import contextlib
import os
import time
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
    import msvcrt

_PAUSE = 0.01  # seconds between two tries
_MAX_NOTE = 1024  # bytes
_FAR = 2**30  # the byte that Windows locks: behind the note, which others may read then


class Lock:
    """A lock that is held; `take_lock` makes it.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, descriptor: int):
        self.path = path
        self._descriptor = descriptor

    def release(self) -> None:
        """Deletes the file and gives the lock up; once given up, again is nothing more."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        if fcntl is not None:
            self.path.unlink(missing_ok=True)
        os.close(descriptor)
        if fcntl is None:  # there an open file cannot be deleted, also not that of who came next
            with contextlib.suppress(OSError):
                self.path.unlink()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(self, *error) -> None:
        self.release()


def take_lock(path: str | os.PathLike, note: str = "", *, patience: float = 0.0) -> Lock | None:
    """Takes the lock on a file.

    Args:
        path: The file; made if missing, in a folder that is there.
        note: A short text for `lock_note`, such as who holds it.
        patience: Seconds to wait for whoever holds it.

    Returns:
        The lock, or `None` if another process, or another place in this one, holds it.

    Raises:
        OSError: If the file cannot be made, or its disk knows no locks.
    """
    path, deadline = Path(path), time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if try_lock(descriptor) and stands(descriptor, path):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, note.encode()[:_MAX_NOTE])
                return Lock(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= deadline:
            return None
        time.sleep(_PAUSE)


def lock_note(path: str | os.PathLike) -> str | None:
    """Returns the note of whoever holds the lock on a file, or `None` if nobody does."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        if try_lock(descriptor, shared=True):
            return None
        return os.read(descriptor, _MAX_NOTE).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def try_lock(descriptor: int, shared: bool = False) -> bool:
    """Locks an open file unless somebody else holds it; closing it unlocks it. `shared` is for those who only look."""
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    finally:
        if fcntl is None:
            os.lseek(descriptor, 0, os.SEEK_SET)
    return True


def stands(descriptor: int, path: Path) -> bool:
    """Whether the open file is the one at `path`: its last holder may have deleted it meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
