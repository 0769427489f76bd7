"""Rows of a gallery as records and back: what is sealed on the way in is opened on the way out."""

import base64
import hashlib
import marshal
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace

import numpy as np
from cryptography.exceptions import InvalidTag

from kerasface.gallery.checks import is_person_id, normal_name
from kerasface.gallery.connections import Connection
from kerasface.gallery.keys import NONCE_BYTES, GalleryKeys, damaged_template, template_place
from kerasface.gallery.sealing.alterations import alterations
from kerasface.gallery.sealing.manifest import NONE, NOTHING, Manifest, Sum, opened_manifest, sums_by_person
from kerasface.gallery.store import (
    Change,
    Consent,
    GalleryDamagedError,
    NameTakenError,
    NoSuchPersonError,
    Person,
    Sample,
    now_text,
)

KEEP_POINTS, FORGET_POINTS, _OWN_POINTS = "keep_points", "forget_points", "thresholds of one's own"
# number, id, tag of the name, end of the consent, record, number of samples, numbers of the refusals, manifest
PERSONS = """SELECT p.person, p.person_id, p.name_tag, p.expires, p.sealed,
    (SELECT count(*) FROM samples AS s WHERE s.person = p.person),
    (SELECT group_concat(r.refusal) FROM refusals AS r WHERE r.person = p.person),
    (SELECT m.sealed FROM seals AS m WHERE m.person = p.person) FROM persons AS p"""
_SAMPLES = "SELECT s.sample_id, p.person_id, s.sealed FROM samples AS s JOIN persons AS p USING (person)"


