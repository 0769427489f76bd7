"""Verification of a claim: is the face in a photo the person of a gallery that it is said to be?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.rates.operating_points import NotCalibratedError, OperatingPoint
from kerasface.faces.rates.own_points import points_of
from kerasface.gallery.store import GalleryError
from kerasface.tasks.identification import NOT_CALIBRATED
from kerasface.tasks.verification import DEFAULT_FMR, flaws_of, picked_face, problem_with, unusual_note

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery


@dataclass(frozen=True)
class Claim:
    """The verdict on a claimed identity, and what it stands on.

    Attributes:
        person: Name of the person.
        decision: As that of `Verification`.
        reason: The decision in one or two sentences, for people.
        score: Largest cosine similarity to the person's samples; `None` where no face was compared.
        normalized_score: Of the sample that is most alike in units of what strangers reach, which decides.
        threshold: What it has to reach; `None` where none was measured.
        fmr: Share of strangers who may pass for the person, however many samples there are.
        num_samples: Samples of the person, each of which is held to its part of that rate.
        box: x, y, width and height of the face in pixels; `None` where there is none.
        operating_point: Threshold and rates that one sample is held to.
    """

    person: str
    decision: str
    reason: str
    score: float | None
    normalized_score: float | None
    threshold: float | None
    fmr: float
    num_samples: int
    box: tuple[float, ...] | None
    operating_point: OperatingPoint | None

    def to_dict(self) -> dict:
        """Returns the verdict as JSON-ready values."""
        point = self.operating_point and self.operating_point.to_dict()
        box = self.box and [float(number) for number in self.box]
        return {**vars(self), "box": box, "operating_point": point}


def verify_claim(
    image: np.ndarray,
    person: str,
    gallery: "Gallery",
    analyzer: FaceAnalyzer,
    *,
    fmr: float = DEFAULT_FMR,
    name: str = "the photo",
    face: int | None = None,
) -> Claim:
    """Decides whether the face in a photo is a person of a gallery, whom alone it is compared with.

    The best of the person's samples counts. Each is held to its part of the false match rate, so that a stranger does
    not pass more often where somebody has many.

    Args:
        image: RGB photo `(height, width, 3)` uint8.
        person: Name or id of the person.
        gallery: An open gallery.
        analyzer: The face front end; its embedder is the gallery's.
        fmr: False match rate, a fraction.
        name: What to call the photo.
        face: The number of the face that is meant, 1 for the largest.

    Raises:
        NoSuchPersonError: If nobody has this name.
        GalleryError: If the person has no samples, or the consent expired, or who was deleted or has withdrawn it may
            have been put back.
        ValueError: If no threshold was measured for the part of the rate, or the photo has no face of the number.
    """
    with gallery.snapshot():
        gallery.refuse_put_back()
        claimed = gallery.person(person)
        templates = gallery.embeddings(claimed.person_id)
    if not claimed.is_searched or not len(templates):
        raise GalleryError(
            f"{claimed.name!r} has no samples, or the consent expired: nothing to compare with. Enrol a photo again."
        )
    points, entries = points_of(gallery), analyzer.analyze([image])[0]
    try:
        point = points.operating_point(fmr / len(templates))
    except NotCalibratedError:
        point = None
    chosen, problem = picked_face(name, entries, face), problem_with(name, entries, face)
    score, normalized, decision, reason = None, None, *(problem or ("", ""))
    if problem is None:
        score, normalized, doubt = _compared(chosen.embedding, templates, points.normalizer, name)
        decision, reason = _decided(claimed.name, score, normalized, point, points)
        flaws = flaws_of(name, chosen)
        if decision == "no_match" and flaws:
            reason += f" That makes it likelier that the person is not recognised: {flaws}"
        reason += doubt + points.basis_doubt(chosen.detector)
    return Claim(
        person=claimed.name,
        decision=decision,
        reason=reason,
        score=score,
        normalized_score=normalized,
        threshold=point and point.threshold,
        fmr=fmr,
        num_samples=len(templates),
        box=chosen and tuple(chosen.face.box),
        operating_point=point,
    )


def _compared(embedding: np.ndarray, templates: np.ndarray, normalizer, name: str) -> tuple[float, float, str]:
    """The best cosine, the best normalized score, and what there is to doubt."""
    own, others = normalizer.statistics(embedding[None]), normalizer.statistics(templates)
    cosines = templates @ embedding
    doubt = unusual_note([name]) if normalizer.is_unusual(own).any() else ""
    return float(cosines.max()), float(normalized_scores(cosines, own[0], others).max()), doubt


def _decided(person: str, score: float, normalized: float, point: OperatingPoint | None, points) -> tuple[str, str]:
    if point is None:
        return "not_calibrated", f"The cosine of the faces is {score:.3f}; {NOT_CALIBRATED}"
    numbers = f"{points.score_text(score, normalized, point.threshold)}."
    if normalized >= point.threshold:
        return "match", f"The face matches {person}: {numbers}"
    return "no_match", f"The face was not found to match {person}: {numbers}"
