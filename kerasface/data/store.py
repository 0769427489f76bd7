"""An append-only store of equally shaped arrays on disk: what was computed once is not computed again.

A store is a folder of shards. Each shard is a file of raw records and an index with one JSON line per key, and belongs
to the one process that wrote it: any number of processes may add at the same time, and one that is killed loses at
most the record it was writing.
"""

import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def default_cache_folder() -> Path:
    """Returns where caches live: `KERASFACE_CACHE`, else `kerasface` in the user's cache folder."""
    if chosen := os.environ.get("KERASFACE_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasface"


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
        """
        if record is not None and (record.shape != self.shape or record.dtype != self.dtype):
            raise ValueError(
                f"This store holds {self.dtype} records of shape {self.shape}. "
                f"Received: {record.dtype}, {record.shape}."
            )
        if self._writing is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{uuid.uuid4().hex}.bin"
            self._writing = (path, path.open("wb"), path.with_suffix(".jsonl").open("w", encoding="utf-8"))
        path, records, index = self._writing
        row = None
        if record is not None:
            # The record before its index line: a line without a record never exists.
            records.write(record.tobytes())
            records.flush()
            row, self._rows = self._rows, self._rows + 1
        index.write(json.dumps({"key": key, "row": row, "note": note or {}}) + "\n")
        index.flush()
        self._entries[key] = (path, row, note or {})

    def read(self, keys: Sequence[str]) -> np.ndarray:
        """Returns the records of `keys` in that order, `(len(keys), *shape)`.

        Raises:
            KeyError: If a key is not stored.
        """
        result = np.empty((len(keys), *self.shape), dtype=self.dtype)
        maps: dict[Path, np.ndarray] = {}
        for position, key in enumerate(keys):
            path, row, _ = self._entries[key]
            if path not in maps:
                maps[path] = np.memmap(path, dtype=self.dtype, mode="r").reshape(-1, *self.shape)
            result[position] = maps[path][row]
        return result

    def close(self) -> None:
        """Ends the shard that this process writes; reading goes on to work."""
        if self._writing is not None:
            _, records, index = self._writing
            records.close()
            index.close()
            self._writing = None
            self._rows = 0

    def __enter__(self) -> "RecordStore":
        return self

    def __exit__(self, *error) -> None:
        self.close()

    def _load(self, index: Path) -> None:
        path = index.with_suffix(".bin")
        stored = path.stat().st_size // self._record_bytes if path.is_file() else 0
        for line in index.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                break  # the line that a killed process did not finish
            if entry["row"] is None or entry["row"] < stored:
                self._entries[entry["key"]] = (path, entry["row"], entry["note"])
