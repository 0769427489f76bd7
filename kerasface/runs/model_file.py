"""The file of a trained model before Keras sees it: it is the one of the card, and no larger than a model is."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasface.files.writing import sha256
from kerasface.files.zips import UNREADABLE
from kerasface.models.keras_files import MAX_BYTES, check_keras_file
from kerasface.runs.records import RunError


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
    if (size := path.stat().st_size) > MAX_BYTES:
        raise RunError(f"The model file {path} is larger than allowed: {size} > {MAX_BYTES} bytes.")
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
        except OSError as error:
            raise RunError(f"The model file {path} cannot be copied: {error.strerror or error}.") from error
        try:
            with copy.open("rb") as file:
                check_keras_file(file)
        except (*UNREADABLE, OSError, ValueError) as error:
            raise RunError(f"{path} matches its card but does not load: {error}") from error
        yield copy
