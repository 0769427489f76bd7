"""From where a gallery is to the gallery, open."""

import os
from typing import Literal

from kerasface.gallery.sqlite import SqliteGallery
from kerasface.gallery.store import TIMEOUT


def open_gallery(
    path: str | os.PathLike,
    *,
    embedder: str,
    embedding_dim: int,
    key: bytes | None = None,
    create: bool | Literal["late"] = True,
    timeout: float = TIMEOUT,
) -> SqliteGallery:
    """Opens a gallery, or makes an empty one. Close it, or use it in a `with` statement.

    Args:
        path: The gallery's file. Beside it may lie `-wal`, `-shm` and `-lock`, which belong to it.
        embedder: Fingerprint of the embedder whose embeddings it holds.
        embedding_dim: Length of an embedding.
        key: 32 bytes; if not given, the key of `keys.load_key`, which is made when the first gallery is.
        create: Whether a gallery that does not exist is made. `"late"` makes it with the first change that succeeds:
            until then nothing is on the disk, so that what fails leaves no empty gallery behind.
        timeout: Seconds that an operation waits for other processes.

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
    return SqliteGallery(path, embedder=embedder, embedding_dim=embedding_dim, key=key, create=create, timeout=timeout)
