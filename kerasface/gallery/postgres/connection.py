"""A connection to PostgreSQL that takes the statements of a gallery, and tells of every row that comes or goes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from kerasface.gallery.postgres.driver import psycopg, sql
from kerasface.gallery.postgres.schema import NUMBERED
from kerasface.gallery.postgres.statements import Statement, statement_of

_AT_ONCE = 5000  # rows that are fetched together of a long answer
_NUMBER = """INSERT INTO numbers VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET seq = greatest(numbers.seq, excluded.seq)"""


class _Rows:
    """Rows that are fetched as they are needed."""

    def __init__(self, rows: Iterator[tuple]):
        self._rows = rows

    def __iter__(self) -> Iterator[tuple]:
        return self._rows

    def fetchone(self) -> tuple | None:
        return next(self._rows, None)

    def fetchall(self) -> list[tuple]:
        return list(self._rows)


class PostgresConnection:
    """What a `sqlite3.Connection` is to the statements of a gallery.

    Args:
        raw: The connection of psycopg, in autocommit: transactions begin and end by statements.

    Attributes:
        raw: The connection of psycopg.
        note: Called with table, 1 or -1, and what `manifest.columns_of` selects of each row that came or went.
        last_change: Number and end of the seal of the last row that came into the history.
    """

    def __init__(self, raw: psycopg.Connection):
        self.raw = raw
        self.note: Callable[..., None] = lambda *row: None
        self.last_change: tuple[int, bytes] | None = None
        self._num_streams = 0

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction has begun and not ended."""
        return self.raw.info.transaction_status not in (
            psycopg.pq.TransactionStatus.IDLE,
            psycopg.pq.TransactionStatus.UNKNOWN,
        )

    def execute(self, text: str, values: Sequence[Any] = ()) -> "psycopg.Cursor | _Rows":
        """Executes a statement of a gallery; one that changes rows notes them."""
        statement = statement_of(text)
        if statement.is_long:
            return _Rows(self._stream(statement.text, values))
        if not statement.kind:
            return self.ask(statement.text, values)
        old = self.ask(statement.before, values[statement.num_new :]).fetchall() if statement.before else ()
        cursor = self.ask(statement.text, values)
        self._note(statement, old, cursor.fetchall())
        return cursor

    def executemany(self, text: str, values: Iterable[Sequence[Any]]) -> None:
        """Executes a statement of a gallery once for each sequence of values; rows that come are sent together."""
        statement, values = statement_of(text), list(values)
        if statement.before:
            for row in values:
                self.execute(text, row)
            return
        if not values:
            return
        with self.raw.cursor(binary=True) as cursor:
            cursor.executemany(statement.text, values, returning=bool(statement.kind))
            if not statement.kind:
                return
            rows = cursor.fetchall()
            while cursor.nextset():
                rows += cursor.fetchall()
        self._note(statement, (), rows)

    def ask(self, text: str | sql.Composed, values: Sequence[Any] = ()) -> psycopg.Cursor:
        """Executes a statement as PostgreSQL says it."""
        return self.raw.execute(text, values or None, binary=True)

    def close(self) -> None:
        """Closes the connection."""
        self.raw.close()

    def _stream(self, text: str, values: Sequence[Any]) -> Iterator[tuple]:
        self._num_streams += 1
        with self.raw.cursor(f"rows{self._num_streams}") as cursor:
            cursor.itersize = _AT_ONCE
            cursor.execute(text, values or None, binary=True)
            yield from cursor

    def _note(self, statement: Statement, old: Sequence[tuple], rows: Sequence[tuple]) -> None:
        """Notes the rows that a statement changed; of an UPDATE `old` ones went, of a DELETE `rows` did."""
        if statement.kind == "DELETE FROM":
            old, rows = rows, ()
        for sign, changed in ((-1, old), (1, rows)):
            for row in changed:
                self.note(statement.table, sign, *row)
        if statement.kind != "INSERT INTO" or not rows:
            return
        if statement.table in NUMBERED:
            self.ask(_NUMBER, (statement.table, max(row[0] for row in rows)))
        if statement.table == "changes":
            self.last_change = (rows[-1][0], rows[-1][-1])
