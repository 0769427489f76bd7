"""The tables of a gallery on PostgreSQL: how they are told from others, made, and brought up to date."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from kerasface.gallery.postgres.driver import sql
from kerasface.gallery.store import GalleryDamagedError, NotAGalleryError

if TYPE_CHECKING:
    from kerasface.gallery.postgres.address import Address
    from kerasface.gallery.postgres.connection import PostgresConnection

# Those whose rows have numbers that are never given again.
NUMBERED = ("persons", "samples", "refusals", "changes")
# What each version adds to the one before. Never change one that shipped. The tables are those of `sqlite.schema`, and
#   gallery    counts its changes (`version`), whose row is the lock of who writes, and says the version of the schema
#   numbers    the last number that each table gave
#   photos     what was seen of photos, where somebody asked for that; see `seen`
MIGRATIONS = (
    (
        """CREATE TABLE gallery (
            gallery_id bytea NOT NULL, key_check bytea NOT NULL, embedder text NOT NULL, embedding_dim bigint NOT NULL,
            traces bigint NOT NULL DEFAULT 0, version bigint NOT NULL DEFAULT 0, schema_version bigint NOT NULL
        )""",
        """CREATE TABLE persons (
            person bigint PRIMARY KEY, person_id text NOT NULL UNIQUE, name_tag bytea NOT NULL UNIQUE,
            sealed bytea NOT NULL, expires double precision
        )""",
        """CREATE TABLE samples (
            sample_id bigint PRIMARY KEY, person bigint NOT NULL REFERENCES persons, changed bigint NOT NULL,
            source_tag bytea NOT NULL, template bytea NOT NULL, sealed bytea NOT NULL
        )""",
        "CREATE INDEX samples_of_person ON samples (person)",
        "CREATE INDEX samples_by_change ON samples (changed)",
        "CREATE INDEX samples_of_source ON samples (source_tag)",
        # Sealed bytes do not become smaller; long ones stand next to the table.
        "ALTER TABLE samples ALTER template SET STORAGE EXTERNAL, ALTER sealed SET STORAGE EXTERNAL",
        "CREATE TABLE removed (sample_id bigint PRIMARY KEY, change bigint NOT NULL)",
        "CREATE INDEX removed_by_change ON removed (change)",
        """CREATE TABLE refusals (
            refusal bigint PRIMARY KEY, person bigint NOT NULL REFERENCES persons, source_tag bytea NOT NULL,
            sealed bytea NOT NULL
        )""",
        "CREATE INDEX refusals_of_person ON refusals (person)",
        "CREATE INDEX refusals_of_source ON refusals (source_tag)",
        """CREATE TABLE changes (
            number bigint PRIMARY KEY, time text NOT NULL, action text NOT NULL, person bigint REFERENCES persons,
            sealed bytea
        )""",
        "CREATE INDEX changes_of_person ON changes (person)",
        """CREATE TABLE merges (
            merge bigint PRIMARY KEY, person bigint NOT NULL REFERENCES persons, sealed bytea NOT NULL
        )""",
        "CREATE INDEX merges_of_person ON merges (person)",
        "CREATE TABLE own_points (change bigint PRIMARY KEY, sealed bytea NOT NULL)",
        "CREATE TABLE seals (person bigint PRIMARY KEY, sealed bytea NOT NULL)",
        "CREATE TABLE numbers (name text PRIMARY KEY, seq bigint NOT NULL)",
        "CREATE TABLE photos (tag bytea PRIMARY KEY, sealed bytea NOT NULL)",
    ),
)
TABLES = ("gallery", "persons", "samples", "removed", "refusals", "changes", "merges", "own_points", "seals", "numbers")
# What runs, or hides rows, without being asked: no gallery has any.
_FOREIGN = """
    SELECT 'trigger', t.tgname FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = %(schema)s::pg_catalog.regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', r.rulename FROM pg_catalog.pg_rewrite AS r JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
        WHERE c.relnamespace = %(schema)s::pg_catalog.regnamespace
    UNION ALL
    SELECT 'policy', p.polname FROM pg_catalog.pg_policy AS p JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
        WHERE c.relnamespace = %(schema)s::pg_catalog.regnamespace
    ORDER BY 1, 2"""
_FIND = """SELECT a.attname FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = 'gallery' AND a.attnum > 0 AND NOT a.attisdropped"""


def is_there(connection: "PostgresConnection", address: "Address") -> bool:
    """Whether the schema of the address holds a gallery.

    Raises:
        NotAGalleryError: If it holds a table of that name, which is none.
    """
    columns = {name for (name,) in connection.ask(_FIND, (address.schema,))}
    if columns and not columns >= {"gallery_id", "key_check", "embedder", "schema_version"}:
        raise NotAGalleryError(
            f"The schema {address.schema!r} at {address} holds tables of another program, and no gallery of KerasFace; "
            "it was left as it is. Name another one: ?schema=NAME"
        )
    return bool(columns)


def make(connection: "PostgresConnection", address: "Address", content: Callable[[], tuple]) -> bool:
    """Makes an empty gallery, inside the caller's transaction, unless there is one.

    Args:
        connection: To the server.
        address: The gallery's.
        content: Called only if it must be made; returns what it records of its key and its embedder.

    Returns:
        Whether it was made: of two who make the same gallery, the second one waits and finds it.
    """
    connection.ask("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtext(%s))", (address.channel,))
    if is_there(connection, address):
        return False
    _create(connection, address, *content())
    return True


def _create(
    connection: "PostgresConnection",
    address: "Address",
    gallery_id: bytes,
    key_check: bytes,
    embedder: str,
    embedding_dim: int,
) -> None:
    schema = sql.Identifier(address.schema)
    has_schema = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = %s"
    if connection.ask(has_schema, (address.schema,)).fetchone() is None:  # one that is there needs no further right
        connection.ask(sql.SQL("CREATE SCHEMA {}").format(schema))
    for statement in (statement for statements in MIGRATIONS for statement in statements):
        connection.ask(statement)
    connection.ask(
        "INSERT INTO gallery (gallery_id, key_check, embedder, embedding_dim, schema_version) "
        "VALUES (%s, %s, %s, %s, %s)",
        (gallery_id, key_check, embedder, embedding_dim, len(MIGRATIONS)),
    )


def owns_tables(connection: "PostgresConnection", address: "Address") -> bool:
    """Whether the role has the rights of whoever owns the tables."""
    query = """SELECT coalesce(bool_and(pg_catalog.pg_has_role(c.relowner, 'USAGE')), false)
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r'"""
    return connection.ask(query, (address.schema,)).fetchone()[0]


