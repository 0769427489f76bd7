"""Which rows a gallery must hold, sealed: one manifest for each person and one for the whole.

Each row alone is sealed where it stands, but not that it is there, nor that it is the latest. So every row has a
fingerprint, 16 bytes that only the key can make of it, and a manifest holds the sums of them: one set of rows is told
from every other, and a change costs what it changes, however large the gallery is. A sum never comes right by itself:
what was deleted or put back without the key stays wrong through all later changes, until `accept`.

The connection itself tells of every row that comes or goes (`sqlite.watching`, `postgres.connection`), so nothing that
changes the gallery can forget to.

Reference:
    Clarke et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking", ASIACRYPT
    2003 (MSet-Add-Hash, with a secret key and sums that nobody else sees).
"""

import struct
from collections.abc import Iterable

from kerasface.gallery.connections import Connection
from kerasface.gallery.keys import FINGERPRINTS, GalleryKeys
from kerasface.gallery.store import GalleryDamagedError
from kerasface.terminal.words import some_names

# Number of rows and sum of their fingerprints.
Sum = tuple[int, int]
NONE: Sum = (0, 0)
WHOLE = 0  # as whose manifest the one of the whole gallery stands there
# The tables in a person's manifest, and those in that of the whole, of which one holds all persons' manifests.
PERSONAL = ("persons", "samples", "refusals", "merges")
# Thresholds of one's own are sealed for their change, which must be the last of the history that has any.
COMMON = ("removed", "changes", "gallery", "seals")
WATCHED = (*PERSONAL, *COMMON[:-1])  # of whose rows the connection tells
_SEAL = "INSERT INTO seals VALUES (?, ?) ON CONFLICT (person) DO UPDATE SET sealed = excluded.sealed"
_PACKED = struct.Struct(f">{len(PERSONAL) * 'q16s'}")  # a person's manifest, in that order
NOTHING = dict.fromkeys(PERSONAL, NONE)  # the manifest of a person who is not there
# What of a row is in its fingerprint. The last 16 bytes of a sealed column authenticate the rest of it.
_COLUMNS = {
    "persons": ("person", "person_id", "name_tag", "expires", "-sealed"),
    "samples": ("sample_id", "person", "changed", "source_tag", "-template", "-sealed"),
    "refusals": ("refusal", "person", "source_tag", "-sealed"),
    "merges": ("merge", "person", "-sealed"),
    "removed": ("sample_id", "change"),
    "changes": ("number", "time", "action", "person", "-sealed"),
    "gallery": ("gallery_id", "key_check", "embedder", "embedding_dim"),
    "seals": ("person", "-sealed"),
}
# The manifest of a gallery that nobody has changed yet: how often it was sealed, the last number that each table gave,
# the turn of the count of attempts to unlock (`unlock.lockout`), and the sums.
_VIRGIN = {"beat": 0, "numbers": {}, "unlock": 0} | dict.fromkeys(COMMON, NONE)


