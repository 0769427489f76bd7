"""From an address to a connection whose settings are those that a gallery needs."""

import logging

from kerasface.gallery.postgres.address import Address
from kerasface.gallery.postgres.connection import PostgresConnection
from kerasface.gallery.postgres.driver import conninfo, psycopg, sql
from kerasface.gallery.postgres.errors import named_errors, said
from kerasface.gallery.store import GalleryServerError

logging.getLogger("psycopg").addHandler(logging.NullHandler())  # what it says there is raised, too
OLDEST = 15  # what it was tried with
_SETTINGS = {
    "client_encoding": "UTF8",
    "synchronous_commit": "on",  # a commit is on disk when it returns, whatever the server's default
    "row_security": "off",  # a policy that hides rows is an error then, and no shorter answer
    # A client whose machine is gone holds nobody up for longer than this.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "idle_in_transaction_session_timeout": "10min",
}
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


def connect(address: Address, timeout: float, schema: str | None = None) -> PostgresConnection:
    """Connects to the server of a gallery.

    Args:
        address: The gallery's.
        timeout: Seconds to wait: for the server, and later for who else is writing.
        schema: In which statements look for tables; the gallery's if not given.

    Raises:
        GalleryServerError: If nobody answers, the role is refused, or what answers is no PostgreSQL, or too old.
    """
    try:
        given = conninfo.conninfo_to_dict(address.conninfo)
        settings = {"connect_timeout": max(2, round(timeout)), "application_name": "kerasface"} | _KEEPALIVES | given
        raw = psycopg.connect(**settings, autocommit=True)
    except (psycopg.Error, UnicodeError) as error:
        told = said(error, address) if isinstance(error, psycopg.Error) else "It is not UTF-8."
        raise GalleryServerError(
            f"No PostgreSQL opens the gallery {address}: is the address right, does the server run, and does it let "
            f"you in? {told}"
        ) from error
    connection = PostgresConnection(raw)
    try:
        with named_errors(address, timeout):
            _set_up(connection, address, timeout, schema or address.schema)
    except BaseException:
        connection.close()
        raise
    return connection


def in_milliseconds(seconds: float) -> str:
    """Returns a time as settings of PostgreSQL have it; 0 would be no limit."""
    return f"{max(1, round(1000 * seconds))}ms"


def _set_up(connection: PostgresConnection, address: Address, timeout: float, schema: str) -> None:
    (version,) = connection.ask("SELECT version()").fetchone()
    if not version.startswith("PostgreSQL") or connection.raw.info.server_version < OLDEST * 10_000:
        raise GalleryServerError(
            f"The gallery {address} needs PostgreSQL {OLDEST} or later. Received: {version.split(' on ')[0]}."
        )
    # Of one moment of set-up, as statements and not as options of the connection, which poolers do not pass on.
    settings = _SETTINGS | {
        "lock_timeout": in_milliseconds(timeout),
        "search_path": sql.SQL("{}, pg_temp").format(sql.Identifier(schema)).as_string(connection.raw),
    }
    for name, value in settings.items():
        connection.ask("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
