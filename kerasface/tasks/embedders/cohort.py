"""Whether normalizing by a cohort makes an embedder better: tried on halves of the people, never taken for granted.

It mends `face_resnet` much, and networks of ArcFace's not at all (benchmarks/RESULTS.md): so it is measured for each.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.measured.pairs import PairScores
from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.rates.cohorts import CohortCard, draw_part, to_file
from kerasface.tasks.measuring.people import Report, unreported

_FMRS, _ABOVE = (0.0001, 0.001, 0.01, 0.1), 30  # the lowest is looked at that so many impostor pairs decide
_BETTER = 0.9  # of the misses without it may be left, or it is not worth its while
_SAMPLES = 1000  # of the people, drawn anew: in 97.5 % of them fewer are missed with it
_SIZE, _PHOTOS_OF_A_GAUSSIAN, _MOST_GAUSSIANS = 3000, 60, 40
_FEWEST_PHOTOS = 80
_ATTEMPTS = 10  # where fewer than a tenth of the draws are far from everybody, a cohort would name people

Half = tuple[np.ndarray, np.ndarray, Normalizer | None]


@dataclass(frozen=True, eq=False)
class Cohort:
    """A cohort that helps.

    Attributes:
        part: Embeddings of nobody, drawn after all the people, `(size, embedding_dim)` float32.
        card: What is known of them.
        normalizer: What it makes.
        sides: Which photos are each half's, bool, `(num_photos,)`.
        halves: Of each half of the people: embeddings, labels, and the normalizer drawn after the other half.
        without: Share of genuine pairs that were missed without it.
        beside: The same with it, by halves.
        fmr: False match rate at which.
    """

    part: np.ndarray
    card: CohortCard
    normalizer: Normalizer
    sides: tuple[np.ndarray, np.ndarray]
    halves: list[Half]
    without: float
    beside: float
    fmr: float


def helpful_cohort(
    embeddings: np.ndarray, labels: np.ndarray, *, name: str, date: str, report: Report = unreported
) -> Cohort | None:
    """Draws a cohort, if one drawn after each half of the people makes fewer misses on the other.

    Args:
        embeddings: Unit length, `(num_photos, embedding_dim)`.
        labels: Who is on each, integers from 0, `(num_photos,)`.
        name: What the people are called.
        date: Today, `YYYY-MM-DD`.
        report: Told how far it is.

    Returns:
        `None` where it does not, or there are too few photos to tell.
    """
    people = np.random.default_rng(0).permutation(labels.max() + 1)
    inside = np.isin(labels, people[: len(people) // 2])
    sides = inside, ~inside
    if min(np.sum(side) for side in sides) < _FEWEST_PHOTOS:
        return None
    halves, missed = [], []
    for step, (judged, fitted) in enumerate((sides, sides[::-1])):
        report("cohort", step, 3)
        try:
            normalizer = _normalizer(_drawn(embeddings[fitted], labels[fitted])[0])
        except ValueError:  # draws that are far enough from everybody are too rare: it would name people
            return None
        halves.append((embeddings[judged], labels[judged], normalizer))
    scores = [[PairScores(name, "").add(*half[:2], one) for one in (None, half[2])] for half in halves]
    smallest = min(plain.num_impostor for plain, _ in scores)
    fmr = next((rate for rate in _FMRS if rate * smallest >= _ABOVE), None)
    if fmr is None:
        return None
    missed = np.concatenate([_missed(pair, fmr, len(people)) for pair in scores], axis=1)
    report("cohort", 2, 3)
    if not _helps(missed):
        return None
    part, nearest, limit = _drawn(embeddings, labels)
    content, scale = to_file(part)
    without, beside = (missed[:2].sum(axis=1) / missed[2].sum()).tolist()
    card = CohortCard(
        name=name,
        description=f"people of {name}",
        embedder="",
        terms="not told",
        num_photos=len(labels),
        num_people=len(people),
        size=len(part),
        num_components=_gaussians(len(labels)),
        spread=1.0,
        seed=0,
        nearest_drawn=round(nearest, 4),
        nearest_stranger=round(limit, 4),
        scale=scale,
        sha256=hashlib.sha256(content).hexdigest(),
        date=date,
    )
    report("cohort", 3, 3)
    return Cohort(part, card, _normalizer(part, card.sha256), sides, halves, without, beside, fmr)


def _drawn(embeddings: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float, float]:
    return draw_part(embeddings, labels, _SIZE, num_components=_gaussians(len(labels)), attempts=_ATTEMPTS)


def _gaussians(num_photos: int) -> int:
    return max(1, min(_MOST_GAUSSIANS, num_photos // _PHOTOS_OF_A_GAUSSIAN))


def _normalizer(part: np.ndarray, sha256: str = "half") -> Normalizer:
    best = min(300, len(part) // 2)
    return Normalizer(part, best, f"{sha256[:12]}-{best}")


def _missed(pair: list[PairScores], fmr: float, num_people: int) -> np.ndarray:
    """Of each person the genuine pairs missed without and with a cohort, and all of them, `(3, num_people)`."""
    counts = []
    for one in pair:
        threshold = one.threshold(fmr)
        ((owners, _, scores, same),) = one.parts
        counts.append(np.bincount(owners[same & (scores < threshold)], minlength=num_people))
    return np.stack([*counts, np.bincount(owners[same], minlength=num_people)])


def _helps(missed: np.ndarray) -> bool:
    """Whether fewer are missed with the cohort, and not by the chance of who the people are."""
    without, beside = missed[:2].sum(axis=1)
    if not beside < _BETTER * without:
        return False
    rng, number = np.random.default_rng(0), missed.shape[1]
    drawn = rng.multinomial(number, np.full(number, 1 / number), _SAMPLES) @ (missed[1] - missed[0])
    return float(np.quantile(drawn, 0.975)) < 0
