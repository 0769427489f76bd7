"""The state machine of an attempt to unlock: what was seen in a frame goes in, what to show comes out.

It knows no camera, no clock, no file and no network: the same observations give the same answers. Its way:

    searching (nobody, too small, too dark, several faces ...) -> challenge, step by step -> holding -> unlocked
                                                      \\-> refused: one wrong move, another face, the time is over ...
"""

from dataclasses import dataclass

import numpy as np

from kerasface.faces.detection import Face, none_stands_out
from kerasface.faces.quality import FaceQuality, problems
from kerasface.unlock.challenge import TURNED, Challenge, Pose, TurnJudge
from kerasface.unlock.identity import MIN_FRAMES, IdentityTrack
from kerasface.unlock.liveness import HeadWidth
from kerasface.unlock.states import State, Status

MIN_FACE = 72.0  # pixels of the frame, of 480 rows: smaller faces are too coarse for landmarks to tell a turn
_READY_FRAMES = 3
_MAX_START_YAW = 22.0  # degrees: people who look ahead measure up to 14
_STILL = 8.0  # degrees by which the first frames may differ
_LOST_SECONDS = 0.8
_FROZEN_SECONDS = 2.0
_HOLD_FRAMES = 2
# Of a face's side, between two frames a tenth of a second apart.
_MAX_SHIFT = 0.5
_MAX_GROWTH = 1.35
_BLACK = 8.0  # mean grey level

_INSTRUCTIONS = {
    Pose.LEFT: "Turn your head to your left.",
    Pose.RIGHT: "Turn your head to your right.",
    Pose.AHEAD: "Look straight into the camera.",
}
_TROUBLES = {
    "side": (State.TOO_SMALL, "Come closer."),
    "sharpness": (State.BLURRED, "Hold still for a moment."),
    "visibility": (State.COVERED, "Show your whole face: eyes and mouth."),
}
_REFUSALS = {
    "timeout": "The time was over before everything was done.",
    "step_timeout": "The move that was asked for did not come in time.",
    "wrong_turn": "The head did not move as it was asked to.",
    "too_early": "The head moved before it was asked to.",
    "not_recognised": "The face was not recognised.",
    "face_changed": "The face changed, or jumped, in the middle.",
    "flat": "What turned was a sheet, not a head.",
    "face_lost": "The face was lost in the middle.",
    "frozen": "The picture has stood still for too long: the camera or its program hangs.",
    "repeated": "A picture came a second time: this is a recording, not a camera.",
}


@dataclass(frozen=True, eq=False)
class Observation:
    """What was seen in one frame.

    Attributes:
        time: When, in seconds; times only need to rise.
        faces: All faces, largest first.
        quality: Of the largest face; `None` without one.
        embedding: Of the largest face, of length 1, shape `(embedding_dim,)`; `None` without one.
        brightness: Mean grey level of the whole frame, in `[0, 255]`.
        fingerprint: Equal for equal frames only.
    """

    time: float
    faces: tuple[Face, ...]
    quality: FaceQuality | None
    embedding: np.ndarray | None
    brightness: float
    fingerprint: bytes


