"""One connection to a gallery's file: transactions that threads and processes take in turns, and errors with names.

SQLite 3.7.0 to 3.51.2 can lose pages when one connection writes while another one checkpoints (the WAL-reset bug). So
whoever writes here also holds an exclusive lock on a file beside the gallery, which the system frees when the process
ends in any way. SQLite checkpoints within COMMIT, hence under that lock; when the last connection is closed it does so
alone. Readers take no lock and see the state of the moment at which they began.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from kerasface.gallery.database import Database
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.seen import SeenPhotos
from kerasface.gallery.sqlite.errors import named_errors
from kerasface.gallery.sqlite.locking import locked
from kerasface.gallery.sqlite.schema import (
    check_file,
    check_objects,
    check_version,
    fill,
    is_outdated,
    migrate,
    write_file,
)
from kerasface.gallery.sqlite.seen import PhotosFile
from kerasface.gallery.sqlite.watching import watch
from kerasface.gallery.store import GalleryBusyError, GalleryFileError

_SETTINGS = (
    "PRAGMA journal_mode = WAL",  # as it is made; not so a restored copy
    "PRAGMA synchronous = FULL",  # a commit is on disk when it returns
    "PRAGMA fullfsync = ON",  # the same on macOS
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA mmap_size = 0",
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA temp_store = MEMORY",  # the triggers of the manifest leave no file anywhere
)


class SqliteDatabase(Database):
    """A gallery's file; where there is none yet, the gallery is in memory.

    Attributes:
        path: The file, with links resolved: processes that name it differently share its lock.
    """

    SEALED_SINCE = 2
    path: Path
    _objects_of: int | None = None
    _watched: sqlite3.Connection | None = None

    @property
    def copy_path(self) -> Path:
        """Where the copy from before a re-embedding lies until that has succeeded."""
        return self.path.with_name(f"{self.path.name}.before-reembed")

    def write_copy(self) -> None:
        """Writes a copy of the gallery to `copy_path`, in place of an earlier one."""
        try:
            self.copy_path.unlink(missing_ok=True)
            os.close(os.open(self.copy_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise GalleryFileError(
                f"No copy of the gallery can be made: {error.strerror}: {self.copy_path}."
            ) from error
        with self._turn, self.errors():
            self._connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(self.copy_path),))

    def drop_copy(self) -> None:
        self.copy_path.unlink(missing_ok=True)

    @contextmanager
    def copy(self) -> Iterator[sqlite3.Connection | None]:
        if not self.copy_path.is_file():
            yield None
            return
        with closing(sqlite3.connect(f"{self.copy_path.as_uri()}?mode=ro", uri=True)) as connection:
            yield connection

    def seen(self, keys: GalleryKeys) -> SeenPhotos:
        return PhotosFile(self.path, keys, self.timeout)

    def is_outdated(self) -> bool:
        return is_outdated(self._connection)

    def migrate(self) -> int:
        return migrate(self._connection)

    def broken_structure(self) -> Iterator[str]:
        for (text,) in self._connection.execute("PRAGMA integrity_check"):
            if text != "ok":
                yield f"SQLite finds: {text}."
        for table, row, parent, _ in self._connection.execute("PRAGMA foreign_key_check"):
            yield f"Row {row} of {table} belongs to nothing in {parent}."

    def close(self) -> None:
        with self._turn:
            self._connection.close()

    def _open(self) -> None:
        if self._is_made:
            self._open_file()
        else:
            self._begin_in_memory()

    def _begin_reading(self) -> None:
        self._connection.execute("BEGIN")

    def _begin_writing(self) -> None:
        if self._watched is not self._connection and not self.is_outdated():
            watch(self._connection, self.manifest)
            self._watched = self._connection
        self._connection.execute("BEGIN IMMEDIATE")

    def _open_file(self) -> None:
        check_file(self.path)
        with self.errors():
            self._connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=rw",
                uri=True,
                timeout=self.timeout,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _check_objects(self) -> None:
        """Looks at tables and triggers where anybody has changed one since they were looked at last."""
        (change,) = self._connection.execute("PRAGMA schema_version").fetchone()
        if change != self._objects_of:
            check_objects(self._connection, self.path)
            self._objects_of = change

    def _begin_in_memory(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA foreign_keys = ON")
        fill(self._connection, *self._empty)

    def _follow_others(self) -> None:
        if not self._is_made and self.path.exists():
            self._go_over_to_file()

    def _make(self) -> None:
        """Writes what is in memory to the file, unless nothing was changed; if that fails, nothing was."""
        if self._connection.execute("SELECT count(*) FROM changes").fetchone() == (0,):
            return
        try:
            with file_errors(self.path):
                self._before_made()
                write_file(self.path, self._connection)
        except BaseException:
            self._begin_in_memory()
            raise
        self._go_over_to_file()

    def _go_over_to_file(self) -> None:
        self._is_made = True
        try:
            self._open_file()
        except BaseException:
            self._is_made = False
            self._begin_in_memory()
            raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Holds the lock; where no gallery is made in the end, nothing is left of it."""
        if self._is_made:
            with locked(self.path, self.timeout):
                yield
            return
        folders = [folder for folder in self.path.parents if not folder.exists()]  # innermost first
        with file_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with locked(self.path, self.timeout, leaves=lambda: self._is_made):
                yield
        finally:
            if not self._is_made:
                with suppress(OSError):  # somebody else has put something there
                    for folder in folders:
                        folder.rmdir()

    def _prepare(self) -> None:
        with self.errors():
            for setting in _SETTINGS:
                self._connection.execute(setting)
            check_version(self._connection, self.path)
            self._objects_of = None  # that of another connection
            self._check_objects()
        # A deletion was killed before it was through. Where it cannot be finished now, reading still can.
        if self._is_unscrubbed():
            with suppress(GalleryBusyError, GalleryFileError), locked(self.path, self.timeout), self.errors():
                if self._is_unscrubbed():
                    self._scrub()

    def _scrub(self) -> None:
        """Rewrites the file from its live rows and empties the log; the caller holds the lock."""
        self.drop_copy()
        self._connection.execute("VACUUM")
        (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise GalleryBusyError(f"Another process still reads an old state of the gallery {self.path}.")
        self._connection.execute("UPDATE gallery SET traces = 0")

    @contextmanager
    def errors(self) -> Iterator[None]:
        with named_errors(self.path):
            yield


@contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file system, while a gallery is made, into one of the family."""
    try:
        yield
    except OSError as error:
        raise GalleryFileError(f"The gallery {path} cannot be made: {error.strerror}: {error.filename}.") from error
