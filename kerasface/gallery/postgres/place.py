"""An address where a gallery on a PostgreSQL server is, or is to be."""

from collections.abc import Callable
from contextlib import closing

from kerasface.gallery.postgres.address import Address
from kerasface.gallery.store import GalleryError

try:
    from kerasface.gallery.postgres.database import PostgresDatabase
    from kerasface.gallery.postgres.errors import named_errors
    from kerasface.gallery.postgres.schema import is_there, make
    from kerasface.gallery.postgres.server import connect
except ModuleNotFoundError as error:
    if (error.name or "").partition(".")[0] != "psycopg":
        raise
    raise GalleryError(
        "A gallery on PostgreSQL needs psycopg, which is not installed: pip install 'kerasface[postgres]'"
    ) from error


class PostgresPlace:
    """The schema of a gallery on a server, which need not be there.

    Attributes:
        path: Its address.
    """

    def __init__(self, path: Address):
        self.path = path

    def exists(self, timeout: float) -> bool:
        """Whether the schema holds a gallery."""
        with closing(connect(self.path, timeout)) as connection, named_errors(self.path, timeout):
            return is_there(connection, self.path)

    def make(self, timeout: float, content: Callable[[], tuple]) -> None:
        """Makes an empty gallery unless another process did so in the meantime; its schema is made if missing."""
        with closing(connect(self.path, timeout)) as connection, named_errors(self.path, timeout):
            if is_there(connection, self.path):
                return
            with connection.raw.transaction():
                make(connection, self.path, content)

    def open(
        self, timeout: float, empty: tuple | None = None, before_made: Callable[[], object] = lambda: None
    ) -> PostgresDatabase:
        """Opens the gallery; the arguments are those of `Database`."""
        return PostgresDatabase(self.path, timeout, empty, before_made)
