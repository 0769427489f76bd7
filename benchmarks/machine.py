"""What the benchmarks share: their arguments, the lines that say what was measured where, and timing in turns."""

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from kerasface.files.paths import user_path
from kerasface.terminal.progress import choose_kernels

# What the command line and the dashboard use; it has an effect only before TensorFlow is imported.
_IN_TIME = "tensorflow" not in sys.modules
choose_kernels()

_PACKAGES = (
    "kerasface",
    "keras",
    "tensorflow-cpu",
    "tensorflow",
    "numpy",
    "opencv-python-headless",
    "dlib-bin",
    "mtcnn",
)
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def benchmark_parser(docstring: str) -> argparse.ArgumentParser:
    """Returns a parser that knows `--data` and shows the benchmark's docstring as its help."""
    parser = argparse.ArgumentParser(description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data",
        type=user_path,
        default=user_path(os.environ.get("KERASFACE_DATA", "../shared/data")),
        help="folder with lfw/images and lfw/pairs.txt; KERASFACE_DATA or ../shared/data if not given",
    )
    return parser


def print_header() -> None:
    """Prints date, command, machine, load and versions: without them no number means anything."""
    # What else runs spoils timings: the load of the last minute belongs to them.
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    print(f"{datetime.date.today()}: python {' '.join([f'benchmarks/{Path(sys.argv[0]).name}', *sys.argv[1:]])}")
    print(f"{_processor()}, {os.cpu_count()} cores{load}, {platform.system()} {platform.machine()}")
    print(f"python {platform.python_version()}, {', '.join(_versions())}, oneDNN {_onednn()}")


def print_columns(*names: str) -> None:
    """Prints the head of a table, in Markdown."""
    print_row(*names)
    print("|" + "---|" * len(names))


def print_row(*cells: object) -> None:
    """Prints one row of a table at once, so that a long run shows how far it is."""
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def interleaved(calls: dict[str, Callable[[], object]], repeats: int, in_a_row: int = 1) -> dict[str, float]:
    """Times calls in turns (a, b, a, b, ...), so that whatever else the machine does meets all of them.

    Args:
        calls: What to call, by name; each is called once more before, to warm up.
        repeats: How many times each is timed.
        in_a_row: How many times before it is the next one's turn. Above 1 there is a pause between turns, for threads
            wait busily after their work, OpenMP's up to 200 ms, and would take a core from the next one; and as many
            calls are made before any is timed, for the processor to come back from the pause.

    Returns:
        Median seconds by name.
    """
    for call in calls.values():
        call()
    seconds = {name: [] for name in calls}
    for _ in range(-(-repeats // in_a_row)):
        for name, call in calls.items():
            if in_a_row > 1:
                time.sleep(0.3)
                for _ in range(in_a_row):
                    call()
            seconds[name] += [timed(call)[0] for _ in range(in_a_row)]
    return {name: median(values) for name, values in seconds.items()}


def timed(call: Callable, *arguments: object) -> tuple[float, object]:
    """Returns the seconds that `call(*arguments)` took, and what it returned."""
    started = time.perf_counter()
    result = call(*arguments)
    return time.perf_counter() - started, result


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor() or "unknown processor"
    fields = dict(line.split("\t", 1) for line in path.read_text().splitlines() if "\t" in line)
    fields = {name: value.lstrip("\t: ") for name, value in fields.items()}
    flags = [flag for flag in _FLAGS if flag in fields.get("flags", "").split()]
    family = f"family {fields.get('cpu family')} model {fields.get('model')}"
    return f"{fields.get('model name', 'unknown processor')} ({family}; {' '.join(flags) or 'no AVX2'})"


def _onednn() -> str:
    if not _IN_TIME:
        return "as TensorFlow chose"
    return "off" if os.environ["TF_ENABLE_ONEDNN_OPTS"] == "0" else "on"


def _versions() -> list[str]:
    found = []
    for package in _PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found
