"""From frames to an open lock: finds the face, measures it, asks the state machine, and counts the attempt."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from kerasface.arrays import check_image
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedders import load_embedder_of
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.unlock.challenge import Challenge, draw_challenge
from kerasface.unlock.identity import FMR, EnrolledPeople, IdentityTrack
from kerasface.unlock.lockout import Lockout, LockoutError
from kerasface.unlock.machine import Observation, UnlockMachine
from kerasface.unlock.states import Status

TIMEOUT = 10.0  # seconds
# Smaller faces are not looked for: they could not be used, and finding them costs three times the work.
_MIN_FACE_SIZE = 60.0
_LONGEST_SIDE = 640  # pixels in which faces are looked for


def unlock_analyzer(embedder: str | None = None) -> FaceAnalyzer:
    """Returns the face front end for live video.

    Args:
        embedder: Fingerprint of the embedder that people were enrolled with; that which ships if not given.

    Raises:
        ModelFileError: If a weight file is missing or altered.
        RunError: If no such embedder is here.
    """
    return FaceAnalyzer(FaceDetector(_MIN_FACE_SIZE), load_embedder_of(embedder or embedder_fingerprint()))


class FrameReader:
    """Turns frames into what the state machine wants to know of them.

    Every frame is searched as a whole and its largest face embedded: 25 ms on two cores at 640 x 480.

    Args:
        analyzer: The face front end.
    """

    def __init__(self, analyzer: FaceAnalyzer):
        self._analyzer = analyzer
        self._latest: Observation | None = None

    def read(self, frame: np.ndarray, time: float) -> tuple[Observation, float]:
        """Reads a frame.

        Args:
            frame: RGB `(height, width, 3)` uint8.
            time: When it was taken, seconds.

        Returns:
            What was seen, in pixels of the frame brought to 640 at its longer side, and how many pixels of the frame
            itself one of these is.

        Raises:
            ValueError: If the frame has another shape or dtype.
        """
        check_image(frame, "frame")
        ratio = max(1.0, max(frame.shape[:2]) / _LONGEST_SIDE)
        # Equal in every second row and column is equal enough: a camera's noise never repeats.
        fingerprint = hashlib.blake2b(np.ascontiguousarray(frame[::2, ::2]), digest_size=16).digest()
        if self._latest is not None and self._latest.fingerprint == fingerprint:
            return replace(self._latest, time=time), ratio
        if ratio > 1:
            size = (round(frame.shape[1] / ratio), round(frame.shape[0] / ratio))
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        faces = tuple(self._analyzer.detector.detect([frame], turns=False)[0])
        quality = embedding = None
        if faces:
            ((face,),) = self._analyzer.embed([[self._analyzer.cut(frame, faces[0])]])
            quality, embedding = face.quality, face.embedding
        brightness = float(cv2.cvtColor(frame[::4, ::4], cv2.COLOR_RGB2GRAY).mean())
        self._latest = Observation(time, faces, quality, embedding, brightness, fingerprint)
        return self._latest, ratio


class UnlockSession:
    """One attempt of somebody before a camera.

    Args:
        people: Who may unlock.
        analyzer: The face front end; `unlock_analyzer` makes a fast one.
        lockout: Counts the attempts.
        challenge: What is asked; drawn afresh if not given, which only tests and evaluations may do otherwise.
        fmr: False match rate of the attempt.
        timeout: Seconds from the first frame to the end.

    Attributes:
        people: Who may unlock.
        identity: What the faces were compared at.
        status: What to show now.

    Raises:
        ValueError: If the analyzer's embedder is not the one that people were enrolled with, or nothing was measured
            for the rate.

    Example:
        ```python
        session = UnlockSession(enrolled_people(gallery, "Ada"), unlock_analyzer(), Lockout())
        for time, frame in frames:
            status = session.observe(frame, time)
            if status.state.is_final:
                break
        ```
    """

    def __init__(
        self,
        people: EnrolledPeople,
        analyzer: FaceAnalyzer,
        lockout: Lockout,
        *,
        challenge: Challenge | None = None,
        fmr: float = FMR,
        timeout: float = TIMEOUT,
    ):
        if people.embedder != analyzer.embedder.fingerprint:
            raise ValueError(
                "Only templates of one embedder can be compared. "
                f"Received: templates of {people.embedder!r}, embedder {analyzer.embedder.fingerprint!r}."
            )
        self.people = people
        self.identity = IdentityTrack(people, fmr)
        self._machine = UnlockMachine(self.identity, challenge or draw_challenge(), timeout=timeout)
        self._reader = FrameReader(analyzer)
        self._lockout = lockout
        self._is_counted = False
        self.status = self._machine.status
        self._ask(lambda: lockout.check(people.names))

    @property
    def error_rate_text(self) -> str:
        """How often a stranger would pass for somebody enrolled, in words."""
        point = self.identity.point
        return (
            f"Of strangers who do what is asked, at most {self.identity.fmr:.2%} are taken for somebody enrolled "
            f"(one comparison: {point.measured_text}; {point.date})."
        )

    def observe(self, frame: np.ndarray, time: float) -> Status:
        """Takes in one frame.

        Args:
            frame: RGB `(height, width, 3)` uint8, as the camera sees it: a mirrored frame turns left and right round.
            time: When it was taken, seconds on any clock that does not go back.

        Returns:
            What to show, in pixels of the frame. Final once the attempt is over, and then always the same.
        """
        if self.status.state.is_final:
            return self.status
        seen, ratio = self._reader.read(frame, time)
        self.status = self._machine.observe(seen)
        if self._machine.is_begun and not self._is_counted:
            # Before the first instruction is shown, so that nobody sees a challenge that is not counted.
            self._is_counted = True
            self._ask(lambda: self._lockout.begin(self.people.names))
        if (person_id := self._machine.person_id) is not None:
            self._ask(lambda: self._lockout.succeed(self.people.names, person_id))
        if self.status.box is not None and ratio != 1:
            box = tuple(ratio * value for value in self.status.box)
            self.status = self.status.seen(box, ratio * self.status.landmarks)
        return self.status

    def stop(self, cause: str, reason: str) -> Status:
        """Ends the attempt from outside, such as when the camera was taken away; it counts if it had begun.

        Args:
            cause: In one word, such as `"camera_lost"`.
            reason: In a sentence.
        """
        if not self.status.state.is_final:
            self.status = self._machine.refuse(cause, reason)
        return self.status

    def _ask(self, question: Callable[[], None]) -> None:
        """Asks who counts attempts, and ends this one if the answer is no."""
        try:
            question()
        except LockoutError as error:
            self.status = self._machine.refuse(error.cause, str(error), error.state)
