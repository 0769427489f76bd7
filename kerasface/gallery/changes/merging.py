"""Two persons made one, and taken apart again as they were: what is needed for that is sealed in the gallery."""

from collections.abc import Iterable
from dataclasses import asdict

from kerasface.gallery.connections import Connection
from kerasface.gallery.refusals import move_refusals, refusal_numbers
from kerasface.gallery.rows import Rows, sample_ids_of
from kerasface.gallery.store import Consent, GalleryError, Merge, NameTakenError, Person


def merge(connection: Connection, rows: Rows, into: int, other: int) -> None:
    """Gives everything of a person to another one, whose name and consent stay, and keeps what undoes it.

    Args:
        connection: In a transaction.
        rows: Of the gallery.
        into: Number of the person who stays.
        other: Number of the person who becomes part of it.
    """
    person, gone = rows.person(connection, into), rows.person(connection, other)
    consent = gone.consent if person.consent is None else person.consent
    record = {
        "person": other,
        "person_id": gone.person_id,
        "name": gone.name,
        "created": gone.created,
        "consent": gone.consent and asdict(gone.consent),
        "samples": sample_ids_of(connection, other),
        "refusals": refusal_numbers(connection, other),
        "changes": _numbers(connection, "changes", "number", other),
        "merges": _numbers(connection, "merges", "merge", other),
        # Of the person who stays: undoing takes back what was not changed again since.
        "consent_before": person.consent and asdict(person.consent),
        "consent_after": consent and asdict(consent),
    }
    change = rows.record(connection, "merge", into, f"{gone.name!r} into {person.name!r}")
    rows.move_samples(connection, record["samples"], other, into, change)
    move_refusals(connection, rows, record["refusals"], other, into)
    _move(connection, rows, record["merges"], other, into)
    # The other's history holds its names: it must go when the first person does.
    rows.move_changes(connection, record["changes"], other, into)
    connection.execute("DELETE FROM persons WHERE person = ?", (other,))
    connection.execute(
        "INSERT INTO merges VALUES (?, ?, ?)", (change, into, rows.keys.seal(record, merge_into(into), change))
    )
    if consent != person.consent:
        rows.update_person(connection, into, person.name, consent)
        rows.record_consent(connection, into, consent)


def merges_of(connection: Connection, rows: Rows, person: int) -> list[Merge]:
    """Returns what can be taken out of a person again, latest first."""
    records = _records(connection, rows, person)
    # Whoever went into somebody who went into this person comes out of that one.
    inner = {number for record in records.values() for number in record["merges"]}
    present = set(sample_ids_of(connection, person))
    times = dict(connection.execute("SELECT number, time FROM changes WHERE person = ?", (person,)))
    return [
        Merge(number, times[number], record["person_id"], record["name"], len(present & set(record["samples"])))
        for number, record in sorted(records.items(), reverse=True)
        if number not in inner
    ]


def unmerge(connection: Connection, rows: Rows, into: int, number: int | None) -> int:
    """Takes a person out of another one again, both as they were but for what was changed since.

    Args:
        connection: In a transaction.
        rows: Of the gallery.
        into: Number of the person who has it.
        number: Of the merge; the latest if not given.

    Returns:
        The number of the person who is there again.

    Raises:
        GalleryError: If there is no such merge.
        NameTakenError: If somebody has the name by now.
    """
    person, merges = rows.person(connection, into), merges_of(connection, rows, into)
    chosen = next((merge for merge in merges if number in (None, merge.number)), None)
    if chosen is None:
        raise GalleryError(
            f"Nothing was merged into {person.name!r} that could be undone. Received: merge={number}; there is "
            f"{', '.join(str(merge.number) for merge in merges) or 'none'}. Earlier versions kept no record of their "
            "merges: there, splitting samples off makes another person of them."
        )
    if rows.named(connection, chosen.name) is not None:
        raise NameTakenError(f"Somebody else is named {chosen.name!r} by now. Rename that person, then undo the merge.")
    record = _records(connection, rows, into)[chosen.number]
    other = record["person"]
    own, others = _consents_apart(person, record)
    rows.put_back_person(connection, other, record["person_id"], chosen.name, record["created"], others)
    change = rows.record(connection, "unmerge", other, f"{chosen.name!r} is a person again")
    present = set(sample_ids_of(connection, into))
    rows.move_samples(connection, [sample for sample in record["samples"] if sample in present], into, other, change)
    left = set(refusal_numbers(connection, into))
    move_refusals(connection, rows, [refusal for refusal in record["refusals"] if refusal in left], into, other)
    rows.move_changes(connection, record["changes"], into, other)
    _move(connection, rows, record["merges"], into, other)
    connection.execute("DELETE FROM merges WHERE merge = ?", (chosen.number,))
    # It named the other, who may be deleted alone from now on.
    rows.rewrite_change(connection, chosen.number, "another person, undone since")
    rows.record(connection, "unmerge", into, "a merge undone")
    if own != person.consent:
        rows.update_person(connection, into, person.name, own)
        rows.record_consent(connection, into, own)
    return other


def _consents_apart(person: Person, record: dict) -> tuple[Consent | None, Consent | None]:
    """The consents of who stays and of who comes out again.

    Those from before the merge; a consent that was recorded since stays with who stays, and where it has been ended, it
    has for both: whose end it was meant to be cannot be known.
    """
    before, after, others = (
        record[name] and Consent(**record[name]) for name in ("consent_before", "consent_after", "consent")
    )
    if person.consent == after:
        return before, others
    has_ended = person.consent is not None and not person.consent.is_valid()
    return person.consent, person.consent if has_ended else others


def merge_into(person: int) -> str:
    """Returns as what the record of a merge is sealed: for the person who stayed."""
    return f"merge into person {person}"


def _records(connection: Connection, rows: Rows, person: int) -> dict[int, dict]:
    """What undoes the merges into a person, by number."""
    found = connection.execute("SELECT merge, sealed FROM merges WHERE person = ?", (person,)).fetchall()
    return {number: rows.keys.open(sealed, merge_into(person), number) for number, sealed in found}


def _move(connection: Connection, rows: Rows, merges: Iterable[int], old: int, new: int) -> None:
    """Gives merges of one person to another; they are sealed anew for it."""
    records = _records(connection, rows, old)
    for number in merges:
        sealed = rows.keys.seal(records[number], merge_into(new), number)
        connection.execute("UPDATE merges SET person = ?, sealed = ? WHERE merge = ?", (new, sealed, number))


def _numbers(connection: Connection, table: str, column: str, person: int) -> list[int]:
    rows = connection.execute(f"SELECT {column} FROM {table} WHERE person = ? ORDER BY {column}", (person,))
    return [number for (number,) in rows]
