"""What only looks at photos starts without TensorFlow, Keras and JAX, once the engine's files are there.

Each command and each page runs in a process of its own, over a cache that `doctor --prepare` has filled.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

ROOT = Path(__file__).resolve().parents[3]
HEAVY = "tensorflow", "keras", "jax"
# Runs the command line, then says which of them were imported, and which telemetry.
COMMAND = (
    "import atexit, sys\n"
    "def say():\n"
    f"    heavy = [name for name in {HEAVY} if name in sys.modules]\n"
    "    heavy += [name for name in sys.modules if 'telemetry' in name]\n"
    "    print('IMPORTED', *heavy, file=sys.stderr)\n"
    "atexit.register(say)\n"
    "from kerasface.cli import main\n"
    "main(sys.argv[1:], prog_name='kerasface')\n"
)
PAGE = (
    "import sys\n"
    "from streamlit.testing.v1 import AppTest\n"
    f"page = AppTest.from_file({str(ROOT / 'app.py')!r}, default_timeout=120)\n"
    "page = page.switch_page(f'pages/{sys.argv[1]}.py').run()\n"
    "assert not page.exception, page.exception\n"
    f"print('IMPORTED', *[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
)
COMMANDS = {
    "detect": "detect {photo} --json",
    "verify": "verify {photo} {photo} --json",
    "embed": "embed {people} --out out.npz --json",
    "enroll": "enroll Eve {other} --gallery {gallery} --allow conflict --json",
    "identify": "identify {photo} --gallery {gallery} --json",
    "cluster": "cluster {people} --gallery {gallery} --json",
    "people": "people list --gallery {gallery} --json",
    "predict": "predict {photo} --model digits --json",
    "segment": "segment {photo} --out masks --json",
    "unlock": "unlock --user Ada --camera {frames} --timeout 100 --gallery {gallery} --json",
    "verification": "evaluate verification --images {people} --pairs {pairs} --json",
    "identification": "evaluate identification --images {people} --json",
    "doctor": "doctor --json",
}

pytestmark = pytest.mark.slow


def run(code, words, folder, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env=os.environ | {"KERASFACE_ENGINE": "openvino", "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory, with_openvino):
    """A prepared cache, photos, pairs and a gallery: the words of the commands by name."""
    folder = tmp_path_factory.mktemp("place")
    words = {name: folder / name for name in ("people", "frames", "gallery", "pairs", "cache")}
    head = astronaut()[:300, 80:380]
    for file, image in {
        "people/ada/ada_1.png": head,
        "people/ada/ada_2.png": head[:, ::-1],
        "people/bea/bea_1.png": head[..., ::-1],
        "people/bea/bea_2.png": head[:, ::-1, ::-1],
        "people/cid/cid_1.png": head // 2,
        "frames/1.png": head,
    }.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(image)).save(folder / file)
    words |= {"photo": folder / "people/ada/ada_1.png", "other": folder / "people/bea/bea_1.png"}
    pairs = "ada/ada_1.png,ada/ada_2.png,1,{fold}\nada/ada_1.png,bea/bea_1.png,0,{fold}\n"
    words["pairs"].write_text("a,b,same,fold\n" + pairs.format(fold=1) + pairs.format(fold=2))
    keys = {"KERASFACE_CACHE": str(words["cache"]), "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in keys.items():
            patch.setenv(key, value)
        done = run(COMMAND, ["doctor", "--prepare", "--json"], folder)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["not_prepared"] == []
        for command in (["enroll", "Ada", words["photo"]], ["unlock", "--enable", "Ada"]):
            done = run(COMMAND, [*command, "--gallery", words["gallery"]], folder)
            assert done.returncode == 0, done.stderr
        yield folder, {name: str(path) for name, path in words.items()}


def imported(done):
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("IMPORTED")]
    return line.split()[1:]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_looks_at_photos_imports_none_of_them(place, command):
    folder, words = place
    done = run(COMMAND, COMMANDS[command].format(**words).split(), folder)
    assert imported(done) == [], done.stderr
    assert done.returncode == (command == "unlock"), done.stderr + done.stdout  # one picture is too few to unlock
    if command != "people":
        answer = json.loads(done.stdout)
        assert (answer[0] if isinstance(answer, list) else answer)["engine"] == "openvino"


@pytest.mark.parametrize("page", ["home", "verify", "recognise", "gallery", "segment", "unlock"])
def test_a_page_that_looks_at_photos_imports_none_of_them(place, page):
    folder, _ = place
    done = run(PAGE, [page], folder)
    assert done.returncode == 0, done.stderr
    assert imported(done) == []


def test_making_the_files_reports_nothing_to_anybody(place):
    """OpenVINO's telemetry keeps an identity and counts in a folder of the user's home, when it is awake."""
    folder, words = place
    assert list(Path(words["cache"]).glob("engines/*.engine"))
    assert not (folder / "intel").exists()


def test_keras_is_found_where_it_is_asked_for(place):
    """The test of the tests: they would see it."""
    folder, words = place
    done = run(COMMAND, COMMANDS["detect"].format(**words).split(), folder, KERASFACE_ENGINE="tensorflow")
    assert {"tensorflow", "keras"} <= set(imported(done))
    assert json.loads(done.stdout)[0]["engine"] == "tensorflow"
