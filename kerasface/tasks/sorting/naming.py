"""Names written to photos as XMP face regions: into sidecars, or into the photos themselves with the originals kept."""

import os
import shutil
import stat
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from kerasface.images.stored import StoredForm, stored_form
from kerasface.images.xmp.files import read_embedded, read_sidecar, sidecar_of, with_packet
from kerasface.images.xmp.packet import Packet, XmpError
from kerasface.images.xmp.regions import Region, add_regions
from kerasface.tasks.sorting.manifest import Manifest, Placed, make_all, new_part, put_new
from kerasface.terminal.streams import printable

Box = tuple[float, float, float, float]
_SHARED = "{} has the names of {}, and can have those of one photo only. A sidecar of its own would be {}.xmp."
_ELSEWHERE = "A link leads to {} on another disk than most of the photos. Name its folder there."


@dataclass(frozen=True)
class Named:
    """What became of names.

    Attributes:
        placed: The files that hold them.
        others: Sentences about faces that another program has named otherwise; its names stay.
        problems: Sentences about photos that nothing could be written for.
    """

    placed: Placed
    others: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Change:
    """A file to write: of which photo, whether it is there, its packet, and whether that goes into a photo."""

    photo: Path
    file: Path
    is_there: bool
    packet: Packet
    into_photo: bool


def name_photos(
    photos: Mapping[Path, Sequence[tuple[str, Box]]], *, into_photos: bool = False, dry_run: bool = False
) -> Named:
    """Writes who is on photos, and where, as XMP face regions (MWG-rs).

    What a sidecar or photo holds already stays: other contents, other regions, and names that are there.

    Args:
        photos: Photo to names and boxes (x, y, width, height in pixels of the upright photo) of the faces on it.
        into_photos: Whether to write into JPEG files instead of sidecars `photo.jpg.xmp`. The photo as it was stays
            beside it as `photo.jpg_original`.
        dry_run: Whether nothing is written: `placed.made` then are the files that would be.

    Raises:
        WriteError: If the disk is full, or the folder of all photos cannot hold the manifest.
    """
    changes, present, others, problems = [], [], [], []
    taken: dict[Path, Path] = {}
    for photo, faces in photos.items():
        try:
            change, is_new, said = _change_of(_real(photo), faces, into_photos)
            if (other := taken.setdefault(change.file, photo)) != photo:
                if into_photos and list(photos[other]) == list(faces):
                    continue  # one photo by two names, such as a symbolic link to it
                raise XmpError(_SHARED.format(change.file.name, other.name, photo.name))
        except (OSError, ValueError) as error:
            problems.append(f"{photo}: no names were written: {_reason(error, photo)}")
            continue
        others += said
        if is_new:
            changes.append(change)
        else:
            present.append(change.file)
    changes, elsewhere = _on_one_disk(changes)
    problems += [f"{change.photo}: no names were written: {_ELSEWHERE.format(change.file)}" for change in elsewhere]
    if dry_run or not changes:
        made = tuple(change.file for change in changes)
        return Named(Placed(made, tuple(present), (), None), tuple(others), tuple(problems))
    folder = Path(os.path.commonpath([change.file.parent for change in changes]))
    wanted = [(change.file, partial(_write, change, folder)) for change in changes]
    placed = make_all(folder, "xmp", wanted, present)
    return Named(placed, tuple(others), tuple(problems))


def _on_one_disk(changes: list[_Change]) -> tuple[list[_Change], list[_Change]]:
    """Those of the changes that are on the disk with the most of them, and the others: a manifest is for one disk."""
    disks = Counter(_disk_of(change.file.parent) for change in changes)
    most = disks.most_common(1)[0][0] if disks else None
    return [one for one in changes if _disk_of(one.file.parent) == most], [
        one for one in changes if _disk_of(one.file.parent) != most
    ]


def _disk_of(folder: Path) -> int:
    return os.stat(folder).st_dev


def _real(photo: Path) -> Path:
    """A photo in the folder that links lead to, so that what is made lies below one folder, and is found to undo it."""
    return photo.parent.resolve() / photo.name


def _change_of(photo: Path, faces: Sequence[tuple[str, Box]], into_photo: bool) -> tuple[_Change, bool, list[str]]:
    """The change of a photo's file or sidecar, whether it changes anything, and what is called otherwise there."""
    form, file = stored_form(photo), photo if into_photo else sidecar_of(photo)
    if file.is_symlink():  # the file itself is changed; a new one in place of the link would leave it without names
        if not file.exists():
            raise XmpError(f"{file.name} is a link that leads to nothing; it was left as it is.")
        file = file.resolve()
    is_there = file.is_file()
    if is_there and not os.stat(file).st_mode & stat.S_IWUSR:
        raise XmpError(f"{file.name} is read-only; it was left as it is.")
    content = photo.read_bytes() if into_photo else b""
    packet = (read_embedded(content) if into_photo else read_sidecar(file)) or Packet()
    added, others = add_regions(packet, _regions(faces, form), form.size)
    if into_photo and added:
        with_packet(content, packet)  # refuses now what cannot be written
    said = [f"{photo}: {name} is called {other} in {file.name}, which stays." for name, other in others]
    return _Change(photo, file, is_there, packet, into_photo), added > 0, said


def _regions(faces: Sequence[tuple[str, Box]], form: StoredForm) -> list[Region]:
    width, height = form.upright_size
    return [
        Region(name, ((x + w / 2) / width, (y + h / 2) / height, w / width, h / height)).stored(form.orientation)
        for name, (x, y, w, h) in faces
    ]


def _write(change: _Change, folder: Path, manifest: Manifest) -> None:
    before = change.file.read_bytes() if change.is_there else b""
    after = with_packet(before, change.packet) if change.into_photo else change.packet.to_bytes()
    digest = sha256(after).hexdigest()
    if not change.is_there:
        manifest.make("sidecar", change.file, partial(_write_new, change.file, after), sha256=digest)
        return
    original = next(place for place in _originals(change.file) if not os.path.lexists(place))
    about = {"original": original.relative_to(folder).as_posix(), "was": sha256(before).hexdigest()}
    write = partial(_replace, change.file, after, original)
    manifest.make("changed", change.file, write, sha256=digest, **about)


def _write_new(file: Path, content: bytes) -> None:
    """Writes a file, whole or not at all, and in place of no other that has come meanwhile."""
    with new_part(file) as (part, new):
        _fill(new, content)
        put_new(part, file)


def _replace(file: Path, content: bytes, original: Path) -> None:
    """Puts new content in the place of a file, which stays beside it; at every moment one of both is there."""
    with new_part(file) as (part, new):
        _fill(new, content)
        shutil.copymode(file, part)
        try:
            os.link(file, original)
        except OSError:  # a disk that knows no second names
            shutil.copy2(file, original)
        os.replace(part, file)


def _fill(file: BinaryIO, content: bytes) -> None:
    """Writes a new file, and waits until it is on the disk."""
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _originals(file: Path) -> Iterator[Path]:
    """Where the original may stay: photo.jpg_original, as exiftool has it, and the same with a number."""
    yield file.with_name(f"{file.name}_original")
    number = 2
    while True:
        yield file.with_name(f"{file.name}_original{number}")
        number += 1


def _reason(error: Exception, photo: Path) -> str:
    """What is wrong with a photo, without its name."""
    if isinstance(error, OSError):
        return f"{error.strerror}."
    return str(error).removeprefix(f"{printable(_real(photo))}: ")
