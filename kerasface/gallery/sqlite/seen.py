"""Photos that were looked at before, in a file next to the gallery's, where somebody asked for that."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.seen import FORGET, SeenPhotos
from kerasface.gallery.store import GalleryDamagedError, GalleryFileError

_TABLE = "CREATE TABLE IF NOT EXISTS photos (tag BLOB PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID"
_SETTINGS = ("PRAGMA secure_delete = ON", "PRAGMA trusted_schema = OFF", "PRAGMA cell_size_check = ON")


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
