"""Photo files to embeddings, in bulk."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kerasface.data.photos import Photo, looked_at
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import central_face
from kerasface.images.decoding import FORMATS, is_left_behind, reason_against
from kerasface.images.video import FORMATS as VIDEO_FORMATS
from kerasface.images.video import is_video

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class EmbeddedFaces:
    """All faces of many photos.

    Attributes:
        paths: The photo of each face, as it was given; length `num_faces`.
        boxes: `(num_faces, 4)` float32: x, y, width, height in pixels of the photo.
        embeddings: `(num_faces, embedding_dim)` float32, each of length 1.
        rejected: `(path, reason)` of every photo without a face or that could not be decoded.
    """

    paths: list[Path]
    boxes: np.ndarray
    embeddings: np.ndarray
    rejected: list[tuple[Path, str]]


def image_files(folder: str | os.PathLike, *, videos: bool = False) -> list[Path]:
    """Returns all files under `folder` that may be images by suffix or content, sorted; hidden ones left out.

    Args:
        folder: Where they are, or in folders in it.
        videos: Whether files that are videos are returned, too.

    Raises:
        ValueError: If `folder` is no folder or holds no image file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder. Give a folder of photos.")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(map(is_left_behind, path.relative_to(folder).parts))
        and (reason_against(path) is None or (videos and is_video(path)))
    )
    if not files:
        also = f", and videos: {VIDEO_FORMATS}" if videos else ""
        raise ValueError(f"{folder} holds no image file. Supported are {', '.join(FORMATS)}{also}.")
    return files


def photo_files(given: Iterable[Path], *, videos: bool = False) -> list[Path]:
    """Returns files as they are given, and instead of a folder all files under it that may be images, or `videos`.

    Raises:
        ValueError: If a folder holds none.
    """
    return [file for path in given for file in (image_files(path, videos=videos) if path.is_dir() else [path])]


def embed_photos(
    paths: Sequence[Path],
    analyzer: FaceAnalyzer,
    *,
    central_only: bool = False,
    on_progress: Progress | None = None,
) -> EmbeddedFaces:
    """Finds and embeds the faces of many photos.

    Args:
        paths: The photos.
        analyzer: The face front end.
        central_only: Take one face a photo, the one nearest its centre, as the LFW protocol has it.
        on_progress: Called with the number of photos done and their total.
    """
    report = on_progress or (lambda done, total: None)
    found, embeddings, rejected = [], [np.zeros((0, analyzer.embedder.embedding_dim), dtype=np.float32)], []
    done, pick = 0, central_face if central_only else None

    def look(photos: list[Photo]) -> list:
        readable = [photo for photo in photos if photo.problem is None]
        analyzed = analyzer.analyze([photo.image for photo in readable], pick=pick)
        return list(zip(readable, analyzed, strict=True))

    for batch, analyzed in looked_at(paths, look):
        rejected += [(photo.path, photo.problem) for photo in batch if photo.problem is not None]
        for photo, faces in analyzed:
            found += [(photo.path, entry.face.box) for entry in faces]
            embeddings += [entry.embedding[None] for entry in faces]
            if not faces:
                rejected.append((photo.path, f"{photo.path}: no face was found"))
        done += len(batch)
        report(done, len(paths))
    return EmbeddedFaces(
        paths=[path for path, _ in found],
        boxes=np.array([box for _, box in found], dtype=np.float32).reshape(-1, 4),
        embeddings=np.concatenate(embeddings),
        rejected=rejected,
    )
