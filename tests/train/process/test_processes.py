"""Whether a process runs, and whether it is the one that was meant."""

import os
import subprocess
import sys
import time

import pytest

from kerasface.train.process.processes import is_running, process_start

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows does not tell when a process began.")


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def test_a_process_runs_until_it_ends(sleeper):
    start = process_start(sleeper.pid)
    assert is_running(sleeper.pid, start)
    assert is_running(sleeper.pid, None)
    sleeper.kill()
    deadline = time.monotonic() + 10
    while is_running(sleeper.pid, start) and time.monotonic() < deadline:  # nobody waited for it: it is a zombie then
        time.sleep(0.01)
    assert not is_running(sleeper.pid, start)
    sleeper.wait()
    assert process_start(sleeper.pid) is None


def test_another_process_with_the_number_is_not_taken_for_it(sleeper):
    assert process_start(sleeper.pid) != process_start(os.getpid())
    assert not is_running(sleeper.pid, process_start(os.getpid()))


def test_the_start_of_a_process_does_not_change():
    assert process_start(os.getpid()) == process_start(os.getpid()) is not None


def test_a_name_with_spaces_and_parentheses_is_read(tmp_path):
    name = tmp_path / "a) 7 (b"
    name.symlink_to(sys.executable)
    process = subprocess.Popen([name, "-S", "-c", "import time; time.sleep(60)"])
    try:
        assert is_running(process.pid, process_start(process.pid))
    finally:
        process.kill()
        process.wait()
