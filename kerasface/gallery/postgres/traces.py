"""What deleted rows leave in the files of a server's tables, and its removal."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kerasface.gallery.postgres.address import Address
from kerasface.gallery.postgres.connection import PostgresConnection
from kerasface.gallery.postgres.driver import psycopg, sql
from kerasface.gallery.postgres.schema import TABLES, owns_tables
from kerasface.gallery.postgres.server import in_milliseconds
from kerasface.gallery.store import GalleryBusyError, GalleryServerError

_FIRST_NUMBER = re.compile(r"\d+")
_SHORT = "500ms"  # that readers may have to wait for who removes traces
_PAUSE = 0.05  # seconds between two tries


@contextmanager
def removing(connection: PostgresConnection, channel: str) -> Iterator[None]:
    """Holds the lock of who removes traces: whoever checks meanwhile waits for it."""
    connection.ask("SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtext(%s))", (channel,))
    try:
        yield
    finally:
        with suppress(psycopg.OperationalError):  # a lost connection holds nothing
            connection.ask("SELECT pg_catalog.pg_advisory_unlock_all()")


def remove_traces(connection: PostgresConnection, address: Address, timeout: float) -> None:
    """Writes all tables anew from their live rows.

    Raises:
        GalleryServerError: If they belong to somebody else.
        GalleryBusyError: If others read an old state, or hold a table, for longer than `timeout` seconds.
    """
    if not owns_tables(connection, address):
        raise GalleryServerError(f"Only who owns the tables of the gallery {address} may write them anew.")
    deadline = time.monotonic() + timeout
    set_timeout = "SELECT pg_catalog.set_config('lock_timeout', %s, false)"
    connection.ask(set_timeout, (_SHORT,))  # whoever comes after one who waits for a table waits, too
    try:
        while _num_held_rows(connection):
            if time.monotonic() >= deadline:
                raise GalleryBusyError(f"Another process still reads an old state of the gallery {address}.")
            time.sleep(_PAUSE)
    finally:
        connection.ask(set_timeout, (in_milliseconds(timeout),))


def _num_held_rows(connection: PostgresConnection) -> int:
    """Writes the tables anew; returns how many dead rows somebody who reads an old state still holds."""
    held: list[int] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        # "1 dead row versions cannot be removed yet", in the server's language
        if number := _FIRST_NUMBER.search(notice.message_detail or ""):
            held.append(int(number[0]))

    connection.raw.add_notice_handler(note)
    try:
        for table in (*(table for table in TABLES if table != "gallery"), "photos"):
            connection.ask(sql.SQL("VACUUM (FULL, VERBOSE) {}").format(sql.Identifier(table)))
    except psycopg.errors.LockNotAvailable:
        held.append(1)
    finally:
        connection.raw.remove_notice_handler(note)
    return sum(held)
