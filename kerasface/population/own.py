"""Thresholds of one's own from people of one's own: which to keep with a gallery."""

from collections.abc import Sequence

import numpy as np

from kerasface.evaluation.people import PeopleRates, measure_people, rates_of_parts
from kerasface.evaluation.people_rates import ThresholdRates
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.faces.rates.cohorts import normalizer_of, part_to_file
from kerasface.faces.rates.own_points import OwnPoints
from kerasface.population.extension import Extension
from kerasface.population.judging import ASKED, FEWEST_PEOPLE, JudgedPeople, shipped_thresholds
from kerasface.terminal.words import counted

_STRICTER = (2, 3, 5, 10, 20)  # fractions of a rate at whose thresholds the rate's upper end is looked at


def points_to_keep(
    judged: JudgedPeople, name: str, date: str, extension: Extension | None = None, *, detector: str = ""
) -> OwnPoints:
    """Chooses the thresholds that these people need.

    For each rate that so many pairs support (3 / rate), the threshold is the one at which it holds for these people,
    where that is higher than the shipped one. It is lower only where there are 3 / rate pairs of people, not of photos,
    and the upper end of the interval at it is no more than the rate asked: that takes 25 people for 1 %, 78 for 0.1 %.

    Args:
        judged: What was measured on them.
        name: Whose thresholds they are, such as the folder's name.
        date: Today, `YYYY-MM-DD`.
        extension: A part of a cohort drawn for them, which is kept too: the thresholds are measured with it, by halves.
        detector: Fingerprint of what found their faces.

    Raises:
        ValueError: If there are fewer than ten people, or too few pairs for any rate.
    """
    people = judged.people
    if len(people.names) < FEWEST_PEOPLE:
        raise ValueError(
            f"Thresholds of one's own are kept for {FEWEST_PEOPLE} people or more: of fewer, each is in more than a "
            f"fifth of all pairs. Received: {counted(len(people.names), 'person', 'people')}."
        )
    shipped = normalizer_of(judged.fingerprint)
    sets = [(people.embeddings, people.labels, shipped)] if extension is None else extension.halves
    ships = dict(zip(ASKED, shipped_thresholds(judged.fingerprint), strict=True))
    first = _measured(sets, list(ships.values()))
    num_impostor = sum(part.num_impostor for part in first)
    asked = [rate for rate in ASKED if num_impostor >= num_impostor_needed(rate)]
    if not asked:
        raise ValueError(
            f"No threshold can be kept: the mildest rate, {ASKED[0]:g}, takes {num_impostor_needed(ASKED[0]):,} pairs "
            f"of photos of different people. Received: {num_impostor:,}."
        )
    return OwnPoints(
        name=name,
        embedder=judged.fingerprint,
        cohort=shipped.digest if shipped else "",
        num_people=len(people.names),
        num_photos=len(people.paths),
        num_impostor=num_impostor,
        num_genuine=sum(part.num_genuine for part in first),
        date=date,
        rates=_rates(sets, first, {rate: ships[rate] for rate in asked}),
        part=part_to_file(extension.part, extension.card) if extension else b"",
        detector=detector,
    )


def _rates(sets: Sequence, first: list[PeopleRates], ships: dict[float, float]) -> dict[float, ThresholdRates]:
    """What happens at the chosen threshold for each rate, of which `ships` has the shipped one."""
    num_people_pairs = sum(part.num_people_pairs for part in first)
    tried = {}
    for rate, threshold in ships.items():
        stricter = _STRICTER if num_people_pairs >= num_impostor_needed(rate) else ()
        tried[rate] = [threshold, *(_threshold(first, rate / by) for by in (1, *stricter))]
    # Together: a threshold at which few match says something of a stricter one at which nobody does.
    found = iter(rates_of_parts(_measured(sets, [threshold for some in tried.values() for threshold in some])))
    return {rate: _chosen(rate, *(next(found) for _ in some)) for rate, some in tried.items()}


def _chosen(rate: float, shipped: ThresholdRates, own: ThresholdRates, *stricter: ThresholdRates) -> ThresholdRates:
    if own.threshold >= shipped.threshold:
        return own
    lower = [at for at in stricter if at.threshold < shipped.threshold and at.fmr.high <= rate]
    return min(lower, key=lambda at: at.threshold, default=shipped)


def _measured(sets: Sequence, thresholds: list[float]) -> list[PeopleRates]:
    """Measures sets of embeddings, labels and normalizer."""
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
