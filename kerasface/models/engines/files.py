"""The engine's files: one per network and precision, in the user's cache, believed only where everything about it fits.

A file is a line of JSON that says what it was made of and by which versions, and the compiled network behind it. Such
a network is code that runs: so it is read only where nobody but the user could have written it.
"""

import hashlib
import json
import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.paths import default_cache_folder
from kerasface.files.writing import write_atomically
from kerasface.models.engines.source import NetworkSource

_MAX_HEAD = 2**20  # bytes


class UnusableFileError(RuntimeError):
    """A file of the engine that is not what it should be; the message says in which way."""


@dataclass(frozen=True, eq=False)
class EngineFile:
    """What a file of the engine holds.

    Attributes:
        identity: What it was made of and by which versions; equal where it gives the same answers.
        input_shape: Rows, columns and channels of the input; `None` for any.
        output_shapes: The same of each output, without the number of images.
        compiled: The compiled network.
    """

    identity: dict
    input_shape: tuple[int | None, ...]
    output_shapes: tuple[tuple[int | None, ...], ...]
    compiled: bytes | memoryview


def engine_folder() -> Path:
    """Returns the folder of the engine's files; it may be missing."""
    return default_cache_folder() / "engines"


def make_engine_folder() -> Path:
    """Returns the folder of the engine's files, made if missing, which nobody but the user can look into.

    Raises:
        OSError: If it cannot be made, or belongs to somebody else.
    """
    folder = engine_folder()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if (problem := _foreign(folder.stat(), 0o077)) is not None:
        with suppress(OSError):
            folder.chmod(0o700)
        if (problem := _foreign(folder.stat(), 0o077)) is not None:
            raise PermissionError(1, f"the folder {problem}", str(folder))
    return folder


def engine_path(source: NetworkSource, precision: str) -> Path:
    """Returns where the file of a network lies, if it is there."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", source.name)[:60]
    variant = hashlib.sha256(json.dumps([source.builder, source.content, dict(source.arguments)]).encode())
    return engine_folder() / f"{name}-{precision}-{variant.hexdigest()[:12]}.engine"


def read_engine_file(path: Path, identity: dict) -> EngineFile | None:
    """Reads a file of the engine.

    Args:
        path: The file.
        identity: What it must have been made of.

    Returns:
        What it holds; `None` if there is no file.

    Raises:
        UnusableFileError: If it cannot be read, is cut, altered, of somebody else, or was made of something else.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UnusableFileError(f"cannot be read ({error.strerror})") from error
    with open(descriptor, "rb") as file:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise UnusableFileError("is no file")
        problem = _foreign(state, 0o022) or _foreign(path.parent.stat(), 0o022)
        if problem is not None:
            raise UnusableFileError(problem)
        return _parsed(file.readline(_MAX_HEAD), file, identity)


def write_engine_file(path: Path, content: EngineFile) -> None:
    """Writes a file of the engine, so that it is there whole or not at all, and the user's alone.

    Raises:
        OSError: If the disk refuses.
    """
    head = {
        "identity": content.identity,
        "input_shape": content.input_shape,
        "output_shapes": content.output_shapes,
        "sha256": hashlib.sha256(content.compiled).hexdigest(),
    }

    def write(file):
        file.write(json.dumps(head, sort_keys=True).encode() + b"\n")
        file.write(content.compiled)

    write_atomically(path, write, private=True)


def _parsed(head: bytes, file, identity: dict) -> EngineFile:
    try:
        head = json_of(head)
        found, digest = head["identity"], head["sha256"]
        input_shape, output_shapes = tuple(head["input_shape"]), tuple(map(tuple, head["output_shapes"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnusableFileError("is cut or altered") from error
    if found != identity:
        differing = sorted(key for key in identity.keys() | found.keys() if found.get(key) != identity.get(key))
        raise UnusableFileError(f"was made with another {', '.join(differing)}")
    compiled = file.read()
    if hashlib.sha256(compiled).hexdigest() != digest:
        raise UnusableFileError("is cut or altered")
    return EngineFile(identity, input_shape, output_shapes, compiled)


def _foreign(state: os.stat_result, forbidden: int) -> str | None:
    """Why a file or folder may hold what somebody else has written; `None` where it cannot."""
    if not hasattr(os, "geteuid"):  # Windows, where the user's folders are the user's
        return None
    if state.st_uid != os.geteuid():
        return "belongs to another user"
    return "can be written or read by others" if state.st_mode & forbidden else None
