"""Identification 1:N: who of a gallery is in these photos, and who is nobody it knows?"""

import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kerasface.arrays import described
from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.evaluation.names import as_name
from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.quality import FaceQuality, problems
from kerasface.faces.rates.operating_points import NotCalibratedError, SearchPoint, search_calibration
from kerasface.faces.rates.own_points import Points, points_of
from kerasface.faces.windows import shared_part
from kerasface.gallery.assignment import assign
from kerasface.gallery.search import Candidate, SearchIndex
from kerasface.gallery.store import Refusal
from kerasface.plotting.style import percent

if TYPE_CHECKING:
    from kerasface.gallery.gallery import Gallery

DEFAULT_FPIR = 0.01
# Two people nearer to a face than this, in cosine, leave open which one it is; benchmarks/open_set_lfw.py counts how
# many right and wrong answers fall below.
AMBIGUOUS_MARGIN = 0.01
_CANDIDATES = 5
NOT_CALIBRATED = (
    "no error rates were measured for this embedder, so nothing is decided: "
    "`kerasface embedders calibrate` measures them."
)


@dataclass(frozen=True, eq=False)
class IdentifiedFace:
    """One face of a photo and what the gallery says to it.

    Attributes:
        face: Where it is.
        crop: Its aligned crop as the embedder wants it, uint8, RGB; `None` of a photo that was looked at before.
        decision: `"match"`, `"unknown"`, `"ambiguous"` (two people are about as alike), `"low_quality"`, or
            `"not_calibrated"` (no error rates were measured for the embedder: there are scores and ranks, no decision).
        reason: The decision in a sentence, for people.
        person_id: Who it is; `None` unless the decision is `"match"`.
        name: That person's name.
        most_alike: Name of the person whom the face is most alike, whatever the decision; it is this person whom score,
            threshold and probability are about. `None` where the gallery is empty.
        score: Cosine similarity in `[-1, 1]` to the most alike person; `None` where the gallery is empty.
        normalized_score: The same in units of what strangers reach, which decides
            (`kerasface.evaluation.normalization`); `None` likewise.
        threshold: Normalized score that has to be reached. It rises with the number of people enrolled.
        probability: That the face is the most alike person's, calibrated, if every second face is of somebody in the
            gallery; `None` where it is not known.
        candidates: Pairs of (name, score) of the people most alike, best first.
        quality: What was measured of the face; `None` where nothing was, as a trained model decided.
    """

    face: Face
    crop: np.ndarray | None
    decision: str
    reason: str
    person_id: str | None
    name: str | None
    most_alike: str | None
    score: float | None
    normalized_score: float | None
    threshold: float | None
    probability: float | None
    candidates: tuple[tuple[str, float], ...]
    quality: FaceQuality | None

    @property
    def probability_text(self) -> str:
        """Whose probability it is, in words, such as `0.1 % that this is Ada`; empty where nobody is enrolled."""
        if self.most_alike is None or self.threshold is None:
            return ""
        if self.probability is None:
            return f"how probable it is that this is {self.most_alike} was not measured for a gallery of one person"
        return f"{percent(self.probability)} that this is {self.most_alike}"

    def to_dict(self) -> dict:
        """Returns the face as JSON-ready values, without the crop."""
        return {
            **self.face.to_dict(),
            "decision": self.decision,
            "reason": self.reason,
            "name": self.name,
            "person_id": self.person_id,
            "most_alike": self.most_alike,
            "score": self.score,
            "normalized_score": self.normalized_score,
            "threshold": self.threshold,
            "probability": self.probability,
            "probability_text": self.probability_text,
            "candidates": [{"name": name, "score": score} for name, score in self.candidates],
            "quality": self.quality and self.quality.to_dict(),
        }