class UnlockMachine:
    """Follows one attempt from its first frame to its end.

    Args:
        identity: Compares the faces.
        challenge: What is asked.
        timeout: Seconds from the first frame to the end.

    Attributes:
        status: What to show; final once the attempt is over.
        is_begun: Whether the challenge has begun: from then on it is an attempt that counts.
        person_id: Whom it was unlocked for; else `None`.
        width: The passive sign of a head that turns; `None` before the challenge.
    """

    def __init__(self, identity: IdentityTrack, challenge: Challenge, *, timeout: float):
        self.status = Status(State.SEARCHING, "Look into the camera.", num_steps=len(challenge.steps))
        self.person_id: str | None = None
        self._identity, self._challenge, self._timeout = identity, challenge, timeout
        self._started: float | None = None
        self._last_new = 0.0
        self._seen: set[bytes] = set()
        self._latest = b""
        self._ready: list[Observation] = []
        self._judge: TurnJudge | None = None
        self._ahead = 0.0
        self._face: Face | None = None
        self._face_time = 0.0
        self._held = 0
        self.width: HeadWidth | None = None

    @property
    def is_begun(self) -> bool:
        return self._judge is not None

    def observe(self, seen: Observation) -> Status:
        """Takes in one frame; after the end nothing changes any more."""
        if self.status.state.is_final:
            return self.status
        if self._started is None:
            self._started = self._last_new = seen.time
        if seen.time - self._started > self._timeout:
            return self.refuse("timeout")
        if seen.fingerprint == self._latest:
            # A page or a file may show one frame twice; it tells nothing new.
            return self.refuse("frozen") if seen.time - self._last_new > _FROZEN_SECONDS else self.status
        self._latest, self._last_new = seen.fingerprint, seen.time
        if seen.faces:
            if seen.fingerprint in self._seen:
                return self.refuse("repeated")
            self._seen.add(seen.fingerprint)
        trouble = self._trouble(seen)
        if self._judge is None:
            self.status = self._search(seen, trouble)
        else:
            self.status = self._follow(seen, trouble)
        if seen.faces:
            self.status = self.status.seen(seen.faces[0].box, seen.faces[0].landmarks)
        return self.status

    def refuse(self, cause: str, reason: str | None = None, state: State = State.REFUSED) -> Status:
        """Ends the attempt.

        Args:
            cause: In one word.
            reason: In a sentence; for the causes known here it is there already.
            state: `State.REFUSED` or `State.LOCKED_OUT`.
        """
        self.person_id = None
        self.status = self._told(state, reason=reason or _REFUSALS[cause], cause=cause)
        return self.status

    def _search(self, seen: Observation, trouble: tuple[State, str] | None) -> Status:
        """Waits for one good face that looks ahead for a few frames, then begins the challenge."""
        if trouble:
            self._ready = []
            return self._told(trouble[0], trouble[1])
        if abs(seen.quality.yaw) > _MAX_START_YAW:
            self._ready = []
            return self._told(State.SEARCHING, _INSTRUCTIONS[Pose.AHEAD])
        self._ready = [*self._ready, seen][-_READY_FRAMES:]
        yaws = [entry.quality.yaw for entry in self._ready]
        if len(yaws) < _READY_FRAMES or max(yaws) - min(yaws) > _STILL:
            return self._told(State.SEARCHING, "Hold still.")
        self._ahead = float(np.median(yaws))
        self.width = HeadWidth([entry.faces[0].landmarks for entry in self._ready], self._ahead)
        for entry in self._ready:
            self._identity.observe(entry.embedding)
        self._judge = TurnJudge(self._challenge, seen.time)
        self._face, self._face_time = seen.faces[0], seen.time
        return self._told(State.CHALLENGE, _INSTRUCTIONS[self._judge.asked], pose=self._judge.asked)

    def _follow(self, seen: Observation, trouble: tuple[State, str] | None) -> Status:
        """One frame of the challenge, or of the moment after it."""
        # A head in motion is blurred, and a turned one hides half of its mouth.
        if trouble and trouble[0] not in (State.BLURRED, State.COVERED):
            if seen.time - self._face_time > _LOST_SECONDS:
                return self.refuse("face_lost")
            return self._told(*trouble, pose=self._judge.asked)
        if self._has_jumped(seen):
            return self.refuse("face_changed")
        self._face, self._face_time = seen.faces[0], seen.time
        if trouble is None:
            self._identity.observe(seen.embedding)
        if self._identity.is_strange:
            return self.refuse("not_recognised")
        if self._identity.is_changed:
            return self.refuse("face_changed")
        yaw = seen.quality.yaw - self._ahead
        if abs(yaw) >= TURNED:
            self.width.observe(seen.faces[0].landmarks, seen.quality.yaw)
        self._judge.observe(yaw, seen.time)
        if self._judge.failure:
            return self.refuse(self._judge.failure)
        if self._judge.is_done:
            return self._hold()
        asked = self._judge.asked
        instruction = "Stay like this." if self._judge.is_held else _INSTRUCTIONS[asked]
        return self._told(State.CHALLENGE, instruction, pose=asked)

    def _hold(self) -> Status:
        """After the challenge: a few more frames, then the decision over all of them."""
        self._held += 1
        if self._held <= _HOLD_FRAMES or self._identity.num_frames < MIN_FRAMES:
            return self._told(State.HOLDING, "Hold still.")
        if self.width.is_flat:
            return self.refuse("flat")
        self.person_id = self._identity.verdict()
        if self.person_id is None:
            return self.refuse("not_recognised")
        person = self._identity.people.names[self.person_id]
        return self._told(State.UNLOCKED, reason="The face was recognised, and every move was as asked.", person=person)

    def _told(self, state: State, instruction: str = "", **details) -> Status:
        done = self._judge.done if self._judge else 0
        steps = len(self._challenge.steps)
        progress = 1.0 if state == State.UNLOCKED else (done + (self._judge is not None)) / (steps + 2)
        return Status(state, instruction, step=done, num_steps=steps, progress=progress, **details)

    def _trouble(self, seen: Observation) -> tuple[State, str] | None:
        """What keeps a frame from being used, as a state and what to do."""
        if not seen.faces:
            if seen.brightness < _BLACK:
                return State.TOO_DARK, "The picture is black: is the camera covered?"
            return State.SEARCHING, "Look into the camera."
        if none_stands_out(seen.faces):
            return State.SEVERAL_FACES, "Only one face may be in view."
        if min(seen.faces[0].box[2:]) < MIN_FACE:
            return _TROUBLES["side"]
        for measure, _ in problems(seen.quality):
            if measure in ("brightness", "clipped"):
                bright = seen.quality.brightness > 128
                return (State.TOO_BRIGHT, "Less light, please.") if bright else (State.TOO_DARK, "More light, please.")
            if measure in _TROUBLES:
                return _TROUBLES[measure]
        return None

    def _has_jumped(self, seen: Observation) -> bool:
        """Whether the face cannot have come here, in the time since it was seen last, by moving."""
        (x, y, width, height), (left, top, wide, high) = self._face.box, seen.faces[0].box
        side, now = max(width, height), max(wide, high)
        shift = np.hypot(x + width / 2 - left - wide / 2, y + height / 2 - top - high / 2) / side
        tenths = max(1.0, (seen.time - self._face_time) / 0.1)
        return shift > _MAX_SHIFT * tenths or max(side / now, now / side) > _MAX_GROWTH**tenths
