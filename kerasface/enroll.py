"""Enrolment: photos of people into a gallery, past a gate that refuses what would do harm there."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.arrays import described
from kerasface.data.image_cache import content_keys
from kerasface.data.photos import Photo, read_photos
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import none_stands_out
from kerasface.faces.operating_points import operating_point
from kerasface.faces.quality import measure_quality, problems
from kerasface.gallery.store import Consent, NewSample, NoSuchPersonError
from kerasface.identify import Identifier

Progress = Callable[[int, int], None]

# What a user may let pass all the same.
OVERRIDES = ("several_faces", "low_quality", "duplicate", "conflict")
# A new photo that reaches this false positive rate for somebody else is a conflict; two photos of one batch, this rate.
CONFLICT_FPIR = 0.003
_CONFLICT_FMR = 0.0001


@dataclass(frozen=True, eq=False)
class SourcePhoto:
    """A decoded photo to enrol.

    Attributes:
        source: Where it comes from, such as its path.
        source_hash: SHA-256 of its file, hexadecimal.
        image: RGB `(height, width, 3)` uint8.
    """

    source: str
    source_hash: str
    image: np.ndarray


@dataclass(frozen=True)
class Enrolment:
    """What became of one photo.

    Attributes:
        name: The person it was to be enrolled as.
        source: The photo.
        refused: Why it was refused: `"unreadable"`, `"no_face"` or one of `OVERRIDES`; `None` where it was enrolled.
        reason: The same as a sentence that says what to do; what was overridden, where it was enrolled all the same.
        quality: What was measured of the face; empty where there is none.
    """

    name: str
    source: str
    refused: str | None
    reason: str
    quality: dict[str, float]

    def to_dict(self) -> dict:
        """Returns the result as JSON-ready values."""
        return {
            "name": self.name,
            "image": self.source,
            "enrolled": self.refused is None,
            "refused": self.refused,
            "reason": self.reason,
            "quality": self.quality,
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
        self._pair_threshold = operating_point(self.gallery.embedder, _CONFLICT_FMR).threshold

    def enroll(self, name: str, photos: Sequence[SourcePhoto], *, consent: Consent | None = None) -> list[Enrolment]:
        """Enrols photos of one person, new or known; all that pass the gate together, or none.

        Args:
            name: The person.
            photos: One is enough.
            consent: What the person agreed to, if that is to be recorded.

        Raises:
            ValueError: If `photos` are no sequence of `SourcePhoto`, or one of their images is none.
            GalleryError: If the gallery cannot be written.
        """
        if isinstance(photos, str | bytes) or not all(isinstance(photo, SourcePhoto) for photo in photos):
            raise ValueError(
                f"Photos to enroll come as a list of SourcePhoto. Received: photos={described(photos)}. "
                "`enroll_files` takes paths."
            )
        analyzed = self.identifier.analyzer.analyze([photo.image for photo in photos])
        return self._enroll_batch(
            [(name, photo, faces) for photo, faces in zip(photos, analyzed, strict=True)], consent
        )

    def enroll_files(
        self,
        people: Mapping[str, Sequence[Path]],
        *,
        consent: Consent | None = None,
        root: Path | None = None,
        on_progress: Progress | None = None,
    ) -> list[Enrolment]:
        """Enrols the photo files of many people; what is done is kept if it is interrupted.

        Args:
            people: Names to files.
            consent: What all of them agreed to, if that is to be recorded.
            root: A folder that holds the files; given, they are named from there on, as of an unpacked archive.
            on_progress: Called with the number of photos done and their total.
        """
        report = on_progress or (lambda done, total: None)
        names = [name for name, files in people.items() for _ in files]
        results: list[Enrolment] = []
        report(0, len(names))
        for batch in read_photos([path for files in people.values() for path in files]):
            results += self._enroll_photos(names[len(results) : len(results) + len(batch)], batch, consent, root)
            report(len(results), len(names))
        return results

    def _enroll_photos(self, names: Sequence[str], batch: Sequence[Photo], consent, root) -> list[Enrolment]:
        sources = [str(photo.path.relative_to(root) if root else photo.path) for photo in batch]
        whose = zip(names, batch, sources, strict=True)
        readable = [(name, photo, source) for name, photo, source in whose if photo.image is not None]
        analyzed = self.identifier.analyzer.analyze([photo.image for _, photo, _ in readable])
        hashes, _ = content_keys([photo.path for _, photo, _ in readable])
        entries = [
            (name, SourcePhoto(source, source_hash, photo.image), faces)
            for (name, photo, source), source_hash, faces in zip(readable, hashes, analyzed, strict=True)
        ]
        done = iter(self._enroll_batch(entries, consent))
        return [
            next(done)
            if photo.image is not None
            else Enrolment(name, source, "unreadable", str(photo.problem).replace(str(photo.path), source), {})
            for name, photo, source in zip(names, batch, sources, strict=True)
        ]

    def _enroll_batch(self, entries: Sequence[tuple[str, SourcePhoto, list]], consent) -> list[Enrolment]:
        self.identifier.refresh()
        results, pending = [], []
        for name, photo, faces in entries:
            result = self._judge(name, photo, faces, pending)
            results.append(result)
            if result.refused is None:
                sample = NewSample(faces[0].embedding, photo.source, photo.source_hash, result.quality)
                pending.append((name, sample))
        with self.gallery.transaction():
            for name in dict.fromkeys(name for name, _ in pending):
                samples = [sample for whose, sample in pending if whose == name]
                self.gallery.enroll(name, samples, consent=consent)
        return results

    def _judge(self, name: str, photo: SourcePhoto, faces: list[AnalyzedFace], pending: list) -> Enrolment:
        if not faces:
            reason = f"{photo.source}: no face was found. Give a photo that shows the face larger and from the front."
            return Enrolment(name, photo.source, "no_face", reason, {})
        quality = measure_quality(faces[0].face, faces[0].crop)
        found = dict(self._objections(name, photo, faces, quality, pending))
        standing = [kind for kind in found if kind not in self.allow]
        refused = standing[0] if standing else None
        said = " ".join(found[kind] for kind in (standing or found))
        return Enrolment(name, photo.source, refused, f"{photo.source}: {said}" if said else "", quality.to_dict())

    def _objections(self, name, photo, faces, quality, pending) -> Iterator[tuple[str, str]]:
        """Gives what speaks against enrolling the largest face of a photo, as kind and sentence."""
        if none_stands_out([entry.face for entry in faces]):
            yield "several_faces", f"It shows {len(faces)} faces and none stands out; cut it to the one you mean."
        if flaws := problems(quality):
            yield "low_quality", " ".join(sentence for _, sentence in flaws)
        if (whose := self._owner_of(photo.source_hash, pending)) is not None:
            yield "duplicate", f"The same file is enrolled already, as {whose}."
        if (whose := self._look_alike(name, faces[0].embedding, pending)) is not None:
            yield "conflict", f"This looks like {whose}, who is enrolled. Enrol it as {whose}, or merge the two."

    def _owner_of(self, source_hash: str, pending) -> str | None:
        for name, sample in pending:
            if sample.source_hash == source_hash:
                return name
        known = self.gallery.find_source(source_hash)
        return self.gallery.person(known[0].person_id).name if known else None

    def _look_alike(self, name: str, embedding: np.ndarray, pending) -> str | None:
        """Returns somebody else whom the face would be taken for, rather than for the person of this name."""
        others = [(float(embedding @ sample.embedding), whose) for whose, sample in pending if whose != name]
        own = max((float(embedding @ sample.embedding) for whose, sample in pending if whose == name), default=-1.0)
        own_id = self._id_of(name)
        if self.identifier.num_people:
            candidates = self.identifier.search(embedding[None])[0]
            own = max([own, *(found.score for found in candidates if found.person_id == own_id)])
            best = self.identifier.rank(candidates, {own_id} if own_id else ())
            if best is not None and best.score >= best.threshold and best.score > own:
                return self.gallery.person(best.person_id).name
        score, whose = max(others, default=(-1.0, ""))
        return whose if score >= self._pair_threshold and score > own else None

    def _id_of(self, name: str) -> str | None:
        try:
            return self.gallery.person(name).person_id
        except NoSuchPersonError:
            return None
