"""What an attempt to unlock is at in every frame: its state, what the user should do, and why."""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from kerasface.unlock.challenge import Pose


class State(StrEnum):
    """Where an attempt stands."""

    SEARCHING = "searching"
    TOO_SMALL = "too_small"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    BLURRED = "blurred"
    COVERED = "covered"
    SEVERAL_FACES = "several_faces"
    CHALLENGE = "challenge"
    HOLDING = "holding"
    UNLOCKED = "unlocked"
    REFUSED = "refused"
    LOCKED_OUT = "locked_out"

    @property
    def is_final(self) -> bool:
        """Whether the attempt is over."""
        return self in (State.UNLOCKED, State.REFUSED, State.LOCKED_OUT)


@dataclass(frozen=True, eq=False)
class Status:
    """What is to be shown after a frame. It holds no score: scores help whoever wants to deceive.

    Attributes:
        state: Where the attempt stands.
        instruction: What the user should do now; empty once it is over.
        reason: Why it is so, in a sentence; empty where the instruction says all.
        cause: Of a refusal, in one word for scripts; else `None`.
        pose: The pose asked for, the user's own left and right; `None` where none is. A display that works like a
            mirror shows the user's left on its left.
        step: Steps of the challenge that were done.
        num_steps: Steps that it has.
        progress: How far the attempt is, in `[0, 1]`.
        box: x, y of the upper left corner, width and height of the face, in pixels of the frame; `None` without one.
        landmarks: `(5, 2)` positions in the frame, as `Face` has them; `None` without a face.
        person: Name of whom it was unlocked for; else `None`.
    """

    state: State
    instruction: str = ""
    reason: str = ""
    cause: str | None = None
    pose: Pose | None = None
    step: int = 0
    num_steps: int = 0
    progress: float = 0.0
    box: tuple[float, float, float, float] | None = None
    landmarks: np.ndarray | None = None
    person: str | None = None

    def seen(self, box: tuple[float, float, float, float], landmarks: np.ndarray) -> "Status":
        """Returns the same with the face where it is."""
        return replace(self, box=box, landmarks=landmarks)

    def to_dict(self) -> dict:
        """Returns it as JSON-ready values, without the landmarks."""
        return {
            "state": str(self.state),
            "instruction": self.instruction,
            "reason": self.reason,
            "cause": self.cause,
            "pose": self.pose and str(self.pose),
            "step": self.step,
            "num_steps": self.num_steps,
            "progress": round(self.progress, 3),
            "box": self.box and [round(float(value), 1) for value in self.box],
            "person": self.person,
        }
