"""Galleries as files that another gallery, with another key, can read.

An export is text in UTF-8, one JSON object a line. The first names the format, the embedder, the number of persons, and
how it is encrypted: `null` means that it is NOT, so that everyone who has the file has the faces' templates. Each
further line is a person, but for a last one with thresholds of one's own where the first line says so. With a
passphrase each of them is base64 of AES-GCM: 12 bytes nonce, text, 16 bytes tag, bound to the first line and to the
number of its line; the key is scrypt of the passphrase.
"""

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from kerasface.files.parsing import json_of
from kerasface.files.writing import sync_path, write_atomically
from kerasface.gallery.keys import KEY_BYTES, NONCE_BYTES
from kerasface.gallery.store import (
    Consent,
    GalleryError,
    GalleryFileError,
    NameTakenError,
    NewSample,
    NoSuchPersonError,
    OtherEmbedderError,
)

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

_FORMAT, _FORMAT_VERSION = "kerasface-gallery", 1
# 128 MiB and about half a second for each guess of the passphrase.
_SCRYPT = {"kdf": "scrypt", "n": 2**17, "r": 8, "p": 1}
_MAX_LINE_BYTES = 2**30


def export_gallery(gallery: "Gallery", path: Path, passphrase: str | None) -> int:
    """Writes everybody of a gallery to a file, whole or not at all.

    Args:
        gallery: The gallery; others may change it meanwhile, the file shows one moment.
        path: A file that does not exist.
        passphrase: Encrypts the file. Without one it is NOT encrypted, and readable by its owner only.

    Returns:
        The number of persons.

    Raises:
        GalleryFileError: If the file exists or cannot be written.
        ValueError: If the passphrase is empty.
    """
    if path.exists():
        raise GalleryFileError(f"{path} exists already and was left as it is. Name another file.")
    with gallery.snapshot():
        people, own_points = gallery.people(), gallery.own_points()
        header = {
            "format": _FORMAT,
            "version": _FORMAT_VERSION,
            "embedder": gallery.embedder,
            "embedding_dim": gallery.embedding_dim,
            "num_persons": len(people),
            **({"own_points": True} if own_points else {}),
            "encrypted": None if passphrase is None else _SCRYPT | {"salt": _text_of(os.urandom(16))},
        }
        first = _line(header)
        seal = _sealer(header, first, passphrase)

        def write(file: BinaryIO) -> None:
            file.write(first)
            for number, person in enumerate(people, 2):
                file.write(seal(_line(_person_record(gallery, person.person_id)), number))
            if own_points:
                file.write(seal(_line({"own_points": own_points}), len(people) + 2))

        try:
            path.parent.stat()  # a folder that is not there, such as that of a disk that was pulled out, is not made
            write_atomically(path, write, private=True)
            sync_path(path.parent)
        except OSError as error:
            raise GalleryFileError(f"The export {path} cannot be written: {error.strerror}.") from error
    return len(people)


def import_gallery(gallery: "Gallery", path: Path, passphrase: str | None, merge: bool) -> int:
    """Adds everybody of an exported file to a gallery, all or nobody.

    Thresholds of one's own come with them where the gallery keeps none, and small pictures where it keeps such.

    Args:
        gallery: A gallery of the same embedder.
        path: The file.
        passphrase: The one it was encrypted with.
        merge: Whether samples of a person whose name the gallery has already go to the person there, except those of
            files of which that person has a sample. If not, such a name ends the import.

    Returns:
        The number of persons in the file.

    Raises:
        GalleryFileError: If the file cannot be read.
        GalleryError: If it is no export, was altered, or the passphrase is missing or wrong.
        OtherEmbedderError: If it comes from another embedder.
        NameTakenError: If a name is in the gallery already and `merge` is not set.
    """
    try:
        with path.open("rb") as file, gallery.transaction():
            header, records = _read(file, path, passphrase)
            if (header["embedder"], header["embedding_dim"]) != (gallery.embedder, gallery.embedding_dim):
                raise OtherEmbedderError(
                    f"{path} holds templates of another embedder. Received: {header['embedder']}; the gallery has "
                    f"{gallery.embedder}."
                )
            for number, record in enumerate(records, 2):
                try:
                    _add(gallery, record, merge)
                except (KeyError, TypeError, ValueError, AttributeError) as error:
                    raise GalleryError(f"{path}, line {number}: not a person of an export: {error!r}.") from error
    except OSError as error:
        raise GalleryFileError(f"{path} cannot be read: {error.strerror}.") from error
    return header["num_persons"]


def is_encrypted(path: Path) -> bool:
    """Whether an exported file needs a passphrase.

    Raises:
        GalleryFileError: If the file cannot be read.
        GalleryError: If it is no export.
    """
    try:
        with path.open("rb") as file:
            return _header(file, path)[0].get("encrypted") is not None
    except OSError as error:
        raise GalleryFileError(f"{path} cannot be read: {error.strerror}.") from error


def _person_record(gallery: "Gallery", person_id: str) -> dict:
    person, samples = gallery.person(person_id), gallery.samples(person_id)
    embeddings = gallery.embeddings(person_id).astype("<f4")
    return {
        "name": person.name,
        "consent": person.consent and asdict(person.consent),
        "samples": [
            {
                "embedding": _text_of(embedding.tobytes()),
                "source": sample.source,
                "source_hash": sample.source_hash,
                "quality": sample.quality,
                "created": sample.created,
                **({} if sample.face is None else {"face": sample.face}),
                **({} if sample.thumbnail is None else {"thumbnail": _text_of(sample.thumbnail)}),
            }
            for sample, embedding in zip(samples, embeddings, strict=True)
        ],
        "refusals": [
            {"source_hash": refusal.source_hash, "box": refusal.box} for refusal in gallery.refusals_of(person_id)
        ],
    }


