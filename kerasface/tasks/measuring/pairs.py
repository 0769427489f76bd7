"""Labelled pairs of photos: read from a list or drawn of people, and scored by what a model sees."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.pairs import PairsError, check_images, persons_of, read_pairs
from kerasface.evaluation.labeled_pairs import drawn_pairs
from kerasface.evaluation.normalization import normalized_scores
from kerasface.evaluation.slices import Slice, evaluate_slices, is_known
from kerasface.files.spreadsheets import csv_text
from kerasface.tasks.measuring.people import TURN, Embedded, People

MAX_IMPOSTOR = 50_000  # pairs drawn: enough for a false match rate of 0.01 %, and quick to draw and to resample
MIXED = "one of each"  # a pair of which the photos differ in what a word says
_FOLDS = 5


@dataclass(frozen=True, eq=False)
class PairList:
    """Labelled pairs of photos.

    Attributes:
        people: The photos.
        pairs: Both photos of each pair, `(num_pairs, 2)` int64.
        same: Whether it shows one person, `(num_pairs,)` bool.
        folds: The fold of each pair, `(num_pairs,)` int64.
        own_folds: Whether the folds are the list's own; else they were dealt out by the person on the first photo.
        lines: The line of each pair in its file, `(num_pairs,)` int64; 0 where it was drawn.
    """

    people: People
    pairs: np.ndarray
    same: np.ndarray
    folds: np.ndarray
    own_folds: bool
    lines: np.ndarray

    @property
    def persons(self) -> np.ndarray:
        """Who is on both photos of each pair, `(num_pairs, 2)` int64."""
        return self.people.labels[self.pairs]

    def part(self, kept: np.ndarray) -> "PairList":
        """Returns the pairs at `kept`, which are indices or a mask."""
        pairs, same, folds, lines = (part[kept] for part in (self.pairs, self.same, self.folds, self.lines))
        return PairList(self.people, pairs, same, folds, self.own_folds, lines)


@dataclass(frozen=True)
class FailedPair:
    """A pair without a score.

    Attributes:
        photos: Folder and file of both.
        line: Its line in the list; 0 where it was drawn.
        reason: Why, in a sentence or two.
    """

    photos: tuple[str, str]
    line: int
    reason: str


@dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Pairs with their scores.

    Attributes:
        listed: The pairs that could be scored.
        scores: Normalized where the embedder has a cohort, else cosines, `(num_pairs,)` float64.
        embedded: Their photos.
        failed: The others.
    """

    listed: PairList
    scores: np.ndarray
    embedded: Embedded
    failed: tuple[FailedPair, ...]

    def attributes(self) -> dict[str, np.ndarray]:
        """Returns what describes each pair: its smaller number, the head turned further, the word both share."""
        first, second = self.listed.pairs.T
        described = {
            name: _of_pair(name, values[first], values[second]) for name, values in self.embedded.attributes.items()
        }
        return {name: values for name, values in described.items() if is_known(values).any()}

    def slices(self, threshold: float) -> dict[str, tuple[Slice, ...]]:
        """Counts both errors at a threshold where an attribute is low, middling and high, or where it is what."""
        return evaluate_slices(self.scores, self.listed.same, self.attributes(), threshold=threshold)

    def at(self, threshold: float) -> Slice:
        """Counts both errors at a threshold, with their intervals; its `low` and `high` mean nothing."""
        everything = {"": np.zeros(len(self.scores))}
        return evaluate_slices(self.scores, self.listed.same, everything, threshold=threshold)[""][0]

    def nearest(self, threshold: float, *, same: bool, accepted: bool, count: int) -> np.ndarray:
        """Returns the pairs of one kind on one side of a threshold that are nearest to it.

        Args:
            threshold: A pair is accepted from this score.
            same: Whether pairs of one person are wanted, or of different people.
            accepted: Whether those from the threshold on are wanted, or those below.
            count: At most.

        Returns:
            Their indices, the nearest first.
        """
        indices = np.flatnonzero((self.listed.same == same) & ((self.scores >= threshold) == accepted))
        return indices[np.argsort(np.abs(self.scores[indices] - threshold), kind="stable")[:count]]

    def to_csv(self) -> str:
        """Returns every pair and its score; those that could not be scored, at the end, have a reason instead."""
        listed, score_name = self.listed, self.embedded.score_name.replace(" ", "_")
        names = [listed.people.photo_name(photo) for photo in range(len(listed.people.paths))]
        columns = (listed.pairs, listed.same, listed.folds, self.scores)
        rows = [
            [names[first], names[second], int(same), fold, f"{score:.6f}", ""]
            for (first, second), same, fold, score in zip(*(column.tolist() for column in columns), strict=True)
        ]
        rows += [[*pair.photos, "", "", "", pair.reason] for pair in self.failed]
        return csv_text(["photo_a", "photo_b", "same", "fold", score_name, "reason"], rows)


