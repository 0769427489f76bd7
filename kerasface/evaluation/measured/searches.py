"""Thresholds for searches, by the size of the gallery: galleries are drawn, everybody else comes as a stranger.

Second photos of those enrolled come as known. No threshold is below that of a verification at FPIR / size.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.calibration import NORMALIZED, ScoreCalibration, fit_calibration
from kerasface.evaluation.identification import search_gallery
from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.verification import threshold_of_sorted, wilson_interval

# Below 0.3 % the few people whom LFW has under two names decide.
FPIRS = (0.003, 0.005, 0.01, 0.02, 0.05, 0.1)
GALLERY_SIZES = (2, 3, 5, 10, 20, 50, 100, 200, 400, 800, 1600)
CALIBRATED_FPIR = 0.01  # whose threshold the scores of a calibration are counted from
_FOLDS = 5


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


def measure_searches(
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
                templates, names = pool.first[gallery], pool.people[gallery]
                found = search_gallery(templates, names, pool.first[others], normalizer=pool.normalizer)
                strangers.append(found.normalized)
                known = [label for label in names if label in pool.second]
                if known:
                    probes = np.stack([pool.second[label] for label in known])
                    found = search_gallery(templates, names, probes, known, normalizer=pool.normalizer)
                    own.append(found.own_scores)
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
        pools: As for `measure_searches`.
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
                known = [label for label in pool.people[gallery] if label in pool.second]
                strangers = drawn[size:][: len(known)]
                if not known:
                    continue
                probes = np.concatenate([np.stack([pool.second[label] for label in known]), pool.first[strangers]])
                whose = np.concatenate([known, pool.people[strangers]])
                templates = pool.first[gallery]
                found = search_gallery(templates, pool.people[gallery], probes, whose, normalizer=pool.normalizer)
                scores.append(found.normalized - row["threshold"][place])
                right.append(found.own_ranks == 1)
                folds.append(whose % _FOLDS)
    columns = (np.concatenate(parts) for parts in (scores, right, folds))
    return fit_calibration(*columns, data=data, date=date, score=NORMALIZED)


def _drawn(pool: Pool, size: int, searches: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Gives galleries, and everybody else, until so many strangers came."""
    for _ in range(-(-searches // (len(pool.people) - size))):
        drawn = rng.permutation(len(pool.people))
        yield drawn[:size], drawn[size:]


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
