"""Thresholds for two photos from all pairs of photos of people, with intervals by resampling people.

Intervals come from resampling people, not pairs: a resample weighs person i by w_i, and a pair of persons by w_i * w_j.
A rate is spoken of where there are 3 / rate pairs (the rule of three).
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import Normalizer
from kerasface.evaluation.people_rates import coded, counted_pairs
from kerasface.evaluation.verification import num_impostor_needed, threshold_of_sorted

FMRS = tuple(round(float(f"{fmr:.2g}"), 12) for fmr in np.logspace(-5, -1, 17))
_BOOTSTRAP = 300


@dataclass(eq=False)
class PairScores:
    """Scores of all pairs of photos of people, perhaps many times with different cohorts.

    Attributes:
        name: The population's.
        description: Who they are, in words that follow "people of" or "of".
        slack: How many times the rate asked for it may be here.
        parts: For each cohort: people of the first and of the second photo of each pair, the score, and whether both
            are of one person.
    """

    name: str
    description: str
    slack: float = 1
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(
        self,
        embeddings: np.ndarray,
        labels: np.ndarray,
        normalizer: Normalizer | None = None,
        doubtful: np.ndarray | None = None,
    ) -> "PairScores":
        """Adds all pairs of some photos.

        Args:
            embeddings: Unit length, `(num_photos, embedding_dim)`.
            labels: Who is on each, integers, `(num_photos,)`.
            normalizer: Makes normalized scores of cosines; without one, cosines are the scores.
            doubtful: Pairs that may show one person although their labels differ, `(num_photos, num_photos)` bool:
                where it is given nobody knows who is on the photos, and no pair is taken for one of one person.
        """
        embeddings = as_embeddings(embeddings)
        scores = embeddings @ embeddings.T if normalizer is None else normalizer.scores(embeddings, embeddings)
        first, second = np.triu_indices(len(scores), k=1)
        if doubtful is not None:
            sure = ~doubtful[first, second] & (labels[first] != labels[second])
            first, second = first[sure], second[sure]
        a, b = labels[first].astype(np.int32), labels[second].astype(np.int32)
        self.parts.append((a, b, scores[first, second], a == b))
        self.__dict__.pop("impostor", None)
        return self

    def sliced(self, name: str, description: str, people: np.ndarray, slack: float) -> "PairScores":
        """Returns the pairs within a slice of the people.

        Args:
            name: The slice's.
            description: In words.
            people: Labels of its people.
            slack: How many times the rate asked for it may be there.
        """
        parts = []
        for a, b, scores, same in self.parts:
            inside = np.isin(a, people) & np.isin(b, people)
            parts.append((a[inside], b[inside], scores[inside], same[inside]))
        return PairScores(name, description, slack, parts)

    @cached_property
    def impostor(self) -> np.ndarray:
        """Scores of impostor pairs of all parts, ascending."""
        return np.sort(np.concatenate([scores[~same] for _, _, scores, same in self.parts]))

    @property
    def eer(self) -> float | None:
        """Equal error rate over the pairs of all parts, on straight lines between the points of their ROC curve.

        `None` where there are no genuine pairs.
        """
        if not self.num_genuine:
            return None
        impostor = self.impostor
        genuine = np.sort(np.concatenate([scores[same] for _, _, scores, same in self.parts]))

        def rates(threshold: float) -> tuple[float, float]:
            accepted = 1 - np.searchsorted(impostor, threshold) / len(impostor)
            return float(accepted), float(np.searchsorted(genuine, threshold) / len(genuine))

        def excess(threshold: float) -> float:
            accepted, missed = rates(threshold)
            return accepted - missed

        # The excess falls as the threshold rises: it changes its sign between two scores that stand next to each other.
        at = [bisect_right(scores, 0, key=lambda score: -excess(score)) for scores in (genuine, impostor)]
        below = max(scores[place - 1] for scores, place in zip((genuine, impostor), at, strict=True) if place)
        above = min(
            (scores[place] for scores, place in zip((genuine, impostor), at, strict=True) if place < len(scores)),
            default=np.inf,
        )
        (low, _), (high, _) = rates(above), rates(below)
        share = -excess(above) / (excess(below) - excess(above))
        return low + share * (high - low)

    @property
    def num_impostor(self) -> int:
        """Impostor pairs of each cohort, as the same photos come again with every one."""
        return round(np.mean([np.sum(~same) for *_, same in self.parts]))

    @property
    def num_genuine(self) -> int:
        """Genuine pairs of each cohort."""
        return round(np.mean([np.sum(same) for *_, same in self.parts]))

    @property
    def people(self) -> np.ndarray:
        """Labels of its people, ascending."""
        return np.unique(np.concatenate([np.concatenate([a, b]) for a, b, _, _ in self.parts]))

    def supports(self, fmr: float) -> bool:
        """Whether there are pairs enough to speak of a rate."""
        allowed = min(1.0, self.slack * fmr)
        return self.num_impostor >= num_impostor_needed(allowed)

    def threshold(self, fmr: float) -> float:
        """Returns the lowest threshold at which the rate holds; -inf where there are too few pairs to speak of it."""
        if not self.supports(fmr):
            return -np.inf
        return threshold_of_sorted(self.impostor, min(1.0, self.slack * fmr))

    def rates(self, thresholds: Sequence[float], rng: np.random.Generator) -> np.ndarray:
        """Measures what happens at thresholds.

        Args:
            thresholds: One or more.
            rng: Draws the people anew.

        Returns:
            FMR, its interval, FNMR, its interval at each, `(num_thresholds, 6)`; NaN where there is no such pair.
        """
        people = self.people
        weights = np.stack(
            [np.ones(len(people))]
            + [np.bincount(rng.integers(0, len(people), len(people)), minlength=len(people)) for _ in range(_BOOTSTRAP)]
        )
        columns = []
        for genuine in (False, True):
            hits, totals = np.zeros((len(thresholds), len(weights))), np.zeros(len(weights))
            for rows, cols, some in self._chosen(people, genuine):
                totals += _weighed(rows, cols, weights, genuine)
                for index, threshold in enumerate(thresholds):
                    wrong = some < threshold if genuine else some >= threshold
                    hits[index] += _weighed(rows[wrong], cols[wrong], weights, genuine)
            with np.errstate(invalid="ignore"):
                shares = hits / totals
            drawn = shares[:, 1:][:, ~np.isnan(shares[0, 1:])]
            ends = np.percentile(drawn, [2.5, 97.5], axis=1) if drawn.size else np.full((2, len(shares)), np.nan)
            columns += [shares[:, 0], *ends]
        return np.stack(columns, axis=1)

    def _chosen(self, people: np.ndarray, genuine: bool) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Of each part the pairs of one kind: places of both people, and the scores."""
        for a, b, scores, same in self.parts:
            chosen = same == genuine
            if chosen.any():
                yield np.searchsorted(people, a[chosen]), np.searchsorted(people, b[chosen]), scores[chosen]


