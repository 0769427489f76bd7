"""What is wrong with a gallery's file, if anything."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np

from kerasface.arrays import UNIT_TOLERANCE
from kerasface.gallery.changes.merging import merge_into
from kerasface.gallery.connections import Connection
from kerasface.gallery.database import Database
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.refusals import refusal_of
from kerasface.gallery.rows import PERSONS, Rows
from kerasface.gallery.sealing.acceptance import gone_samples
from kerasface.gallery.sealing.alterations import alterations
from kerasface.gallery.sealing.manifest import (
    NOTHING,
    PERSONAL,
    WHOLE,
    altered_history,
    numbers_of,
    opened_manifest,
    sum_in,
    sums_by_person,
    whole_manifest,
)
from kerasface.gallery.store import Consent, GalleryError
from kerasface.gallery.thumbnails import are_kept
from kerasface.terminal.words import some_names


def find_problems(database: Database, connection: Connection, rows: Rows) -> Iterator[str]:
    """Yields a sentence for everything that is not as it must be, inside the transaction of `connection`."""
    try:
        with database.errors():
            yield from database.broken_structure()
            yield from _broken_tables(connection)
            yield from _other_rows(connection, rows.keys)
            for row in connection.execute(PERSONS):
                yield from _wrong_person(rows, row)
            for row in connection.execute("SELECT sample_id, person, source_tag, template, sealed FROM samples"):
                yield from _wrong_sample(rows, *row)
            for row in connection.execute("SELECT refusal, person, source_tag, sealed FROM refusals"):
                yield from _wrong_refusal(rows, *row)
            for number, person, sealed in connection.execute("SELECT merge, person, sealed FROM merges"):
                yield from _unopened(rows, sealed, merge_into(person), number)
            for read in (rows.own_points, lambda connection: are_kept(connection, rows)):
                try:
                    read(connection)
                except GalleryError as error:
                    yield str(error)
            for number, sealed in connection.execute("SELECT number, sealed FROM changes WHERE sealed IS NOT NULL"):
                yield from _unopened(rows, sealed, "change", number)
    except GalleryError as error:
        yield str(error)


def _broken_tables(connection: Connection) -> Iterator[str]:
    if (count := connection.execute("SELECT count(*) FROM gallery").fetchone()[0]) != 1:
        yield f"The gallery's own row stands there {count} times."
    query = "SELECT count(*) FROM samples WHERE sample_id IN (SELECT sample_id FROM removed)"
    if count := connection.execute(query).fetchone()[0]:
        yield f"{count} samples are there and counted as removed."
    query = "SELECT count(*) FROM samples WHERE changed NOT IN (SELECT number FROM changes)"
    if count := connection.execute(query).fetchone()[0]:
        yield f"{count} samples come from a change that the history does not have."


def _other_rows(connection: Connection, keys: GalleryKeys) -> Iterator[str]:
    """What is not as the manifests say: rows that were deleted, put back, or altered where nothing else seals them."""
    try:
        whole = whole_manifest(keys, connection)
    except GalleryError as error:
        yield str(error)
        return
    yield from _other_people(connection, keys)
    found, wanted = sum_in(keys, connection, "seals"), tuple(whole["seals"])
    if found != wanted:
        yield (
            f"What tells the rows of each person was altered: of {wanted[0]} people that should be there, {found[0]} "
            "are."
        )
    if sum_in(keys, connection, "removed") != tuple(whole["removed"]):
        yield f"The list of deleted samples was altered: it should have {whole['removed'][0]}."
    if gone := gone_samples(connection, whole["numbers"]):
        yield f"Neither there nor deleted: {some_names([f'sample {sample}' for sample in gone])}."
    if sentence := altered_history(keys, connection):
        yield sentence
    if whole["beat"] and sum_in(keys, connection, "gallery") != tuple(whole["gallery"]):
        yield "The gallery's own row was altered."
    if numbers_of(connection) != whole["numbers"]:
        yield "Which numbers were given to rows was altered."


def _other_people(connection: Connection, keys: GalleryKeys) -> Iterator[str]:
    found = sums_by_person(keys, connection)
    seals = dict(connection.execute("SELECT person, sealed FROM seals WHERE person != ?", (WHOLE,)))
    for number in sorted(found.keys() | seals.keys()):
        try:
            wanted = opened_manifest(keys, seals.get(number), number)
        except GalleryError as error:
            yield str(error)
            continue
        present = found.get(number, NOTHING)
        if (is_there := present["persons"][0]) != (should_be := wanted["persons"][0]):
            yield f"The person of row {number} {'is missing' if should_be else 'was deleted, and put back'}."
        for table in PERSONAL[1:]:
            # Where their number is another one, the person itself tells.
            if present[table] != wanted[table] and (
                not is_there or table == "merges" or present[table][0] == wanted[table][0]
            ):
                yield (
                    f"The {table} of the person of row {number} are not those that were sealed: {present[table][0]} "
                    f"are there, {wanted[table][0]} should be."
                )


def _wrong_person(rows: Rows, row: tuple) -> Iterator[str]:
    number, sealed = row[0], row[4]
    try:
        record = rows.keys.open(sealed, "person", number)
    except GalleryError as error:
        yield str(error)
        return
    with suppress(GalleryError):  # of its manifest, which is told of with the others
        wanted = opened_manifest(rows.keys, row[-1], number)
        yield from alterations(rows.keys, row, record, record["consent"] and Consent(**record["consent"]), wanted)


def _wrong_sample(rows: Rows, sample_id: int, person: int, tag: bytes, template: bytes, sealed: bytes) -> Iterator[str]:
    try:
        embedding = np.frombuffer(rows.keys.open_template(template, sample_id, person), dtype="<f4")
        if len(embedding) != rows.embedding_dim or not abs(np.linalg.norm(embedding) - 1) <= UNIT_TOLERANCE:
            yield f"The template of sample {sample_id} is no embedding of length 1."
    except GalleryError as error:
        yield str(error)
    try:
        if rows.keys.tag("source", rows.keys.open(sealed, "sample", sample_id)["source_hash"]) != tag:
            yield f"Sample {sample_id} is not found by its source."
    except GalleryError as error:
        yield str(error)


def _wrong_refusal(rows: Rows, row: int, person: int, tag: bytes, sealed: bytes) -> Iterator[str]:
    try:
        if rows.keys.tag("source", rows.keys.open(sealed, refusal_of(person), row)[0]) != tag:
            yield f"Refusal {row} is not found by its source."
    except GalleryError as error:
        yield str(error)


def _unopened(rows: Rows, sealed: bytes, kind: str, number: int) -> Iterator[str]:
    try:
        rows.keys.open(sealed, kind, number)
    except GalleryError as error:
        yield str(error)
