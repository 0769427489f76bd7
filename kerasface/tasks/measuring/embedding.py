"""Photos of people to embeddings: with one embedder, or with several that are compared."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from kerasface.data.cache.crops import CroppedFaces, crop_faces, embed_crops
from kerasface.data.photos import Photo, looked_at
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import Face, FaceDetector, central_face
from kerasface.faces.embedders import Embedder
from kerasface.faces.quality import FaceQuality, measure_quality
from kerasface.tasks.measuring.people import SHARPNESS, SIDE, TURN, Embedded, People, Report, unreported
from kerasface.terminal.words import counted

_BLOCK = 64  # crops looked at between two reports


def embed_people(
    people: People, analyzer: FaceAnalyzer, others: Sequence[Embedder] = (), *, report: Report = unreported
) -> list[Embedded]:
    """Embeds, of every photo, the face nearest its center. A few photos are held at a time, and none is kept.

    Args:
        people: The photos.
        analyzer: Finds the faces and embeds them.
        others: Embedders for the same faces.
        report: Told how many photos are done.

    Returns:
        What each embedder sees, that of the analyzer first.
    """
    embedders = [analyzer.embedder, *others]
    vectors: list[list[np.ndarray]] = [[np.zeros((0, one.embedding_dim), dtype=np.float32)] for one in embedders]
    rows, qualities, reasons = np.full(len(people.paths), -1), {}, {}
    start = 0
    for batch, found in looked_at(people.paths, lambda photos: _central_faces(photos, analyzer)):
        for number, (photo, face) in enumerate(zip(batch, found, strict=True), start):
            if face is None:
                reasons[number] = photo.problem or f"{photo.path}: no face was found"
            else:
                rows[number] = len(qualities)
                qualities[number] = face.quality
        pairs = [(photo.image, face) for photo, face in zip(batch, found, strict=True) if face is not None]
        vectors[0] += [face.embedding[None] for _, face in pairs]
        for embedder, rest in zip(others, vectors[1:], strict=True):
            if pairs:
                rest.append(embedder.embed(np.stack([embedder.crop(image, face.face) for image, face in pairs])))
        start += len(batch)
        report("photos", start, len(people.paths))
    attributes = _attributes(qualities, len(people.paths))
    shared = {"rows": rows, "attributes": attributes, "reasons": reasons, "qualities": qualities}
    return [
        Embedded(_name_of(one), one.fingerprint, one.normalizer, embeddings=np.concatenate(rest), **shared)
        for one, rest in zip(embedders, vectors, strict=True)
    ]


def embed_cached(
    people: People,
    detector: FaceDetector,
    embedders: Sequence[tuple[str, Embedder]],
    cache: Path,
    *,
    report: Report = unreported,
) -> list[Embedded]:
    """As `embed_people`, but crops and embeddings are kept: what the cache holds is not computed again.

    Args:
        people: The photos.
        detector: Finds the faces.
        embedders: What each is called, and the embedder; the crops of the first one are the pictures.
        cache: Folder of the caches.
        report: Told how far it is.

    Raises:
        ValueError: If no photo has a face.
        OSError: If the cache cannot be written.
    """
    found: dict[str, CroppedFaces] = {}  # by how they are cut
    total, stage = len(people.paths), "Finding faces"
    report(stage, 0, total)  # files are read before the first one is found
    measured = FACE_RESNET_CROP  # on which quality is defined
    for template in (*(embedder.template for _, embedder in embedders), measured):
        if template.fingerprint not in found:
            found[template.fingerprint] = crop_faces(people.paths, detector, template, cache, partial(report, stage))
    first = next(iter(found.values()))
    if not first.keys:
        raise ValueError(
            f"No face was found in any of the {total} photos of {people.title}. The first: {first.rejected[0][1]}"
        )
    attributes = _attributes(_stored_qualities(found[measured.fingerprint], report), total)
    rows = np.full(total, -1)
    rows[first.positions] = np.arange(len(first.positions))
    images = first.store.array(first.keys)
    number = {path: place for place, path in enumerate(people.paths)}
    reasons = {number[path]: reason for path, reason in first.rejected}

    def pictures(photos: Sequence[int]) -> dict[int, np.ndarray]:
        there = [photo for photo in photos if rows[photo] >= 0]
        return dict(zip(there, images[rows[there]], strict=True)) if there else {}

    embedded = []
    for name, one in embedders:
        vectors = embed_crops(found[one.template.fingerprint], one, cache, partial(report, f"Embedding them: {name}"))
        embedded.append(Embedded(name, one.fingerprint, one.normalizer, rows, vectors, attributes, reasons, pictures))
    return embedded


def _name_of(embedder: Embedder) -> str:
    """What a model is called next to another one: that of one network with more or fewer views says how many."""
    views = getattr(embedder, "views", None)
    return embedder.name if views is None else f"{embedder.name}, {counted(views, 'view')}"


def _central_faces(batch: Sequence[Photo], analyzer: FaceAnalyzer) -> list[AnalyzedFace | None]:
    """The face that counts of each photo; `None` where there is none, or the photo cannot be read."""
    images = [photo.image for photo in batch if photo.problem is None]
    found = iter(analyzer.analyze(images, pick=central_face) if images else [])
    return [next(iter(next(found)), None) if photo.problem is None else None for photo in batch]


def _stored_qualities(crops: CroppedFaces, report: Report) -> dict[int, FaceQuality]:
    """What was measured of each photo's stored face, by the photo's number."""
    measured = {}
    for start in range(0, len(crops.keys), _BLOCK):
        report("Measuring size, turn and sharpness", start, len(crops.keys))
        keys, positions = crops.keys[start : start + _BLOCK], crops.positions[start : start + _BLOCK]
        for key, position, crop in zip(keys, positions.tolist(), crops.store.read(keys), strict=True):
            note = crops.store.note(key)
            face = Face(tuple(note["box"]), np.array(note["landmarks"], dtype=np.float32), note["detection_score"])
            measured[position] = measure_quality(face, crop)
    return measured


def _attributes(qualities: dict[int, FaceQuality], num_photos: int) -> dict[str, np.ndarray]:
    """Size, turn and sharpness of each photo's face, `(num_photos,)`; NaN without one."""
    measured = np.full((3, num_photos), np.nan)
    for photo, quality in qualities.items():
        measured[:, photo] = quality.side, abs(quality.yaw), quality.sharpness
    return dict(zip((SIDE, TURN, SHARPNESS), measured, strict=True))
