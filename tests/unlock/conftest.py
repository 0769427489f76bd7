"""Frames as the unlock sees them, made up: a head as five points in space, a face as a unit vector."""

import math

import cv2
import numpy as np
import pytest

from kerasface.faces.analyzer import AnalyzedFace, CroppedFace
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.quality import FaceQuality, measure_quality
from kerasface.unlock.challenge import Challenge, Pose, Step
from kerasface.unlock.identity import EnrolledPeople, IdentityTrack
from kerasface.unlock.machine import Observation, UnlockMachine

# Right, down, near; in distances between the eyes. The nose is nearer to the camera than eyes and mouth.
HEAD = np.array([(-0.5, 0, 0), (0.5, 0, 0), (0, 0.6, 0.4), (-0.45, 1.1, 0), (0.45, 1.1, 0)])
GOOD = FaceQuality(
    side=160.0, sharpness=0.12, yaw=0.0, pitch=0.0, roll=0.0, brightness=120.0, clipped=0.0, visibility=0.7
)


def unit(*parts):
    """A unit embedding whose first numbers are in the proportion of `parts`."""
    vector = np.zeros(EMBEDDING_DIM, np.float32)
    vector[: len(parts)] = parts
    return vector / np.linalg.norm(vector)


def alike(score):
    """A unit embedding whose score with `unit(1)` is `score`."""
    return unit(score, math.sqrt(1 - score**2))


def landmarks_at(yaw, *, flat=False, size=60.0, centre=(320.0, 200.0)):
    """The five points of a head turned by `yaw` degrees about the vertical, or of a print of it turned as far."""
    x, y, z = (HEAD * (1, 1, 0 if flat else 1)).T
    angle = math.radians(yaw)
    return np.column_stack([x * math.cos(angle) + z * math.sin(angle), y]) * size + centre


class Film:
    """Gives the observations of a film, each frame with a fingerprint of its own.

    Attributes:
        machine: What is filmed for.
        now: Time of the last frame, seconds.
    """

    def __init__(self, machine, rate=15.0):
        self.machine, self.rate, self.now, self._count = machine, rate, 0.0, 0

    def show(self, seconds, yaw=0.0, **details):
        """Shows a head at one angle for so long; returns the last status."""
        for _ in range(round(seconds * self.rate)):
            self.machine.observe(self.frame(yaw, **details))
        return self.machine.status

    def frame(self, yaw=0.0, *, score=1.0, faces=1, at=(240.0, 120.0), fingerprint=None, flat=None, **quality):
        """One observation; without a `fingerprint` it is unlike any other.

        Args:
            flat: Yaw by which a flat print was turned, where a head seems turned by `yaw`.
        """
        self._count += 1
        self.now += 1 / self.rate
        points = landmarks_at(yaw) if flat is None else landmarks_at(flat, flat=True)
        brightness = quality.pop("frame_brightness", 110.0)
        side = quality.get("side", GOOD.side)
        face = Face((*at, side, side * 1.2), points.astype(np.float32), 0.99)
        return Observation(
            time=self.now,
            faces=(face,) * faces,
            quality=FaceQuality(**{**GOOD.to_dict(), "yaw": float(yaw), **quality}) if faces else None,
            embedding=alike(score) if faces else None,
            brightness=brightness,
            fingerprint=fingerprint or self._count.to_bytes(4, "big"),
        )


@pytest.fixture
def people():
    """Ada, enrolled with one template, `unit(1)`."""
    return EnrolledPeople({"a" * 16: "Ada"}, ("a" * 16,), unit(1)[None], embedder_fingerprint())


@pytest.fixture
def left_right():
    """Left, then right."""
    return Challenge((Step(Pose.LEFT, 0.1), Step(Pose.RIGHT, 0.1)))


@pytest.fixture
def film(people, left_right):
    """A film for an attempt to unlock for Ada by turning left, then right, within 10 s."""
    return Film(UnlockMachine(IdentityTrack(people), left_right, timeout=10.0))


def coded_frame(number, yaw=0.0, faces=1, score=1.0, size=(480, 640)):
    """A frame that says in its first pixels what `MadeUpAnalyzer` sees in it; `number` makes it unlike others."""
    frame = np.full((*size, 3), 110, np.uint8)
    frame[:8, :8] = round(yaw) + 128
    frame[:8, 8:16] = faces
    frame[:8, 16:24] = round(200 * score)
    frame[:8, 24:32] = number % 256
    return frame


class MadeUpAnalyzer:
    """A face front end that reads coded frames, of any size.

    Attributes:
        detector: Itself.
        embedder: Itself.
    """

    def __init__(self):
        self.detector = self.embedder = self
        self.fingerprint, self.embedding_dim = embedder_fingerprint(), EMBEDDING_DIM
        grain = np.random.default_rng(0).normal(120, 60, (150, 150)).astype(np.float32)
        self._crop = np.clip(cv2.GaussianBlur(grain, (0, 0), 1.5) * 2 - 120, 5, 250).astype(np.uint8)[..., None]
        self._score = 1.0

    def detect(self, images, *, turns):
        (frame,) = images
        yaw, faces, self._score = float(frame[2, 2, 0]) - 128, int(frame[2, 10, 0]), frame[2, 18, 0] / 200
        face = Face((240.0, 120.0, 160.0, 192.0), landmarks_at(yaw).astype(np.float32), 0.99)
        return [[face] * faces]

    def cut(self, image, face):
        crop = np.repeat(self._crop, 3, axis=2)
        return CroppedFace(face, crop, measure_quality(face, crop))

    def embed(self, photos):
        return [[AnalyzedFace(*vars(face).values(), alike(self._score), self.fingerprint) for face in photos[0]]]


def genuine_frames(rate=15, **details):
    """The frames of a head that turns left, then right."""
    yaws = [0] * round(0.5 * rate) + [35] * round(0.5 * rate) + [0] * round(0.2 * rate) + [-35] * round(0.7 * rate)
    return [coded_frame(number, yaw, **details) for number, yaw in enumerate(yaws)]


@pytest.fixture
def made_up_analyzer():
    return MadeUpAnalyzer()


@pytest.fixture(name="genuine_frames")
def _genuine_frames():
    return genuine_frames


@pytest.fixture(name="coded_frame")
def _coded_frame():
    return coded_frame


@pytest.fixture
def front_unit():
    """The embedding whose score with that of a coded frame is the coded one."""
    return unit(1)
