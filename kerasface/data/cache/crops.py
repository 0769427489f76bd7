"""Photos to aligned crops and features, each computed once per file content."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.cache.images import content_keys
from kerasface.data.cache.store import RecordStore
from kerasface.data.photos import Photo, read_photos
from kerasface.faces.alignment import CropTemplate
from kerasface.faces.detection import FaceDetector, central_face
from kerasface.faces.embedders import Embedder

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class CroppedFaces:
    """The aligned crops of many photos, one each.

    Attributes:
        store: Where the crops are.
        keys: Key of each usable photo's crop, in the order of `positions`.
        positions: For each key, the position of its photo among the paths asked for.
        rejected: `(path, reason)` of the photos without a crop.
        num_computed: Of how many photos the face was looked for now; the others were known or cannot be decoded.
    """

    store: RecordStore
    keys: list[str]
    positions: np.ndarray
    rejected: list[tuple[Path, str]]
    num_computed: int


def crop_faces(
    paths: Sequence[Path],
    detector: FaceDetector,
    template: CropTemplate,
    cache: Path,
    on_progress: Progress | None = None,
) -> CroppedFaces:
    """Finds, aligns and stores the face nearest the centre of every photo, unless its crop is stored already.

    Args:
        paths: The photos.
        detector: Finds the faces.
        template: How the faces are cut.
        cache: Folder of the caches.
        on_progress: Called with the number of photos done and their total.
    """
    report = on_progress or (lambda done, total: None)
    fingerprint = f"crops-{template.fingerprint}-{detector.fingerprint}"
    with RecordStore(cache / fingerprint, (*template.image_size, 3), "uint8") as store:
        keys, problems = content_keys(paths)
        todo = [position for position, key in enumerate(keys) if key is not None and key not in store]
        done = len(paths) - len(todo)
        report(done, len(paths))
        remaining = iter(todo)
        for batch in read_photos([paths[position] for position in todo]):
            positions = [next(remaining) for _ in batch]
            _store_crops(batch, [keys[position] for position in positions], detector, template, store)
            problems.update(
                {position: photo.problem for position, photo in zip(positions, batch, strict=True) if photo.problem}
            )
            done += len(batch)
            report(done, len(paths))
    num_computed = sum(position not in problems for position in todo)
    for position, key in enumerate(keys):
        if position not in problems and not store.has_record(key):
            problems[position] = f"{paths[position]}: {store.note(key)['problem']}"
    usable = [position for position in range(len(paths)) if position not in problems]
    return CroppedFaces(
        store=store,
        keys=[keys[position] for position in usable],
        positions=np.array(usable, dtype=np.int64),
        rejected=[(paths[position], problems[position]) for position in sorted(problems)],
        num_computed=num_computed,
    )


def embed_crops(
    crops: CroppedFaces, embedder: Embedder, cache: Path, on_progress: Progress | None = None
) -> np.ndarray:
    """Returns the embeddings of the crops, `(num_crops, embedding_dim)` float32; stored ones are not computed again."""
    report = on_progress or (lambda done, total: None)
    fingerprint = f"features-{crops.store.folder.name}-{embedder.fingerprint}-{embedder.precision}"
    with RecordStore(cache / fingerprint, (embedder.embedding_dim,), "float32") as store:
        todo = [key for key in dict.fromkeys(crops.keys) if key not in store]
        for start in range(0, len(todo), 256):
            report(start, len(todo))
            keys = todo[start : start + 256]
            for key, embedding in zip(keys, embedder.embed(crops.store.read(keys)), strict=True):
                store.add(key, embedding)
        report(len(todo), len(todo))
        return store.read(crops.keys)


def _store_crops(batch: list[Photo], keys, detector: FaceDetector, template: CropTemplate, store: RecordStore) -> None:
    readable = [(photo.image, key) for photo, key in zip(batch, keys, strict=True) if photo.image is not None]
    found = detector.detect([image for image, _ in readable])
    for (image, key), faces in zip(readable, found, strict=True):
        if faces:
            face = central_face(faces, image.shape)
            store.add(key, template.cut(image, face), {**face.to_dict(), "num_faces": len(faces)})
        else:
            store.add(key, None, {"problem": "no face was found"})
