"""Answers to the user and faults of the program: who is who, what is said, and the way to the traceback."""

from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.errors import is_answer
from kerasface.faces import detection
from kerasface.images import decode
from kerasface.train.__main__ import train


def raised(call):
    """Returns the error that a call ends in."""
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("It was to fail.")


ANSWERS = {
    "a refusal of ours": lambda: detection.FaceDetector(min_face_size=1),
    "our own type": lambda: decode(b"no image"),
    "a missing file": lambda: Path("/there/is/no/such/file").read_bytes(),
    "too little memory": lambda: np.empty(2**60, dtype=np.uint8),
}
FAULTS = {
    "NumPy, in an operation": lambda: np.zeros((2, 3)) @ np.zeros((2, 3)),
    "NumPy, below our code": lambda: detection._suppress(np.zeros((2, 3, 4)), 0.5),
    "Keras": lambda: keras.Input((3, 3, 3)) + keras.Input((4, 4, 5)),
    "somebody else's": lambda: next(iter(())),
    "a wrong type": lambda: decode(None),
}


@pytest.mark.parametrize("call", ANSWERS.values(), ids=ANSWERS)
def test_an_answer(call):
    assert is_answer(raised(call))


@pytest.mark.parametrize("call", FAULTS.values(), ids=FAULTS)
def test_a_fault(call):
    assert not is_answer(raised(call))


@pytest.fixture
def broken(monkeypatch, tmp_path):
    """A photo, and a detector with a mistake about shapes in it."""
    monkeypatch.setattr(detection.FaceDetector, "__init__", lambda self, *_: None)
    monkeypatch.setattr(detection.FaceDetector, "detect", lambda self, images: np.zeros((2, 3)) @ images[0][0])
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "wall.png")
    return str(tmp_path / "wall.png")


def test_a_mistake_about_shapes_is_an_internal_error(broken):
    result = CliRunner().invoke(main, ["detect", broken])
    assert (result.exit_code, result.stdout) == (70, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("Internal error, a fault of KerasFace and not of its input: ValueError: ")
    assert "mismatch in its core dimension" in line
    assert line.endswith("KERASFACE_DEBUG=1 shows where it is.")


def test_its_traceback_is_shown_to_who_asks(broken, monkeypatch):
    monkeypatch.setenv("KERASFACE_DEBUG", "1")
    result = CliRunner().invoke(main, ["detect", broken])
    assert result.exit_code == 70
    assert result.stderr.startswith("Traceback (most recent call last):")
    assert "photos.py" in result.stderr or "output.py" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("Please report it with the lines above.")


COMMANDS = {
    "kerasface": (main, ["people", "list", "--gallery", "absent.gallery"]),
    "kerasface train": (main, ["train", "segment", "absent", "--name", "m"]),
    "kerasface.train": (train, ["segment", "absent", "--name", "m"]),
    "kerasface unlock": (main, ["unlock", "--gallery", "absent.gallery"]),
}


@pytest.mark.parametrize(("program", "words"), COMMANDS.values(), ids=COMMANDS)
def test_every_answer_is_one_line_and_has_a_traceback_to_show(program, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(program, words)
    assert result.exit_code == (2 if "unlock" in words else 1)
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: ")
    monkeypatch.setenv("KERASFACE_DEBUG", "1")
    asked = CliRunner().invoke(program, words)
    assert asked.stderr.startswith("Traceback (most recent call last):")
    assert asked.stderr.splitlines()[-1] == line
    monkeypatch.setenv("KERASFACE_DEBUG", "0")
    assert CliRunner().invoke(program, words).stderr == result.stderr


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Stopped: the input ended where an answer was needed. Type it, or give an option."),
        ("somewhat long\nsomething else\n", "Stopped: the input ended"),
    ],
)
def test_the_end_of_input_ends_a_prompt_in_a_sentence(typed, said, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("KERASFACE_PASSWORD", raising=False)
    result = CliRunner().invoke(main, ["password", "set"], input=typed)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith(said)
    assert not list(tmp_path.rglob("*.password"))


def test_no_to_a_question_ends_in_a_sentence(monkeypatch, tmp_path):
    from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
    from kerasface.gallery.store import NewSample, open_gallery

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "some.gallery"
    unit = np.eye(1, EMBEDDING_DIM, dtype=np.float32)[0]
    with open_gallery(file, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, create=True) as gallery:
        gallery.enroll("Ada", [NewSample(unit, "a.jpg", "0" * 64, {})])
    for typed, end in (("n\n", "the answer was no."), ("", "the input ended where an answer was needed.")):
        result = CliRunner().invoke(main, ["people", "delete", "Ada", "--gallery", str(file)], input=typed)
        assert result.exit_code == 1
        assert "Error:" not in result.stderr
        assert f"Stopped: {end}" in result.stderr.splitlines()[-1]
    with open_gallery(file, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM) as gallery:
        assert [person.name for person in gallery.people()] == ["Ada"]


def test_control_c_is_one_sentence(broken, monkeypatch):
    def interrupt(self, images):
        raise KeyboardInterrupt

    monkeypatch.setattr(detection.FaceDetector, "detect", interrupt)
    result = CliRunner().invoke(main, ["detect", broken])
    assert (result.exit_code, result.stderr.strip()) == (130, "Stopped by Ctrl-C.")
