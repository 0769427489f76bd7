"""What the thresholds that ship lead to on the people of a folder, and thresholds of their own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from kerasface.data.people import EmbeddedPeople
from kerasface.evaluation.calibration import COSINE, NORMALIZED, SCORE_NAMES
from kerasface.evaluation.people import PeopleRates, measure_people
from kerasface.evaluation.people_rates import PeopleOver, ThresholdRates, people_over
from kerasface.evaluation.verification import num_impostor_needed
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point

ASKED = (0.01, 0.001, 0.0001)  # false match rates
MAIN = 0.001  # the one at which people are named
FEWEST_PEOPLE = 10  # of fewer, each is in more than a fifth of all pairs: no threshold of their own is one of a kind


@dataclass(frozen=True, eq=False)
class JudgedPeople:
    """What was measured on the people of a folder.

    Attributes:
        people: They and their photos.
        fingerprint: Of the embedder.
        score: `"normalized_score"`, or `"score"` where nothing normalizes: the cosine.
        measured: At the shipped thresholds for the rates of `ASKED`, then at those of their own.
        own_thresholds: For each rate that so many pairs support, what happens at the threshold where it would hold for
            these people.
    """

    people: EmbeddedPeople
    fingerprint: str
    score: str
    measured: PeopleRates
    own_thresholds: dict[float, ThresholdRates]

    @property
    def score_name(self) -> str:
        """What the scores are called in sentences."""
        return SCORE_NAMES[COSINE if self.score == "score" else NORMALIZED]

    def over(self, asked: float = MAIN) -> PeopleOver:
        """Returns who is taken for others over ten times as often as asked."""
        return people_over(self.measured.own_rates[ASKED.index(asked)], asked)

    def supports(self, asked: float) -> bool:
        """Returns whether there are pairs enough to speak of a false match rate at all: 3 / FMR."""
        return self.measured.num_impostor >= num_impostor_needed(asked)

    def rates(self, asked: float) -> ThresholdRates:
        """Returns what happens at the threshold that ships for a rate."""
        return self.measured.rates[ASKED.index(asked)]

    def to_dict(self) -> dict:
        """Returns everything as JSON-ready values."""
        measured = self.measured
        return {
            "embedder": self.fingerprint,
            "decided_on": self.score,
            "num_photos": len(self.people.paths),
            "num_people": len(measured.people),
            "num_people_pairs": measured.num_people_pairs,
            "num_genuine": measured.num_genuine,
            "num_impostor": measured.num_impostor,
            "num_failed": len(self.people.rejected),
            "at_shipped_thresholds": {str(asked): self.rates(asked).to_dict() for asked in ASKED},
            "supported": {str(asked): self.supports(asked) for asked in ASKED},
            "people_over_ten_times": self.over().to_dict(self.people.names),
            "people_pairs_over_half": {
                str(asked): {"count": count, "of": measured.num_people_pairs}
                for asked, count in zip(ASKED, measured.num_over_half[: len(ASKED)], strict=True)
            },
            "worst_pairs": self._worst_pairs(),
            "own_thresholds": {str(asked): own.to_dict() for asked, own in self.own_thresholds.items()},
        }

    def _worst_pairs(self) -> list[dict]:
        return [
            {
                "people": [self.people.names[person] for person in pair.people],
                "num_pairs": pair.num_pairs,
                "num_matched": pair.num_matched,
                "highest": pair.highest,
                "photos": [str(self.people.paths[photo]) for photo in pair.photos],
            }
            for pair in self.measured.confused[ASKED.index(MAIN)]
        ]


def shipped_thresholds(fingerprint: str) -> list[float]:
    """Returns the thresholds that ship for the rates of `ASKED`.

    Raises:
        ValueError: If nothing was measured for the embedder.
    """
    return [operating_point(fingerprint, asked).threshold for asked in ASKED]


def judge_people(
    people: EmbeddedPeople, fingerprint: str, *, on_progress: Callable[[int, int], None] | None = None
) -> JudgedPeople:
    """Measures what the shipped thresholds lead to over all pairs of photos.

    Args:
        people: They and their photos.
        fingerprint: `FaceEmbedder.fingerprint` of their embedder.
        on_progress: Called with the number of photos done and their total.

    Raises:
        ValueError: If nothing was measured for the embedder.
    """
    normalizer, thresholds = normalizer_of(fingerprint), shipped_thresholds(fingerprint)
    measure = partial(measure_people, people.embeddings, people.labels, normalizer=normalizer)
    measured = measure(thresholds, on_progress=on_progress)
    own = _own_rates(measured)
    if own:
        # Together: a threshold of their own at which few match says something of a stricter one at which nobody does.
        measured = measure([*thresholds, *map(measured.threshold_at, own)], on_progress=on_progress)
    score = "score" if normalizer is None else "normalized_score"
    return JudgedPeople(people, fingerprint, score, measured, dict(zip(own, measured.rates[len(ASKED) :], strict=True)))


def _own_rates(measured: PeopleRates) -> list[float]:
    """The rates of `ASKED` for which so many people and pairs have a threshold of their own."""
    if len(measured.people) < FEWEST_PEOPLE:
        return []
    return [asked for asked in ASKED if measured.num_impostor >= num_impostor_needed(asked)]
