"""The tables of a gallery as somebody without the key sees and alters them, in a file or on a server."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

only_files = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
on_servers = pytest.mark.parametrize("kind", [pytest.param("postgres", marks=pytest.mark.slow)], indirect=True)


class ServerPlace(str):
    """The address of a gallery on a server, with the names that a path has.

    Attributes:
        server: The server of `benchmarks/postgres_server.py`.
        name: Of the schema.
    """

    def __new__(cls, server, name):
        place = super().__new__(cls, server.address(name))
        place.server, place.name = server, name
        return place

    def with_name(self, name):
        return ServerPlace(self.server, name.replace(".", "_").replace("-", "_"))

    def exists(self):
        return self.server.execute(f"SELECT 1 FROM pg_namespace WHERE nspname = '{self.name}'") != []


class _Translated:
    """A connection to a server that takes the statements which the tests have for files."""

    def __init__(self, raw):
        self._raw = raw

    def execute(self, statement, values=()):
        from kerasface.gallery.postgres.statements import _told

        text = _told(statement).replace("zeroblob(", "pg_temp.zeroblob(")
        return self._raw.execute(text, values or None)


@contextmanager
def opened(place: Path | ServerPlace) -> Iterator[sqlite3.Connection | _Translated]:
    """Gives a connection past KerasFace; what is changed inside is durable at the end, whatever refers to whom."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection, connection:
            yield connection
        return
    from kerasface.gallery.postgres.driver import psycopg

    with psycopg.connect(host=str(place.server.folder), user="postgres", dbname="postgres") as raw:
        raw.execute(f"SET search_path = {place.name}")
        raw.execute("SET session_replication_role = replica")
        raw.execute(
            "CREATE FUNCTION pg_temp.zeroblob(size bigint) RETURNS bytea LANGUAGE sql "
            "AS $$ SELECT decode(repeat('00', size::int), 'hex') $$"
        )
        yield _Translated(raw)


def alter(place, *statements):
    """Changes the tables, past KerasFace and without the key."""
    with opened(place) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0


def rows_of(place, table, where="1 = 1"):
    """All rows of a table, or those of a condition."""
    with opened(place) as connection:
        return connection.execute(f"SELECT * FROM {table} WHERE {where}").fetchall()


def put_back(place, table, rows):
    """Writes rows as they were, in place of those with their numbers."""
    with opened(place) as connection:
        names = [column[0] for column in connection.execute(f"SELECT * FROM {table} WHERE 1 = 0").description]
        others = ", ".join(f"{name} = excluded.{name}" for name in names[1:])
        instead = f"ON CONFLICT ({names[0]}) DO UPDATE SET {others}"
        for row in rows:
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))}) {instead}", row)


def copied(source, target):
    """Copies a gallery that nobody has open over another one."""
    if isinstance(source, Path):
        shutil.copy(source, target)
        return target
    tables = source.server.execute(f"SELECT tablename FROM pg_tables WHERE schemaname = '{source.name}'")
    statements = [f"DROP SCHEMA IF EXISTS {target.name} CASCADE", f"CREATE SCHEMA {target.name}"]
    for (table,) in tables:
        statements += [
            f"CREATE TABLE {target.name}.{table} (LIKE {source.name}.{table} INCLUDING ALL)",
            f"INSERT INTO {target.name}.{table} SELECT * FROM {source.name}.{table}",
        ]
    source.server.execute(*statements)
    return target
