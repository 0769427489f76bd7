"""Locks that a process holds on a file, and that are gone with it."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from kerasface.files.locks import lock_note, take_lock

HOLDER = (
    "import sys; from kerasface.files.locks import take_lock; "
    "take_lock(sys.argv[1], 'me'); print(1, flush=True); input()"
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "name.lock"


def test_one_holds_it_and_the_file_goes_with_the_lock(file):
    lock = take_lock(file, "the first")
    assert take_lock(file) is None
    assert lock_note(file) == "the first"
    lock.release()
    assert not file.exists()
    assert lock_note(file) is None
    with take_lock(file, "the second"):
        lock.release()  # once given up, it takes nothing from whoever came next
        assert lock_note(file) == "the second"


def test_it_is_gone_with_a_process_that_was_killed(file):
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        process.stdout.readline()
        assert take_lock(file) is None
        assert lock_note(file) == "me"
        process.send_signal(signal.SIGKILL)
    assert file.exists()  # nobody was left to delete it
    assert lock_note(file) is None
    with take_lock(file, "you"):
        assert lock_note(file) == "you"  # and nothing of the longer or older note


def test_a_file_that_was_deleted_while_one_waited_for_it_is_not_the_lock(file):
    """Otherwise two would hold a lock on the same path."""
    first, found = take_lock(file), []
    waiter = threading.Thread(target=lambda: found.append(take_lock(file, patience=30)))
    waiter.start()
    first.release()
    waiter.join()
    with found[0]:
        assert os.path.samestat(os.stat(file), os.fstat(found[0]._descriptor))
        assert take_lock(file) is None


@pytest.mark.slow
def test_of_many_who_want_it_one_has_it_at_a_time(file, tmp_path):
    """Each adds one to a number in a file, without any other care: nothing is lost."""
    number = tmp_path / "number"
    number.write_text("0")

    def add():
        for _ in range(50):
            with take_lock(file, patience=60):
                number.write_text(str(int(number.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert number.read_text() == "400"


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        take_lock(tmp_path / "nowhere" / "lock")
    assert lock_note(tmp_path / "nowhere" / "lock") is None
