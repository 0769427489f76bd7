"""One connection to a gallery on a PostgreSQL server.

Who writes holds the lock of the gallery's own row from the first statement of its transaction on, which takes the
gallery's next number: so numbers become visible in the order in which they were given, and nobody who follows them
misses one. Those of a sequence do not: a writer may commit after another one that began later. Readers take no lock and
see the state of the moment at which they began.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext, suppress

from kerasface.gallery.connections import Connection
from kerasface.gallery.database import Database
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.postgres.address import Address
from kerasface.gallery.postgres.connection import PostgresConnection
from kerasface.gallery.postgres.driver import psycopg, sql
from kerasface.gallery.postgres.errors import named_errors
from kerasface.gallery.postgres.schema import (
    MIGRATIONS,
    TABLES,
    check_objects,
    check_version,
    foreign_objects,
    is_there,
    make,
    migrate,
    version_of,
)
from kerasface.gallery.postgres.seen import ServerPhotos
from kerasface.gallery.postgres.server import connect
from kerasface.gallery.postgres.traces import remove_traces, removing
from kerasface.gallery.seen import SeenPhotos
from kerasface.gallery.sqlite.schema import fill
from kerasface.gallery.store import GalleryBusyError, GalleryServerError

# The first statement of a transaction that changes something: it takes the gallery's next number, and with it the turn.
TAKE_TURN = "UPDATE gallery SET version = version + 1 RETURNING version"
_TOLD = f"{TAKE_TURN}, schema_version, pg_catalog.pg_notify(%s, version::text)"
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NUM_LOOKS = 3  # at whether a deletion is through
_PAUSE = 0.05  # seconds between two looks at a server that is being started


class PostgresDatabase(Database):
    """The tables of a gallery in a schema of a server."""

    path: Address
    _schema_version = len(MIGRATIONS)

    def is_outdated(self) -> bool:
        return self._schema_version < len(MIGRATIONS)

    def migrate(self) -> int:
        before = migrate(self._server)
        self._schema_version = len(MIGRATIONS)
        return before

    def broken_structure(self) -> Iterator[str]:
        yield from foreign_objects(self._server, self.path)
        for table in ("samples", "refusals", "changes", "merges"):
            query = f"""SELECT count(*) FROM {table} AS t LEFT JOIN persons AS p USING (person)
                WHERE t.person IS NOT NULL AND p.person IS NULL"""
            if count := self._server.ask(query).fetchone()[0]:
                yield f"{count} rows of {table} belong to nobody."

    def seen(self, keys: GalleryKeys) -> SeenPhotos:
        return ServerPhotos(self, keys)

    @contextmanager
    def photos(self, *, writing: bool) -> Iterator[PostgresConnection | None]:
        """Gives the connection to what is remembered of photos, which is no change of the gallery; `None` where there
        is no gallery yet.
        """
        with self._turn, self.errors():
            if self._connection.in_transaction:
                yield self._server if self._connection is self._server else None
                return
            self._follow_others()
            if not self._is_made:
                yield None
                return
            self._ask_again_if_lost("BEGIN" if writing else _READING)
            with self._ending():
                yield self._server

    def write_copy(self) -> None:
        with self._turn, self.errors():
            self._server.ask("BEGIN")
            with self._ending():
                self.drop_copy()
                self._server.ask(sql.SQL("CREATE SCHEMA {}").format(self._copy_schema))
                for table in map(sql.Identifier, TABLES):
                    copied = sql.SQL("{}.{}").format(self._copy_schema, table)
                    self._server.ask(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(copied, table))
                    self._server.ask(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(copied, table))

    def drop_copy(self) -> None:
        with self._turn, self.errors():
            if self._has_copy():
                self._server.ask(sql.SQL("DROP SCHEMA {} CASCADE").format(self._copy_schema))

    @contextmanager
    def copy(self) -> Iterator[Connection | None]:
        with self._turn, self.errors():
            has_copy = self._has_copy()
        if not has_copy:
            yield None
            return
        former = connect(self.path, self.timeout, f"{self.path.schema}_before_reembed")
        try:
            former.ask(_READING)
            yield former
        finally:
            former.close()

    def what_stays(self) -> str:
        with self.errors():
            query = "SELECT name, setting FROM pg_catalog.pg_settings WHERE name IN ('archive_mode', 'wal_level')"
            settings = dict(self._server.ask(query).fetchall())
        archive = " and its archive" if settings.get("archive_mode", "off") != "off" else ""
        return (
            f"The server's write-ahead log (until it is recycled){archive}, its replicas and its backups still hold "
            "what was deleted, encrypted with the gallery's key."
        )

    @contextmanager
    def waiting(self) -> Iterator[Callable[[float], None]]:
        """Gives what waits until the server tells of a change; where the connection is lost, on a new one."""
        with ExitStack() as stack:
            told = [stack.enter_context(closing(self._listening()))]

            def wait(seconds: float) -> None:
                try:
                    next(told[-1].raw.notifies(timeout=seconds, stop_after=1), None)
                except psycopg.OperationalError:  # what was told meanwhile is found by looking
                    time.sleep(min(seconds, _PAUSE))
                    told.append(stack.enter_context(closing(self._listening())))

            yield wait

    def _listening(self) -> PostgresConnection:
        """A connection of its own that is told of every change."""
        connection = connect(self.path, self.timeout)
        with self.errors():
            connection.ask(sql.SQL("LISTEN {}").format(sql.Identifier(self.path.channel)))
        return connection

    def close(self) -> None:
        with self._turn:
            self._server.close()
            self._nothing.close()

    def errors(self) -> AbstractContextManager[None]:
        return named_errors(self.path, self.timeout)

    def _open(self) -> None:
        self._server = connect(self.path, self.timeout)
        self._nothing = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            if self._is_made:
                self._go_over()
            else:
                fill(self._nothing, *self._empty)
                self._connection = self._nothing
        except BaseException:
            self.close()
            raise

    def _begin_reading(self) -> None:
        if self._is_made:
            self._ask_again_if_lost(_READING)
        else:
            self._nothing.execute("BEGIN")

    def _begin_writing(self) -> None:
        self._ask_again_if_lost("BEGIN")
        self._connection, self._server.note, self._server.last_change = self._server, _nobody, None
        try:
            if not self._is_made:
                self._is_made = not make(self._server, self.path, lambda: self._empty)
            taken = self._server.ask(_TOLD, (self.path.channel,)).fetchone()
            if taken is not None:
                self._take_version(taken[1])
        except BaseException:
            with suppress(Exception):
                self._roll_back()
            raise
        self._server.note = self.manifest.note

    def _locked(self) -> AbstractContextManager[None]:
        return nullcontext()  # the first statement of the transaction locks

    def holds_traces(self) -> bool:
        for _ in range(_NUM_LOOKS):
            if not self._is_unscrubbed():
                return False
            with self._turn, self.errors(), self._removing():
                if not self._is_unscrubbed():
                    return False
            time.sleep(_PAUSE)  # who deletes takes the lock after the commit
        return True

    def _follow_others(self) -> None:
        if not self._is_made and self._find():
            self._go_over()

    def _find(self) -> bool:
        try:
            return is_there(self._server, self.path)
        except psycopg.OperationalError:
            if not self._server.raw.closed:
                raise
            self._reconnect()
            return is_there(self._server, self.path)

    def _make(self) -> None:
        """Nothing is left to do: a gallery is made by the transaction that changes it first."""

    def _go_over(self) -> None:
        """Looks at a gallery that is there, and finishes a deletion that was killed, where that can be done."""
        with self.errors():
            self._connection = self._server
            self._take_version(version_of(self._server))
            self._check_objects()
        self._is_made = True
        if self._is_unscrubbed():
            with suppress(GalleryBusyError, GalleryServerError), self._turn, self.errors(), self._removing():
                if self._is_unscrubbed():
                    self._remove_traces()

    def _take_version(self, version: int) -> None:
        check_version(version, self.path)
        self._schema_version = version

    def _check_objects(self) -> None:
        check_objects(self._server, self.path)

    @property
    def _copy_schema(self) -> sql.Identifier:
        return sql.Identifier(f"{self.path.schema}_before_reembed")

    def _has_copy(self) -> bool:
        query = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"
        return self._server.ask(query, (f"{self.path.schema}_before_reembed",)).fetchone() is not None

    def _ask_again_if_lost(self, begin: str) -> None:
        """Begins a transaction; on a new connection where the old one turns out to be lost."""
        try:
            self._server.ask(begin)
        except psycopg.OperationalError:
            if not self._server.raw.closed:
                raise
            self._reconnect()
            self._server.ask(begin)

    def _reconnect(self) -> None:
        was_used = self._connection is self._server
        self._server = connect(self.path, self.timeout)
        if was_used:
            self._connection = self._server

    def _commit(self) -> None:
        if self._connection is self._server and not self._is_made:
            if self._server.ask("SELECT count(*) FROM changes").fetchone() == (0,):
                self._roll_back()
                return
            self._before_made()
        try:
            super()._commit()
        except psycopg.OperationalError:
            if self._connection is not self._server or not self._server.raw.closed or not self._is_there_after_all():
                raise
        if self._connection is self._server:
            self._is_made = True

    def _is_there_after_all(self) -> bool:
        """Whether a transaction is there whose end nobody has confirmed, as the connection was lost meanwhile.

        Raises:
            GalleryServerError: If that cannot be told.
        """
        change, deadline = self._server.last_change, time.monotonic() + self.timeout
        while change is not None and time.monotonic() < deadline:
            try:
                self._reconnect()
                # As long as the server is still at it, it holds this row.
                self._server.ask("SELECT version FROM gallery FOR UPDATE")
                query = "SELECT substr(sealed, length(sealed) - 15) FROM changes WHERE number = %s"
                row = self._server.ask(query, change[:1]).fetchone()
            except (GalleryServerError, psycopg.OperationalError):
                time.sleep(_PAUSE)
                continue
            if row is None or row[0] is not None:
                return row is not None and row[0] == change[1]
            break
        raise GalleryServerError(
            f"The connection to the gallery {self.path} was lost at the moment at which a change was made durable: it "
            "is there as a whole, or nothing of it is. Look before you do it again."
        )

    def _roll_back(self) -> None:
        try:
            if self._server.in_transaction:
                self._server.ask("ROLLBACK")
            if self._nothing.in_transaction:
                self._nothing.execute("ROLLBACK")
        finally:
            if not self._is_made:
                self._connection = self._nothing

    def _removing(self) -> AbstractContextManager[None]:
        return removing(self._server, self.path.channel)

    def _scrub(self) -> None:
        with self._removing():
            self._remove_traces()

    def _remove_traces(self) -> None:
        remove_traces(self._server, self.path, self.timeout)
        self.drop_copy()
        self._server.ask("UPDATE gallery SET traces = 0")


def _nobody(*_row) -> None:
    """Takes note of nothing."""
