"""From a place to an open, unlocked gallery: made where it may be, refused where it is not the one that is wanted."""

import hmac
import os
import secrets
from functools import partial

from kerasface.gallery.connections import Connection
from kerasface.gallery.database import Database
from kerasface.gallery.keys import KEY_BYTES, GalleryKeys, keep_key, key_path, load_key
from kerasface.gallery.places import Place
from kerasface.gallery.refusals import refusal_numbers, refusal_of
from kerasface.gallery.rows import Rows
from kerasface.gallery.store import GalleryDamagedError, GalleryError, GalleryKeyError, OtherEmbedderError

_ID_BYTES = 16


def open_rows(
    place: Place, embedder: str, embedding_dim: int, key: bytes | None, create: bool | str, timeout: float, noted: bool
) -> tuple[Database, Rows]:
    """Opens the gallery at a place; see `opening.open_gallery` for arguments and errors."""
    if not embedder or embedding_dim < 1 or timeout < 0:
        raise ValueError(
            "A gallery needs the fingerprint of an embedder, embedding_dim >= 1 and timeout >= 0. "
            f"Received: embedder={embedder!r}, embedding_dim={embedding_dim}, timeout={timeout}."
        )
    if create not in (True, False, "late"):
        raise ValueError(f"create must be True, False or 'late'. Received: create={create!r}.")
    if create is not True and not place.exists(timeout):
        if create == "late":
            return _opened_late(place, embedder, embedding_dim, key, timeout, noted)
        raise GalleryError(f"There is no gallery at {place.path}. Enrol somebody to make one.")

    def empty() -> tuple[bytes, bytes, str, int]:
        own_key = load_key(create=True) if key is None else key
        return _empty(GalleryKeys(own_key, secrets.token_bytes(_ID_BYTES), embedder), embedder, embedding_dim)

    if create is True:
        place.make(timeout, empty)
    database = place.open(timeout)
    database.is_noted = noted
    try:
        rows = unlocked(database, embedder, embedding_dim, key)
        _bring_up_to_date(database, rows)
        database.note_seen()
    except BaseException:
        database.close()
        raise
    return database, rows


def _opened_late(
    place: Place, embedder: str, embedding_dim: int, key: bytes | None, timeout: float, noted: bool
) -> tuple[Database, Rows]:
    """Opens a gallery that is in memory as long as nothing is in it; nor is a new key written before."""
    is_new = key is None and not os.environ.get("KERASFACE_KEY") and not key_path().exists()
    own_key = os.urandom(KEY_BYTES) if is_new else load_key(create=False) if key is None else key
    keys = GalleryKeys(own_key, secrets.token_bytes(_ID_BYTES), embedder)
    before_made = partial(keep_key, own_key) if is_new else lambda: None
    database = place.open(timeout, _empty(keys, embedder, embedding_dim), before_made)
    database.manifest.keys, database.is_noted = keys, noted
    return database, Rows(keys, embedder, embedding_dim, database.manifest)


def _empty(keys: GalleryKeys, embedder: str, embedding_dim: int) -> tuple[bytes, bytes, str, int]:
    """What `schema.fill` makes an empty gallery of."""
    return keys.gallery_id, keys.check, embedder, embedding_dim


def _bring_up_to_date(database: Database, rows: Rows) -> None:
    """Runs what an older file lacks, once it is known that the key is the right one: all of it, or nothing."""
    with database.read(even_older=True):
        if not database.is_outdated():
            return
    # One that is older than this machine has seen is refused afterwards: only `accept` makes it the latest.
    with database.write(even_older=True) as connection:
        if database.migrate() < database.SEALED_SINCE:
            seal_anew(connection, rows)
        database.manifest.accept(connection)


def seal_anew(connection: Connection, rows: Rows) -> None:
    """Seals what version 1 of the schema left to be believed: whose a refusal is; ids and refusals of persons."""
    refusals = connection.execute("SELECT refusal, person, sealed FROM refusals").fetchall()
    for row, number, sealed in refusals:
        sealed = rows.keys.seal(rows.keys.open(sealed, "refusal", row), refusal_of(number), row)
        connection.execute("UPDATE refusals SET sealed = ? WHERE refusal = ?", (sealed, row))
    for number, person_id, sealed in connection.execute("SELECT person, person_id, sealed FROM persons").fetchall():
        record = rows.keys.open(sealed, "person", number)
        record |= {"person_id": person_id, "refusals": refusal_numbers(connection, number)}
        sealed = rows.keys.seal(record, "person", number)
        connection.execute("UPDATE persons SET sealed = ? WHERE person = ?", (sealed, number))


def unlocked(database: Database, embedder: str, embedding_dim: int, key: bytes | None) -> Rows:
    """Returns what reads the gallery's rows, if embedder and key are the right ones; see `opening.open_gallery`."""
    with database.read() as connection:
        row = connection.execute("SELECT gallery_id, key_check, embedder, embedding_dim FROM gallery").fetchone()
    if row is None:
        raise GalleryDamagedError(f"The gallery {database.path} has lost its own row. Restore a copy.")
    gallery_id, key_check, *stored = row
    if stored != [embedder, embedding_dim]:
        raise OtherEmbedderError(
            f"The gallery {database.path} holds templates of another embedder; scores with them mean nothing. "
            f"Received: {embedder} ({embedding_dim} numbers); the gallery has {stored[0]} ({stored[1]} numbers). "
            "Use that embedder, or re-embed the gallery."
        )
    keys = GalleryKeys(load_key(create=False) if key is None else key, gallery_id, embedder)
    if not hmac.compare_digest(keys.check, key_check):
        raise GalleryKeyError(
            f"The key is not the one that the gallery {database.path} was made with; nothing was changed. "
            "Restore that key's file, or set KERASFACE_KEY to it."
        )
    database.manifest.keys = keys
    return Rows(keys, embedder, embedding_dim, database.manifest)
