"""One connection to the tables of a gallery: transactions that threads and processes take in turns.

What all databases have in common; `sqlite.database` and `postgres.database` say how theirs begins, locks and ends.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.gallery.connections import Connection
from kerasface.gallery.sealing.latest import GalleryOlderError, Latest
from kerasface.gallery.sealing.manifest import Manifest
from kerasface.gallery.store import GalleryError

if TYPE_CHECKING:
    from kerasface.gallery.keys import GalleryKeys
    from kerasface.gallery.postgres.address import Address
    from kerasface.gallery.seen import SeenPhotos

_PAUSE = 0.05  # seconds between two looks at a gallery of which nobody tells that it was changed


class Database(ABC):
    """The tables of a gallery.

    Threads may share it; they take turns.

    Args:
        path: Where they are: a file, or an address, which is shown without its password.
        timeout: Seconds to wait for others.
        empty: What an empty gallery is made of, where there is none yet: the first change makes it, unless another
            process has made one meanwhile, which is used then. If not given, there must be one.
        before_made: Called before it is made.

    Attributes:
        path: Where the tables are.
        timeout: Seconds to wait for others.
        manifest: Tells which rows must be in them.
        is_noted: Whether their latest state is noted in the user's configuration folder.

    Raises:
        GalleryError: One of the family, if it is no gallery or cannot be opened.
    """

    SEALED_SINCE = 0  # the version of the schema from which on all that is believed is sealed
    _connection: Connection

    def __init__(
        self,
        path: "Path | Address",
        timeout: float,
        empty: tuple | None = None,
        before_made: Callable[[], object] = lambda: None,
    ):
        self.path, self.timeout, self._is_made = path, timeout, empty is None
        self._empty, self._before_made = empty, before_made
        self._turn = threading.RLock()
        self._is_writing = self._has_traces = False
        self.manifest, self.is_noted = Manifest(), True
        self._open()

    @contextmanager
    def read(self, *, even_older: bool = False) -> Iterator[Connection]:
        """Gives the connection; all that is read inside belongs to one moment.

        Args:
            even_older: Whether the gallery may be an older copy than this machine has seen.
        """
        with self._turn, self.errors():
            if self._connection.in_transaction:
                yield self._connection
                return
            self._follow_others()
            # Before the moment that is read: who writes notes it afterwards.
            seen = None if even_older else self._recalled()
            self._begin_reading()
            with self._ending():
                self._check_age(seen)
                yield self._connection

    @contextmanager
    def write(self, *, even_older: bool = False) -> Iterator[Connection]:
        """Gives the connection; what is written inside is durable when this ends, or undone if an error leaves it.

        Inside another `write` it becomes part of that one, and is undone alone if an error leaves it.

        Args:
            even_older: As for `read`.
        """
        with self._turn, self.errors():
            if self._is_writing:
                with self._savepoint():
                    yield self._connection
                return
            if self._connection.in_transaction:
                raise GalleryError("Nothing can be changed inside a snapshot. Use a transaction instead.")
            self._has_traces = False
            with self._locked():
                self._follow_others()
                self._begin_writing()
                with self._ending():
                    self._check_objects()
                    self._check_age(None if even_older else self._recalled())
                    self._is_writing = True
                    yield self._connection
                    self.manifest.finish(self._connection)
                    stamp = self._stamp()
                if not self._is_made:
                    self._make()
                self.note_seen(stamp)
                if self._has_traces:
                    self._scrub_after_commit()

    def leave_no_traces(self) -> None:
        """Asks, inside `write`, for the removal of what the deleted rows left in the gallery's files."""
        self._connection.execute("UPDATE gallery SET traces = 1")
        self._has_traces = True

    def holds_traces(self) -> bool:
        """Whether a deletion is not through although nobody is at it any more."""
        if not self._is_unscrubbed():
            return False
        with self._locked():
            return self._is_unscrubbed()

    @property
    def latest(self) -> Latest | None:
        """What this machine has seen of the gallery; `None` where that is not noted: without keys, or a gallery."""
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

    def note_seen(self, stamp: tuple[int, str] | None = None) -> bool:
        """Notes the gallery's state if it is later than any that was seen; returns whether that could be written.

        Args:
            stamp: Of the state; read from the gallery if not given.
        """
        if (seen := self.latest) is None:
            return True
        if stamp is None:
            with self.read(even_older=True):
                stamp = self._stamp()
        beat, state = stamp
        with suppress(GalleryOlderError):  # its note is damaged: that stays until it is accepted
            if beat > (seen.recall() or (0, ""))[0]:
                return seen.note(beat, state)
        return True

    @abstractmethod
    def is_outdated(self) -> bool:
        """Whether there are migrations that the gallery has not seen."""

    @abstractmethod
    def migrate(self) -> int:
        """Runs, inside `write`, the migrations that the gallery has not seen; returns the version that it had."""

    @abstractmethod
    def broken_structure(self) -> Iterator[str]:
        """Yields, inside `read`, a sentence for what the database itself finds wrong."""

    @abstractmethod
    def write_copy(self) -> None:
        """Keeps a copy of the gallery, in place of an earlier one, until something is deleted."""

    @abstractmethod
    def drop_copy(self) -> None:
        """Drops the copy, if there is one."""

    @abstractmethod
    def copy(self) -> AbstractContextManager[Connection | None]:
        """Gives a connection to the copy, or `None` where there is none."""

    @abstractmethod
    def seen(self, keys: "GalleryKeys") -> "SeenPhotos":
        """Returns what is remembered of photos next to the gallery."""

    @contextmanager
    def waiting(self) -> Iterator[Callable[[float], None]]:
        """Gives what waits for a change, or for as many seconds as it is given; it may come back earlier."""
        yield lambda seconds: time.sleep(min(seconds, _PAUSE))

    def what_stays(self) -> str:
        """Returns in a sentence what still holds, encrypted, what was deleted; empty where nothing is known to."""
        return ""

    @abstractmethod
    def close(self) -> None:
        """Closes the connection; calling it again does nothing."""

    @abstractmethod
    def errors(self) -> AbstractContextManager[None]:
        """Turns what the database says into errors of the family that name the gallery."""

    @abstractmethod
    def _open(self) -> None:
        """Opens the gallery, or begins one that the first change makes."""

    @abstractmethod
    def _begin_reading(self) -> None:
        """Begins a transaction that sees one moment."""

    @abstractmethod
    def _begin_writing(self) -> None:
        """Begins a transaction that sees all that was committed, and whose changes the manifest is told of."""

    @abstractmethod
    def _locked(self) -> AbstractContextManager[None]:
        """Keeps others from writing meanwhile, where the transaction itself does not."""

    @abstractmethod
    def _follow_others(self) -> None:
        """Goes over to the gallery that another process has made meanwhile; what is here is empty."""

    @abstractmethod
    def _make(self) -> None:
        """Makes what the first change was made of a gallery, unless it changed nothing."""

    @abstractmethod
    def _check_objects(self) -> None:
        """Refuses tables that somebody else has changed."""

    @abstractmethod
    def _scrub(self) -> None:
        """Removes what deleted rows have left; the caller keeps others from writing."""

    def _commit(self) -> None:
        self._connection.execute("COMMIT")

    def _roll_back(self) -> None:
        # After some errors of the disk SQLite has rolled back by itself.
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _recalled(self) -> tuple[int, str] | None:
        return None if (seen := self.latest) is None else seen.recall()

    def _check_age(self, recalled: tuple[int, str] | None) -> None:
        if recalled is not None:
            self.latest.check(recalled, self._stamp())

    def _stamp(self) -> tuple[int, str]:
        # A file of before there were manifests is older than any that has them.
        return (0, "") if self.is_outdated() else self.manifest.stamp(self._connection)

    def _is_unscrubbed(self) -> bool:
        with self.read(even_older=True) as connection:
            return any(traces for (traces,) in connection.execute("SELECT traces FROM gallery"))

    def _scrub_after_commit(self) -> None:
        try:
            with self.errors():
                self._scrub()
        except GalleryError as error:
            raise type(error)(
                "What was asked is done, but what was deleted may still be in the gallery's files, encrypted. "
                f"The next deletion or opening removes it. The reason: {error}"
            ) from error

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Ends the transaction: COMMIT, or ROLLBACK if an error leaves it."""
        try:
            yield
            self._commit()
        except BaseException:
            with suppress(Exception):  # what led here is what must be told
                self._roll_back()
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
