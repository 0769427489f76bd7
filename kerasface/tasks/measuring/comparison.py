"""Two models on the same pairs: is one better, or was it chance?"""

from dataclasses import dataclass

from kerasface.evaluation.comparison import PairComparison, compare_pairs
from kerasface.evaluation.verification import Roc, num_impostor_needed, roc
from kerasface.tasks.measuring.pairs import ScoredPairs
from kerasface.tasks.measuring.people import Report, unreported

FMRS = (0.1, 0.01, 0.001)


@dataclass(frozen=True, eq=False)
class ComparedPairs:
    """Two models on the same pairs.

    Attributes:
        scored: The pairs with the scores of each.
        curves: Operating points of each, by its letter and name.
        at: False match rate, of those that the pairs support, to the comparison at it.
    """

    scored: tuple[ScoredPairs, ScoredPairs]
    curves: dict[str, Roc]
    at: dict[float, PairComparison]

    @property
    def names(self) -> tuple[str, str]:
        """Of both models."""
        a, b = self.scored
        return a.embedded.model, b.embedded.model

    @property
    def score_names(self) -> tuple[str, str]:
        """What the scores of each are called."""
        a, b = self.scored
        return a.embedded.score_name, b.embedded.score_name

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values."""
        a, b = self.names
        return {
            "data": self.scored[0].listed.people.title,
            "a": a,
            "b": b,
            "scores": dict(zip("ab", self.score_names, strict=True)),
            "comparisons": [comparison.to_dict() for comparison in self.at.values()],
        }


def compare_models(
    a: ScoredPairs, b: ScoredPairs, *, bootstrap: int = 1000, report: Report = unreported
) -> ComparedPairs:
    """Compares two models on pairs that both have scored, at each of `FMRS` that they support.

    Args:
        a: The pairs with the scores of one model.
        b: The same pairs with those of the other.
        bootstrap: Number of bootstrap samples behind the intervals.
        report: Told how far it is.

    Raises:
        ValueError: If there are too few pairs of different people, or the pairs are not the same.
    """
    same, persons = a.listed.same, a.listed.persons
    num_impostor = int((~same).sum())
    supported = [fmr for fmr in FMRS if num_impostor >= num_impostor_needed(fmr)]
    if not supported:
        raise ValueError(
            f"A comparison takes {num_impostor_needed(FMRS[0])} pairs of different people or more. "
            f"Received: {num_impostor}."
        )
    at = {}
    for done, fmr in enumerate(supported):
        report("Drawing the people anew", done, len(supported))
        at[fmr] = compare_pairs(a.scores, b.scores, same, persons, fmr=fmr, bootstrap=bootstrap)
    report("Drawing the people anew", len(supported), len(supported))
    names = (f"{letter}: {one.embedded.model}" for letter, one in zip("AB", (a, b), strict=True))
    curves = dict(zip(names, (roc(one.scores, same) for one in (a, b)), strict=True))
    return ComparedPairs((a, b), curves, at)
