"""The challenge: turns of the head in an order that nobody knows beforehand, and whether they were done as asked."""

import itertools
import random
from dataclasses import dataclass
from enum import StrEnum

# Relative to how the head was held when the user looked into the camera, because the head model fits nobody exactly:
# people who look ahead measure -13 to +14 degrees.
TURNED = 25.0  # degrees from which the head counts as turned
AHEAD = 11.0  # degrees up to which it counts as looking ahead
# From here on it points to a side where it was not asked to go, even if it is not turned yet: a head that turns by less
# than it takes would otherwise be taken for one that does nothing.
ASIDE = 16.0
# Nobody answers an instruction sooner, seconds: whoever does was moving already, or plays a video.
REACTION = 0.12
STEP_TIMEOUT = 3.0  # seconds that one step may take
# Whoever turns from one side to the other passes the middle, at 100 degrees a second and more. Who keeps still there
# looks ahead, be it asked or not: else "left, ahead, right" would answer "left, right".
_STILL_SECONDS = 0.25
_STILL = 8.0  # degrees
_NUM_STEPS = (2, 2, 2, 2, 3, 3, 4)  # drawn from; more take a user longer than 3 s more often than not
_HOLDS = (0.05, 0.2)  # seconds


class Pose(StrEnum):
    """Where the head points: left and right are the user's own."""

    LEFT = "left"
    AHEAD = "ahead"
    RIGHT = "right"


@dataclass(frozen=True)
class Step:
    """One pose of a challenge.

    Attributes:
        pose: Where the head must point.
        hold: Seconds for which it must stay there before the next instruction comes. Drawn as well: a video made
            beforehand does not know when the next instruction will come.
    """

    pose: Pose
    hold: float


@dataclass(frozen=True)
class Challenge:
    """The poses asked for one after another; before the first the user looks ahead.

    Raises:
        ValueError: If there is no step, two in a row are the same, or the first is `Pose.AHEAD`.
    """

    steps: tuple[Step, ...]

    def __post_init__(self):
        poses = [Pose.AHEAD, *(step.pose for step in self.steps)]
        if len(poses) < 2 or any(a == b for a, b in itertools.pairwise(poses)):
            raise ValueError(
                "A challenge starts looking ahead, and every step asks for another pose than the one before. "
                f"Received: steps={[str(pose) for pose in poses[1:]]}."
            )


def draw_challenge(generator: random.Random | None = None) -> Challenge:
    """Draws a challenge of two, three or four steps; each step asks for one of the two poses not held.

    There are 4, 8 and 16 of them, in 4, 2 and 1 of 7 cases: whoever guesses is right in 19 % of the cases, if the times
    fit.

    Args:
        generator: The system's source of random numbers if not given; one with a seed for tests.
    """
    generator = generator or random.SystemRandom()
    steps, pose = [], Pose.AHEAD
    for _ in range(generator.choice(_NUM_STEPS)):
        pose = generator.choice([other for other in Pose if other != pose])
        steps.append(Step(pose, generator.uniform(*_HOLDS)))
    return Challenge(tuple(steps))


class TurnJudge:
    """Follows the head through a challenge.

    Every move must have been asked for: on the way to a pose the head may pass the one between, and that is all.

    Args:
        challenge: What is asked.
        time: When the first step was asked, in seconds; times only need to rise.

    Attributes:
        done: Number of steps done; the last pose must be kept after it.
        failure: `"wrong_turn"`, `"too_early"` or `"step_timeout"` as soon as it failed, else `None`.
    """

    def __init__(self, challenge: Challenge, time: float):
        self.challenge = challenge
        self.done = 0
        self.failure: str | None = None
        self._asked = time
        self._origin = Pose.AHEAD  # the pose that the head had when the step was asked
        self._pose = Pose.AHEAD
        self._held: list[tuple[float, float]] = []  # time and yaw of the frames in the pose asked for
        self._passing: list[tuple[float, float]] = []  # those in the middle, on the way to the other side

    @property
    def is_done(self) -> bool:
        """Whether all steps were done."""
        return self.done == len(self.challenge.steps)

    @property
    def asked(self) -> Pose | None:
        """The pose asked for now."""
        return None if self.is_done else self.challenge.steps[self.done].pose

    @property
    def is_held(self) -> bool:
        """Whether the head is where it should be and must stay there a moment."""
        return bool(self._held)

    def observe(self, yaw: float, time: float) -> None:
        """Takes in the turn of the head in one frame.

        Args:
            yaw: Degrees from looking ahead; above 0 to the user's own left.
            time: Of the frame, seconds.
        """
        if self.failure:
            return
        pose = self._zone(yaw)
        if pose != self._pose:
            self.failure = self._objection(pose, time)
            self._pose = pose
        if self._is_aside(yaw):
            self.failure = self.failure or "wrong_turn"
        if self.failure or self.is_done:
            return
        step = self.challenge.steps[self.done]
        if pose != step.pose:
            if pose == Pose.AHEAD != self._origin:
                self._passing.append((time, yaw))
                if _seconds_still(self._passing) >= _STILL_SECONDS:
                    self.failure = "wrong_turn"
            if time - self._asked > STEP_TIMEOUT:
                self.failure = self.failure or "step_timeout"
            return
        if pose == Pose.AHEAD and abs(yaw) > AHEAD:
            self._held = []  # on its way out of the middle, or not in it yet
            return
        self._held.append((time, yaw))
        if pose == Pose.AHEAD:
            is_done = _seconds_still(self._held) >= max(step.hold, _STILL_SECONDS)
        else:
            is_done = time - self._held[0][0] >= step.hold
        if is_done:
            self.done += 1
            self._asked, self._origin, self._held, self._passing = time, pose, [], []

    def _zone(self, yaw: float) -> Pose:
        """The pose that a turn is; between two of them the head keeps the one it had."""
        if yaw >= TURNED:
            return Pose.LEFT
        if yaw <= -TURNED:
            return Pose.RIGHT
        return Pose.AHEAD if abs(yaw) <= AHEAD or self._pose == _opposite(yaw) else self._pose

    def _is_aside(self, yaw: float) -> bool:
        """Whether the head points to a side that lies neither where it was nor where it should go."""
        allowed = {self._origin, self.asked}
        return (yaw > ASIDE and Pose.LEFT not in allowed) or (yaw < -ASIDE and Pose.RIGHT not in allowed)

    def _objection(self, pose: Pose, time: float) -> str | None:
        """What is wrong with taking on this pose now."""
        if self.is_done or self._held:
            return "wrong_turn"  # the pose was to be held
        target = self.challenge.steps[self.done].pose
        is_on_the_way = pose == Pose.AHEAD and self._origin not in (Pose.AHEAD, target)
        if pose != target and not is_on_the_way:
            return "wrong_turn"
        return "too_early" if time - self._asked < REACTION else None


def _opposite(yaw: float) -> Pose:
    return Pose.RIGHT if yaw > 0 else Pose.LEFT


def _seconds_still(frames: list[tuple[float, float]]) -> float:
    """For how long the head has been still; drops frames in which it was still arriving.

    Args:
        frames: Time and yaw of each, not empty.
    """
    while max(yaw for _, yaw in frames) - min(yaw for _, yaw in frames) > _STILL:
        frames.pop(0)
    return frames[-1][0] - frames[0][0]
