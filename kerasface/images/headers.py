"""What the bytes of an image file say of it before a decoder is trusted with them: its format, and what it would cost.

Decoders believe what a file promises: a directory whose every entry points at the whole file, or a thousand passes over
one picture, keep them busy for minutes. An honest file is far below every limit here.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

FORMATS = ("JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF", "HEIC", "AVIF", "JPEG 2000", "PNM")

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
    b"\x00\x00\x00\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
}
_RAW_SIGNATURES = {
    b"IIU\x00": "Panasonic RW2",
    b"IIRO": "Olympus ORF",
    b"IIRS": "Olympus ORF",
    b"MMOR": "Olympus ORF",
    b"FUJIFILMCCD-RAW": "Fujifilm RAF",
    b"FOVb": "Sigma X3F",
    b"\x00MRM": "Minolta MRW",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_PNM = re.compile(rb"P[1-6](?:\s|#)")

# Numbers of TIFF 6.0, TIFF/EP and DNG 1.7.
_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _MAKE = 254, 256, 257, 262, 271
_ORIENTATION, _SUB_DIRECTORIES, _CFA_PATTERN, _DNG_VERSION = 274, 330, 33421, 50706
_EXIF, _GPS = 34665, 34853
_OF_A_SENSOR = {32803, 34892}  # colour filter array, linear raw
_REDUCED, _MASK = 1, 4  # bits of the subfile type
_TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_ORDERS = {"<": "little", ">": "big"}
_LETTERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}  # of whole numbers
_MAX_DIRECTORIES = 64  # that are looked into
_MAX_ENTRIES = 4096  # of one

_MAX_SEGMENTS = 20_000  # of a JPEG; one that carries 32 MiB of metadata has 500
_MAX_SCANS = 200  # of a progressive JPEG; encoders make about 10
_MAX_SCANNED = 1_000_000_000  # pixels of all its scans together: 64 MP in 15 scans
_MAX_RUN_LENGTH_BYTES = 4 * 2**20  # of a BMP in run-length code, which Pillow reads byte by byte in Python


class HeaderError(ValueError):
    """A file that no decoder should see; the message is a sentence without the file's name."""


class RawFileError(HeaderError):
    """A file that holds what a camera's sensor saw."""


def format_of(content: bytes) -> str:
    """Tells the format from the first bytes: one of `FORMATS`.

    Raises:
        HeaderError: If it is none of them; RAW files are called so.
    """
    for signature, file_format in _SIGNATURES.items():
        if content.startswith(signature):
            return file_format
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP"
    if content[4:8] == b"ftyp":  # ISO base media file: size, "ftyp", major brand, version, compatible brands
        brands = content[8 : min(int.from_bytes(content[:4]), 256)]
        if any(brands[i : i + 4] in (b"avif", b"avis") for i in range(0, len(brands), 4)):
            return "AVIF"
        if brands[:4] in _HEIC_BRANDS:
            return "HEIC"
        if brands[:4] == b"crx ":
            raise _raw("Canon CR3")
    if _PNM.match(content):
        return "PNM"
    for signature, maker in _RAW_SIGNATURES.items():
        if content.startswith(signature):
            raise _raw(maker)
    raise HeaderError(f"Not an image. Supported are {', '.join(FORMATS)}.")


def _raw(kind: str) -> HeaderError:
    return RawFileError(
        f"A RAW file ({kind}): what the sensor saw, which is not developed here. Save it as JPEG or PNG with the "
        "camera's program, and give that."
    )


