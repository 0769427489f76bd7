"""Zip files of photos from somebody else: looked at first, then unpacked, so that no name leaves the folder.

An archive may lie about everything. Its names are never used as paths: they are split into a class and a file, and
whatever does not fit is skipped with its reason. Of a file never more comes out than the archive says, and what it says
is bounded.
"""

import errno
import io
import os
import shutil
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from kerasface.data.cache.images import check_space
from kerasface.files.paths import FORBIDDEN_IN_NAMES, RESERVED_NAMES, WriteError, made_whole, writing
from kerasface.files.zips import UNREADABLE, check_num_entries
from kerasface.images.decoding import SIGNATURE_BYTES, SUFFIXES, is_left_behind
from kerasface.images.headers import HeaderError, RawFileError, format_of

_ENCRYPTED, _UTF_8 = 0x1, 0x800  # bits of an entry's flags
_UNICODE_NAME = 0x7075  # Info-ZIP's extra field: version, CRC-32 of the name, the name in UTF-8
_CODE_PAGES = ("cp437", "cp850", "cp1252")  # DOS in America and Western Europe, Windows there
_MAX_NAME = 200  # bytes; most file systems end at 255


@dataclass(frozen=True)
class Limits:
    """What an archive may be at most. Photos hardly shrink, so an honest archive is far below all of them.

    Attributes:
        total_bytes: Of all files, unpacked.
        file_bytes: Of one file, unpacked.
        num_files: Entries of any kind.
        ratio: Unpacked over packed size, of a file larger than a megabyte.
    """

    total_bytes: int = 2 * 2**30
    file_bytes: int = 32 * 2**20
    num_files: int = 50_000
    ratio: float = 100.0


@dataclass(frozen=True)
class Contents:
    """What an archive holds.

    Attributes:
        files: `(class, file)` of each image, sorted.
        entries: Its entry in the archive, in the order of `files`.
        num_bytes: Their size unpacked, as the archive says.
        skipped: `(name, reason)` of every other file.
    """

    files: tuple[tuple[str, str], ...]
    entries: tuple[zipfile.ZipInfo, ...]
    num_bytes: int
    skipped: tuple[tuple[str, str], ...]

    def counts(self) -> dict[str, int]:
        """Returns the number of images of each class, by name."""
        found: dict[str, int] = {}
        for name, _ in self.files:
            found[name] = found.get(name, 0) + 1
        return found


