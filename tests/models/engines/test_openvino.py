"""OpenVINO answers as Keras does; a file that is not as it should be is thrown away, said, and Keras answers."""

import json
import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

from kerasface.files.locks import take_lock
from kerasface.models.engines import files, making, openvino, parity
from kerasface.models.engines.files import engine_path
from kerasface.models.mtcnn import build_rnet
from kerasface.models.runtime import compile_network
from kerasface.models.shipped import ONET, RNET, RNET_SIZE

pytestmark = pytest.mark.usefixtures("with_openvino")


def windows(count):
    return np.random.default_rng(count).integers(0, 256, (count, RNET_SIZE, RNET_SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 3, 8, 21])
def test_it_answers_as_keras_does(engine_file, count):
    network = compile_network(RNET, max_batch=8)
    assert (network.engine, network.input_shape, network.output_shapes) == ("openvino", (24, 24, 3), ((), (4,)))
    answers = network(windows(count))
    assert [(answer.shape, answer.dtype) for answer in answers] == [((count,), np.float32), ((count, 4), np.float32)]
    if count:
        expected = build_rnet()(windows(count).astype(np.float32))
        for ours, keras in zip(answers, expected, strict=True):
            np.testing.assert_allclose(ours, np.asarray(keras), atol=1e-5)


def test_an_answer_stays_as_it_was_when_the_next_one_is_given(engine_file):
    """The engine may write all its answers into the same memory."""
    network = compile_network(RNET)
    first = network(windows(4))[1]
    kept = first.copy()
    network(255 - windows(4))
    np.testing.assert_array_equal(first, kept)


def test_the_file_is_the_users_alone(cache, compiles_at_once):
    with making.made_at_once() as problems:
        making.make_now_or_later(RNET, "float32")
    assert problems == []
    path = engine_path(RNET, "float32")
    assert [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)] == [0o600, 0o700]


def change_head(file, **changes):
    head, _, compiled = file.partition(b"\n")
    head = json.loads(head)
    head["identity"] |= changes
    return json.dumps(head).encode() + b"\n" + compiled


