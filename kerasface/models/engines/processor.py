"""The processor of this machine: what it can, and whether it is still the one that a file was made for."""

import hashlib
import platform
from functools import cache
from pathlib import Path

_INFO = Path("/proc/cpuinfo")


def processor_flags() -> set[str]:
    """Returns the processor's feature flags as Linux names them; empty on other systems."""
    return set(_entry("flags", "Features").split())


@cache
def processor_name() -> str:
    """Returns kind, model and abilities of the processor in one line: equal where one's machine code runs on it."""
    abilities = hashlib.sha256(" ".join(sorted(processor_flags())).encode()).hexdigest()[:12]
    return f"{platform.machine()} {_entry('model name') or platform.processor()} {abilities}"


def _entry(*starts: str) -> str:
    if not _INFO.is_file():
        return ""
    lines = _INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(starts)), "")