class Manifest:
    """Keeps the manifests of one gallery.

    Attributes:
        keys: The gallery's keys; nothing is kept without them.
    """

    def __init__(self):
        self.keys: GalleryKeys | None = None
        self._sums: dict[tuple[str, int], Sum] = {}  # table and person to what changed since `finish`

    def forget(self) -> None:
        """Forgets what was noted: it is undone, or done."""
        self._sums.clear()

    def finish(self, connection: Connection) -> None:
        """Takes what was noted into the manifests: at the end of a transaction, and before a part of it that may be
        undone alone.
        """
        self.settle(connection)
        sums, self._sums = self._sums, {}
        if not sums:
            return
        whole = self.whole(connection)
        changed = {table: _added(whole[table], sums.get((table, WHOLE), NONE)) for table in COMMON}
        if not whole["beat"]:  # the gallery's own row was there before anybody could note it
            changed["gallery"] = sum_in(self.keys, connection, "gallery")
        self._write_whole(connection, whole | changed)

    def settle(self, connection: Connection) -> None:
        """Takes what was noted of people into theirs, before anything is compared with them."""
        noted = {person for table, person in self._sums if table in PERSONAL}
        for person in noted:
            before = self._seal_row(connection, person)
            was = self.of_person(connection, person)
            changes = {table: self._sums.pop((table, person), NONE) for table in PERSONAL}
            self._write_person(connection, person, {table: _added(was[table], changes[table]) for table in PERSONAL})
            change = _added(self._seal_row(connection, person), before, -1)
            self._sums["seals", WHOLE] = _added(self._sums.get(("seals", WHOLE), NONE), change)

    def turn_unlock(self, connection: Connection) -> int:
        """Counts a change of the file that counts attempts to unlock; returns the number."""
        whole = self.whole(connection)
        self._write_whole(connection, whole | {"unlock": whole["unlock"] + 1})
        return whole["unlock"] + 1

    def whole(self, connection: Connection) -> dict:
        """Returns the manifest of the whole gallery.

        Raises:
            GalleryDamagedError: If it was altered.
        """
        return whole_manifest(self.keys, connection)

    def stamp(self, connection: Connection) -> tuple[int, str]:
        """Returns how often the whole gallery was sealed, and by what this time is told from another such."""
        row = connection.execute("SELECT sealed FROM seals WHERE person = ?", (WHOLE,)).fetchone()
        return (0, "") if row is None else (self.keys.open(row[0], "manifest", WHOLE)["beat"], row[0][-16:].hex())

    def of_person(self, connection: Connection, number: int) -> dict[str, Sum]:
        """Returns a person's manifest; see `opened_manifest`."""
        row = connection.execute("SELECT sealed FROM seals WHERE person = ?", (number,)).fetchone()
        return opened_manifest(self.keys, row and row[0], number)

    def refuse_put_back(self, connection: Connection) -> None:
        """Refuses people whose manifests are not, all together, the ones that were sealed last.

        Rows of a person that are put back with their manifest agree with it: only the manifest of the whole tells, and
        not of whom. It takes 3 us for each person.

        Raises:
            GalleryDamagedError: If they are not.
        """
        self.settle(connection)
        wanted = _added(self.whole(connection)["seals"], self._sums.get(("seals", WHOLE), NONE))
        if sum_in(self.keys, connection, "seals") != wanted:
            raise GalleryDamagedError(
                "Somebody without the key has put back what was deleted or withdrawn of a person, or altered what "
                "tells which rows a person has. Of whom is not known, so nobody is looked for. "
                "`kerasface people check` tells what is wrong: restore a copy, or take all as it is with "
                "`kerasface people check --accept`."
            )

    def accept_person(self, connection: Connection, number: int) -> None:
        """Takes the rows that there are of a person for all there should be."""
        self.settle(connection)
        was = self.of_person(connection, number)
        for table in PERSONAL:
            query = f"SELECT {columns_of(table)} FROM {table} WHERE person = ?"
            present = sum_of(self.keys, table, connection.execute(query, (number,)))
            self._sums[table, number] = _added(present, was[table], -1)

    def accept(self, connection: Connection, beat: int = 0) -> None:
        """Takes all rows that there are for all there should be.

        Args:
            connection: In a transaction.
            beat: How often the gallery was sealed before, at least.
        """
        self._sums.clear()
        try:
            whole = self.whole(connection)
        except GalleryDamagedError:
            whole = dict(_VIRGIN)
        connection.execute("DELETE FROM seals WHERE person != ?", (WHOLE,))
        for person, sums in sums_by_person(self.keys, connection).items():
            self._write_person(connection, person, sums)
        whole |= {table: sum_in(self.keys, connection, table) for table in COMMON}
        self._write_whole(connection, whole | {"beat": max(whole["beat"], beat)})

    def _seal_row(self, connection: Connection, person: int) -> Sum:
        query = f"SELECT {columns_of('seals')} FROM seals WHERE person = ?"
        return sum_of(self.keys, "seals", connection.execute(query, (person,)))

    def _write_person(self, connection: Connection, person: int, sums: dict[str, Sum]) -> None:
        if all(total == NONE for total in sums.values()):
            connection.execute("DELETE FROM seals WHERE person = ?", (person,))
            return
        parts = [part for table in PERSONAL for part in (sums[table][0], sums[table][1].to_bytes(16, "big"))]
        sealed = self.keys.seal_bytes(_PACKED.pack(*parts), "manifest", person)
        connection.execute(_SEAL, (person, sealed))

    def _write_whole(self, connection: Connection, record: dict) -> None:
        record |= {"beat": record["beat"] + 1, "numbers": numbers_of(connection)}
        sealed = self.keys.seal(record, "manifest", WHOLE)
        connection.execute(_SEAL, (WHOLE, sealed))

    def note(self, table: str, sign: int, *row) -> None:
        """Notes a row that came (sign 1) or went (-1), of each what `columns_of` selects."""
        if self.keys is None:
            return
        person = row[_COLUMNS[table].index("person")] if table in PERSONAL else WHOLE
        change = (sign, sign * self.keys.fingerprint(table, row))
        self._sums[table, person] = _added(self._sums.get((table, person), NONE), change)