WRONG = {
    "empty": (lambda content: b"", "is cut or altered"),
    "cut in its head": (lambda content: content[:40], "is cut or altered"),
    "cut": (lambda content: content[:-1], "is cut or altered"),
    "altered": (lambda content: content[:-100] + b"?" + content[-99:], "is cut or altered"),
    "no JSON object": (lambda content: b"[]\n" + content, "is cut or altered"),
    "of another version": (lambda content: change_head(content, openvino="2020.1"), "was made with another openvino"),
    "of another processor": (lambda content: change_head(content, processor="6502"), "was made with another processor"),
    "of another KerasFace": (
        lambda content: change_head(content, kerasface="0.1.0", code="0"),
        "was made with another code, kerasface",
    ),
    "of other weights": (lambda content: change_head(content, content="00"), "was made with another content"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_that_does_not_fit_is_thrown_away_and_keras_answers(engine_file, asked_for, notes, case):
    change, said = WRONG[case]
    engine_file.write_bytes(change(engine_file.read_bytes()))
    network = compile_network(RNET)
    assert network.engine == "tensorflow"
    assert not engine_file.exists()
    assert asked_for == [(RNET, "float32")]  # and a new one is made
    first, *_ = notes()
    what = "it is thrown away and made anew; until then tensorflow is used."
    assert first == f"Note: The engine's file {engine_file} {said}: {what}"
    assert network(windows(2))[0].shape == (2,)


def test_what_openvino_itself_does_not_take_is_thrown_away(engine_file, asked_for, notes):
    """Its hash is right, as where a version has two builds."""
    held = files.read_engine_file(engine_file, making.identity_of(RNET))
    files.write_engine_file(engine_file, files.EngineFile(held.identity, held.input_shape, held.output_shapes, b"no"))
    assert compile_network(RNET).engine == "tensorflow"
    assert "is not taken by OpenVINO" in notes()[0]
    assert not engine_file.exists()


def test_an_openvino_that_cannot_be_imported_is_said_and_its_file_is_kept(engine_file, asked_for, notes, monkeypatch):
    def refuse():
        raise ImportError("libopenvino.so: cannot open shared object file")

    monkeypatch.setattr(openvino, "_core", refuse)
    assert compile_network(RNET).engine == "tensorflow"
    (line,) = notes()
    assert "OpenVINO cannot be imported (libopenvino.so: cannot open shared object file): tensorflow is used." in line
    assert engine_file.exists()
    assert asked_for == []


def test_a_file_that_others_can_write_is_not_believed(engine_file, asked_for, notes):
    engine_file.chmod(0o666)
    assert compile_network(RNET).engine == "tensorflow"
    assert "can be written or read by others" in notes()[0]


def test_a_file_of_another_user_is_not_believed(engine_file, asked_for, notes, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: engine_file.stat().st_uid + 1)
    assert compile_network(RNET).engine == "tensorflow"
    assert "belongs to another user" in notes()[0]


def test_a_link_is_not_followed(engine_file, asked_for, notes, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    engine_file.rename(elsewhere)
    engine_file.symlink_to(elsewhere)
    assert compile_network(RNET).engine == "tensorflow"
    assert "cannot be read" in notes()[0]
    assert elsewhere.exists()


def test_a_missing_file_is_made_in_the_background_and_keras_answers(cache, asked_for, notes):
    assert compile_network(RNET).engine == "tensorflow"
    assert asked_for == [(RNET, "float32")]
    (line,) = notes()
    assert "made in the background" in line
    compile_network(RNET)
    assert notes() == []  # once is enough


@pytest.mark.slow
def test_the_process_in_the_background_makes_the_file_and_ends(cache):
    code = (
        "from kerasface.models.engines import making\nfrom kerasface.models.runtime import compile_network\n"
        "from kerasface.models.shipped import RNET\ncompile_network(RNET)\n"
        "import atexit\natexit.register(lambda: print(making.start_maker().wait()))\n"
        # What is registered last is run first; then nothing is left to start.
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "0\n", done.stderr
    assert compile_network(RNET).engine == "openvino"
    assert not list((cache / "engines" / "wanted").iterdir())
    assert not (cache / "engines" / ".making").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_cache_that_cannot_be_written_is_said_in_one_line(cache, notes, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("kerasface.models.engines.files.Path.mkdir", refuse)
    assert compile_network(RNET).engine == "tensorflow"
    (line,) = notes()
    assert f"can be made in {cache / 'engines'} (Read-only file system): tensorflow is used." in line


def test_a_full_disk_leaves_nothing_behind(cache, compiles_at_once, monkeypatch):
    def refuse(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space left"), making.made_at_once():
        making.make_now_or_later(RNET, "float32")
    assert list((cache / "engines").iterdir()) == []


def test_two_at_once_make_a_file_once(cache, made_file, monkeypatch):
    """The second one finds the lock taken, and leaves the list to the first."""
    made = []
    monkeypatch.setattr(making, "make_file", lambda source, precision: made.append(source.name))
    monkeypatch.setattr(making, "_start_soon", lambda: None)
    making._make_later(RNET, "float32")
    with take_lock(cache / "engines" / ".making"):
        other = threading.Thread(target=making.work_off)
        other.start()
        other.join(timeout=20)
        assert not other.is_alive()
        assert made == []
    making.work_off()
    assert made == ["mtcnn_rnet"]


def test_what_cannot_be_made_does_not_keep_the_others_from_it(cache, monkeypatch, capsys):
    made = []

    def make(source, precision):
        if source.name == "mtcnn_onet":
            raise RuntimeError("The weight file is missing.")
        made.append(source.name)

    monkeypatch.setattr(making, "make_file", make)
    monkeypatch.setattr(making, "_start_soon", lambda: None)
    for source in (ONET, RNET):
        making._make_later(source, "float32")
    (cache / "engines" / "wanted" / "a.json").write_text("no JSON")
    making.work_off()
    assert made == ["mtcnn_rnet"]
    assert "The weight file is missing." in capsys.readouterr().out
    assert not list((cache / "engines" / "wanted").iterdir())


def test_a_network_that_it_cannot_take_is_noted_and_not_tried_again(cache, notes, monkeypatch):
    def refuse(model, precision):
        raise RuntimeError("No conversion rule\nfound for Frobnicate")

    monkeypatch.setattr(openvino, "compiled", refuse)
    with making.made_at_once() as problems:
        assert compile_network(RNET).engine == "tensorflow"
    assert problems == [
        "OpenVINO cannot take the network mtcnn_rnet: it does not compile: No conversion rule found for Frobnicate."
    ]
    monkeypatch.setattr("kerasface.terminal.notes._said", set())
    notes()
    monkeypatch.setattr(making, "make_now_or_later", lambda *wanted: pytest.fail("it was tried again"))
    network = compile_network(RNET)
    (line,) = notes()
    assert "cannot take the network mtcnn_rnet (it does not compile: No conversion rule" in line
    assert network(windows(1))[0].shape == (1,)
    monkeypatch.setattr(openvino, "versions", lambda: {"openvino": "a later one"})
    assert making.refusal_of(RNET, "float32") is None


def test_a_network_that_answers_differently_is_not_used(cache, compiles_at_once, monkeypatch):
    right = openvino.loaded

    def wrong(file, precision):
        network = right(file, precision)
        return lambda images: [np.roll(answer, 1, axis=0) for answer in network(images)]

    monkeypatch.setattr(openvino, "loaded", wrong)
    with making.made_at_once() as problems:
        making.make_now_or_later(RNET, "float32")
    (problem,) = problems
    assert "off by" in problem
    assert not engine_path(RNET, "float32").exists()


def test_parity_tells_by_how_much_answers_differ():
    """Ones against 1.01 times ones are a hundredth of their length off: too much for float32, not for bfloat16."""

    def ones(factor):
        return lambda images: [np.full((len(images), 3), factor, dtype=np.float32)]

    assert "are off by 1.0e-02 of" in parity.disagreement(ones(1), ones(1.01), (8, 9, 1), "float32")
    assert parity.disagreement(ones(1), ones(1.01), (8, None, 3), "bfloat16") is None
    assert "off by nan" in parity.disagreement(ones(1), ones(np.nan), (8, 9, 3), "bfloat16")
    assert "shapes" in parity.disagreement(ones(1), lambda images: [], (8, 9, 3), "float32")


def test_no_telemetry_is_imported(engine_file):
    code = (
        "import sys\nfrom kerasface.models.runtime import compile_network\nfrom kerasface.models.shipped import RNET\n"
        "assert compile_network(RNET).engine == 'openvino'\n"
        "print([name for name in sys.modules if 'telemetry' in name or name in ('tensorflow', 'keras', 'jax')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
