"""An append-only store of equally shaped arrays on disk: what was computed once is not computed again.

A store is a folder of shards. Each shard is a file of raw records and an index with one JSON line per key, and belongs
to the one process that wrote it: any number of processes may add at the same time, and one that is killed loses at
most the record it was writing.
"""

import contextlib
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasface.files.parsing import json_of


def unwritable(folder: str | os.PathLike, error: OSError) -> OSError:
    """Returns an error that names the cache and says what to do, in place of the bare one of the disk."""
    return OSError(
        error.errno,
        f"{error.strerror}. The cache cannot be written; what it holds stays usable. "
        "Free space on its disk or name another folder (KERASFACE_CACHE)",
        str(folder),
    )


class StoredArray:
    """Records of a store as one array that stays on disk: indexing it with integers or a slice reads those records.

    Files are mapped for the time of one reading only. Pages of a mapping that stays count as resident memory, so an
    epoch over a data set larger than memory would seem to fill it.

    Args:
        files: Files of raw records.
        file_of_record: Index into `files` for each record, shape `(num_records,)`.
        rows: Row of each record in its file, shape `(num_records,)`.
        shape: Shape of one record.
        dtype: Dtype of the records.
    """

    def __init__(
        self, files: Sequence[Path], file_of_record: np.ndarray, rows: np.ndarray, shape: tuple[int, ...], dtype
    ):
        self._files = list(files)
        self._file_of_record = np.asarray(file_of_record, dtype=np.int32)
        self._rows = np.asarray(rows, dtype=np.int64)
        self.shape = (len(self._rows), *shape)
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, indices: np.ndarray | slice) -> np.ndarray:
        """Reads records in the order of `indices`, `(num_indices, *record_shape)`."""
        file_of_record, rows = self._file_of_record[indices], self._rows[indices]
        result = np.empty((len(rows), *self.shape[1:]), dtype=self.dtype)
        for file in np.unique(file_of_record):
            chosen = file_of_record == file
            mapped = self._map(self._files[file])
            if chosen.all():
                # "clip" because take copies the result once more where it must check; the rows are known to exist.
                np.take(mapped, rows, axis=0, out=result, mode="clip")
            else:
                result[chosen] = mapped[rows[chosen]]
        return result

    def part(self, indices: np.ndarray) -> "StoredArray":
        """Returns the records at `indices` as an array of their own that stays on disk too."""
        return StoredArray(self._files, self._file_of_record[indices], self._rows[indices], self.shape[1:], self.dtype)

    def followed_by(self, other: "StoredArray") -> "StoredArray":
        """Returns these records and those of another array of the same kind as one that stays on disk too."""
        return StoredArray(
            [*self._files, *other._files],
            np.concatenate([self._file_of_record, len(self._files) + other._file_of_record]),
            np.concatenate([self._rows, other._rows]),
            self.shape[1:],
            self.dtype,
        )

    def _map(self, file: Path) -> np.ndarray:
        """Maps the whole records of a file; one that a killed process did not finish is left out."""
        record_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        return np.memmap(file, dtype=self.dtype, mode="r", shape=(file.stat().st_size // record_bytes, *self.shape[1:]))


class RecordStore:
    """Arrays of one shape and dtype by key, with a JSON note each.

    Args:
        folder: Folder of the store; made when the first record is added.
        shape: Shape of every record.
        dtype: Dtype of every record.
    """

    def __init__(self, folder: str | os.PathLike, shape: tuple[int, ...], dtype: str):
        self.folder = Path(folder)
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._record_bytes = int(np.prod(shape)) * self.dtype.itemsize
        self._entries: dict[str, tuple[Path, int | None, dict]] = {}
        self._writing: tuple[Path, object, object] | None = None
        self._rows = 0
        for index in sorted(self.folder.glob("*.jsonl")):
            self._load(index)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def has_record(self, key: str) -> bool:
        """Tells whether `key` has an array; a key can also be stored with a note alone."""
        return self._entries[key][1] is not None

    def note(self, key: str) -> dict:
        """Returns the note stored with `key`."""
        return self._entries[key][2]

    def add(self, key: str, record: np.ndarray | None, note: dict | None = None) -> None:
        """Stores `record` (or nothing but the note) under `key`. It is on its way to disk when this returns.

        Raises:
            ValueError: If the record has another shape or dtype.
            OSError: If the disk refuses; what was stored before stays usable.
        """
        if record is not None and (record.shape != self.shape or record.dtype != self.dtype):
            raise ValueError(
                f"This store holds {self.dtype} records of shape {self.shape}. "
                f"Received: {record.dtype}, {record.shape}."
            )
        try:
            if self._writing is None:
                self._begin_shard()
            path = self._writing[0]
            row = self._write(key, record, note or {})
        except OSError as error:
            # A disk that is full leaves a torn record behind; whatever follows it would be read from the wrong place.
            with contextlib.suppress(OSError):
                self.close()
            raise unwritable(self.folder, error) from error
        self._entries[key] = (path, row, note or {})

    def array(self, keys: Sequence[str]) -> StoredArray:
        """Returns the records of `keys`, in that order, as an array that stays on disk.

        Raises:
            KeyError: If a key is not stored, or with a note alone.
        """
        files: dict[Path, int] = {}
        places = np.empty((len(keys), 2), dtype=np.int64)
        for position, key in enumerate(keys):
            path, row, _ = self._entries[key]
            if row is None:
                raise KeyError(key)
            places[position] = files.setdefault(path, len(files)), row
        return StoredArray(list(files), places[:, 0], places[:, 1], self.shape, self.dtype)

    def read(self, keys: Sequence[str]) -> np.ndarray:
        """Returns the records of `keys` in that order, `(len(keys), *shape)`.

        Raises:
            KeyError: If a key is not stored, or with a note alone.
        """
        return self.array(keys)[:]

    def close(self) -> None:
        """Ends the shard that this process writes; reading goes on to work."""
        if self._writing is not None:
            _, records, index = self._writing
            self._writing = None
            self._rows = 0
            with contextlib.closing(index), contextlib.closing(records):
                pass

    def __enter__(self) -> "RecordStore":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def _num_records(self, path: Path) -> int:
        return path.stat().st_size // self._record_bytes if path.is_file() else 0

    def _begin_shard(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{uuid.uuid4().hex}.bin"
        self._writing = (path, path.open("wb"), path.with_suffix(".jsonl").open("w", encoding="utf-8"))

    def _write(self, key: str, record: np.ndarray | None, note: dict) -> int | None:
        """Writes the record, then its index line, so that a line without a record never exists; returns the row."""
        _, records, index = self._writing
        row = None
        if record is not None:
            records.write(record.tobytes())
            records.flush()
            row, self._rows = self._rows, self._rows + 1
        index.write(json.dumps({"key": key, "row": row, "note": note}) + "\n")
        index.flush()
        return row

    def _load(self, index: Path) -> None:
        path = index.with_suffix(".bin")
        stored = self._num_records(path)
        for line in index.read_text(encoding="utf-8").splitlines():
            try:
                entry = json_of(line)
            except ValueError:
                break  # the line that a killed process did not finish
            if entry["row"] is None or entry["row"] < stored:
                self._entries[entry["key"]] = (path, entry["row"], entry["note"])
