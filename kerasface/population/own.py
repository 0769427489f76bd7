"""Thresholds of one's own from people of one's own: which to keep with a gallery."""

from collections.abc import Sequence

import numpy as np

from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.people import PeopleRates, measure_people, rates_of_parts
from kerasface.evaluation.people_rates import ThresholdRates
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.faces.cohorts import normalizer_of, part_to_file
from kerasface.faces.own_points import OwnPoints
from kerasface.population.extension import Extension
from kerasface.population.judging import ASKED, FEWEST_PEOPLE, JudgedPeople, shipped_thresholds
from kerasface.words import counted

_STRICTER = (1, 2, 3, 5, 10, 20)  # fractions of a rate at whose thresholds the rate's upper end is looked at


def points_to_keep(judged: JudgedPeople, name: str, date: str, extension: Extension | None = None) -> OwnPoints:
    """Chooses the thresholds that these people need.

    For each rate that so many pairs support (3 / rate), the threshold is the one at which it holds for these people,
    where that is higher than the shipped one. It is lower only where there are 3 / rate pairs of people, not of photos,
    and the upper end of the interval at it is no more than the rate asked: that takes 25 people for 1 %, 78 for 0.1 %.

    Args:
        judged: What was measured on them.
        name: Whose thresholds they are, such as the folder's name.
        date: Today, `YYYY-MM-DD`.
        extension: A part of a cohort drawn for them, which is kept too: the thresholds are measured with it, by halves.

    Raises:
        ValueError: If there are fewer than ten people, or too few pairs for any rate.
    """
    people, measured = judged.people, judged.measured
    if len(people.names) < FEWEST_PEOPLE:
        raise ValueError(
            f"Thresholds of one's own are kept for {FEWEST_PEOPLE} people or more: of fewer, each is in more than a "
            f"fifth of all pairs. Received: {counted(len(people.names), 'person', 'people')}."
        )
    shipped = normalizer_of(judged.fingerprint)
    sets = [(people.embeddings, people.labels, shipped)] if extension is None else extension.halves
    rates = _rates(sets, judged.fingerprint)
    if not rates:
        raise ValueError(
            f"No threshold can be kept: the mildest rate, {ASKED[0]:g}, takes {num_impostor_needed(ASKED[0]):,} pairs "
            f"of photos of different people. Received: {measured.num_impostor:,}."
        )
    return OwnPoints(
        name=name,
        embedder=judged.fingerprint,
        cohort=shipped.digest if shipped else "",
        num_people=len(people.names),
        num_photos=len(people.paths),
        num_impostor=measured.num_impostor,
        num_genuine=measured.num_genuine,
        date=date,
        rates=rates,
        part=part_to_file(extension.part, extension.card) if extension else b"",
    )


def _rates(sets: Sequence[tuple[np.ndarray, np.ndarray, Normalizer | None]], fingerprint: str) -> dict:
    """What happens at the chosen threshold for each rate that all sets of photos together support."""
    ships = dict(zip(ASKED, shipped_thresholds(fingerprint), strict=True))
    first = _measured(sets, list(ships.values()))
    total = sum(part.num_impostor for part in first)
    asked = [rate for rate in ASKED if total >= num_impostor_needed(rate)]
    if not asked:
        return {}
    tried = {rate: [ships[rate], *(_threshold(first, rate / by) for by in _STRICTER)] for rate in asked}
    # Together: a threshold at which few match says something of a stricter one at which nobody does.
    found = iter(rates_of_parts(_measured(sets, [threshold for some in tried.values() for threshold in some])))
    num_people_pairs = sum(part.num_people_pairs for part in first)
    return {
        rate: _chosen(rate, [next(found) for _ in some], num_people_pairs >= num_impostor_needed(rate))
        for rate, some in tried.items()
    }


def _chosen(rate: float, found: list[ThresholdRates], may_lower: bool) -> ThresholdRates:
    shipped, own, *stricter = found
    if own.threshold >= shipped.threshold or not may_lower:
        return max(shipped, own, key=lambda at: at.threshold)
    return min(
        (at for at in (own, *stricter) if at.threshold < shipped.threshold and at.fmr.high <= rate),
        key=lambda at: at.threshold,
        default=shipped,
    )


def _measured(sets: Sequence, thresholds: list[float]) -> list[PeopleRates]:
    return [
        measure_people(embeddings, labels, thresholds, normalizer=normalizer, num_worst=1)
        for embeddings, labels, normalizer in sets
    ]


def _threshold(parts: list[PeopleRates], fmr: float) -> float:
    """The smallest threshold at which no larger share of all impostor pairs matches."""
    if len(parts) == 1:
        return parts[0].threshold_at(fmr)
    highest = np.sort(np.concatenate([part.highest for part in parts]))[::-1]
    at = highest[int(fmr * sum(part.num_impostor for part in parts) + 1e-9)]
    # Below the lowest that a part has kept there may be more of its scores.
    return float(np.nextafter(max(at, *(part.highest[-1] for part in parts)), np.inf))
