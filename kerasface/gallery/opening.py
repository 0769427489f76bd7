"""From where a gallery is to the gallery, open."""

import os
from typing import Literal

from kerasface.gallery.gallery import Gallery
from kerasface.gallery.places import Address, place_of
from kerasface.gallery.store import TIMEOUT, GalleryDamagedError, GalleryError


def recorded_embedder(path: str | os.PathLike | Address) -> tuple[str, int] | None:
    """Returns fingerprint and length of the embeddings that a gallery holds, for which no key is needed.

    Returns:
        `None` where there is no gallery.

    Raises:
        GalleryError: If it is none, or damaged.
    """
    place = place_of(path)
    if not place.exists(TIMEOUT):
        return None
    database = place.open(TIMEOUT)
    try:
        with database.read() as connection:
            row = connection.execute("SELECT embedder, embedding_dim FROM gallery").fetchone()
    finally:
        database.close()
    if row is None:
        raise GalleryDamagedError(f"The gallery {place.path} has lost its own row. Restore a copy.")
    return row[0], row[1]


def open_gallery(
    path: str | os.PathLike | Address,
    *,
    embedder: str | None = None,
    embedding_dim: int | None = None,
    key: bytes | None = None,
    create: bool | Literal["late"] = True,
    timeout: float = TIMEOUT,
    noted: bool = True,
) -> Gallery:
    """Opens a gallery, or makes an empty one. Close it, or use it in a `with` statement.

    Args:
        path: The gallery's file. Beside it may lie `-wal`, `-shm` and `-lock`, which belong to it. Or the address of
            one on a server, `postgresql://...`; see docs/postgres.md.
        embedder: Fingerprint of the embedder whose embeddings it holds; whatever an existing one records if not given.
        embedding_dim: Length of an embedding; given with `embedder`.
        key: 32 bytes; if not given, the key of `keys.load_key`, which is made when the first gallery is.
        create: Whether a gallery that does not exist is made. `"late"` makes it with the first change that succeeds:
            until then nothing is on the disk, so that what fails leaves no empty gallery behind.
        timeout: Seconds that an operation waits for other processes.
        noted: Whether its latest state is noted in the user's configuration folder, so that an older copy is noticed.

    Raises:
        GalleryError: If it does not exist and must not be made, or one of the family: it is no gallery, of another
            embedder, the key is missing or wrong, the file is damaged or not writable, or others hold it too long.
        ValueError: If an argument is out of range.

    Example:
        ```python
        with open_gallery("friends.gallery", embedder="face_resnet-1", embedding_dim=128) as gallery:
            for person in gallery.people():
                print(person.name, person.num_samples)
        ```
    """
    if embedder is None:
        if (recorded := recorded_embedder(path)) is None:
            raise GalleryError(f"There is no gallery at {place_of(path).path}. Enrol somebody to make one.")
        embedder, embedding_dim = recorded
    return Gallery(
        path,
        embedder=embedder,
        embedding_dim=embedding_dim,
        key=key,
        create=create,
        timeout=timeout,
        noted=noted,
    )
