"""Enrolment: photos of people into a gallery, past a gate that refuses what would do harm there."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.arrays import described
from kerasface.data.cache.images import content_keys
from kerasface.data.photos import Photo, read_photos
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import none_stands_out
from kerasface.faces.quality import problems
from kerasface.faces.rates.operating_points import NotCalibratedError
from kerasface.gallery.checks import checked_name
from kerasface.gallery.store import Consent, NewSample, NoSuchPersonError
from kerasface.tasks.identification import Identifier, check_embedder
from kerasface.tasks.thumbnails import picture_of_face

Progress = Callable[[int, int], None]

# What a user may let pass all the same.
OVERRIDES = ("several_faces", "low_quality", "duplicate", "conflict")
# How the sentence on a photo of several faces ends, which the dashboard, where one clicks, leaves out.
CHOOSE_ONE = "; choose one by its number, from 1 for the largest."
# Two faces of one file that are more alike than this are one face.
_SAME_FACE = 0.99
# A new photo that reaches this false positive rate for somebody else is a conflict; two photos of one batch, this rate.
CONFLICT_FPIR = 0.003
_CONFLICT_FMR = 0.0001


@dataclass(frozen=True, eq=False)
class SourcePhoto:
    """A photo to enrol, with the faces that were found in it.

    Attributes:
        source: Where it comes from, such as its path.
        source_hash: SHA-256 of its file, hexadecimal.
        faces: Its faces, largest first, as `FaceAnalyzer.analyze` gives them.
        face: Number of the face that is meant, 1 the largest, as `FaceDetector.detect` orders them; the largest one if
            not given, which is refused where none stands out.
    """

    source: str
    source_hash: str
    faces: Sequence[AnalyzedFace]
    face: int | None = None


@dataclass(frozen=True, eq=False)
class FaceOf:
    """One face of a photo file to enrol.

    Attributes:
        path: The file.
        face: The face's number, 1 the largest.
        embedding: What it was when it was chosen, `(embedding_dim,)`: another one means that the file was changed.
    """

    path: Path
    face: int
    embedding: np.ndarray | None = None


@dataclass(frozen=True)
class Enrolment:
    """What became of one photo.

    Attributes:
        name: The person it was to be enrolled as.
        source: The photo.
        refused: Why it was refused: `"unreadable"`, `"no_face"`, `"changed"` (since its face was chosen), `"person"`
            (it is no name, or the consent has ended) or one of `OVERRIDES`; `None` where it was enrolled.
        reason: The same as a sentence that says what to do; what was overridden, where it was enrolled all the same.
        quality: What was measured of the face; empty where there is none.
        turned: By how many degrees, clockwise, the photo was turned until the face stood upright.
    """

    name: str
    source: str
    refused: str | None
    reason: str
    quality: dict[str, float]
    turned: int = 0

    def to_dict(self) -> dict:
        """Returns the result as JSON-ready values."""
        return {
            "name": self.name,
            "image": self.source,
            "enrolled": self.refused is None,
            "refused": self.refused,
            "reason": self.reason,
            "quality": self.quality,
            "turned": self.turned,
        }


class Enroller:
    """Enrols photos in the gallery of an identifier.

    Args:
        identifier: Searches the gallery for people who look like the new ones; at `CONFLICT_FPIR`.
        allow: Of `OVERRIDES`, what is enrolled all the same.

    Raises:
        ValueError: If `allow` names something else.
    """

    def __init__(self, identifier: Identifier, *, allow: Collection[str] = ()):
        if unknown := set(allow) - set(OVERRIDES):
            raise ValueError(f"allow may hold {', '.join(OVERRIDES)}. Received: {', '.join(sorted(unknown))}.")
        self.identifier = identifier
        self.gallery = identifier.gallery
        self.allow = frozenset(allow)

    def enroll(self, name: str, photos: Sequence[SourcePhoto], *, consent: Consent | None = None) -> list[Enrolment]:
        """Enrols photos of one person, new or known; all that pass the gate together, or none.

        Args:
            name: The person.
            photos: One is enough.
            consent: What the person agreed to, if that is to be recorded.

        Raises:
            ValueError: If `photos` are no sequence of `SourcePhoto`, or their faces are of another embedder.
            GalleryError: If the gallery cannot be written.
        """
        pending: list[tuple[str, NewSample]] = []
        results = self._judge_all(name, photos, pending)
        self._keep(pending, consent)
        return results

    def enroll_people(
        self, people: Mapping[str, Sequence[SourcePhoto]], *, consent: Consent | None = None
    ) -> list[Enrolment]:
        """Enrols photos of many people, one person after the other; whoever may not be added keeps nobody else out.

        Args:
            people: Names to photos, each as `enroll` takes it.
            consent: What all of them agreed to, if that is to be recorded.

        Raises:
            ValueError: As `enroll` does.
            GalleryError: If the gallery cannot be written.
        """
        results: list[Enrolment] = []
        for name, photos in people.items():
            if barred := self._barred(name, consent):
                results += [Enrolment(name, one.source, "person", f"{one.source}: {barred}", {}) for one in photos]
            else:
                results += self.enroll(name, photos, consent=consent)
        return results

    def judge(self, name: str, photos: Sequence[SourcePhoto]) -> list[Enrolment]:
        """Says what would become of photos, as `enroll` does; nothing is written, and no lock is taken.

        Raises:
            ValueError: As `enroll` does.
        """
        return self._judge_all(name, photos, [])

    def enroll_files(
        self,
        people: Mapping[str, Sequence[Path | FaceOf]],
        analyzer: FaceAnalyzer,
        *,
        consent: Consent | None = None,
        together: bool = False,
        root: Path | None = None,
        on_progress: Progress | None = None,
    ) -> list[Enrolment]:
        """Enrols the photo files of many people; each person is enrolled with all photos that pass, or not at all.

        Args:
            people: Names to files, or to certain faces in files.
            analyzer: The face front end.
            consent: What all of them agreed to, if that is to be recorded.
            together: Whether all people are enrolled in the end, at once. If not, each is as soon as its photos have
                been looked at, and what is done is kept if it is interrupted.
            root: A folder that holds the files; given, they are named from there on, as of an unpacked archive.
            on_progress: Called with the number of photos done and their total.
        """
        report = on_progress or (lambda done, total: None)
        wanted = [
            (name, photo if isinstance(photo, FaceOf) else FaceOf(photo, 0))
            for name, photos in people.items()
            for photo in photos
        ]
        barred = {name: self._barred(name, consent) for name in people}
        results: list[Enrolment] = []
        pending: list[tuple[str, NewSample]] = []
        report(0, len(wanted))
        for batch in read_photos([entry.path for _, entry in wanted]):
            part = wanted[len(results) : len(results) + len(batch)]
            results += self._judge_batch(part, batch, analyzer, barred, pending, root)
            if not together:
                unfinished = wanted[len(results)][0] if len(results) < len(wanted) else None
                self._keep([entry for entry in pending if entry[0] != unfinished], consent)
                pending = [entry for entry in pending if entry[0] == unfinished]
            report(len(results), len(wanted))
        self._keep(pending, consent)
        return results

    def _judge_all(
        self, name: str, photos: Sequence[SourcePhoto], pending: list[tuple[str, NewSample]]
    ) -> list[Enrolment]:
        if isinstance(photos, str | bytes) or not all(isinstance(photo, SourcePhoto) for photo in photos):
            raise ValueError(
                f"Photos to enroll come as a list of SourcePhoto. Received: photos={described(photos)}. "
                "`enroll_files` takes paths."
            )
        check_embedder(self.gallery, [photo.faces for photo in photos])
        self.identifier.refresh()
        return [self._judge(name, photo, pending) for photo in photos]

    def _judge_batch(
        self,
        wanted: Sequence[tuple[str, FaceOf]],
        batch: Sequence[Photo],
        analyzer: FaceAnalyzer,
        barred: Mapping[str, str | None],
        pending: list[tuple[str, NewSample]],
        root: Path | None,
    ) -> list[Enrolment]:
        """Judges photo files; samples that pass are added to `pending`."""
        self.identifier.refresh()
        readable = [photo for photo in batch if photo.image is not None]
        analyzed = analyzer.analyze([photo.image for photo in readable])
        check_embedder(self.gallery, analyzed)
        found = iter(analyzed)
        hashes = iter(content_keys([photo.path for photo in readable])[0])
        results = []
        for (name, chosen), photo in zip(wanted, batch, strict=True):
            source = str(photo.path.relative_to(root) if root else photo.path)
            if photo.image is None:
                problem = str(photo.problem).replace(str(photo.path), source)
                results.append(Enrolment(name, source, "unreadable", problem, {}))
                continue
            entry = SourcePhoto(source, next(hashes), next(found), chosen.face or None)
            if barred[name]:
                results.append(Enrolment(name, source, "person", f"{source}: {barred[name]}", {}))
            else:
                results.append(self._judge(name, entry, pending, chosen.embedding))
        return results

    def _keep(self, pending: Sequence[tuple[str, NewSample]], consent: Consent | None) -> None:
        """Enrols what has passed, all of it or nothing."""
        with self.gallery.transaction():
            for name in dict.fromkeys(name for name, _ in pending):
                samples = [sample for whose, sample in pending if whose == name]
                self.gallery.enroll(name, samples, consent=consent)

    def _barred(self, name: str, consent: Consent | None) -> str | None:
        """Why nobody can be enrolled under this name, or `None`."""
        try:
            person = self.gallery.person(checked_name(name))
        except NoSuchPersonError:
            return None
        except ValueError as error:
            return str(error)
        if person.is_searched or consent is not None:
            return None
        if person.is_altered:
            return f"{person.name} was altered without the key: record the consent anew before anything is added."
        return f"The consent of {person.name} has ended: nobody is enrolled without a new one."

    def _judge(
        self,
        name: str,
        photo: SourcePhoto,
        pending: list[tuple[str, NewSample]],
        expected: np.ndarray | None = None,
    ) -> Enrolment:
        """Says what becomes of a photo; a sample that passes is added to `pending`."""
        faces, number = photo.faces, photo.face or 1
        if len(faces) < number:
            reason = "no face was found. Give a photo that shows the face larger and from the front."
            if photo.face is not None and faces:
                reason = f"it has no face {number}: they are numbered from 1, the largest, to {len(faces)}."
            return Enrolment(name, photo.source, "no_face", f"{photo.source}: {reason}", {})
        chosen = faces[number - 1]
        if expected is not None and float(expected @ chosen.embedding) < _SAME_FACE:
            reason = f"{photo.source}: face {number} is another one than was chosen; the file has been changed since."
            return Enrolment(name, photo.source, "changed", reason, {})
        rivals = () if photo.face is not None else faces
        found = dict(self._objections(name, photo, chosen, rivals, pending))
        quality = chosen.quality.to_dict()
        standing = [kind for kind in found if kind not in self.allow]
        refused = standing[0] if standing else None
        said = " ".join(found[kind] for kind in (standing or found))
        if refused is None:
            place, picture = chosen.face.to_dict(), None
            if self.gallery.keeps_thumbnails:
                picture = picture_of_face(chosen, photo.source, photo.source_hash)
            sample = NewSample(
                chosen.embedding, photo.source, photo.source_hash, quality, face=place, thumbnail=picture
            )
            pending.append((name, sample))
        reason, turned = f"{photo.source}: {said}" if said else "", chosen.face.turned
        return Enrolment(name, photo.source, refused, reason, quality, turned)

    def _objections(self, name, photo, chosen, rivals, pending) -> Iterator[tuple[str, str]]:
        """Gives what speaks against enrolling a face of a photo, as kind and sentence."""
        if none_stands_out([entry.face for entry in rivals]):
            yield "several_faces", f"It shows {len(rivals)} faces and none stands out{CHOOSE_ONE}"
        if flaws := problems(chosen.quality):
            yield "low_quality", " ".join(sentence for _, sentence in flaws)
        if (whose := self._owner_of(photo.source_hash, chosen.embedding, pending)) is not None:
            yield "duplicate", f"The same file is enrolled already, as {whose}."
        if (whose := self._look_alike(name, chosen.embedding, pending)) is not None:
            yield "conflict", f"This looks like {whose}, who is enrolled. Enrol it as {whose}, or merge the two."

    def _owner_of(self, source_hash: str, embedding: np.ndarray, pending) -> str | None:
        """Returns whose sample this face of this file is already; other faces of the file may be of others."""
        for name, sample in pending:
            if sample.source_hash == source_hash and float(sample.embedding @ embedding) >= _SAME_FACE:
                return name
        for known in self.gallery.find_source(source_hash):
            rows = [sample.sample_id for sample in self.gallery.samples(known.person_id)]
            template = self.gallery.embeddings(known.person_id)[rows.index(known.sample_id)]
            if float(template @ embedding) >= _SAME_FACE:
                return self.gallery.person(known.person_id).name
        return None

    def _look_alike(self, name: str, embedding: np.ndarray, pending) -> str | None:
        """Returns somebody else whom the face would be taken for, rather than for the person of this name."""
        pairs = self._scores(embedding, [sample.embedding for _, sample in pending])
        others = [(score, whose) for score, (whose, _) in zip(pairs, pending, strict=True) if whose != name]
        own = max((score for score, (whose, _) in zip(pairs, pending, strict=True) if whose == name), default=-np.inf)
        own_id = self._id_of(name)
        if self.identifier.num_people:
            candidates = self.identifier.search(embedding[None])[0]
            if own_id is not None:
                own = max([own, *self._scores(embedding, self.gallery.embeddings(own_id))])
            best = self.identifier.rank(embedding, candidates, {own_id} if own_id else ())
            if best is not None and best.is_known and best.normalized > own:
                return self.gallery.person(best.person_id).name
        score, whose = max(others, default=(-np.inf, ""))
        try:
            threshold = self.identifier.points.operating_point(_CONFLICT_FMR).threshold
        except NotCalibratedError:  # nobody can tell who looks like whom
            return None
        return whose if score >= threshold and score > own else None

    def _scores(self, embedding: np.ndarray, others: Sequence[np.ndarray]) -> list[float]:
        """Normalized scores of a face with others."""
        if not len(others):
            return []
        return self.identifier.points.normalizer.scores(embedding[None], np.stack(list(others)))[0].tolist()

    def _id_of(self, name: str) -> str | None:
        try:
            return self.gallery.person(name).person_id
        except NoSuchPersonError:
            return None
