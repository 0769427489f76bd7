"""What the page Evaluate measures: photos of people, their embeddings, and the pairs that are made of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.folders import read_identity_folders
from kerasface.data.pairs import check_images, persons_of, read_pairs
from kerasface.evaluation.calibration import COSINE, NORMALIZED, SCORE_NAMES
from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.inspection.maps.embedding_map import file_points, read_thumbnails
from kerasface.train.metric_learning.judging import drawn_pairs

MAX_IMPOSTOR = 50_000  # pairs drawn: enough for a false match rate of 0.01 %, and quick to draw and to resample
_FOLDS = 5
_THUMBNAIL = 150  # pixels

Pictures = Callable[[Sequence[int]], dict[int, np.ndarray]]


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
        rows: Row of each photo among `embeddings`, -1 where it has none, `(num_photos,)`.
        embeddings: `(num_embedded, embedding_dim)` float32, unit length.
        attributes: What was measured of the face of each photo, `(num_photos,)` each; NaN where it was not.
        pictures: Gives the pictures of photos, by their number, as far as they are there.
        reasons: Why a photo has no embedding, by its number.
    """

    model: str
    fingerprint: str
    rows: np.ndarray
    embeddings: np.ndarray
    attributes: dict[str, np.ndarray]
    pictures: Pictures
    reasons: dict[int, str]


@dataclass(frozen=True, eq=False)
class PairList:
    """Labelled pairs of photos.

    Attributes:
        people: The photos.
        pairs: Both photos of each pair, `(num_pairs, 2)` int64.
        same: Whether it shows one person, `(num_pairs,)` bool.
        folds: The fold of each pair, `(num_pairs,)` int64.
        told: Whether the folds are the list's own; else they were dealt out by the person on the first photo.
    """

    people: People
    pairs: np.ndarray
    same: np.ndarray
    folds: np.ndarray
    told: bool

    @property
    def persons(self) -> np.ndarray:
        """Who is on both photos of each pair, `(num_pairs, 2)` int64."""
        return self.people.labels[self.pairs]


@dataclass(frozen=True, eq=False)
class ScoredList:
    """Pairs with their scores.

    Attributes:
        listed: The pairs that could be scored.
        scores: Of the kind of `kind`, `(num_pairs,)` float64.
        embedded: Their photos.
        failed: `(name of the pair, reason)` of the others.
    """

    listed: PairList
    scores: np.ndarray
    embedded: Embedded
    failed: list[tuple[str, str]]

    @property
    def kind(self) -> str:
        """What the scores are: normalized where their embedder has a cohort, else cosines."""
        return NORMALIZED if normalizer_of(self.embedded.fingerprint) else COSINE

    @property
    def score_name(self) -> str:
        """What the scores are called."""
        return SCORE_NAMES[self.kind]

    def attributes(self) -> dict[str, np.ndarray]:
        """What describes each pair: its smaller, its less sharp face, and the one turned further."""
        first, second = self.listed.pairs.T
        worst = {"turn of the head in degrees": np.maximum}
        return {
            name: worst.get(name, np.minimum)(values[first], values[second])
            for name, values in self.embedded.attributes.items()
        }


def people_of_folder(folder: str) -> People:
    """Reads a folder with a folder per person.

    Raises:
        ValueError: If it is none, or has fewer than two people.
    """
    found = read_identity_folders(folder)
    return People(str(folder), found.paths, found.labels, list(found.identities), found.rejected)


def pairs_of_file(file: str, images: str) -> PairList:
    """Reads a list of pairs, a table or in LFW's format, and who is on their photos.

    Raises:
        ValueError: If the list breaks its format or `images` is no folder.
    """
    if not Path(images).is_dir():
        raise ValueError(f"{images} is not a folder. Give the folder that holds a folder of photos per person.")
    listed = read_pairs(file, images)
    check_images(listed, images)
    paths = sorted({path for pair in listed for path in (pair.path_a, pair.path_b)})
    place = {path: number for number, path in enumerate(paths)}
    names, labels = persons_of(listed, paths)
    pairs = np.array([(place[pair.path_a], place[pair.path_b]) for pair in listed], dtype=np.int64)
    folds = np.array([pair.fold for pair in listed], dtype=np.int64)
    people = People(str(file), paths, labels, names)
    same = np.array([pair.same for pair in listed], dtype=bool)
    told = len(np.unique(folds)) > 1
    return PairList(people, pairs, same, folds if told else _dealt(people, pairs), told)


def pairs_of_people(people: People, max_impostor: int = MAX_IMPOSTOR) -> PairList:
    """Draws pairs: at most 20 of one person for each, and 50,000 of different people if not told otherwise.

    Raises:
        ValueError: If nobody has two photos.
    """
    counts = np.bincount(people.labels)
    if len(people.names) < 2 or counts.max() < 2:
        raise ValueError(
            "Pairs take two people or more, and one of them with two photos. "
            f"Received: {len(people.names)} people with {len(people.labels)} photos in {people.title}."
        )
    pairs = np.stack(drawn_pairs(people.labels, seed=0), axis=1)
    same = people.labels[pairs[:, 0]] == people.labels[pairs[:, 1]]
    kept = np.flatnonzero(same | (np.cumsum(~same) <= max_impostor))
    return PairList(people, pairs[kept], same[kept], _dealt(people, pairs[kept]), told=False)


def people_of_embeddings(file: str) -> tuple[People, Embedded]:
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
        rows=np.arange(len(rows)),
        embeddings=points.embeddings[rows],
        attributes={"side of the face in pixels": points.boxes[rows, 2:].min(axis=1).astype(np.float64)},
        pictures=pictures,
        reasons={},
    )
    return People(str(file), [points.paths[row] for row in rows], labels, names.tolist()), embedded


def score(listed: PairList, embedded: Embedded) -> ScoredList:
    """Scores every pair of which both photos have an embedding.

    Raises:
        ValueError: If no pair of one person, or none of different people, is left.
    """
    rows = embedded.rows[listed.pairs]
    usable = (rows >= 0).all(axis=1)
    failed = []
    for pair in listed.pairs[~usable]:
        name = " - ".join(listed.people.photo_name(photo) for photo in pair)
        reasons = [embedded.reasons.get(photo, "") for photo in dict.fromkeys(pair.tolist())]
        failed.append((name, " ".join(reason for reason in reasons if reason)))
    same = listed.same[usable]
    if not same.any() or same.all():
        example = f" The first: {failed[0][1]}" if failed else ""
        raise ValueError(
            "Error rates take pairs of one person and pairs of different people. Received: "
            f"{int(same.sum())} and {int((~same).sum())}; {len(failed)} could not be scored.{example}"
        )
    first, second = rows[usable].T
    scores = np.einsum("ij,ij->i", embedded.embeddings[first], embedded.embeddings[second], dtype=np.float64).clip(
        -1, 1
    )
    if normalizer := normalizer_of(embedded.fingerprint):
        statistics = normalizer.statistics(embedded.embeddings)
        scores = normalized_scores(scores, statistics[first], statistics[second])
    return ScoredList(part_of(listed, usable), scores, embedded, failed)


def part_of(listed: PairList, kept: np.ndarray) -> PairList:
    """The pairs at `kept`, which are indices or a mask."""
    return PairList(listed.people, listed.pairs[kept], listed.same[kept], listed.folds[kept], listed.told)


def _dealt(people: People, pairs: np.ndarray) -> np.ndarray:
    """Folds by the person on the first photo: whoever is there is judged by a threshold from the others."""
    return np.unique(people.labels[pairs[:, 0]], return_inverse=True)[1] % _FOLDS
