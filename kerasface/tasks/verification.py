"""Verification 1:1: do two photos show the same person?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.evaluation.normalization import COSINES, normalized_scores
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import Face, none_stands_out
from kerasface.faces.embedding import cosine_scores
from kerasface.faces.quality import MIN_SIDE
from kerasface.faces.quality import problems as quality_problems
from kerasface.faces.rates.operating_points import NotCalibratedError, OperatingPoint, pair_calibration
from kerasface.faces.rates.own_points import Points
from kerasface.faces.turns import turn_note
from kerasface.models.runtime import device_name
from kerasface.tasks.identification import NOT_CALIBRATED

DEFAULT_FMR = 0.001


@dataclass(frozen=True, eq=False)
class VerifiedFace:
    """One face found in one of the two photos.

    Attributes:
        image: Name of the photo.
        number: Its number in this photo, 1 for the largest face, as `kerasface detect` counts.
        face: Where it is.
        crop: Its aligned crop as the embedder wants it, uint8, RGB.
        chosen: Whether this is the face that was compared.
    """

    image: str
    number: int
    face: Face
    crop: np.ndarray
    chosen: bool

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the crop."""
        return {"image": self.image, "number": self.number, **self.face.to_dict(), "chosen": self.chosen}


@dataclass(frozen=True, eq=False)
class Verification:
    """The verdict on two photos, and everything it stands on.

    Attributes:
        decision: `"match"`, `"no_match"` (not shown to be the same person), `"ambiguous"` (a photo has several faces
            and none stands out), `"low_quality"` (a face is too small, or both are blurred, dark or covered),
            `"no_face"`, or `"not_calibrated"` (no error rates were measured for the embedder: there is a score alone).
        reason: The decision in one or two sentences, for people.
        score: Cosine similarity in `[-1, 1]`, `None` where no two faces were compared.
        normalized_score: The same in units of what strangers reach, which decides
            (`kerasface.evaluation.normalization`); `None` likewise.
        threshold: Normalized score from which two faces are called a match; `None` where none was measured.
        fmr: False match rate asked for: the share of pairs of different people that reach the threshold.
        faces: All faces of both photos, largest first in each.
        embedder: Name of the embedder.
        device: Where the networks ran.
        precision: In which precision the embedder ran.
        seconds: Time it took.
        operating_point: What was measured at the threshold, and on what; `None` where nothing was.
        probability: That both show one person, if every second pair asked about does; `None` where there is no score
            or nothing was calibrated.
        calibration: Where that probability comes from, and how far it can be believed; `None` likewise.
    """

    decision: str
    reason: str
    score: float | None
    normalized_score: float | None
    threshold: float | None
    fmr: float
    faces: tuple[VerifiedFace, ...]
    embedder: str
    device: str
    precision: str
    seconds: float
    operating_point: OperatingPoint | None
    probability: float | None = None
    calibration: ScoreCalibration | None = None

    def to_dict(self) -> dict:
        """Returns the verdict as JSON-ready values."""
        return {
            "decision": self.decision,
            "reason": self.reason,
            "score": self.score,
            "normalized_score": self.normalized_score,
            "probability": self.probability,
            "threshold": self.threshold,
            "fmr": self.fmr,
            "calibration": self.calibration and _summary(self.calibration),
            "operating_point": self.operating_point and self.operating_point.to_dict(),
            "faces": [face.to_dict() for face in self.faces],
            "embedder": self.embedder,
            "device": self.device,
            "precision": self.precision,
            "seconds": self.seconds,
        }


