"""A part of a cohort drawn for the people of a folder, and whether it helps: judged by halves of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.people import EmbeddedPeople
from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.people import PeopleRates, measure_people, rates_of_parts
from kerasface.evaluation.people_rates import ThresholdRates
from kerasface.faces.rates.cohorts import CohortCard, draw_part, embedder_of, normalizer_of
from kerasface.faces.rates.own_points import extended
from kerasface.population.judging import ASKED, FEWEST_PEOPLE, shipped_thresholds
from kerasface.population.sentences import rate_text
from kerasface.terminal.words import counted, percent_of

SUFFIX = ".cohort.npz"
_FEWEST_PHOTOS = 40  # a mixture is fitted to 20 or more, also to those of half the people
_PHOTOS_OF_A_GAUSSIAN = 60
_FEW_PEOPLE, _SPREAD_OF_FEW = 100, 1.3  # so few people show less than the spread of their kind


@dataclass(frozen=True, eq=False)
class Extension:
    """A part of a cohort for one kind of people.

    Attributes:
        part: Drawn embeddings, `(card.size, embedding_dim)` float32.
        card: What is known of them.
        without: At each rate of `ASKED`, what the shipped thresholds lead to by halves, with the cohort that ships.
        beside: The same with a part drawn after the other half beside it.
        halves: Of each half of the people: embeddings, labels, and the normalizer with the part drawn after the other.
    """

    part: np.ndarray
    card: CohortCard
    without: tuple[ThresholdRates, ...]
    beside: tuple[ThresholdRates, ...]
    halves: tuple[tuple[np.ndarray, np.ndarray, Normalizer], ...]

    def to_dict(self) -> dict:
        """Returns card and rates as JSON-ready values, without the embeddings."""
        both = {"without": self.without, "with": self.beside}
        rates = {
            name: {str(asked): at.to_dict() for asked, at in zip(ASKED, rates, strict=True)}
            for name, rates in both.items()
        }
        return {"card": self.card.to_dict(), **rates}

    def sentences(self) -> list[str]:
        """Returns how near the drawn come to these people, and what the part changes."""
        card = self.card
        told = [
            f"{counted(card.size, 'embedding')} of nobody drawn after {counted(card.num_photos, 'photo')} of "
            f"{counted(card.num_people, 'person', 'people')}. The nearest one has a cosine of {card.nearest_drawn:.3f} "
            f"to a photo; 99 % of the photos stay below {card.nearest_stranger:.3f} with any stranger's."
        ]
        for asked, without, beside in zip(ASKED, self.without, self.beside, strict=True):
            missed = (
                f"; missed {rate_text(beside.fnmr)}, without it {rate_text(without.fnmr)}"
                if beside.fnmr.value is not None
                else ""
            )
            told.append(
                f"{percent_of(asked)} asked: with a part drawn after the other half of the people "
                f"{rate_text(beside.fmr)} measured, without it {rate_text(without.fmr)}{missed}."
            )
        return told


def part_name(path: Path) -> str:
    """Returns the name of a part from that of its file, `NAME.cohort.npz`.

    Raises:
        ValueError: If the file is named otherwise.
    """
    name = path.name.removesuffix(SUFFIX)
    if not name or name == path.name:
        raise ValueError(f"A part of a cohort is written to a file NAME{SUFFIX}. Received: {path}.")
    return name


def draw_extension(
    people: EmbeddedPeople,
    fingerprint: str,
    name: str,
    *,
    date: str,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> Extension:
    """Draws a part of a cohort for people of this kind, and judges it by halves.

    For the judgement a part is drawn after one half of the people and measured on the other, and the other way round.
    The part that is given is drawn after all of them.

    Args:
        people: They and their photos.
        fingerprint: `FaceEmbedder.fingerprint` of their embedder.
        name: What to call the part.
        date: Today, `YYYY-MM-DD`.
        seed: Of halves and draws.
        on_progress: Called with the number of steps done and their total.

    Raises:
        ValueError: If there are fewer than ten people or 40 photos, or nothing ships for the embedder.
    """
    report = on_progress or (lambda done, total: None)
    shipped = normalizer_of(fingerprint)
    if shipped is None:
        raise ValueError(f"No cohort ships for this embedder, so none can be extended. Received: {fingerprint}.")
    number = len(people.names)
    if number < FEWEST_PEOPLE or len(people.paths) < _FEWEST_PHOTOS:
        raise ValueError(
            f"A part of a cohort is drawn after {FEWEST_PEOPLE} people and {_FEWEST_PHOTOS} photos or more: fewer show "
            f"themselves and not their kind. Received: {counted(number, 'person', 'people')} with "
            f"{counted(len(people.paths), 'photo')}."
        )
    halves, found, sets = _halves(people, seed), [], []
    for step, (fitted, judged) in enumerate((halves, halves[::-1])):
        report(step, 3)
        part, _, _ = _drawn(people, fitted, seed)
        some = people.embeddings[judged], people.labels[judged]
        sets.append((*some, extended(shipped, part, name)))
        found.append([_measured(*some, normalizer, fingerprint) for normalizer in (shipped, sets[-1][-1])])
    report(2, 3)
    everybody = np.ones(len(people.paths), dtype=bool)
    part, nearest, limit = _drawn(people, everybody, seed)
    report(3, 3)
    card = CohortCard(
        name=name,
        description=f"{len(people.paths)} photos of {number} people, drawn by kerasface evaluate population",
        embedder=embedder_of(fingerprint),
        terms="of whoever gave the photos. No photo and no embedding of one is in this file",
        num_photos=len(people.paths),
        num_people=number,
        size=len(part),
        num_components=_num_components(len(people.paths)),
        spread=_spread(number),
        seed=seed,
        nearest_drawn=round(nearest, 4),
        nearest_stranger=round(limit, 4),
        scale=1.0,
        sha256="",
        date=date,
    )
    without, beside = (rates_of_parts(parts) for parts in zip(*found, strict=True))
    return Extension(part, card, without, beside, tuple(sets))


def _halves(people: EmbeddedPeople, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two masks of the photos that share the people out."""
    number = len(people.names)
    inside = np.isin(people.labels, np.random.default_rng(seed).permutation(number)[: number // 2])
    return inside, ~inside


def _drawn(people: EmbeddedPeople, rows: np.ndarray, seed: int) -> tuple[np.ndarray, float, float]:
    labels, number = people.labels[rows], int(rows.sum())
    return draw_part(
        people.embeddings[rows],
        labels,
        int(np.clip(2 * number, 1000, 7000)),
        num_components=_num_components(number),
        spread=_spread(len(np.unique(labels))),
        seed=seed,
    )


def _num_components(num_photos: int) -> int:
    return int(np.clip(num_photos // _PHOTOS_OF_A_GAUSSIAN, 1, 40))


def _spread(num_people: int) -> float:
    return _SPREAD_OF_FEW if num_people < _FEW_PEOPLE else 1.0


def _measured(embeddings: np.ndarray, labels: np.ndarray, normalizer: Normalizer, fingerprint: str) -> PeopleRates:
    return measure_people(embeddings, labels, shipped_thresholds(fingerprint), normalizer=normalizer, num_worst=1)
