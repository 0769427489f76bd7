"""The lock of a gallery's file: who writes holds it, whether a thread or a process."""

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kerasface.files.locks import stands, try_lock
from kerasface.gallery.store import GalleryBusyError, GalleryFileError


@contextmanager
def locked(path: Path, timeout: float, leaves: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Holds the lock of the gallery at `path`; no other process or thread holds it meanwhile.

    Args:
        path: The gallery's file.
        timeout: Seconds to wait for others.
        leaves: Whether the file of the lock stays in the end: not where there is no gallery.

    Raises:
        GalleryBusyError: If another one holds it for longer than `timeout` seconds.
        GalleryFileError: If the file of the lock cannot be opened.
    """
    file, deadline = path.with_name(f"{path.name}-lock"), time.monotonic() + timeout
    while (descriptor := _locked_file(file, path)) is None:
        if time.monotonic() >= deadline:
            raise GalleryBusyError(
                f"Another process has been writing to the gallery {path} for more than {timeout:g} s. Try again."
            )
        # At random, so that two who wait do not stay in step with one who comes and goes.
        time.sleep(random.uniform(0.0005, 0.005))
    try:
        yield
    finally:
        if not leaves():
            with suppress(OSError):  # Windows keeps what is open
                file.unlink()
        os.close(descriptor)


def _locked_file(file: Path, path: Path) -> int | None:
    """Opens and locks the file of a lock; `None` where another process has it, or has just removed it."""
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise GalleryFileError(
            f"The gallery {path} cannot be written: {error.strerror}: {error.filename}. Its folder must be writable."
        ) from error
    try:
        if try_lock(descriptor) and stands(descriptor, file):
            return descriptor
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
