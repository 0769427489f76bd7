"""The faces of many photos and videos, each file looked at once: what is remembered of it is not computed again."""

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from kerasface.data.cache.images import content_keys
from kerasface.data.photos import Photo, looked_at
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import Face
from kerasface.faces.quality import FaceQuality
from kerasface.gallery.reading import ReadableGallery
from kerasface.gallery.seen import SeenPhotos
from kerasface.images.dates import date_taken
from kerasface.images.decoding import ImageError
from kerasface.images.video import is_video
from kerasface.tasks.sorting.videos import look_at_video

VideoProgress = Callable[[Path, float, float], object]
_AT_ONCE = 256  # photos asked for in the memory at a time


@dataclass(frozen=True, eq=False)
class LookedAt:
    """One photo or video file and its faces.

    Attributes:
        path: The file.
        source_hash: SHA-256 of it, hexadecimal; `None` where it cannot be read.
        faces: Its faces, largest first, those of a video by when they are seen first; the `crop` of a remembered one,
            and of one in a video, is `None`.
        date: When it was taken, as `images.dates.date_taken` has it.
        problem: Why it could not be looked at, a sentence that names the file; else `None`.
        notes: What is to be known of the file, each a sentence that names it.
        seconds: How long a video is; `None` of a photo.
        times: From when to when each face of a video is seen, in seconds; empty of a photo.
    """

    path: Path
    source_hash: str | None
    faces: list[AnalyzedFace]
    date: str | None
    problem: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    times: tuple[tuple[float, float], ...] = ()


def look_at_photos(
    paths: Sequence[Path],
    analyzer: FaceAnalyzer,
    seen: SeenPhotos | None = None,
    *,
    on_video: VideoProgress = lambda path, done, total: None,
) -> Iterator[list[LookedAt]]:
    """Yields photos in order, in batches, with their faces.

    Args:
        paths: The files; those that are videos are followed through, one at a time.
        analyzer: The face front end.
        seen: Where photos are remembered: those that are there are not looked at again, the others are added as they
            are looked at, so that an interrupted run goes on where it was. Nothing is kept if not given.
        on_video: Called with a video, its seconds that are done, and their total.

    Raises:
        GalleryError: If the memory is damaged or cannot be written.
    """
    if seen is None:
        yield from _looked_at(paths, analyzer, on_video)
        return
    by = seen_by(analyzer)
    for start in range(0, len(paths), _AT_ONCE):
        part = paths[start : start + _AT_ONCE]
        hashes = dict(zip(part, content_keys(part)[0], strict=True))
        known = _known(hashes, seen, by)
        waiting = [path for path in part if path not in known]
        fresh = _remembered(_looked_at(waiting, analyzer, on_video, hashes), seen, by)
        yield from _in_order(part, known, fresh) if known else fresh


def seen_by(analyzer: FaceAnalyzer) -> str:
    """Returns what looks at photos in one string: what was seen is the same where it is equal."""
    return f"{analyzer.detector.fingerprint} {analyzer.embedder.fingerprint}"


def remembered_photos(gallery: ReadableGallery) -> list[LookedAt]:
    """Returns every photo that is remembered, once, with the path that it was last looked at under.

    What another embedder than the gallery's saw of it is left out.
    """
    seen = gallery.seen.all()
    found = {source_hash: (record, by) for source_hash, by, record in seen if _embedder(by) == gallery.embedder}
    return [
        _opened(Path(_given_back(record["path"])), source_hash, record, by)
        for source_hash, (record, by) in found.items()
    ]


def _known(hashes: Mapping[Path, str | None], seen: SeenPhotos, by: str) -> dict[Path, LookedAt]:
    """Those of the photos that are remembered; where one was moved, its new path is remembered."""
    found = seen.find((one for one in hashes.values() if one), by)
    known, moved = {}, {}
    for path, source_hash in hashes.items():
        if (record := found.get(source_hash)) is None:
            continue
        known[path] = _opened(path, source_hash, record, by)
        now, before = _kept(str(path.absolute())), record["path"]
        if now != before and not Path(_given_back(before)).exists():
            moved[source_hash] = record | {"path": now}
    seen.add(moved, by)
    return known


