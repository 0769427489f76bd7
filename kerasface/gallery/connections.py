"""What the statements of a gallery need of a connection, whichever database it leads to."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Cursor(Protocol):
    """What a statement gave."""

    def fetchone(self) -> tuple | None:
        """Returns the next row."""

    def fetchall(self) -> list[tuple]:
        """Returns all rows that are left."""

    def __iter__(self) -> Iterator[tuple]:
        """Gives the rows that are left."""


class Connection(Protocol):
    """A connection to the tables of a gallery: SQLite's own, or one that says the same to PostgreSQL.

    Statements are written once, in what SQLite understands, with `?` for values; `postgres.statements` has the words
    that PostgreSQL calls differently.

    Attributes:
        in_transaction: Whether a transaction has begun and not ended.
    """

    in_transaction: bool

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Executes one statement."""

    def executemany(self, statement: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Executes a statement that changes rows once for each sequence of values."""
