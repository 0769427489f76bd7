"""Paths as users give them, and files as the disk takes them."""

import codecs
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What no file on Windows is called by, and what its names hold nowhere: then a name is one on every system.
RESERVED_NAMES = {"con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in range(1, 10))}
FORBIDDEN_IN_NAMES = set('<>:"/|?*\\')


class WriteError(OSError):
    """A file that the disk does not take; the message is a sentence that names it."""

    def __str__(self) -> str:
        return f"{self.filename} cannot be written: {self.strerror}. Free space on its disk, or write elsewhere."


def user_path(path: str | os.PathLike) -> Path:
    """Returns a path in which a leading `~` is the user's home, and `~name` that of another user.

    A shell does so for a bare word only: not inside quotes, not after the `=` of an option, not in a recipe, in a field
    of a page or in an environment variable that something else than a shell has set. Whatever takes a path from a user
    passes it through here, once.
    """
    return Path(os.path.expanduser(path))


def shown_path(path: Path) -> Path:
    """Returns a path as one would type it: from the working folder, where it is inside."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def user_folder(variable: str, default: str) -> Path:
    """Returns the folder that an environment variable names; where it is not set, `default` in the user's home."""
    return user_path(os.environ.get(variable) or os.path.join("~", default))


def default_cache_folder() -> Path:
    """Returns where caches live: `KERASFACE_CACHE`, else `kerasface` in the user's cache folder."""
    if chosen := os.environ.get("KERASFACE_CACHE"):
        return user_path(chosen)
    return user_folder("XDG_CACHE_HOME", ".cache") / "kerasface"


def shipped(name: str | os.PathLike) -> Path:
    """Returns where something that comes with KerasFace lies: `app.py`, `configs`, `saved_models`.

    In a checkout that is next to the package; in a wheel, inside it (setup.py).
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped"
    return (inside if inside.is_dir() else package.parent) / name


def read_text(path: str | os.PathLike) -> str:
    """Reads a text file of a user: UTF-8, or UTF-16 as spreadsheets and Notepad write it, with or without a mark.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is neither.
    """
    content = Path(path).read_bytes()
    encoding = "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif 3 * content[:64].count(0) >= len(content[:64]) > 0:  # of UTF-16, one byte of nearly every letter is 0
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Not {encoding.removesuffix('-sig').upper()} text (byte {error.start}). Save it as UTF-8"
        ) from error


@contextmanager
def writing(path: str | os.PathLike) -> Iterator[None]:
    """Names the file that is written in the errors of the disk, which knows only that it is full.

    Raises:
        WriteError: If the disk refuses.
    """
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(error.errno, error.strerror or str(error), os.fspath(path)) from error


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """Gives a folder that is renamed into the place of a missing or empty one: it is there whole or not at all.

    Raises:
        WriteError: If the disk refuses; nothing is left of the new folder then.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield beside
        with writing(folder):
            beside.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            beside.rename(folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
