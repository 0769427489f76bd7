import hashlib
import json
import os
import stat
import threading
from base64 import b64decode

import pytest
from click.testing import CliRunner

from kerasface import password as password_module
from kerasface.cli import main
from kerasface.password import (
    LONGEST_WAIT,
    Door,
    PasswordFileError,
    TooEarlyError,
    check_password,
    clear_password,
    password_mark,
    password_path,
    set_password,
)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_only_the_password_that_was_set_is_right():
    assert password_mark() is None
    set_password("correct horse")
    assert password_mark() is not None
    assert check_password("correct horse")
    for wrong in ("", "correct horsf", "Correct horse", "correct horse "):
        assert not check_password(wrong)


def test_every_password_has_a_mark_of_its_own(monkeypatch):
    set_password("correct horse")
    first = password_mark()
    assert password_mark() == first
    set_password("correct horse")
    assert password_mark() != first  # salted anew: whoever sets it again wants everybody asked
    monkeypatch.setattr(type(password_path()), "read_bytes", lambda path: (_ for _ in ()).throw(PermissionError()))
    assert password_mark() != password_mark()


def test_no_password_of_a_megabyte_is_hashed(monkeypatch):
    with pytest.raises(ValueError, match=r"at most 1024 characters. Received: 1025"):
        set_password("x" * 1025)
    set_password("correct horse")
    monkeypatch.setattr(password_module, "_hashed", None)
    assert not check_password("x" * 2**20)


def test_the_file_holds_a_salted_hash_and_only_its_owner_reads_it():
    path = set_password("correct horse")
    content = path.read_text()
    assert "correct" not in content
    record = json.loads(content)
    cost, block_size, parallel = record["scrypt"]
    expected = hashlib.scrypt(
        b"correct horse", salt=b64decode(record["salt"]), n=cost, r=block_size, p=parallel, maxmem=2**27, dklen=32
    )
    assert b64decode(record["hash"]) == expected
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    set_password("correct horse")
    assert json.loads(path.read_text())["salt"] != record["salt"]


def test_a_short_password_is_refused():
    with pytest.raises(ValueError, match=r"at least 8 characters\. Received: 7"):
        set_password("1234567")
    assert password_mark() is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"scrypt": [32768, 8, 1], "salt": "?", "hash": "AA=="}', b"\xff"])
def test_a_damaged_file_lets_nobody_in(content):
    set_password("correct horse")
    password_path().write_bytes(content)
    with pytest.raises(PasswordFileError, match="kerasface password set"):
        check_password("correct horse")


def test_the_commands_set_and_clear_it():
    run = CliRunner().invoke
    assert run(main, ["password", "clear"]).output == "There was no password.\n"
    result = run(main, ["password", "set"], input="correct horse\ncorrect horse\n")
    assert result.exit_code == 0
    assert "correct" not in result.output
    assert check_password("correct horse")
    short = run(main, ["password", "set", "--password", "short"])
    assert short.exit_code == 1
    assert "at least 8 characters" in short.output
    told = json.loads(run(main, ["password", "clear", "--json"]).stdout)
    assert told == {"set": False, "was_set": True}
    assert password_mark() is None
    told = json.loads(run(main, ["password", "set", "--password", "correct horse", "--json"]).stdout)
    assert told == {"set": True, "file": str(password_path())}
    assert clear_password()
    assert not clear_password()


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def cheap_checks(monkeypatch):
    """Every guess is looked at in no time; those that were are listed."""
    looked_at = []
    monkeypatch.setattr(password_module, "check_password", lambda given: looked_at.append(given) or given == "right")
    return looked_at


def test_however_many_wrong_passwords_the_wait_stays_bounded(cheap_checks):
    clock = Clock()
    door = Door(clock)
    waits = []
    for _ in range(3000):
        assert not door.opens_to("wrong")
        waits.append(door.seconds_left)
        clock.now += door.seconds_left
    assert waits[:6] == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    assert waits[-1] == LONGEST_WAIT
    assert door.opens_to("right")
    assert door.seconds_left == 0


def test_before_the_wait_is_over_no_password_is_looked_at(cheap_checks):
    clock = Clock()
    door = Door(clock)
    door.opens_to("wrong")
    clock.now += 0.4
    with pytest.raises(TooEarlyError, match="Try again in"):
        door.opens_to("right")
    assert cheap_checks == ["wrong"]
    assert door.seconds_left == pytest.approx(0.1)  # a guess that came too early makes nobody wait longer
    clock.now += 0.2
    assert door.opens_to("right")


def test_of_sixty_browsers_that_guess_at_once_one_is_looked_at(cheap_checks):
    door = Door(Clock())
    start, outcomes = threading.Barrier(60), []

    def guess():
        start.wait()
        try:
            outcomes.append(door.opens_to("wrong"))
        except TooEarlyError:
            outcomes.append(None)

    threads = [threading.Thread(target=guess) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cheap_checks == ["wrong"]
    assert outcomes.count(None) == 59


def test_a_password_that_is_no_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with pytest.raises(ValueError, match="must be text"):
        set_password("Jos\udce9 and more")
    assert password_mark() is None