def whole_manifest(keys: GalleryKeys, connection: Connection) -> dict:
    """Returns the manifest of the whole gallery; see `_VIRGIN`.

    Raises:
        GalleryDamagedError: If it was altered.
    """
    row = connection.execute("SELECT sealed FROM seals WHERE person = ?", (WHOLE,)).fetchone()
    return dict(_VIRGIN) if row is None else keys.open(row[0], "manifest", WHOLE)


def altered_history(keys: GalleryKeys, connection: Connection) -> str:
    """Returns a sentence if the history is not as it was sealed, empty if it is."""
    whole = whole_manifest(keys, connection)
    if sum_in(keys, connection, "changes") == tuple(whole["changes"]):
        return ""
    numbers = {number for (number,) in connection.execute("SELECT number FROM changes")}
    gone = [number for number in range(1, whole["numbers"].get("changes", 0) + 1) if number not in numbers]
    names = some_names([f"change {number}" for number in gone])
    return f"The history was altered by somebody without the key{f'; gone: {names}' if names else ''}."


def opened_manifest(keys: GalleryKeys, sealed: bytes | None, person: int) -> dict[str, Sum]:
    """Returns a person's manifest: number and sum of the rows in each table.

    Raises:
        GalleryDamagedError: If it was altered.
    """
    if sealed is None:
        return dict(NOTHING)
    parts = _PACKED.unpack(keys.open_bytes(sealed, "manifest", person))
    return {
        table: (parts[2 * place], int.from_bytes(parts[2 * place + 1], "big")) for place, table in enumerate(PERSONAL)
    }


def column_names(table: str) -> list[str]:
    """Returns the columns of a table that are in the fingerprints of its rows."""
    return [name.lstrip("-") for name in _COLUMNS[table]]


def columns_of(table: str, prefix: str = "") -> str:
    """Returns what is selected of a table for the fingerprints of its rows."""
    names = [(name.lstrip("-"), name[0] == "-") for name in _COLUMNS[table]]
    return ", ".join(f"substr({prefix}{name}, -16)" if is_sealed else prefix + name for name, is_sealed in names)


def sum_of(keys: GalleryKeys, table: str, rows: Iterable[tuple]) -> Sum:
    """Returns number and sum of rows, of each what `columns_of` selects."""
    fingerprints = [keys.fingerprint(table, row) for row in rows]
    return len(fingerprints), sum(fingerprints) % FINGERPRINTS


def sum_in(keys: GalleryKeys, connection: Connection, table: str) -> Sum:
    """Returns number and sum of all rows of a table that is in the manifest of the whole."""
    where = f"WHERE person != {WHOLE}" if table == "seals" else ""
    return sum_of(keys, table, connection.execute(f"SELECT {columns_of(table)} FROM {table} {where}"))


def sums_by_person(
    keys: GalleryKeys, connection: Connection, tables: Iterable[str] = PERSONAL
) -> dict[int, dict[str, Sum]]:
    """Returns what everybody's manifest would be of the rows that there are in some tables, by the person's number."""
    sums: dict[int, dict[str, Sum]] = {}
    for table in tables:
        place = _COLUMNS[table].index("person")
        # In the order in which they lie on the disk, and whatever an index says of them.
        for row in connection.execute(f"SELECT {columns_of(table)} FROM {table} NOT INDEXED"):
            if not isinstance(row[place], int):
                raise GalleryDamagedError(f"A row of {table} belongs to nobody: the file is damaged. Restore a copy.")
            of_person = sums.setdefault(row[place], dict(NOTHING))
            of_person[table] = _added(of_person[table], (1, keys.fingerprint(table, row)))
    return sums


def numbers_of(connection: Connection) -> dict[str, int]:
    """Returns the last number that each table gave: none is given again."""
    return dict(connection.execute("SELECT name, seq FROM sqlite_sequence"))


def _added(first: Sum, second: Sum, sign: int = 1) -> Sum:
    return first[0] + sign * second[0], (first[1] + sign * second[1]) % FINGERPRINTS
