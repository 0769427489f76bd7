"""Reads the tensors of a PyTorch checkpoint in its first format, without PyTorch, and runs nothing that it asks for.

The file is five pickles in a row: a magic number, a version, facts of the machine, the tensors by name, and the keys of
their storages; then, for each key, the number of its values and the values, little-endian (`torch/serialization.py`,
`_legacy_save`). A tensor is a view of a storage: offset, shape, and strides, which need not be contiguous.

A pickle is a program. This one may use the instructions that put numbers, words and tuples together, and may name the
five things that a checkpoint is made of, each of them replaced by our own; whatever else it names is refused.
"""

import io
import math
import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kerasface.models.pretrained import ModelFileError

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_MAX_BYTES = 256 * 2**20  # of a checkpoint
_MAX_MEMO = 100_000  # things that a pickle may remember; the array for them grows to the largest number at once
_OPCODES = frozenset(
    (
        *("PROTO", "STOP", "MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1"),
        *("BINUNICODE", "SHORT_BINUNICODE", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_LIST"),
        *("APPEND", "APPENDS", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
        *("GLOBAL", "REDUCE", "BUILD", "BINPERSID"),
    )
)


class _Storage(NamedTuple):
    """A row of values that lies behind the pickles."""

    key: str
    dtype: str
    length: int


class _View(NamedTuple):
    """A tensor: where in which storage its values are."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _view(storage, offset, shape, strides, *_) -> _View:
    """Stands in for `torch._utils._rebuild_tensor_v2`."""
    return _View(storage, offset, shape, strides)


# What a checkpoint may name; a storage's type is a word here, which nothing can call.
_NAMES: dict[tuple[str, str], Callable | str] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _view,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "HalfStorage"): "<f2",
    ("torch", "LongStorage"): "<i8",
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _NAMES:
            raise ModelFileError(f"A checkpoint of tensors has no use for {module}.{name}: refused, nothing was run.")
        return _NAMES[module, name]

    def persistent_load(self, pid):
        match pid:
            case ("storage", "<f2" | "<f4" | "<i8" as dtype, str(key), str(), int(length), None) if length >= 0:
                return _Storage(key, dtype, length)
        raise ModelFileError(f"The checkpoint holds something that is no storage. Received: {str(pid)[:100]}.")


def read_tensors(content: bytes) -> dict[str, np.ndarray]:
    """Returns the tensors of a checkpoint by name, each a contiguous array.

    Args:
        content: The whole file.

    Raises:
        ModelFileError: If it is no such checkpoint, asks for something else than tensors, or does not hold what it
            says.
    """
    if len(content) > _MAX_BYTES:
        raise ModelFileError(f"A checkpoint has at most {_MAX_BYTES} bytes. Received: {len(content)}.")
    file = io.BytesIO(content)
    try:
        magic, version, machine, views, keys = (_unpickled(file) for _ in range(5))
    except ModelFileError:
        raise
    except Exception as error:  # pickle raises whatever its instructions come upon
        raise ModelFileError(f"The file is no checkpoint of tensors: {error}.") from error
    little = isinstance(machine, dict) and machine.get("little_endian") is True
    if (magic, version) != (_MAGIC, _VERSION) or not little:
        raise ModelFileError("The file is no PyTorch checkpoint of the first format, of a little-endian machine.")
    if not isinstance(views, dict) or not all(_is_view(view) for view in views.values()):
        raise ModelFileError("The checkpoint holds more than tensors by name.")
    storages = _storages(content, file.tell(), keys, {view.storage.key: view.storage for view in views.values()})
    return {str(name): _array(name, view, storages[view.storage.key]) for name, view in views.items()}


def _is_view(thing) -> bool:
    return isinstance(thing, _View) and isinstance(thing.storage, _Storage)


def _unpickled(file: io.BytesIO):
    """Reads the next pickle, after looking at each of its instructions without following it."""
    start = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name not in _OPCODES:
            raise ModelFileError(f"A checkpoint of tensors has no use for the instruction {opcode.name}: refused.")
        if opcode.name == "LONG_BINPUT" and argument > _MAX_MEMO:
            raise ModelFileError(f"A checkpoint remembers at most {_MAX_MEMO} things. Received: number {argument}.")
    file.seek(start)
    return _Unpickler(file).load()


def _storages(content: bytes, position: int, keys, wanted: dict[str, _Storage]) -> dict[str, np.ndarray]:
    if not isinstance(keys, list) or len(keys) != len(wanted) or any(str(key) not in wanted for key in keys):
        raise ModelFileError("The checkpoint's tensors and its storages do not belong together.")
    found = {}
    for key in keys:
        storage = wanted[str(key)]
        length = int.from_bytes(content[position : position + 8], "little")
        end = position + 8 + length * np.dtype(storage.dtype).itemsize
        if length != storage.length or end > len(content):
            raise ModelFileError(f"Storage {key} of the checkpoint should have {storage.length} values: it is cut off.")
        found[str(key)] = np.frombuffer(content[position + 8 : end], dtype=storage.dtype)
        position = end
    if position != len(content):
        raise ModelFileError(f"The checkpoint goes on for {len(content) - position} bytes behind its last storage.")
    return found


def _array(name, view: _View, values: np.ndarray) -> np.ndarray:
    sizes, steps = view.shape, view.strides
    if not (isinstance(sizes, tuple) and isinstance(steps, tuple) and len(sizes) == len(steps)) or not all(
        type(number) is int and number >= 0 for number in (view.offset, *sizes, *steps)
    ):
        raise ModelFileError(f"The tensor {name} has no shape and strides of its own. Received: {view[1:]}.")
    last = view.offset + sum((size - 1) * stride for size, stride in zip(view.shape, view.strides, strict=True))
    size = math.prod(view.shape)
    if size > len(values) or (size and last >= len(values)):
        raise ModelFileError(f"The tensor {name} lies outside of its storage of {len(values)} values: {view[1:]}.")
    strides = [stride * values.itemsize for stride in view.strides]
    return np.lib.stride_tricks.as_strided(values[view.offset :], view.shape, strides, writeable=False).copy()
