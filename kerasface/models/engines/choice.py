"""Which engine computes the networks of commands and pages that look at photos: chosen here, once per process.

`openvino` starts in a tenth of a second and needs no Keras; `tensorflow` and `jax` are Keras's backends, which take
seconds to import. All give the same answers (`benchmarks/RESULTS.md`).
"""

import importlib.metadata
import importlib.util
import os
import sys
from pathlib import Path

from kerasface.terminal.notes import say_once
from kerasface.terminal.progress import THREADS

ENGINES = ("openvino", "tensorflow", "jax")
AUTO = "auto"
VARIABLE = "KERASFACE_ENGINE"
_GPU_FILES = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")  # of NVIDIA, of AMD, and of either one under Windows


def use_engine(name: str) -> None:
    """Chooses the engine of this process and of those that it starts, as the option `--engine` does.

    Raises:
        ValueError: If there is no engine of the name.
    """
    _check(name, "engine")
    os.environ[VARIABLE] = name


def chosen_engine() -> str:
    """Returns the engine that networks are to run on: `openvino`, `tensorflow` or `jax`.

    One that was named and is not installed is said in one line, and another one is returned. Left open, it is
    OpenVINO where that is installed and no GPU is at hand, and else Keras's backend.

    Raises:
        ValueError: If the environment variable `KERASFACE_ENGINE` names none, or `KERASFACE_THREADS` is no number.
    """
    threads()
    wanted = os.environ.get(VARIABLE) or AUTO
    _check(wanted, VARIABLE)
    if wanted == AUTO:
        return "openvino" if is_installed("openvino") and not gpu_at_hand() else backend()
    if not is_installed(wanted):
        instead = backend()
        say_once(f"The engine {wanted} is not installed (pip install {wanted}): {instead} is used.")
        return instead
    if wanted != "openvino" and wanted != backend():
        if "keras" in sys.modules:
            say_once(f"Keras runs on {backend()} in this process already, which is used in place of {wanted}.")
            return backend()
        os.environ["KERAS_BACKEND"] = wanted
    return wanted


def threads() -> int | None:
    """Returns how many threads compute, on every engine: `KERASFACE_THREADS`; `None` for one on each core.

    Raises:
        ValueError: If it is no whole number of 1 or more.
    """
    text = os.environ.get(THREADS)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{THREADS} must be a whole number of 1 or more. Received: {THREADS}={text!r}.")
    return int(text)


def backend() -> str:
    """Returns Keras's backend: that of this process, or the one it will have."""
    if "keras" in sys.modules:
        return sys.modules["keras"].backend.backend()
    return "jax" if os.environ.get("KERAS_BACKEND") == "jax" else "tensorflow"


def is_installed(engine: str) -> bool:
    """Returns whether an engine's package is installed, without importing it."""
    return engine in sys.modules or importlib.util.find_spec(engine) is not None


def gpu_at_hand() -> bool:
    """Returns whether Keras's backend may have a GPU here, without waking it: a GPU, and a build that can use one."""
    if not any(Path(file).exists() for file in _GPU_FILES):
        return False
    if backend() == "jax":
        return True
    try:
        importlib.metadata.version("tensorflow")  # not tensorflow-cpu, which sees no GPU
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _check(name: str, said: str) -> None:
    if name not in (AUTO, *ENGINES):
        raise ValueError(f"The engine must be one of {', '.join((AUTO, *ENGINES))}. Received: {said}={name!r}.")
