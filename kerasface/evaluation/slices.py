"""Error rates of 1:1 verification in slices: of small faces, of turned ones, of blurred ones."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.evaluation.labeled_pairs import checked_pairs
from kerasface.evaluation.verification import wilson_interval

_FEW = 100  # pairs; none wrong of so many still means up to 3.7 %


@dataclass(frozen=True)
class CountedRate:
    """A rate that was counted.

    Attributes:
        value: Share of the pairs that went wrong.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
        num_errors: Pairs that went wrong.
        num_pairs: Pairs.
        few: Whether these are fewer than 100, too few to compare slices by.
    """

    value: float
    low: float
    high: float
    num_errors: int
    num_pairs: int
    few: bool


@dataclass(frozen=True)
class Slice:
    """The pairs whose attribute lies in one interval, and how often they go wrong at the threshold.

    Attributes:
        low: Least value of the attribute in the slice; `None` where it is not known, or a word.
        high: Largest value; `None` likewise.
        fnmr: False non-match rate; `None` without genuine pairs.
        fmr: False match rate; `None` without impostor pairs.
        word: What the attribute is where it is a word; `None` where it is a number, or not known.
    """

    low: float | None
    high: float | None
    fnmr: CountedRate | None
    fmr: CountedRate | None
    word: str | None = None

    @property
    def name(self) -> str:
        """What the slice is called: a word, a range of numbers, or that the attribute is not known."""
        if self.word is not None:
            return self.word
        if self.low is None:
            return "not measured"
        return f"{self.low:.3g}" if self.low == self.high else f"{self.low:.3g} to {self.high:.3g}"

    def to_dict(self) -> dict:
        """Returns the slice as JSON-ready values."""
        return asdict(self)


def evaluate_slices(
    scores: ArrayLike, same: ArrayLike, attributes: Mapping[str, ArrayLike], *, threshold: float, num_bins: int = 4
) -> dict[str, tuple[Slice, ...]]:
    """Measures the error rates at one threshold where an attribute is low, middling and high, or where it is what.

    The slices of a number have about equal numbers of pairs; equal values stay together, so there may be fewer. A pair
    is described by one number, such as the side of its smaller face or the yaw of its face turned further. Of words,
    each is a slice.

    Args:
        scores: Finite, higher is more alike, shape `(num_pairs,)`.
        same: Whether the pair is genuine, bool, shape `(num_pairs,)`; both kinds must occur.
        attributes: Name to one number or word per pair, shape `(num_pairs,)`; NaN or the empty word where it is not
            known: these pairs are a slice of their own, the last one.
        threshold: A pair is accepted from this score.
        num_bins: Slices of each attribute, at least 2.

    Returns:
        Name to slices, from low to high numbers, words in alphabetical order.

    Raises:
        ValueError: If the shapes differ, a score is not finite, a kind of pair is absent, a value is infinite, or
            `num_bins` is below 2.
    """
    scores, same = checked_pairs(scores, same)
    if num_bins < 2:
        raise ValueError(f"num_bins must be >= 2. Received: num_bins={num_bins}.")
    wrong = (scores >= threshold) != same
    slices = {}
    for name, values in attributes.items():
        values = _checked(name, values, len(scores))
        memberships = _by_word(values) if values.dtype.kind == "U" else _by_size(values, num_bins)
        slices[name] = tuple(
            Slice(fnmr=_rate(wrong[inside & same]), fmr=_rate(wrong[inside & ~same]), **_of(values[inside]))
            for inside in memberships
        )
    return slices


def is_known(values: np.ndarray) -> np.ndarray:
    """Returns where an attribute is known, bool: numbers that are not NaN, words that are not empty."""
    return values != "" if values.dtype.kind == "U" else ~np.isnan(values)


def _checked(name: str, values: ArrayLike, num_pairs: int) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind != "U":
        values = values.astype(np.float64)
    num_infinite = 0 if values.dtype.kind == "U" else int(np.isinf(values).sum())
    if values.shape != (num_pairs,) or num_infinite:
        raise ValueError(
            f"Attribute {name!r} needs one finite value, or NaN, for each pair. "
            f"Received: shape {values.shape} for {num_pairs} pairs, {num_infinite} infinite."
        )
    return values


def _by_word(values: np.ndarray) -> list[np.ndarray]:
    """Returns who is in each slice, bool, `(num_pairs,)` each."""
    words = sorted(set(values.tolist()), key=lambda word: (not word, word))
    return [values == word for word in words]


def _by_size(values: np.ndarray, num_bins: int) -> list[np.ndarray]:
    """Returns who is in each slice that is not empty, bool, `(num_pairs,)` each."""
    missing = np.isnan(values)
    memberships = []
    if not missing.all():
        # A slice ends with a value that occurs, and no edge is the largest one: nothing would lie beyond it.
        distinct = np.unique(values[~missing])
        edges = distinct[:-1]
        if len(distinct) > num_bins:
            steps = np.arange(1, num_bins) / num_bins
            edges = np.unique(np.quantile(values[~missing], steps, method="inverted_cdf"))
            edges = edges[edges < distinct[-1]]
        index = np.searchsorted(edges, values, side="left")
        memberships = [(index == part) & ~missing for part in range(len(edges) + 1)]
    return [inside for inside in (*memberships, missing) if inside.any()]


def _of(values: np.ndarray) -> dict:
    """What the pairs of a slice have in common."""
    if values.dtype.kind == "U":
        return {"low": None, "high": None, "word": str(values[0]) or None}
    if np.isnan(values[0]):
        return {"low": None, "high": None}
    return {"low": float(values.min()), "high": float(values.max())}


def _rate(wrong: np.ndarray) -> CountedRate | None:
    if len(wrong) == 0:
        return None
    num_errors = int(wrong.sum())
    low, high = wilson_interval(num_errors, len(wrong))
    return CountedRate(num_errors / len(wrong), low, high, num_errors, len(wrong), len(wrong) < _FEW)
