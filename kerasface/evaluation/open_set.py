"""From which score a classifier knows somebody, and what that does to people it does not know. No model in here."""

from dataclasses import asdict, dataclass, fields

import numpy as np


@dataclass(frozen=True)
class OpenSet:
    """What a threshold on the score does to known and unknown people.

    Attributes:
        threshold: Score from which a face is accepted as somebody known.
        false_accept_asked: Share of unknown people asked to be accepted at most.
        unknown_accepted: Share accepted, measured on unknown people other than those the threshold was chosen on.
        unknown_accepted_high: Where that share ends with 95 % confidence (Clopper-Pearson, one-sided), if the faces
            are independent of each other: one of each person.
        known_accepted: Share of known people accepted, whatever name they get.
        known_correct: Share of known people accepted under their own name.
        num_unknown: Faces of unknown people measured.
        num_known: Faces of known people measured.
        num_chosen_on: Unknown people that the threshold was chosen on.
        supported: Whether these are enough for the share asked: at least 3 divided by it. That is the rule of three:
            of `n` people of whom none is accepted, it follows with 95 % confidence that fewer than `3 / n` are.
    """

    threshold: float
    false_accept_asked: float
    unknown_accepted: float
    unknown_accepted_high: float
    known_accepted: float
    known_correct: float
    num_unknown: int
    num_known: int
    num_chosen_on: int
    supported: bool

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class OpenSetCurve:
    """What every threshold on the score does, from the strictest to the one that accepts everybody.

    Attributes:
        threshold: Scores, falling, `(num_points,)`.
        false_accept: Share of unknown people's faces accepted from there, rising.
        known_accepted: Share of known people's faces accepted, whatever name they get, rising.
        known_correct: Share of them accepted under their own name, rising.
    """

    threshold: np.ndarray
    false_accept: np.ndarray
    known_accepted: np.ndarray
    known_correct: np.ndarray

    def thinned(self, num_points: int = 200) -> "OpenSetCurve":
        """Returns at most `num_points` of the points, first and last among them, densest where few are accepted."""
        count = len(self.threshold)
        kept = (
            np.unique(np.geomspace(1, count, num_points).round().astype(int)) - 1 if count > num_points else slice(None)
        )
        return OpenSetCurve(*(getattr(self, part.name)[kept] for part in fields(self)))

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values: lists of floats."""
        return {part.name: getattr(self, part.name).tolist() for part in fields(self)}


def open_set(
    known_scores: np.ndarray,
    known_correct: np.ndarray,
    unknown_scores: np.ndarray,
    unknown_groups: np.ndarray,
    *,
    false_accept: float = 0.01,
) -> OpenSet:
    """Chooses the score from which a face counts as known, on half of the unknown people, and measures it on the rest.

    It is the lowest score at which the upper bound of 95 % confidence on the share accepted is what was asked, not the
    share itself: of the thresholds that just reach the share on one half, every other one exceeds it on the rest. Where
    the half is too small for that, none of it is accepted.

    Args:
        known_scores: Scores of held-out faces of known people, shape `(num_known,)`; higher is surer.
        known_correct: Whether each got its own name, shape `(num_known,)`.
        unknown_scores: Scores of faces of unknown people, shape `(num_unknown,)`.
        unknown_groups: Whose face each is, integers, shape `(num_unknown,)`: nobody is in both halves.
        false_accept: Share of unknown people's faces to accept at most.

    Raises:
        ValueError: If there are fewer than four unknown people or no known face.
    """
    groups = np.unique(unknown_groups)
    if len(groups) < 4 or len(known_scores) == 0:
        raise ValueError(
            "An open-set threshold needs faces of known people and of at least four unknown ones. "
            f"Received: {len(known_scores)} known faces, {len(groups)} unknown people."
        )
    chosen_on = np.isin(unknown_groups, groups[::2])
    ordered = np.sort(unknown_scores[chosen_on])[::-1]
    allowed = max(
        (k for k in range(int(false_accept * len(ordered)) + 1) if _upper_bound(k, len(ordered)) <= false_accept),
        default=0,
    )
    threshold = float(np.nextafter(ordered[allowed], np.inf))
    accepted = np.asarray(known_scores) >= threshold
    unknown_accepted = np.asarray(unknown_scores)[~chosen_on] >= threshold
    num_chosen_on = len(groups[::2])
    return OpenSet(
        threshold=threshold,
        false_accept_asked=false_accept,
        unknown_accepted=float(np.mean(unknown_accepted)),
        unknown_accepted_high=_upper_bound(int(np.sum(unknown_accepted)), len(unknown_accepted)),
        known_accepted=float(np.mean(accepted)),
        known_correct=float(np.mean(accepted & np.asarray(known_correct))),
        num_unknown=len(unknown_accepted),
        num_known=len(known_scores),
        num_chosen_on=num_chosen_on,
        supported=num_chosen_on * false_accept >= 3,
    )


def open_set_curve(known_scores: np.ndarray, known_correct: np.ndarray, unknown_scores: np.ndarray) -> OpenSetCurve:
    """Measures all thresholds: for every share of unknown people accepted, the most known people that come with it.

    Args:
        known_scores: Scores of held-out faces of known people, shape `(num_known,)`; higher is surer.
        known_correct: Whether each got its own name, shape `(num_known,)`.
        unknown_scores: Scores of faces of unknown people, shape `(num_unknown,)`.

    Raises:
        ValueError: If there is no known or no unknown face.
    """
    known, correct, unknown = (
        np.asarray(known_scores),
        np.asarray(known_correct, dtype=bool),
        np.asarray(unknown_scores),
    )
    if len(known) == 0 or len(unknown) == 0:
        raise ValueError(
            "A curve needs faces of known and of unknown people. "
            f"Received: {len(known)} known faces, {len(unknown)} unknown ones."
        )
    # Just above each score of a stranger, where that one is refused; and below them all.
    above = np.nextafter(np.unique(unknown)[::-1], np.inf)
    threshold = np.append(above, min(known.min(), unknown.min()))

    def accepted(scores: np.ndarray) -> np.ndarray:
        return len(scores) - np.searchsorted(np.sort(scores), threshold)  # scores >= threshold

    return OpenSetCurve(
        threshold=threshold,
        false_accept=accepted(unknown) / len(unknown),
        known_accepted=accepted(known) / len(known),
        known_correct=accepted(known[correct]) / len(known),
    )


def _upper_bound(accepted: int, count: int) -> float:
    """Share that is not exceeded with 95 % confidence where `accepted` of `count` were accepted.

    Reference:
        Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 1934.
    """
    from scipy.stats import beta

    return float(beta.ppf(0.95, accepted + 1, count - accepted)) if accepted < count else 1.0
