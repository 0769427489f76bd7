"""Where home, models, gallery and photos cannot be written answers stay right, and what was not done is said."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from tests.conftest import ROOT
from tests.runs.made_up import make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="There are no such permissions here."),
]
ANSWERS = """
runs list --json
runs show ada --json
models --json
embedders list --json
keys list --json
""".strip().splitlines()
CHANGES = """
people list
people check
people rename Ada Eve
people consent Ada --purpose tests
people delete Ada --yes
people export people.json --passphrase -
runs rename ada eve
runs delete ada --yes
embedders default digits
keys add door
password set
sample digits digits
""".strip().splitlines()
CHANGING = ("seconds", "device", "engine", "precision", "size", "path", "created", "image")


def kerasface(home, line, *, locked=True):
    """Runs a command in `home/work`, as somebody to whom permissions apply: they do not to root."""
    command = [sys.executable, "-m", "kerasface", *line.split()]
    if locked and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("Root writes everywhere, and setpriv was not found.")
        powers = "-dac_override,-dac_read_search,-fowner"
        command = ["setpriv", f"--bounding-set={powers}", "--inh-caps=-all", *command]
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("XDG_", "KERASFACE_"))}
    kept["KERASFACE_ENGINE"] = "tensorflow"  # another one would go on to make its files in the background
    environment = kept | {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        command,
        cwd=home / "work",
        env=environment,
        input="one two three\n" * 2,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory, portrait):
    """A home with a gallery, models and photos, all of it read-only."""
    home = tmp_path_factory.mktemp("home")
    for name in ("people/Ada/1.png", "people/Bob/1.png"):
        (home / "work" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(portrait).save(home / "work" / name)
    make_run(home / "work" / "saved_models", "ada")
    key = home / ".config" / "kerasface" / "gallery.key"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
        with open_gallery(home / "work" / "kerasface.gallery", embedder="e", embedding_dim=2) as gallery:
            gallery.enroll("Ada", [NewSample(np.float32([1, 0]), "ada.jpg", "0" * 64)])
        assert key.is_file()
    shutil.copytree(home, tmp_path_factory.mktemp("copy") / "open")
    paths = [home, *home.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    yield home
    for path in paths:
        path.chmod(path.stat().st_mode | 0o200)


@pytest.fixture(scope="module")
def writable(home, tmp_path_factory):
    """The same where all can be written."""
    return next(tmp_path_factory.getbasetemp().glob("copy*/open"))


def content(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def without(answer):
    """What must be the same."""
    if isinstance(answer, dict):
        return {name: without(value) for name, value in answer.items() if name not in CHANGING}
    if isinstance(answer, list):
        return [without(value) for value in answer]
    return round(answer, 3) if isinstance(answer, float) else answer


def said(done):
    """The sentences of a command, without notes and progress."""
    lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(("Note: ", "Keep it"))]
    assert not any(word in done.stderr for word in ("Traceback", "Internal error", "Errno"))
    return lines


@pytest.mark.parametrize("line", ANSWERS)
def test_answers_are_as_where_all_can_be_written(home, writable, line):
    before = content(home)
    locked, free = kerasface(home, line), kerasface(writable, line, locked=False)
    assert (locked.returncode, said(locked)) == (free.returncode, said(free))
    assert content(home) == before
    assert without(json.loads(locked.stdout)) == without(json.loads(free.stdout))


@pytest.mark.parametrize("line", CHANGES)
def test_what_cannot_be_written_is_said_in_a_sentence(home, line):
    before = content(home)
    done = kerasface(home, line)
    assert done.returncode in (1, 2), (done.stdout, done.stderr)
    *_, last = said(done)
    assert last.startswith("Error: ")
    assert content(home) == before
