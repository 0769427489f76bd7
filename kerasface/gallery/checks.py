"""What may enter a gallery: names, embeddings, details, refusals, each checked before a transaction begins."""

import base64
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from kerasface.arrays import as_embeddings, described
from kerasface.gallery.store import NewSample, Refusal, now_text, parse_time
from kerasface.terminal.streams import printable

_MAX_NAME_LENGTH = 200
_MAX_THUMBNAIL = 32 * 2**10  # bytes; ours have about 3,000
_PERSON_ID = re.compile(r"[0-9a-f]{16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def checked_name(name: str) -> str:
    """Returns a name in its normal form: Unicode NFC, no spaces around it.

    Raises:
        ValueError: If it is empty, too long, has control characters, or looks like a person's id.
    """
    normal = normal_name(name)
    if not 0 < len(normal) <= _MAX_NAME_LENGTH or not normal.isprintable() or is_person_id(normal):
        raise ValueError(
            f"A name must have 1 to {_MAX_NAME_LENGTH} printable characters and not be 16 hexadecimal digits, as "
            f"persons' ids are. Received: name={name!r}."
        )
    return normal


def is_person_id(text: str) -> bool:
    """Whether a text is a person's id: no name is."""
    return _PERSON_ID.fullmatch(text) is not None


def checked_hash(source_hash: str) -> str:
    """Returns a SHA-256 as it is.

    Raises:
        ValueError: If it is not 64 lower-case hexadecimal digits.
    """
    if not _SHA256.fullmatch(source_hash):
        raise ValueError(
            f"source_hash must be 64 lower-case hexadecimal digits. Received: source_hash={source_hash!r}."
        )
    return source_hash


def checked_refusal(source_hash: str, box: Sequence[float], person_id: str) -> Refusal:
    """Returns the record of a refusal.

    Raises:
        ValueError: If the hash is malformed or the box is not four finite numbers.
    """
    numbers = tuple(float(value) for value in box)
    if len(numbers) != 4 or not np.isfinite(numbers).all():
        raise ValueError(f"box must be x, y, width, height, all finite. Received: box={box!r}.")
    return Refusal(checked_hash(source_hash), numbers, person_id)


def checked_embeddings(embeddings: Sequence[np.ndarray] | np.ndarray, count: int, embedding_dim: int) -> np.ndarray:
    """Returns embeddings as float32, shape `(count, embedding_dim)`.

    Raises:
        ValueError: If the shape is another one, or an embedding is not finite or not of length 1.
    """
    if count == 0:
        return np.empty((0, embedding_dim), dtype=np.float32)
    array = as_embeddings(embeddings, embedding_dim)
    if len(array) != count:
        raise ValueError(f"One embedding is needed for each sample. Received: {len(array)} for {count} samples.")
    return array.astype(np.float32, copy=False)


def details_of(sample: NewSample) -> dict:
    """Returns all of a sample but its embedding, ready to be sealed.

    Raises:
        ValueError: If its hash, time, a quality or its face is malformed.
    """
    quality = {str(name): float(value) for name, value in sample.quality.items()}
    if not np.isfinite(list(quality.values())).all():
        raise ValueError(f"Qualities must be finite numbers. Received: quality={quality}.")
    if sample.created is not None:
        parse_time(sample.created, "created")
    return {
        "source": printable(sample.source),
        "source_hash": checked_hash(sample.source_hash),
        "quality": quality,
        "created": sample.created or now_text(),
        **({} if sample.face is None else {"face": _checked_face(sample.face)}),
        **({} if sample.thumbnail is None else {"thumbnail": checked_thumbnail(sample.thumbnail)}),
    }


def checked_thumbnail(picture: bytes) -> str:
    """Returns a small picture of a face as the text that is sealed with its sample.

    Raises:
        ValueError: If it is no JPEG, or too large.
    """
    if not isinstance(picture, bytes) or not picture.startswith(b"\xff\xd8") or len(picture) > _MAX_THUMBNAIL:
        raise ValueError(
            f"A small picture of a face is a JPEG of at most {_MAX_THUMBNAIL:,} bytes. Received: {described(picture)}."
        )
    return base64.b64encode(picture).decode("ascii")


def _checked_face(face: Mapping[str, object]) -> dict:
    """Returns which face of a photo a sample is, as JSON-ready values."""
    try:
        box, landmarks = (np.asarray(face[name], dtype=np.float64) for name in ("box", "landmarks"))
        if box.shape == (4,) and landmarks.shape == (5, 2) and np.isfinite(box).all() and np.isfinite(landmarks).all():
            return {"box": box.tolist(), "landmarks": landmarks.tolist()}
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError(f"A face has a box of 4 numbers and 5 landmarks, x and y each. Received: face={face!r}.")


def normal_name(name: str) -> str:
    """Returns a name in Unicode NFC without spaces around it: equal names are equal texts."""
    return unicodedata.normalize("NFC", name).strip()
