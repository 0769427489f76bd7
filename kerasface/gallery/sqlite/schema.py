"""The file of a gallery: how it is told from other files, made, and brought up to date."""

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from kerasface.files.writing import sync_path
from kerasface.gallery.store import GalleryDamagedError, GalleryFileError, NotAGalleryError

# "KFga": at byte 68 of the file, by which it is recognised before SQLite may touch it.
APPLICATION_ID = 0x4B466761
_OBJECTS = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'"
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100

# What each version adds to the one before; the version is the file's `user_version`. Never change one that shipped.
#   gallery    its one row: what opens it, and whether traces of something deleted must still be removed
#   persons    name and consent are sealed; `name_tag` finds a name without showing it; `expires` in seconds since 1970
#   samples    embedding and details are sealed; `changed` is the change that added the row or moved it last
#   removed    samples that are gone, and the change that took them: what search indexes must follow
#   refusals   "not this person"
#   changes    history; their largest number is the version of the gallery
#   merges     what takes a person out of another one again; sealed, numbered by the change that merged them
#   own_points thresholds of one's own, at most one row, sealed for the change that kept or dropped (null) them
#   seals      which rows must be there: of each person, and as person 0 of the whole; see `sealing.manifest`
# What is not sealed is there to be found by, and decides nothing: `rows.Rows` compares it with what is. Version 2 also
# seals refusals for their persons, and into every person its id and its refusals (`changes.unlocking.seal_anew`).
MIGRATIONS = (
    (
        """CREATE TABLE gallery (
            gallery_id BLOB NOT NULL, key_check BLOB NOT NULL, embedder TEXT NOT NULL, embedding_dim INTEGER NOT NULL,
            traces INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        """CREATE TABLE persons (
            person INTEGER PRIMARY KEY AUTOINCREMENT, person_id TEXT NOT NULL UNIQUE, name_tag BLOB NOT NULL UNIQUE,
            sealed BLOB NOT NULL, expires REAL
        ) STRICT""",
        """CREATE TABLE samples (
            sample_id INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL REFERENCES persons,
            changed INTEGER NOT NULL, source_tag BLOB NOT NULL, template BLOB NOT NULL, sealed BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX samples_of_person ON samples (person)",
        "CREATE INDEX samples_by_change ON samples (changed)",
        "CREATE INDEX samples_of_source ON samples (source_tag)",
        "CREATE TABLE removed (sample_id INTEGER PRIMARY KEY, change INTEGER NOT NULL) STRICT",
        "CREATE INDEX removed_by_change ON removed (change)",
        """CREATE TABLE refusals (
            refusal INTEGER PRIMARY KEY AUTOINCREMENT, person INTEGER NOT NULL REFERENCES persons,
            source_tag BLOB NOT NULL, sealed BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX refusals_of_person ON refusals (person)",
        "CREATE INDEX refusals_of_source ON refusals (source_tag)",
        """CREATE TABLE changes (
            number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, action TEXT NOT NULL,
            person INTEGER REFERENCES persons, sealed BLOB
        ) STRICT""",
        "CREATE INDEX changes_of_person ON changes (person)",
    ),
    (
        """CREATE TABLE merges (
            merge INTEGER PRIMARY KEY, person INTEGER NOT NULL REFERENCES persons, sealed BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX merges_of_person ON merges (person)",
    ),
    ("CREATE TABLE own_points (change INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",),
    ("CREATE TABLE seals (person INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT",),
)


def check_file(path: Path) -> None:
    """Refuses a file that is no gallery, by its first bytes, before anything else looks at it.

    Raises:
        NotAGalleryError: If it is something else.
        GalleryFileError: If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError as error:
        raise GalleryFileError(f"The gallery {path} cannot be read: {error.strerror}.") from error
    if header[:16] != _MAGIC or header[68:72] != APPLICATION_ID.to_bytes(4, "big"):
        raise NotAGalleryError(
            f"{path} is no gallery of KerasFace, or its beginning was destroyed; it was left as it is. "
            "Name another file."
        )


def create_file(path: Path, gallery_id: bytes, key_check: bytes, embedder: str, embedding_dim: int) -> None:
    """Makes an empty gallery, whole or not at all; the caller holds its lock and knows that `path` does not exist."""
    beside = _beside(path)
    with closing(sqlite3.connect(beside, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        fill(connection, gallery_id, key_check, embedder, embedding_dim)
    os.replace(beside, path)
    sync_path(path.parent)


def fill(
    connection: sqlite3.Connection, gallery_id: bytes, key_check: bytes, embedder: str, embedding_dim: int
) -> None:
    """Makes an empty gallery of an empty database."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    migrate(connection)
    connection.execute(
        "INSERT INTO gallery (gallery_id, key_check, embedder, embedding_dim) VALUES (?, ?, ?, ?)",
        (gallery_id, key_check, embedder, embedding_dim),
    )
    connection.execute("COMMIT")


def write_file(path: Path, connection: sqlite3.Connection) -> None:
    """Writes a gallery that is in memory to its file, whole or not at all; else as `create_file`."""
    beside = _beside(path)
    connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(beside),))  # of any name
    sync_path(beside)
    os.replace(beside, path)
    sync_path(path.parent)


