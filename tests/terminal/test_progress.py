"""What goes to the terminal besides results: progress bars, and nothing of TensorFlow's."""

import subprocess
import sys

import pytest


def run(script):
    return subprocess.run([sys.executable, "-u", "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_tensorflow_starts_without_a_word_and_stderr_works_afterwards():
    done = run(
        "import sys\n"
        "from kerasface.terminal.progress import start_tensorflow\n"
        "start_tensorflow()\n"
        "assert 'tensorflow' in sys.modules\n"
        "print('heard', file=sys.stderr)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "heard\n")


def test_a_tensorflow_that_does_not_start_is_heard():
    done = run(
        "import os, sys, types\n"
        "class Broken(types.ModuleType):\n"
        "    def __getattr__(self, name):\n"
        "        os.write(2, b'the library says why\\n')\n"
        "        raise ImportError('libfoo.so is missing')\n"
        "sys.modules['tensorflow'] = Broken('tensorflow')\n"
        "from kerasface.terminal.progress import start_tensorflow\n"
        "start_tensorflow()\n"
    )
    assert done.returncode != 0
    assert "the library says why" in done.stderr
    assert "libfoo.so is missing" in done.stderr


def test_progress_bars_are_on_stderr():
    done = run(
        "from kerasface.terminal.progress import progress_bars\n"
        "with progress_bars() as report:\n"
        "    for done in range(4):\n"
        "        report('faces', done, 3)\n"
        "    report('head', 5, 5)\n"
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert "faces" in done.stderr
    assert "3/3" in done.stderr
    assert "5/5" in done.stderr


def test_bars_that_nothing_was_reported_to_leave_no_trace():
    bars = "with progress_bars():\n    raise SystemExit('refused')\n"
    done = run(f"from kerasface.terminal.progress import progress_bars\n{bars}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "refused\n")


def turned_away_script(ending):
    """A process that writes to both descriptors, its own `print` included, and ends the block with `ending`."""
    return (
        "import os\n"
        "from kerasface.terminal.progress import turned_away\n"
        "print('before')\n"
        "with turned_away(1, 2):\n"
        "    print('chatter')\n"
        "    os.write(2, b'noise\\n')\n"
        f"    {ending}\n"
        "print('after')\n"
    )


def test_what_is_turned_away_is_not_seen_and_the_terminal_works_afterwards():
    done = run(turned_away_script("pass"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "before\nafter\n", "")


def test_what_was_turned_away_is_shown_if_the_block_fails():
    done = run(turned_away_script("raise KeyError('unforeseen')"))
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("chatter\nnoise\nTraceback")
    assert "unforeseen" in done.stderr


def test_an_answer_to_the_user_speaks_for_itself():
    done = run(turned_away_script("raise OSError('disk full')"))
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("Traceback")
    assert "disk full" in done.stderr
