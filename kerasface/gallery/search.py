"""Search among the templates of a gallery: exact, in memory, one product of all of them with a probe.

Reading the templates from memory is what it costs. Half precision would halve that, but NumPy has no fast product of
it: 200,000 templates of 128 numbers take 8 ms in float32, 115 ms in float16, on the same two cores.

Templates are multiplied 64 at a time, which BLAS does on the thread that asks: where other programs run, its own
threads wait for one another, and a product with 10,000 templates took 8 ms instead of 0.2. Eight probes at once it
multiplies in less than half of the time, too. benchmarks/identify_speed.py compares both, and FAISS.
"""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_embeddings, as_numbers

_NUM_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_PORTION = 2**14  # templates that a thread takes at a time: up to half a millisecond
_STACK = 64  # templates multiplied at a time; OpenBLAS uses several threads from 9,216 numbers on
_GROWTH = 1.25  # rows of a full matrix are copied into one this much larger
_GROUP = 256  # neighbouring scores of which only the highest is looked at first
_SCORES_AT_ONCE = 2**24  # probes times templates: 64 MiB of float32
_EPSILON = float(np.finfo(np.float32).eps)


@dataclass(frozen=True)
class Candidate:
    """A person who may be the one in front of the camera.

    Attributes:
        person_id: The person.
        sample_id: The person's sample that is most like the probe; the lowest number of equally good ones.
        score: Its cosine similarity to the probe, in `[-1, 1]`.
    """

    person_id: str
    sample_id: int
    score: float


