"""The file of a trained model before Keras sees it: it is the one of the card, and no larger than a model is."""

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasface.files.writing import sha256
from kerasface.files.zips import check_num_entries
from kerasface.runs.records import RunError

_MAX_MODEL_BYTES = 2 * 2**30  # read before anything is known about the file
# What Keras writes into one, with the bytes that each may have at most; and files of layers under assets/.
_ENTRIES = {"metadata.json": 2**20, "config.json": 64 * 2**20, "model.weights.h5": _MAX_MODEL_BYTES}
_MAX_ENTRIES, _MAX_RATIO = 10_000, 100


def check_model_file(path: Path, expected: str, copy: Path | None = None) -> None:
    """Checks the hash of a model's file.

    Args:
        path: The file.
        expected: Its SHA-256, as the card has it.
        copy: Where it is copied to first; then the copy is what is hashed.

    Raises:
        RunError: If it is missing, no regular file, too large, or another one.
    """
    if not path.is_file():
        raise RunError(f"The model file {path} is missing.")
    if (size := path.stat().st_size) > _MAX_MODEL_BYTES:
        raise RunError(f"The model file {path} is larger than allowed: {size} > {_MAX_MODEL_BYTES} bytes.")
    if copy is not None:
        shutil.copyfile(path, copy)
    if (found := sha256(copy or path)) != expected:
        raise RunError(f"The model file {path} was altered: its card expects SHA-256 {expected}, found {found}.")


@contextmanager
def checked_copy(path: Path, expected: str) -> Iterator[Path]:
    """Gives a copy that nobody else can change: what was hashed and looked into is what is loaded.

    Raises:
        RunError: As `check_model_file`; or if it is no zip file, holds what Keras does not write, or grows out of
            proportion when it is unpacked.
    """
    with tempfile.TemporaryDirectory(prefix="kerasface-") as folder:
        copy = Path(folder) / path.name
        try:
            check_model_file(path, expected, copy)
            _check_entries(copy)
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise RunError(f"{path} matches its card but does not load: {error}") from error
        yield copy


def _check_entries(path: Path) -> None:
    """Refuses a model's file with other entries than Keras writes, or with one that grows out of proportion."""
    with path.open("rb") as file:
        check_num_entries(file, _MAX_ENTRIES)
        with zipfile.ZipFile(file) as archive:
            for entry in archive.infolist():
                first, _, rest = entry.filename.partition("/")
                if entry.filename not in _ENTRIES and (first != "assets" or ".." in rest.split("/")):
                    raise ValueError(f"it holds {entry.filename[:100]!r}, which no model of Keras does.")
                if entry.file_size > _ENTRIES.get(entry.filename, _MAX_MODEL_BYTES):
                    raise ValueError(f"its {entry.filename[:100]} has {entry.file_size:,} bytes.")
                if entry.file_size > max(2**20, _MAX_RATIO * entry.compress_size):
                    raise ValueError(f"its {entry.filename[:100]} grows more than {_MAX_RATIO} times when unpacked.")
