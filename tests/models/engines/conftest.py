"""Engine files for the tests: of R-Net, which is made in a second; in a cache of their own."""

import pytest

from kerasface.models.engines import making
from kerasface.models.engines.choice import is_installed
from kerasface.models.engines.files import engine_path
from kerasface.models.shipped import RNET


@pytest.fixture(scope="session")
def with_openvino():
    """Skips where OpenVINO is not installed; not by importing it, which would wake its telemetry."""
    if not is_installed("openvino"):
        pytest.skip("OpenVINO is not installed.")


@pytest.fixture(scope="session")
def made_file(tmp_path_factory, with_openvino):
    """The bytes of R-Net's file, and its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASFACE_CACHE", str(tmp_path_factory.mktemp("made")))
        with making.made_at_once() as problems:
            assert making.make_now_or_later(RNET, "float32")
        assert problems == []
        path = engine_path(RNET, "float32")
        return path.name, path.read_bytes()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, with OpenVINO chosen."""
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path))
    monkeypatch.setenv("KERASFACE_ENGINE", "openvino")
    monkeypatch.setattr("kerasface.models.runtime._in_use", set())
    return tmp_path


@pytest.fixture
def engine_file(cache, made_file):
    """R-Net's file in that cache."""
    folder = cache / "engines"
    folder.mkdir(mode=0o700)
    name, content = made_file
    (folder / name).write_bytes(content)
    (folder / name).chmod(0o600)
    return folder / name


@pytest.fixture
def compiles_at_once(made_file, monkeypatch):
    """R-Net compiled, without the second that it takes."""
    monkeypatch.setattr(making.openvino, "compiled", lambda model, precision: made_file[1].partition(b"\n")[2])


@pytest.fixture
def asked_for(monkeypatch):
    """List of the networks whose file was to be made in the background, which nobody makes here."""
    wanted = []
    monkeypatch.setattr(making, "make_now_or_later", lambda source, precision: wanted.append((source, precision)))
    return wanted


@pytest.fixture
def notes(monkeypatch, capsys):
    """Function that returns the notes said since the test began, or since it was called."""
    monkeypatch.setattr("kerasface.terminal.notes._said", set())
    return lambda: [line for line in capsys.readouterr().err.splitlines() if line.startswith("Note: ")]
