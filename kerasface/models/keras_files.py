"""The archive of a saved Keras model before it is read: it holds what Keras writes, and no more than a model needs."""

import zipfile
from typing import BinaryIO

from kerasface.files.zips import check_num_entries

WEIGHTS, FORM = "model.weights.h5", "config.json"
MAX_BYTES = 2 * 2**30  # of a file of weights
# What Keras writes into one, with the bytes that each may have at most; and files of layers under assets/.
_ENTRIES = {"metadata.json": 2**20, FORM: 64 * 2**20, WEIGHTS: MAX_BYTES}
_MAX_ENTRIES, _MAX_RATIO = 10_000, 100


def check_keras_file(file: BinaryIO) -> None:
    """Refuses the archive of a model with other entries than Keras writes, or with one that grows out of proportion.

    Args:
        file: The open `.keras` file.

    Raises:
        ValueError: If it is refused; the message goes on behind the name of the file.
        zipfile.BadZipFile: Or another of `files.zips.UNREADABLE`, if it is no archive that can be read.
    """
    check_num_entries(file, _MAX_ENTRIES)
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            first, _, rest = entry.filename.partition("/")
            if entry.filename not in _ENTRIES and (first != "assets" or ".." in rest.split("/")):
                raise ValueError(f"it holds {entry.filename[:100]!r}, which no model of Keras does.")
            if entry.file_size > _ENTRIES.get(entry.filename, MAX_BYTES):
                raise ValueError(f"its {entry.filename[:100]} has {entry.file_size:,} bytes.")
            if entry.file_size > max(2**20, _MAX_RATIO * entry.compress_size):
                raise ValueError(f"its {entry.filename[:100]} grows more than {_MAX_RATIO} times when unpacked.")
