"""Files of others: a pipe is not waited for, and no more is read than may be."""

import os
import socket

import pytest

from kerasface.files.reading import open_regular, read_regular


def test_what_is_there_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    assert read_regular(tmp_path / "a", 5) == read_regular(tmp_path / "link") == b"12345"
    with open_regular(tmp_path / "a") as file:
        file.seek(3)
        assert file.read() == b"45"


def test_a_larger_file_is_named(tmp_path):
    (tmp_path / "a").write_bytes(b"123456")
    with pytest.raises(ValueError, match="a is larger than 5 bytes"):
        read_regular(tmp_path / "a", 5)


def test_what_grows_without_end_has_an_end():
    with pytest.raises(OSError, match="Not a regular file"):
        read_regular("/dev/zero", 5)


def test_a_pipe_and_a_socket_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket"):
            with pytest.raises(OSError, match=r"Not a regular file|No such device"):
                read_regular(tmp_path / name)


def test_a_folder_and_what_is_not_there_are_errors_of_the_disk(tmp_path):
    with pytest.raises(OSError, match=r"Not a regular file|Is a directory"):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")