@dataclass(frozen=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        folder: The folder of classes.
        num_files: Files written.
        skipped: `(name, reason)` of every other file.
    """

    folder: Path
    num_files: int
    skipped: tuple[tuple[str, str], ...]


def look_into(archive: bytes | BinaryIO, limits: Limits | None = None) -> Contents:
    """Lists the images of a zip file with a folder of images per class; nothing is unpacked.

    The folders may stand in one folder more, as they do where a whole folder was packed.

    Args:
        archive: Its bytes, or the open file.
        limits: What it may be at most.

    Raises:
        ValueError: If it is no zip file, is beyond the limits, or holds no image in a folder.
    """
    limits = limits or Limits()
    with _opened(archive, limits) as opened:
        named, skipped = _images(opened, limits)
    files, entries = {}, {}
    outer = _outer_folders([parts for parts, _, _ in named])
    for parts, name, info in named:
        inner = tuple(parts[outer:])
        key = tuple(part.casefold() for part in inner)
        if len(inner) != 2:
            where = "Not in the folder of a class." if len(inner) < 2 else "In a folder inside the folder of a class."
            skipped.append((name, where))
        elif key in files:
            skipped.append((name, f"Its name clashes with {'/'.join(files[key])}."))
        else:
            files[key], entries[key] = inner, info
    if not files:
        example = f" The first: {skipped[0][0]}: {skipped[0][1]}" if skipped else ""
        raise ValueError(f"The archive holds no image in a folder; a folder per class is needed.{example}")
    total = _total(entries.values(), limits)
    order = sorted(files, key=files.get)
    return Contents(tuple(files[key] for key in order), tuple(entries[key] for key in order), total, tuple(skipped))


def unpack(archive: bytes | BinaryIO, folder: str | os.PathLike) -> Unpacked:
    """Unpacks the images of a zip file into a new folder, which is there whole or not at all.

    Args:
        archive: Its bytes, or the open file.
        folder: The folder to make; must not exist, or be empty.

    Raises:
        ValueError: As `look_into`, or if there is something in the folder already.
        OSError: If the disk refuses.
    """
    folder = Path(folder)
    contents = look_into(archive)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"There is something in {folder} already. Choose another name, or delete it.")
    check_space(folder, contents.num_bytes)
    num_files, skipped = 0, list(contents.skipped)
    with made_whole(folder) as beside, _opened(archive, Limits()) as opened:
        for (name, file), info in zip(contents.files, contents.entries, strict=True):
            problem = _write(opened, info, beside / name / file, folder / name / file)
            num_files += not problem
            skipped += [(f"{name}/{file}", problem)] if problem else []
        for made in beside.iterdir():
            if not any(made.iterdir()):
                made.rmdir()
    return Unpacked(folder, num_files, tuple(skipped))


def unpack_photos(archive: bytes | BinaryIO, folder: str | os.PathLike) -> Unpacked:
    """Unpacks all images of a zip file, whatever folders they are in, next to what is in a folder already.

    Args:
        archive: Its bytes, or the open file.
        folder: An existing folder; of two files with one name the first stays.

    Raises:
        ValueError: If it is no zip file, or is beyond the limits.
        OSError: If the disk refuses.
    """
    folder, limits, num_files = Path(folder), Limits(), 0
    with _opened(archive, limits) as opened:
        named, skipped = _images(opened, limits)
        check_space(folder, _total([info for _, _, info in named], limits))
        for parts, name, info in named:
            path = folder.joinpath(*parts)
            try:
                problem = _write(opened, info, path, path)
            except WriteError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR):
                    raise
                problem = "Its name clashes with another file's."
            num_files += not problem
            skipped += [(name, problem)] if problem else []
    return Unpacked(folder, num_files, tuple(skipped))


def _images(opened: zipfile.ZipFile, limits: Limits) -> tuple[list[tuple], list[tuple[str, str]]]:
    """Parts of the name, name and entry of all files that may be images, and `(name, reason)` of the others."""
    named, skipped = [], []
    infos = [info for info in opened.infolist() if not info.filename.endswith("/")]
    for info, name in zip(infos, _names(infos), strict=True):
        parts = _parts(name)
        if parts is not None and any(map(is_left_behind, parts)):
            continue  # a folder's hidden files are not mentioned either
        reason = _reason_against(info, parts, limits) or _reason_against_content(opened, info, parts)
        named += [] if reason else [(parts, name, info)]
        skipped += [(name, reason)] if reason else []
    return named, skipped


def _total(entries: Iterable[zipfile.ZipInfo], limits: Limits) -> int:
    total = sum(info.file_size for info in entries)
    if total > limits.total_bytes:
        raise ValueError(
            f"The archive is larger unpacked than allowed. Received: {_mib(total)} > {_mib(limits.total_bytes)}."
        )
    return total


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, called: Path) -> str | None:
    """Unpacks an entry; returns what is wrong with it. Errors of the disk call the file by another name."""
    with writing(called.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # `zipfile` stops at the size that was looked at before, and refuses what has another checksum then.
        with opened.open(info) as packed, writing(called), path.open("xb") as target:
            shutil.copyfileobj(packed, target)
    except UNREADABLE as error:
        path.unlink(missing_ok=True)
        return f"Damaged in the archive: {error}."
    return None


def _opened(archive: bytes | BinaryIO, limits: Limits) -> zipfile.ZipFile:
    file = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    check_num_entries(file, limits.num_files)
    try:
        return zipfile.ZipFile(file)
    except (*UNREADABLE, ValueError, OSError) as error:
        raise ValueError(f"This is no zip file that can be read: {error}.") from error


def _parts(name: str) -> list[str] | None:
    """The folders and the file of an entry; `None` if it means to leave the folder that it is unpacked into."""
    name = name.replace("\\", "/")
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return None
    return [part for part in parts if part not in ("", ".")]


def _reason_against(info: zipfile.ZipInfo, parts: list[str] | None, limits: Limits) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if not parts:
        return "Its name leads out of the folder."
    if kind not in (0, stat.S_IFREG):
        return "A link or a device, no file."
    if info.flag_bits & _ENCRYPTED:
        return "Locked with a password."
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "Packed by a method that few programs use: pack it anew."
    if not all(_is_plain(part) for part in parts):
        return "Its name cannot be a file's name on every system."
    if info.file_size > limits.file_bytes:
        return f"Larger than {_mib(limits.file_bytes)}: {_mib(info.file_size)}."
    if info.file_size > 2**20 and info.file_size > limits.ratio * max(info.compress_size, 1):
        return f"Grows to more than {limits.ratio:g} times its size when unpacked, as no photo does."
    return None


def _reason_against_content(opened: zipfile.ZipFile, info: zipfile.ZipInfo, parts: list[str]) -> str | None:
    """Why a file without the suffix of an image is none by its first bytes either."""
    if Path(parts[-1]).suffix.lower() in SUFFIXES:
        return None
    try:
        with opened.open(info) as packed:
            format_of(packed.read(SIGNATURE_BYTES))
    except RawFileError:
        return None  # which is said when it is decoded
    except HeaderError as error:
        return str(error)
    except (*UNREADABLE, ValueError) as error:
        return f"Damaged in the archive: {error}."
    return None


def _names(infos: list[zipfile.ZipInfo]) -> list[str]:
    """The names as a person sees them: real letters, composed (NFC), with slashes.

    A zip file says that its names are UTF-8 by a flag that macOS's Finder leaves out; other programs add a field with
    the Unicode name (Info-ZIP's), or write in the code page of their Windows, which is told nowhere: of those that are
    tried, the one counts by which all names together look most like Latin words.
    """
    raw = [None if info.flag_bits & _UTF_8 else info.orig_filename.encode("cp437") for info in infos]
    stated = [_stated(info, name) for info, name in zip(infos, raw, strict=True)]
    guessed = [name for name, known in zip(raw, stated, strict=True) if known is None]
    page = min(_CODE_PAGES, key=lambda page: sum(_oddity(name.decode(page, "replace")) for name in guessed))
    found = (name.decode(page, "replace") if known is None else known for name, known in zip(raw, stated, strict=True))
    return [unicodedata.normalize("NFC", name.replace("\\", "/")) for name in found]


def _stated(info: zipfile.ZipInfo, raw: bytes | None) -> str | None:
    """The name of an entry where it is certain; None where it depends on a code page."""
    if raw is None:
        return info.orig_filename
    place = 0
    while place + 4 <= len(info.extra):
        kind, size = struct.unpack_from("<HH", info.extra, place)
        field = info.extra[place + 4 : place + 4 + size]
        if kind == _UNICODE_NAME and field[:1] == b"\1" and field[1:5] == struct.pack("<I", zlib.crc32(raw)):
            with suppress(UnicodeDecodeError):
                return field[5:].decode("utf-8")
        place += 4 + size
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _oddity(name: str) -> int:
    """How little a name looks like Latin words: signs and other letters, and capitals inside a word."""
    odd, before = 0, ""
    for letter in name:
        latin = letter.isascii() or (letter.isalpha() and unicodedata.name(letter, "").startswith("LATIN"))
        odd += 2 * (not latin) + (latin and not letter.isascii() and letter.isupper() and before.islower())
        before = letter
    return odd


def _is_plain(part: str) -> bool:
    """Whether a name is one on every system: not too long, no control letters, nothing reserved, no dot at its end."""
    if part.partition(".")[0].casefold() in RESERVED_NAMES or part != part.strip() or part.endswith("."):
        return False
    return len(part.encode("utf-8", "replace")) <= _MAX_NAME and not any(
        letter in FORBIDDEN_IN_NAMES or unicodedata.category(letter) in ("Cc", "Cs") for letter in part
    )


def _outer_folders(names: list[list[str]]) -> int:
    """How many folders stand around the folders of classes: those that all images share.

    Where all images stand in one and the same folder, that is their class's.
    """
    folders = [parts[:-1] for parts in names]
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*folders, strict=False)))
    deeper = any(len(parts) > shared for parts in folders)
    return shared if deeper else max(0, shared - 1)


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
