"""Values of any range to the 256 levels of a picture, and the plain formats of values (PBM, PGM, PPM)."""

import re

import numpy as np

# Values are taken to span the smallest of these that holds them: 8, 10, 12, 14 and 16 bits.
_INTEGER_RANGES = (255, 1023, 4095, 16_383, 65_535)
_SLACK = 0.1  # of a range, by which resampled values may pass it: they are clipped
_NARROW = 16  # values that fill less than a 16th of their range are stretched: they would be one shade

_HEADER = re.compile(rb"P([1-6])(?:\s|#[^\n\r]*[\n\r])+(\d{1,9})(?:\s|#[^\n\r]*[\n\r])+(\d{1,9})")
_MAX_VALUE = re.compile(rb"(?:\s|#[^\n\r]*[\n\r])+(\d{1,9})")
_COMMENT = re.compile(rb"#[^\n\r]*")


class ValuesError(ValueError):
    """Values of which no picture can be made; the message is a sentence without the file's name."""


def to_8_bits(values: np.ndarray, *, whole: bool, largest: int = 65_535) -> np.ndarray:
    """Scales values of an unknown range to 0 to 255.

    They are taken to span 0 to the smallest of 1 (of floats only), 255, 1,023, 4,095, 16,383 and 65,535 that holds
    them, where floats and 32-bit integers may pass both ends by a tenth and are clipped there. Values that no such
    range holds, or that fill less than a 16th of theirs, are stretched from their smallest to their largest; one value
    far off from all others, such as -9999 for "no data", does not count. NaN and minus infinity become black,
    infinity white.

    Args:
        values: Of any shape.
        whole: Whether they are unsigned integers, which never pass the end of their range.
        largest: The largest value that the format allows for such integers.

    Raises:
        ValuesError: If no value is finite, or all are one and the same outside of every range.
    """
    finite = values if np.issubdtype(values.dtype, np.integer) else values[np.isfinite(values)]
    if finite.size == 0:
        raise ValuesError("No pixel has a finite value: there is nothing to see. Save it with 8 bits a channel.")
    low, high = float(finite.min()), float(finite.max())
    ranges = [*_INTEGER_RANGES] if largest == _INTEGER_RANGES[-1] else [largest]
    if not np.issubdtype(values.dtype, np.integer):
        ranges = [1, *ranges]
    slack = 0 if whole else _SLACK
    held = _holding(ranges, low, high, slack)
    if held is None:
        low, high = _without_far_value(finite, low, high)
        held = _holding(ranges, low, high, slack)
    if held is not None and (high == low or (high - low) * _NARROW >= held):
        low, high = 0.0, float(held)
    elif high == low:
        raise ValuesError(f"Every pixel has the value {low:g}: there is nothing to see. Save it with 8 bits a channel.")
    return _scaled(values, low, high)


def _holding(ranges: list[int], low: float, high: float, slack: float) -> int | None:
    held = next((size for size in ranges if high <= (1 + slack) * size), None)
    return None if held is None or low < -slack * held else held


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _scaled(np.arange(65_536, dtype=np.float64)[:, None], low, high)[:, 0][values]
    result = np.empty(values.shape, dtype=np.uint8)
    for row in range(0, len(values), 256):  # blocks: a picture of 64 megapixels as floats is 256 MB
        block = np.asarray(values[row : row + 256], dtype=np.float64)
        block = np.nan_to_num((block - low) * (255 / (high - low)), nan=0, posinf=255, neginf=0)
        result[row : row + 256] = np.rint(block.clip(0, 255)).astype(np.uint8)
    return result


def _without_far_value(finite: np.ndarray, low: float, high: float) -> tuple[float, float]:
    """The ends of the values without one that lies farther from all others than they lie from each other."""
    above, below = finite[finite > low], finite[finite < high]
    if above.size and float(above.min()) - low > high - float(above.min()):
        return float(above.min()), high
    if below.size and high - float(below.max()) > float(below.max()) - low:
        return low, float(below.max())
    return low, high


def pnm_size(content: bytes) -> tuple[int, int]:
    """Returns width and height of a PBM, PGM or PPM file.

    Raises:
        ValuesError: If its header is malformed.
    """
    match = _HEADER.match(content)
    if match is None:
        raise ValuesError("Not an image: a PBM, PGM or PPM file begins with its kind, width and height.")
    return int(match[2]), int(match[3])


def read_pnm(content: bytes) -> np.ndarray:
    """Reads a PBM, PGM or PPM file whose size was looked at before.

    Returns:
        uint8, shape `(height, width)` or `(height, width, 3)`.

    Raises:
        ValuesError: If it is malformed or ends too soon.

    Reference:
        pbm(5), pgm(5) and ppm(5) of Netpbm.
    """
    (width, height), match = pnm_size(content), _HEADER.match(content)
    kind, place = int(match[1]), match.end()
    shape = (height, width, 3) if kind in (3, 6) else (height, width)
    count = int(np.prod(shape))
    if kind in (1, 4):
        if kind == 4:
            bits = np.frombuffer(content, np.uint8, offset=place + 1)[: height * -(-width // 8)]
            ink = np.unpackbits(bits.reshape(height, -1) if len(bits) == height * -(-width // 8) else bits[:0, None], 1)
            ink = ink[:, :width] if ink.size else ink
        else:
            ink = np.frombuffer(_COMMENT.sub(b"", content[place:]).translate(None, b" \t\n\v\f\r"), np.uint8)[:count]
            ink = ink - ord("0")
        return 255 * (1 - _shaped(ink, shape, 1)).astype(np.uint8)
    stated = _MAX_VALUE.match(content, place)
    if stated is None or not 0 < int(stated[1]) <= 65_535:
        raise ValuesError("A PGM or PPM file states its largest value, 1 to 65535, after its height.")
    largest, place = int(stated[1]), stated.end()
    if kind in (5, 6):
        dtype = np.dtype("u1" if largest < 256 else ">u2")
        data = content[place + 1 : place + 1 + count * dtype.itemsize]
        values = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    else:
        text = _COMMENT.sub(b"", content[place:])
        if text.translate(None, b"0123456789 \t\n\v\f\r"):
            raise ValuesError("Damaged: a plain PGM or PPM file holds whole numbers.")
        values = np.fromstring(text.decode("ascii"), dtype=np.int64, sep=" ")[:count] if text.strip() else np.zeros(0)
    values = _shaped(values, shape, largest)
    if largest > 255:
        return to_8_bits(values, whole=True, largest=largest)
    return values.astype(np.uint8) if largest == 255 else np.rint(values * (255 / largest)).astype(np.uint8)


def _shaped(values: np.ndarray, shape: tuple[int, ...], largest: int) -> np.ndarray:
    if values.size != np.prod(shape):
        raise ValuesError(f"Damaged or truncated ({values.size:,} of {int(np.prod(shape)):,} values).")
    if values.size and (values.min() < 0 or values.max() > largest):
        raise ValuesError(f"Damaged: values lie outside of 0 to {largest}.")
    return values.reshape(shape)
