"""Photos of people and what a model sees on them: what pairs and searches are made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kerasface.data.folders import read_identity_folders
from kerasface.evaluation.calibration import COSINE, NORMALIZED, SCORE_NAMES
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.quality import FaceQuality
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.inspection.maps.embedding_map import file_points, read_thumbnails

SIDE, TURN, SHARPNESS = "side of the face in pixels", "turn of the head in degrees", "sharpness of the face"
_THUMBNAIL = 150  # pixels

Report = Callable[[str, int, int], None]  # what is being done, how much of it is done, and of how much
Pictures = Callable[[Sequence[int]], dict[int, np.ndarray]]


def unreported(stage: str, done: int, total: int) -> None:
    """The report of those who do not want one."""


@dataclass(frozen=True, eq=False)
class People:
    """Photos of people.

    Attributes:
        title: Where they come from, for people.
        paths: The photos; where they are none of this machine, what they are called.
        labels: Number of the person of each, `(num_photos,)` int64.
        names: Names of the people.
        rejected: `(file, reason)` of what is no photo.
    """

    title: str
    paths: list[Path]
    labels: np.ndarray
    names: list[str]
    rejected: tuple[tuple[Path, str], ...] = ()

    def photo_name(self, photo: int) -> str:
        """Folder and file of a photo."""
        return "/".join(self.paths[photo].parts[-2:])


@dataclass(frozen=True, eq=False)
class Embedded:
    """Photos as a model sees them.

    Attributes:
        model: The model's name, for people.
        fingerprint: Of the embedder: what ships for it is found by it.
        normalizer: What normalizes its scores; `None`: scores are cosines.
        rows: Row of each photo among `embeddings`, -1 where it has none, `(num_photos,)`.
        embeddings: `(num_embedded, embedding_dim)` float32, unit length.
        attributes: What is known of each photo, by the attribute's name, `(num_photos,)` each: numbers, NaN where they
            are not known, or words, empty where they are not.
        reasons: Why a photo has no embedding, by its number.
        pictures: Gives the pictures of photos, by their number, as far as they are there.
        qualities: What was measured of the faces, by the photo's number, as far as it was.
    """

    model: str
    fingerprint: str
    normalizer: Normalizer | None
    rows: np.ndarray
    embeddings: np.ndarray
    attributes: dict[str, np.ndarray]
    reasons: dict[int, str]
    pictures: Pictures = lambda photos: {}
    qualities: Mapping[int, FaceQuality] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What its scores are: normalized where the embedder has a cohort, else cosines."""
        return NORMALIZED if self.normalizer else COSINE

    @property
    def score_name(self) -> str:
        """What its scores are called."""
        return SCORE_NAMES[self.kind]

    def rejected(self, people: People) -> list[tuple[Path, str]]:
        """Returns `(file, reason)` of everything that has no embedding."""
        return [*people.rejected, *((people.paths[photo], reason) for photo, reason in sorted(self.reasons.items()))]


def people_of_folder(folder: str | Path) -> People:
    """Reads a folder with a folder per person.

    Raises:
        ValueError: If it is none, or has fewer than two people.
    """
    found = read_identity_folders(folder)
    return People(str(folder), found.paths, found.labels, list(found.identities), found.rejected)


def people_of_embeddings(file: str | Path) -> tuple[People, Embedded]:
    """Reads what `kerasface embed` wrote; of a photo with several faces the largest counts.

    Raises:
        ValueError: If the file was not written by it.
        OSError: If it cannot be read.
    """
    points = file_points(file)
    _, rows = np.unique([str(path) for path in points.paths], return_index=True)  # the largest face comes first
    rows.sort()
    names, labels = np.unique([points.labels[row] for row in rows], return_inverse=True)
    with np.load(file, allow_pickle=False) as arrays:
        fingerprint = str(arrays["embedder"]) if "embedder" in arrays else ""

    def pictures(photos: Sequence[int]) -> dict[int, np.ndarray]:
        found = read_thumbnails(points, [int(rows[photo]) for photo in photos], _THUMBNAIL)
        return {photo: found[int(rows[photo])] for photo in photos if int(rows[photo]) in found}

    embedded = Embedded(
        model="as embedded",
        fingerprint=fingerprint,
        normalizer=normalizer_of(fingerprint),
        rows=np.arange(len(rows)),
        embeddings=points.embeddings[rows],
        attributes={SIDE: points.boxes[rows, 2:].min(axis=1).astype(np.float64)},
        reasons={},
        pictures=pictures,
    )
    return People(str(file), [points.paths[row] for row in rows], labels, names.tolist()), embedded
