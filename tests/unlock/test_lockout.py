"""The lockout: never more attempts than the rule allows, whatever is restarted, killed, set back or altered."""

import json
import math
import multiprocessing
import sqlite3
from contextlib import closing

import pytest

from kerasface.gallery.opening import open_gallery
from kerasface.unlock import lockout as lockout_module
from kerasface.unlock.lockout import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_FAILURES,
    LockedOutError,
    Lockout,
    LockoutError,
    NotEnabledError,
    wait_after,
)
from kerasface.unlock.states import State

KEY = bytes(range(32))
ADA, BOB = "a" * 16, "b" * 16


class Clock:
    """Seconds since the machine was started."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "unlock.json"


@pytest.fixture
def lockout(path, clock):
    opened = Lockout(path, key=KEY, clock=clock)
    opened.enable(ADA)
    return opened


def fail(lockout, times=1, clock=None):
    for _ in range(times):
        if clock is not None:
            clock.now += LONGEST_WAIT
        lockout.begin([ADA])


def test_the_rule():
    """Free up to the fourth failure, then 30 s, doubling, never more than an hour."""
    assert [wait_after(failures) for failures in range(5)] == [0.0] * 5
    assert [wait_after(failures) for failures in range(5, 12)] == [30, 60, 120, 240, 480, 960, 1920]
    assert {wait_after(failures) for failures in range(12, 60)} == {3600}


def test_sixty_failures_with_restarts_in_between(path, clock):
    """Somebody tries every second for ever, restarting the program before each attempt.

    The times at which the rule allows an attempt are summed up here: 5 at once, then after 30, 60, ... s.
    """
    Lockout(path, key=KEY, clock=clock).enable(ADA)
    allowed, when = [], clock.now
    for failures in range(MAX_FAILURES):
        wait = 0 if failures < 5 else min(30 * 2 ** (failures - 5), 3600)
        when = max(when + wait, clock.now)
        allowed.append(when)
    begun = []
    start = clock.now
    for _ in range(60):
        for _ in range(int(LONGEST_WAIT) + 2):
            try:
                Lockout(path, key=KEY, clock=clock).begin([ADA])
            except LockedOutError as error:
                clock.now += min(max(error.seconds_left, 1.0), LONGEST_WAIT)
                if math.isinf(error.seconds_left):
                    break
            else:
                begun.append(clock.now)
                break
    assert len(begun) == MAX_FAILURES
    assert start == begun[0]
    assert all(at >= earliest for at, earliest in zip(begun, allowed, strict=True))


def test_too_early_changes_nothing(lockout, path, clock):
    fail(lockout, 5)
    before = path.read_bytes()
    clock.now += FIRST_WAIT - 1
    with pytest.raises(LockedOutError, match="Try again in 1 s") as caught:
        lockout.begin([ADA])
    assert (caught.value.seconds_left, caught.value.state) == (pytest.approx(1), State.LOCKED_OUT)
    assert path.read_bytes() == before
    clock.now += 1
    lockout.begin([ADA])


def test_success_counts_back_to_zero(lockout):
    for _ in range(MAX_FAILURES + 5):
        lockout.begin([ADA])
        lockout.succeed([ADA], ADA)
    assert lockout.seconds_left(ADA) == 0


def test_an_attempt_for_anybody_counts_for_everybody(lockout):
    lockout.enable(BOB)
    for _ in range(4):
        lockout.begin([ADA, BOB])
    lockout.begin([ADA, BOB])
    assert lockout.seconds_left(BOB) == FIRST_WAIT


def test_the_success_of_one_takes_back_one_failure_of_the_other(lockout):
    """Nobody wipes out the failures at somebody else's face by unlocking with their own."""
    lockout.enable(BOB)
    for _ in range(4):
        lockout.begin([ADA])
    lockout.begin([ADA, BOB])
    lockout.succeed([ADA, BOB], BOB)
    assert lockout.seconds_left(ADA) == 0
    lockout.begin([ADA])
    assert lockout.seconds_left(ADA) == FIRST_WAIT


def test_after_fifty_only_enabling_helps(lockout, clock):
    fail(lockout, MAX_FAILURES, clock)
    clock.now += 1e9
    with pytest.raises(LockedOutError, match="--enable"):
        lockout.begin([ADA])
    assert lockout.seconds_left(ADA) == math.inf
    lockout.enable(ADA)
    lockout.begin([ADA])


def test_a_restart_of_the_machine_gives_no_time_that_is_not_known(lockout, path, clock):
    """After a restart the clock counts from 0: only what it shows has surely passed."""
    fail(lockout, 5)
    after = Clock(10.0)
    assert Lockout(path, key=KEY, clock=after).seconds_left(ADA) == pytest.approx(FIRST_WAIT - 10)
    after.now = FIRST_WAIT
    Lockout(path, key=KEY, clock=after).begin([ADA])


def test_the_wall_clock_does_not_matter(lockout, monkeypatch):
    fail(lockout, 5)
    for wall in (0.0, 1e12):
        monkeypatch.setattr("time.time", lambda wall=wall: wall)
        assert lockout.seconds_left(ADA) == FIRST_WAIT


def test_it_must_be_turned_on_first(path):
    lockout = Lockout(path, key=KEY)
    assert not lockout.is_known(ADA)
    for ask in (lockout.check, lockout.begin):
        with pytest.raises(NotEnabledError, match="--enable"):
            ask([ADA])
    assert not path.exists()


