"""Processes by number and start, so that a later one with the same number is not taken for the one that was meant."""

import contextlib
import os
import subprocess
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_STATE, _START = 0, 19  # of the fields of /proc/PID/stat that follow the name: proc(5) counts them as 3 and 22


def process_start(process: int) -> str | None:
    """Returns when a process began, as a text that no other process of this number has.

    Args:
        process: Its number.

    Returns:
        On Linux the boot and the clock tick, elsewhere what `ps` says; `None` if it does not run, or nobody can tell.
    """
    if _BOOT.is_file():
        with contextlib.suppress(OSError):
            # The name stands in parentheses and may itself hold spaces and parentheses.
            fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
            # A zombie has ended: only its parent has not asked yet how.
            return None if fields[_STATE] in "ZX" else f"{_BOOT.read_text().strip()} {fields[_START]}"
        return None
    if os.name != "posix":
        return None
    asked = ["ps", "-o", "stat=,lstart=", "-p", str(process)]
    with contextlib.suppress(OSError):
        answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        state, _, began = answer.strip().partition(" ")
        return None if not began or state.startswith("Z") else began.strip()
    return None


def is_running(process: int, start: str | None) -> bool:
    """Tells whether a process still runs.

    Args:
        process: Its number.
        start: What `process_start` said of it; `None` trusts the number alone.
    """
    now = process_start(process)
    return now is not None and start in (None, now)
