"""The user's gallery key, and what is made of it: one key per gallery and purpose, sealed records, blind tags."""

import base64
import binascii
import hashlib
import hmac
import json
import os
import stat
import struct
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kerasface.files.paths import user_folder
from kerasface.files.writing import sync_path, write_atomically
from kerasface.gallery.store import GalleryDamagedError, GalleryKeyError

KEY_BYTES = 32
# Of AES-GCM. Random nonces are safe for 2^32 records under one key (NIST SP 800-38D, 8.3).
NONCE_BYTES = 12
# How many different fingerprints of rows there are.
FINGERPRINTS = 2**128
_MAX_KEY_FILE_BYTES = 1024


def key_path() -> Path:
    """Returns where the key lies: `kerasface/gallery.key` in the user's configuration folder."""
    return user_folder("XDG_CONFIG_HOME", ".config") / "kerasface" / "gallery.key"


def load_key(*, create: bool) -> bytes:
    """Returns the user's gallery key: from `KERASFACE_KEY`, else from its file.

    Args:
        create: Whether the file is made where there is none. Never for a gallery that exists: no new key opens it.

    Raises:
        GalleryKeyError: If there is no key, it is malformed, its file can be read by others, or cannot be written.
    """
    if text := os.environ.get("KERASFACE_KEY"):
        return _decoded(text, "KERASFACE_KEY")
    path = key_path()
    try:
        if create and not path.exists():
            _write_new_key(path, os.urandom(KEY_BYTES))
        return _read_key(path)
    except FileNotFoundError as error:
        raise GalleryKeyError(
            f"The key of the gallery is missing: {path} does not exist. Without it nothing in the gallery can be "
            "read. Restore the file, or set KERASFACE_KEY."
        ) from error
    except OSError as error:
        raise GalleryKeyError(f"The key file {path} cannot be read or written: {error.strerror}.") from error


def keep_key(key: bytes) -> None:
    """Writes a new key to its file.

    Raises:
        GalleryKeyError: If another one is there by now, or it cannot be written.
    """
    try:
        _write_new_key(key_path(), key)
    except OSError as error:
        raise GalleryKeyError(f"The key file {key_path()} cannot be written: {error.strerror}.") from error
    if load_key(create=False) != key:
        raise GalleryKeyError("Another process has made a key at this moment; nothing was written. Try again.")