class Rows:
    """Reads and writes rows, inside the transaction of the connection given to each method.

    In the file a person is a number, which binds to it all that is sealed of the person: the record, the templates, the
    refusals. Outside it is a random `person_id`. What the file says of a person without a seal is compared with the
    record; where it differs, the person `is_altered`.

    Args:
        keys: The gallery's keys.
        embedder: Fingerprint of the embedder.
        embedding_dim: Length of an embedding.
        manifest: Of the file: what is read of persons is compared with it.
    """

    def __init__(self, keys: GalleryKeys, embedder: str, embedding_dim: int, manifest: Manifest):
        self.keys, self.embedder, self.embedding_dim, self.manifest = keys, embedder, embedding_dim, manifest
        # What `searched` made of each person's row: digest of it, the samples that its manifest says, id, end of the
        # consent and name. Nothing else may write here: all of an entry follows from the one row that its digest is of.
        self._seen: dict[int, tuple[bytes, Sum, str | None, float | None, str]] = {}

    def number(self, connection: Connection, person: str) -> int:
        """Returns the number of the person with this id or name.

        Raises:
            NoSuchPersonError: If there is none.
            GalleryDamagedError: If the file says so of somebody else.
        """
        row = None
        if is_person_id(person):  # a name never goes to a database as it is
            row = connection.execute("SELECT person FROM persons WHERE person_id = ?", (person,)).fetchone()
        if row is None:
            if (number := self.named(connection, person)) is None:
                raise NoSuchPersonError(f"Nobody in the gallery has this name or id. Received: {person!r}.")
            return number
        if self.record_of(connection, row[0])["person_id"] != person:
            raise _altered_person(row[0], "id")
        return row[0]

    def named(self, connection: Connection, name: str) -> int | None:
        """Returns the number of the person with this name, or `None`.

        Raises:
            GalleryDamagedError: If the file says so of somebody else.
        """
        name = normal_name(name)
        row = connection.execute(
            "SELECT person FROM persons WHERE name_tag = ?", (self.keys.tag("name", name),)
        ).fetchone()
        if row is not None and self.record_of(connection, row[0])["name"] != name:
            raise _altered_person(row[0], "name")
        return row[0] if row else None

    def refuse_taken(self, connection: Connection, name: str, but: int | None = None) -> None:
        """Refuses a name that somebody else has.

        Raises:
            NameTakenError: If somebody other than the person with number `but` has it.
        """
        if self.named(connection, name) not in (None, but):
            raise NameTakenError(
                f"Another person of the gallery has this name. Received: name={name!r}. "
                "Choose another one, or merge the two if they are one person."
            )

    def person(self, connection: Connection, number: int) -> Person:
        """Returns one person."""
        self.manifest.settle(connection)
        return self._person(connection.execute(f"{PERSONS} WHERE p.person = ?", (number,)).fetchone())[0]

    def people(self, connection: Connection) -> list[Person]:
        """Returns all persons, unsorted; all as altered where rows of one of them may have been put back.

        Of whom is not known, and nobody is searched for then: `Manifest.refuse_put_back`.
        """
        self.manifest.settle(connection)
        found = [self._person(row)[0] for row in connection.execute(PERSONS)]
        try:
            self.manifest.refuse_put_back(connection)
        except GalleryDamagedError:
            return [replace(person, is_altered=True) for person in found]
        return found

    def searched(self, connection: Connection) -> Iterator[tuple[int, str | None, float | None, str]]:
        """Gives number, id, end of the consent and name of all persons; no id where the person was altered.

        Rows that are, byte for byte, what they were the last time are not opened again, which takes 40 us each.

        Raises:
            GalleryDamagedError: If all rows of somebody may have been put back; see `Manifest.refuse_put_back`.
        """
        self.manifest.refuse_put_back(connection)
        seen, self._seen = self._seen, {}
        for row in connection.execute(PERSONS):
            # In a third of the time of `repr`; from version 3 on, equal rows may be other bytes.
            number, digest = row[0], hashlib.blake2b(marshal.dumps(row, 2), digest_size=16).digest()
            if (entry := seen.get(number)) is None or entry[0] != digest:
                person, samples = self._person(row)
                person_id = None if person.is_altered else person.person_id
                entry = (digest, samples, person_id, person.consent and person.consent.expiry, person.name)
            self._seen[number] = entry
            yield number, *entry[2:]

    def add_person(self, connection: Connection, name: str, consent: Consent | None) -> int:
        """Adds a person without samples and returns its number."""
        number = next_number(connection, "persons")
        self.put_back_person(connection, number, secrets.token_hex(8), name, now_text(), consent)
        return number

    def put_back_person(
        self,
        connection: Connection,
        number: int,
        person_id: str,
        name: str,
        created: str,
        consent: Consent | None,
    ) -> None:
        """Adds a person without samples and refusals under a number and an id that it had before."""
        connection.execute(
            "INSERT INTO persons (person, person_id, name_tag, sealed) VALUES (?, ?, ?, ?)",
            (number, person_id, self.keys.tag("name", name), b""),
        )
        record = {"person_id": person_id, "name": name, "created": created, "refusals": []}
        self._write_person(connection, number, record, consent)

    def update_person(self, connection: Connection, number: int, name: str, consent: Consent | None) -> None:
        """Changes name and consent."""
        self._write_person(connection, number, self.record_of(connection, number) | {"name": name}, consent)

    def record_consent(self, connection: Connection, number: int, consent: Consent | None) -> None:
        """Adds a consent to the history, and lets search indexes read the person anew."""
        detail = "none" if consent is None else f"for {consent.purpose!r}, until {consent.expires or 'withdrawn'}"
        change = self.record(connection, "consent", number, detail)
        # Who was left out of searches may be in them again.
        connection.execute("UPDATE samples SET changed = ? WHERE person = ?", (change, number))

    def record(self, connection: Connection, action: str, number: int | None, detail: str) -> int:
        """Adds a change to the history and returns its number.

        The details of a person's changes may name that person and no other: they go when the person does.
        """
        change = max(version(connection) + 1, next_number(connection, "changes"))  # also where the last one was deleted
        sealed = self.keys.seal(detail, "change", change)
        connection.execute("INSERT INTO changes VALUES (?, ?, ?, ?, ?)", (change, now_text(), action, number, sealed))
        return change

    def rewrite_change(self, connection: Connection, number: int, detail: str) -> None:
        """Changes what the history says of a change."""
        sealed = self.keys.seal(detail, "change", number)
        connection.execute("UPDATE changes SET sealed = ? WHERE number = ?", (sealed, number))

    def move_changes(self, connection: Connection, numbers: Iterable[int], old: int, new: int) -> None:
        """Gives changes of one person's history to another's."""
        connection.executemany(
            "UPDATE changes SET person = ? WHERE number = ? AND person = ?", [(new, number, old) for number in numbers]
        )

    def history(self, connection: Connection, limit: int | None) -> list[Change]:
        """Returns the latest changes, latest first; all if `limit` is `None`."""
        rows = connection.execute(
            """SELECT c.number, c.time, c.action, p.person_id, c.sealed FROM changes AS c
            LEFT JOIN persons AS p USING (person) ORDER BY c.number DESC LIMIT ?""",
            (2**63 - 1 if limit is None else limit,),
        )
        return [
            Change(number, time, action, person_id, "" if sealed is None else self.keys.open(sealed, "change", number))
            for number, time, action, person_id, sealed in rows
        ]

    def add_samples(
        self, connection: Connection, number: int, change: int, samples: Iterable[tuple[np.ndarray, dict]]
    ) -> None:
        """Adds samples, each an embedding and the details of `details_of`, to a person."""
        first = next_number(connection, "samples")
        connection.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?)",
            (
                (
                    sample_id,
                    number,
                    change,
                    self.keys.tag("source", details["source_hash"]),
                    self.keys.seal_template(embedding.astype("<f4").tobytes(), sample_id, number),
                    self.keys.seal(details, "sample", sample_id),
                )
                for sample_id, (embedding, details) in enumerate(samples, first)
            ),
        )

    def samples(self, connection: Connection, column: str, value) -> list[Sample]:
        """Returns the samples whose `column` has a value, oldest first."""
        rows = connection.execute(f"{_SAMPLES} WHERE s.{column} = ? ORDER BY s.sample_id", (value,))
        return [self._sample(row) for row in rows]

    def samples_after(self, connection: Connection, sample_id: int, limit: int) -> list[Sample]:
        """Returns the next `limit` samples of anybody after a sample."""
        rows = connection.execute(f"{_SAMPLES} WHERE s.sample_id > ? ORDER BY s.sample_id LIMIT ?", (sample_id, limit))
        return [self._sample(row) for row in rows]

    def move_samples(self, connection: Connection, sample_ids: Iterable[int], old: int, new: int, change: int) -> None:
        """Gives samples of one person to another; their templates are sealed anew for it."""
        for sample_id in sample_ids:
            sealed = connection.execute("SELECT template FROM samples WHERE sample_id = ?", (sample_id,)).fetchone()[0]
            embedding = self.keys.open_template(sealed, sample_id, old)
            connection.execute(
                "UPDATE samples SET person = ?, changed = ?, template = ? WHERE sample_id = ?",
                (new, change, self.keys.seal_template(embedding, sample_id, new), sample_id),
            )

    def delete_samples(self, connection: Connection, column: str, value: int, change: int) -> None:
        """Deletes the samples whose `column` has a value; only their ids stay, for search indexes to follow."""
        connection.execute(f"INSERT INTO removed SELECT sample_id, ? FROM samples WHERE {column} = ?", (change, value))
        connection.execute(f"DELETE FROM samples WHERE {column} = ?", (value,))

    def own_points(self, connection: Connection) -> dict | None:
        """Returns the thresholds of one's own that are kept, or `None`.

        Raises:
            GalleryDamagedError: If somebody without the key altered them, or put others or none in their place.
        """
        kept = connection.execute("SELECT change, sealed FROM own_points").fetchall()
        last = connection.execute(
            "SELECT max(number) FROM changes WHERE action IN (?, ?)", (KEEP_POINTS, FORGET_POINTS)
        ).fetchone()[0]
        try:
            if [change for change, _ in kept] != ([] if last is None else [last]):
                raise GalleryDamagedError("They are not those of the history.")
            return self.keys.open(kept[0][1], _OWN_POINTS, last) if kept else None
        except GalleryDamagedError as error:
            raise GalleryDamagedError(
                "The thresholds of one's own were altered by somebody without the key, or destroyed. "
                "`kerasface people thresholds --forget` drops them."
            ) from error

    def keep_own_points(self, connection: Connection, record: dict | None, detail: str) -> None:
        """Keeps thresholds of one's own in place of earlier ones; `None` drops them."""
        change = self.record(connection, FORGET_POINTS if record is None else KEEP_POINTS, None, detail)
        connection.execute("DELETE FROM own_points")
        connection.execute(
            "INSERT INTO own_points VALUES (?, ?)", (change, self.keys.seal(record, _OWN_POINTS, change))
        )

    def embeddings(self, connection: Connection, number: int) -> np.ndarray:
        """Returns a person's embeddings, oldest first, float32, shape `(num_samples, embedding_dim)`."""
        rows = connection.execute(
            "SELECT template, sample_id, person FROM samples WHERE person = ? ORDER BY sample_id", (number,)
        )
        return self._as_embeddings(b"".join(self.keys.open_template(*row) for row in rows))

    def templates(
        self, connection: Connection, after: int, persons: dict[int, str]
    ) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Returns embeddings, sample ids and person ids of what changed after a change, of the given persons only.

        Read from the first change on, whoever has not the samples that the manifest says is left out.

        A gallery may hold a million: embeddings are opened straight into their array, and nothing else is kept of a
        row than its id and a reference to its person's.
        """
        left_out = self._without_all_samples(connection, persons) if after == 0 else ()
        (num_rows,) = connection.execute("SELECT count(*) FROM samples WHERE changed > ?", (after,)).fetchone()
        width, place, decrypt = 4 * self.embedding_dim, template_place, self.keys.templates.decrypt
        buffer, sample_ids, person_ids = bytearray(num_rows * width), np.empty(num_rows, dtype=np.int64), []
        start = 0
        # All rows are read in the order in which they lie on the disk.
        table = "samples" if after > 0 else "samples NOT INDEXED"
        rows = connection.execute(f"SELECT sample_id, person, template FROM {table} WHERE changed > ?", (after,))
        for sample_id, person, sealed in rows:
            if person not in persons:
                continue
            try:
                opened = decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place(sample_id, person))
            except (InvalidTag, ValueError, TypeError) as error:
                raise damaged_template(sample_id) from error
            if person in left_out:
                continue
            if len(person_ids) == num_rows:
                raise GalleryDamagedError(
                    f"The gallery has more samples than its index, which knows {num_rows}: the file is damaged. "
                    "Restore a copy."
                )
            buffer[start : start + width] = opened
            sample_ids[len(person_ids)] = sample_id
            person_ids.append(persons[person])
            start += width
        return self._as_embeddings(buffer)[: len(person_ids)], sample_ids[: len(person_ids)], person_ids

    def _without_all_samples(self, connection: Connection, persons: Iterable[int]) -> set[int]:
        """Returns those of the persons whose samples are not the ones that their manifests say."""
        found = sums_by_person(self.keys, connection, ("samples",))
        return {number for number in persons if found.get(number, NOTHING)["samples"] != self._seen[number][1]}

    def record_of(self, connection: Connection, number: int) -> dict:
        """Returns what is sealed of a person."""
        (sealed,) = connection.execute("SELECT sealed FROM persons WHERE person = ?", (number,)).fetchone()
        record = self.keys.open(sealed, "person", number)
        if "person_id" not in record:  # of version 1 of the schema, whose records were all sealed anew
            raise _altered_person(number, "record")
        return record

    def _person(self, row: tuple) -> tuple[Person, Sum]:
        """A person, and the samples that its manifest says; none of one whose manifest does not open."""
        number, sealed, num_samples, samples = row[0], row[4], row[5], NONE
        record = self.keys.open(sealed, "person", number)
        consent = record["consent"] and Consent(**record["consent"])
        try:
            manifest = opened_manifest(self.keys, row[-1], number)
            samples = manifest["samples"]
            is_altered = next(alterations(self.keys, row, record, consent, manifest), None) is not None
        except GalleryDamagedError:  # what tells which rows the person has
            is_altered = True
        person_id = record.get("person_id", row[1])
        return Person(person_id, record["name"], num_samples, record["created"], consent, is_altered), samples

    def _write_person(self, connection: Connection, number: int, record: dict, consent: Consent | None) -> None:
        """Seals a person's record with a consent, and writes beside it what it is found by."""
        connection.execute(
            "UPDATE persons SET person_id = ?, name_tag = ?, sealed = ?, expires = ? WHERE person = ?",
            (
                record["person_id"],
                self.keys.tag("name", record["name"]),
                self.keys.seal(record | {"consent": consent and asdict(consent)}, "person", number),
                consent and consent.expiry,
                number,
            ),
        )

    def _sample(self, row: tuple) -> Sample:
        sample_id, person_id, sealed = row
        details = self.keys.open(sealed, "sample", sample_id)
        if picture := details.pop("thumbnail", None):
            details["thumbnail"] = base64.b64decode(picture)
        return Sample(sample_id=sample_id, person_id=person_id, embedder=self.embedder, **details)

    def _as_embeddings(self, content: bytes | bytearray) -> np.ndarray:
        return np.frombuffer(content, dtype="<f4").reshape(-1, self.embedding_dim).astype(np.float32, copy=False)


def version(connection: Connection) -> int:
    """Returns the number of the last change, 0 if there was none."""
    return connection.execute("SELECT coalesce(max(number), 0) FROM changes").fetchone()[0]


def sample_ids_of(connection: Connection, number: int) -> list[int]:
    """Returns the ids of a person's samples, oldest first."""
    rows = connection.execute("SELECT sample_id FROM samples WHERE person = ? ORDER BY sample_id", (number,))
    return [sample_id for (sample_id,) in rows]


def _altered_person(number: int, what: str) -> GalleryDamagedError:
    return GalleryDamagedError(
        f"The {what} of the person of row {number} was altered by somebody without the key. "
        "`kerasface people check` tells what else was; restore a copy."
    )


def next_number(connection: Connection, table: str) -> int:
    """Returns the number that the next row of a table gets: never one that a row had before."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    return row[0] + 1 if row else 1
