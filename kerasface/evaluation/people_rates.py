"""Error rates whose intervals come from the people behind them, and the people behind most of the errors.

Photos of the same two people resemble one another, so people are resampled, not pairs: a sample that draws person i
w_i times counts the pairs of i and j w_i * w_j times, and the pairs of photos of i w_i times.

Reference:
    Rule of three: Hanley, Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", JAMA 1983.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array, csr_array

from kerasface.evaluation.labeled_pairs import checked_pairs
from kerasface.terminal.words import counted

_SAMPLES = 1000  # of people drawn anew
FACTOR = 10  # over so many times the rate asked for, a person's own rate is said


@dataclass(frozen=True)
class PeopleRate:
    """A share of pairs that go wrong; all `None` where there is no such pair.

    Attributes:
        value: The share.
        low: Lower end of its 95 % interval, by resampling people. One pair of people, or one person, tells nothing of
            others: 0 to 1. Where nothing went wrong, the upper end is that of the rule of three for people.
        high: Upper end.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ThresholdRates:
    """What happens at one threshold.

    Attributes:
        threshold: Score from which two photos are called a match.
        fmr: False match rate.
        fnmr: False non-match rate.
    """

    threshold: float
    fmr: PeopleRate
    fnmr: PeopleRate

    def to_dict(self) -> dict:
        """Returns the rates as plain dicts and numbers, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class PeopleOver:
    """People who are taken for others far more often than the rate asked for.

    Attributes:
        asked: The rate asked for.
        people: Positions in `own_rates`, the worst first.
        own_rates: Theirs, in the same order.
        num_people: Of how many they are.
    """

    asked: float
    people: np.ndarray
    own_rates: np.ndarray
    num_people: int

    def to_dict(self, names: Sequence[str], key: str = "own_fmr") -> dict:
        """Returns them as JSON-ready values.

        Args:
            names: Of all the people that `people` counts.
            key: What to call a person's own rate.
        """
        rows = zip(self.people.tolist(), self.own_rates.tolist(), strict=True)
        return {
            "asked": self.asked,
            "count": len(self.people),
            "of": self.num_people,
            "share": len(self.people) / self.num_people,
            "people": [{"name": names[person], key: rate} for person, rate in rows],
        }


@dataclass(frozen=True, eq=False)
class NamedForStrangers:
    """Who of the enrolled is given to strangers as a name.

    Attributes:
        asked: False positive identification rate asked for: the share of strangers that get any name.
        names: Of the enrolled.
        counts: How many strangers got each name, `(num_enrolled,)`.
        num_strangers: Of how many.
    """

    asked: float
    names: tuple[str, ...]
    counts: np.ndarray
    num_strangers: int

    @property
    def even_rate(self) -> float:
        """The share of strangers that each name would get if all got as many."""
        return self.asked / len(self.names)

    @property
    def own_rates(self) -> np.ndarray:
        """The share of strangers that each name got, `(num_enrolled,)`."""
        return self.counts / self.num_strangers

    def over(self) -> PeopleOver:
        """Returns whose share is over ten times the even one; one stranger alone may be chance and does not count."""
        return people_over(np.where(self.counts > 1, self.own_rates, 0), self.even_rate)

    def to_dict(self) -> dict:
        """Returns them as JSON-ready values; `asked` is the rate for all names together."""
        told = self.over().to_dict(self.names, "own_fpir")
        return {**told, "asked": self.asked, "even_share": self.even_rate, "num_strangers": self.num_strangers}

    def sentence(self) -> str:
        """Returns who it is, in a sentence."""
        over = self.over()
        named = ", ".join(
            f"{self.names[person]} ({self.counts[person]:,} of {self.num_strangers:,})" for person in over.people[:5]
        )
        more = f" and {len(over.people) - 5:,} more" if len(over.people) > 5 else ""
        return (
            f"Given to strangers over {FACTOR} times as often as an even share of {100 * self.asked:g} %: "
            f"{len(over.people):,} of {counted(len(self.names), 'person', 'people')} enrolled"
            + (f": {named}{more}" if named else "")
        )


def people_over(own_rates: ArrayLike, asked: float) -> PeopleOver:
    """Finds the people whose own rate is over ten times the one asked for.

    Args:
        own_rates: Of each person, `(num_people,)`.
        asked: The rate, a fraction.
    """
    own_rates = np.asarray(own_rates, dtype=np.float64)
    over = np.flatnonzero(own_rates > FACTOR * asked * (1 + 1e-9))
    over = over[np.argsort(-own_rates[over], kind="stable")]
    return PeopleOver(asked, over, own_rates[over], len(own_rates))


def rates_of_pairs(
    scores: ArrayLike, same: ArrayLike, first: ArrayLike, second: ArrayLike, thresholds: Sequence[float]
) -> tuple[ThresholdRates, ...]:
    """Measures what a list of pairs leads to at thresholds fixed beforehand, with intervals by resampling people.

    Args:
        scores: Of the pairs, `(num_pairs,)`.
        same: Whether each is genuine.
        first: The person on the first photo of each, an integer, `(num_pairs,)`.
        second: The person on the second one.
        thresholds: One or more.

    Raises:
        ValueError: If a kind of pair is absent or the shapes differ.
    """
    scores, same = checked_pairs(scores, same)
    people, pairs = np.unique([first, second], return_inverse=True)
    pairs, num_people = np.sort(pairs.reshape(2, len(scores)), axis=0), len(people)
    thresholds = np.asarray(thresholds, dtype=np.float64)
    total = counted_pairs([coded(*pairs[:, ~same], num_people)], num_people)
    reached = [pairs[:, ~same & (scores >= threshold)] for threshold in thresholds]
    tallies = Tallies(
        matched=[counted_pairs([coded(*matched, num_people)], num_people) for matched in reached],
        missed=np.stack([np.bincount(pairs[0][same & (scores < at)], minlength=num_people) for at in thresholds]),
        genuine=np.bincount(pairs[0][same], minlength=num_people),
        num_impostor=int(np.sum(~same)),
        num_people_pairs=total.nnz,
    )
    weights = resampled(num_people)
    return rates_at(thresholds, tallies, weights, _pairs_weighed(weights, total))


@dataclass(frozen=True, eq=False)
class Tallies:
    """What went wrong, by people.

    Attributes:
        matched: For each threshold how many impostor pairs of any two people reach it, `(num_people, num_people)`, the
            lower label first.
        missed: How many genuine pairs of each person do not, `(num_thresholds, num_people)`.
        genuine: Genuine pairs of each person, `(num_people,)`.
        num_impostor: Impostor pairs.
        num_people_pairs: Pairs of people that these are of.
    """

    matched: list[csr_array]
    missed: np.ndarray
    genuine: np.ndarray
    num_impostor: int
    num_people_pairs: int


def coded(first: np.ndarray, second: np.ndarray, num_people: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns which pairs of people occur among pairs, as first * num_people + second, and how often."""
    return np.unique(first.astype(np.int64) * num_people + second, return_counts=True)


