"""The wheel holds the whole product: its list of files, and what it does where nothing else is."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT, free_port, settle, wait_until_healthy

# What a wheel is built from.
SOURCES = (
    *("pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"),
    *("app.py", ".streamlit", "pages", "configs", "saved_models", "kerasface"),
)
LIST = """
import json
from distutils.core import run_setup
build = run_setup("setup.py", stop_after="config").get_command_obj("build_py")
build.set_undefined_options = lambda *_: None
build.build_lib, build.compile, build.optimize, build.force = "", 0, 0, 0
build.ensure_finalized()
print(json.dumps(build.get_outputs(include_bytecode=False)))
"""


def files_below(*names):
    """Paths from the root, as POSIX strings, without what Python or an editor left there."""
    for path in (path for name in names for path in [ROOT / name, *(ROOT / name).rglob("*")]):
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store":
            yield path.relative_to(ROOT).as_posix()


def test_the_wheel_holds_every_file_of_the_product_and_no_other():
    done = subprocess.run([sys.executable, "-c", LIST], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout.splitlines()[-1])
    around = ("app.py", ".streamlit/config.toml", "pages", "configs", "saved_models/digits", "saved_models/face-parts")
    expected = [*files_below("kerasface"), *(f"kerasface/shipped/{path}" for path in files_below(*around))]
    assert sorted(Path(path).as_posix() for path in listed) == sorted(expected)
    for name in ("pages/icon.png", "pages/verify.py", "configs/digits.toml", "saved_models/digits/model.keras"):
        assert f"kerasface/shipped/{name}" in expected


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A fresh environment into which the wheel was installed; all else comes from the environment of the tests."""
    root = tmp_path_factory.mktemp("wheel")
    source = root / "source"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", root, source], check=True)
    (wheel,) = root.glob("*.whl")
    shutil.rmtree(source)
    venv.create(root / "env")
    python = root / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    # A line of a .pth file is a path: KerasFace itself, which may be linked into the tests' environment, is not on it.
    (site,) = (root / "env").rglob("site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return root / "env"


@pytest.fixture
def anywhere(installed, tmp_path):
    """Options of a process in an empty folder that knows nothing of the checkout, nor of the user's settings."""
    folder = tmp_path / "empty"
    folder.mkdir()
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "KERASFACE", "XDG"))}
    cache = {"KERASFACE_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path), "STREAMLIT_SERVER_HEADLESS": "true"}
    return {"cwd": folder, "env": kept | cache}


def kerasface(installed):
    return str(next(path for path in installed.glob("*/kerasface*") if path.is_file()))


@pytest.fixture
def run(installed, anywhere):
    """Function that runs a command there and returns what it printed."""

    def run_words(*words):
        command = [kerasface(installed), *map(str, words)]
        done = subprocess.run(command, **anywhere, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_words


def product_files(installed):
    """Size and time of every file of the installed package, but for compiled modules."""
    (package,) = installed.rglob("site-packages/kerasface")
    files = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


@pytest.mark.slow
def test_commands_work_where_only_the_wheel_is(run, installed, anywhere, portrait_files):
    python = next(installed.glob("*/python"))
    code = "import kerasface; print(kerasface.__file__)"
    imported = subprocess.run([python, "-c", code], **anywhere, capture_output=True, text=True, check=True).stdout
    assert Path(imported.strip()).is_relative_to(installed)
    before = product_files(installed)
    assert run("verify", *portrait_files).startswith("MATCH")
    (segmented,) = json.loads(run("segment", portrait_files[0], "--out", "out", "--json"))
    assert segmented["areas"]["skin"] > 0.01
    assert list((anywhere["cwd"] / "out").iterdir())
    run("sample", "digits", "digits")
    photo = sorted((anywhere["cwd"] / "digits" / "3").iterdir())[0]
    (answer,) = json.loads(run("predict", photo, "--model", "digits", "--json"))
    assert answer["top"][0]["label"] == "3"
    words = ("--name", "mine", "--recipe", "configs/digits.toml", "--epochs", 1)
    assert run("train", "classify", "digits", *words).startswith(f"{Path('saved_models', 'mine')}: 10 classes")
    assert (anywhere["cwd"] / "saved_models" / "mine" / "card.json").is_file()
    assert [one["name"] for one in json.loads(run("models", "--json"))["trained"]] == ["digits", "face-parts", "mine"]
    assert product_files(installed) == before


@pytest.mark.slow
@pytest.mark.browser
def test_the_dashboard_works_where_only_the_wheel_is(page, installed, anywhere, portrait_files):
    with dashboard(installed, anywhere) as url:
        page.goto(url)
        page.get_by_text("face-parts").first.wait_for()
        page.goto(f"{url}/segment")
        page.locator("input[type=file]").set_input_files(portrait_files[0])
        page.get_by_text("The whole photo").wait_for()
        settle(page)
        assert page.get_by_test_id("stException").count() == 0
        page.goto(f"{url}/train")
        page.get_by_role("radio", name="Sample", exact=True).click()
        page.get_by_text(f"written to {anywhere['cwd']}").wait_for()


@contextlib.contextmanager
def dashboard(installed, anywhere):
    """Address of `kerasface app` while the block runs."""
    port = free_port()
    process = subprocess.Popen([kerasface(installed), "app", "--port", str(port)], **anywhere)
    try:
        wait_until_healthy(process, f"http://localhost:{port}")
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
