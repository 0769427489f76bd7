"""What can be read of a gallery: people, samples, templates, refusals, history."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np

from kerasface.gallery import thumbnails
from kerasface.gallery.changes.merging import merges_of
from kerasface.gallery.changes.transfer import export_gallery
from kerasface.gallery.changes.unlocking import open_rows, unlocked
from kerasface.gallery.checks import checked_hash
from kerasface.gallery.connections import Connection
from kerasface.gallery.places import Address, place_of
from kerasface.gallery.refusals import find_refusals
from kerasface.gallery.rows import sample_ids_of, version
from kerasface.gallery.sealing.integrity import find_problems
from kerasface.gallery.sealing.latest import GalleryOlderError
from kerasface.gallery.sealing.manifest import altered_history, whole_manifest
from kerasface.gallery.seen import SeenPhotos
from kerasface.gallery.store import (
    Change,
    GalleryDamagedError,
    GalleryError,
    Merge,
    OtherEmbedderError,
    Person,
    Refusal,
    Sample,
    Templates,
)


class ReadableGallery:
    """What can be read of a gallery; `gallery.Gallery` changes it as well."""

    def __init__(
        self,
        path: str | os.PathLike | Address,
        *,
        embedder: str,
        embedding_dim: int,
        key: bytes | None,
        create: bool | str,
        timeout: float,
        noted: bool,
    ):
        place = place_of(path)
        self.path, self._key = place.path, key
        self._database, self._rows = open_rows(place, embedder, embedding_dim, key, create, timeout, noted)

    @property
    def embedder(self) -> str:
        return self._rows.embedder

    @property
    def embedding_dim(self) -> int:
        return self._rows.embedding_dim

    @property
    def gallery_id(self) -> str:
        """What tells it from all other galleries, also from one that was moved to its place."""
        return self._rows.keys.gallery_id.hex()

    @property
    def version(self) -> int:
        """Number of the last change, also of another process; it rises with every one."""
        with self.snapshot() as connection:
            return version(connection)

    @contextmanager
    def following(self) -> Iterator[Callable[[int, float], bool]]:
        """Gives what waits for a change: called with the version that is known and with seconds to wait at most.

        It returns whether the gallery has another version. A server tells of changes; a file is looked at.

        Example:
            ```python
            with gallery.following() as wait:
                while wait(version, 60.0):
                    changed = gallery.templates(version)
                    version = changed.version
            ```
        """

        def wait_for(since: int, timeout: float) -> bool:
            deadline = time.monotonic() + timeout
            while self.version == since:
                if (left := deadline - time.monotonic()) <= 0:
                    return False
                wait(left)
            return True

        with self._database.waiting() as wait:
            yield wait_for

    @property
    def seen(self) -> SeenPhotos:
        """What is remembered of photos beside the gallery, where somebody asked for that."""
        return self._database.seen(self._rows.keys)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; calling it again does nothing."""
        self._database.close()

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Makes all that is read inside a `with` statement belong to one moment, whatever others change meanwhile."""
        with self._database.read() as connection:
            self._check_embedder(connection)
            yield connection

    def people(self) -> list[Person]:
        """Returns everybody in the gallery, by name."""
        with self.snapshot() as connection:
            people = self._rows.people(connection)
        return sorted(people, key=lambda person: (person.name.casefold(), person.name))

    def person(self, name_or_id: str) -> Person:
        """Returns one person.

        Raises:
            NoSuchPersonError: If nobody has this name or id.
        """
        with self.snapshot() as connection:
            return self._rows.person(connection, self._rows.number(connection, name_or_id))

    def merges(self, person_id: str) -> list[Merge]:
        """Returns who has become part of a person and can be taken out again, latest first."""
        with self.snapshot() as connection:
            return merges_of(connection, self._rows, self._rows.number(connection, person_id))

    def samples(self, person_id: str) -> list[Sample]:
        """Returns a person's samples, oldest first."""
        with self.snapshot() as connection:
            return self._rows.samples(connection, "person", self._rows.number(connection, person_id))

    def embeddings(self, person_id: str) -> np.ndarray:
        """Returns a person's embeddings in the order of `samples`: float32, shape `(num_samples, embedding_dim)`."""
        with self.snapshot() as connection:
            return self._rows.embeddings(connection, self._rows.number(connection, person_id))

    def find_source(self, source_hash: str) -> list[Sample]:
        """Returns the samples that come from the file with this SHA-256."""
        with self.snapshot() as connection:
            return self._rows.samples(connection, "source_tag", self._source_tag(source_hash))

    def templates(self, since: int | None = None) -> Templates:
        """Returns what a search needs. Nobody is in it whose consent has expired or who was altered without the key.

        Args:
            since: The version that a search index has: only what it must add, replace or remove is returned. All
                templates if not given.

        Raises:
            GalleryDamagedError: If a template was altered; the message names the sample. Or if all rows of somebody may
                have been put back, deleted or with a consent that was withdrawn: of whom is not known.
            GalleryError: If the gallery has never had that version: it is not the one that was read then.
        """
        after, now = since or 0, time.time()
        with self.snapshot() as connection:
            if (current := version(connection)) < after:
                raise GalleryError(
                    "The gallery is older than what was read before, so another one is in its place: read all of it. "
                    f"Received: since={since}, version {current}."
                )
            searched, names, removed, valid_until = {}, {}, [], None
            for number, person_id, expires, name in self._rows.searched(connection):
                if person_id is not None and (expires is None or expires > now):
                    searched[number], names[person_id] = person_id, name
                    valid_until = min((time for time in (valid_until, expires) if time is not None), default=None)
                elif since is not None:
                    removed += sample_ids_of(connection, number)
            if since is not None:
                rows = connection.execute("SELECT sample_id FROM removed WHERE change > ?", (after,))
                removed += [sample_id for (sample_id,) in rows]
            found = self._rows.templates(connection, after, searched)
        return Templates(*found, np.array(removed, dtype=np.int64), current, valid_until, names)

    def refuse_put_back(self) -> None:
        """Refuses, as `templates` does, a gallery in which all rows of somebody may have been put back.

        Raises:
            GalleryDamagedError: If they may.
        """
        with self.snapshot() as connection:
            self._rows.manifest.refuse_put_back(connection)

    def refused_matches(self, source_hash: str) -> list[Refusal]:
        """Returns who the faces in the file with this SHA-256 are not."""
        with self.snapshot() as connection:
            rows = find_refusals(connection, self._rows, "source_tag", self._source_tag(source_hash))
        return [refusal for _, refusal in rows]

    def refusals(self) -> list[Refusal]:
        """Returns all faces that are not somebody, whatever the file says of their photos without a seal."""
        with self.snapshot() as connection:
            return [refusal for _, refusal in find_refusals(connection, self._rows)]

    def refusals_of(self, person_id: str) -> list[Refusal]:
        """Returns the faces that are not this person."""
        with self.snapshot() as connection:
            rows = find_refusals(connection, self._rows, "person", self._rows.number(connection, person_id))
        return [refusal for _, refusal in rows]

    def history(self, limit: int | None = None) -> list[Change]:
        """Returns the changes of the gallery, latest first; all if no `limit` is given.

        Raises:
            GalleryDamagedError: If somebody without the key altered, deleted or put back one.
        """
        with self.snapshot() as connection:
            if sentence := altered_history(self._rows.keys, connection):
                raise GalleryDamagedError(f"{sentence} `kerasface people check` tells what else was; restore a copy.")
            return self._rows.history(connection, limit)

    def own_points(self) -> dict | None:
        """Returns the thresholds of one's own that the gallery keeps, as they were given, or `None`.

        Raises:
            GalleryDamagedError: If somebody without the key altered them.
        """
        with self.snapshot() as connection:
            return self._rows.own_points(connection)

    @property
    def keeps_thumbnails(self) -> bool:
        """Whether small pictures of faces are kept with their samples."""
        with self.snapshot() as connection:
            return thumbnails.are_kept(connection, self._rows)

    @property
    def unlock_turn(self) -> int:
        """How often the file that counts attempts to unlock was changed for this gallery; see `unlock.lockout`."""
        with self.snapshot() as connection:
            return whole_manifest(self._rows.keys, connection)["unlock"]

    def check(self) -> list[str]:
        """Returns a sentence for everything that is wrong with the file: none if all of it is sound.

        Reads all of it: the structure, whether every record opens, is found where it should be, and every template is
        an embedding of length 1; whether every row is there that should be and no other; and whether the file is the
        latest that this machine has seen.
        """
        problems = []
        try:
            with self._database.read():
                pass
        except GalleryOlderError as error:
            problems.append(str(error))
        with self._database.read(even_older=True) as connection:
            self._check_embedder(connection)
            problems += find_problems(self._database, connection, self._rows)
        if not self._database.note_seen():
            problems.append(
                f"{self._database.latest.path} cannot be written: on this machine no older copy is noticed."
            )
        if self._database.holds_traces():
            problems.append("Traces of something deleted are left: open the gallery while nobody else uses it.")
        return problems

    def what_stays(self) -> str:
        """Returns in a sentence what still holds, encrypted, what was deleted; empty where nothing is known to."""
        return self._database.what_stays()

    def export(self, path: str | os.PathLike, *, passphrase: str | None = None) -> int:
        """Writes everybody to a file that another gallery with another key can import; see `transfer`."""
        return export_gallery(self, Path(path), passphrase)

    def _check_embedder(self, connection: Connection) -> None:
        gallery_id, embedder = connection.execute("SELECT gallery_id, embedder FROM gallery").fetchone()
        if gallery_id != self._rows.keys.gallery_id:  # another process has made the gallery before this one did
            self._rows = unlocked(self._database, self.embedder, self.embedding_dim, self._key)
        if embedder != self.embedder:
            raise OtherEmbedderError(
                f"The gallery {self.path} has been re-embedded since it was opened: open it again. "
                f"Received: {self.embedder}; the gallery has {embedder}."
            )

    def _source_tag(self, source_hash: str) -> bytes:
        return self._rows.keys.tag("source", checked_hash(source_hash))
