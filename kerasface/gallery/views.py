"""A gallery as others are to see it: with a single person."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kerasface.gallery.changes.transfer import export_gallery
from kerasface.gallery.store import Person

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery


def export_person(
    gallery: "Gallery", person_id: str, path: str | os.PathLike, *, passphrase: str | None = None
) -> None:
    """Writes one person to a file that another gallery can import; see `transfer`.

    Args:
        gallery: The gallery.
        person_id: The person, or its name.
        path: A file that does not exist.
        passphrase: Encrypts the file. Without one it is NOT encrypted, and readable by its owner only.

    Raises:
        NoSuchPersonError: If there is no such person; no file is left then.
        GalleryFileError: If the file exists or cannot be written.
        ValueError: If the passphrase is empty.
    """
    export_gallery(_Alone(gallery, person_id), Path(path), passphrase)


class _Alone:
    """A gallery of whose people only one is seen."""

    def __init__(self, gallery: "Gallery", person_id: str):
        self._gallery, self._person_id = gallery, person_id

    def __getattr__(self, name: str):
        return getattr(self._gallery, name)

    def people(self) -> list[Person]:
        return [self._gallery.person(self._person_id)]