@dataclass
class Jpeg:
    """The frame of a JPEG.

    Attributes:
        width: In pixels.
        height: In pixels.
        components: Horizontal and vertical sampling factor of each component, by its identifier.
        progressive: Whether coefficients come in several passes.
        scans: Place of each scan's coded data.
        rest: Of each component, the bits that each of its 64 coefficients still lacks; empty before its first scan.
        interval: Blocks between two restart markers, 0 for none; of the last scan.
        last: Identifiers of the components of the last scan.
        restarts: Restart markers in the last scan.
        ended: Whether there is an end marker.
    """

    width: int = 0
    height: int = 0
    components: dict[int, tuple[int, int]] = field(default_factory=dict)
    progressive: bool = False
    scans: list[int] = field(default_factory=list)
    rest: dict[int, list[int | None]] = field(default_factory=dict)
    interval: int = 0
    last: tuple[int, ...] = ()
    restarts: int = 0
    ended: bool = False

    def is_whole(self) -> bool:
        """Whether the last scan is the last that is needed, and has as many restart markers as it needs."""
        if not self.scans or set(self.rest) != set(self.components):
            return False
        if any(bits != 0 for left in self.rest.values() for bits in left):
            return False
        return not self.interval or self.restarts >= (self._num_units() - 1) // self.interval

    def _num_units(self) -> int:
        """Coded units of the last scan: blocks of one component, or groups of blocks of several."""
        across, down = (max(factor[axis] for factor in self.components.values()) for axis in (0, 1))
        one = self.components[self.last[0]] if len(self.last) == 1 else (1, 1)
        width, height = -(-self.width * one[0] // across), -(-self.height * one[1] // down)
        side = (8, 8) if len(self.last) == 1 else (8 * across, 8 * down)
        return -(-width // side[0]) * -(-height // side[1])


def read_jpeg(content: bytes) -> Jpeg:
    """Walks through the segments of a JPEG, up to its end marker.

    Raises:
        HeaderError: If it has more segments or scans than any picture needs, or metadata that would take minutes.
    """
    found, exif = Jpeg(), b""
    for number, (marker, start, end) in enumerate(_segments(content, found)):
        if number >= _MAX_SEGMENTS:
            raise HeaderError(f"A JPEG has at most {_MAX_SEGMENTS:,} segments. Received: more. Save it anew.")
        body = content[start:end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif += body[6:] if exif else body
        elif marker in _FRAMES and len(body) >= 6:
            found.height, found.width = struct.unpack(">HH", body[1:5])
            found.progressive = marker in (0xC2, 0xC6, 0xCA, 0xCE)
            parts = [body[6 + 3 * index : 9 + 3 * index] for index in range(body[5])]
            found.components = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts if len(part) == 3}
        elif marker == 0xDD and len(body) >= 2:
            found.interval = int.from_bytes(body[:2])
        elif marker == 0xDA:
            _note_scan(found, body, end)
    check_exif(exif)
    found.ended = found.ended or content.endswith(b"\xff\xd9")  # after damage that hides it
    return found


_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
_NEXT_MARKER = re.compile(rb"\xff+[^\x00\xff]")


def _segments(content: bytes, found: Jpeg) -> Iterator[tuple[int, int, int]]:
    """Yields marker, start and end of every segment; coded data are passed over, restart markers in them counted."""
    place = 2
    while match := _NEXT_MARKER.search(content, place):
        marker, place = content[match.end() - 1], match.end()
        if 0xD0 <= marker <= 0xD7:
            found.restarts += 1
        elif marker == 0xD9:
            found.ended = True
            return
        elif marker not in (0x01, 0xD8):
            start, end = place + 2, place + int.from_bytes(content[place : place + 2])
            yield marker, start, max(start, end)
            place = max(start, end)


def _note_scan(found: Jpeg, body: bytes, end: int) -> None:
    found.scans.append(end)
    found.restarts = 0
    passes, pixels = len(found.scans), found.width * found.height
    if passes > _MAX_SCANS or passes * pixels > _MAX_SCANNED:
        raise HeaderError(
            f"A JPEG has its picture in at most {_MAX_SCANS} passes, of {_MAX_SCANNED / 1e6:,.0f} megapixels together. "
            f"Received: {passes} and more, of {pixels / 1e6:,.1f} megapixels each. Save it anew."
        )
    number = body[0] if body else 0
    if len(body) < 4 + 2 * number:
        return
    found.last = tuple(body[1 + 2 * index] for index in range(number))
    first, last, bits = body[1 + 2 * number : 4 + 2 * number]
    first, last, bits = (first, min(last, 63), bits & 15) if found.progressive else (0, 63, 0)
    for component in found.last:
        left = found.rest.setdefault(component, [None] * 64)
        left[first : last + 1] = [bits] * (last + 1 - first)


@dataclass(frozen=True)
class Directory:
    """A directory of a TIFF file.

    Attributes:
        offset: Its place.
        numbers: First number of each entry that holds whole numbers, by tag.
        children: Places of the directories below it.
        following: Place of the next one, 0 for none.
        num_bytes: Of all values that lie outside it.
    """

    offset: int
    numbers: dict[int, int]
    children: tuple[int, ...]
    following: int
    num_bytes: int

    @property
    def is_reduced(self) -> bool:
        """Whether its picture is a smaller copy, or a mask, of another one."""
        return bool(self.numbers.get(_SUBFILE, 0) & (_REDUCED | _MASK))

    @property
    def num_pixels(self) -> int:
        return self.numbers.get(_WIDTH, 0) * self.numbers.get(_HEIGHT, 0)

    @property
    def is_of_sensor(self) -> bool:
        return self.numbers.get(_PHOTOMETRIC) in _OF_A_SENSOR or _CFA_PATTERN in self.numbers


def main_picture(content: bytes) -> tuple[bytes, int]:
    """Makes the main picture of a TIFF file its first one, as decoders read it.

    In most RAW files the first picture is a thumbnail, the main one below it is what the sensor saw.

    Returns:
        The content, changed in a copy where that was not so, and the EXIF orientation that is then left to apply.

    Raises:
        HeaderError: If the main picture is a sensor's, or the directories would take minutes to read.
    """
    first, *others = _directories(content)
    if content[8:10] == b"CR" and content[:4] == b"II*\0":
        raise _raw("Canon CR2")
    if any(directory.is_of_sensor for directory in (first, *others)):
        raise _raw("DNG" if _DNG_VERSION in first.numbers else "TIFF of a camera's sensor")
    below = [one for one in others if one.offset in first.children or first.is_reduced]
    main = max((one for one in below if not one.is_reduced), key=lambda one: one.num_pixels, default=first)
    if main is first or (not first.is_reduced and main.num_pixels <= first.num_pixels):
        if first.is_reduced and _DNG_VERSION in first.numbers:
            raise _raw("DNG")
        return content, 1
    order = "little" if content[:2] == b"II" else "big"
    changed = bytearray(content)
    start, size = (8, 8) if content[2:4] in (b"+\0", b"\0+") else (4, 4)
    changed[start : start + size] = main.offset.to_bytes(size, order)
    return bytes(changed), 1 if _ORIENTATION in main.numbers else first.numbers.get(_ORIENTATION, 1)


def exif_orientation(exif: bytes) -> int:
    """Returns the orientation that EXIF metadata state, 1 where they state none or are malformed."""
    try:
        return _directory(exif.removeprefix(b"Exif\0\0"), None).numbers.get(_ORIENTATION, 1)
    except (HeaderError, struct.error, IndexError):
        return 1


def check_exif(exif: bytes) -> None:
    """Refuses metadata that Pillow would copy for minutes; malformed ones pass, it passes over them.

    Raises:
        HeaderError: If it would.
    """
    content = exif.removeprefix(b"Exif\0\0")
    try:
        directories = _directories(content)
    except struct.error:
        return
    if sum(directory.num_bytes for directory in directories) > 4 * len(content) + 2**20:
        raise HeaderError("Its metadata promise more than the file holds. Save it without them.")


def _directories(content: bytes) -> list[Directory]:
    """The first directory, those below it and those after it, each once.

    Raises:
        struct.error: If the first cannot be read.
        HeaderError: If values of all of them are longer than the file by far.
    """
    found = [_directory(content, None)]
    seen, waiting = {found[0].offset}, [*found[0].children, found[0].following]
    while waiting and len(found) < _MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset and offset not in seen:
            seen.add(offset)
            try:
                found.append(_directory(content, offset))
            except (struct.error, IndexError):
                continue
            waiting += [*found[-1].children, found[-1].following]
    if sum(directory.num_bytes for directory in found) > 4 * len(content) + 2**20:
        raise HeaderError("Damaged: its directories promise more than the file holds.")
    return found


def _directory(content: bytes, offset: int | None) -> Directory:
    """Reads one directory, the first for `None`."""
    order = "<" if content[:2] == b"II" else ">"
    big = content[2:4] in (b"+\0", b"\0+")
    count, entry, pointer = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    if offset is None:
        (offset,) = struct.unpack_from(order + pointer, content, 8 if big else 4)
    (number,) = struct.unpack_from(order + count, content, offset)
    place = offset + struct.calcsize(order + count)
    room = struct.calcsize(order + pointer)
    step = struct.calcsize(order + entry) + room
    numbers, children, num_bytes = {}, [], 0
    starts = range(place, min(place + number * step, len(content) - step + 1), step)
    if len(starts) > _MAX_ENTRIES:
        raise HeaderError(f"Damaged: a directory of {len(starts):,} entries, where {_MAX_ENTRIES:,} are allowed.")
    for start in starts:
        tag, kind, length = struct.unpack_from(order + entry, content, start)
        at, size = start + step - room, _TYPE_SIZES.get(kind, 1)
        if size * length > room:
            num_bytes += min(size * length, len(content))
            (at,) = struct.unpack_from(order + pointer, content, at)
        letter = _LETTERS.get(kind)
        if letter and length > 0 and at + size <= len(content):
            numbers.setdefault(tag, struct.unpack_from(order + letter, content, at)[0])
            if tag in (_SUB_DIRECTORIES, _EXIF, _GPS):
                fitting = min(length, _MAX_DIRECTORIES, (len(content) - at) // size)
                children += struct.unpack_from(f"{order}{fitting}{letter}", content, at)
    following = content[place + number * step :][:room]  # nothing where the directory is cut
    return Directory(offset, numbers, tuple(children), int.from_bytes(following, _ORDERS[order]), num_bytes)


def check_bmp(content: bytes) -> None:
    """Refuses a BMP in run-length code that would take Pillow minutes.

    Raises:
        HeaderError: If it would.
    """
    if len(content) > _MAX_RUN_LENGTH_BYTES and content[30:34] in (b"\1\0\0\0", b"\2\0\0\0"):
        raise HeaderError(
            f"A BMP in run-length code has at most {_MAX_RUN_LENGTH_BYTES / 2**20:g} MiB. "
            f"Received: {len(content) / 2**20:.1f} MiB. Save it as PNG."
        )


def check_jpeg_2000(content: bytes) -> None:
    """Refuses a JPEG 2000 file without its end, which decoders fill up with what they have.

    Raises:
        HeaderError: If it ends before the picture does.
    """
    stream = content
    if content[:4] != b"\xff\x4f\xff\x51":
        place, stream = 0, b""
        while place + 8 <= len(content) and not stream:
            size, kind = int.from_bytes(content[place : place + 4]), content[place + 4 : place + 8]
            header = 16 if size == 1 else 8
            size = int.from_bytes(content[place + 8 : place + 16]) if size == 1 else size or len(content) - place
            if kind == b"jp2c" and place + size <= len(content):
                stream = content[place + header : place + size]
            place += max(size, 8)
    if not stream.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise HeaderError("Damaged or truncated (the picture's end is missing).")
