"""Photos copied or linked into a folder for each person on them; nothing that is there is ever replaced."""

import os
import shutil
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from kerasface.files.paths import FORBIDDEN_IN_NAMES, RESERVED_NAMES
from kerasface.files.writing import sha256
from kerasface.tasks.sorting.manifest import NO_LINKS, Manifest, Placed, make_all, new_part, put_new
from kerasface.terminal.streams import is_shown

COPY, LINK = "copy", "link"
_LONGEST = 120  # characters of a folder's name
_BLOCK = 2**20  # bytes copied at a time


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
    return make_all(
        folder, how, [(place, partial(_make, photo.absolute(), place, how)) for photo, place in wanted], present
    )


def _make(photo: Path, place: Path, how: str, manifest: Manifest) -> None:
    write = partial(_copy if how == COPY else _link, photo, place)
    manifest.make(how, place, write, photo=str(photo), sha256=sha256(photo))


def _link(photo: Path, place: Path) -> None:
    """Makes a second name of a file, or where that cannot be a symbolic link."""
    try:
        os.link(photo.resolve(), place)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.symlink(photo, place)


def _copy(photo: Path, place: Path) -> None:
    """Copies a file with its times, whole or not at all, and in place of no other."""
    with new_part(place) as (part, content):
        with photo.open("rb") as source:
            shutil.copyfileobj(source, content, _BLOCK)
        content.flush()  # before the times are set
        shutil.copystat(photo, part)
        put_new(part, place)


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
