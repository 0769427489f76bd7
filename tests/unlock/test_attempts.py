"""The log of attempts: one line each, with neither name nor picture nor score."""

import json
import os
import stat
from datetime import datetime

import pytest

from kerasface.unlock.attempts import attempts_path, record_attempt
from kerasface.unlock.states import State, Status


def test_each_attempt_is_a_line(tmp_path):
    path = tmp_path / "config" / "attempts.jsonl"
    opened = Status(State.UNLOCKED, reason="Every move was as asked.", person="Ada Lovelace")
    refused = Status(State.REFUSED, reason="The face was not recognised.", cause="not_recognised")
    record_attempt(opened, ["a" * 16], camera="Integrated Camera", path=path)
    record_attempt(refused, ["a" * 16], camera="OBS Virtual Camera", is_virtual=True, path=path)
    first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    assert datetime.fromisoformat(first.pop("time")).tzinfo is not None
    assert first == {
        "people": ["a" * 16],
        "state": "unlocked",
        "cause": None,
        "reason": "Every move was as asked.",
        "camera": "Integrated Camera",
        "virtual_camera": False,
    }
    assert (second["cause"], second["virtual_camera"]) == ("not_recognised", True)
    assert "Ada" not in path.read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
def test_nobody_else_reads_it(tmp_path):
    path = tmp_path / "attempts.jsonl"
    record_attempt(Status(State.REFUSED), [], camera="0", path=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_it_lies_beside_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert attempts_path() == tmp_path / "kerasface" / "unlock-attempts.jsonl"
