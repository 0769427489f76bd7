"""Requests to stop: whom they are meant for, and a process that ends by them whatever it is doing."""

import json
import os
import signal
import subprocess
import sys

import pytest

from kerasface.train.engine.session import Session
from kerasface.train.engine.stopping import STOPPED, TrainingStoppedError, ask_to_stop, is_asked_to_stop, this_process
from kerasface.train.process.background import find_training
from kerasface.train.process.folders import session_folder
from kerasface.train.process.processes import process_start
from kerasface.train.recipe import ClassifyRecipe

# It trains as far as its last argument says, and then does something that looks at nothing.
DEAF = """
import sys, time
from kerasface.train.engine import stopping
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.engine.session import Session
runs, far = sys.argv[1:]
stopping.GRACE = 0.1
with stopping.ends_when_asked(runs, "faces"):
    if far != "starting":
        session = Session.start(runs, "faces", ClassifyRecipe(), "people")
    if far == "learning":
        session.write_checkpoint({}, {"stage": "train", "step": 1})
    print("ready", flush=True)
    time.sleep(100)
"""

posix = pytest.mark.skipif(os.name != "posix", reason="On Windows a process has no signal from another.")


@pytest.fixture(autouse=True)
def _hears_ctrl_c():
    """Also where the tests run in the background of a shell, whose jobs ignore it and hand that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def process(tmp_path):
    """Function from how far it comes to a process that waits there."""
    begun = []

    def begin(far):
        words = [sys.executable, "-c", DEAF, str(tmp_path), far]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        begun.append(subprocess.Popen(words, text=True, **pipes))
        assert begun[-1].stdout.readline() == "ready\n"
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()
        one.communicate()


def asked_of(process):
    return {"process": process.pid, "process_start": process_start(process.pid)}


@pytest.mark.parametrize(
    ("far", "way"),
    [
        pytest.param(far, way, marks=[posix] * (way != "file") + [pytest.mark.slow] * (others[0] != way))
        for far, *others in (
            ("starting", "SIGINT", "SIGTERM", "file"),
            ("reading", "file", "SIGINT", "SIGTERM"),
            ("learning", "SIGTERM", "file", "SIGINT"),
        )
        for way in others
    ],
)
def test_a_process_ends_wherever_it_is(process, tmp_path, far, way):
    running = process(far)
    if way == "file":
        ask_to_stop(tmp_path, "faces", asked_of(running))
    else:
        running.send_signal(getattr(signal, way))
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.count("\n")) == (STOPPED, 1)
    assert ("--resume goes on with it" if far == "learning" else "before its first step: no model was written") in said
    found = find_training("faces", tmp_path)
    if far == "starting":
        assert found is None
    else:
        assert (found.state, found.has_learned) == ("stopped", far == "learning")


@posix
def test_a_second_ctrl_c_does_not_wait(process, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "DEAF", DEAF.replace("GRACE = 0.1", "GRACE = 1000"))
    running = process("learning")
    running.send_signal(signal.SIGINT)
    while running.poll() is None:  # two that come together are one
        running.send_signal(signal.SIGINT)
    assert running.returncode == STOPPED


ENDS = """
import atexit, sys, time
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.engine.session import Session
from kerasface.train.engine.stopping import ends_when_asked
runs, ending = sys.argv[1:]
if ending != "error":
    atexit.register(time.sleep, 1000)  # the libraries tidy up
with ends_when_asked(runs, "faces"):
    with Session.start(runs, "faces", ClassifyRecipe(), "people") as session:
        session.write_checkpoint({}, {"stage": "train", "step": 1})
        print("ready", flush=True)
        while not session.stop_is_asked():
            time.sleep(0.01)
    print("model", end="")
    if ending == "error":
        raise ValueError("no")
    sys.exit(int(ending))
"""


@pytest.mark.parametrize(
    ("ending", "code"),
    [("0", 0), pytest.param("7", 7, marks=pytest.mark.slow), pytest.param("error", 1, marks=pytest.mark.slow)],
)
def test_a_process_that_ends_by_itself_does_not_tidy_up_for_seconds(process, tmp_path, monkeypatch, ending, code):
    """What it printed is out, and an error is shown as ever."""
    monkeypatch.setattr(sys.modules[__name__], "DEAF", ENDS)
    running = process(ending)
    ask_to_stop(tmp_path, "faces", asked_of(running))
    printed, said = running.communicate()
    assert (running.returncode, printed) == (code, "model")
    assert ("ValueError: no" in said) == (ending == "error")


@posix
def test_a_job_in_the_background_does_not_end_with_the_ctrl_c_of_its_terminal(process, tmp_path):
    """A shell without job control lets it ignore the signal, and that stays so."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        running = process("starting")
    finally:
        signal.signal(signal.SIGINT, before)
    running.send_signal(signal.SIGINT)
    running.send_signal(signal.SIGTERM)
    assert running.wait() == STOPPED  # by the second, which is its first


@pytest.mark.parametrize(
    ("content", "mine"),
    [
        (None, False),
        ("", True),
        ("{}", True),
        ("{damaged", True),
        (json.dumps({"process": -1, "process_start": "long ago"}), False),
        (json.dumps({"process": os.getpid(), "process_start": "long ago"}), False),
        (json.dumps(this_process()), True),
    ],
    ids=["none", "empty", "of nobody", "damaged", "of another", "of an earlier process of this number", "of this one"],
)
def test_whom_a_request_is_meant_for(tmp_path, content, mine):
    """One that names nobody was made by hand, and is for whoever trains."""
    if content is not None:
        (tmp_path / "stop").write_text(content)
    assert is_asked_to_stop(tmp_path, this_process()) == mine


def test_a_request_that_comes_before_the_folder_is_not_lost(tmp_path):
    ask_to_stop(tmp_path, "faces", this_process())
    with Session.start(tmp_path, "faces", ClassifyRecipe(), "people") as session:
        assert session.stop_is_asked()
        words = r"before its first step: .* Begin anew: kerasface train classify --resume faces --runs"
        with pytest.raises(TrainingStoppedError, match=words):
            session.with_log(None)("images", 1, 3)


def test_a_request_for_an_earlier_process_means_nothing(tmp_path):
    for process in ({"process": 1, "process_start": "long ago"}, None):
        ask_to_stop(tmp_path, "faces", process)
        with Session.start(tmp_path, "faces", ClassifyRecipe(), "people") as session:
            assert not session.stop_is_asked()
        assert not (session_folder(tmp_path, "faces") / "stop").exists()


def test_a_training_that_was_stopped_before_its_first_step_can_begin_again(tmp_path):
    """By `--resume` and by a new start; after one that learned something only by `--resume`."""
    ask_to_stop(tmp_path, "faces", this_process())
    with pytest.raises(TrainingStoppedError), Session.start(tmp_path, "faces", ClassifyRecipe(), "people") as session:
        session.stop_early_if_asked()
    assert session.facts["stopped"]
    assert session.folder.is_dir()
    with Session.resume(tmp_path, "faces") as session:
        assert not session.stop_is_asked()
        session.write_checkpoint({}, {"stage": "train", "epoch": 0, "step": 0, "extra": {}})
    with Session.start(tmp_path, "faces", ClassifyRecipe(epochs=3), "people") as session:
        assert session.read_checkpoint() is None
