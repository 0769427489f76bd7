"""Galleries as others are to see them: one in which an enrolment is only tried, one that has a single person."""

import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasface.gallery.changes.transfer import export_gallery
from kerasface.gallery.store import Person, Sample

if TYPE_CHECKING:
    from kerasface.gallery.sqlite import SqliteGallery


class Rehearsal:
    """A gallery for an `Enroller` that says what it would refuse: all is read as it is, and nothing is written.

    Args:
        gallery: The real one.
    """

    def __init__(self, gallery: "SqliteGallery"):
        self._gallery = gallery

    @property
    def embedder(self) -> str:
        return self._gallery.embedder

    def person(self, name_or_id: str) -> Person:
        return self._gallery.person(name_or_id)

    def find_source(self, source_hash: str) -> list[Sample]:
        return self._gallery.find_source(source_hash)

    def samples(self, person_id: str) -> list[Sample]:
        return self._gallery.samples(person_id)

    def embeddings(self, person_id: str) -> np.ndarray:
        return self._gallery.embeddings(person_id)

    def transaction(self) -> AbstractContextManager[None]:
        """Begins nothing: no lock is taken, and a gallery that cannot be written can be asked too."""
        return nullcontext()

    def enroll(self, name: str, samples: list, *, consent=None) -> None:
        """Enrols nobody."""


def export_person(
    gallery: "SqliteGallery", person_id: str, path: str | os.PathLike, *, passphrase: str | None = None
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

    def __init__(self, gallery: "SqliteGallery", person_id: str):
        self._gallery, self._person_id = gallery, person_id

    def __getattr__(self, name: str):
        return getattr(self._gallery, name)

    def people(self) -> list[Person]:
        return [self._gallery.person(self._person_id)]