def test_a_removed_file_turns_it_off(lockout, path):
    path.unlink()
    with pytest.raises(NotEnabledError, match="does not exist"):
        lockout.begin([ADA])
    with pytest.raises(NotEnabledError):
        lockout.succeed([ADA], ADA)


@pytest.mark.parametrize(
    "alter",
    [
        lambda content: content.replace(b'\\"failures\\": 3', b'\\"failures\\": 0'),
        lambda content: content[:-20],
        lambda content: b"",
        lambda content: b"[]",
        lambda content: b"\xff\xfe",
        lambda content: json.dumps({"people": "{}", "signature": ""}).encode(),
        lambda content: json.dumps({"people": None, "signature": None}).encode(),
    ],
)
def test_an_altered_file_turns_it_off(lockout, path, alter):
    fail(lockout, 3)
    altered = alter(path.read_bytes())
    assert altered != path.read_bytes()
    path.write_bytes(altered)
    with pytest.raises(NotEnabledError, match="altered"):
        lockout.begin([ADA])
    assert path.read_bytes() == altered


def test_another_key_turns_it_off(lockout, path):
    with pytest.raises(NotEnabledError, match="another gallery key"):
        Lockout(path, key=bytes(32)).check([ADA])


def test_a_missing_key_is_said(path, monkeypatch, tmp_path):
    monkeypatch.delenv("KERASFACE_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "empty"))
    with pytest.raises(LockoutError, match="key of the gallery is missing"):
        Lockout(path).check([ADA])


def test_enabling_mends_an_altered_file(lockout, path):
    path.write_bytes(b"nonsense")
    lockout.enable(BOB)
    lockout.begin([BOB])
    with pytest.raises(NotEnabledError):
        lockout.begin([ADA])


def _begin(path, count):
    done = 0
    for _ in range(count):
        try:
            Lockout(path, key=KEY, clock=lambda: 1000.0).begin([ADA])
            done += 1
        except LockedOutError:
            pass
    return done


@pytest.mark.slow
def test_two_processes_together_get_no_more_attempts(path):
    Lockout(path, key=KEY, clock=lambda: 1000.0).enable(ADA)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        done = pool.starmap(_begin, [(path, 5)] * 2)
    assert sum(done) == 5


def test_a_killed_program_saves_no_attempt(lockout, path, clock):
    """`begin` returns after the failure is on disk: what happens to the program then changes nothing."""
    lockout.begin([ADA])
    again = Lockout(path, key=KEY, clock=clock)
    fail(again, 4)
    with pytest.raises(LockedOutError):
        again.begin([ADA])


@pytest.fixture
def gallery(tmp_path):
    with open_gallery(tmp_path / "g", embedder="e", embedding_dim=4, key=KEY) as opened:
        opened.enroll("Ada", [])
        yield opened


@pytest.fixture
def sealed(path, clock, gallery, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    opened = Lockout(path, key=KEY, clock=clock, gallery=gallery)
    opened.enable(ADA)
    return opened


def test_an_older_copy_of_the_file_turns_it_off(sealed, path):
    """Whoever puts it back has no failures fewer."""
    copy = path.read_bytes()
    sealed.begin([ADA])
    path.write_bytes(copy)
    for action in (lambda: sealed.check([ADA]), lambda: sealed.begin([ADA])):
        with pytest.raises(NotEnabledError, match="an older copy"):
            action()
    sealed.enable(ADA)
    sealed.begin([ADA])


def test_another_folder_does_not_start_anew(sealed, gallery, clock, tmp_path):
    other = Lockout(tmp_path / "other" / "unlock.json", key=KEY, clock=clock, gallery=gallery)
    other.path.parent.mkdir()
    other.path.write_bytes(sealed.path.read_bytes())
    sealed.begin([ADA])
    with pytest.raises(NotEnabledError, match="one of another folder"):
        other.begin([ADA])


def test_an_older_gallery_does_not_start_anew(sealed, path, gallery, clock, tmp_path):
    """Both put back: the gallery is older than this machine has seen."""
    with closing(sqlite3.connect(gallery.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copies = {file: file.read_bytes() for file in (path, gallery.path)}
    sealed.begin([ADA])
    gallery.close()
    for file, content in copies.items():
        file.write_bytes(content)
    for log in ("g-wal", "g-shm"):
        (tmp_path / log).unlink(missing_ok=True)
    with open_gallery(gallery.path, embedder="e", embedding_dim=4, key=KEY) as older:
        again = Lockout(path, key=KEY, clock=clock, gallery=older)
        with pytest.raises(LockoutError, match="older copy of itself"):
            again.begin([ADA])


def test_a_count_of_a_version_before_goes_on(path, clock, gallery, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    key = Lockout(path, key=KEY)._signing_key()
    path.parent.mkdir()
    path.write_bytes(lockout_module._signed({ADA: {"failures": 5, "wait": 30.0, "since": clock.now}}, key))
    with pytest.raises(LockedOutError):
        Lockout(path, key=KEY, clock=clock, gallery=gallery).begin([ADA])


def test_turning_changes_nothing_else_of_the_gallery(sealed, gallery):
    version = gallery.version
    sealed.begin([ADA])
    assert (gallery.version, gallery.check()) == (version, [])
