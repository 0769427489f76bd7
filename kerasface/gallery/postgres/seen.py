"""Photos that were looked at before, in a table next to the gallery's, where somebody asked for that."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kerasface.gallery.connections import Connection
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.seen import SeenPhotos
from kerasface.gallery.store import GalleryError

if TYPE_CHECKING:
    from kerasface.gallery.postgres.database import PostgresDatabase


class ServerPhotos(SeenPhotos):
    """What was seen of photos, in the schema of a gallery on a server.

    Args:
        database: The gallery's.
        keys: The gallery's keys.
    """

    def __init__(self, database: "PostgresDatabase", keys: GalleryKeys):
        super().__init__(keys, str(database.path))
        self._database = database

    def forget(self) -> None:
        """Forgets all photos; see `PostgresDatabase.what_stays` for what the server still holds, encrypted."""
        with self._writing() as connection:
            if connection is not None:
                connection.execute("DELETE FROM photos")

    @contextmanager
    def _reading(self) -> Iterator[Connection | None]:
        with self._database.photos(writing=False) as connection:
            yield connection

    @contextmanager
    def _writing(self, *, makes: bool = False) -> Iterator[Connection | None]:
        with self._database.photos(writing=True) as connection:
            if makes and connection is None:
                raise GalleryError("No photo can be remembered next to a gallery that is not there. Enrol somebody.")
            yield connection
