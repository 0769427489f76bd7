"""Trainings in processes of their own; here the processes are short scripts that train nothing."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from kerasface.data.samples import write_digits
from kerasface.runs.store import RunError
from kerasface.train.engine.session import Session, read_events
from kerasface.train.engine.snapshots import read_filters
from kerasface.train.process.background import (
    discard,
    find_training,
    last_words,
    list_trainings,
    resume,
    start,
    stop,
    training_command,
)
from kerasface.train.process.folders import session_folder
from kerasface.train.process.following import standing
from kerasface.train.process.processes import process_start
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.segmentation.recipe import SegmentRecipe

WAIT = 30  # seconds, on a machine that is busy
# What a training does, as far as others see it: a folder, and an end after the current step when it is asked to.
TRAINING = """
import sys, time
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.engine.session import Session
with Session.start(sys.argv[1], sys.argv[2], ClassifyRecipe(), "people") as session:
    session.write_checkpoint({}, {"stage": "train", "step": 1})
    print("started", flush=True)
    while not session.stop_is_asked():
        time.sleep(0.02)
    print("stopped", flush=True)
"""


def script(code, *arguments):
    return [sys.executable, "-c", code, *map(str, arguments)]


def wait_for(holds, seconds=WAIT):
    deadline = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.02)
    return found


def state(name, runs):
    training = find_training(name, runs)
    return training and training.state


@pytest.fixture
def runs(tmp_path):
    """Folder of runs; whatever a test leaves running in it is ended."""
    folder = tmp_path / "runs"
    yield folder
    for training in list_trainings(folder):
        if training.alive and training.process != os.getpid():
            os.kill(training.process, signal.SIGKILL)


@pytest.fixture
def running(runs):
    """A training named `faces` that runs."""
    start(script(TRAINING, runs, "faces"), "faces", runs=runs)
    wait_for(lambda: state("faces", runs) == "running")
    return find_training("faces", runs)


def left_off(runs, name="faces", recipe=None):
    """The folder of a training that was killed: its process number is taken by another process now."""
    session = Session.start(runs, name, recipe or ClassifyRecipe(), "people")
    session.write_checkpoint({}, {"stage": "train", "step": 1})
    session.note({"process": os.getpid(), "process_start": "before"})
    session.close()
    return session


def test_the_command_is_what_one_would_type():
    settings = {
        "faces": False,
        "flip": True,
        "image_size": 32,
        "learning_rate": 0.002,
        "backbone": "linear",
        "ema": None,
    }
    assert training_command("my digits", "a", recipe="x.toml", settings=settings) == [
        *("kerasface", "train", "classify", "my digits", "--name", "a", "--recipe", "x.toml"),
        *("--no-faces", "--flip", "--image-size", "32", "--learning-rate", "0.002", "--backbone", "linear"),
    ]
    assert training_command("d", "a", runs="elsewhere", kind="segment")[2:] == [
        *("segment", "d", "--name", "a", "--runs", "elsewhere"),
    ]


def test_a_training_is_found_while_it_starts_and_runs(runs):
    started = start(script(TRAINING, runs, "faces"), "faces", runs=runs)
    assert started.state == "starting"
    assert state("faces", runs) in ("starting", "running")
    wait_for(lambda: state("faces", runs) == "running")
    (found,) = list_trainings(runs)
    assert (found.name, found.process, found.alive) == ("faces", started.process, True)
    assert found.data == os.path.abspath("people")
    wait_for(lambda: last_words("faces", runs=runs) == "started")


def test_stopping_leaves_something_to_resume(runs, running):
    stop("faces", runs=runs)
    assert state("faces", runs) in ("stopping", "stopped")
    wait_for(lambda: state("faces", runs) == "stopped")
    assert last_words("faces", runs=runs) == "started\nstopped"
    assert find_training("faces", runs).has_learned


def test_whoever_is_asked_is_stopping_at_once(runs):
    """Also where it does not look: here a process that sleeps. Asking twice is asking once."""
    start(script("import time; time.sleep(60)"), "faces", runs=runs)
    for _ in range(2):
        stop("faces", runs=runs)
        assert state("faces", runs) == "stopping"
    os.kill(find_training("faces", runs).process, signal.SIGKILL)
    wait_for(lambda: state("faces", runs) == "stopped")  # as it was asked to be
    start(script("pass"), "faces", runs=runs)  # and nothing of it stands in the way of another
    wait_for(lambda: state("faces", runs) == "failed")


def test_a_training_that_was_killed_is_left_off(runs, running):
    os.kill(running.process, signal.SIGKILL)
    wait_for(lambda: state("faces", runs) == "interrupted")


def test_a_training_outlives_the_process_that_started_it(runs):
    """As when the server of the dashboard is killed, with all that stands in its group."""
    code = (
        "import sys, time\nfrom kerasface.train.process.background import start\n_, runs, name, training = sys.argv\n"
        "start([sys.executable, '-c', training, runs, name], name, runs=runs)\ntime.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, runs, "faces", TRAINING], start_new_session=True)
    wait_for(lambda: state("faces", runs) == "running")
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    (found,) = list_trainings(runs)
    assert (found.name, found.state) == ("faces", "running")
    stop("faces", runs=runs)
    wait_for(lambda: state("faces", runs) == "stopped")


@pytest.mark.slow
def test_a_real_training_outlives_it_too_and_becomes_a_run(runs, tmp_path):
    """Digits by a linear classifier: killed in its first epoch is the process that started it, not the training."""
    digits = tmp_path / "digits"
    write_digits(digits)
    settings = {"faces": False, "image_size": 32, "backbone": "linear", "epochs": 40}
    command = training_command(digits, "linear", settings=settings, runs=runs)
    code = (
        "import sys, time\nfrom kerasface.train.process.background import start\n"
        "start(sys.argv[2:], 'linear', runs=sys.argv[1])\ntime.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, runs, *command], start_new_session=True)
    log = session_folder(runs, "linear") / "events.jsonl"
    wait_for(lambda: standing(read_events(log)[0]).stage == "train", seconds=300)
    os.killpg(parent.pid, signal.SIGKILL)
    parent.wait()
    done = standing(read_events(log)[0]).done
    assert [(training.name, training.state) for training in list_trainings(runs)] == [("linear", "running")]
    wait_for(lambda: not log.exists() or standing(read_events(log)[0]).done > done)
    wait_for(lambda: state("linear", runs) == "finished", seconds=300)
    assert len(read_filters(runs / "linear").epochs) > 20
    assert "curves, mistakes and confusions" in last_words("linear", runs=runs)


def test_a_training_from_the_command_line_is_found(runs):
    with Session.start(runs, "typed", ClassifyRecipe(), "people"):  # of this process, which nobody launched
        found = find_training("typed", runs)
    assert (found.state, found.process) == ("running", os.getpid())
    assert last_words("typed", runs=runs) == ""


def test_another_process_with_its_number_is_not_the_training(runs):
    left_off(runs)
    assert state("faces", runs) == "interrupted"
    with pytest.raises(RunError, match="No training named 'faces' runs"):
        stop("faces", runs=runs)


def test_a_training_that_became_a_run_is_not_listed(runs):
    code = "import os, sys; os.makedirs(sys.argv[1]); open(sys.argv[1] + '/card.json', 'w').close()"
    start(script(code, runs / "faces"), "faces", runs=runs)
    wait_for(lambda: state("faces", runs) == "finished")
    assert list_trainings(runs) == []


def test_of_an_earlier_run_of_the_name_nothing_is_concluded(runs):
    (runs / "faces").mkdir(parents=True)
    (runs / "faces" / "card.json").write_text("{}")
    os.utime(runs / "faces" / "card.json", (1, 1))
    start(script("raise SystemExit('Error: no photos')"), "faces", runs=runs)
    wait_for(lambda: state("faces", runs) == "failed")
    assert [training.state for training in list_trainings(runs)] == ["failed"]


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("loading\nError: The folder is empty.\n", "The folder is empty."),
        ("a\nb\nc\nd\ne\nf\n", "b\nc\nd\ne\nf"),
        ("\x1b[31mred\x1b[0m\nimages ━━━━ 3/9\nold\rnew\n", "red\nnew"),
        ("", ""),
    ],
)
def test_last_words(runs, printed, words):
    start(
        script("import sys; sys.stdout.reconfigure(encoding='utf-8'); print(sys.argv[1], end='')", printed),
        "a",
        runs=runs,
    )
    wait_for(lambda: state("a", runs) == "failed")
    assert last_words("a", runs=runs) == words


def test_of_a_long_output_the_end_is_read(runs):
    start(script("print('x' * 100_000); print('the end')"), "a", runs=runs)
    wait_for(lambda: state("a", runs) == "failed")
    assert last_words("a", runs=runs).endswith("\nthe end")


def test_no_two_trainings_of_one_name(runs, running):
    words = f"'faces' runs already, as process {running.process}. Follow it on the page Train or in .*events.jsonl"
    with pytest.raises(RunError, match=words):
        start(script("pass"), "faces", runs=runs)
    with pytest.raises(RunError, match=words):
        resume("faces", runs=runs)
    with pytest.raises(RunError, match=words):
        discard("faces", runs=runs)


def test_what_was_left_off_is_not_overwritten_but_can_be_discarded(runs):
    session = left_off(runs)
    with pytest.raises(RunError, match="was left off"):
        start(script("pass"), "faces", runs=runs)
    discard("faces", runs=runs)
    assert not session.folder.exists()
    assert find_training("faces", runs) is None
    start(script("pass"), "faces", runs=runs)


@pytest.mark.parametrize(("recipe", "kind"), [(ClassifyRecipe(), "classify"), (SegmentRecipe(), "segment")])
def test_resuming_goes_on_as_it_began(runs, recipe, kind, monkeypatch):
    """The command is the one of the recipe's kind. What runs here says only how it was called."""
    session = left_off(runs, recipe=recipe)
    (session.folder / "stop").touch()
    echo = session.folder.parent / "echo"
    echo.write_text('#!/bin/sh\necho "$@"\n')
    echo.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(echo))
    assert resume("faces", runs=runs).state == "starting"
    assert not (session.folder / "stop").exists()
    words = f"-m kerasface.train {kind} --resume faces --runs {runs}"
    wait_for(lambda: last_words("faces", runs=runs) == words)


