"""Thresholds for searches, by the size of the gallery: galleries are drawn, everybody else comes as a stranger.

Second photos of those enrolled come as known. No threshold is below that of a verification at FPIR / size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kerasface.evaluation.calibration import NORMALIZED, ScoreCalibration, fit_calibration
from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.verification import threshold_of_sorted, wilson_interval

# Below 0.3 % the few people whom LFW has under two names decide.
FPIRS = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
GALLERY_SIZES = (2, 3, 5, 10, 20, 50, 100, 200, 400, 800, 1600)
CALIBRATED_FPIR = 0.01  # whose threshold the scores of a calibration are counted from
_FOLDS = 5
_PROBES, _MOST_GALLERIES = 2000, 2000  # of those enrolled, for each size


@dataclass(frozen=True, eq=False)
class Pool:
    """People who are enrolled, known and strangers in turn, and whom the cohort was not drawn after.

    Attributes:
        first: One embedding of each, `(num_people, embedding_dim)`.
        people: Their labels, `(num_people,)`.
        second: Another one of some, by label.
        normalizer: What normalizes scores; `None`: cosines decide.
    """

    first: np.ndarray
    people: np.ndarray
    second: dict[int, np.ndarray]
    normalizer: Normalizer | None = None

    @cached_property
    def among(self) -> np.ndarray:
        """Scores of everybody's embedding with everybody's, `(num_people, num_people)` float32."""
        return self._scores(self.first)

    @cached_property
    def again(self) -> np.ndarray:
        """Scores of the other embeddings with everybody's first, `(len(second), num_people)` float32."""
        return self._scores(np.stack([self.second[label] for label in self.again_of]))

    @cached_property
    def again_of(self) -> list[int]:
        """Whose the rows of `again` are, labels."""
        return [label for label in self.people.tolist() if label in self.second]

    def known(self, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Searches for those enrolled who have another embedding.

        Args:
            gallery: Places in `people` of those enrolled.

        Returns:
            Their places in `people`, the highest score of each, and whether it is with themselves.
        """
        row_of = {label: row for row, label in enumerate(self.again_of)}
        places = np.array([place for place in gallery if self.people[place] in row_of], dtype=np.int64)
        rows = np.array([row_of[label] for label in self.people[places]], dtype=np.int64)
        if not len(rows):
            return places, np.zeros(0, np.float32), np.zeros(0, bool)
        scores = self.again[np.ix_(rows, gallery)]
        best = scores.argmax(axis=1)
        return places, scores[np.arange(len(rows)), best], gallery[best] == places

    def _scores(self, embeddings: np.ndarray) -> np.ndarray:
        if self.normalizer is None:
            return embeddings @ self.first.T
        return self.normalizer.scores(embeddings, self.first).astype(np.float32)


def search_thresholds(
    pools: Sequence[Pool],
    at_least: Callable[[float], float],
    rng: np.random.Generator,
    *,
    sizes: Sequence[int] = GALLERY_SIZES,
    fpirs: Sequence[float] = FPIRS,
    searches: int = 60_000,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict:
    """Finds the threshold for each rate and size of a gallery, and measures what happens there.

    Args:
        pools: One or more.
        at_least: Gives the threshold of a verification for a false match rate; none of a search is lower.
        rng: Draws the galleries.
        sizes: People enrolled, ascending; fewer than each pool has.
        fpirs: Rates, ascending.
        searches: Of strangers, for each size.
        on_progress: Called with the number of sizes done and their total.

    Returns:
        `fpirs` and `galleries`, as `faces/rates/operating_points.json` has them.
    """
    report = on_progress or (lambda done, total: None)
    galleries = []
    for done, size in enumerate(sizes):
        report(done, len(sizes))
        strangers, own = [], []
        for pool in pools:
            for gallery, others in _drawn(pool, size, searches // len(pools), rng):
                strangers.append(_best(pool, others, gallery))
            own += _own_scores(pool, size, np.random.default_rng(size))
        independent = len(pools[0].people) - size
        galleries.append(_row(size, np.concatenate(strangers), np.concatenate(own), independent, at_least, fpirs))
    report(len(sizes), len(sizes))
    return {"fpirs": list(fpirs), "galleries": galleries}


def calibrate_searches(
    pools: Sequence[Pool], search: dict, rng: np.random.Generator, *, data: str, date: str
) -> ScoreCalibration:
    """Fits the probability that a search names the right person, on scores above the threshold for FPIR 1 %.

    Second photos of people enrolled, where the answer is right, against as many strangers, over folds of people.

    Args:
        pools: As for `search_thresholds`.
        search: What that returned.
        rng: Draws the galleries.
        data: What was measured on, in words.
        date: Today, `YYYY-MM-DD`.

    Raises:
        ValueError: If nobody has a second photo, or too few have.
    """
    place = list(search["fpirs"]).index(CALIBRATED_FPIR)
    scores, right, folds = [], [], []
    for pool in pools:
        for row in search["galleries"]:
            size = row["gallery_size"]
            for _ in range(max(1, 400 // size)):
                drawn = rng.permutation(len(pool.people))
                gallery = drawn[:size]
                known, own_scores, own_right = pool.known(gallery)
                strangers = drawn[size:][: len(known)]
                if not len(known):
                    continue
                scores += [part - row["threshold"][place] for part in (own_scores, _best(pool, strangers, gallery))]
                right += [own_right, np.zeros(len(strangers), dtype=bool)]
                folds.append(pool.people[np.concatenate([known, strangers])] % _FOLDS)
    columns = (np.concatenate(parts) for parts in (scores, right, folds))
    return fit_calibration(*columns, data=data, date=date, score=NORMALIZED)


def _drawn(pool: Pool, size: int, searches: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Gives galleries, and everybody else, until so many strangers came."""
    for _ in range(-(-searches // (len(pool.people) - size))):
        drawn = rng.permutation(len(pool.people))
        yield drawn[:size], drawn[size:]


def _own_scores(pool: Pool, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """What those enrolled get themselves with, -inf where they are not first: in galleries until so many came."""
    found = []
    for _ in range(_MOST_GALLERIES):
        _, scores, right = pool.known(rng.permutation(len(pool.people))[:size])
        found.append(np.where(right, scores, -np.inf))
        if sum(map(len, found)) >= _PROBES:
            break
    return found


def _best(pool: Pool, strangers: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """The highest score of each stranger with anybody enrolled."""
    return pool.among[np.ix_(strangers, gallery)].max(axis=1)


def _row(size: int, strangers: np.ndarray, own: np.ndarray, independent: int, at_least, fpirs) -> dict:
    """What was measured for one size. Highest rate last, as thresholds fall."""
    ascending = np.sort(strangers)
    thresholds = [max(threshold_of_sorted(ascending, fpir), at_least(fpir / size)) for fpir in fpirs]
    measured = [float(np.mean(strangers >= threshold)) for threshold in thresholds]
    intervals = [wilson_interval(round(rate * independent), independent) for rate in measured]
    low = [min(rate, ends[0]) for rate, ends in zip(measured, intervals, strict=True)]
    high = [max(rate, ends[1]) for rate, ends in zip(measured, intervals, strict=True)]
    return {
        "gallery_size": size,
        "threshold": [round(threshold, 6) for threshold in thresholds],
        "fpir_measured": [float(f"{rate:.3g}") for rate in measured],
        "fpir_low": [float(f"{end:.3g}") for end in low],
        "fpir_high": [float(f"{end:.3g}") for end in high],
        "fnir": [round(float(np.mean(own < threshold)), 5) for threshold in thresholds],
    }
