"""Checkpoints of PyTorch: tensors are read, whatever their strides, and nothing else is done that a file asks for."""

import contextlib
import io
import pickle
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from kerasface.models.pretrained import ModelFileError
from kerasface.models.torch_format import read_tensors

MAGIC, VERSION, MACHINE = 0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}


class _Named:
    """Pickled, it is the name of something in a module that need not be here."""

    def __init__(self, name):
        self.name = name


class _Key:
    """Pickled, it is a storage that lies behind the pickles."""

    def __init__(self, *pid):
        self.pid = pid


class _Tensor:
    """Pickled, it is a call of what rebuilds a tensor."""

    def __init__(self, *arguments, call="torch._utils _rebuild_tensor_v2"):
        self.arguments, self.call = arguments, call


class _Writer(pickle._Pickler):  # the one in Python, which can be told how a name is written
    dispatch = pickle._Pickler.dispatch.copy()

    def persistent_id(self, thing):
        return thing.pid if isinstance(thing, _Key) else None

    def _named(self, thing):
        self.write(b"c" + thing.name.replace(" ", "\n").encode() + b"\n")

    def _tensor(self, thing):
        self.save(_Named(thing.call))
        self.save(thing.arguments)
        self.write(pickle.REDUCE)

    dispatch[_Named] = _named
    dispatch[_Tensor] = _tensor


def pickled(thing):
    file = io.BytesIO()
    _Writer(file, 2).dump(thing)
    return file.getvalue()


def storage(key, values, kind="torch FloatStorage"):
    return _Key("storage", _Named(kind), key, "cpu", len(values), None)


def checkpoint(tensors, storages, *, head=(MAGIC, VERSION, MACHINE), keys=None):
    """The bytes of a checkpoint: `tensors` by name, `storages` by key."""
    parts = [*map(pickled, head), pickled(tensors), pickled(list(storages) if keys is None else keys)]
    rows = [struct.pack("<q", len(values)) + values.tobytes() for values in storages.values()]
    return b"".join([*parts, *rows])


VALUES = np.arange(24, dtype="<f4")
ONE = {"a": VALUES}


def one(*view, values=VALUES, **options):
    """A checkpoint with one tensor, of offset, shape and strides."""
    return checkpoint({"w": _Tensor(storage("a", values), *view, False, OrderedDict())}, {"a": values}, **options)


def test_tensors_are_read_with_their_strides():
    """A transposed kernel, a row in the middle, a number of steps: as NumPy lays the same views."""
    steps = np.array([7], dtype="<i8")
    tensors = {
        "kernel": _Tensor(storage("a", VALUES), 0, (4, 3, 2), (1, 4, 12), False, OrderedDict()),
        "row": _Tensor(storage("a", VALUES), 6, (5,), (2,), False, OrderedDict()),
        "steps": _Tensor(storage("b", steps, "torch LongStorage"), 0, (), (), False, OrderedDict()),
    }
    found = read_tensors(checkpoint(OrderedDict(tensors), {"a": VALUES, "b": steps}))
    np.testing.assert_array_equal(found["kernel"], VALUES.reshape(2, 3, 4).transpose(2, 1, 0))
    np.testing.assert_array_equal(found["row"], [6, 8, 10, 12, 14])
    assert found["kernel"].flags.c_contiguous
    assert (found["kernel"].dtype, found["steps"].dtype, int(found["steps"])) == (np.float32, np.int64, 7)


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("place", range(5))
def test_what_a_pickle_asks_for_is_not_done(tmp_path, place):
    """In any of the five pickles; and the payload works, where nobody looks."""
    witness = tmp_path / "ran"
    parts = [*map(pickled, (MAGIC, VERSION, MACHINE)), pickled({}), pickled([])]
    parts[place] = pickle.dumps(Payload(witness), protocol=2)
    with pytest.raises(ModelFileError, match="no use for"):
        read_tensors(b"".join(parts))
    assert not witness.exists()
    pickle.loads(parts[place])
    assert witness.exists()


@pytest.mark.parametrize(
    "name", ["os system", "builtins eval", "torch load", "torch._utils _rebuild_tensor", "numpy array"]
)
def test_names_that_no_tensor_needs_are_refused(name):
    content = checkpoint({"w": _Tensor("echo", call=name)}, {})
    with pytest.raises(ModelFileError, match=rf"no use for {name.replace(' ', '.')}: refused, nothing was run"):
        read_tensors(content)


def test_a_storage_type_is_a_word_that_cannot_be_called():
    with pytest.raises(ModelFileError, match="no checkpoint of tensors"):
        read_tensors(checkpoint({"w": _Tensor(3, call="torch FloatStorage")}, {}))


def test_instructions_of_other_protocols_are_refused():
    """Such as those that name a thing by words on the stack, which no name in the file shows."""
    with pytest.raises(ModelFileError, match="no use for the instruction FRAME"):
        read_tensors(pickle.dumps(MAGIC, protocol=4) + pickle.dumps({"a": "b" * 10}, protocol=4))


def test_a_memory_of_a_billion_things_is_not_made():
    """LONG_BINPUT: eight bytes for a list as long as its number."""
    with pytest.raises(ModelFileError, match="remembers at most"):
        read_tensors(b"\x80\x02K\x01r" + struct.pack("<I", 2**31 - 1) + b".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (one(0, (4, 7), (7, 1)), "w lies outside of its storage of 24 values"),
        (one(20, (2, 3), (3, 1)), "w lies outside"),
        (one(0, (10**9,), (0,)), "w lies outside"),  # one value shown a billion times
        (one(0, (2,), (-1,)), "no shape and strides"),
        (one(0, (2, 2), (1,)), "no shape and strides"),
        (one(0, (2,), (1,))[:-4], "it is cut off"),
        (one(0, (2,), (1,)) + b"more", "4 bytes behind its last storage"),
        (one(0, (2,), (1,), keys=["b"]), "do not belong together"),
        (one(0, (2,), (1,), head=(MAGIC, 1002, MACHINE)), "of the first format"),
        (one(0, (2,), (1,), head=(MAGIC, VERSION, {"little_endian": False})), "of the first format"),
        (checkpoint({"w": 5}, {}), "more than tensors by name"),
        (checkpoint([1, 2], {}), "more than tensors by name"),
        (checkpoint({"w": _Key("module", "x")}, {}), "something that is no storage"),
        (b"", "no checkpoint of tensors"),
        (b"PK\x03\x04 a newer format", "no checkpoint of tensors"),
        (pickled(MAGIC), "no checkpoint of tensors"),
    ],
)
def test_what_is_no_checkpoint_is_refused_in_a_sentence(content, message):
    with pytest.raises(ModelFileError, match=message):
        read_tensors(content)


def test_any_byte_changed_gives_tensors_or_a_sentence():
    content = bytearray(one(0, (4, 6), (6, 1)))
    for place in range(len(content) - VALUES.nbytes):
        for value in (0, 0x29, 0x52, 0xFF):
            changed = content.copy()
            changed[place] = value
            with contextlib.suppress(ModelFileError):
                read_tensors(bytes(changed))
