"""Photos that were looked at before, sealed with the gallery's key next to it, where somebody asked for that.

It holds the templates of whoever is on these photos, strangers too, and no decision: names are decided anew each time.
A record opens only as that of the photo with its hash, and a photo's faces do not change: whoever can write the file
without the key can take records away, after which the photo is looked at again, and nothing else.
"""

import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

from kerasface.gallery.connections import Connection
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.store import GalleryDamagedError, GalleryFileError

_TABLE = "CREATE TABLE IF NOT EXISTS photos (tag BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID"
_KEEP = "INSERT INTO photos VALUES (?, ?) ON CONFLICT (tag) DO UPDATE SET sealed = excluded.sealed"
_SETTINGS = ("PRAGMA secure_delete = ON", "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON")
FORGET = "`kerasface people photos --forget` removes it; the photos are then looked at again."


class SeenPhotos(ABC):
    """What was seen of photos, by the SHA-256 of their files; `reading.ReadableGallery.seen` gives it.

    Threads and processes may use it at once.

    Args:
        keys: The gallery's keys.
        place: Where it is kept, in words.
    """

    def __init__(self, keys: GalleryKeys, place: str):
        self._keys, self._place = keys, place

    def find(self, hashes: Iterable[str], by: str) -> dict[str, dict]:
        """Returns what was seen of those of the photos that are remembered, by hash.

        Args:
            hashes: SHA-256 of each file, hexadecimal.
            by: What looked at them: what another detector or embedder saw is not given.

        Raises:
            GalleryDamagedError: If a record was altered.
            GalleryFileError: If what is remembered cannot be read.
        """
        tags = {self._tag(source_hash, by): source_hash for source_hash in hashes}
        question = f"SELECT tag, sealed FROM photos WHERE tag IN ({','.join('?' * len(tags))})"
        with self._reading() as connection:
            rows = connection.execute(question, list(tags)).fetchall() if connection and tags else ()
        return {tags[tag]: self._open(tag, sealed)["seen"] for tag, sealed in rows}

    def all(self) -> Iterator[tuple[str, str, dict]]:
        """Gives hash, what looked at it, and record of every remembered photo; errors as in `find`."""
        with self._reading() as connection:
            rows = connection.execute("SELECT tag, sealed FROM photos").fetchall() if connection else ()
        for tag, sealed in rows:
            record = self._open(tag, sealed)
            yield record["hash"], record["by"], record["seen"]

    def add(self, records: Mapping[str, dict], by: str) -> None:
        """Remembers JSON-ready records of photos by hash, in place of earlier ones; durable when it returns."""
        rows = []
        for source_hash, seen in records.items():
            tag = self._tag(source_hash, by)
            record = {"hash": source_hash, "by": by, "seen": seen}
            rows.append((tag, self._keys.seal(record, _kind(tag), 0)))
        if rows:
            with self._writing(makes=True) as connection:
                connection.executemany(_KEEP, rows)

    def count(self) -> int:
        """Returns how many photos are remembered, by whatever looked at them."""
        with self._reading() as connection:
            return connection.execute("SELECT count(*) FROM photos").fetchone()[0] if connection else 0

    @abstractmethod
    def forget(self) -> None:
        """Forgets all photos."""

    def forget_photo(self, source_hash: str) -> None:
        """Forgets the photo with this SHA-256, as thoroughly as `forget`."""
        with self._writing() as connection:
            if connection is None:
                return
            rows = connection.execute("SELECT tag, sealed FROM photos").fetchall()
            gone = [(tag,) for tag, sealed in rows if self._open(tag, sealed)["hash"] == source_hash]
            connection.executemany("DELETE FROM photos WHERE tag = ?", gone)

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection | None]:
        """Gives a connection to the table of photos, or `None` where nothing is remembered."""

    @abstractmethod
    def _writing(self, *, makes: bool = False) -> AbstractContextManager[Connection | None]:
        """As `_reading`; what is written inside is durable when it ends. With `makes` there is one in any case."""

    def _tag(self, source_hash: str, by: str) -> bytes:
        return self._keys.tag("seen photo", f"{source_hash} {by}")

    def _open(self, tag: bytes, sealed: bytes) -> dict:
        try:
            return self._keys.open(sealed, _kind(tag), 0)
        except GalleryDamagedError as error:
            raise GalleryDamagedError(
                f"What is remembered of a photo in {self._place} was altered, or is of another gallery. {FORGET}"
            ) from error


class PhotosFile(SeenPhotos):
    """What was seen of photos, in a file beside the gallery's. There is none until something is added.

    Args:
        gallery: The gallery's file.
        keys: The gallery's keys.
        timeout: Seconds to wait for other processes.

    Attributes:
        path: The file that holds it, with links resolved.
    """

    def __init__(self, gallery: Path, keys: GalleryKeys, timeout: float):
        self.path, self._timeout = gallery.with_name(f"{gallery.name}-seen"), timeout
        super().__init__(keys, str(self.path))

    def forget(self) -> None:
        """Forgets all photos: the file holds nothing of them any more, not even encrypted."""
        if not self.path.exists():
            return
        try:
            with self._opened() as connection:
                connection.execute("DROP TABLE photos")
                connection.execute("VACUUM")
        except GalleryDamagedError:  # nothing can be read of it, so nobody else uses it
            with self._errors():
                self.path.unlink()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        if not self.path.exists():
            yield None
            return
        with self._opened() as connection:
            yield connection

    @contextmanager
    def _writing(self, *, makes: bool = False) -> Iterator[sqlite3.Connection | None]:
        if makes:
            with self._errors(), suppress(FileExistsError):
                os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        elif not self.path.exists():
            yield None
            return
        with self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with (
            self._errors(),
            closing(
                sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True, timeout=self._timeout, isolation_level=None)
            ) as connection,
        ):
            for statement in (*_SETTINGS, _TABLE):
                connection.execute(statement)
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            is_damaged = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            kind = GalleryDamagedError if is_damaged else GalleryFileError
            raise kind(
                f"What is remembered of photos, in {self.path}, cannot be used: {str(error).rstrip('.')}. {FORGET}"
            ) from error
        except OSError as error:
            raise GalleryFileError(f"No photo can be remembered: {error.strerror}: {self.path}.") from error


def _kind(tag: bytes) -> str:
    return f"seen photo {tag.hex()}"
