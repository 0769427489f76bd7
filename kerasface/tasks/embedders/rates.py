"""Measures an embedder on people: thresholds, calibrations, and whether a cohort helps; until then it decides nothing.

What is measured goes into the run's folder, `rates.json`, as `faces/rates/operating_points.json` has it of the embedder
that ships; a cohort, where one helps, next to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.calibration import COSINE, NORMALIZED, ScoreCalibration, fit_calibration
from kerasface.evaluation.folds import NO_FOLD, identity_folds
from kerasface.evaluation.labeled_pairs import drawn_pairs
from kerasface.evaluation.measured.pairs import FMRS, PairScores, pair_thresholds
from kerasface.evaluation.measured.searches import (
    CALIBRATED_FPIR,
    FPIRS,
    GALLERY_SIZES,
    Pool,
    calibrate_searches,
    search_thresholds,
)
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.tasks.embedders.beyond_limits import errors_beyond_limits
from kerasface.tasks.embedders.cohort import Cohort, helpful_cohort
from kerasface.tasks.measuring.people import Report, unreported
from kerasface.terminal.words import counted, percent_of

FEWEST_PEOPLE = 10
MOST_PHOTOS = 8_000  # 32 million pairs, 1.5 GB while they are counted


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of an embedder.

    Attributes:
        rates: As an entry of `faces/rates/operating_points.json`, and of whom.
        cohort: What normalizes its scores, where that helps.
        notes: What so few people cannot tell, and what was left out, in sentences.
    """

    rates: dict
    cohort: Cohort | None
    notes: tuple[str, ...]


def measure_embedder(
    embeddings: np.ndarray,
    labels: np.ndarray,
    *,
    name: str,
    date: str,
    pairs: tuple[np.ndarray, np.ndarray] | None = None,
    flaws: Mapping[str, np.ndarray] | None = None,
    report: Report = unreported,
) -> Measured:
    """Measures thresholds by false match rate and by size of a gallery, and fits calibrations.

    Whether a cohort helps is tried by halves of the people, each with a cohort drawn after the other half; so are the
    rates measured then.

    Args:
        embeddings: Unit length, one a photo, `(num_photos, embedding_dim)`.
        labels: Who is on each, integers, `(num_photos,)`.
        name: What the people are called.
        date: Today, `YYYY-MM-DD`.
        pairs: Rows `(num_pairs, 2)` of a list of pairs to measure on in the place of all, and whether each is genuine.
        flaws: By measure of quality, on which faces it is beyond its limit, bool, `(num_photos,)`.
        report: Told how far it is.

    Raises:
        ValueError: If there are fewer than ten people, nobody has two photos, or the pairs are too few for any rate.
    """
    labels = np.unique(np.asarray(labels, dtype=np.int64), return_inverse=True)[1]
    counts, notes = np.bincount(labels), []
    if len(counts) < FEWEST_PEOPLE or counts.max() < 2:
        raise ValueError(
            f"Error rates take photos with a face of {FEWEST_PEOPLE} people or more, and of some of them two. "
            f"Received: {counted(len(labels), 'such photo')} of {counted(len(counts), 'person', 'people')}."
        )
    rng = np.random.default_rng(0)
    if pairs is None and len(labels) > MOST_PHOTOS:
        kept = _fewer(labels, rng)
        notes.append(f"Measured on {len(kept):,} of {len(labels):,} photos: pairs of all would not fit into memory.")
        embeddings, labels = embeddings[kept], np.unique(labels[kept], return_inverse=True)[1]
        flaws = flaws and {name: flawed[kept] for name, flawed in flaws.items()}
    cohort = helpful_cohort(embeddings, labels, name=name, date=date, report=report) if pairs is None else None
    halves = [(embeddings, labels, None)] if cohort is None else cohort.halves
    scores = PairScores(name, f"people of {name}")
    report("pairs", 0, 1)
    if pairs is not None:
        _add_list(scores, embeddings, labels, *pairs)
    else:
        for some, people, normalizer in halves:
            scores.add(some, people, normalizer)
    found = pair_thresholds([scores], rng)
    report("pairs", 1, 1)
    asked, thresholds = (np.array([point[key] for point in found["points"]]) for key in ("fmr", "threshold"))
    if asked[0] > FMRS[0]:
        notes.append(
            f"False match rates below {percent_of(asked[0])} cannot be asked for: {percent_of(FMRS[0])} takes "
            f"{num_impostor_needed(FMRS[0]):,} pairs of photos of different people, and these are "
            f"{scores.num_impostor:,}."
        )
    rates = {
        "cohort": cohort.normalizer.digest if cohort else "",
        "date": date,
        "eer": scores.eer,
        **found,
        "calibration": _calibrated(halves, pairs, labels, embeddings, name, date, notes),
    }
    if flaws:
        sides = [slice(None)] if cohort is None else cohort.sides
        parts = [
            (*half, {name: flawed[side] for name, flawed in flaws.items()})
            for half, side in zip(halves, sides, strict=True)
        ]
        rates["quality"] = errors_beyond_limits(parts, found["points"], listed=pairs)
    search = _searches(
        halves, lambda fmr: float(np.interp(np.log(fmr), np.log(asked), thresholds)), rng, name, date, notes, report
    )
    rates |= {"search": search} if search else {}
    return Measured(rates, cohort, tuple(notes))


