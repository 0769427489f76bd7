"""Photos with who is on them: chosen by person, and put in order by person, decision, date or doubt."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from kerasface.tasks.identification import IdentifiedFace
from kerasface.tasks.sorting.looking import LookedAt


@dataclass(frozen=True, eq=False)
class Answer:
    """One photo and what was decided of its faces.

    Attributes:
        look: The photo.
        faces: A decision for each of its faces, in their order.
    """

    look: LookedAt
    faces: Sequence[IdentifiedFace]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Who is on it, sorted."""
        return tuple(sorted({face.name for face in self.faces if face.name}))

    @property
    def has_unknown(self) -> bool:
        """Whether somebody on it has no name."""
        return any(face.name is None for face in self.faces)

    @property
    def doubt(self) -> float:
        """How near its most doubtful face is to being decided otherwise; infinite without any."""
        known = [face for face in self.faces if face.threshold is not None and face.decision != "low_quality"]
        return min((abs(face.normalized_score - face.threshold) for face in known), default=float("inf"))

    def to_dict(self) -> dict:
        """Returns it as JSON-ready values, as `identify --json` has them."""
        if self.look.problem is not None:
            return {"image": str(self.look.path), "error": self.look.problem}
        faces = [face.to_dict() for face in self.faces]
        return {"image": str(self.look.path), "date": self.look.date, "faces": faces}


def _by_person(answer: Answer) -> tuple:
    return not answer.names, [name.casefold() for name in answer.names], str(answer.look.path)


def _by_decision(answer: Answer) -> tuple:
    order = ("match", "ambiguous", "unknown", "low_quality", "not_calibrated")
    return min((order.index(face.decision) for face in answer.faces), default=len(order)), str(answer.look.path)


def _by_date(answer: Answer) -> tuple:
    return answer.look.date is None, answer.look.date or "", str(answer.look.path)


ORDERS: dict[str, Callable[[Answer], object]] = {
    "Person": _by_person,
    "Decision": _by_decision,
    "Date": _by_date,
    "Doubt": lambda answer: answer.doubt,
}


def choose_answers(
    answers: Sequence[Answer], order: str, people: Collection[str] = (), *, unknown: bool = False
) -> list[Answer]:
    """Returns photos in order.

    Args:
        answers: All of them.
        order: A key of `ORDERS`.
        people: Names; only photos with all of them are returned.
        unknown: Whether only photos with somebody unknown are returned.
    """
    wanted = set(people)
    found = [answer for answer in answers if wanted <= set(answer.names) and (answer.has_unknown or not unknown)]
    return sorted(found, key=ORDERS[order])
