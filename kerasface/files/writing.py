"""Files that are there whole or not at all, on disk when they are said to be, and known by their SHA-256."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from kerasface.files.paths import writing
from kerasface.terminal.streams import in_json


def write_atomically(
    path: Path, content: bytes | Callable[[BinaryIO], object], *, private: bool = False, replace: bool = True
) -> None:
    """Writes a file beside `path`, syncs it and renames it into place, so that it is there whole or not at all.

    Args:
        path: The file; its folder is made if missing.
        content: Its bytes, or a function that writes them to a binary file.
        private: Whether nobody but its owner may read it.
        replace: Whether it takes the place of a file that is there by then. If not, that one stays as it is.

    Raises:
        WriteError: If the disk refuses; nothing is left of the new file then.
    """
    # Not by `tempfile`, whose files nobody but their owner may read.
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    mode = 0o600 if private else 0o666
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(beside, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                if callable(content):
                    content(file)
                else:
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if replace:
                os.replace(beside, path)
            else:
                with suppress(FileExistsError):
                    os.link(beside, path)  # which, unlike a rename, never replaces anything
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_json(path: Path, content: object) -> None:
    """Writes JSON in UTF-8 as `write_atomically`; bytes of a file's name that are no text as `printable` has them.

    Raises:
        ValueError: If it holds NaN or infinity.
        WriteError: If the disk refuses.
    """
    text = in_json(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
    write_atomically(path, (text + "\n").encode())


def sync_path(path: Path) -> None:
    """Waits until the file or folder `path` is on disk, so that a rename afterwards never shows half of it.

    Does nothing on Windows, which cannot sync a folder or a file opened for reading: there the rename alone orders the
    writes.
    """
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in lower-case hexadecimal.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