def _add(gallery: "Gallery", record: dict, merge: bool) -> None:
    if "own_points" in record:
        if gallery.own_points() is None:
            gallery.keep_own_points(dict(record["own_points"]), "imported")
        return
    consent = record["consent"] and Consent(**record["consent"])
    samples = [_new_sample(sample) for sample in record["samples"]]
    try:
        person = gallery.person(record["name"])
    except NoSuchPersonError:
        person = None
    if person is not None and not merge:
        raise NameTakenError(
            f"The gallery has somebody named {person.name!r} already; nobody was imported. Rename one of the two, or "
            "merge if they are one person."
        )
    if person is not None:
        known = {sample.source_hash for sample in gallery.samples(person.person_id)}
        samples = [sample for sample in samples if sample.source_hash not in known]
    if person is None or samples:
        person = gallery.enroll(record["name"], samples)
    # After the samples: they come with their consent even if it has expired.
    if person.consent is None and consent is not None:
        gallery.set_consent(person.person_id, consent)
    for refusal in record["refusals"]:
        gallery.refuse_match(refusal["source_hash"], refusal["box"], person.person_id)


def _new_sample(record: dict) -> NewSample:
    embedding, picture = record.pop("embedding"), record.pop("thumbnail", None)
    return NewSample(
        np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4"),
        **record,
        thumbnail=picture and base64.b64decode(picture, validate=True),
    )


def _read(file: BinaryIO, path: Path, passphrase: str | None) -> tuple[dict, Iterator[dict]]:
    header, first = _header(file, path)
    if (header.get("encrypted") is None) != (passphrase is None):
        state = "not encrypted: give no passphrase" if passphrase else "encrypted: give its passphrase"
        raise GalleryError(f"{path} is {state}.")
    unseal = _unsealer(header, first, passphrase)

    def records() -> Iterator[dict]:
        for number in range(2, header["num_persons"] + 2 + bool(header.get("own_points"))):
            place = f"{path}, line {number}"
            if not (line := file.readline(_MAX_LINE_BYTES)):
                raise GalleryError(f"{place}: the file ends here, of {header['num_persons']} persons. It was cut.")
            yield _parsed(unseal(line, number, place), place)

    return header, records()


def _header(file: BinaryIO, path: Path) -> tuple[dict, bytes]:
    """The first line of an export, and its text."""
    first = file.readline(_MAX_LINE_BYTES)
    header = _parsed(first, f"{path}, line 1")
    if header.get("format") != _FORMAT or header.get("version") != _FORMAT_VERSION:
        raise GalleryError(f"{path} is no export of a gallery, or one of a later KerasFace.")
    return header, first


def _sealer(header: dict, first: bytes, passphrase: str | None) -> Callable[[bytes, int], bytes]:
    """Returns what makes a line of a record's text and the line's number."""
    if passphrase is None:
        return lambda text, number: text
    cipher = _cipher(header["encrypted"], passphrase)

    def seal(text: bytes, number: int) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return base64.b64encode(nonce + cipher.encrypt(nonce, text, _place(first, number))) + b"\n"

    return seal


def _unsealer(header: dict, first: bytes, passphrase: str | None) -> Callable[[bytes, int, str], bytes]:
    """Returns what makes a record's text of a line, its number and its place in words."""
    if passphrase is None:
        return lambda line, number, place: line
    cipher = _cipher(header["encrypted"], passphrase)

    def unseal(line: bytes, number: int, place: str) -> bytes:
        try:
            sealed = base64.b64decode(line.strip(), validate=True)
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _place(first, number))
        except (InvalidTag, ValueError) as error:
            raise GalleryError(f"{place}: the passphrase is wrong, or the file was altered.") from error

    return unseal


def _cipher(settings: dict, passphrase: str) -> AESGCM:
    if not passphrase:
        raise ValueError("A passphrase must not be empty. Received: passphrase=''.")
    # Other costs are never written; a file that asks for more memory than there is must not get it.
    if {name: settings.get(name) for name in _SCRYPT} != _SCRYPT:
        raise GalleryError(f"The export is encrypted in a way that this KerasFace does not know. Received: {settings}.")
    salt = base64.b64decode(settings["salt"])
    kdf = Scrypt(salt=salt, length=KEY_BYTES, n=_SCRYPT["n"], r=_SCRYPT["r"], p=_SCRYPT["p"])
    return AESGCM(kdf.derive(passphrase.encode("utf-8", "surrogateescape")))


def _place(first: bytes, number: int) -> bytes:
    return hashlib.sha256(first).digest() + number.to_bytes(8, "big")


def _line(record: dict) -> bytes:
    return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _parsed(line: bytes, place: str) -> dict:
    try:
        record = json_of(line)
    except ValueError as error:
        raise GalleryError(f"{place}: not JSON, so not of an export, or the file was cut.") from error
    if not isinstance(record, dict):
        raise GalleryError(f"{place}: not a JSON object, so not of an export.")
    return record


def _text_of(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