def pair_thresholds(populations: Sequence[PairScores], rng: np.random.Generator, fmrs: Sequence[float] = FMRS) -> dict:
    """Finds the threshold for each rate, the lowest at which it holds in every population, and measures it on each.

    A rate of which no population has pairs enough to speak is left out.

    Args:
        populations: The main one first.
        rng: Draws the people anew.
        fmrs: Rates, ascending.

    Returns:
        `populations` and `points`, as `faces/rates/operating_points.json` has them.

    Raises:
        ValueError: If there are too few pairs for any rate.
    """
    asked = [fmr for fmr in fmrs if any(one.supports(fmr) for one in populations)]
    if not asked:
        raise ValueError(
            f"Thresholds take 3 / rate pairs of photos of different people: {num_impostor_needed(fmrs[-1]):,} for a "
            f"false match rate of {fmrs[-1]:g}. Received: {max(one.num_impostor for one in populations):,} pairs."
        )
    thresholds = [max(one.threshold(fmr) for one in populations) for fmr in asked]
    thresholds = np.maximum.accumulate(thresholds[::-1])[::-1].tolist()  # that of a lower rate is no lower
    rates = np.stack([one.rates(thresholds, rng) for one in populations], axis=1)
    points = [
        {"fmr": fmr, "threshold": round(threshold, 6), "measured": [_rounded(row) for row in measured]}
        for fmr, threshold, measured in zip(asked, thresholds, rates, strict=True)
    ]
    told = [
        {
            "name": one.name,
            "description": one.description,
            "num_people": len(one.people),
            "num_impostor": one.num_impostor,
            "num_genuine": one.num_genuine,
        }
        for one in populations
    ]
    return {"populations": told, "points": points}


def _weighed(rows: np.ndarray, cols: np.ndarray, weights: np.ndarray, genuine: bool) -> np.ndarray:
    """For each resample the sum of the weights of pairs of photos, `(num_resamples,)`."""
    if genuine:
        return weights @ np.bincount(rows, minlength=weights.shape[1]).astype(np.float64)
    pairs = counted_pairs([coded(rows, cols, weights.shape[1])], weights.shape[1])
    return np.sum((weights @ pairs) * weights, axis=1)


def _rounded(row: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else float(f"{value:.3g}") for value in row]