def _looked_at(
    paths: Sequence[Path],
    analyzer: FaceAnalyzer,
    on_video: VideoProgress,
    hashes: Mapping[Path, str | None] | None = None,
) -> Iterator[list[LookedAt]]:
    """Looks at files; `hashes` of them are computed where they are not given."""
    for are_videos, some in groupby(paths, is_video):
        if are_videos:
            yield from ([_video(path, analyzer, on_video, hashes)] for path in some)
        else:
            yield from _photos(list(some), analyzer, hashes)


def _photos(
    paths: Sequence[Path], analyzer: FaceAnalyzer, hashes: Mapping[Path, str | None] | None
) -> Iterator[list[LookedAt]]:
    def look(photos: list[Photo]) -> list[LookedAt]:
        readable = [photo for photo in photos if photo.problem is None]
        faces = iter(analyzer.analyze([photo.image for photo in readable]))
        known = hashes or dict(zip(files := [photo.path for photo in readable], content_keys(files)[0], strict=True))
        return [
            LookedAt(photo.path, known[photo.path], next(faces), date_taken(photo.path), None, photo.notes)
            if photo.problem is None
            else LookedAt(photo.path, None, [], None, photo.problem)
            for photo in photos
        ]

    for _, looks in looked_at(paths, look):
        yield looks


def _video(
    path: Path, analyzer: FaceAnalyzer, on_video: VideoProgress, hashes: Mapping[Path, str | None] | None
) -> LookedAt:
    try:
        found = look_at_video(path, analyzer, on_progress=partial(on_video, path))
    except ImageError as error:
        return LookedAt(path, None, [], None, str(error))
    source_hash = hashes[path] if hashes else content_keys([path])[0][0]
    times = tuple((track.start, track.end) for track in found.tracks)
    return LookedAt(
        path, source_hash, [track.face for track in found.tracks], None, None, found.notes, found.seconds, times
    )


def _remembered(batches: Iterator[list[LookedAt]], seen: SeenPhotos, by: str) -> Iterator[list[LookedAt]]:
    """Passes batches on once they are remembered."""
    for looks in batches:
        seen.add({look.source_hash: _record(look) for look in looks if look.source_hash}, by)
        yield looks


def _in_order(
    paths: Sequence[Path], known: dict[Path, LookedAt], fresh: Iterator[list[LookedAt]]
) -> Iterator[list[LookedAt]]:
    """Puts photos that are known between those that are looked at."""
    waiting, batch = iter(()), []
    for path in paths:
        if path in known:
            batch.append(known[path])
            continue
        if (look := next(waiting, None)) is None:
            if batch:
                yield batch
            batch, waiting = [], iter(next(fresh))
            look = next(waiting)
        batch.append(look)
    yield batch


def _embedder(by: str) -> str:
    return by.partition(" ")[2]


def _record(look: LookedAt) -> dict:
    """A photo and its faces as JSON-ready values, from which `_opened` makes exactly the same."""
    faces = [
        [
            *(entry.face.box, entry.face.landmarks.tolist(), entry.face.detection_score, entry.face.turned),
            *(vars(entry.quality), base64.b64encode(entry.embedding.astype("<f4").tobytes()).decode("ascii")),
        ]
        for entry in look.faces
    ]
    notes = [_kept(note) for note in look.notes]
    record = {"path": _kept(str(look.path.absolute())), "date": look.date, "notes": notes, "faces": faces}
    return record if look.seconds is None else record | {"seconds": look.seconds, "times": look.times}


def _kept(text: str) -> str:
    """A text with the name of a file in it, which need not be valid Unicode, as JSON in UTF-8 takes it."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _given_back(kept: str) -> str:
    return kept.encode("latin-1").decode("utf-8", "surrogateescape")


def _opened(path: Path, source_hash: str, record: dict, by: str) -> LookedAt:
    faces = [
        AnalyzedFace(
            Face(tuple(box), np.array(landmarks, dtype=np.float32), score, turned),
            None,
            FaceQuality(**quality),
            np.frombuffer(base64.b64decode(embedding), dtype="<f4").astype(np.float32, copy=False),
            _embedder(by),
            by.split(" ")[0],
        )
        for box, landmarks, score, turned, quality, embedding in record["faces"]
    ]
    notes, times = tuple(map(_given_back, record["notes"])), tuple(map(tuple, record.get("times", ())))
    return LookedAt(path, source_hash, faces, record["date"], None, notes, record.get("seconds"), times)
