"""A video as one answer: every face that is to be seen in it, when, and embedded from its best frames."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from kerasface.data.photos import side_by_side
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.rates.own_points import shipped_points
from kerasface.images.video import Video
from kerasface.tasks.sorting.tracks import SIGHTINGS, Follower, Track
from kerasface.terminal.words import counted

PER_SECOND = 5  # frames that are looked at
_LONGEST_SIDE = 1280  # pixels of a frame that is looked at; of a larger one small faces are not found


@dataclass(frozen=True, eq=False)
class SeenVideo:
    """What was seen in a video.

    Attributes:
        tracks: Its faces by the time of their first frame; boxes in pixels of the video's best frame of each.
        seconds: How long it is.
        notes: What is to be known of it, each a sentence that names it.
    """

    tracks: list[Track]
    seconds: float
    notes: tuple[str, ...]


def look_at_video(
    path: Path, analyzer: FaceAnalyzer, *, on_progress: Callable[[float, float], object] = lambda done, total: None
) -> SeenVideo:
    """Follows the faces in a video.

    Args:
        path: The file.
        analyzer: The face front end.
        on_progress: Called with the seconds that are done and, as far as the file tells, their total.

    Raises:
        VideoError: If it cannot be used.
    """
    follower, ratio, end = Follower(shipped_points(analyzer.embedder.fingerprint)), 1.0, 0.0

    def look(frame: tuple[float, np.ndarray]) -> list[AnalyzedFace]:
        image = _reduced(frame[1])
        (found,) = analyzer.detector.detect([image], turns=False)
        return analyzer.embed([[analyzer.cut(image, face) for face in found]])[0]

    with Video(path) as video:
        for (time, image), faces in side_by_side(video.frames(PER_SECOND), look):
            follower.observe(time, faces)
            ratio, end = _ratio(image), time
            on_progress(time, max(video.seconds, time))
        tracks, num_short = follower.tracks()
        few = f"fewer than {SIGHTINGS} frames, of which {PER_SECOND} a second are looked at"
        notes = [f"{path}: left out: {counted(num_short, 'face')} in {few}."] if num_short else []
        notes += [video.note] if video.note else []
        return SeenVideo([_enlarged(track, ratio) for track in tracks], max(video.seconds, end), tuple(notes))


def _ratio(image: np.ndarray) -> float:
    return max(1.0, max(image.shape[:2]) / _LONGEST_SIDE)


def _reduced(image: np.ndarray) -> np.ndarray:
    if (ratio := _ratio(image)) == 1:
        return image
    size = tuple(round(side / ratio) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _enlarged(track: Track, ratio: float) -> Track:
    """A face in pixels of the video, not of the frames that were looked at."""
    face = track.face.face
    box = tuple(ratio * value for value in face.box)
    return replace(track, face=replace(track.face, face=replace(face, box=box, landmarks=ratio * face.landmarks)))
