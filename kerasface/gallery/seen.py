"""Photos that were looked at before, sealed with the gallery's key next to it, where somebody asked for that.

It holds the templates of whoever is on these photos, strangers too, and no decision: names are decided anew each time.
A record opens only as that of the photo with its hash, and a photo's faces do not change: whoever can write the file
without the key can take records away, after which the photo is looked at again, and nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager

from kerasface.gallery.connections import Connection
from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.store import GalleryDamagedError

_KEEP = "INSERT INTO photos VALUES (?, ?) ON CONFLICT (tag) DO UPDATE SET sealed = excluded.sealed"
FORGET = "`kerasface people photos --forget` removes it; the photos are then looked at again."


class SeenPhotos(ABC):
    """What was seen of photos, by the SHA-256 of their files; `reading.ReadableGallery.seen` gives it.

    Threads and processes may use it at once.

    Args:
        keys: The gallery's keys.
        place: Where it is kept, in words.
    """

    def __init__(self, keys: GalleryKeys, place: str):
        self._keys, self._place = keys, place

    def find(self, hashes: Iterable[str], by: str) -> dict[str, dict]:
        """Returns what was seen of those of the photos that are remembered, by hash.

        Args:
            hashes: SHA-256 of each file, hexadecimal.
            by: What looked at them: what another detector or embedder saw is not given.

        Raises:
            GalleryDamagedError: If a record was altered.
            GalleryFileError: If what is remembered cannot be read.
        """
        tags = {self._tag(source_hash, by): source_hash for source_hash in hashes}
        question = f"SELECT tag, sealed FROM photos WHERE tag IN ({','.join('?' * len(tags))})"
        with self._reading() as connection:
            rows = connection.execute(question, list(tags)).fetchall() if connection and tags else ()
        return {tags[tag]: self._open(tag, sealed)["seen"] for tag, sealed in rows}

    def all(self) -> Iterator[tuple[str, str, dict]]:
        """Gives hash, what looked at it, and record of every remembered photo; errors as in `find`."""
        with self._reading() as connection:
            rows = connection.execute("SELECT tag, sealed FROM photos").fetchall() if connection else ()
        for tag, sealed in rows:
            record = self._open(tag, sealed)
            yield record["hash"], record["by"], record["seen"]

    def add(self, records: Mapping[str, dict], by: str) -> None:
        """Remembers JSON-ready records of photos by hash, in place of earlier ones; durable when it returns."""
        rows = []
        for source_hash, seen in records.items():
            tag = self._tag(source_hash, by)
            record = {"hash": source_hash, "by": by, "seen": seen}
            rows.append((tag, self._keys.seal(record, _kind(tag), 0)))
        if rows:
            with self._writing(makes=True) as connection:
                connection.executemany(_KEEP, rows)

    def count(self) -> int:
        """Returns how many photos are remembered, by whatever looked at them."""
        with self._reading() as connection:
            return connection.execute("SELECT count(*) FROM photos").fetchone()[0] if connection else 0

    @abstractmethod
    def forget(self) -> None:
        """Forgets all photos."""

    def forget_photo(self, source_hash: str) -> None:
        """Forgets the photo with this SHA-256, as thoroughly as `forget`."""
        with self._writing() as connection:
            if connection is None:
                return
            rows = connection.execute("SELECT tag, sealed FROM photos").fetchall()
            gone = [(tag,) for tag, sealed in rows if self._open(tag, sealed)["hash"] == source_hash]
            connection.executemany("DELETE FROM photos WHERE tag = ?", gone)

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection | None]:
        """Gives a connection to the table of photos, or `None` where nothing is remembered."""

    @abstractmethod
    def _writing(self, *, makes: bool = False) -> AbstractContextManager[Connection | None]:
        """As `_reading`; what is written inside is durable when it ends. With `makes` there is one in any case."""

    def _tag(self, source_hash: str, by: str) -> bytes:
        return self._keys.tag("seen photo", f"{source_hash} {by}")

    def _open(self, tag: bytes, sealed: bytes) -> dict:
        try:
            return self._keys.open(sealed, _kind(tag), 0)
        except GalleryDamagedError as error:
            raise GalleryDamagedError(
                f"What is remembered of a photo in {self._place} was altered, or is of another gallery. {FORGET}"
            ) from error


def _kind(tag: bytes) -> str:
    return f"seen photo {tag.hex()}"
