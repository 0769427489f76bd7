"""The store of computed arrays: what was added is there, whoever added it and however they ended."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasface.data.cache.store import RecordStore
from kerasface.files.paths import default_cache_folder

SHAPE = (2, 3)


def record(value):
    return np.full(SHAPE, value, dtype=np.float32)


def opened(folder):
    return RecordStore(folder, SHAPE, "float32")


def filled(folder, *keys):
    """Writes one shard with a record per key; its value is the key's length. Returns its two files."""
    before = set(folder.glob("*"))
    with opened(folder) as store:
        for key in keys:
            store.add(key, record(len(key)), {"of": key})
    new = set(folder.glob("*")) - before
    return next(path for path in new if path.suffix == ".bin"), next(path for path in new if path.suffix == ".jsonl")


def test_records_come_back_in_the_order_asked_for(tmp_path):
    filled(tmp_path, "a", "bb", "ccc")
    store = opened(tmp_path)
    np.testing.assert_array_equal(store.read(["ccc", "a", "ccc"]), [record(3), record(1), record(3)])
    assert store.read(["a"]).dtype == np.float32
    assert store.read([]).shape == (0, *SHAPE)
    assert store.note("bb") == {"of": "bb"}
    assert "bb" in store
    assert "d" not in store


def test_what_was_added_can_be_read_before_and_after_closing(tmp_path):
    with opened(tmp_path) as store:
        store.add("a", record(1))
        np.testing.assert_array_equal(store.read(["a"]), [record(1)])
        store.add("b", record(2))
        np.testing.assert_array_equal(store.read(["b", "a"]), [record(2), record(1)])
    np.testing.assert_array_equal(store.read(["b"]), [record(2)])
    store.add("c", record(3))  # a new shard
    store.close()
    np.testing.assert_array_equal(opened(tmp_path).read(["c", "a"]), [record(3), record(1)])


def test_a_store_that_is_only_looked_at_writes_nothing(tmp_path):
    with opened(tmp_path / "cache") as store:
        assert "a" not in store
    assert not (tmp_path / "cache").exists()


def test_a_key_may_have_a_note_alone(tmp_path):
    with opened(tmp_path) as store:
        store.add("faceless", None, {"problem": "no face was found"})
        store.add("a", record(7))
    for view in (store, opened(tmp_path)):
        assert "faceless" in view
        assert not view.has_record("faceless")
        assert view.has_record("a")
        assert view.note("faceless") == {"problem": "no face was found"}
        np.testing.assert_array_equal(view.read(["a"]), [record(7)])


@pytest.mark.parametrize("only_notes", [True, False])
def test_reading_what_has_no_record_is_a_key_error(tmp_path, only_notes):
    with opened(tmp_path) as store:
        store.add("noted", None)
        if not only_notes:
            store.add("a", record(1))
    for key in ("noted", "absent"):
        with pytest.raises(KeyError, match=key):
            store.read([key])


@pytest.mark.parametrize("wrong", [np.zeros((3, 2), dtype=np.float32), np.zeros(SHAPE, dtype=np.float64)])
def test_a_record_of_another_kind_is_refused(tmp_path, wrong):
    with opened(tmp_path) as store, pytest.raises(ValueError, match=r"float32 records of shape \(2, 3\). Received"):
        store.add("a", wrong)
    assert "a" not in store


def test_an_index_line_that_was_not_finished_is_ignored(tmp_path):
    _, index = filled(tmp_path, "a", "bb", "ccc")
    whole = index.read_bytes()
    last_line = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last_line, len(whole) - 1):
        index.write_bytes(whole[:end])
        store = opened(tmp_path)
        assert "ccc" not in store
        np.testing.assert_array_equal(store.read(["a", "bb"]), [record(1), record(2)])


def test_a_record_that_was_not_finished_is_ignored_and_the_others_are_read(tmp_path):
    """A record has 2 * 3 * 4 = 24 bytes; the last one is cut."""
    records, _ = filled(tmp_path, "a", "bb", "ccc")
    for size in range(48, 72):
        os.truncate(records, size)
        store = opened(tmp_path)
        assert "ccc" not in store
        np.testing.assert_array_equal(store.read(["bb", "a"]), [record(2), record(1)])
        os.truncate(records, 72)


def test_a_record_without_its_index_line_does_no_harm(tmp_path):
    """Killed between the record and its line, or within the record: the next shard goes on."""
    records, _ = filled(tmp_path, "a")
    with records.open("ab") as file:
        file.write(bytes(31))
    filled(tmp_path, "bb")
    np.testing.assert_array_equal(opened(tmp_path).read(["a", "bb"]), [record(1), record(2)])


def test_a_lost_record_file_loses_its_records_only(tmp_path):
    records, _ = filled(tmp_path, "a")
    filled(tmp_path, "bb")
    records.unlink()
    store = opened(tmp_path)
    assert "a" not in store
    np.testing.assert_array_equal(store.read(["bb"]), [record(2)])


def test_two_writers_do_not_disturb_each_other(tmp_path):
    with opened(tmp_path) as first, opened(tmp_path) as second:
        for value in range(10):
            first.add(f"first {value}", record(value))
            second.add(f"second {value}", record(-value))
            first.add("both", record(1))
            second.add("both", record(1))
    store = opened(tmp_path)
    for value in range(10):
        np.testing.assert_array_equal(
            store.read([f"first {value}", f"second {value}"]), [record(value), record(-value)]
        )
    np.testing.assert_array_equal(store.read(["both"]), [record(1)])


WRITER = """
import sys
import numpy as np
from kerasface.data.cache.store import RecordStore
store = RecordStore(sys.argv[1], (1000,), "float32")
for number in range(1_000_000):
    store.add(str(number), np.full(1000, number, dtype=np.float32))
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_acknowledged(tmp_path):
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    finally:
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate(timeout=30)
    acknowledged += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    store = RecordStore(tmp_path, (1000,), "float32")
    stored = store.read([str(number) for number in acknowledged])
    np.testing.assert_array_equal(stored, np.repeat(np.array(acknowledged, np.float32)[:, None], 1000, axis=1))


def test_keys_and_notes_may_hold_any_text(tmp_path):
    _, index = filled(tmp_path, 'Zoë/"张"\n.jpg')
    assert opened(tmp_path).note('Zoë/"张"\n.jpg') == {"of": 'Zoë/"张"\n.jpg'}
    assert len(index.read_text(encoding="utf-8").splitlines()) == 1
    assert json.loads(index.read_text(encoding="utf-8"))["row"] == 0


def test_where_caches_live(monkeypatch):
    monkeypatch.setenv("KERASFACE_CACHE", "/chosen")
    monkeypatch.setenv("XDG_CACHE_HOME", "/system")
    assert default_cache_folder() == Path("/chosen")
    monkeypatch.delenv("KERASFACE_CACHE")
    assert default_cache_folder() == Path("/system/kerasface")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert default_cache_folder() == Path("/home/ada/.cache/kerasface")
