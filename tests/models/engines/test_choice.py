"""Which engine is chosen: what was named, what is installed, and what is at hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from kerasface.models.engines import choice, openvino
from kerasface.models.engines.choice import chosen_engine, use_engine
from kerasface.models.runtime import compile_network
from kerasface.models.shipped import RNET


@pytest.fixture(autouse=True)
def _notes_unsaid(monkeypatch):
    monkeypatch.setattr("kerasface.terminal.notes._said", set())


@pytest.mark.parametrize(
    ("named", "installed", "gpu", "expected"),
    [
        ("auto", True, False, "openvino"),
        ("", True, False, "openvino"),
        ("auto", False, False, "tensorflow"),
        ("auto", True, True, "tensorflow"),
        ("openvino", True, True, "openvino"),
        ("openvino", False, False, "tensorflow"),
        ("tensorflow", True, False, "tensorflow"),
    ],
)
def test_the_engine_follows_the_name_and_what_is_there(monkeypatch, capsys, named, installed, gpu, expected):
    monkeypatch.setenv("KERASFACE_ENGINE", named)
    monkeypatch.setattr(choice, "is_installed", lambda engine: installed or engine == "tensorflow")
    monkeypatch.setattr(choice, "gpu_at_hand", lambda: gpu)
    assert chosen_engine() == expected
    chosen_engine()
    said = capsys.readouterr().err
    missing = "Note: The engine openvino is not installed (pip install openvino): tensorflow is used.\n"
    assert said == (missing if named == "openvino" and not installed else "")


def test_a_backend_that_is_not_awake_is_said(monkeypatch, capsys):
    monkeypatch.setattr(choice, "is_installed", lambda engine: True)
    monkeypatch.setenv("KERASFACE_ENGINE", "jax")
    assert chosen_engine() == "tensorflow"  # Keras runs on it in the process of the tests
    assert "Keras runs on tensorflow in this process already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["onnx", "OpenVINO", "auto "])
def test_an_engine_that_there_is_not_is_refused(monkeypatch, name):
    with pytest.raises(ValueError, match="must be one of auto, openvino, tensorflow, jax"):
        use_engine(name)
    monkeypatch.setenv("KERASFACE_ENGINE", name)
    with pytest.raises(ValueError, match=f"KERASFACE_ENGINE='{name}'"):
        compile_network(RNET)


def test_the_engine_is_a_requirement_where_it_has_wheels():
    """Not on a Mac with an Intel processor, nor on 32 bits."""
    (line,) = [line for line in Path("requirements.txt").read_text().splitlines() if line.startswith("openvino")]
    marker = Requirement(line).marker
    places = {("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "arm64"), ("win32", "AMD64")}
    others = {("darwin", "x86_64"), ("linux", "armv7l"), ("linux", "i686")}
    for system, machine in places | others:
        found = marker.evaluate({"sys_platform": system, "platform_machine": machine})
        assert found == ((system, machine) in places), (system, machine)


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_threads_are_a_number(monkeypatch, text):
    monkeypatch.setenv("KERASFACE_THREADS", text)
    with pytest.raises(ValueError, match=f"1 or more. Received: KERASFACE_THREADS='{text}'"):
        compile_network(RNET)


def test_one_setting_of_threads_is_for_every_engine(monkeypatch):
    monkeypatch.setenv("KERASFACE_THREADS", "3")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert openvino._settings("float32")["INFERENCE_NUM_THREADS"] == 3
    code = (
        "from kerasface.terminal.progress import choose_kernels\n"
        "choose_kernels()\nimport os\nprint(os.environ['TF_NUM_INTRAOP_THREADS'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "3\n"
    monkeypatch.delenv("KERASFACE_THREADS")
    assert openvino._settings("float32")["INFERENCE_NUM_THREADS"] == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("number", "streams"), [(1, 1), (2, 2), (3, 2), (4, 4), (64, 4)])
def test_a_batch_is_computed_in_as_many_parts_as_there_are_threads(monkeypatch, number, streams):
    """A power of two, so that a batch that is one gives shares that are."""
    monkeypatch.setenv("KERASFACE_THREADS", str(number))
    assert openvino._settings("float32")["NUM_STREAMS"] == streams


def test_a_gpu_counts_where_the_backend_can_use_it(monkeypatch, tmp_path):
    file = tmp_path / "nvidia0"
    monkeypatch.setattr(choice, "_GPU_FILES", (str(file),))
    assert not choice.gpu_at_hand()
    file.touch()
    for version, expected in ((lambda package: "2.21", True), (_missing, False)):  # tensorflow, tensorflow-cpu
        monkeypatch.setattr(choice.importlib.metadata, "version", version)
        assert choice.gpu_at_hand() is expected


def _missing(package):
    raise choice.importlib.metadata.PackageNotFoundError(package)
