"""A folder of people as embeddings: one face a photo, and who is on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.photos import read_photos
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import central_face


@dataclass(frozen=True, eq=False)
class EmbeddedPeople:
    """The photos of a folder of people that have a face.

    Attributes:
        names: Of the people who have such a photo, sorted.
        paths: The photos, `num_photos` of them.
        embeddings: Of the face nearest the centre of each, `(num_photos, embedding_dim)` float32, of length 1.
        labels: Who is on each photo: positions in `names`, `(num_photos,)`.
        rejected: `(path, reason)` of everything else.
    """

    names: list[str]
    paths: list[Path]
    embeddings: np.ndarray
    labels: np.ndarray
    rejected: list[tuple[Path, str]]


def face_crops(paths: Iterable[Path], analyzer: FaceAnalyzer) -> dict[Path, np.ndarray]:
    """Returns the aligned crop of the face that counts on each photo, RGB uint8; photos that lost theirs are left out.

    Args:
        paths: The photos; few, as each is read again.
        analyzer: The face front end.
    """
    crops = {}
    for batch in read_photos(sorted(set(paths))):
        readable = [photo for photo in batch if photo.problem is None]
        found = analyzer.crops([photo.image for photo in readable], pick=central_face)
        crops |= {photo.path: faces[0].crop for photo, faces in zip(readable, found, strict=True) if faces}
    return crops
