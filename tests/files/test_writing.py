"""Files written whole or not at all, private ones and ones that are never replaced, and what they hold."""

import hashlib
import json
import os

import pytest

from kerasface.files.writing import sha256, sync_path, write_atomically, write_json


class Crash(BaseException):
    """Stands for an interruption, such as Ctrl-C."""


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"\x00new", lambda file: file.write(b"\x00new")], ids=["bytes", "function"])
def test_a_file_is_written_whole_and_replaced(tmp_path, content):
    path = tmp_path / "new" / "file.bin"
    for _ in range(2):
        write_atomically(path, content)
        assert path.read_bytes() == b"\x00new"
        path.write_bytes(b"something longer that was there before")
    assert names_in(path.parent) == ["file.bin"]


def half(file):
    file.write(b"half of ")
    raise Crash


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with pytest.raises(Crash):
        write_atomically(path, half)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file.bin"]


def test_a_file_written_whole_may_be_read_by_whom_the_umask_says(tmp_path):
    """Like one that was opened and written: 0o666 without the bits of the umask, here 0o640."""
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "file.bin", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "file.bin").stat().st_mode & 0o777 == (0o666 if os.name == "nt" else 0o640)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits.")
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_private_file_is_its_owners_from_its_first_byte(tmp_path, umask):
    path, seen = tmp_path / "secret", []

    def write(file):
        (beside,) = tmp_path.iterdir()
        seen.append(beside.stat().st_mode & 0o777)
        file.write(b"secret")

    before = os.umask(umask)
    try:
        write_atomically(path, write, private=True)
    finally:
        os.umask(before)
    assert [*seen, path.stat().st_mode & 0o777] == [0o600, 0o600]


def test_a_file_that_is_not_to_be_replaced_stays_and_nothing_is_left(tmp_path):
    path = tmp_path / "key"
    for content in (b"first", b"second"):
        write_atomically(path, content, replace=False)
        assert (path.read_bytes(), names_in(tmp_path)) == (b"first", ["key"])


def test_json_is_strict_and_readable(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"name": "Zoë", "file": os.fsdecode(b"\xe9.jpg"), "size": (2, 3)})
    text = path.read_text(encoding="utf-8")
    assert '"Zoë"' in text
    assert json.loads(text) == {"name": "Zoë", "file": r"\xe9.jpg", "size": [2, 3]}
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not JSON compliant"):
            write_json(path, {"number": number})
    assert path.read_text(encoding="utf-8") == text


def test_the_hash_is_that_of_the_bytes(tmp_path):
    content = os.urandom(3 * 2**20 + 1)
    (tmp_path / "file").write_bytes(content)
    assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_files_and_folders_are_synced_and_what_is_missing_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    for path in (tmp_path, tmp_path / "file"):
        sync_path(path)
    if os.name != "nt":
        assert synced == [path.stat().st_ino for path in (tmp_path, tmp_path / "file")]
        with pytest.raises(FileNotFoundError):
            sync_path(tmp_path / "missing")
