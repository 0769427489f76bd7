"""What SQLite says of a gallery's file, as errors of the family that name it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasface.gallery.store import (
    GalleryBusyError,
    GalleryDamagedError,
    GalleryError,
    GalleryFileError,
    NotAGalleryError,
)

# SQLite's primary result codes.
_ERRORS = {
    sqlite3.SQLITE_BUSY: (GalleryBusyError, "is in use by another process. Try again."),
    sqlite3.SQLITE_LOCKED: (GalleryBusyError, "is in use by another process. Try again."),
    sqlite3.SQLITE_READONLY: (GalleryFileError, "cannot be written: the file or its folder is read-only."),
    sqlite3.SQLITE_PERM: (GalleryFileError, "cannot be written: the file or its folder is read-only."),
    sqlite3.SQLITE_CANTOPEN: (GalleryFileError, "cannot be opened: is the file readable and its folder writable?"),
    sqlite3.SQLITE_FULL: (GalleryFileError, "cannot grow: the disk is full. Free space and try again."),
    sqlite3.SQLITE_IOERR: (GalleryFileError, "cannot be read or written: the disk is full or failing."),
    sqlite3.SQLITE_CORRUPT: (GalleryDamagedError, "is damaged. Restore a copy, or import an export."),
    sqlite3.SQLITE_NOTADB: (NotAGalleryError, "is no gallery of KerasFace, or its beginning was destroyed."),
}


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Turns errors of SQLite and of the file system into errors of the family that name the gallery."""
    try:
        yield
    except UnicodeDecodeError as error:  # SQLite's own words quote what should be a name
        raise GalleryDamagedError(f"The gallery {path} {_ERRORS[sqlite3.SQLITE_CORRUPT][1]}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind, text = _ERRORS.get(code, (GalleryError, "cannot be used."))
        raise kind(f"The gallery {path} {text} SQLite says: {str(error).rstrip('.')}.") from error
