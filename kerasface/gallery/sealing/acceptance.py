"""A gallery taken as it was found, by who has the key: what is sealed is believed, the rest written anew by it."""

import secrets
from contextlib import suppress

from kerasface.gallery.connections import Connection
from kerasface.gallery.refusals import accept_refusals, refusal_of
from kerasface.gallery.rows import PERSONS, Rows
from kerasface.gallery.sealing.manifest import numbers_of
from kerasface.gallery.store import Consent, GalleryDamagedError


def put_right(connection: Connection, rows: Rows, change: int) -> None:
    """Writes anew whatever is not sealed; rows that do not open stay as they are.

    Args:
        connection: In a transaction.
        rows: Of the gallery.
        change: Number of the change that this is.
    """
    _put_people_right(connection, rows)
    for table, number, kind in (("samples", "sample_id", lambda _: "sample"), ("refusals", "refusal", refusal_of)):
        found = connection.execute(f"SELECT {number}, person, source_tag, sealed FROM {table}").fetchall()
        for row, person, tag, sealed in found:
            with suppress(GalleryDamagedError):
                record = rows.keys.open(sealed, kind(person), row)
                right = rows.keys.tag("source", record["source_hash"] if table == "samples" else record[0])
                if right != tag:
                    connection.execute(f"UPDATE {table} SET source_tag = ? WHERE {number} = ?", (right, row))
    connection.execute("DELETE FROM removed WHERE sample_id IN (SELECT sample_id FROM samples)")
    # Search indexes that follow drop who is gone.
    gone = [(sample_id, change) for sample_id in gone_samples(connection, numbers_of(connection))]
    connection.executemany("INSERT INTO removed VALUES (?, ?)", gone)


def gone_samples(connection: Connection, numbers: dict[str, int]) -> list[int]:
    """Returns the samples that are neither there nor deleted, though their numbers were given."""
    known = {sample_id for (sample_id,) in connection.execute("SELECT sample_id FROM samples NOT INDEXED")}
    known |= {sample_id for (sample_id,) in connection.execute("SELECT sample_id FROM removed")}
    return [sample_id for sample_id in range(1, numbers.get("samples", 0) + 1) if sample_id not in known]


def _put_people_right(connection: Connection, rows: Rows) -> None:
    people = {}
    for row in connection.execute(PERSONS).fetchall():
        with suppress(GalleryDamagedError):
            record = rows.record_of(connection, row[0])
            consent = record["consent"] and Consent(**record["consent"])
            if row[1:4] != (record["person_id"], rows.keys.tag("name", record["name"]), consent and consent.expiry):
                people[row[0]] = record["name"], consent
            accept_refusals(connection, rows, row[0])
    # Two of them may have one another's names.
    for number in people:
        connection.execute(
            "UPDATE persons SET person_id = ?, name_tag = ? WHERE person = ?",
            (secrets.token_hex(8), secrets.token_bytes(16), number),
        )
    for number, (name, consent) in people.items():
        rows.update_person(connection, number, name, consent)