def is_outdated(connection: sqlite3.Connection) -> bool:
    """Whether there are migrations that the file has not seen."""
    return _version(connection) < len(MIGRATIONS)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuses a gallery that a later KerasFace wrote.

    Raises:
        NotAGalleryError: If it is.
    """
    if (version := _version(connection)) > len(MIGRATIONS):
        raise NotAGalleryError(
            f"{path} was written by a later KerasFace; it was left as it is. "
            f"Received: schema version {version}; this one reads up to {len(MIGRATIONS)}. Upgrade KerasFace."
        )


def check_objects(connection: sqlite3.Connection, path: Path) -> None:
    """Refuses a gallery with a trigger, view, table or index that KerasFace did not make, or without one that it made.

    A trigger would run with every change: whoever can write the file, without the key, could undo refusals with it.

    Raises:
        GalleryDamagedError: If there is one; the message names it.
    """
    found, made = set(connection.execute(_OBJECTS)), _made(_version(connection))
    for kind, name, _ in sorted(found ^ made, key=lambda one: (one not in found, one[1])):
        what = (
            "is none of KerasFace's" if (kind, name) not in {one[:2] for one in made} else "was altered or taken away"
        )
        raise GalleryDamagedError(
            f"The {kind} {name!r} in the gallery {path} {what}: somebody without the key changed the file. "
            "Restore a copy."
        )


@cache
def _made(version: int) -> frozenset[tuple[str, str, str]]:
    """Kind, name and text of whatever the migrations up to a version make."""
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in (statement for statements in MIGRATIONS[:version] for statement in statements):
            connection.execute(statement)
        return frozenset(connection.execute(_OBJECTS))


def migrate(connection: sqlite3.Connection) -> int:
    """Runs, inside the caller's transaction, the migrations that the file has not seen.

    Returns:
        The version that it had.
    """
    version = _version(connection)
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    return version


def logs_of(path: Path) -> tuple[Path, Path]:
    """Returns the files that SQLite keeps beside the file at `path`: the write-ahead log and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _beside(path: Path) -> Path:
    """An empty file beside a gallery to be, in which it is made."""
    # SQLite would read them as part of the new file.
    if orphans := [str(log) for log in logs_of(path) if log.exists()]:
        raise GalleryDamagedError(
            f"{path} does not exist, but there is a part of it: {', '.join(orphans)}. "
            "Put the gallery back beside it, or remove it if that gallery is not wanted any more."
        )
    beside = path.with_name(f".{path.name}.new")
    for leftover in (beside, *logs_of(beside)):
        leftover.unlink(missing_ok=True)
    # SQLite gives its other files the mode of this one.
    os.close(os.open(beside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    return beside


def _version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]