def pairs_of_file(file: str | Path, images: str | Path) -> PairList:
    """Reads a list of pairs, a table or in LFW's format, and who is on their photos.

    Raises:
        PairsError: If the list breaks its format, none of its photos is there, or it has no folds and the same person
            is first in every pair.
    """
    listed = read_pairs(file, images)
    check_images(listed, images)
    paths = sorted({path for pair in listed for path in (pair.path_a, pair.path_b)})
    place = {path: number for number, path in enumerate(paths)}
    names, labels = persons_of(listed, paths)
    people = People(str(file), paths, labels, names)
    pairs = np.array([(place[pair.path_a], place[pair.path_b]) for pair in listed], dtype=np.int64)
    same = np.array([pair.same for pair in listed], dtype=bool)
    folds, lines = (np.array([getattr(pair, name) for pair in listed], dtype=np.int64) for name in ("fold", "line"))
    own_folds = len(np.unique(folds)) > 1
    if not own_folds and len(first := np.unique(labels[pairs[:, 0]])) < 2:
        raise PairsError(
            "Pairs without folds are judged in parts by the person on the first photo, which takes two people or more. "
            f"Received: {len(pairs)} pairs of {len(first)}. Swap the photos of some pairs, or give a column fold."
        )
    return PairList(people, pairs, same, folds if own_folds else _dealt(people, pairs), own_folds, lines)


def pairs_of_people(people: People, max_impostor: int = MAX_IMPOSTOR) -> PairList:
    """Draws pairs: at most 20 of one person for each, and so many of different people.

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
    lines = np.zeros(len(kept), dtype=np.int64)
    return PairList(people, pairs[kept], same[kept], _dealt(people, pairs[kept]), False, lines)


def score_pairs(listed: PairList, embedded: Embedded) -> ScoredPairs:
    """Scores every pair of which both photos have an embedding.

    Raises:
        ValueError: If no pair of one person, or none of different people, is left.
    """
    rows = embedded.rows[listed.pairs]
    usable = (rows >= 0).all(axis=1)
    failed = tuple(_failed(listed, embedded, pair) for pair in np.flatnonzero(~usable).tolist())
    same, example = listed.same[usable], f" The first: {failed[0].reason}" if failed else ""
    if not usable.any():
        raise PairsError(f"None of the {len(usable):,} pairs can be scored.{example}")
    if not same.any() or same.all():
        raise ValueError(
            "Error rates take pairs of one person and pairs of different people. Received: "
            f"{int(same.sum())} and {int((~same).sum())}; {len(failed)} could not be scored.{example}"
        )
    first, second = rows[usable].T
    vectors = embedded.embeddings
    scores = np.einsum("ij,ij->i", vectors[first], vectors[second], dtype=np.float64).clip(-1, 1)
    if embedded.normalizer:
        statistics = embedded.normalizer.statistics(vectors)
        scores = normalized_scores(scores, statistics[first], statistics[second])
    return ScoredPairs(listed.part(usable), scores, embedded, failed)


def _failed(listed: PairList, embedded: Embedded, pair: int) -> FailedPair:
    photos = listed.pairs[pair].tolist()
    reasons = (embedded.reasons.get(photo, "") for photo in photos)
    names = tuple(listed.people.photo_name(photo) for photo in photos)
    return FailedPair(names, int(listed.lines[pair]), "; ".join(reason for reason in reasons if reason))


def _of_pair(name: str, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """An attribute of pairs from those of their photos; NaN and the empty word stay."""
    if np.issubdtype(first.dtype, np.number):
        return (np.maximum if name == TURN else np.minimum)(first, second)
    return np.where(is_known(first) & is_known(second), np.where(first == second, first, MIXED), "")


def _dealt(people: People, pairs: np.ndarray) -> np.ndarray:
    """Folds by the person on the first photo: whoever is there is judged by a threshold from the others."""
    return np.unique(people.labels[pairs[:, 0]], return_inverse=True)[1] % _FOLDS
