"""Photos copied or linked into a folder for each person on them, and all of it taken back.

What is made is written down first, in a file beside it: so it can be taken back after a kill, too. Nothing that is
there is ever replaced, and only what is as it was made is removed.
"""

import errno
import json
import os
import shutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from kerasface.files.paths import FORBIDDEN_IN_NAMES, RESERVED_NAMES, WriteError
from kerasface.files.writing import sha256
from kerasface.terminal.streams import is_shown

COPY, LINK = "copy", "link"
_FORMAT = 1
_LONGEST = 120  # characters of a folder's name
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)  # another disk, or one that knows no second names
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


class ManifestError(ValueError):
    """A file that says what was made is none, or names what it may not."""


@dataclass(frozen=True)
class Placed:
    """What was made of a plan.

    Attributes:
        made: Files that are new, below the folder.
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
        removed: Files that are gone again.
        kept: `(file, reason)` of those that stay.
    """

    removed: tuple[Path, ...]
    kept: tuple[tuple[Path, str], ...]


def plan_places(photos: Mapping[Path, Sequence[str]], folder: Path) -> list[tuple[Path, Path, bool]]:
    """Says where each photo would go: into the folder of each person on it.

    Of two photos with one name the second is numbered. One that is there already, under its name or a number, with the
    same content, is not made again.

    Args:
        photos: Photo to the names of the people on it.
        folder: Where the folders of people are, or will be.

    Returns:
        `(photo, place, is there)` for each person on each photo, in the order of `photos`.
    """
    folders = _folders({name for names in photos.values() for name in names})
    taken: dict[str, Path] = {}
    places = []
    for photo, names in photos.items():
        for name in sorted(set(names)):
            for place in _numbered(folder / folders[name] / photo.name):
                key = unicodedata.normalize("NFC", str(place)).casefold()
                before = taken.get(key) or (place if os.path.lexists(place) else None)
                if before is None:
                    taken[key] = photo
                    places.append((photo, place, False))
                    break
                if _is_same(photo, before):
                    places.append((photo, place, True))
                    break
    return places


def place_photos(photos: Mapping[Path, Sequence[str]], folder: Path, how: str) -> Placed:
    """Copies or links photos as `plan_places` says.

    Args:
        photos: Photo to the names of the people on it.
        folder: Made if missing.
        how: `"copy"`, with the photo's times; or `"link"`, a second name of the same file, which takes no room, or
            where that cannot be (another disk) a symbolic link.

    Raises:
        WriteError: If the folder cannot be written, or the disk is full; what was made until then is in the manifest,
            which the message names.
    """
    places = plan_places(photos, folder)
    present = tuple(place for _, place, is_there in places if is_there)
    wanted = [(photo, place) for photo, place, is_there in places if not is_there]
    if not wanted:
        return Placed((), present, (), None)
    made, failed = [], []
    with _Manifest(folder, how) as manifest:
        for photo, place in wanted:
            try:
                manifest.make(photo.absolute(), place)
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
    return Placed(tuple(made), present, tuple(failed), manifest.path)


def undo(manifest: Path) -> Undone:
    """Takes back what was made: files that are as they were made, and folders that are empty then.

    Raises:
        ManifestError: If the file is no manifest.
    """
    (head, *entries), folder = _read_manifest(manifest), manifest.parent
    removed, kept = [], []
    for entry in reversed(entries):
        place = folder / entry["place"]
        if entry["kind"] == "folder":
            _remove_if_empty(place)
            continue
        _part(place).unlink(missing_ok=True)
        if os.path.lexists(place):
            if _is_as_made(place, entry):
                place.unlink()
                removed.append(place)
            else:
                kept.append((place, "it was changed since, or something else is in its place"))
    if not kept:
        manifest.unlink()
        if head["is_new"]:
            _remove_if_empty(folder)
    return Undone(tuple(removed), tuple(kept))


class _Manifest:
    """Makes files, each written down before it is there."""

    def __init__(self, folder: Path, how: str):
        self._folder, self._how = folder, how
        self.path = folder / f"kerasface-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}.jsonl"

    def __enter__(self) -> "_Manifest":
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

    def make(self, photo: Path, place: Path) -> None:
        if not place.parent.exists():
            self._note({"kind": "folder", "place": place.parent.relative_to(self._folder).as_posix()})
            place.parent.mkdir()
        entry = {"place": place.relative_to(self._folder).as_posix(), "photo": str(photo), "sha256": sha256(photo)}
        if self._how == COPY:
            self._note(entry | {"kind": "copy"})
            _copy(photo, place)
            return
        self._note(entry | {"kind": "link"})
        try:
            os.link(photo.resolve(), place)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            os.symlink(photo, place)

    def _note(self, entry: dict) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _copy(photo: Path, place: Path) -> None:
    """Copies a file with its times, whole or not at all, and in place of no other."""
    part = _part(place)
    try:
        shutil.copy2(photo, part)
        try:
            os.link(part, place)  # which, unlike a rename, never replaces anything
        except OSError as error:
            if error.errno not in _NO_LINKS or os.path.lexists(place):
                raise
            part.rename(place)
    finally:
        part.unlink(missing_ok=True)


def _part(place: Path) -> Path:
    """Where a copy is until it is whole."""
    return place.with_name(f".{place.name}.part")


def _read_manifest(path: Path) -> list[dict]:
    """The first line and what was made, in order; the last line may be cut, where a kill came in between."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        head, *entries = [json.loads(line) for line in lines[:-1]] + [_last(lines[-1])]
        if (head["kind"], head["format"], type(head["is_new"])) != ("manifest", _FORMAT, bool):
            raise ValueError
        entries = [entry for entry in entries if entry is not None]
        for entry in entries:
            place = Path(entry["place"])
            if entry["kind"] not in ("folder", "copy", "link") or place.is_absolute() or ".." in place.parts:
                raise ValueError
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ManifestError(
            f"{path} does not say what was copied or linked. Name the file kerasface-....jsonl that lies there."
        ) from error
    return [head, *entries]


def _last(line: str) -> dict | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_as_made(place: Path, entry: dict) -> bool:
    if place.is_symlink():
        return entry["kind"] == "link" and os.readlink(place) == entry["photo"]
    return place.is_file() and sha256(place) == entry["sha256"]


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
        folder.rmdir()


def _is_same(photo: Path, other: Path) -> bool:
    """Whether two files are one, or have the same bytes."""
    try:
        return os.path.samefile(photo, other) or (
            photo.stat().st_size == other.stat().st_size and sha256(photo) == sha256(other)
        )
    except OSError:
        return False


def _numbered(place: Path) -> Iterator[Path]:
    """A place, and after it the same with a number: photo.jpg, photo (2).jpg ..."""
    yield place
    number = 2
    while True:
        yield place.with_name(f"{place.stem} ({number}){place.suffix}")
        number += 1


def _folders(names: set[str]) -> dict[str, str]:
    """The name of each person's folder: the person's, as far as every system takes it; no two are the same."""
    found, taken = {}, set()
    for name in sorted(names):
        text = "".join("_" if letter in FORBIDDEN_IN_NAMES or not is_shown(letter) else letter for letter in name)
        text = unicodedata.normalize("NFC", text)[:_LONGEST].strip().rstrip(".").lstrip(".") or "_"
        if text.partition(".")[0].casefold() in RESERVED_NAMES:
            text = f"{text}_"
        base, number = text, 2
        while text.casefold() in taken:
            text, number = f"{base} ({number})", number + 1
        taken.add(text.casefold())
        found[name] = text
    return found