@dataclass(frozen=True)
class Ranked:
    """Who comes first for a face.

    Attributes:
        person_id: The person.
        score: Cosine similarity to this person's best sample.
        normalized: The normalized score, by which people are ordered.
        threshold: What `normalized` has to reach; `None` where no error rates were measured for the embedder.
        is_unusual: Whether the face is unlike those that the error rates were measured on.
        margin: By how much `score` exceeds the best other person's; negative where normalizing changed the order.
    """

    person_id: str
    score: float
    normalized: float
    threshold: float | None
    is_unusual: bool
    margin: float

    @property
    def is_known(self) -> bool:
        """Whether the face is this person's, as far as that can be decided."""
        return self.threshold is not None and self.normalized >= self.threshold


class Identifier:
    """Searches a gallery for the faces of photos, and follows its changes, also those of other processes.

    Args:
        gallery: An open gallery.
        fpir: False positive identification rate to decide at: the share of strangers who may be taken for somebody.

    Attributes:
        points: What puts scores in units of what strangers reach, and the thresholds, as of the last search.

    Raises:
        ValueError: If nothing was measured for `fpir`.
    """

    def __init__(self, gallery: "Gallery", *, fpir: float = DEFAULT_FPIR):
        self.gallery = gallery
        self.fpir = fpir
        self.points: Points = points_of(gallery)
        with suppress(NotCalibratedError):
            self.points.search_point(fpir, 2)  # refuses a rate that was not measured, before any work
        self.calibration: ScoreCalibration | None = search_calibration(gallery.embedder)
        self._index = SearchIndex(gallery.embedding_dim)
        self._names: dict[str, str] = {}
        self._points_at: dict[float, SearchPoint | None] = {}
        self._statistics: dict[str, np.ndarray] = {}  # of each person's templates, as far as they were needed
        self._refusals: dict[str, list[Refusal]] = {}  # of each photo, by its hash
        self._version: int | None = None
        self._valid_until: float | None = None

    def operating_point(self) -> SearchPoint | None:
        """Returns threshold and error rates for the gallery as it is now.

        Returns:
            `None` while it is empty, and where none were measured for its embedder.
        """
        self.refresh()
        return self._point()

    @property
    def num_people(self) -> int:
        """People with templates, as of the last search."""
        return self._index.num_people

    def refresh(self) -> None:
        """Takes over what changed in the gallery since the last search."""
        expired = self._valid_until is not None and time.time() >= self._valid_until
        if self.gallery.version == self._version and not expired:
            return
        with self.gallery.snapshot():
            changed = self.gallery.templates(since=self._version)
            refusals, self.points = self.gallery.refusals(), points_of(self.gallery)
        if self._version is None:
            self._index = SearchIndex.from_templates(changed.embeddings, changed.sample_ids, changed.person_ids)
        else:
            self._index.remove(np.concatenate([changed.removed, changed.sample_ids]))
            self._index.add(changed.embeddings, changed.sample_ids, changed.person_ids)
        self._version, self._valid_until = changed.version, changed.valid_until
        self._statistics, self._points_at = {}, {}
        self._names = changed.names
        self._refusals = {}
        for refusal in refusals:
            self._refusals.setdefault(refusal.source_hash, []).append(refusal)

    def decide(
        self, photos: Sequence[Sequence[AnalyzedFace]], *, source_hashes: Sequence[str] | None = None
    ) -> list[list[IdentifiedFace]]:
        """Decides on every face of every photo; in one photo nobody is found twice.

        Args:
            photos: For each photo its faces, as `FaceAnalyzer.analyze` gives them.
            source_hashes: SHA-256 of each photo's file, by which "not this person" is remembered.

        Returns:
            For each photo a decision per face, in the same order; an empty list where there is no face.

        Raises:
            ValueError: If the faces were embedded by another embedder than the gallery's.
        """
        check_embedder(self.gallery, photos)
        self.refresh()
        hashes = source_hashes or [None] * len(photos)
        if not any(photos):
            return [[] for _ in photos]
        embeddings = np.stack([entry.embedding for faces in photos for entry in faces])
        # Of all faces at once: one by one, statistics take ten times as long.
        found = zip(self.search(embeddings), self._statistics_of(embeddings), strict=True)
        return [
            self._decide(faces, [next(found) for _ in faces], self._refused(source_hash, faces)) if faces else []
            for faces, source_hash in zip(photos, hashes, strict=True)
        ]

    def name_of(self, person_id: str) -> str:
        """Returns a person's name, as of the last search."""
        return self._names[person_id]

    def search(self, embeddings: np.ndarray) -> list[list[Candidate]]:
        """Returns the people most alike to each embedding `(n, embedding_dim)`, best first."""
        return self._index.search(embeddings, top=_CANDIDATES)

    def rank(
        self,
        embedding: np.ndarray,
        candidates: Sequence[Candidate],
        refused: Collection[str] = (),
        own: np.ndarray | None = None,
    ) -> Ranked | None:
        """Returns the candidate with the highest normalized score, with what it has to reach.

        Args:
            embedding: The face's, `(embedding_dim,)`.
            candidates: What `search` found for it.
            refused: People whom this face must not be given.
            own: The face's `statistics` of the points' normalizer, `(1, 2)`, where they are known.
        """
        allowed = np.array([candidate.person_id not in refused for candidate in candidates], dtype=bool)
        if not allowed.any():
            return None
        point = self._point()
        scores = np.array([candidate.score for candidate in candidates])
        own = self._statistics_of(embedding[None])[0] if own is None else own
        normalized = self._normalized(embedding, own, [candidate.person_id for candidate in candidates])
        best = int(np.where(allowed, normalized, -np.inf).argmax())
        others = np.delete(scores, best)
        return Ranked(
            person_id=candidates[best].person_id,
            score=float(scores[best]),
            normalized=float(normalized[best]),
            threshold=point and point.threshold,
            is_unusual=bool(self.points.normalizer.is_unusual(own)[0]),
            margin=float(scores[best] - others.max()) if len(others) else np.inf,
        )

    def _point(self) -> SearchPoint | None:
        return self._point_at(self.fpir) if self.num_people else None

    def _point_at(self, fpir: float) -> SearchPoint | None:
        """The point of a rate for as many people as there are, worked out once."""
        if fpir not in self._points_at:
            self._points_at[fpir] = None
            with suppress(NotCalibratedError):
                self._points_at[fpir] = self.points.search_point(fpir, self.num_people)
        return self._points_at[fpir]

    def _statistics_of(self, embeddings: np.ndarray) -> np.ndarray:
        """Statistics of faces, `(n, 1, 2)`."""
        return self.points.normalizer.statistics(embeddings)[:, None]

    def _normalized(self, embedding: np.ndarray, own: np.ndarray, person_ids: Sequence[str]) -> np.ndarray:
        """The normalized score of a face, with its statistics, to each person: that of the best template."""
        best = []
        for person_id in person_ids:
            templates = self._index.templates_of(person_id)
            if person_id not in self._statistics:
                self._statistics[person_id] = self.points.normalizer.statistics(templates)
            best.append(normalized_scores(templates @ embedding, own, self._statistics[person_id]).max())
        return np.array(best)

    def _refused(self, source_hash: str | None, faces: list[AnalyzedFace]) -> list[set[str]]:
        refusals = self._refusals.get(source_hash, ())
        return [{refusal.person_id for refusal in refusals if _is_face_of(refusal, entry.face)} for entry in faces]

    def _decide(
        self,
        faces: Sequence[AnalyzedFace],
        searched: Sequence[tuple[list[Candidate], np.ndarray]],
        refused: list[set[str]],
    ) -> list[IdentifiedFace]:
        """Decides on the faces of one photo, each with the candidates and the statistics that were found for it."""
        found = [candidates for candidates, _ in searched]
        ranked = [
            self.rank(entry.embedding, candidates, names, own)
            for entry, (candidates, own), names in zip(faces, searched, refused, strict=True)
        ]
        flaws = [problems(entry.quality) for entry in faces]
        accepted = {
            index: entry
            for index, entry in enumerate(ranked)
            if entry is not None and not flaws[index] and entry.is_known
        }
        surplus = [
            {accepted[index].person_id: accepted[index].normalized - accepted[index].threshold}
            if index in accepted
            else {}
            for index in range(len(faces))
        ]
        given = assign(surplus, threshold=0.0)
        return [
            self._row(entry, flaw, candidates, best, taken=index in accepted and given[index] is None)
            for index, (entry, flaw, candidates, best) in enumerate(zip(faces, flaws, found, ranked, strict=True))
        ]

    def _row(self, entry: AnalyzedFace, flaws, candidates, best: Ranked | None, *, taken: bool) -> IdentifiedFace:
        decision, reason = self._verdict(flaws, best, taken)
        if best is not None and best.is_unusual:
            reason += " The face is unlike those that the error rates were measured on."
        if best is not None:
            reason += self.points.basis_doubt(entry.detector)
        matched = decision == "match"
        return IdentifiedFace(
            face=entry.face,
            crop=entry.crop,
            decision=decision,
            reason=reason,
            person_id=best.person_id if matched else None,
            name=self._names[best.person_id] if matched else None,
            most_alike=self._names[best.person_id] if best else None,
            score=best and best.score,
            normalized_score=best and best.normalized,
            threshold=best and best.threshold,
            probability=self._probability(best),
            candidates=tuple((self._names[candidate.person_id], float(candidate.score)) for candidate in candidates),
            quality=entry.quality,
        )

    def _verdict(self, flaws, best: Ranked | None, taken: bool) -> tuple[str, str]:
        if best is None:
            return "unknown", "Nobody is enrolled who could be meant."
        if flaws:
            return "low_quality", " ".join(sentence for _, sentence in flaws)
        name = as_name(self._names[best.person_id])
        if best.threshold is None:
            return "not_calibrated", f"Most alike is {name}, with a cosine of {best.score:.3f}; {NOT_CALIBRATED}"
        numbers = best.score, best.normalized, best.threshold
        if not best.is_known:
            return "unknown", f"Most alike is {name}: {self.points.score_text(*numbers, 'would be needed')}."
        if taken:
            return "unknown", f"Most alike is {name}, whom another face of this photo is more alike."
        if best.margin < AMBIGUOUS_MARGIN and self.num_people > 1:
            return (
                "ambiguous",
                f"{name} and another person are about as alike: their scores are {abs(best.margin):.3f} apart.",
            )
        return "match", f"{name}: {self.points.score_text(*numbers)}."

    def _probability(self, best: Ranked | None) -> float | None:
        if best is None or self.calibration is None or best.threshold is None or self.num_people < 2:
            return None
        return float(self.calibration.probability(best.normalized - self._point_at(DEFAULT_FPIR).threshold))


def check_embedder(gallery: "Gallery", photos: Sequence[Sequence[AnalyzedFace]]) -> None:
    """Refuses faces of another embedder than a gallery's, and what are no faces.

    Raises:
        ValueError: If there is one.
    """
    for faces in photos:
        if not isinstance(faces, Sequence) or not all(isinstance(face, AnalyzedFace) for face in faces):
            raise ValueError(
                f"Of each photo its faces are wanted, a list of AnalyzedFace. Received: {described(faces)}. "
                "FaceAnalyzer.analyze gives them."
            )
    others = {face.embedder for faces in photos for face in faces} - {gallery.embedder}
    if others:
        raise ValueError(
            "Only templates of one embedder can be compared. "
            f"Received: gallery of {gallery.embedder!r}, faces of {sorted(others)[0]!r}."
        )


def _is_face_of(refusal: Refusal, face: Face) -> bool:
    """Whether a refusal was said of this face: the boxes overlap by half of their union; detectors differ a little."""
    return shared_part(refusal.box, face.box) >= 0.5