def test_a_recipe_of_no_kind_is_a_sentence(runs):
    session = left_off(runs)
    (session.folder / "recipe.toml").write_text("colour = 3\n")
    session.facts.pop("kind")
    session.note({})
    with pytest.raises(RunError, match="no recipe of this version"):
        resume("faces", runs=runs)


def test_only_what_was_left_off_can_be_resumed(runs):
    with pytest.raises(RunError, match="there is none"):
        resume("faces", runs=runs)


@pytest.mark.parametrize(
    "command",
    [
        "/bin/sh -c 'touch PROOF' faces",
        "kerasface train /bin/sh -c 'touch PROOF' faces",
        "kerasface people delete faces",
        "kerasface train classify people --name other",
        "kerasface train 'classify",
        *("", 5, None, ["kerasface", "train", "classify", "people", "--name", "faces"]),
    ],
)
def test_what_a_folder_of_somebody_else_says_is_not_run(runs, command, tmp_path):
    """A training that was stopped before it had a folder is begun anew by the command that its file holds."""
    (runs / ".faces.running").mkdir(parents=True)
    (runs / ".faces.running" / "stop").touch()
    (runs / ".faces.launch").mkdir()
    if isinstance(command, str):
        command = command.replace("PROOF", str(tmp_path / "proof"))
    (runs / ".faces.launch" / "launch.json").write_text(json.dumps({"command": command, "time": 0}))
    assert state("faces", runs) == "stopped"
    with pytest.raises(RunError, match="does not say how the training 'faces' was begun"):
        resume("faces", runs=runs)
    assert state("faces", runs) == "stopped"
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"process": "seven"}'])
def test_damaged_files_are_no_running_training(runs, content):
    for folder, file in ((".faces.running", "session.json"), (".faces.launch", "launch.json")):
        (runs / folder).mkdir(parents=True)
        (runs / folder / file).write_text(content)
    assert not any(training.alive for training in list_trainings(runs))


def test_a_name_that_leads_elsewhere_is_refused(runs):
    for use in (find_training, lambda name, runs: start(script("pass"), name, runs=runs)):
        with pytest.raises(RunError, match="plain folder name"):
            use("../faces", runs)


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match="runs cannot be written: File exists"):
        start(script("pass"), "faces", runs=tmp_path / "runs")


def test_the_launch_names_process_and_command(runs):
    started = start(script("import time; time.sleep(30)"), "faces", runs=runs)
    facts = json.loads((runs / ".faces.launch" / "launch.json").read_text())
    assert (facts["process"], facts["process_start"]) == (started.process, process_start(started.process))
    assert facts["command"] == f"{shlex.quote(sys.executable)} -c 'import time; time.sleep(30)'"
