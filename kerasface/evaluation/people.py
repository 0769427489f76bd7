"""Who is confused, not only how often: error rates of 1:1 verification over all pairs of photos, by people.

A false match rate is a mean, and most people are far from it: nearly everybody is never taken for anybody else, and a
few are taken for many ("lambs" and "wolves"). So next to the rates stand each person's own false match rate and the
pairs of people that match.

Reference:
    Doddington et al., "Sheep, Goats, Lambs and Wolves: A Statistical Analysis of Speaker Performance in the NIST 1998
    Speaker Recognition Evaluation", ICSLP 1998.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import block_diag, csr_array

from kerasface.arrays import as_embeddings
from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.evaluation.people_rates import Tallies, ThresholdRates, coded, counted_pairs, rates_at, resampled

_HIGHEST_FMR = 0.01  # up to which thresholds of one's own can be chosen
_SCORES_AT_ONCE = 2**21  # 16 MiB of float64
_Z = 1.96


@dataclass(frozen=True)
class ConfusedPair:
    """Two people who match one another, or come nearest to it.

    Attributes:
        people: Their labels.
        num_pairs: Pairs of a photo of the one and a photo of the other.
        num_matched: How many of them reach the threshold.
        highest: The highest score.
        photos: The two photos that have it, as rows of the embeddings.
    """

    people: tuple[int, int]
    num_pairs: int
    num_matched: int
    highest: float
    photos: tuple[int, int]


@dataclass(frozen=True, eq=False)
class PeopleRates:
    """Error rates over all pairs of photos, and whom they come from. Each list has an entry for each threshold.

    Attributes:
        rates: What happens at each threshold.
        own_rates: Share of each person's pairs with others that reach it, `(num_thresholds, num_people)`.
        confused: The pairs of people of whose photo pairs most surely many reach it, the worst first; behind them those
            that come nearest.
        num_over_half: Pairs of people of whose photo pairs more than half reach it.
        people: Labels, ascending, `(num_people,)`.
        num_photos: Of each person, `(num_people,)`.
        num_genuine: Pairs of two photos of one person.
        num_impostor: Pairs of photos of two people.
        highest: The highest scores of impostor pairs, descending: a hundredth of them.
        tallies: What the rates were made of.
    """

    rates: tuple[ThresholdRates, ...]
    own_rates: np.ndarray
    confused: tuple[tuple[ConfusedPair, ...], ...]
    num_over_half: tuple[int, ...]
    people: np.ndarray
    num_photos: np.ndarray
    num_genuine: int
    num_impostor: int
    highest: np.ndarray
    tallies: Tallies

    @property
    def num_people_pairs(self) -> int:
        """How many pairs of two people there are."""
        return len(self.people) * (len(self.people) - 1) // 2

    def threshold_at(self, fmr: float) -> float:
        """Returns the smallest threshold at which no larger share of these impostor pairs matches.

        Raises:
            ValueError: If `fmr` is outside `[0, 0.01]`.
        """
        if not 0 <= fmr <= _HIGHEST_FMR:
            raise ValueError(f"fmr must lie in [0, {_HIGHEST_FMR}]. Received: fmr={fmr}.")
        return float(np.nextafter(self.highest[int(fmr * self.num_impostor + 1e-9)], np.inf))


def measure_people(
    embeddings: np.ndarray,
    labels: ArrayLike,
    thresholds: Sequence[float],
    *,
    normalizer: Normalizer | None = None,
    num_worst: int = 24,
    on_progress: Callable[[int, int], None] | None = None,
) -> PeopleRates:
    """Measures what every pair of two photos leads to, at thresholds fixed beforehand.

    Args:
        embeddings: Unit length, one a photo, `(num_photos, embedding_dim)`.
        labels: Who is on each photo, integers, `(num_photos,)`; two people or more. Who has one photo is an impostor of
            the others.
        thresholds: Scores from which two photos match, one or more.
        normalizer: Makes normalized scores of cosines; without one, cosines are the scores.
        num_worst: Pairs of people to give for each threshold.
        on_progress: Called with the number of photos done and their total.

    Raises:
        ValueError: If the embeddings or labels are malformed, there is one person only, or no threshold.
    """
    people = _People(embeddings, labels, normalizer)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.ndim != 1 or not len(thresholds) or not np.isfinite(thresholds).all():
        raise ValueError(f"thresholds must be one or more finite numbers. Received: {thresholds.tolist()}.")
    tallies, nearest, highest = _tallied(people, thresholds, num_worst, on_progress or (lambda done, total: None))
    counts = people.counts
    weights = resampled(len(counts))
    own = [(matched + matched.T).sum(axis=1) / (counts * (counts.sum() - counts)) for matched in tallies.matched]
    return PeopleRates(
        rates=rates_at(thresholds, tallies, weights, _impostors_drawn(weights, counts)),
        own_rates=np.stack(own),
        confused=tuple(_worst(people, tallies.matched[i], at, nearest, num_worst) for i, at in enumerate(thresholds)),
        num_over_half=tuple(int(np.sum(2 * hits.data > people.pairs_of(hits))) for hits in tallies.matched),
        people=people.people,
        num_photos=counts,
        num_genuine=int(tallies.genuine.sum()),
        num_impostor=tallies.num_impostor,
        highest=highest,
        tallies=tallies,
    )


def rates_of_parts(parts: Sequence[PeopleRates]) -> tuple[ThresholdRates, ...]:
    """Returns the rates of people measured in parts, such as halves, at the same thresholds: no pair is of two parts.

    Args:
        parts: What was measured.
    """
    tallies = [part.tallies for part in parts]
    together = Tallies(
        matched=[block_diag(matched, format="csr") for matched in zip(*(one.matched for one in tallies), strict=True)],
        missed=np.hstack([one.missed for one in tallies]),
        genuine=np.concatenate([one.genuine for one in tallies]),
        num_impostor=sum(one.num_impostor for one in tallies),
        num_people_pairs=sum(one.num_people_pairs for one in tallies),
    )
    weights = resampled(len(together.genuine))
    of_parts = np.split(weights, np.cumsum([len(one.genuine) for one in tallies])[:-1], axis=1)
    impostors = sum(_impostors_drawn(some, part.num_photos) for some, part in zip(of_parts, parts, strict=True))
    return rates_at(np.array([at.threshold for at in parts[0].rates]), together, weights, impostors)


class _People:
    """Photos sorted by person, and their scores against one another."""

    def __init__(self, embeddings: np.ndarray, labels: ArrayLike, normalizer: Normalizer | None):
        embeddings, labels = as_embeddings(embeddings), np.asarray(labels)
        if labels.shape != embeddings.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
            raise ValueError(
                "labels must give every embedding a person, an integer. "
                f"Received: shape {labels.shape}, type {labels.dtype}, for {len(embeddings)} embeddings."
            )
        self.order = np.argsort(labels, kind="stable")
        self.people, self.starts, self.counts = np.unique(labels[self.order], return_index=True, return_counts=True)
        if len(self.people) < 2:
            raise ValueError(f"Who is confused with whom takes two people or more. Received: {len(self.people)}.")
        self.person = np.repeat(np.arange(len(self.people)), self.counts)
        self.embeddings = embeddings[self.order]
        self.statistics = None if normalizer is None else normalizer.statistics(self.embeddings)

    def scores(self, rows: slice, columns: slice) -> np.ndarray:
        cosines = (self.embeddings[rows] @ self.embeddings[columns].T).astype(np.float64)
        if self.statistics is None:
            return cosines
        return normalized_scores(cosines, self.statistics[rows][:, None], self.statistics[columns][None])

    def photos_of(self, person: int) -> slice:
        return slice(self.starts[person], self.starts[person] + self.counts[person])

    def blocks(self) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Gives the first row, the scores of some rows with all from that one on, which are genuine, which count."""
        step = max(1, _SCORES_AT_ONCE // len(self.person))
        for start in range(0, len(self.person), step):
            rows = slice(start, min(start + step, len(self.person)))
            scores = self.scores(rows, slice(start, None))
            same = self.person[rows, None] == self.person[None, start:]
            yield start, scores, same, np.triu(np.ones(scores.shape, dtype=bool), k=1)

    def pairs_of(self, matched: csr_array) -> np.ndarray:
        """How many pairs of photos the pairs of people in a matrix have."""
        first, second = matched.nonzero()
        return self.counts[first] * self.counts[second]


def _tallied(
    people: _People, thresholds, num_worst: int, report
) -> tuple[Tallies, dict[tuple[int, int], float], np.ndarray]:
    """Counts block by block; also the pairs of people with the highest scores, and the highest impostor scores."""
    num_people, num_photos = len(people.people), len(people.person)
    genuine = people.counts * (people.counts - 1) // 2
    num_impostor = num_photos * (num_photos - 1) // 2 - int(genuine.sum())
    codes = [[] for _ in thresholds]
    missed = np.zeros((len(thresholds), num_people), dtype=np.int64)
    nearest: dict[tuple[int, int], float] = {}
    highest, kept = np.zeros(0), int(_HIGHEST_FMR * num_impostor + 1e-9) + 1
    for start, scores, same, counts in people.blocks():
        of_one = np.nonzero(same & counts)
        owners, own_scores = people.person[start + of_one[0]], scores[of_one]
        scores[same | ~counts] = -np.inf
        rows, columns = np.nonzero(scores >= thresholds.min())
        hits = scores[rows, columns]
        pairs = people.person[start + np.stack([rows, columns])]
        for index, threshold in enumerate(thresholds):
            missed[index] += np.bincount(owners[own_scores < threshold], minlength=num_people)
            codes[index].append(coded(*pairs[:, hits >= threshold], num_people))
        highest = _best(
            np.concatenate([highest, scores[scores > (highest[-1] if len(highest) == kept else -np.inf)]]), kept
        )
        for pair, score in _nearest_people(people, start, scores, num_worst):
            nearest[pair] = max(score, nearest.get(pair, -np.inf))
        report(start + len(scores), num_photos)
    matched = [counted_pairs(parts, num_people) for parts in codes]
    num_people_pairs = num_people * (num_people - 1) // 2
    return Tallies(matched, missed, genuine, num_impostor, num_people_pairs), nearest, highest


def _impostors_drawn(weights: np.ndarray, num_photos: np.ndarray) -> np.ndarray:
    """How many impostor pairs each sample of people has."""
    return ((weights @ num_photos) ** 2 - weights**2 @ num_photos**2) / 2


def _best(scores: np.ndarray, number: int) -> np.ndarray:
    """The highest scores, descending."""
    if len(scores) > number:
        scores = np.partition(scores, len(scores) - number)[-number:]
    return np.sort(scores)[::-1]


def _nearest_people(
    people: _People, start: int, scores: np.ndarray, number: int
) -> list[tuple[tuple[int, int], float]]:
    """The pairs of people with the highest scores of a block."""
    first = people.person[start]
    columns = np.maximum(people.starts[first:] - start, 0)
    of_rows, rows = np.unique(people.person[start : start + len(scores)], return_index=True)
    highest = np.maximum.reduceat(np.maximum.reduceat(scores, columns, axis=1), rows, axis=0).ravel()
    chosen = np.argpartition(highest, len(highest) - min(number, len(highest)))[-number:]
    pairs = zip(of_rows[chosen // len(columns)].tolist(), (first + chosen % len(columns)).tolist(), strict=True)
    return [(pair, score) for pair, score in zip(pairs, highest[chosen].tolist(), strict=True) if score > -np.inf]


def _worst(
    people: _People, matched: csr_array, threshold: float, nearest: dict, number: int
) -> tuple[ConfusedPair, ...]:
    surest = _surely_matched(matched.data, people.pairs_of(matched))
    chosen = np.argsort(-surest, kind="stable")[: 4 * number]  # ties are decided by the score, which is found below
    first, second = (part[chosen].tolist() for part in matched.nonzero())
    pairs = dict.fromkeys([*zip(first, second, strict=True), *sorted(nearest, key=nearest.get, reverse=True)[:number]])
    found = [_confused(people, pair, threshold) for pair in pairs]
    found.sort(key=lambda pair: (_surely_matched(pair.num_matched, pair.num_pairs), pair.highest), reverse=True)
    return tuple(found[:number])


def _confused(people: _People, pair: tuple[int, int], threshold: float) -> ConfusedPair:
    rows, columns = (people.photos_of(person) for person in pair)
    scores = people.scores(rows, columns)
    row, column = np.unravel_index(scores.argmax(), scores.shape)
    return ConfusedPair(
        people=tuple(people.people[list(pair)].tolist()),
        num_pairs=scores.size,
        num_matched=int(np.sum(scores >= threshold)),
        highest=float(scores.max()),
        photos=tuple(people.order[[rows.start + row, columns.start + column]].tolist()),
    )


def _surely_matched(num_matched, num_pairs):
    """The lower end of the share's interval (Wilson): all of 225 is worse than one of one."""
    share, shrink = num_matched / num_pairs, _Z**2 / num_pairs
    spread = _Z * np.sqrt(share * (1 - share) / num_pairs + shrink / (4 * num_pairs))
    return np.where(share > 0, (share + shrink / 2 - spread) / (1 + shrink), 0.0)
