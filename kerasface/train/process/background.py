"""Trainings as processes of their own: started, found again, stopped and gone on with from any other process.

All that is known of them stands beside the runs, so that a dashboard may end and start again: `.NAME.running` is the
training's own folder (`session.py`); `.NAME.launch` holds the command, the number of its process and what it printed.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import kerasface
from kerasface.files.parsing import json_of
from kerasface.files.reading import open_regular, read_regular
from kerasface.files.writing import write_atomically
from kerasface.runs.store import DEFAULT_ROOT, RunError
from kerasface.train.engine.stopping import ask_to_stop, is_asked_to_stop
from kerasface.train.kinds import KINDS
from kerasface.train.process.claim import claim_name, in_use, training_process
from kerasface.train.process.folders import has_learned, kind_of, resume_command, session_folder, sessions_in_progress
from kerasface.train.process.processes import is_running, process_start

ALIVE = ("starting", "running", "stopping")
_TAIL = 16_384  # bytes of the output that are looked at
_MAX_WORDS = 5  # lines of an output without a message
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and movements of a terminal


@dataclass(frozen=True)
class Training:
    """A training that runs, was left off, or never became a run.

    Attributes:
        name: Name of the run that it is to become.
        folder: Its folder, with log and checkpoint; need not be there yet.
        state: `starting` (nothing logged yet), `running`, `stopping`, `stopped` (as it was asked to), `interrupted`
            (killed), `failed` (ended with nothing to go on from) or `finished`. What was stopped or interrupted can be
            resumed.
        process: Number of its process, where it runs.
        data: The folder it trains on, where that is known.
        has_learned: Whether its checkpoint holds at least one step.
    """

    name: str
    folder: Path
    state: str
    process: int | None
    data: str | None
    has_learned: bool = False

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self.state in ALIVE

    @property
    def can_be_replaced(self) -> bool:
        """Whether another training of its name may begin: nothing that was learned is lost by that."""
        return not self.alive and not self.has_learned


def training_command(
    data: str | os.PathLike,
    name: str,
    *,
    recipe: str | os.PathLike | None = None,
    settings: Mapping[str, object] | None = None,
    runs: str | os.PathLike = DEFAULT_ROOT,
    kind: str = "classify",
) -> list[str]:
    """Returns the command that trains, as words; `shlex.join` makes a line of them.

    Args:
        data: The folder of data.
        name: Name of the run.
        recipe: File of settings.
        settings: Settings that go before the file's, by field; `None` is left out.
        runs: Folder of the runs.
        kind: `classify`, `metric` or `segment`.
    """
    words = ["kerasface", "train", kind, str(data), "--name", name]
    if recipe is not None:
        words += ["--recipe", str(recipe)]
    for field, value in (settings or {}).items():
        flag = field.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            words += [f"--{flag}", str(value)]
    return words if str(runs) == DEFAULT_ROOT else [*words, "--runs", str(runs)]


def start(command: list[str], name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> Training:
    """Starts a training in a process of its own, which outlives this one.

    Args:
        command: From `training_command`.
        name: The name in it.
        runs: The folder in it.

    Raises:
        RunError: If the name is no folder name, a training of that name runs or was left off, or it cannot be started.
    """
    with claim_name(runs, name):
        there = find_training(name, runs)
        if there is not None and there.alive:
            raise RunError(in_use(runs, name, there.process))
        if there is not None and there.has_learned:
            raise RunError(f"A training named {name!r} was left off. Resume it, discard it, or choose another name.")
        return _launch(command, name, runs)


def resume(name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> Training:
    """Goes on with a training that was stopped or killed, in a process of its own.

    Raises:
        RunError: If there is none, or it runs.
    """
    with claim_name(runs, name):
        there = find_training(name, runs)
        if there is not None and there.alive:
            raise RunError(in_use(runs, name, there.process))
        if there is None or there.state not in ("stopped", "interrupted"):
            state = "there is none" if there is None else f"it is {there.state}"
            raise RunError(f"Only a training that was left off can be resumed. Received: name={name!r}; {state}.")
        if (there.folder / "session.json").is_file():
            command = shlex.split(resume_command(runs, name, kind_of(there.folder)))
        else:  # it was stopped before it had a folder: begun anew
            command = _command_of(_launch_folder(runs, name) / "launch.json", name)
        return _launch(command, name, runs)


def stop(name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> None:
    """Asks a training to end, which it does within seconds; once asked, again is nothing more.

    It writes a model of what it has learned, if that takes no longer, and can be resumed.

    Raises:
        RunError: If it does not run.
    """
    there = find_training(name, runs)
    if there is None or not there.alive:
        raise RunError(f"No training named {name!r} runs.")
    if there.state != "stopping":
        facts = _read(there.folder / "session.json") or {}
        if facts.get("process") != there.process:
            facts = {"process": there.process, "process_start": process_start(there.process)}
        ask_to_stop(runs, name, facts)


def discard(name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> None:
    """Deletes what is left of a training that does not run; a run that it became stays.

    Raises:
        RunError: If it runs.
    """
    if not Path(runs).is_dir():
        return
    with claim_name(runs, name):
        there = find_training(name, runs)
        if there is not None and there.alive:
            raise RunError(in_use(runs, name, there.process))
        for folder in (session_folder(runs, name), _launch_folder(runs, name)):
            shutil.rmtree(folder, ignore_errors=True)


def list_trainings(runs: str | os.PathLike = DEFAULT_ROOT) -> list[Training]:
    """Returns the trainings under `runs` that run, were left off, or failed, whoever started them; running ones first.

    What became a run is not among them.
    """
    launched = {path.name.removeprefix(".").removesuffix(".launch") for path in Path(runs).glob(".*.launch")}
    found = (find_training(name, runs) for name in sorted(launched.union(sessions_in_progress(runs))))
    there = [training for training in found if training is not None and training.state != "finished"]
    return sorted(there, key=lambda training: not training.alive)


def find_training(name: str, runs: str | os.PathLike = DEFAULT_ROOT) -> Training | None:
    """Returns a training by its name, or `None` if nothing of it is there: it never was, or became a run.

    Raises:
        RunError: If the name is no plain folder name.
    """
    folder = session_folder(runs, name)
    session, launch = _read(folder / "session.json"), _read(_launch_folder(runs, name) / "launch.json")
    if session is None and launch is None:
        return None
    known = [facts for facts in (session, launch) if facts]
    living = [facts for facts in known if _runs(facts)]
    # A number means nothing here if the process runs in another container; its lock does.
    alive = living[0]["process"] if living else training_process(runs, name)
    asked = any(is_asked_to_stop(folder, facts) for facts in living or known)
    if session is None and _became_a_run(Path(runs) / name, launch):
        state, alive = "finished", None  # its process may still be tidying up
    elif alive is not None:
        logged = session is not None and session.get("process") == alive
        state = "stopping" if asked else "running" if logged else "starting"
    elif asked or (session or {}).get("stopped"):
        state = "stopped"
    else:
        state = "failed" if session is None else "interrupted"
    return Training(name, folder, state, alive, session.get("data") if session else None, has_learned(folder))


def last_words(name: str, *, runs: str | os.PathLike = DEFAULT_ROOT) -> str:
    """Returns what a training said last, for people: its error in one line, else the end of its output; or nothing.

    Only what was started from here is kept: a training that was started in a terminal has spoken there.
    """
    try:
        with open_regular(_launch_folder(runs, name) / "output.log") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _TAIL))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [_CONTROL.sub("", line).rpartition("\r")[2].strip() for line in text.replace("\r\n", "\n").split("\n")]
    lines = [line for line in lines if line and "━" not in line]  # without progress bars
    if errors := [line for line in lines if line.startswith("Error: ")]:
        return errors[-1].removeprefix("Error: ")
    return "\n".join(lines[-_MAX_WORDS:])


def _command_of(launch: Path, name: str) -> list[str]:
    """The command that began a training, which its file says: nothing but a training of that name is begun by it.

    Raises:
        RunError: If it is another command, as in a folder of somebody else.
    """
    told = (_read(launch) or {}).get("command")
    try:
        words = shlex.split(told) if isinstance(told, str) else []
    except ValueError:  # a quotation mark that is not closed
        words = []
    if words[:2] != ["kerasface", "train"] or not KINDS.keys() & words[2:3] or name not in words:
        raise RunError(f"{launch} does not say how the training {name!r} was begun. Discard it, and start it anew.")
    return words


def _launch(command: Sequence[str], name: str, runs: str | os.PathLike) -> Training:
    folder = _launch_folder(runs, name)
    # As the package is found here, wherever it was imported from.
    paths = [str(Path(kerasface.__file__).parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    words = list(command)
    if words[:2] == ["kerasface", "train"]:  # which need not be on the path of whoever runs this
        words[:2] = [sys.executable, "-m", "kerasface.train"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (session_folder(runs, name) / "stop", folder / "output.log"):
            stale.unlink(missing_ok=True)
        with (folder / "output.log").open("wb") as log:
            process = _spawn(words, environment, log.fileno())
        facts = {
            "process": process,
            "process_start": process_start(process),
            "command": shlex.join(command),
            "time": time.time(),
        }
        write_atomically(folder / "launch.json", json.dumps(facts, indent=1).encode())
    except OSError as error:
        raise RunError(f"The training {name!r} cannot be started: {error.strerror} ({folder}).") from error
    return Training(name, session_folder(runs, name), "starting", process, None)


def _spawn(words: list[str], environment: dict[str, str], output: int) -> int:
    """Starts a process that neither the end of this one nor a Ctrl-C in its terminal reaches; returns its number."""
    if os.name == "posix":
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            *((os.POSIX_SPAWN_DUP2, output, descriptor) for descriptor in (1, 2)),
        ]
        # A server that a script started in the background ignores Ctrl-C, and would hand that on.
        reset = [signal.SIGINT]
        process = os.posix_spawn(words[0], words, environment, file_actions=files, setsid=True, setsigdef=reset)
        wait = partial(os.waitpid, process, 0)
    else:
        child = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        process, wait = child.pid, child.wait
    # It is this process's child: without somebody who waits for it, it would stay a zombie once it ended.
    threading.Thread(target=wait, name=f"process {process}", daemon=True).start()
    return process


def _launch_folder(runs: str | os.PathLike, name: str) -> Path:
    return Path(runs) / f".{name}.launch"


def _became_a_run(run: Path, launch: dict) -> bool:
    """Whether the run was written after the launch."""
    with contextlib.suppress(OSError):
        return (run / "card.json").stat().st_mtime >= launch.get("time", 0.0)
    return False


def _runs(facts: dict) -> bool:
    process = facts.get("process")
    return isinstance(process, int) and is_running(process, facts.get("process_start"))


def _read(path: Path) -> dict | None:
    """A JSON object, or `None` where there is none or it cannot be read."""
    with contextlib.suppress(OSError, ValueError):
        content = json_of(read_regular(path))
        return content if isinstance(content, dict) else None
    return None
