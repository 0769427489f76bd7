"""What PostgreSQL says of a gallery, as errors of the family that name it."""

from collections.abc import Iterator
from contextlib import contextmanager

from kerasface.gallery.postgres.address import Address
from kerasface.gallery.postgres.driver import psycopg
from kerasface.gallery.store import GalleryBusyError, GalleryDamagedError, GalleryError, GalleryServerError

# SQLSTATE or its class, the more exact first.
_ERRORS = {
    "25006": (GalleryServerError, "cannot be written: the server, or this role, may only read."),
    "42501": (GalleryServerError, "refuses this role what was asked of it; docs/postgres.md has the grants."),
    "53100": (GalleryServerError, "cannot grow: the server's disk is full. Free space and try again."),
    "53300": (GalleryServerError, "cannot be reached: the server has no connection left. Try again."),
    "53": (GalleryServerError, "cannot be used: the server lacks memory or space. Try again."),
    "57014": (GalleryBusyError, "took longer than the server allows. Try again."),
    "57": (GalleryServerError, "was lost: the server is being stopped or started. Try again."),
    "58": (GalleryServerError, "cannot be read or written: the server's disk is full or failing."),
    "08": (GalleryServerError, "was lost: the connection ended. Try again."),
    "25P03": (GalleryServerError, "was lost: the connection did nothing for too long. Try again."),
    "40": (GalleryBusyError, "is in use by another process. Try again."),
    "42P01": (GalleryDamagedError, "has lost a table. Restore a copy."),
    "42703": (GalleryDamagedError, "has lost a column. Restore a copy."),
    "XX001": (GalleryDamagedError, "is damaged. Restore a copy, or import an export."),
    "XX002": (GalleryDamagedError, "is damaged. Restore a copy, or import an export."),
}
LOST = GalleryServerError, "was lost: the connection to the server ended; of what was going on nothing was changed."
_LOCKED = "55P03"


@contextmanager
def named_errors(address: Address, timeout: float) -> Iterator[None]:
    """Turns errors of PostgreSQL into errors of the family that name the gallery."""
    try:
        yield
    except psycopg.Error as error:
        if error.sqlstate == _LOCKED:
            raise GalleryBusyError(
                f"Another process has been writing to the gallery {address} for more than {timeout:g} s. Try again."
            ) from error
        kind, text = _named(error)
        raise kind(f"The gallery {address} {text} {said(error, address)}") from error


def said(error: psycopg.Error, address: Address) -> str:
    """Returns what PostgreSQL, or the way to it, says: one line, without the password."""
    text = error.diag.message_primary or str(error)
    text = " ".join(address.without_secrets(text).split())
    return f"PostgreSQL says: {text if text.endswith(('.', '?')) else f'{text}.'}"


def _named(error: psycopg.Error) -> tuple[type[GalleryError], str]:
    state = error.sqlstate or ""
    for length in (5, 2):
        if state[:length] in _ERRORS:
            return _ERRORS[state[:length]]
    if not state and isinstance(error, psycopg.OperationalError):
        return LOST
    return GalleryError, "cannot be used."
