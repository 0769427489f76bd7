"""How the engine's files are made: in a block of `made_at_once`, or by a process of its own, for the next start.

That process is the only one of its kind: it holds a lock, and works off what was put on a list of wanted networks,
one file for each. What an engine cannot take is noted, so that it is not tried again by the same versions.
"""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from kerasface.files.locks import take_lock
from kerasface.files.parsing import json_of
from kerasface.files.writing import write_json
from kerasface.models.engines import openvino
from kerasface.models.engines.files import (
    EngineFile,
    UnusableFileError,
    engine_folder,
    engine_path,
    make_engine_folder,
    read_engine_file,
    write_engine_file,
)
from kerasface.models.engines.source import NetworkSource
from kerasface.terminal.progress import start_tensorflow

_LONGEST = 1800  # seconds, after which a process that makes files ends, whatever keeps it
_PATIENCE = 30.0  # seconds until a process that stays, such as the dashboard, has the files made
_timer: threading.Timer | None = None
_problems: list[str] | None = None  # of the files that are made at once, while they are


def identity_of(source: NetworkSource) -> dict:
    """Returns what a file of a network must have been made of and by which versions."""
    return source.identity() | openvino.versions()


def make_file(source: NetworkSource, precision: str) -> str | None:
    """Makes the file of a network: builds it with Keras, compiles it, compares both, writes it.

    Returns:
        Why the engine cannot have it, in a sentence; `None` if it is there now.

    Raises:
        OSError: If the disk refuses.
        RuntimeError: If the weights are missing or altered.
    """
    start_tensorflow()  # before anything imports it
    from kerasface.models.engines.graphs import graph_of
    from kerasface.models.engines.parity import disagreement

    model = source.build()
    input_shape = tuple(model.inputs[0].shape[1:])
    try:
        compiled = openvino.compiled(model, precision)
        content = EngineFile(
            identity_of(source), input_shape, tuple(tuple(output.shape[1:]) for output in model.outputs), compiled
        )
        differs = disagreement(graph_of(model, "float32"), openvino.loaded(content, precision), input_shape, precision)
    except Exception as error:  # OpenVINO's own come in many types, and none of them is about the user's files
        differs = f"it does not compile: {' '.join(str(error).split())[:200]}"
    if differs is None:
        write_engine_file(engine_path(source, precision), content)
        _refusal(source, precision).unlink(missing_ok=True)
        return None
    write_json(_refusal(source, precision), {"identity": identity_of(source), "reason": differs})
    return f"OpenVINO cannot take the network {source.name}: {differs}."


def refusal_of(source: NetworkSource, precision: str) -> str | None:
    """Returns why these versions of the engine could not take a network; `None` where nothing is known of that."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        noted = json_of(_refusal(source, precision).read_text(encoding="utf-8"))
        if noted["identity"] == identity_of(source):
            return str(noted["reason"])
    return None


@contextmanager
def made_at_once() -> Iterator[list[str]]:
    """While the block runs, files that are missing are made in this process, when they are asked for.

    Gives the list of sentences about those that could not be made, which grows meanwhile.

    Raises:
        OSError: If the disk refuses, or another process makes files for half an hour.
    """
    global _problems
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"  # from whose graphs networks are compiled
    lock = take_lock(make_engine_folder() / ".making", patience=_LONGEST)
    if lock is None:
        raise TimeoutError(0, "another process has been making the engine's files for half an hour")
    with lock:
        _problems = []
        try:
            yield _problems
        finally:
            _problems = None


def make_now_or_later(source: NetworkSource, precision: str) -> bool:
    """Makes the file of a network in a block of `made_at_once`, and elsewhere has it made by a process of its own.

    Returns:
        Whether it was tried here and now: then the file is there, or why it cannot be is noted.

    Raises:
        OSError: If the disk refuses.
        RuntimeError: If it is made here and the weights are missing or altered.
    """
    if _problems is None:
        _make_later(source, precision)
        return False
    if (problem := make_file(source, precision)) is not None:
        _problems.append(problem)
    return True


def _make_later(source: NetworkSource, precision: str) -> None:
    """Puts a network on the list, whose files are made when this process has ended, or after a while if it stays.

    Not at once, as that would take the processor from the answer that is being waited for.

    Raises:
        OSError: If the disk refuses.
    """
    written = asdict(source) | {"file": source.file and str(Path(source.file).absolute()), "precision": precision}
    write_json(make_engine_folder() / "wanted" / f"{engine_path(source, precision).stem}.json", written)
    _start_soon()


def start_maker() -> subprocess.Popen | None:
    """Starts the process that makes the files of all networks on the list.

    Returns:
        The process; `None` where nothing is on the list, or it cannot be started.
    """
    if not any((engine_folder() / "wanted").glob("*.json")):
        return None
    package = str(Path(__file__).parents[3])
    paths = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    own = {"KERAS_BACKEND": "tensorflow", "KERASFACE_ENGINE": "tensorflow", "PYTHONPATH": paths}
    with suppress(OSError):  # nobody waits for it, and the next start tries again
        folder = make_engine_folder()
        with open(folder / "making.log", "wb") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", __name__],
                env=os.environ | own | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # whoever ends the command does not end it
            )
    return None


def _start_soon() -> None:
    """Has the process started when this one ends; one that stays longer starts it after a while."""
    global _timer
    if _timer is None:
        atexit.register(start_maker)
    if _timer is None or not _timer.is_alive():
        _timer = threading.Timer(_PATIENCE, start_maker)
        _timer.daemon = True
        _timer.start()


def work_off() -> None:
    """Makes the files of all networks on the list, unless another process is at it already."""
    folder = make_engine_folder()
    while (lock := take_lock(folder / ".making")) is not None:
        with lock:
            for entry in sorted((folder / "wanted").glob("*.json")):
                try:
                    _make_entry(json_of(entry.read_text(encoding="utf-8")))
                except Exception as error:  # of one network, into the log: the others are made all the same
                    print(f"{entry.stem}: {error}")
                entry.unlink(missing_ok=True)
        if not any((folder / "wanted").glob("*.json")):  # put there by one who saw the lock taken
            return


def _make_entry(entry: dict) -> None:
    precision, file = entry.pop("precision"), entry.pop("file")
    source = NetworkSource(**entry, file=file and Path(file))
    if not _is_there(source, precision) and (problem := make_file(source, precision)) is not None:
        print(problem)


def _is_there(source: NetworkSource, precision: str) -> bool:
    try:
        return read_engine_file(engine_path(source, precision), identity_of(source)) is not None
    except UnusableFileError:
        return False


def _refusal(source: NetworkSource, precision: str) -> Path:
    return engine_path(source, precision).with_suffix(".refused")


def _be_modest() -> None:
    """Lets everything else on this machine go first, and ends at last whatever happens."""
    import signal

    if hasattr(os, "nice"):
        os.nice(19)
    if hasattr(signal, "alarm"):
        signal.alarm(_LONGEST)


if __name__ == "__main__":
    _be_modest()
    work_off()
