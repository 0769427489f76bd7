"""Faces followed over the frames of a video: each is one face, embedded by the best of what was seen of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kerasface.evaluation.normalization import normalized_scores
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.quality import FaceQuality, problems
from kerasface.faces.rates.operating_points import NotCalibratedError
from kerasface.faces.rates.own_points import Points
from kerasface.faces.windows import shared_part
from kerasface.gallery.assignment import assign

BEST = 8  # frames of a face that its embedding is the mean of
LOST = 2.0  # seconds without a face after which it has gone; who looks down or is covered for a moment is back earlier
SIGHTINGS = 3  # frames that a face is in at least: what the detector sees once may be no face
# A face where one was a moment ago may be as little alike as strangers are in one of a hundred pairs, as in unlocking;
# one that has jumped must be more alike than in one of ten thousand.
_SAME_PLACE_FMR, _ANYWHERE_FMR = 0.01, 1e-4
_MOMENT = 0.5  # seconds
_OVERLAP = 0.3  # of the union of two boxes
_LEAST = 0.1  # a fit: where a face cannot be the one before it is 0, else 0.5 and more
_PLENTY = 112  # pixels of a face's side: more show no more to an embedder


@dataclass(frozen=True, eq=False)
class Track:
    """One face of a video while it is to be seen.

    Attributes:
        face: Its best frame, with the mean of the embeddings of the best ones; without a crop.
        start: When it is seen first, in seconds.
        end: When it is seen last.
        num_frames: Frames that it was seen in.
    """

    face: AnalyzedFace
    start: float
    end: float
    num_frames: int


@dataclass(eq=False)
class _Open:
    """A face that is followed."""

    start: float
    end: float = 0.0
    num_frames: int = 0
    box: tuple[float, ...] = ()
    best: list[AnalyzedFace] = field(default_factory=list)
    mean: np.ndarray | None = None
    own: np.ndarray | None = None  # statistics of the mean

    def closed(self) -> Track:
        face = replace(self.best[0], crop=None, embedding=self.mean)
        return Track(face, self.start, self.end, self.num_frames)


class Follower:
    """Takes in the faces of one frame after the other.

    Args:
        points: Normalizer and thresholds of the embedder, by which a face is told from another one in its place; where
            none were measured, the place alone counts.
    """

    def __init__(self, points: Points):
        self._normalizer = points.normalizer
        try:
            same, anywhere = (points.operating_point(fmr).threshold for fmr in (_SAME_PLACE_FMR, _ANYWHERE_FMR))
        except NotCalibratedError:
            same, anywhere = -math.inf, math.inf
        self._same_place, self._anywhere = same, anywhere
        self._open: list[_Open] = []
        self._closed: list[_Open] = []
        self._num_frames = 0

    def observe(self, time: float, faces: Sequence[AnalyzedFace]) -> None:
        """Takes in one frame.

        Args:
            time: When it is shown, in seconds; times only rise.
            faces: All faces in it.
        """
        self._num_frames += 1
        self._closed += [track for track in self._open if time - track.end > LOST]
        self._open = [track for track in self._open if time - track.end <= LOST]
        own = self._normalizer.statistics(np.stack([face.embedding for face in faces])) if faces else ()
        fits = [
            {str(number): self._fit(time, track, face, at) for number, track in enumerate(self._open)}
            for face, at in zip(faces, own, strict=True)
        ]
        for face, number in zip(faces, assign(fits, threshold=_LEAST), strict=True):
            if number is None:
                self._open.append(track := _Open(time))
            else:
                track = self._open[int(number)]
            self._add(track, time, face)

    def tracks(self) -> tuple[list[Track], int]:
        """Returns the faces by the time of their first frame; and how many were seen too shortly to be one of them."""
        found = sorted([*self._closed, *self._open], key=lambda track: track.start)
        long = [track.closed() for track in found if track.num_frames >= min(SIGHTINGS, self._num_frames)]
        return long, len(found) - len(long)

    def _fit(self, time: float, track: _Open, face: AnalyzedFace, own: np.ndarray) -> float:
        """How well a face goes on with what was seen of one before, above 0 where it can; places count first."""
        shared = shared_part(track.box, face.face.box) if time - track.end <= _MOMENT else 0.0
        alike = float(normalized_scores(track.mean @ face.embedding, track.own, own))
        is_poor = problems(face.quality) or problems(track.best[0].quality)  # too poor to say that it is another face
        if shared >= _OVERLAP and (alike >= self._same_place or is_poor):
            return 1 + shared
        return 1 - math.exp(self._anywhere - alike) / 2 if alike >= self._anywhere else 0.0

    def _add(self, track: _Open, time: float, face: AnalyzedFace) -> None:
        track.end, track.box, track.num_frames = time, face.face.box, track.num_frames + 1
        best = sorted([*track.best, replace(face, crop=None)], key=lambda one: _worth(one.quality), reverse=True)[:BEST]
        if best == track.best:  # the same ones
            return
        track.best = best
        usable = [one.embedding for one in best if not problems(one.quality)] or [best[0].embedding]
        mean = np.mean(usable, axis=0)
        track.mean = (mean / np.linalg.norm(mean)).astype(np.float32)
        (track.own,) = self._normalizer.statistics(track.mean[None])


def _worth(quality: FaceQuality) -> tuple[bool, float]:
    """Orders frames of a face by how much they show: large, sharp and turned to the camera."""
    size = min(quality.side, _PLENTY) / _PLENTY
    return not problems(quality), size * quality.sharpness * math.cos(math.radians(quality.yaw))