def verify(
    image_a: np.ndarray,
    image_b: np.ndarray,
    analyzer: FaceAnalyzer,
    *,
    fmr: float = DEFAULT_FMR,
    names: tuple[str, str] = ("first photo", "second photo"),
    faces: tuple[int | None, int | None] = (None, None),
) -> Verification:
    """Decides whether two photos show the same person.

    In each photo the largest face is compared unless another one is picked; where a second one is at least half as
    large in area and none is picked, the photo is ambiguous and no score is given. Match means
    `normalized_score >= threshold`; at the threshold the false match rate was measured to be no more than `fmr` in
    several populations and no more than twice that in any slice of them. That holds where one face is of low quality,
    but not where both are, as bad photos resemble one another (`benchmarks/RESULTS.md`): then nothing is decided.

    Args:
        image_a: RGB photo `(height, width, 3)` uint8.
        image_b: The other one.
        analyzer: The face front end.
        fmr: False match rate to decide at, a fraction.
        names: What to call the photos.
        faces: The number of the face that is meant in each photo, 1 for its largest, as `kerasface detect` counts.

    Raises:
        ValueError: If no threshold was measured for `fmr`, a photo has no face of the number picked, or another shape
            or dtype.
    """
    started = time.perf_counter()
    points = Points(analyzer.embedder.fingerprint, analyzer.embedder.normalizer or COSINES)
    try:
        point = points.operating_point(fmr)
    except NotCalibratedError:
        point = None
    analyzed = analyzer.analyze([image_a, image_b])
    picked = [picked_face(*some) for some in zip(names, analyzed, faces, strict=True)]
    problems = [problem_with(*some) for some in zip(names, analyzed, faces, strict=True)]
    refusals = [problem for problem in problems if problem and problem[0] != "low_quality"]
    score, normalized, flaws, doubt = None, None, [], ""
    if not refusals:
        flaws = [flaws_of(name, entry) for name, entry in zip(names, picked, strict=True)]
        if all(flaws):
            problems += [("low_quality", sentence) for sentence in flaws]
        embeddings = np.stack([entry.embedding for entry in picked])
        score = float(cosine_scores(embeddings[:1], embeddings[1:])[0, 0])
        statistics = points.normalizer.statistics(embeddings)
        normalized = float(normalized_scores(score, *statistics))
        if (unusual := points.normalizer.is_unusual(statistics)).any():
            doubt = unusual_note([name for name, is_one in zip(names, unusual, strict=True) if is_one])
        doubt += points.basis_doubt(picked[0].detector)
    standing = [problem for problem in problems if problem]
    decision, reason = _decide(point, score, normalized, points, standing, "".join(flaws))
    calibration = pair_calibration(analyzer.embedder.fingerprint) if score is not None else None
    turns = "".join(
        f" {name} was {turn_note(entries[0].face.turned)}."
        for name, entries in zip(names, analyzed, strict=True)
        if entries and entries[0].face.turned
    )
    return Verification(
        decision=decision,
        reason=reason + doubt + turns,
        score=score,
        normalized_score=normalized,
        threshold=point and point.threshold,
        fmr=fmr,
        faces=tuple(
            VerifiedFace(name, number, entry.face, entry.crop, chosen=entry is chosen and score is not None)
            for name, entries, chosen in zip(names, analyzed, picked, strict=True)
            for number, entry in enumerate(entries, start=1)
        ),
        embedder=analyzer.embedder.name,
        device=device_name(),
        precision=analyzer.embedder.precision,
        seconds=time.perf_counter() - started,
        operating_point=point,
        probability=calibration and float(calibration.probability(normalized)),
        calibration=calibration,
    )


def unusual_note(names: Sequence[str]) -> str:
    """Says of photos that their faces are outside what error rates were measured on; begins with a space."""
    whose = f"The face in {names[0]} is" if len(names) == 1 else "Both faces are"
    return f" {whose} unlike those that the error rates were measured on: how often a stranger matches is not known."


def picked_face(name: str, faces: list[AnalyzedFace], number: int | None) -> AnalyzedFace | None:
    """Returns the face that is meant: the largest where no number is given; `None` where there is no face."""
    if not faces:
        return None
    if number is not None and not 1 <= number <= len(faces):
        shown = "1 face" if len(faces) == 1 else f"{len(faces)} faces, numbered from 1, the largest"
        raise ValueError(f"{name} shows {shown}. Received: face {number}.")
    return faces[(number or 1) - 1]


def problem_with(name: str, faces: list[AnalyzedFace], number: int | None) -> tuple[str, str] | None:
    """Returns why this photo cannot be decided on, as decision and sentence; `None` if it can."""
    if not faces:
        return "no_face", f"No face was found in {name}."
    if number is None and none_stands_out([entry.face for entry in faces]):
        places = " and ".join(f"face {index}, {_place(entry.face)}" for index, entry in enumerate(faces[:2], start=1))
        return "ambiguous", f"{name} shows {len(faces)} faces and none stands out ({places}); pick one by its number."
    face = picked_face(name, faces, number).face
    if min(face.box[2:]) < MIN_SIDE:
        return (
            "low_quality",
            f"The face in {name} is too small ({_place(face)}); at least {MIN_SIDE:.0f} pixels are needed.",
        )
    return None


def flaws_of(name: str, entry: AnalyzedFace) -> str:
    """Returns what is wrong with a face beside its size, in a sentence; empty where nothing is."""
    told = " ".join(sentence for measure, sentence in quality_problems(entry.quality) if measure != "side")
    return f"{name}: {told}" if told else ""


def _decide(
    point: OperatingPoint | None, score, normalized, points: Points, problems: list[tuple[str, str]], flaws: str
) -> tuple[str, str]:
    # The graver problem names the decision; all of them are said.
    gravity = ("no_face", "ambiguous", "low_quality")
    if problems:
        decision = min((kind for kind, _ in problems), key=gravity.index)
        return decision, " ".join(sentence for _, sentence in problems)
    if point is None:
        return "not_calibrated", f"The cosine of the faces is {score:.3f}; {NOT_CALIBRATED}"
    numbers = f"{points.score_text(score, normalized, point.threshold)}."
    if normalized >= point.threshold:
        return "match", f"The faces match: {numbers}"
    told = f" That makes it likelier that one person is not recognised: {flaws}" if flaws else ""
    return "no_match", f"The faces were not found to match: {numbers}{told}"


def _summary(calibration: ScoreCalibration) -> dict:
    """What one must know to believe a probability, without the curve itself."""
    keys = ("method", "prior", "ece", "ece_low", "ece_high", "num_genuine", "num_impostor", "data", "date")
    return {key: getattr(calibration, key) for key in keys}


def _place(face: Face) -> str:
    x, y, width, height = face.box
    return f"{width:.0f} x {height:.0f} pixels at {x:.0f}, {y:.0f}"
