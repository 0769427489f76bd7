"""A run that is replaced while its writer is killed: afterwards there is one whole run, the old one or the new one."""

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from kerasface.files import replacement
from kerasface.files.locks import take_lock
from kerasface.runs.store import RunError, list_runs, load_run

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Processes are forked here, which Windows cannot.")

# A writer of runs that costs nothing. `check` looks as the product does, and looks into every file that is left.
WRITER = """
import json, os, pathlib, random, signal, sys, time
from kerasface.runs.card import ModelCard
from kerasface.runs.store import list_runs, write_run

class Model:
    def __init__(self, version):
        self.version = version
    def get_weights(self):
        return []
    def save(self, path):
        path.write_text(self.version)

def write(root, version):
    card = ModelCard.from_dict({"task": "classify", "input": {}, "labels": [version]})
    write_run(root, "faces", model=Model(version), card=card, metrics={"version": version}, history=[])

def check(root, versions):
    (summary,) = list_runs(root)
    assert summary.problem is None, summary
    files = {path.name: path.read_text() for path in summary.path.iterdir() if path.name != ".replaced"}
    version = files["model.keras"]
    assert version in versions, (version, versions)
    assert json.loads(files["metrics.json"]) == {"version": version}
    assert summary.card.labels == (version,)
    assert len(files) == 6, files
    beside = {path.name for path in root.iterdir()} - {"faces", ".faces.previous"}
    assert not beside, beside
    return version

def child(work):
    process = os.fork()
    if process == 0:
        try:
            work()
        finally:
            os._exit(1)
    return process

root = pathlib.Path(sys.argv[1])
"""

# The writer kills itself when it is about to do its n-th thing to the disk, for every n.
EACH_POINT = (
    WRITER
    + """
os.fsync = lambda descriptor: None  # a kill loses nothing that was not synced: a power cut would
EVENTS = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "open", "os.chmod", "fcntl.flock")
count = 0

def kill_at(n):
    def hook(event, arguments):
        global count
        if event in EVENTS:
            count += 1
            if count == n:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(hook)

point, ended = 0, False
while not ended:
    point += 1
    place = root / str(point)  # each time the same: what one left would be other things to do for the next
    for old in ("first", "second"):
        write(place, old)
    process = child(lambda: (kill_at(point), write(place, "third"), os._exit(0)))
    status = os.waitpid(process, 0)[1]
    ended = os.WIFEXITED(status)
    version = check(place, {"second", "third"})
assert (status, version) == (0, "third")
print(point)
"""
)

AT_RANDOM = (
    WRITER
    + """
random.seed(0)
write(root, "0 0")
version = "0 0"

def work(attempt):
    number = 0
    while True:
        number += 1
        write(root, f"{attempt} {number}")

for attempt in range(1, int(sys.argv[2]) + 1):
    process = child(lambda: work(attempt))
    time.sleep(random.uniform(0.0, 0.02))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    found = check(root, {version, *(f"{attempt} {number}" for number in range(1, 10_000))})
    version = found
print(attempt)
"""
)


def outcome(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_writer_killed_at_any_of_its_steps_leaves_one_whole_run(tmp_path):
    assert outcome(EACH_POINT, tmp_path) > 25


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_one_whole_run(tmp_path):
    assert outcome(AT_RANDOM, tmp_path, 200) == 200


def write(folder, text):
    with replacement.replaced_whole(folder) as beside:
        (beside / "card.json").write_text(json.dumps({"text": text}))
        (beside / "model.keras").touch()


@pytest.fixture
def half_way(tmp_path):
    """The folder of a run whose writer was killed between the two renames."""
    folder = tmp_path / "faces"
    write(folder, "old")
    folder.rename(tmp_path / ".faces.previous")
    (tmp_path / ".faces.writing-abcdefgh").mkdir()
    return folder


def test_one_that_a_living_writer_is_about_to_replace_is_waited_for(half_way):
    """The writer is here, between its two renames; what a reader finds is the new run, not the old one back."""
    writer, found = take_lock(half_way.with_name(".faces.writing")), []
    reader = threading.Thread(target=lambda: found.extend(list_runs(half_way.parent)))
    reader.start()
    half_way.with_name(".faces.writing-abcdefgh").rename(half_way)
    (half_way / "model.keras").touch()
    half_way.with_name(".faces.previous").joinpath(".replaced").touch()
    writer.release()
    reader.join()
    assert [summary.name for summary in found] == ["faces"]
    assert not (half_way / "card.json").exists()  # which only the old one has


def test_what_a_living_writer_has_not_finished_stays(tmp_path):
    folder = tmp_path / "faces"
    write(folder, "old")
    with replacement.replaced_whole(folder) as beside:
        assert len(list_runs(tmp_path)) == 1
        assert beside.is_dir()
        (beside / "card.json").write_text('"new"')
    assert (folder / "card.json").read_text() == '"new"'


def test_a_run_that_was_deleted_by_hand_stays_deleted(tmp_path):
    folder = tmp_path / "faces"
    for text in ("first", "second"):
        write(folder, text)
    shutil.rmtree(folder)
    assert list_runs(tmp_path) == []
    # Unless it was brought back by hand, replaced again, and that was cut short.
    (tmp_path / ".faces.previous").rename(folder)
    write(folder, "third")
    shutil.rmtree(tmp_path / ".faces.previous")
    write(folder, "fourth")
    shutil.rmtree(folder)
    (tmp_path / ".faces.previous" / ".replaced").unlink()  # as if the second rename had not come
    assert len(list_runs(tmp_path)) == 1
    assert "third" in (folder / "card.json").read_text()


def test_names_that_contain_one_another_are_told_apart(tmp_path):
    for name in ("a", "a.b", "a.writing-b"):
        write(tmp_path / name, name)
    (tmp_path / ".a.b.writing-abcdefgh").mkdir()
    (tmp_path / ".a.writing-b.writing-abcdefgh").mkdir()
    (tmp_path / ".a.backup12").mkdir()
    write(tmp_path / "a", "once more")
    shutil.rmtree(tmp_path / ".a.previous")
    assert (tmp_path / ".a.b.writing-abcdefgh").exists()
    assert (tmp_path / ".a.writing-b.writing-abcdefgh").exists()
    list_runs(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.backup12", "a", "a.b", "a.writing-b"]


def test_what_cannot_be_brought_back_is_said(half_way, monkeypatch):
    def refuses(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(replacement.Path, "rename", refuses)
    (summary,) = list_runs(half_way.parent)
    assert (summary.name, summary.card) == ("faces", None)
    assert "cannot be renamed from .faces.previous: Permission denied" in summary.problem
    with pytest.raises(RunError, match="was being replaced when its writer was killed"):
        load_run(half_way.parent, "faces")
