"""XMP in the files that hold it: a sidecar beside a photo, or a segment of a JPEG."""

import re
from pathlib import Path

from kerasface.images.xmp.packet import MAX_BYTES, Packet, XmpError, parse_packet

_HEADER = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED = b"http://ns.adobe.com/xmp/extension/\0"
_MAX_SEGMENT = 65_533  # bytes of a segment of a JPEG, without the two of its length
_APP1, _SOS = 0xE1, 0xDA
_FILL = re.compile(rb"\xff+")  # any number of fill bytes may stand before a marker; the last one is the marker's


def sidecar_of(photo: Path) -> Path:
    """Returns where the sidecar of a photo is or would be: `photo.jpg.xmp`, or `photo.xmp` if that is there."""
    own, short = photo.with_name(f"{photo.name}.xmp"), photo.with_suffix(".xmp")
    return short if not own.exists() and short.is_file() else own


def read_sidecar(path: Path) -> Packet | None:
    """Returns what a sidecar holds; `None` where there is none.

    Raises:
        XmpError: If it is no XMP that can be read, or too large.
        OSError: If it cannot be read.
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return parse_packet(file.read(MAX_BYTES + 1))


def read_embedded(content: bytes) -> Packet | None:
    """Returns the XMP in a JPEG; `None` where there is none.

    Raises:
        XmpError: If the file is no JPEG, or its XMP is none that can be read.
    """
    bodies = [content[start:end] for start, end in _places(content)[0]]
    return parse_packet(bodies[0][len(_HEADER) :]) if bodies else None


def with_packet(content: bytes, packet: Packet) -> bytes:
    """Returns a JPEG with a packet in place of its own; every other byte stays as it is.

    Raises:
        XmpError: If the file is no JPEG, its XMP is in several parts, or the packet is too large for a segment.
    """
    places, beginning = _places(content)
    if any(content[start:end].startswith(_EXTENDED) for start, end in places) or len(places) > 1:
        raise XmpError("Its XMP is in several parts; a sidecar can be written.")
    body = _HEADER + packet.to_bytes()
    if len(body) > _MAX_SEGMENT:
        raise XmpError(f"A JPEG holds XMP of at most {_MAX_SEGMENT:,} bytes. Received: {len(body):,}. Use a sidecar.")
    segment = bytes((0xFF, _APP1)) + (len(body) + 2).to_bytes(2) + body
    if places:
        ((start, end),) = places
        return content[: start - 4] + segment + content[end:]
    return content[:beginning] + segment + content[beginning:]


def _places(content: bytes) -> tuple[list[tuple[int, int]], int]:
    """Start and end of the bodies of all segments of XMP, the main one first; and where one may be put in.

    That is behind the first segments of the applications: JFIF wants to come first, and EXIF next.
    """
    if content[:2] != b"\xff\xd8":
        raise XmpError("It is no JPEG; of others only a sidecar is written.")
    found, place, beginning = [], 2, 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        segment, place = place, _FILL.match(content, place).end() - 1
        if place + 4 > len(content):
            break
        marker, length = content[place + 1], int.from_bytes(content[place + 2 : place + 4])
        if marker == _SOS or length < 2 or 0xD0 <= marker <= 0xD9:
            break
        start, end = place + 4, place + 2 + length
        body = content[start:end]
        if marker == _APP1 and body.startswith((_HEADER, _EXTENDED)):
            found.append((start, end))
        if (marker == 0xE0 or (marker == _APP1 and body.startswith(b"Exif\0"))) and beginning == segment:
            beginning = end
        place = end
    return sorted(found, key=lambda one: content[one[0] : one[1]].startswith(_EXTENDED)), beginning
