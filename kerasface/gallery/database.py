"""One connection to a gallery's file: transactions that threads and processes take in turns, and errors with names.

SQLite 3.7.0 to 3.51.2 can lose pages when one connection writes while another one checkpoints (the WAL-reset bug). So
whoever writes here also holds an exclusive lock on a file beside the gallery, which the system frees when the process
ends in any way. SQLite checkpoints within COMMIT, hence under that lock; when the last connection is closed it does so
alone. Readers take no lock and see the state of the moment at which they began.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kerasface.gallery.errors import named_errors
from kerasface.gallery.locking import locked
from kerasface.gallery.schema import (
    check_file,
    check_objects,
    check_version,
    create_file,
    fill,
    is_outdated,
    write_file,
)
from kerasface.gallery.sealing.latest import GalleryOlderError, Latest
from kerasface.gallery.sealing.manifest import Manifest
from kerasface.gallery.store import (
    GalleryBusyError,
    GalleryError,
    GalleryFileError,
)

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


class Database:
    """A gallery's file.

    Threads may share it; they take turns.

    Args:
        path: The file.
        timeout: Seconds to wait for other processes.
        empty: What `schema.fill` makes a gallery of where the file does not exist: it is in memory then, and becomes a
            file with the first change that is made of it, or is given up for the file that another process has made.
            If not given, the file must exist.
        before_file: Called before it becomes a file.

    Attributes:
        path: The file, with links resolved: processes that name it differently share its lock.
        manifest: Tells which rows must be in it.
        is_noted: Whether its latest state is noted in the user's configuration folder.

    Raises:
        GalleryError: One of the family, if it is no gallery or cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        timeout: float,
        empty: tuple | None = None,
        before_file: Callable[[], object] = lambda: None,
    ):
        self.path, self.timeout, self._empty, self._before_file = path, timeout, empty, before_file
        self._turn = threading.RLock()
        self._is_writing = self._has_traces = False
        self.manifest, self.is_noted = Manifest(), True
        self._is_made = empty is None
        self._objects_of: int | None = None
        if self._is_made:
            self._open_file()
        else:
            self._begin_in_memory()

    @contextmanager
    def read(self, *, even_older: bool = False) -> Iterator[sqlite3.Connection]:
        """Gives the connection; all that is read inside belongs to one moment.

        Args:
            even_older: Whether the file may be an older copy than this machine has seen.
        """
        with self._turn, self._errors():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._follow_others()
            # Before the moment that is read: who writes notes it afterwards.
            seen = None if even_older else self._recalled()
            self._connection.execute("BEGIN")
            with self._ending():
                self._check_age(seen)
                yield self._connection

    @contextmanager
    def write(self, *, even_older: bool = False) -> Iterator[sqlite3.Connection]:
        """Gives the connection; what is written inside is durable when this ends, or undone if an error leaves it.

        Inside another `write` it becomes part of that one, and is undone alone if an error leaves it.

        Args:
            even_older: As for `read`.
        """
        with self._turn, self._errors():
            if self._is_writing:
                with self._savepoint():
                    yield self._connection
                return
            if self._connection.in_transaction:
                raise GalleryError("Nothing can be changed inside a snapshot. Use a transaction instead.")
            self._has_traces = False
            with self._locked():
                self._follow_others()
                if not is_outdated(self._connection):
                    self.manifest.watch(self._connection)
                self._connection.execute("BEGIN IMMEDIATE")
                with self._ending():
                    self._check_objects()
                    self._check_age(None if even_older else self._recalled())
                    self._is_writing = True
                    yield self._connection
                    self.manifest.finish(self._connection)
                if not self._is_made:
                    self._make_file()
                self.note_seen()
                if self._has_traces:
                    self._scrub_after_commit()

    def leave_no_traces(self) -> None:
        """Asks, inside `write`, for the removal of what the deleted rows left in the file and its logs."""
        self._connection.execute("UPDATE gallery SET traces = 1")
        self._has_traces = True

    def holds_traces(self) -> bool:
        """Whether a deletion is not through although nobody is at it any more."""
        if not self._is_unscrubbed():
            return False
        with locked(self.path, self.timeout):
            return self._is_unscrubbed()

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
        with self._turn, self._errors():
            self._connection.execute("VACUUM INTO CAST(? AS TEXT)", (os.fsencode(self.copy_path),))

    @property
    def latest(self) -> Latest | None:
        """What this machine has seen of the file; `None` where that is not noted: not of one without keys or file."""
        keys = self.manifest.keys
        return Latest(self.path, keys) if self._is_made and self.is_noted and keys is not None else None

    def accept_as_latest(self) -> None:
        """Takes all rows for what they should be, inside `write`, in the latest state there was."""
        seen, beat = self.latest, 0
        if seen is not None:
            try:
                beat = (seen.recall() or (0, ""))[0]
            except GalleryOlderError:  # the note is damaged
                seen.forget()
        self.manifest.accept(self._connection, beat)

    def note_seen(self) -> bool:
        """Notes the state of the file if it is later than any that was seen; returns whether that could be written."""
        if (seen := self.latest) is None:
            return True
        with self._turn, self._errors():
            beat, state = self._stamp()
        with suppress(GalleryOlderError):  # its note is damaged: that stays until it is accepted
            if beat > (seen.recall() or (0, ""))[0]:
                return seen.note(beat, state)
        return True

    def _recalled(self) -> tuple[int, str] | None:
        return None if (seen := self.latest) is None else seen.recall()

    def _check_age(self, recalled: tuple[int, str] | None) -> None:
        if recalled is not None:
            self.latest.check(recalled, self._stamp())

    def _stamp(self) -> tuple[int, str]:
        # A file of before there were manifests is older than any that has them.
        return (0, "") if is_outdated(self._connection) else self.manifest.stamp(self._connection)

    def close(self) -> None:
        """Closes the connection; calling it again does nothing."""
        with self._turn:
            self._connection.close()

    def _open_file(self) -> None:
        check_file(self.path)
        with self._errors():
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
        """Goes over to the file that another process has made meanwhile; what is in memory is empty."""
        if not self._is_made and self.path.exists():
            self._go_over_to_file()

    def _make_file(self) -> None:
        """Writes what is in memory to the file, unless nothing was changed; if that fails, nothing was."""
        if self._connection.execute("SELECT count(*) FROM changes").fetchone() == (0,):
            return
        try:
            with _file_errors(self.path):
                self._before_file()
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
        with _file_errors(self.path):
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
        with self._errors():
            for setting in _SETTINGS:
                self._connection.execute(setting)
            check_version(self._connection, self.path)
            self._objects_of = None  # that of another connection
            self._check_objects()
        # A deletion was killed before it was through. Where it cannot be finished now, reading still can.
        if self._is_unscrubbed():
            with suppress(GalleryBusyError, GalleryFileError), locked(self.path, self.timeout), self._errors():
                if self._is_unscrubbed():
                    self._scrub()

    def _is_unscrubbed(self) -> bool:
        with self.read(even_older=True) as connection:
            return any(traces for (traces,) in connection.execute("SELECT traces FROM gallery"))

    def _scrub_after_commit(self) -> None:
        try:
            with self._errors():
                self._scrub()
        except GalleryError as error:
            raise type(error)(
                "What was asked is done, but what was deleted may still be in the gallery's files, encrypted. "
                f"The next deletion or opening removes it. The reason: {error}"
            ) from error

    def _scrub(self) -> None:
        """Rewrites the file from its live rows and empties the log; the caller holds the lock."""
        self.copy_path.unlink(missing_ok=True)
        self._connection.execute("VACUUM")
        (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise GalleryBusyError(f"Another process still reads an old state of the gallery {self.path}.")
        self._connection.execute("UPDATE gallery SET traces = 0")

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends the transaction: COMMIT, or ROLLBACK if an error leaves it."""
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # After some errors of the disk SQLite has rolled back by itself.
            if self._connection.in_transaction:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise
        finally:
            self._is_writing = False
            self.manifest.forget()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self.manifest.finish(self._connection)
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.manifest.forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK TO part")
                self._connection.execute("RELEASE part")
            raise
        self._connection.execute("RELEASE part")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        with named_errors(self.path):
            yield


def create_database(path: Path, timeout: float, content: Callable[[], tuple]) -> None:
    """Makes an empty gallery at `path` unless another process did so in the meantime.

    Args:
        path: The file, links resolved; its folder is made if missing.
        timeout: Seconds to wait for other processes.
        content: Called only if the file must be made; returns the arguments of `schema.create_file` after the path.

    Raises:
        GalleryFileError: If the folder or the disk refuses.
        GalleryDamagedError: If the log of a vanished gallery lies there.
    """
    if path.exists():
        return
    with _file_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with locked(path, timeout), named_errors(path):
            if not path.exists():
                create_file(path, *content())


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    """Turns errors of the file system, while a gallery is made, into one of the family."""
    try:
        yield
    except OSError as error:
        raise GalleryFileError(f"The gallery {path} cannot be made: {error.strerror}: {error.filename}.") from error
