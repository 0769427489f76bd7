"""What was made in a folder, written down before it is there, so that all of it can be taken back, also after a kill.

Nothing that was there is ever lost: what takes the place of something keeps it beside.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from kerasface.files.parsing import json_of
from kerasface.files.paths import WriteError
from kerasface.files.writing import sha256

NO_LINKS = (  # another disk, or one that knows no second names: exFAT, some network shares
    errno.EXDEV,
    errno.EPERM,
    errno.EMLINK,
    errno.ENOTSUP,
    errno.ENOSYS,
)
_FORMAT = 1
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_CHANGED = "it was changed since, or something else is in its place"
_LEADS_OUT = "a link leads from there out of the folder"
# What can be made, and what is written down of it beside its place, to take it back.
_KINDS = {
    "folder": (),
    "copy": ("sha256",),
    "link": ("photo", "sha256"),
    "sidecar": ("sha256",),
    "changed": ("original", "was", "sha256"),
}


class ManifestError(ValueError):
    """A file that says what was made is none, or names what it may not."""


@dataclass(frozen=True)
class Placed:
    """What was made of a plan.

    Attributes:
        made: Files that are new, or changed, below the folder.
        present: Those that were there already, with the same content.
        failed: `(file, reason)` of those that could not be made.
        manifest: The file by which all of it is taken back; `None` where nothing was made.
    """

    made: tuple[Path, ...]
    present: tuple[Path, ...]
    failed: tuple[tuple[Path, str], ...]
    manifest: Path | None


@dataclass(frozen=True)
class Undone:
    """What was taken back.

    Attributes:
        removed: Files that are gone again, or as they were before.
        kept: `(file, reason)` of those that stay.
    """

    removed: tuple[Path, ...]
    kept: tuple[tuple[Path, str], ...]


def undo(manifest: Path) -> Undone:
    """Takes back what was made: files that are as they were made, and folders that are empty then.

    Raises:
        ManifestError: If the file is no manifest.
    """
    (head, *entries), folder = _read_manifest(manifest), manifest.parent
    removed, kept = [], []
    for entry in reversed(entries):
        try:
            _take_back(folder, entry, removed, kept)
        except OSError as error:
            kept.append((folder / entry["place"], error.strerror or str(error)))
    if not kept:
        manifest.unlink()
        if head["is_new"]:
            _remove_if_empty(folder)
    return Undone(tuple(removed), tuple(kept))


def make_all(
    folder: Path, how: str, wanted: "Sequence[tuple[Path, Callable[[Manifest], object]]]", present: Sequence[Path] = ()
) -> Placed:
    """Makes files one after the other; one that cannot be made does not keep others from it.

    Args:
        folder: Made if missing, where anything is to be made.
        how: What is made, in a word.
        wanted: Each file, and what makes it.
        present: Files that are there already.

    Raises:
        WriteError: If the folder cannot be written, or the disk is full; what was made until then is in the manifest,
            which the message names.
    """
    if not wanted:
        return Placed((), tuple(present), (), None)
    made, failed = [], []
    with Manifest(folder, how) as manifest:
        for place, make in wanted:
            try:
                make(manifest)
                made.append(place)
            except OSError as error:
                if error.errno in _FULL:
                    raise WriteError(
                        error.errno,
                        f"{error.strerror}; {len(made)} of {len(wanted)} files were made, and "
                        f"`kerasface identify --undo {manifest.path}` takes them back",
                        str(place),
                    ) from error
                failed.append((place, error.strerror or str(error)))
    return Placed(tuple(made), tuple(present), tuple(failed), manifest.path)


class Manifest:
    """Makes files below a folder, each written down before it is there. Use it in a `with` statement.

    Args:
        folder: Made if missing, with the manifest in it.
        how: What is made, in a word.

    Attributes:
        path: The manifest.

    Raises:
        WriteError: If the folder cannot be written.
    """

    def __init__(self, folder: Path, how: str):
        self._folder, self._how = folder, how
        self.path = folder / f"kerasface-{datetime.now():%Y%m%d-%H%M%S-%f}-{os.getpid()}.jsonl"

    def __enter__(self) -> "Manifest":
        is_new = not self._folder.exists()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
        except OSError as error:
            raise WriteError(error.errno, error.strerror, str(self._folder)) from error
        self._note({"kind": "manifest", "format": _FORMAT, "how": self._how, "is_new": is_new})
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def make(self, kind: str, place: Path, write: Callable[[], object], **about: str) -> None:
        """Writes down that a file is made, and then makes it; its folder too.

        Args:
            kind: Of `_KINDS`.
            place: The file, below the folder.
            write: Makes it.
            about: What is to be known to take it back, such as its `sha256`.

        Raises:
            OSError: If it cannot be made, or a link leads from its folder out of the folder of all.
        """
        if _leads_out(self._folder, place):
            raise OSError(_LEADS_OUT)
        if not place.parent.exists():
            self._note({"kind": "folder", "place": place.parent.relative_to(self._folder).as_posix()})
            place.parent.mkdir()
        self._note({"kind": kind, "place": place.relative_to(self._folder).as_posix(), **about})
        write()

    def _note(self, entry: dict) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def part_of(place: Path) -> Path:
    """Returns where a file is until it is whole."""
    return place.with_name(f".{place.name}.part")


@contextmanager
def new_part(place: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """Gives the part of a file and its content to write; put it in its place in the block, or it is gone after.

    It is made anew: what has its name already, such as a link that leads elsewhere, is not written to.
    """
    part = part_of(place)
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as content:
            yield part, content
    finally:
        part.unlink(missing_ok=True)


def put_new(part: Path, place: Path) -> None:
    """Gives a file that is whole its name, where there is nothing of that name yet.

    Raises:
        FileExistsError: If there is something by now; it stays as it is.
        OSError: If the disk refuses.
    """
    try:
        os.link(part, place)  # which, unlike a rename, never replaces anything
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(place):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(place)) from error
        part.rename(place)


def _read_manifest(path: Path) -> list[dict]:
    """The first line and what was made, in order; the last line may be cut, where a kill came in between."""
    try:
        if path.exists() and not path.is_file():  # to read from a pipe would wait for ever
            raise ValueError
        lines = path.read_text(encoding="utf-8").splitlines()
        head, *entries = [json_of(line) for line in lines[:-1]] + [_last(lines[-1])]
        if (head["kind"], head["format"], type(head["is_new"])) != ("manifest", _FORMAT, bool):
            raise ValueError
        entries = [entry for entry in entries if entry is not None]
        if not all(map(_is_entry, entries)):
            raise ValueError
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ManifestError(
            f"{path} does not say what was copied, linked or written. Name the file kerasface-....jsonl there."
        ) from error
    return [head, *entries]


def _is_entry(entry: dict) -> bool:
    """Whether a line says all that is needed to take something back, of places below the folder."""
    texts = [entry["place"], *(entry[name] for name in _KINDS[entry["kind"]])]
    if not all(isinstance(text, str) and "\0" not in text for text in texts):
        return False
    places = [Path(entry[name]) for name in ("place", "original") if name in entry]
    return all(place.parts and not place.anchor and ".." not in place.parts for place in places)


def _last(line: str) -> dict | None:
    try:
        return json_of(line)
    except ValueError:
        return None


def _take_back(folder: Path, entry: dict, removed: list, kept: list) -> None:
    place = folder / entry["place"]
    original = folder / entry["original"] if entry["kind"] == "changed" else None
    if _leads_out(folder, place) or (original and _leads_out(folder, original)):
        kept.append((place, _LEADS_OUT))
    elif entry["kind"] == "folder":
        _remove_if_empty(place)
    else:
        part_of(place).unlink(missing_ok=True)
        if original:
            _put_back(place, original, entry, removed, kept)
        elif os.path.lexists(place):
            if _is_as_made(place, entry):
                place.unlink()
                removed.append(place)
            else:
                kept.append((place, _CHANGED))


def _leads_out(folder: Path, place: Path) -> bool:
    """Whether links lead from the folder of a place to somewhere that is not below the folder of all."""
    return not place.parent.resolve().is_relative_to(folder.resolve())


def _put_back(place: Path, original: Path, entry: dict, removed: list, kept: list) -> None:
    """Puts a file's original back in its place, unless somebody has changed one of them since."""
    if not original.is_file():
        if not place.is_file() or sha256(place) != entry["was"]:  # else it was not changed yet
            kept.append((place, "its original is not beside it any more"))
    elif sha256(original) != entry["was"] or (place.is_file() and sha256(place) not in (entry["sha256"], entry["was"])):
        kept.append((place, _CHANGED))
    else:
        if _is_one_file(original, place):  # a kill came before the change; to rename one onto the other does nothing
            original.unlink()
        else:
            os.replace(original, place)
        removed.append(place)


def _is_one_file(one: Path, other: Path) -> bool:
    """Whether two places are two names of one file; a symbolic link to a file is another."""
    return os.path.lexists(other) and os.path.samestat(one.lstat(), other.lstat())


def _is_as_made(place: Path, entry: dict) -> bool:
    if place.is_symlink():
        return entry["kind"] == "link" and os.readlink(place) == entry["photo"]
    return place.is_file() and sha256(place) == entry["sha256"]


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()
