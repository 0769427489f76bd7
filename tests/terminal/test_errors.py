"""Answers to the user and faults of the program: who is who, what is said, and the way to the traceback."""

from pathlib import Path

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.cli.output import run_photos
from kerasface.faces import detection
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.images.decoding import decode
from kerasface.runs.store import RunError
from kerasface.terminal.errors import is_answer, told
from kerasface.train.__main__ import Program, train


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (
            "The model takes images of (112, 112). Received: image_size=(150, 150).",
            "112 x 112. Received: image size 150 x 150.",
        ),
        (
            "Received: name='a_b', mirror=None, flip=True. Set a_b=3.",
            "Received: name 'a_b', mirror none, flip yes. Set a_b=3.",
        ),
        ("Received: validation='/data/x=3'.", "Received: validation '/data/x=3'."),
        ("simple_cnn has (2, 3) parts.", "simple_cnn has (2, 3) parts."),
    ],
)
def test_a_page_says_in_words_what_was_received(message, said):
    assert told(raised(lambda: refuse(message))).endswith(said)


def refuse(message):
    raise RunError(message)


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


def test_a_page_shows_an_answer_and_no_fault(monkeypatch, capsys):
    answer, fault = raised(ANSWERS["our own type"]), raised(FAULTS["NumPy, in an operation"])
    assert told(answer) == str(answer)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("KERASFACE_DEBUG", "1")
    assert told(answer) == str(answer)
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):")
    with pytest.raises(ValueError, match="core dimension") as shown:
        told(fault)
    assert shown.value is fault


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


@click.command(cls=Program, invoke_without_command=True)
def asking():
    click.confirm("Go on?", abort=True, err=True)
    click.echo("done")


@pytest.mark.parametrize(
    ("typed", "code", "last"),
    [
        ("y\n", 0, "Go on? [y/N]: y"),
        ("n\n", 1, "Stopped: the answer was no."),
        ("\n", 1, "Stopped: the answer was no."),
        ("", 1, "Stopped: the input ended where an answer was needed. Type it, or give an option."),
    ],
)
def test_every_answer_to_a_question_ends_in_a_sentence(typed, code, last):
    result = CliRunner().invoke(asking, [], input=typed)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (code, last)


@pytest.mark.parametrize("words", [["people", "delete", "Ada"], ["password", "set"]], ids=" ".join)
def test_control_c_at_a_question_is_one_sentence(words, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KERASFACE_GALLERY", str(tmp_path / "some.gallery"))
    monkeypatch.delenv("KERASFACE_PASSWORD", raising=False)
    unit = np.eye(1, EMBEDDING_DIM, dtype=np.float32)[0]
    file, embedder = tmp_path / "some.gallery", embedder_fingerprint()
    with open_gallery(file, embedder=embedder, embedding_dim=EMBEDDING_DIM, create=True) as gallery:
        gallery.enroll("Ada", [NewSample(unit, "a.jpg", "0" * 64, {})])
    monkeypatch.setattr("click.termui._readline_prompt", interrupt)  # both kinds of prompt end here
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "Stopped by Ctrl-C.")
    with open_gallery(file, embedder=embedder, embedding_dim=EMBEDDING_DIM) as gallery:
        assert [person.name for person in gallery.people()] == ["Ada"]


def test_control_c_is_one_sentence(broken, monkeypatch):
    def interrupt(self, images):
        raise KeyboardInterrupt

    monkeypatch.setattr(detection.FaceDetector, "detect", interrupt)
    result = CliRunner().invoke(main, ["detect", broken])
    assert (result.exit_code, result.stderr.strip()) == (130, "Stopped by Ctrl-C.")


def test_what_belongs_to_an_answer_is_not_said_without_one(tmp_path, capsys):
    Image.new("RGB", (80, 60), "grey").save(tmp_path / "wall.png")
    for files, said in ((["absent.jpg"], ""), (["absent.jpg", "wall.png"], "wall.png: seen\nMeasured on LFW.\n")):
        with pytest.raises(SystemExit) as ended:
            run_photos(
                [tmp_path / file for file in files],
                lambda photos: [{}] * len(photos),
                lambda _: ["seen"],
                False,
                "Measured on LFW.",
            )
        assert ended.value.code == 1
        told = capsys.readouterr()
        assert told.out.replace(f"{tmp_path}/", "") == said
        assert told.err == f"Error: {tmp_path / 'absent.jpg'}: Cannot be read: No such file or directory.\n"
