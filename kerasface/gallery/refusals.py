"""Rows of "not this person", each sealed for its person, whose record names it: none comes or goes unseen."""

from collections.abc import Callable, Iterable

from kerasface.gallery.connections import Connection
from kerasface.gallery.rows import Rows, next_number
from kerasface.gallery.store import Refusal


def add_refusal(connection: Connection, rows: Rows, number: int, refusal: Refusal) -> None:
    """Records that a face is not the person of a number."""
    row, tag = next_number(connection, "refusals"), rows.keys.tag("source", refusal.source_hash)
    sealed = rows.keys.seal([refusal.source_hash, refusal.box], refusal_of(number), row)
    connection.execute("INSERT INTO refusals VALUES (?, ?, ?, ?)", (row, number, tag, sealed))
    _change(connection, rows, number, lambda known: [*known, row])


def delete_refusals(connection: Connection, rows: Rows, number: int, refusals: Iterable[int]) -> None:
    """Deletes some refusals of a person."""
    gone = set(refusals)
    connection.executemany("DELETE FROM refusals WHERE refusal = ?", [(row,) for row in gone])
    _change(connection, rows, number, lambda known: [row for row in known if row not in gone])


def move_refusals(connection: Connection, rows: Rows, refusals: Iterable[int], old: int, new: int) -> None:
    """Gives refusals of one person to another; they are sealed anew for it."""
    moved = list(refusals)
    for row in moved:
        (sealed,) = connection.execute("SELECT sealed FROM refusals WHERE refusal = ?", (row,)).fetchone()
        sealed = rows.keys.seal(_opened(rows, sealed, old, row), refusal_of(new), row)
        connection.execute("UPDATE refusals SET person = ?, sealed = ? WHERE refusal = ?", (new, sealed, row))
    _change(connection, rows, old, lambda known: [row for row in known if row not in moved])
    _change(connection, rows, new, lambda known: [*known, *moved])


def refusal_numbers(connection: Connection, number: int) -> list[int]:
    """Returns the numbers of a person's refusals, oldest first."""
    found = connection.execute("SELECT refusal FROM refusals WHERE person = ? ORDER BY refusal", (number,))
    return [row for (row,) in found]


def find_refusals(
    connection: Connection, rows: Rows, column: str | None = None, value=None
) -> list[tuple[int, Refusal]]:
    """Returns number and record of the refusals whose `column` has a value, oldest first; all without a column."""
    where = "" if column is None else f"WHERE {column} = ?"
    found = connection.execute(
        f"SELECT refusal, person, sealed FROM refusals {where} ORDER BY refusal", () if column is None else (value,)
    ).fetchall()
    ids = {number: rows.record_of(connection, number)["person_id"] for number in {number for _, number, _ in found}}
    return [(row, Refusal(*_opened(rows, sealed, number, row), ids[number])) for row, number, sealed in found]


def same_refusals(connection: Connection, rows: Rows, number: int, refusal: Refusal) -> list[int]:
    """Returns the numbers of a person's refusals of the same face of the same file."""
    wanted = (refusal.source_hash, refusal.box)
    found = find_refusals(connection, rows, "person", number)
    return [row for row, known in found if (known.source_hash, known.box) == wanted]


def accept_refusals(connection: Connection, rows: Rows, number: int) -> None:
    """Takes the refusals that there are of a person for all there should be, whoever altered them."""
    present = [row for row, _ in find_refusals(connection, rows, "person", number)]
    _change(connection, rows, number, lambda known: present)


def refusal_of(person: int) -> str:
    """Returns as what a refusal is sealed: for its person."""
    return f"refusal of person {person}"


def _change(connection: Connection, rows: Rows, number: int, change: Callable[[list[int]], list[int]]) -> None:
    record = rows.record_of(connection, number)
    record["refusals"] = sorted(change(record["refusals"]))
    sealed = rows.keys.seal(record, "person", number)
    connection.execute("UPDATE persons SET sealed = ? WHERE person = ?", (sealed, number))


def _opened(rows: Rows, sealed: bytes, number: int, row: int) -> tuple[str, tuple[float, ...]]:
    """Hash and box of a refusal of a person."""
    source_hash, box = rows.keys.open(sealed, refusal_of(number), row)
    return source_hash, tuple(box)