class GalleryKeys:
    """Seals what a gallery stores, and opens it again.

    Each gallery and each purpose has a key of its own, so nothing sealed for one place can be moved to another; what a
    record must not be moved away from within its table is its `place`, authenticated with it.

    Args:
        key: The user's key, 32 bytes.
        gallery_id: Random bytes that tell this gallery from all others.
        embedder: Fingerprint of the embedder; the templates of another one do not open.

    Attributes:
        gallery_id: The gallery's.
        check: 32 bytes that tell whether a key is the right one, and nothing else of it.
        templates: The cipher of the embeddings, for loops in which a call more per record is felt.

    Raises:
        ValueError: If the key has another length.

    Reference:
        RFC 5869 (HKDF); NIST SP 800-38D (AES-GCM).
    """

    def __init__(self, key: bytes, gallery_id: bytes, embedder: str):
        if len(key) != KEY_BYTES:
            raise ValueError(f"A gallery key has {KEY_BYTES} bytes. Received: {len(key)} bytes.")
        self._key, self.gallery_id = key, gallery_id
        self.check = self._derived("check")
        self._fingerprint_key = self._derived("fingerprints")
        self.templates = AESGCM(self._derived(f"templates of {embedder}"))
        self._records = AESGCM(self._derived("records"))
        self._tag_key = self._derived("tags")

    def for_embedder(self, embedder: str) -> "GalleryKeys":
        """Returns the keys of the same gallery with the templates of another embedder."""
        return GalleryKeys(self._key, self.gallery_id, embedder)

    def seal(self, record: object, kind: str, number: int) -> bytes:
        """Encrypts a JSON-ready record so that it opens only as this `kind` and in the row with this `number`."""
        text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        return self.seal_bytes(text, kind, number)

    def seal_bytes(self, content: bytes, kind: str, number: int) -> bytes:
        """Encrypts bytes, else as `seal`; for what is opened by the thousand, as JSON takes longer than the cipher."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._records.encrypt(nonce, content, f"{kind} {number}".encode())

    def open(self, sealed: bytes, kind: str, number: int):
        """Decrypts what `seal` made.

        Raises:
            GalleryDamagedError: If it was altered, or sealed for another place.
        """
        return json.loads(self.open_bytes(sealed, kind, number))

    def open_bytes(self, sealed: bytes, kind: str, number: int) -> bytes:
        """Decrypts what `seal_bytes` made; errors as in `open`."""
        try:
            return self._records.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], f"{kind} {number}".encode())
        except (InvalidTag, ValueError, TypeError) as error:
            raise GalleryDamagedError(f"The {kind} of row {number} was altered or destroyed.") from error

    def seal_template(self, embedding: bytes, sample_id: int, person: int) -> bytes:
        """Encrypts the bytes of an embedding so that they open only as this sample of this person."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self.templates.encrypt(nonce, embedding, template_place(sample_id, person))

    def open_template(self, sealed: bytes, sample_id: int, person: int) -> bytes:
        """Decrypts what `seal_template` made.

        Raises:
            GalleryDamagedError: If it was altered, or sealed for another sample or person.
        """
        place = template_place(sample_id, person)
        try:
            return self.templates.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
        except (InvalidTag, ValueError, TypeError) as error:
            raise damaged_template(sample_id) from error

    def tag(self, kind: str, text: str) -> bytes:
        """Returns 16 bytes by which equal texts are found without being readable."""
        return hmac.digest(self._tag_key, f"{kind} {text}".encode(), "sha256")[:16]

    def fingerprint(self, table: str, row: tuple) -> int:
        """Returns a number below `FINGERPRINTS` that only this key makes of a row, and of no other."""
        text = repr((table, row)).encode()
        return int.from_bytes(hashlib.blake2b(text, key=self._fingerprint_key, digest_size=16).digest(), "big")

    def _derived(self, purpose: str) -> bytes:
        info = f"kerasface gallery: {purpose}".encode()
        return HKDF(SHA256(), KEY_BYTES, salt=self.gallery_id, info=info).derive(self._key)


# Sample and person of a template: two 64-bit numbers.
template_place = struct.Struct(">qq").pack


def damaged_template(sample_id: int) -> GalleryDamagedError:
    """Returns the error for a template that does not open."""
    return GalleryDamagedError(
        f"The template of sample {sample_id} was altered or destroyed. Delete the sample and enrol its photo again; "
        "then take the rest as it is: kerasface people check --accept"
    )


def _read_key(path: Path) -> bytes:
    with path.open("rb") as file:
        mode = os.fstat(file.fileno()).st_mode
        content = file.read(_MAX_KEY_FILE_BYTES)
    # Windows has no such bits: there the user's folder itself is closed to others.
    if os.name != "nt" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise GalleryKeyError(
            f"The key file {path} can be used by others. Received: mode {stat.S_IMODE(mode):04o}. "
            f"Close it: chmod 600 {path}"
        )
    return _decoded(content.decode("ascii", "replace"), str(path))


def _decoded(text: str, place: str) -> bytes:
    """Returns the key that a text means, base64 or hexadecimal; the text itself is never shown."""
    text = text.strip()
    if len(text) == 2 * KEY_BYTES:
        with suppress(ValueError):
            return bytes.fromhex(text)
    key = b""
    with suppress(binascii.Error, ValueError):
        padding = "=" * (-len(text) % 4)
        key = base64.b64decode(text.replace("-", "+").replace("_", "/") + padding, validate=True)
    if len(key) != KEY_BYTES:
        raise GalleryKeyError(
            f"{place} must hold {KEY_BYTES} bytes as base64 or hexadecimal text. "
            f"Received: {len(text)} characters that are no such key."
        )
    return key


def _write_new_key(path: Path, key: bytes) -> None:
    """Writes a key; where another process was faster, leaves its key alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, base64.b64encode(key) + b"\n", private=True, replace=False)
    sync_path(path.parent)
