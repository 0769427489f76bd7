"""The statements of a gallery, which are written for SQLite, as PostgreSQL says them."""

import re
from dataclasses import dataclass
from functools import cache

from kerasface.gallery.sealing.manifest import WATCHED, columns_of

# What the two call differently. `numbers` holds the last number that each table gave, as `sqlite_sequence` does.
_WORDS = (
    (" NOT INDEXED", ""),
    ("group_concat(r.refusal)", "string_agg(r.refusal::text, ',')"),
    ("sqlite_sequence", "numbers"),
)
_LAST_BYTES = re.compile(r"substr\(([\w.]+), -(\d+)\)")
# Statements whose rows may be a million: they are fetched as they are needed.
_ALL = r"FROM (persons AS p|persons|samples|removed|refusals|changes|merges|seals)( WHERE person != 0)? ?$"
_LONG = re.compile(rf"SELECT (?!count|max|coalesce).*( NOT INDEXED\b|{_ALL})", re.DOTALL)
_CHANGE = re.compile(r"(INSERT INTO|DELETE FROM|UPDATE) (\w+)\b")


@dataclass(frozen=True)
class Statement:
    """A statement for PostgreSQL.

    Attributes:
        text: The statement, with `%s` for values; one that changes rows that are noted returns them.
        is_long: Whether its rows are fetched as they are needed.
        kind: `"INSERT INTO"`, `"DELETE FROM"` or `"UPDATE"` of a table whose rows are noted; else empty.
        table: That table.
        before: What selects the rows that an UPDATE is going to change; else empty.
        num_new: How many of the values of an UPDATE are new ones; the others say of which rows.
    """

    text: str
    is_long: bool = False
    kind: str = ""
    table: str = ""
    before: str = ""
    num_new: int = 0


@cache
def statement_of(text: str) -> Statement:
    """Returns what PostgreSQL is told for a statement of a gallery."""
    told = _told(text)
    change = _CHANGE.match(text)
    if change is None or change[2] not in WATCHED:
        return Statement(told, is_long=_LONG.match(text) is not None)
    kind, table = change.groups()
    columns = _told(columns_of(table))
    returning = f"{told} RETURNING {columns}"
    if kind != "UPDATE":
        return Statement(returning, kind=kind, table=table)
    new, where, which = told.partition(" WHERE ")
    before = f"SELECT {columns} FROM {table}{where}{which}"
    return Statement(returning, kind=kind, table=table, before=before, num_new=new.count("%s"))


def _told(text: str) -> str:
    for words, others in _WORDS:
        text = text.replace(words, others)
    return _LAST_BYTES.sub(lambda found: f"substr({found[1]}, length({found[1]}) - {int(found[2]) - 1})", text).replace(
        "?", "%s"
    )
