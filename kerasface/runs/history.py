"""How a run learned: `history.csv`, a row per epoch."""

import csv
import io
import os
from pathlib import Path

from kerasface.files.reading import read_regular
from kerasface.runs.store import RunError

_MAX_BYTES = 2**26


def read_history(run: str | os.PathLike) -> list[dict]:
    """Returns a record per epoch, of all stages in order; empty where nothing had to be trained.

    Numbers are numbers, what is no number is text, and what an epoch does not have is left out.

    Args:
        run: The run's folder.

    Raises:
        RunError: If it has no history, or that cannot be read.
    """
    path = Path(run) / "history.csv"
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except OSError as error:
        raise RunError(f"The history {path} cannot be read: {error.strerror}.") from error
    except (ValueError, csv.Error) as error:
        raise RunError(f"The history {path} is damaged: {error}.") from error
    return [{name: _number(text) for name, text in row.items() if isinstance(text, str) and text} for row in rows]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
