"""A session: frames in, statuses out, and every attempt counted before its first instruction is shown."""

import numpy as np
import pytest

from kerasface.unlock.lockout import Lockout
from kerasface.unlock.session import UnlockSession
from kerasface.unlock.states import State

KEY = bytes(range(32))
ADA = "a" * 16


@pytest.fixture
def lockout(tmp_path):
    opened = Lockout(tmp_path / "unlock.json", key=KEY, clock=lambda: 1000.0)
    opened.enable(ADA)
    return opened


@pytest.fixture
def new_session(people, made_up_analyzer, lockout, left_right):
    return lambda **details: UnlockSession(
        people, made_up_analyzer, lockout, **{"challenge": left_right, "timeout": 10.0, **details}
    )


def watch(session, frames, rate=15.0):
    for number, frame in enumerate(frames):
        status = session.observe(frame, number / rate)
        if status.state.is_final:
            break
    return session.status


def test_a_compliant_user_unlocks_and_nothing_stays_counted(new_session, genuine_frames, lockout):
    for _ in range(6):
        status = watch(new_session(), genuine_frames())
        assert (status.state, status.person) == (State.UNLOCKED, "Ada")
    assert lockout.seconds_left(ADA) == 0


def test_the_failure_is_counted_before_the_first_instruction(new_session, coded_frame, lockout, tmp_path):
    before = (tmp_path / "unlock.json").read_bytes()
    session = new_session()
    for number in range(3):
        assert (tmp_path / "unlock.json").read_bytes() == before
        session.observe(coded_frame(number), number / 15)
    assert session.status.state == State.CHALLENGE
    assert (tmp_path / "unlock.json").read_bytes() != before


def test_attempts_that_are_broken_off_count(new_session, coded_frame, lockout):
    for _ in range(5):
        watch(new_session(), [coded_frame(number) for number in range(6)])
    status = new_session().status
    assert (status.state, status.cause) == (State.LOCKED_OUT, "locked_out")
    assert "30 s" in status.reason


def test_whoever_is_locked_out_is_not_looked_at(new_session, genuine_frames, coded_frame, lockout):
    for _ in range(5):
        watch(new_session(), [coded_frame(number) for number in range(6)])
    assert watch(new_session(), genuine_frames()).state == State.LOCKED_OUT


def test_looking_into_the_camera_alone_is_no_attempt(new_session, coded_frame, lockout):
    """Nobody is locked out by passing by: without a face that looks ahead nothing is counted."""
    for _ in range(8):
        watch(new_session(), [coded_frame(number, faces=0) for number in range(10)])
    assert lockout.seconds_left(ADA) == 0


def test_an_attempt_begun_elsewhere_meanwhile_counts(new_session, coded_frame, genuine_frames, lockout):
    """Five sessions opened at once get five attempts together, not five each."""
    sessions = [new_session() for _ in range(7)]
    states = [watch(session, genuine_frames()[:6]).state for session in sessions]
    assert states == [State.CHALLENGE] * 5 + [State.LOCKED_OUT] * 2


@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_without_a_sound_count_nobody_unlocks(new_session, genuine_frames, tmp_path, spoil):
    spoil(tmp_path / "unlock.json")
    status = watch(new_session(), genuine_frames())
    assert (status.state, status.cause) == (State.REFUSED, "not_enabled")
    assert "--enable" in status.reason


def test_a_count_spoilt_in_the_middle_is_no_way_in(new_session, genuine_frames, tmp_path):
    session = new_session()
    frames = genuine_frames()
    watch(session, frames[:10])
    (tmp_path / "unlock.json").unlink()
    for number, frame in enumerate(frames[10:], 10):
        status = session.observe(frame, number / 15)
    assert (status.state, status.person) == (State.REFUSED, None)


def test_what_was_the_end_stays_the_end(new_session, genuine_frames, coded_frame):
    session = new_session()
    status = watch(session, genuine_frames())
    assert session.observe(coded_frame(99, faces=0), 99.0) is status
    assert session.stop("camera_lost", "It is gone.") is status


def test_stopping_refuses(new_session, coded_frame):
    session = new_session()
    watch(session, [coded_frame(number) for number in range(6)])
    status = session.stop("camera_lost", "The camera was taken away.")
    assert (status.state, status.cause, status.reason) == (
        State.REFUSED,
        "camera_lost",
        "The camera was taken away.",
    )


def test_a_mirrored_camera_fails(new_session, genuine_frames, made_up_analyzer):
    """A frame must come as the camera sees it: in a mirror image left is right."""
    mirrored = [frame for frame in genuine_frames()]
    for frame in mirrored:
        frame[:8, :8] = 256 - frame[2, 2, 0].astype(int)
    assert watch(new_session(), mirrored).cause == "wrong_turn"


def test_positions_are_those_of_the_frame_given(new_session, coded_frame):
    """A frame of 1280 x 960 is searched at half its size; its first pixels are coded twice as large."""
    frame = np.kron(coded_frame(0), np.ones((2, 2, 1), np.uint8))
    status = new_session().observe(frame, 0.0)
    assert status.box == (480.0, 240.0, 320.0, 384.0)
    np.testing.assert_allclose(status.landmarks.mean(axis=0)[0], 640, atol=1)


def test_another_embedder_is_refused(people, made_up_analyzer, lockout):
    made_up_analyzer.fingerprint = "another"
    with pytest.raises(ValueError, match="one embedder"):
        UnlockSession(people, made_up_analyzer, lockout)


def test_the_error_rate_is_said_without_a_score(new_session):
    text = new_session().error_rate_text
    assert "0.01%" in text
    assert "LFW" in text
    assert "0.94" not in text


def test_the_challenge_is_drawn_afresh(people, made_up_analyzer, lockout, coded_frame):
    asked = set()
    for _ in range(3):
        lockout.enable(ADA)
        for _ in range(4):
            session = UnlockSession(people, made_up_analyzer, lockout)
            asked.add(watch(session, [coded_frame(number) for number in range(4)]).pose)
    assert {str(pose) for pose in asked} == {"left", "right"}