def version_of(connection: "PostgresConnection") -> int:
    """Returns the version of the schema."""
    row = connection.ask("SELECT schema_version FROM gallery").fetchone()
    return len(MIGRATIONS) if row is None else row[0]  # that the row is lost is told where the others are missed


def check_version(version: int, address: "Address") -> None:
    """Refuses a gallery that a later KerasFace wrote.

    Raises:
        NotAGalleryError: If it is.
    """
    if version > len(MIGRATIONS):
        raise NotAGalleryError(
            f"The gallery {address} was written by a later KerasFace; it was left as it is. "
            f"Received: schema version {version}; this one reads up to {len(MIGRATIONS)}. Upgrade KerasFace."
        )


def migrate(connection: "PostgresConnection") -> int:
    """Runs, inside the caller's transaction, the migrations that the gallery has not seen; returns its version."""
    version = version_of(connection)
    for statement in (statement for statements in MIGRATIONS[version:] for statement in statements):
        connection.ask(statement)
    connection.ask("UPDATE gallery SET schema_version = %s", (len(MIGRATIONS),))
    return version


def foreign_objects(connection: "PostgresConnection", address: "Address") -> Iterator[str]:
    """Gives a sentence for each trigger, rule or policy on a gallery's tables."""
    for kind, name in connection.raw.execute(_FOREIGN, {"schema": address.schema}):
        yield (
            f"The {kind} {name!r} in the gallery {address} is none of KerasFace's: somebody without the key changed "
            "the tables. Take it away, or restore a copy."
        )


def check_objects(connection: "PostgresConnection", address: "Address") -> None:
    """Refuses a gallery with a trigger, rule or policy: none is KerasFace's.

    Raises:
        GalleryDamagedError: If there is one; the message names it.
    """
    if (sentence := next(foreign_objects(connection, address), None)) is not None:
        raise GalleryDamagedError(sentence)
