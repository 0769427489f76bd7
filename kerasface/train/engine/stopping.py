"""A request to end a training: from the dashboard, from Ctrl-C or from SIGTERM, whatever it is doing.

It is a file `stop` in the training's folder that names the process it is meant for, so that one for an earlier process
means nothing, and one that comes before the training has made its folder is not lost. A training looks for it wherever
it can end cleanly; a process that only trains ends a few seconds later wherever it is.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.reading import read_regular
from kerasface.files.writing import write_atomically
from kerasface.train.process.folders import has_learned, session_folder
from kerasface.train.process.processes import process_start

GRACE = 3.5  # seconds from the request to the end of a process that only trains
STOPPED = 130  # its exit code then, as that of Ctrl-C
_PAUSE = 0.2  # seconds between two looks
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar hides


class TrainingStoppedError(Exception):
    """The training was stopped before it took a step: there is nothing new to write a model from."""


def this_process() -> dict:
    """Returns what another process needs to tell whether this one still runs."""
    return {"process": os.getpid(), "process_start": process_start(os.getpid())}


def ask_to_stop(runs: str | Path, name: str, process: dict | None = None) -> None:
    """Asks a training to end.

    Args:
        runs: Folder of the runs.
        name: Name of the training.
        process: `process` and `process_start` of the process that is meant; whichever trains it if not given.
    """
    content = {key: process[key] for key in ("process", "process_start")} if process else {}
    write_atomically(session_folder(runs, name) / "stop", json.dumps(content).encode())


def is_asked_to_stop(folder: Path, process: dict | None) -> bool:
    """Tells whether a process was asked to end the training in `folder`."""
    try:
        asked = json_of(read_regular(folder / "stop") or "{}")
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # somebody made the file by hand
    if not isinstance(asked, dict) or not asked:
        return True
    return process is not None and all(asked.get(key) == process.get(key) for key in asked)


@contextlib.contextmanager
def ends_when_asked(runs: str | Path, name: str) -> Iterator[None]:
    """Lets this process, which only trains, end when it is asked to: by a file, by Ctrl-C or by SIGTERM.

    Before the training has begun it ends at once, afterwards with the block or after `GRACE` seconds, and with a second
    signal at once. Nothing is lost by that: what is written is written whole or not at all. Where it was asked, the
    process does not outlive the block either: the libraries take seconds to tidy up.

    Args:
        runs: Folder of the runs.
        name: Name of the training.
    """
    watch, code = _Watch(runs, name), 0
    watch.start()
    try:
        with watch.hears_signals():
            yield
    except SystemExit as ended:
        code = ended.code
        raise
    except BaseException:
        code = None  # an error, to be shown as ever
        raise
    finally:
        if isinstance(code, int) and (watch.asked is not None or watch.has_stopped()):
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code)
        watch.end()


class _Watch(threading.Thread):
    """Looks for requests while the process may be anywhere, also in minutes of work without a line of Python."""

    def __init__(self, runs: str | Path, name: str):
        super().__init__(daemon=True, name="stop")
        self._runs, self._name = runs, name
        self._folder = session_folder(runs, name)
        self._me = this_process()
        self._signals, self._bell = socket.socketpair()  # Python writes a signal's number there, whatever else it does
        self._signals.settimeout(_PAUSE)
        self._bell.setblocking(False)
        self._over = False
        self.asked: float | None = None  # when
        self._stderr = os.dup(2)  # the one of the terminal: the libraries' messages are turned away at times

    @contextlib.contextmanager
    def hears_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        # One that is ignored was to be: a script's jobs in the background do not end with Ctrl-C.
        heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, lambda number, frame: None) for number in heard}
        bell = signal.set_wakeup_fd(self._bell.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(bell)
            for number, handler in before.items():
                signal.signal(number, handler)

    def end(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._bell.send(b"\0")
        self.join()
        self._signals.close()
        self._bell.close()
        os.close(self._stderr)

    def run(self) -> None:
        while not self._over:
            signals = self._heard()
            if self._over:
                return
            if signals and self.asked is None:
                self._note()
            if signals > (self.asked is None):
                self._leave()  # by a second one
            if self.asked is None and (signals or is_asked_to_stop(self._folder, self._me)):
                self.asked = time.monotonic()
            if self.asked is not None and (not self._has_begun() or time.monotonic() - self.asked > GRACE):
                self._leave()

    def _heard(self) -> int:
        """Waits a moment for signals, and counts them."""
        with contextlib.suppress(TimeoutError):
            return sum(number in _SIGNALS for number in self._signals.recv(64))
        return 0

    def _note(self) -> None:
        """Leaves word that it was asked to end, where there is a training that others see."""
        if self._has_begun() or self._folder.with_name(f".{self._name}.launch").is_dir():
            ask_to_stop(self._runs, self._name, self._me)

    def has_stopped(self) -> bool:
        """Tells whether the training saw the request and ended, perhaps before it was seen here."""
        return self._has_begun() and bool(self._facts().get("stopped"))

    def _has_begun(self) -> bool:
        facts = self._facts()
        return all(facts.get(key) == value for key, value in self._me.items())

    def _facts(self) -> dict:
        with contextlib.suppress(OSError, ValueError):
            facts = json_of(read_regular(self._folder / "session.json"))
            return facts if isinstance(facts, dict) else {}
        return {}

    def _leave(self) -> None:
        """Ends the process as it is. What it holds and has not written is lost; what it has written is whole."""
        words = f"The training {self._name!r} was stopped"
        if has_learned(self._folder):
            words += ". What it had learned was not judged in time: no model was written. --resume goes on with it."
        else:
            words += " before its first step: no model was written."
        if os.isatty(self._stderr):
            words = f"{_SHOW_CURSOR}\n{words}"
        with contextlib.suppress(OSError):
            os.write(self._stderr, f"{words}\n".encode())
        os._exit(STOPPED)
