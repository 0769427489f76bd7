"""A path where a gallery in one SQLite file is, or is to be."""

import os
from collections.abc import Callable
from pathlib import Path

from kerasface.gallery.sqlite.database import SqliteDatabase, file_errors
from kerasface.gallery.sqlite.errors import named_errors
from kerasface.gallery.sqlite.locking import locked
from kerasface.gallery.sqlite.schema import create_file


class SqlitePlace:
    """The file of a gallery, which need not be there.

    Args:
        path: The file; links are resolved.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path).resolve()

    def exists(self, timeout: float) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def make(self, timeout: float, content: Callable[[], tuple]) -> None:
        """Makes an empty gallery unless another process did so in the meantime; its folder is made if missing.

        Args:
            timeout: Seconds to wait for other processes.
            content: Called only if the file must be made; returns the arguments of `schema.create_file` after the path.

        Raises:
            GalleryFileError: If the folder or the disk refuses.
            GalleryDamagedError: If the log of a vanished gallery lies there.
        """
        if self.path.exists():
            return
        with file_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with locked(self.path, timeout), named_errors(self.path):
                if not self.path.exists():
                    create_file(self.path, *content())

    def open(
        self, timeout: float, empty: tuple | None = None, before_made: Callable[[], object] = lambda: None
    ) -> SqliteDatabase:
        """Opens the gallery; the arguments are those of `Database`."""
        return SqliteDatabase(self.path, timeout, empty, before_made)
