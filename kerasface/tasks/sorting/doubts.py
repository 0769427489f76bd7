"""The faces that are nearest to being decided otherwise: a question each, and the answer corrects more than one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kerasface.gallery.gallery import Gallery
from kerasface.tasks.enrollment import Enroller, Enrolment, SourcePhoto
from kerasface.tasks.identification import IdentifiedFace
from kerasface.tasks.sorting.looking import LookedAt

_DECIDED = ("match", "unknown", "ambiguous")  # a face that is too poor to decide on is too poor to ask about


@dataclass(frozen=True, eq=False)
class Doubt:
    """A question: is this face that person?

    Attributes:
        look: The photo.
        number: Which of its faces, from 0.
        face: What was decided of it.
    """

    look: LookedAt
    number: int
    face: IdentifiedFace

    @property
    def key(self) -> tuple[str, int, str]:
        """The question as a value: photo, face and person."""
        return self.look.source_hash, self.number, self.face.most_alike

    @property
    def distance(self) -> float:
        """How far the face is from being decided otherwise, in units of the normalized score."""
        return abs(self.face.normalized_score - self.face.threshold)


def find_doubts(
    looks: Sequence[LookedAt], decided: Sequence[Sequence[IdentifiedFace]], passed: Collection[tuple] = ()
) -> list[Doubt]:
    """Returns the questions, the most doubtful face first.

    Args:
        looks: Photos.
        decided: For each what `Identifier.decide` said of its faces.
        passed: `key` of questions that are not to be asked: answered, or put off.
    """
    found = [
        Doubt(look, number, face)
        for look, faces in zip(looks, decided, strict=True)
        for number, face in enumerate(faces)
        if face.decision in _DECIDED and face.most_alike is not None and face.threshold is not None
    ]
    asked = set(passed)
    return sorted((doubt for doubt in found if doubt.key not in asked), key=lambda doubt: doubt.distance)


def confirm(doubt: Doubt, enroller: Enroller) -> Enrolment:
    """Says yes: the face becomes a sample of the person, past the gate; the result says if it was refused.

    Raises:
        GalleryError: If the gallery cannot be written.
    """
    face = doubt.look.faces[doubt.number]
    source = SourcePhoto(str(doubt.look.path), doubt.look.source_hash, [face], face=1)
    return enroller.enroll(doubt.face.most_alike, [source])[0]


def deny(doubt: Doubt, gallery: Gallery) -> None:
    """Says no: the face is never given to the person again.

    Raises:
        GalleryError: If the gallery cannot be written.
    """
    person = gallery.person(doubt.face.most_alike)
    gallery.refuse_match(doubt.look.source_hash, doubt.face.face.box, person.person_id)
