"""The log of attempts: one line of JSON each, without pictures, names or scores."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from kerasface.gallery.keys import key_path
from kerasface.gallery.store import now_text
from kerasface.unlock.states import Status


def attempts_path() -> Path:
    """Returns where attempts are logged: `kerasface/unlock-attempts.jsonl` in the user's configuration folder."""
    return key_path().with_name("unlock-attempts.jsonl")


def record_attempt(
    status: Status, person_ids: Sequence[str], *, camera: str, is_virtual: bool = False, path: Path | None = None
) -> None:
    """Adds an attempt to the log.

    People are logged by the number that their gallery gave them: when it forgets a person, no name is left here.

    Args:
        status: How it ended.
        person_ids: For whom it could have unlocked; for whom it did, if it did.
        camera: The camera's name.
        is_virtual: Whether it is a program that pretends to be a camera.
        path: The log; `attempts_path()` if not given.

    Raises:
        OSError: If it cannot be written.
    """
    path = path or attempts_path()
    line = {
        "time": now_text(),
        "people": list(person_ids),
        "state": str(status.state),
        "cause": status.cause,
        "reason": status.reason,
        "camera": camera,
        "virtual_camera": is_virtual,
    }
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Opened to append and written at once: lines of two processes do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, (json.dumps(line, ensure_ascii=False) + "\n").encode())
    finally:
        os.close(descriptor)
