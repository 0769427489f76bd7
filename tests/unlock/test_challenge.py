"""The challenge: what can be drawn, and that nothing but what was asked for passes."""

import random
from collections import Counter

import numpy as np
import pytest

from kerasface.unlock.challenge import (
    AHEAD,
    ASIDE,
    REACTION,
    STEP_TIMEOUT,
    TURNED,
    Challenge,
    Pose,
    Step,
    TurnJudge,
    draw_challenge,
)

LEFT, RIGHT, MIDDLE = TURNED + 5, -TURNED - 5, 0.0
RATE = 20.0  # frames per second


def judge_of(*poses, hold=0.1):
    return TurnJudge(Challenge(tuple(Step(Pose(pose), hold) for pose in poses)), 0.0)


def follow(judge, *moves, start=0.0):
    """Shows the judge a head that is at each yaw for so many seconds; `moves` are pairs (yaw, seconds)."""
    now = start
    for yaw, seconds in moves:
        for _ in range(round(seconds * RATE)):
            now += 1 / RATE
            judge.observe(yaw, now)
    return judge


def test_every_challenge_is_drawn_about_as_often_as_it_should():
    """2, 3 or 4 steps in 4, 2 and 1 of 7 cases, two ways for each step: 4/7 / 4, 2/7 / 8 and 1/7 / 16 of the draws."""
    generator, num = random.Random(0), 20_000
    drawn = Counter(tuple(str(step.pose) for step in draw_challenge(generator).steps) for _ in range(num))
    assert len(drawn) == 4 + 8 + 16
    for poses, count in drawn.items():
        expected = num * {2: 4 / 7, 3: 2 / 7, 4: 1 / 7}[len(poses)] / 2 ** len(poses)
        assert abs(count - expected) < 5 * np.sqrt(expected)


def test_a_challenge_is_drawn_from_the_system_by_default():
    random.seed(0)
    first = [draw_challenge() for _ in range(5)]
    random.seed(0)
    assert first != [draw_challenge() for _ in range(5)]


@pytest.mark.parametrize("poses", [(), ("ahead",), ("left", "left"), ("left", "ahead", "ahead")])
def test_a_step_asks_for_another_pose(poses):
    with pytest.raises(ValueError, match="another pose"):
        Challenge(tuple(Step(Pose(pose), 0.1) for pose in poses))


def test_moves_as_asked_pass():
    judge = follow(judge_of("left", "right", "ahead"), (MIDDLE, 0.4), (LEFT, 0.5), (MIDDLE, 0.2), (RIGHT, 0.5))
    assert (judge.done, judge.failure, judge.asked) == (2, None, Pose.AHEAD)
    assert follow(judge, (MIDDLE, 0.5), start=2.0).is_done


@pytest.mark.parametrize("sign", [1, -1])
def test_left_is_the_users_own(sign):
    """Seen from the camera, whoever turns to the own left points to the right of the frame: yaw above 0."""
    judge = follow(judge_of("left" if sign > 0 else "right"), (MIDDLE, 0.4), (sign * LEFT, 0.5))
    assert judge.is_done


@pytest.mark.parametrize(
    ("asked", "moves"),
    [
        (("left",), [(MIDDLE, 0.4), (RIGHT, 0.3)]),
        (("left", "ahead"), [(MIDDLE, 0.4), (LEFT, 0.5), (MIDDLE, 0.1), (RIGHT, 0.3)]),
        (("left", "right"), [(MIDDLE, 0.4), (LEFT, 0.5), (MIDDLE, 0.2), (LEFT, 0.3)]),
        (("left", "right", "left"), [(MIDDLE, 0.4), (LEFT, 0.5), (RIGHT, 0.5), (MIDDLE, 0.2), (RIGHT, 0.3)]),
        (("left", "right"), [(MIDDLE, 0.4), (LEFT, 0.5), (MIDDLE, 0.4), (RIGHT, 0.3)]),
    ],
    ids=["other way", "beyond the middle", "back again", "back again on the other side", "a stop on the way"],
)
def test_a_move_that_was_not_asked_for_ends_it(asked, moves):
    assert follow(judge_of(*asked), *moves).failure == "wrong_turn"


def test_less_than_a_turn_to_the_other_side_ends_it_too():
    """A head that is not turned far enough to count must not pass for one that looks ahead."""
    slight = -(ASIDE + 2)
    assert abs(slight) < TURNED
    assert follow(judge_of("left"), (MIDDLE, 0.4), (slight, 0.3)).failure == "wrong_turn"
    assert follow(judge_of("left", "ahead"), (MIDDLE, 0.4), (LEFT, 0.5), (slight, 0.5)).failure == "wrong_turn"


def test_a_head_still_half_turned_does_not_look_ahead():
    half = (AHEAD + ASIDE) / 2
    judge = follow(judge_of("left", "ahead"), (MIDDLE, 0.4), (LEFT, 0.5), (MIDDLE, 0.1), (-half, 1.0))
    assert (judge.done, judge.failure) == (1, None)
    assert follow(judge, (MIDDLE, 0.5), start=2.1).is_done


def test_a_pose_must_be_held():
    assert follow(judge_of("left", hold=0.5), (MIDDLE, 0.4), (LEFT, 0.2), (MIDDLE, 0.2)).failure == "wrong_turn"


def test_the_last_pose_must_be_kept():
    judge = follow(judge_of("left"), (MIDDLE, 0.4), (LEFT, 0.5))
    assert judge.is_done
    assert follow(judge, (MIDDLE, 0.1), start=1.0).failure == "wrong_turn"


def test_who_only_passes_the_middle_does_not_look_ahead():
    """At 100 degrees a second the middle, 2 * 11 degrees wide, takes 0.22 s."""
    judge = follow(judge_of("left", "ahead"), (MIDDLE, 0.4), (LEFT, 0.5))
    for number, yaw in enumerate(np.arange(LEFT, RIGHT, -100 / RATE)):
        judge.observe(float(yaw), 1.0 + number / RATE)
    assert (judge.done, judge.failure) == (1, "wrong_turn")


def test_nobody_moves_sooner_than_one_can_react():
    assert follow(judge_of("left"), (LEFT, REACTION - 0.05)).failure == "too_early"
    assert follow(judge_of("left"), (MIDDLE, REACTION), (LEFT, 0.3)).is_done


def test_a_step_that_does_not_come_ends_it():
    judge = follow(judge_of("left"), (MIDDLE, STEP_TIMEOUT))
    assert judge.failure is None
    assert follow(judge, (MIDDLE, 0.1), start=STEP_TIMEOUT).failure == "step_timeout"


def test_between_two_poses_the_head_keeps_the_one_it_had():
    between = (AHEAD + TURNED) / 2
    judge = follow(judge_of("left", "ahead", hold=0.2), (MIDDLE, 0.4), (between, 0.3))
    assert (judge.done, judge.is_held, judge.failure) == (0, False, None)
    follow(judge, (LEFT, 0.1), (between, 0.3), start=1.0)
    assert (judge.done, judge.failure) == (1, None)


def test_whatever_comes_after_a_failure_changes_nothing():
    judge = follow(judge_of("left"), (MIDDLE, 0.4), (RIGHT, 0.1))
    assert follow(judge, (MIDDLE, 0.4), (LEFT, 0.5), start=1.0).failure == "wrong_turn"
    assert not judge.is_done