def _fewer(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rows of at most so many photos: of each person as many as there is room for, drawn."""
    shuffled = rng.permutation(len(labels))
    order = shuffled[np.argsort(labels[shuffled], kind="stable")]
    place = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    return np.sort(order[np.argsort(place, kind="stable")[:MOST_PHOTOS]])


def _add_list(scores: PairScores, embeddings, labels, rows: np.ndarray, same: np.ndarray) -> None:
    first, second = rows.T
    cosines = np.sum(embeddings[first] * embeddings[second], axis=1)
    scores.parts.append((labels[first].astype(np.int32), labels[second].astype(np.int32), cosines, same))


def _calibrated(halves, pairs, labels, embeddings, name: str, date: str, notes: list[str]) -> dict | None:
    """The curve from a pair's score to a probability, fitted over folds of people; half of the pairs are genuine."""
    scores, same, persons = [], [], []
    if pairs is not None:
        first, second = pairs[0].T
        scores, same = [np.sum(embeddings[first] * embeddings[second], axis=1)], [pairs[1]]
        persons = [labels[pairs[0]]]
    else:
        for some, people, normalizer in halves:
            first, second = drawn_pairs(people, seed=0)
            cosines = np.sum(some[first] * some[second], axis=1)
            if normalizer is not None:
                statistics = normalizer.statistics(some)
                cosines = normalized_scores(cosines, statistics[first], statistics[second])
            scores.append(cosines)
            same.append(people[first] == people[second])
            persons.append(np.stack([people[first], people[second]], axis=1))
    scores, same, persons = (np.concatenate(parts) for parts in (scores, same, persons))
    try:
        folds = identity_folds(*persons.T)
        kept = folds != NO_FOLD
        impostors = np.flatnonzero(kept & ~same)[: max(int(np.sum(kept & same)), 100)]
        chosen = np.concatenate([np.flatnonzero(kept & same), impostors])
        fitted = fit_calibration(
            np.clip(scores[chosen], -1, 1) if halves[0][2] is None else scores[chosen],
            same[chosen],
            folds[chosen],
            data=f"people of {name}",
            date=date,
            score=COSINE if halves[0][2] is None else NORMALIZED,
        )
    except ValueError as error:
        notes.append(f"Scores of pairs have no probability: {error}")
        return None
    return _kept(fitted, "pairs", notes)


def _searches(halves, at_least: Callable, rng, name: str, date: str, notes: list[str], report: Report) -> dict | None:
    """Thresholds and calibration of searches, as far as there are people enough."""
    pools = [_pool(*half) for half in halves]
    number = min(len(pool.people) for pool in pools)
    fpirs = [fpir for fpir in FPIRS if number >= 3 / fpir]
    sizes = [size for size in GALLERY_SIZES if size <= number // 2 and any(pool.second for pool in pools)]
    if not fpirs or not sizes:
        notes.append(
            f"Thresholds of searches take {3 / FPIRS[-1]:.0f} people or more; these are {number}. So it names nobody."
        )
        return None
    if fpirs[0] > FPIRS[0]:
        notes.append(
            f"Searches can be asked for no rate below {percent_of(fpirs[0])} of strangers: {percent_of(FPIRS[0])} "
            f"takes {3 / FPIRS[0]:,.0f} people, and these are {number:,}."
        )
    found = search_thresholds(
        pools, at_least, rng, sizes=sizes, fpirs=fpirs, on_progress=lambda *at: report("galleries", *at)
    )
    about = f"{sum(len(pool.people) for pool in pools):,} people of {name}"
    search = {"data": about, "num_people": sum(len(pool.people) for pool in pools), **found}
    if CALIBRATED_FPIR in fpirs:
        try:
            fitted = calibrate_searches(pools, found, rng, data=about, date=date)
            search["calibration"] = _kept(fitted, "searches", notes)
        except ValueError as error:
            notes.append(f"Scores of searches have no probability: {error}")
    return search


def _kept(fitted: ScoreCalibration, what: str, notes: list[str]) -> dict | None:
    if fitted.helps:
        return fitted.to_dict()
    notes.append(f"Scores of {what} have no probability: on people it was not fitted on, none told more than a guess.")
    return None


def _pool(embeddings: np.ndarray, labels: np.ndarray, normalizer: Normalizer | None) -> Pool:
    """The first photo of each person is enrolled or a stranger's, the second one comes as known."""
    order = np.argsort(labels, kind="stable")
    place = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    first, second = order[place == 0], order[place == 1]
    return Pool(
        embeddings[first],
        labels[first],
        dict(zip(labels[second].tolist(), embeddings[second], strict=True)),
        normalizer,
    )