class SearchIndex:
    """The templates of a gallery in memory, ready to be searched; they may come and go at any time.

    Every method may be called from any thread; they take turns, as one search already uses all cores.

    Args:
        embedding_dim: Length of the embeddings.
    """

    def __init__(self, embedding_dim: int):
        if embedding_dim < 1:
            raise ValueError(f"Embeddings have at least one number. Received: embedding_dim={embedding_dim}.")
        self.embedding_dim = embedding_dim
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_NUM_CORES, thread_name_prefix="search")  # no threads until they are needed
        self._size = 0  # the first rows of these three are filled, in any order
        self._templates = np.empty((0, embedding_dim), dtype=np.float32)
        self._sample_ids = np.empty(0, dtype=np.int64)
        self._people = np.empty(0, dtype=np.int32)  # number of each row's person
        self._person_ids: list[str] = []  # of each number
        self._numbers: dict[str, int] = {}  # of each person_id

    @classmethod
    def from_templates(
        cls, embeddings: np.ndarray, sample_ids: ArrayLike, person_ids: Sequence[str] | np.ndarray
    ) -> "SearchIndex":
        """Makes an index that takes the matrix of templates over instead of copying it.

        Use it to open a large gallery: 1,000,000 templates of 128 numbers are 488 MiB, and are there once. The caller
        must not use the matrix afterwards. One that is not float32, writeable and row by row is copied.

        Args:
            embeddings: As for `add`, and so the others.
        """
        embeddings = np.require(as_numbers(embeddings, "Templates are numbers", "embeddings"), np.float32, ["C", "W"])
        index = cls(embeddings.shape[-1] if embeddings.ndim else 0)
        index._sample_ids, index._people = index._checked(embeddings, sample_ids, person_ids)
        index._templates, index._size = embeddings, len(embeddings)
        return index

    def __len__(self) -> int:
        """The number of templates."""
        return self._size

    @property
    def num_people(self) -> int:
        """The number of people with a template: the gallery size that error rates depend on."""
        with self._lock:
            return int(np.count_nonzero(np.bincount(self._people[: self._size])))

    def add(self, embeddings: np.ndarray, sample_ids: ArrayLike, person_ids: Sequence[str] | np.ndarray) -> None:
        """Adds templates.

        Args:
            embeddings: Unit embeddings, `(num_templates, embedding_dim)`.
            sample_ids: A number for each that no other template has, `(num_templates,)`.
            person_ids: The person of each; a person may have any number of templates.

        Raises:
            ValueError: If shapes do not agree, a length is not 1, or a sample is there already. Nothing is added then.
        """
        embeddings = as_numbers(embeddings, "Templates are numbers", "embeddings")
        with self._lock:
            sample_ids, people = self._checked(embeddings, sample_ids, person_ids)
            stop = self._size + len(embeddings)
            if stop > len(self._templates):
                capacity = max(stop, int(_GROWTH * self._size))
                self._templates = _grown(self._templates, capacity)
                self._sample_ids, self._people = _grown(self._sample_ids, capacity), _grown(self._people, capacity)
            new = slice(self._size, stop)
            self._templates[new], self._sample_ids[new], self._people[new] = embeddings, sample_ids, people
            self._size = stop

    def remove(self, sample_ids: ArrayLike) -> int:
        """Removes templates, from memory too; returns how many. Samples that are not there are passed over."""
        with self._lock:
            gone = self._rows_of(sample_ids)
            left = self._size - len(gone)
            holes = gone[gone < left]
            last = np.setdiff1d(np.arange(left, self._size), gone, assume_unique=True)  # as many rows as holes
            for column in (self._templates, self._sample_ids, self._people):
                column[holes] = column[last]
            self._templates[left : self._size] = 0
            self._size = left
            return len(gone)

    def templates_of(self, person_id: str) -> np.ndarray:
        """Returns a person's templates, `(num_templates, embedding_dim)` float32, a copy; none for an unknown one."""
        with self._lock:
            number = self._numbers.get(person_id, -1)
            return self._templates[np.flatnonzero(self._people[: self._size] == number)]

    def search(self, probes: np.ndarray, top: int = 5) -> list[list[Candidate]]:
        """Finds the people who are most like each probe, exactly.

        A person's score is that of the best sample. Scores are computed in float64 where they decide, so that an
        answer depends neither on the order in which templates came nor on the other probes of the call; equal scores
        are ordered by sample number.

        Args:
            probes: Unit embeddings, `(num_probes, embedding_dim)`.
            top: The number of people wanted.

        Returns:
            For each probe up to `top` people, each once, best first; fewer where there are no more.

        Raises:
            ValueError: If shapes do not agree, a length is not 1, or `top` is below 1.
        """
        probes = as_embeddings(probes, self.embedding_dim, "probes").astype(np.float32, copy=False)
        if top < 1:
            raise ValueError(f"A search is for at least one person. Received: top={top}.")
        with self._lock:
            step = max(1, _SCORES_AT_ONCE // max(1, self._size))
            return [
                self._best_people(scores, probe, top)
                for start in range(0, len(probes), step)
                for scores, probe in zip(
                    self._scores(probes[start : start + step]), probes[start : start + step], strict=True
                )
            ]

    def _scores(self, probes: np.ndarray) -> np.ndarray:
        """Scores of all templates, `(num_probes, num_templates)` float32, filled up with -inf to whole groups."""
        scores = np.empty((len(probes), -(-self._size // _GROUP) * _GROUP), dtype=np.float32)
        scores[:, self._size :] = -np.inf
        portions = [slice(at, min(at + _PORTION, self._size)) for at in range(0, self._size, _PORTION)]
        each = map if len(portions) == 1 else self._pool.map
        list(each(lambda part: _multiply(probes, self._templates[part], scores[:, part]), portions))
        return scores

    def _best_people(self, scores: np.ndarray, probe: np.ndarray, top: int) -> list[Candidate]:
        """Picks people from the scores of all rows, which it uses up.

        Each round looks at every row that may be as high as a floor that some rows surely reach. Of the people found
        there the best sample is known then, and everybody else is below the floor; if these are too few, they are
        taken out and the next round looks lower. So a person with thousands of samples hides nobody.
        """
        slack = self.embedding_dim * _EPSILON  # more than rounding can do to a product of unit vectors
        found: dict[int, Candidate] = {}
        while True:
            if found:
                scores[np.flatnonzero(np.isin(self._people[: self._size], list(found)))] = -np.inf
            floor = _reached(scores, 2 * top)  # as several samples may be of one person
            rows = np.flatnonzero(scores >= max(floor - 2 * slack, -2))
            # Row by row, so that equal templates have equal scores wherever they are.
            exact = np.einsum("ij,j->i", self._templates[rows].astype(np.float64), probe.astype(np.float64))
            order = np.lexsort((self._sample_ids[rows], -exact))
            order = order[exact[order] >= floor - slack]
            for row, score in zip(rows[order].tolist(), exact[order].tolist(), strict=True):
                number = int(self._people[row])
                if number not in found:
                    person, sample = self._person_ids[number], int(self._sample_ids[row])
                    found[number] = Candidate(person, sample, max(-1.0, min(score, 1.0)))
                    if len(found) == top:
                        return list(found.values())
            if len(order) == 0:
                return list(found.values())

    def _checked(
        self, embeddings: np.ndarray, sample_ids: ArrayLike, person_ids: Sequence[str] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the samples and of their people, both `(num_templates,)`, of templates that may be added."""
        as_embeddings(embeddings, self.embedding_dim)
        sample_ids = np.array(sample_ids, dtype=np.int64)
        if sample_ids.shape != (len(embeddings),) or len(person_ids) != len(embeddings):
            raise ValueError(
                "Every template needs a sample number and a person. "
                f"Received: {len(embeddings)} embeddings, sample_ids of shape {sample_ids.shape}, "
                f"{len(person_ids)} person_ids."
            )
        there = self._sample_ids[self._rows_of(sample_ids)]
        if len(there) or len(np.unique(sample_ids)) < len(sample_ids):
            raise ValueError(
                "A sample can be in the index once. "
                f"Received: {len(sample_ids)} sample_ids, of which {there[:5].tolist()} are there already, "
                f"{len(np.unique(sample_ids))} different. Remove a sample before you add it anew."
            )
        names = person_ids.tolist() if isinstance(person_ids, np.ndarray) else person_ids
        return sample_ids, np.fromiter(map(self._number, names), np.int32, len(names))

    def _number(self, person_id: str) -> int:
        number = self._numbers.setdefault(person_id, len(self._person_ids))
        if number == len(self._person_ids):
            self._person_ids.append(person_id)
        return number

    def _rows_of(self, sample_ids: ArrayLike) -> np.ndarray:
        """Rows of those samples that are there, ascending. Reads all numbers: 8 MB of 1,000,000 templates."""
        return np.flatnonzero(np.isin(self._sample_ids[: self._size], np.asarray(sample_ids, dtype=np.int64)))


def _grown(rows: np.ndarray, capacity: int) -> np.ndarray:
    """Returns a copy with room for `capacity` rows."""
    larger = np.empty((capacity, *rows.shape[1:]), dtype=rows.dtype)
    larger[: len(rows)] = rows
    return larger


def _multiply(probes: np.ndarray, templates: np.ndarray, scores: np.ndarray) -> None:
    """Writes the products of probes `(m, dim)` and templates `(n, dim)` into `scores`, `(m, n)`."""
    whole = len(templates) // _STACK * _STACK
    stacks = templates[:whole].reshape(-1, _STACK, templates.shape[1])
    lines = scores[:, :whole].reshape(len(probes), -1, _STACK)
    np.matmul(probes, stacks.swapaxes(1, 2), out=lines.swapaxes(0, 1))
    np.matmul(probes, templates[whole:].T, out=scores[:, whole:])


def _reached(scores: np.ndarray, count: int) -> float:
    """A score that at least `count` of the scores reach, close to the highest such; -inf if there may be fewer.

    The highest score of every group is enough to see it, which is several times as fast as partitioning them all.
    """
    highest = scores.reshape(-1, _GROUP).max(axis=1)
    if len(highest) < count:
        highest = scores
    if len(highest) < count:
        return -np.inf
    return float(np.partition(highest, len(highest) - count)[len(highest) - count])
