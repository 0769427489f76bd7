"""Where a gallery is: a file, or an address of PostgreSQL."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from kerasface.gallery.database import Database
from kerasface.gallery.postgres.address import Address, is_address
from kerasface.gallery.sqlite.place import SqlitePlace


class Place(Protocol):
    """A place of a gallery, which need not be there.

    Attributes:
        path: Its file, or its address.
    """

    path: Path | Address

    def exists(self, timeout: float) -> bool:
        """Whether there is a gallery."""

    def make(self, timeout: float, content: Callable[[], tuple]) -> None:
        """Makes an empty gallery unless another process did so in the meantime; of what `content` returns."""

    def open(
        self, timeout: float, empty: tuple | None = None, before_made: Callable[[], object] = lambda: None
    ) -> Database:
        """Opens the gallery; with `empty`, one that the first change makes, after `before_made` was called."""


def place_of(path: str | os.PathLike | Address) -> Place:
    """Returns the place that a path or an address names.

    Raises:
        GalleryError: If it begins like an address of PostgreSQL and is none, or psycopg is missing.
    """
    if isinstance(path, Address) or is_address(path):
        from kerasface.gallery.postgres.place import PostgresPlace  # and psycopg, which files do not need

        return PostgresPlace(path if isinstance(path, Address) else Address.parse(str(path)))
    return SqlitePlace(path)
