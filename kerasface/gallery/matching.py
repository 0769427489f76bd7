"""Search among the templates of a gallery, exact and in memory, and the assignment of people to the faces of a photo.

One float32 product of all templates with a probe says nearly everything; reading the templates from memory is what it
costs. Half precision would halve that, but NumPy has no fast product of it: 200,000 templates of 128 numbers take 8 ms
in float32, 115 ms in float16, and 210 ms in float16 widened block by block, on the same two cores. Products of int8
overflow.

Templates are shared out in portions to whichever thread is free, and multiplied 64 at a time, which BLAS does on the
thread that asks. Its own threads wait for one another: beside other programs a product with 10,000 templates took 18 ms
in them, and takes 0.1 ms this way.
"""

import os
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.arrays import as_embeddings, as_numbers

_SMALLEST_BLOCK, _LARGEST_BLOCK = 2**10, 2**18  # rows added for growth, as many as there are between these bounds
_NUM_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
_PORTION = 2**14  # templates that a thread takes at a time: up to half a millisecond
_STACK = 64  # templates multiplied at a time; OpenBLAS uses several threads from 9,216 numbers on
_FEW_PROBES = 4  # above it a product of matrices is faster than one product for each
_GROUP = 256  # neighbouring scores of which only the highest is looked at first
_SCORES_AT_ONCE = 2**24  # probes times templates: 64 MiB of float32
_EXACT_AT_ONCE = 2**13  # templates scored in float64 at once: 8 MiB at 128 numbers each
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
    """The templates of a gallery in memory, ready to be searched.

    Templates may come and go at any time, at the cost of those templates: nothing is rebuilt, and rows that stay are
    never copied to grow. Every method may be called from any thread; they take turns, as one search already uses all
    cores.

    Args:
        embedding_dim: Length of the embeddings.
    """

    def __init__(self, embedding_dim: int):
        if embedding_dim < 1:
            raise ValueError(f"Embeddings have at least one number. Received: embedding_dim={embedding_dim}.")
        self.embedding_dim = embedding_dim
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(max(1, _NUM_CORES - 1), thread_name_prefix="search")  # idle until needed
        self._blocks: list[np.ndarray] = []  # each (capacity, embedding_dim) float32; rows are filled in order
        self._size = 0
        self._sample_ids = np.empty(0, dtype=np.int64)  # of each row; these two double, at 12 bytes a row
        self._people = np.empty(0, dtype=np.int32)  # number of each row's person
        self._person_ids: list[str] = []  # of each number
        self._numbers: dict[str, int] = {}  # of each person_id
        self._num_people: int | None = None  # None: to be counted, which takes 5 ms for 1,000,000 templates

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
        sample_ids, people = index._checked(embeddings, sample_ids, person_ids)
        if len(embeddings):
            index._blocks = [embeddings]
            index._label(sample_ids, people)
        return index

    def __len__(self) -> int:
        """The number of templates."""
        return self._size

    @property
    def num_people(self) -> int:
        """The number of people with a template: the gallery size that error rates depend on."""
        with self._lock:
            if self._num_people is None:
                self._num_people = int(np.count_nonzero(np.bincount(self._people[: self._size])))
            return self._num_people

    def add(self, embeddings: np.ndarray, sample_ids: ArrayLike, person_ids: Sequence[str] | np.ndarray) -> None:
        """Adds templates.

        Args:
            embeddings: Unit embeddings, `(num_templates, embedding_dim)`.
            sample_ids: A number for each that no other template has, `(num_templates,)`.
            person_ids: The person of each; a person may have any number of templates.

        Raises:
            ValueError: If shapes do not agree, a length is not 1, or a sample is there already. Nothing is added then.
        """
        embeddings = np.asarray(as_numbers(embeddings, "Templates are numbers", "embeddings"), dtype=np.float32)
        with self._lock:
            sample_ids, people = self._checked(embeddings, sample_ids, person_ids)
            self._reserve(self._size + len(embeddings))
            self._write(np.arange(self._size, self._size + len(embeddings)), embeddings)
            self._label(sample_ids, people)

    def remove(self, sample_ids: ArrayLike) -> int:
        """Removes templates, from memory too; returns how many. Samples that are not there are passed over."""
        with self._lock:
            gone = self._rows_of(sample_ids)
            left = self._size - len(gone)
            holes = gone[gone < left]
            last = np.setdiff1d(np.arange(left, self._size), gone, assume_unique=True)  # as many rows as holes
            self._write(holes, self._read(last))
            self._sample_ids[holes], self._people[holes] = self._sample_ids[last], self._people[last]
            self._write(np.arange(left, self._size), 0.0)
            self._size, self._num_people = left, None
            return len(gone)

    def relabel(self, sample_ids: ArrayLike, person_id: str) -> int:
        """Gives templates to a person, new or known; returns how many. Samples that are not there are passed over."""
        with self._lock:
            rows = self._rows_of(sample_ids)
            if len(rows):
                self._people[rows] = self._number(person_id)
                self._num_people = None
            return len(rows)

    def templates_of(self, person_id: str) -> np.ndarray:
        """Returns a person's templates, `(num_templates, embedding_dim)` float32, a copy; none for an unknown one."""
        with self._lock:
            number = self._numbers.get(person_id, -1)
            return self._read(np.flatnonzero(self._people[: self._size] == number))

    def search(
        self, probes: np.ndarray, top: int = 5, *, excluded: Sequence[Collection[str]] | None = None
    ) -> list[list[Candidate]]:
        """Finds the people who are most like each probe, exactly.

        A person's score is that of the best sample. Scores are computed in float64 where they decide, so that an
        answer depends neither on the order in which templates came nor on the other probes of the call; equal scores
        are ordered by sample number.

        Args:
            probes: Unit embeddings, `(num_probes, embedding_dim)`.
            top: The number of people wanted.
            excluded: For each probe, the people it must not be given; unknown ones are passed over.

        Returns:
            For each probe up to `top` people, each once, best first; fewer where there are no more.

        Raises:
            ValueError: If shapes do not agree, a length is not 1, or `top` is below 1.
        """
        probes = as_embeddings(probes, self.embedding_dim, "probes").astype(np.float32, copy=False)
        excluded = [()] * len(probes) if excluded is None else excluded
        if top < 1 or len(excluded) != len(probes):
            raise ValueError(
                "A search needs top >= 1 and, if any, a collection of excluded people for every probe. "
                f"Received: top={top}, {len(probes)} probes, {len(excluded)} collections."
            )
        with self._lock:
            step = max(1, _SCORES_AT_ONCE // max(1, self._size))
            answers = []
            for start in range(0, len(probes), step):
                part = slice(start, start + step)
                for row, probe, left_out in zip(self._scores(probes[part]), probes[part], excluded[part], strict=True):
                    answers.append(self._best_people(row, probe, top, left_out))
            return answers

    def _scores(self, probes: np.ndarray) -> np.ndarray:
        """Scores of all templates, `(num_probes, num_templates)` float32, filled up with -inf to whole groups."""
        scores = np.empty((len(probes), -(-self._size // _GROUP) * _GROUP), dtype=np.float32)
        scores[:, self._size :] = -np.inf
        if len(self._blocks) == 1 and self._size <= _PORTION:
            _multiply(probes, self._blocks[0][: self._size], scores[:, : self._size])
            return scores
        portions = [
            (start + offset, rows[offset : offset + _PORTION])
            for start, rows in self._filled()
            for offset in range(0, len(rows), _PORTION)
        ]
        remaining = iter(portions)

        def work() -> None:
            for start, rows in remaining:
                _multiply(probes, rows, scores[:, start : start + len(rows)])

        helpers = [self._pool.submit(work) for _ in range(min(_NUM_CORES, len(portions) // 2) - 1)]
        work()
        for helper in helpers:
            if not helper.cancel():  # one that has not even begun is not waited for
                helper.result()
        return scores

    def _best_people(
        self, scores: np.ndarray, probe: np.ndarray, top: int, excluded: Collection[str]
    ) -> list[Candidate]:
        """Picks people from the scores of all rows, which it uses up.

        Each round looks at every row that may be as high as a floor that some rows surely reach. Of the people found
        there the best sample is known then, and everybody else is below the floor; if these are too few, they are
        taken out and the next round looks lower. So a person with thousands of samples hides nobody.
        """
        slack = self.embedding_dim * _EPSILON  # more than rounding can do to a product of unit vectors
        found: list[Candidate] = []
        self._close(scores, [self._numbers[name] for name in excluded if name in self._numbers])
        while len(found) < top:
            floor = _reached(scores, 2 * top)  # as several samples may be of one person
            rows = np.flatnonzero(scores >= max(floor - 2 * slack, -2))
            exact = self._exact(rows, probe)
            order = np.lexsort((self._sample_ids[rows], -exact))
            order = order[exact[order] >= floor - slack]
            if len(order) == 0:
                break
            rows, exact = rows[order], exact[order]
            new: dict[int, Candidate] = {}
            samples = zip(self._people[rows].tolist(), self._sample_ids[rows].tolist(), exact.tolist(), strict=True)
            for number, sample_id, score in samples:
                if number not in new:
                    new[number] = Candidate(self._person_ids[number], sample_id, max(-1.0, min(score, 1.0)))
                    if len(found) + len(new) == top:
                        break
            found += new.values()
            self._close(scores, list(new) if len(found) < top else [])
        return found

    def _close(self, scores: np.ndarray, people: Sequence[int]) -> None:
        """Takes all rows of people out of the scores."""
        if len(people):
            scores[np.flatnonzero(np.isin(self._people[: self._size], people))] = -np.inf

    def _exact(self, rows: np.ndarray, probe: np.ndarray) -> np.ndarray:
        """Scores of some rows in float64, `(num_rows,)`; equal templates have equal scores wherever they are."""
        probe = probe.astype(np.float64)
        if len(rows) <= _EXACT_AT_ONCE:
            return np.einsum("ij,j->i", self._read(rows).astype(np.float64), probe)
        parts = np.split(rows, range(_EXACT_AT_ONCE, len(rows), _EXACT_AT_ONCE))
        return np.concatenate([self._exact(part, probe) for part in parts])

    def _checked(
        self, embeddings: np.ndarray, sample_ids: ArrayLike, person_ids: Sequence[str] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the samples and of their people, both `(num_templates,)`, of templates that may be added."""
        as_embeddings(embeddings, self.embedding_dim)
        sample_ids = np.asarray(sample_ids, dtype=np.int64)
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

    def _label(self, sample_ids: np.ndarray, people: np.ndarray) -> None:
        """Names the rows that were written behind the last one, which makes them count."""
        stop = self._size + len(sample_ids)
        if stop > len(self._sample_ids):
            capacity = max(stop, 2 * len(self._sample_ids))
            for name in ("_sample_ids", "_people"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty(capacity - len(old), dtype=old.dtype)]))
        self._sample_ids[self._size : stop], self._people[self._size : stop] = sample_ids, people
        self._size, self._num_people = stop, None

    def _reserve(self, size: int) -> None:
        """Makes room for `size` rows. What a block does not use yet is address space, hardly memory."""
        capacity = sum(map(len, self._blocks))
        if size > capacity:
            rows = max(size - capacity, min(max(capacity, _SMALLEST_BLOCK), _LARGEST_BLOCK))
            self._blocks.append(np.empty((rows, self.embedding_dim), dtype=np.float32))

    def _filled(self) -> list[tuple[int, np.ndarray]]:
        """The first row of every block, and the filled part of the block."""
        parts, start = [], 0
        for block in self._blocks:
            if start < self._size:
                parts.append((start, block[: self._size - start]))
            start += len(block)
        return parts

    def _places(self, rows: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For every block that holds some of `rows`: the block, where in `rows` they stand, and where in the block."""
        starts = np.cumsum([0, *map(len, self._blocks)])
        owners = np.searchsorted(starts, rows, side="right") - 1
        places = [(number, np.flatnonzero(owners == number)) for number in np.unique(owners)]
        return [(self._blocks[number], at, rows[at] - starts[number]) for number, at in places]

    def _read(self, rows: np.ndarray) -> np.ndarray:
        """The templates of some rows, a copy."""
        if len(self._blocks) == 1:  # a search of a small gallery feels the difference
            return self._blocks[0][rows]
        templates = np.empty((len(rows), self.embedding_dim), dtype=np.float32)
        for block, at, inside in self._places(rows):
            templates[at] = block[inside]
        return templates

    def _write(self, rows: np.ndarray, templates: np.ndarray | float) -> None:
        for block, at, inside in self._places(rows):
            block[inside] = templates if np.isscalar(templates) else templates[at]


def assign(scores: Sequence[Mapping[str, float]], threshold: float) -> list[str | None]:
    """Gives people to the faces of one photo, nobody to two of them.

    Of all ways to do so, the one whose scores exceed the threshold by most in sum. A face can be left without, and a
    second choice that just reaches the threshold gains little: it pushes nobody from a face that fits much better. A
    face whose first choice fits another face better may get its second one.

    Args:
        scores: For each face, the score of every person who comes into question, such as
            `{candidate.person_id: candidate.score for candidate in candidates}`; any score that a threshold belongs to.
        threshold: The score from which a person is accepted.

    Returns:
        For each face the `person_id`, or None.
    """
    from scipy.optimize import linear_sum_assignment  # a light command should not wait for its import

    people = sorted({person for face in scores for person, score in face.items() if score >= threshold})
    column = {person: number for number, person in enumerate(people)}
    gains = np.zeros((len(scores), len(people)))
    for row, face in enumerate(scores):
        for person, score in face.items():
            if score >= threshold:
                gains[row, column[person]] = score - threshold + 1e-9  # reaching it is better than nobody
    assigned: list[str | None] = [None] * len(scores)
    for row, number in zip(*linear_sum_assignment(gains, maximize=True), strict=True):
        if gains[row, number] > 0:
            assigned[row] = people[number]
    return assigned


def _multiply(probes: np.ndarray, rows: np.ndarray, scores: np.ndarray) -> None:
    """Writes the products of probes `(m, dim)` and templates `(n, dim)` into `scores`, `(m, n)`."""
    whole = len(rows) // _STACK * _STACK
    if whole < len(rows):
        np.matmul(probes, rows[whole:].T, out=scores[:, whole:])
    stacks = rows[:whole].reshape(-1, _STACK, rows.shape[1])
    lines = scores[:, :whole].reshape(len(probes), -1, _STACK)
    if len(probes) <= _FEW_PROBES:
        for probe, line in zip(probes, lines, strict=True):
            np.matmul(stacks, probe, out=line)
    else:
        np.matmul(probes, stacks.swapaxes(1, 2), out=lines.swapaxes(0, 1))


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
