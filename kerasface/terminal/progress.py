"""What the command lines share: progress bars, and a backend and converters that are fast and keep quiet."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from kerasface.terminal.errors import is_answer
from kerasface.terminal.streams import drawing_stream, flush_streams, open_closed_streams

if TYPE_CHECKING:
    from rich.console import Console

THREADS = "KERASFACE_THREADS"  # how many threads compute, on every engine; one on each core if not set
_starting = threading.Lock()


@cache
def start_tensorflow() -> None:
    """Imports TensorFlow and runs it once, keeping its start-up messages off stderr; they are shown if it fails.

    The messages come from its libraries before any log level applies, so the file descriptor itself is turned away.
    Once it runs, nothing more happens.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    choose_kernels()
    with _starting, turned_away(2):  # of the whole process, so one at a time
        import tensorflow as tf

        tf.function(lambda x: x + 1)(tf.constant(1))


def choose_kernels() -> None:
    """Turns on oneDNN's kernels, and sets their threads, unless the user decided otherwise for TensorFlow alone.

    Call it before TensorFlow is imported.

    TensorFlow takes them unasked on some processors only. On the others the detector is nearly twice as fast with them
    (`benchmarks/RESULTS.md`).
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if number := os.environ.get(THREADS):
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", number)


@contextmanager
def turned_away(*descriptors: int) -> Iterator[None]:
    """Keeps what is written inside the block off file descriptors.

    It is shown on stderr if the block fails, but not for an answer to the user, which speaks for itself.

    Args:
        descriptors: 1 for stdout, 2 for stderr.
    """
    open_closed_streams()
    flush_streams()
    kept = {descriptor: os.dup(descriptor) for descriptor in descriptors}
    messages = b""
    with tempfile.TemporaryFile() as file:
        for descriptor in descriptors:
            os.dup2(file.fileno(), descriptor)
        try:
            yield
        except Exception as error:
            if not is_answer(error):
                flush_streams()
                file.seek(0)
                messages = file.read()
            raise
        finally:
            flush_streams()
            for descriptor, copy in kept.items():
                os.dup2(copy, descriptor)
                os.close(copy)
            with suppress(OSError):
                os.write(2, messages)


def drawing_console() -> "Console":
    """Returns what draws on stderr, where plain words may not."""
    from rich.console import Console

    return Console(file=drawing_stream(sys.stderr))


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Gives a function of stage, done and total that draws one bar per stage, with the time left, on stderr."""
    tasks, bars = {}, None

    def report(stage: str, done: int, total: int) -> None:
        nonlocal bars
        if bars is None:  # not before: where nothing was begun, an error stands alone
            bars = _bars()
            bars.start()
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    try:
        yield report
    finally:
        if bars is not None:
            bars.stop()


def _bars():
    # Imported where they are wanted: a command that draws none need not wait 0.1 s.
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    name = TextColumn("{task.description}", markup=False)  # of a file, which may hold brackets
    return Progress(name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=drawing_console())