def counted_pairs(parts: Sequence[tuple[np.ndarray, np.ndarray]], num_people: int) -> csr_array:
    """Returns how often each pair of people occurs in all parts, those of `coded`, `(num_people, num_people)`."""
    codes, counts = (np.concatenate(part) for part in zip(*parts, strict=True))
    return coo_array((counts, divmod(codes, num_people)), shape=(num_people, num_people)).tocsr()


def resampled(num_people: int) -> np.ndarray:
    """How often each of 1,000 samples draws each person, `(1000, num_people)` float64; the same ones each time."""
    generator = np.random.default_rng(0)
    return generator.multinomial(num_people, np.full(num_people, 1 / num_people), _SAMPLES).astype(np.float64)


def rates_at(
    thresholds: np.ndarray, tallies: Tallies, weights: np.ndarray, impostors: np.ndarray
) -> tuple[ThresholdRates, ...]:
    """Makes rates with intervals of what was counted.

    Args:
        thresholds: Those of the tallies.
        tallies: What went wrong.
        weights: How often each sample draws each person, `(num_samples, num_people)`; see `resampled`.
        impostors: How many impostor pairs each sample has, `(num_samples,)`.
    """
    genuine, several = weights @ tallies.genuine, int(np.sum(tallies.genuine > 0))
    fmr, fnmr = [], []
    for matched, missed in zip(tallies.matched, tallies.missed, strict=True):
        samples = _pairs_weighed(weights, matched), impostors
        fmr.append(_interval(matched.sum(), tallies.num_impostor, samples, tallies.num_people_pairs))
        fnmr.append(_interval(missed.sum(), tallies.genuine.sum(), (weights @ missed, genuine), several))
    order = np.argsort(thresholds, kind="stable")
    found = [None] * len(order)
    fmr, fnmr = _falling([fmr[i] for i in order]), _falling([fnmr[i] for i in order[::-1]])[::-1]
    for place, index in enumerate(order):
        found[index] = ThresholdRates(float(thresholds[index]), PeopleRate(*fmr[place]), PeopleRate(*fnmr[place]))
    return tuple(found)


def _pairs_weighed(weights: np.ndarray, pairs: csr_array) -> np.ndarray:
    return np.sum((weights @ pairs) * weights, axis=1)


def _interval(errors: int, total: int, samples: tuple[np.ndarray, np.ndarray], num_drawn: int) -> tuple:
    """Returns a rate with its interval: value, low, high."""
    if total == 0:
        return None, None, None
    value = float(errors / total)
    if num_drawn == 1:
        return value, 0.0, 1.0
    errors_drawn, total_drawn = (part[samples[1] > 0] for part in samples)
    low, high = np.quantile(errors_drawn / total_drawn, (0.025, 0.975)) if len(total_drawn) else (0.0, 1.0)
    three = min(1.0, 3 / num_drawn)  # rule of three: no error among n says that the rate is no higher than 3 / n
    low, high = (low if value < 1 else min(low, 1 - three)), (high if value > 0 else max(high, three))
    return value, float(min(low, value)), float(max(high, value))


def _falling(rates: list[tuple]) -> list[tuple]:
    """Intervals of a rate that cannot rise along the list: neither do their ends."""
    if any(value is None for value, _, _ in rates):
        return rates
    values, low, high = np.array(rates).T
    low, high = np.maximum.accumulate(low[::-1])[::-1], np.minimum.accumulate(high)
    return list(zip(values.tolist(), low.tolist(), high.tolist(), strict=True))
