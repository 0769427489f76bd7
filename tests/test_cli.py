"""The command line: exit codes, one line per problem, JSON that other tools can read, and nothing else on stdout."""

import json
import os
import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import click
import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface import __version__
from kerasface.cli import main
from kerasface.models import pretrained
from kerasface.runs.card import ModelCard
from kerasface.runs.store import write_run
from kerasface.train import looking, throughput
from kerasface.train.classification.defaults import resolve
from kerasface.train.engine import driver
from kerasface.train.engine.session import Session
from kerasface.train.kinds import KINDS
from kerasface.train.recipe import CHOICES, ClassifyRecipe

BAD_FILES = {
    "cut.jpg": "truncated",
    "empty.jpg": "empty (0 bytes)",
    "text.jpg": "Not an image",
    "huge.png": "60,000 x 60,000",
    "dot.png": "1 x 1",
    "absent.jpg": "No such file",
}


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.fixture(scope="module")
def photos(portrait, tmp_path_factory):
    """`face.png`, `close.jpg` (the same person), `wall.png` (no face), and `BAD_FILES`; `absent.jpg` is absent."""
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(portrait).save(folder / "face.png")
    Image.fromarray(np.ascontiguousarray(portrait[:330, 60:390][:, ::-1])).save(folder / "close.jpg", quality=92)
    Image.new("RGB", (80, 60), "grey").save(folder / "wall.png")
    Image.new("RGB", (1, 1)).save(folder / "dot.png")
    whole = (folder / "close.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("not an image")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))  # 8-bit RGB
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")))
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function that runs the command line in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def run_alone(*words, module="kerasface"):
    """Runs the command line in a process of its own, as a user does."""
    command = [sys.executable, "-m", module, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commands(group, path=()):
    """Yields the words of every command and group below `group`."""
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


GROUPS = {(name,) for name, command in main.commands.items() if isinstance(command, click.Group)}


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_every_command_has_help(run, words):
    for option in ("--help", "-h"):
        result = run(*words, option)
        assert result.exit_code == 0
        assert result.stdout.startswith("Usage: ")


@pytest.mark.parametrize("words", [words for words in commands(main) if words not in {*GROUPS, ("app",), ("serve",)}])
def test_every_command_speaks_json(run, words):
    assert "--json" in run(*words, "--help").stdout


def test_the_version(run):
    assert run("--version").stdout == f"kerasface, version {__version__}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["recognize"],
        ["detect"],
        ["verify", "a.jpg"],
        ["detect", "a.jpg", "--min-face-size", "11"],
        ["predict", "a.jpg"],
        ["predict", "a.jpg", "--model", "m", "--top", "0"],
        ["embed", "folder"],
        ["train", "classify", "folder"],
        ["sample", "digits"],
        ["verify", "a.jpg", "b.jpg", "--fmr", "often"],
    ],
    ids=" ".join,
)
def test_usage_errors_exit_with_2(run, words):
    assert run(*words).exit_code == 2


def test_help_is_quick_and_loads_nothing_heavy():
    script = (
        "import sys, kerasface.cli\n"
        "try:\n"
        "    kerasface.cli.main(['--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "print(sorted({'tensorflow', 'keras', 'streamlit', 'numpy', 'cv2', 'PIL'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_bad_photos_cost_a_line_each_and_the_rest_goes_on(photos):
    """One process, as a user runs it: pure JSON on stdout, one line per bad file on stderr, exit code 1."""
    names = [*BAD_FILES, "wall.png", "face.png"]
    done = run_alone("detect", "--json", *(photos / name for name in names))
    assert done.returncode == 1
    results = json.loads(done.stdout)
    assert [result["image"] for result in results] == [str(photos / name) for name in names]
    errors = [result for result in results if "error" in result]
    for result, (name, reason), line in zip(errors, BAD_FILES.items(), done.stderr.splitlines(), strict=True):
        assert reason in result["error"]
        assert line == f"Error: {result['error']}"
        assert name in line
    assert results[-2]["faces"] == []
    (face,) = results[-1]["faces"]
    assert set(face) == {"number", "box", "landmarks", "detection_score", "turned"}


@pytest.mark.slow
def test_verify_prints_one_json_object_and_no_noise(photos):
    done = run_alone("verify", photos / "face.png", photos / "close.jpg", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    verdict = json.loads(done.stdout)
    keys = {"decision", "score", "threshold", "fmr", "faces", "device", "precision", "seconds"}
    assert keys <= set(verdict)
    assert verdict["decision"] == "match"
    assert verdict["fmr"] == 0.001
    assert [face["image"] for face in verdict["faces"]] == [str(photos / "face.png"), str(photos / "close.jpg")]
    for face in verdict["faces"]:
        assert {"image", "box", "landmarks", "detection_score"} <= set(face)


def test_detect_says_it_in_words(run, photos, portrait_face):
    result = run("detect", photos / "face.png", photos / "wall.png")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{photos / 'face.png'}: 1 face"
    x, y, width, height = portrait_face.box
    assert lines[1].startswith(f"  face 1 at {x:.0f},{y:.0f} {width:.0f}x{height:.0f}, score ")
    assert lines[2:] == [f"{photos / 'wall.png'}: no faces"]


def test_detect_numbers_the_faces_and_tells_of_a_turned_photo(run, tmp_path, portrait):
    """Two heads side by side, the left one larger; the photo lies on its side."""
    heads = np.full((240, 400, 3), 120, dtype=np.uint8)
    heads[10:230, 10:190] = portrait[20:240, 130:310]
    heads[60:170, 250:340] = portrait[20:240:2, 130:310:2]
    Image.fromarray(np.ascontiguousarray(np.rot90(heads))).save(tmp_path / "party.png")
    first, *faces = run("detect", "party.png").stdout.splitlines()
    assert first == "party.png: 2 faces, photo turned by 90 degrees clockwise"
    assert [line.split(" at ")[0] for line in faces] == ["  face 1", "  face 2"]
    (entry,) = json.loads(run("detect", "party.png", "--json").stdout)
    assert [(face["number"], face["turned"]) for face in entry["faces"]] == [(1, 90), (2, 90)]


def test_detect_looks_for_faces_of_the_size_asked_for(run, photos):
    result = run("detect", photos / "face.png", "--min-face-size", "300", "--json")
    assert json.loads(result.stdout) == [{"image": str(photos / "face.png"), "faces": [], "engine": "tensorflow"}]


def test_verify_says_it_in_words(run, photos):
    result = run("verify", photos / "face.png", photos / "wall.png", "--fmr", "0.01")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"NO FACE: No face was found in {photos / 'wall.png'}.")
    assert "Of pairs of different people that match: 1 % asked; measured 0." in result.stdout
    assert "people of LFW" in result.stdout


@pytest.mark.slow
def test_two_people_are_no_match_in_words_and_in_json(run, photos, monkeypatch):
    """Only a search 1:N calls somebody unknown."""
    monkeypatch.setattr("kerasface.tasks.verification.cosine_scores", lambda a, b: np.array([[0.2]]))
    assert run("verify", photos / "face.png", photos / "close.jpg").stdout.startswith("NO MATCH: ")
    verdict = json.loads(run("verify", photos / "face.png", photos / "close.jpg", "--json").stdout)
    assert (verdict["decision"], verdict["score"]) == ("no_match", 0.2)


@pytest.mark.slow
def test_verify_takes_the_faces_that_are_picked(run, photos, portrait, tmp_path):
    """Two heads of the same size: without a number nothing is decided, and a wrong one is refused."""
    head = portrait[20:240, 130:310]
    Image.fromarray(np.hstack([head, head[:, ::-1]])).save(tmp_path / "party.png")
    words = ("verify", "party.png", photos / "face.png")
    assert run(*words).stdout.startswith("AMBIGUOUS: party.png shows 2 faces and none stands out (face 1, ")
    assert "--face-a N" in run(*words).stdout
    verdict = json.loads(run(*words, "--face-a", "2", "--json").stdout)
    assert verdict["decision"] == "match"
    assert [(face["number"], face["chosen"]) for face in verdict["faces"]] == [(1, False), (2, True), (1, True)]
    refused = run(*words, "--face-b", "2")
    assert refused.exit_code == 1
    assert refused.output == f"Error: {photos / 'face.png'} shows 1 face. Received: face 2.\n"


@pytest.mark.parametrize("name", BAD_FILES)
def test_verify_cannot_go_on_without_a_photo(run, photos, name):
    result = run("verify", photos / "face.png", photos / name)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert result.output.startswith(f"Error: {photos / name}: ")


def test_verify_refuses_an_error_rate_that_was_not_measured(run, photos):
    result = run("verify", photos / "face.png", photos / "face.png", "--fmr", "0.9")
    assert result.exit_code == 1
    assert "Received: fmr=0.9" in result.output


@pytest.mark.slow
def test_embed_writes_what_numpy_reads_without_pickle(run, photos, tmp_path):
    out = tmp_path / "new" / "faces.npz"
    result = run("embed", photos, "--out", out, "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    # Eight of the files are there; the one that is absent cannot be found in the folder.
    assert (summary["num_photos"], summary["num_faces"]) == (8, 2)
    rejected = {entry["image"].rpartition("/")[2] for entry in summary["rejected"]}
    assert rejected == {"cut.jpg", "dot.png", "empty.jpg", "huge.png", "text.jpg", "wall.png"}
    with np.load(out, allow_pickle=False) as arrays:
        assert [path.rpartition("/")[2] for path in arrays["paths"]] == ["close.jpg", "face.png"]
        assert arrays["boxes"].shape == (2, 4)
        assert arrays["embeddings"].shape == (2, 128)
        assert arrays["embeddings"].dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(arrays["embeddings"], axis=1), 1, atol=1e-5)
        assert str(arrays["embedder"]) == summary["embedder"]
    assert [path.name for path in out.parent.iterdir()] == ["faces.npz"]


def test_embed_without_photos_or_with_a_bad_target(run, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    result = run("embed", tmp_path / "empty", "--out", tmp_path / "faces.npz")
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert "holds no image file" in result.output
    assert not (tmp_path / "faces.npz").exists()


@pytest.fixture
def save_model(tmp_path, embedder):
    """Function that saves a model that finds all of three classes equally likely, whatever it sees."""

    def save(name, kind="face", threshold=None, labels=("Ada", "Bea", "Cleo")):
        side = 150 if kind == "face" else 8
        inputs = keras.Input((side, side, 3))
        x = keras.layers.GlobalAveragePooling2D()(inputs)
        outputs = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")(x)
        numbers = {"num_unknown": 1364, "num_known": 420}
        rates = {"unknown_accepted": 0.009, "unknown_accepted_high": 0.014, "known_accepted": 0.93}
        card = {
            "task": "classify",
            "input": {"kind": kind, "image_size": [side, side]},
            "labels": list(labels),
            "open_set": threshold and {"score": "probability", "threshold": threshold, **numbers, **rates},
        }
        if kind == "face":
            card["input"]["alignment"] = embedder.template.fingerprint
        model = keras.Model(inputs, outputs)
        return write_run(
            tmp_path / "saved_models", name, model=model, card=ModelCard.from_dict(card), metrics={}, history=[]
        )

    return save


@pytest.fixture
def saved_models(save_model):
    """A folder with a model that finds everybody equally likely, and a broken one."""
    save_model("anybody")
    folder = save_model("broken")
    (folder / "card.json").write_text("{")
    return folder.parent


def test_predict_names_the_faces_of_every_photo(run, photos, saved_models):
    result = run("predict", photos / "face.png", photos / "text.jpg", "--model", "anybody", "--top", "2", "--json")
    assert result.exit_code == 1  # of the text
    face, text = json.loads(result.stdout)
    assert "Not an image" in text["error"]
    ((entry,), path) = face["faces"], face["image"]
    assert path == str(photos / "face.png")
    assert len(entry["box"]) == 4
    assert [line["label"] for line in entry["top"]] == ["Ada", "Bea"]
    assert [line["probability"] for line in entry["top"]] == pytest.approx([1 / 3, 1 / 3])
    assert (entry["decision"], entry["score"]) == (None, None)


def test_predict_says_unknown_first_and_how_far_to_believe_it(run, photos, save_model):
    save_model("strict", threshold=0.5)
    words = ("predict", photos / "face.png", "--model", "strict", "--top", "1")
    _, face, note = run(*words).stdout.splitlines()
    assert face.endswith(": unknown, score 0.333 (most alike: Ada 33.3%)")
    assert "0.9 % of strangers are taken for somebody known (up to 1.4 % at 95 % confidence)" in note
    (entry,) = json.loads(run(*words, "--json").stdout)[0]["faces"]
    assert (entry["decision"], entry["score"]) == ("unknown", pytest.approx(1 / 3))
    assert [line["label"] for line in entry["top"]] == ["Ada"]


def test_predict_names_a_known_face_at_once(run, photos, save_model):
    save_model("lenient", threshold=0.3)
    result = run("predict", photos / "face.png", photos / "cut.jpg", "--model", "lenient", "--top", "2")
    assert result.exit_code == 1  # of the cut one; what a name is worth is said all the same
    assert ": Ada 33.3%, Bea 33.3%" in result.stdout.splitlines()[1]
    assert "counts as known from a probability of 0.300 on" in result.stdout.splitlines()[-1]


@pytest.mark.slow
def test_predict_does_not_answer_where_a_model_of_faces_cannot_say_unknown(run, photos, saved_models):
    _, face, note = run("predict", photos / "face.png", "--model", "anybody", "--top", "2").stdout.splitlines()
    assert face.endswith(": most alike of those it knows: Ada 33.3%, Bea 33.3%")
    assert "a stranger gets a name too" in note


@pytest.mark.slow
def test_predict_tells_a_class_named_unknown_from_a_stranger(run, photos, save_model):
    """In words the class stands in quotation marks; in JSON the decision is no label."""
    for threshold in (0.3, 0.5):
        save_model("odd", threshold=threshold, labels=("unknown", "-- unknown --", "Ada"))
        words = ("predict", photos / "face.png", "--model", "odd", "--top", "3")
        said = run(*words).stdout.splitlines()[1].partition(": ")[2]
        names = '"unknown" 33.3%, "-- unknown --" 33.3%, Ada 33.3%'
        assert said == (names if threshold == 0.3 else f"unknown, score 0.333 (most alike: {names})")
        (entry,) = json.loads(run(*words, "--json").stdout)[0]["faces"]
        assert entry["decision"] == ("known" if threshold == 0.3 else "unknown")
        assert [line["label"] for line in entry["top"]] == ["unknown", "-- unknown --", "Ada"]


@pytest.mark.slow
def test_predict_says_that_faces_are_in_a_photo_that_a_model_of_pictures_judges(run, photos, save_model):
    save_model("shapes", kind="image")
    words = ("predict", photos / "wall.png", photos / "face.png", "--model", "shapes", "--top", "2")
    wall, face = json.loads(run(*words, "--json").stdout)
    assert (wall["num_faces"], face["num_faces"]) == (0, 1)
    lines = run(*words).stdout.splitlines()
    assert lines[:2] == [f"{photos / name}: Ada 33.3%, Bea 33.3%" for name in ("wall.png", "face.png")]
    assert "a face is in this photo, and shapes knows no people" in lines[2]


def test_predict_judges_pictures_without_the_face_front_end(run, photos, save_model, monkeypatch):
    """The weights of the detector are not even there."""
    monkeypatch.setattr(pretrained, "LEDGER", ())
    save_model("shapes", kind="image")
    words = ("predict", photos / "wall.png", photos / "face.png", "--model", "shapes", "--top", "2")
    wall, face = json.loads(run(*words, "--json").stdout)
    assert set(wall) == {"image", "top", "decision", "score", "engine"}
    assert (wall["image"], wall["decision"]) == (str(photos / "wall.png"), None)
    assert [line["label"] for line in face["top"]] == ["Ada", "Bea"]
    lines = run(*words).stdout.splitlines()
    assert lines[0] == f"{photos / 'wall.png'}: Ada 33.3%, Bea 33.3%"
    assert lines[2:] == ["This model names one of its 3 classes for every picture, whatever it shows."]


def test_predict_writes_a_submission_and_says_what_has_no_answer(run, photos, save_model, tmp_path):
    save_model("shapes", kind="image")
    (tmp_path / "test").mkdir()
    for name in ("wall.png", "cut.jpg"):
        shutil.copy(photos / name, tmp_path / "test" / name)
    result = run("predict", "test", "--model", "shapes", "--csv", "out/answers.csv", "--top", "1")
    assert result.exit_code == 1
    assert (tmp_path / "out" / "answers.csv").read_text().split() == ["id,label", "cut.jpg,", "wall.png,Ada"]
    assert "truncated" in result.stderr
    assert result.stdout.splitlines()[0] == "out/answers.csv: 2 photos, 1 label each; without a label: 1 row"
    (tmp_path / "test" / "cut.jpg").unlink()
    refused = run("predict", "nowhere", "--model", "shapes", "--csv", "out/answers.csv")
    assert refused.exit_code == 1
    assert "out/answers.csv was not written" in refused.stderr
    assert (tmp_path / "out" / "answers.csv").read_text().split()[-1] == "wall.png,Ada"
    summary = json.loads(run("predict", "test", "--model", "shapes", "--csv", "answers.csv", "--json").stdout)
    assert (summary["num_photos"], summary["failed"]) == (1, [])
    assert (tmp_path / "answers.csv").read_text().splitlines()[1].startswith("wall.png,Ada,0.333333,Bea,")


def test_sample_digits_writes_a_folder_per_digit_once(run, tmp_path):
    result = run("sample", "digits", tmp_path / "digits", "--json")
    assert result.exit_code == 0, result.output
    written = json.loads(result.stdout)
    assert set(written) == {"folder", "num_images", "classes", "image_size", "source", "licence"}
    assert (written["num_images"], written["image_size"]) == (1797, [32, 32])
    assert (tmp_path / "digits" / "0" / "digit_0001.png").is_file()  # the first one shows a zero
    again = run("sample", "digits", tmp_path / "digits")
    assert (again.exit_code, len(again.output.splitlines())) == (1, 1)
    assert "not empty" in again.output


@pytest.mark.parametrize("name", ["broken", "absent", "../photos"])
def test_predict_with_a_model_that_cannot_be_used(run, photos, saved_models, name):
    result = run("predict", photos / "face.png", "--model", name, "--runs", saved_models)
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert result.output.startswith("Error: ")


def test_models_lists_weights_and_runs_broken_ones_too(run, saved_models):
    listed = json.loads(run("models", "--json").stdout)
    assert [entry["state"] for entry in listed["pretrained"]] == ["installed"] * 5
    assert all(entry["licence"] and entry["training_data"] for entry in listed["pretrained"])
    anybody, broken, *shipped = listed["trained"]
    assert (anybody["name"], anybody["task"], anybody["problem"]) == ("anybody", "classify", None)
    assert (broken["name"], broken["task"]) == ("broken", None)
    assert "not valid JSON" in broken["problem"]
    assert [one["name"] for one in shipped] == ["digits", "face-parts"]
    assert len(json.loads(run("models", "--runs", saved_models, "--json").stdout)["trained"]) == 2
    text = run("models").stdout
    assert "broken" in text
    assert broken["problem"] in text


def test_models_without_any_says_how_to_make_one(run):
    assert "kerasface train classify DATA --name NAME" in run("models").stdout


def test_doctor_tells_device_precision_and_versions(run):
    result = run("doctor")
    assert result.exit_code == 0
    assert result.stdout.startswith("device ")
    assert "precision " in result.stdout
    assert f"kerasface {__version__}" in result.stdout
    report = json.loads(run("doctor", "--json").stdout)
    assert {"device", "precision", "versions", "missing", "pretrained"} <= set(report)


@pytest.mark.slow
def test_doctor_tells_what_a_machine_can_train(run, monkeypatch):
    """A network of one layer in place of the three, which take a minute."""
    quick = partial(throughput.measure_throughput, networks=(("linear", 16),))
    monkeypatch.setattr(throughput, "measure_throughput", quick)
    result = run("doctor", "--train")
    assert result.exit_code == 0
    assert "trains on " in result.stdout
    (measured,) = json.loads(run("doctor", "--train", "--json").stdout)["training"]
    assert measured["name"] == "linear"
    assert measured["images_per_second"] > 0


def test_altered_weights_stop_every_command_with_file_and_hashes(run, photos, monkeypatch):
    """As if another file had been published: what is installed does not have the ledger's hash."""
    ledger = [replace(entry, sha256="0" * 64) for entry in pretrained.LEDGER]
    monkeypatch.setattr(pretrained, "LEDGER", tuple(ledger))
    for words in (["detect", photos / "face.png"], ["verify", photos / "face.png", photos / "face.png"]):
        result = run(*words)
        assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
        assert "pnet.lz4" in result.output
        assert "0" * 64 in result.output
        assert pretrained.LEDGER[1].remedy in result.output


@pytest.mark.slow
def test_evaluate_verification_prints_what_others_read(run, photos, portrait, tmp_path):
    """Two people in two folds; all are photos of the portrait, so the impostors score high: no matter here."""
    for name in ("Ada", "Bea"):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        for number in (1, 2):
            image = portrait[: 500 - 40 * number, 20 * number :]
            Image.fromarray(image).save(tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg")
    pairs = tmp_path / "pairs.txt"
    genuine_then_impostor = ["Ada\t1\t2", "Ada\t1\tBea\t2", "Bea\t1\t2", "Ada\t1\tBea\t9"]
    pairs.write_text("\n".join(["2\t1", *genuine_then_impostor]) + "\n")
    result = run("evaluate", "verification", "--images", tmp_path / "lfw", "--pairs", pairs, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    keys = {"accuracy_mean", "accuracy_se", "auc", "eer", "tar_at_fmr", "num_pairs", "num_failed", "threshold"}
    assert keys | {"seconds", "failed"} <= set(report)
    assert set(report["tar_at_fmr"]) == {"0.01", "0.001"}
    assert all({"value", "low", "high"} <= set(entry) for entry in report["tar_at_fmr"].values())
    assert report["num_failed"] == 1
    assert "Bea_0009.jpg" in report["failed"][0]["reason"]
    assert report["failed"][0]["line"] == 5


def test_evaluate_verification_names_the_bad_line(run, tmp_path):
    (tmp_path / "pairs.txt").write_text("1\t1\nAda\t1\t2\nAda\t1\tAda\t2\n")
    result = run("evaluate", "verification", "--images", tmp_path, "--pairs", tmp_path / "pairs.txt")
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert "line 3" in result.output


@pytest.mark.slow
def test_train_classify_from_the_command_line(photos, portrait, tmp_path):
    """As `python -m kerasface.train`: JSON alone on stdout; the bars on stderr."""
    for name, channels in (("Ada", np.s_[..., :]), ("Bea", np.s_[..., ::-1])):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(3):
            image = np.ascontiguousarray(portrait[10 * index : 300, 80:350][channels])
            half = np.s_[:, : 130 * (index % 2)] if index < 2 else np.s_[:, 130:]
            image[half] //= 3  # a shadow on either side, or the photos would be taken for copies
            Image.fromarray(image).save(tmp_path / "data" / name / f"{index}.png")
    (tmp_path / "data" / "Ada" / "text.jpg").write_text("not an image")
    options = ["--name", "friends", "--runs", tmp_path / "runs", "--cache", tmp_path / "cache"]
    done = run_alone("classify", tmp_path / "data", *options, "--json", module="kerasface.train")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    promised = {"top1", "top5", "num_classes", "num_train", "num_validation", "num_rejected", "seconds"}
    assert promised <= set(metrics)
    assert (metrics["num_classes"], metrics["num_rejected"]) == (2, 1)
    assert metrics["run"] == str(tmp_path / "runs" / "friends")
    assert "features" in done.stderr
    assert "tensorflow" not in done.stderr.lower()


def only_line(result):
    """The one line that a command said, bars of progress aside, before it ended with exit code 1."""
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.output.splitlines() if line.strip() and "━" not in line]
    assert line.startswith("Error: ")
    return line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--name", "../friends"], "plain folder name"),
        (["--name", "friends", "--holdout", "2"], "holdout=2.0"),
        (["--name", "friends"], "does not exist"),
        (["--preview", "sheet.png"], "does not exist"),
        (["--find-lr", "search.html", "--ema", "1"], "ema=1.0"),
        (["--name", "friends", "--backbone", "resnet"], "Did you mean"),
        (["--name", "friends", "--groups", "person"], "must have a group in parentheses"),
    ],
)
def test_train_errors_are_one_line(run, tmp_path, options, message):
    assert message in only_line(run("train", "classify", tmp_path / "absent", *options))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("epoch = 3", "Received: epoch = 3. Did you mean 'epochs'?"),
        ("epochs = 'three'", "epochs must be of type int. Received: epochs='three'"),
        ("classifier = 'softmax'\nhead_epochs = 0", "contradicts itself: head_epochs=0 and epochs=0 train nothing"),
        ("backbone = 'simple_cnn'\nmix = 'mixup'\nclassifier = 'arcface'", "it does not go with mix=mixup"),
        ("backbone = 'linear'\nweights = 'pretrained'", "linear has no pretrained weights"),
        ("mix = 'blend'", "mix must be one of none, mixup, cutmix. Received: mix='blend'"),
        ("epochs: 3", "not valid TOML"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_bad_recipe_is_one_line_before_the_data_are_looked_at(run, tmp_path, recipe, message):
    if recipe is not None:
        (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    line = only_line(run("train", "classify", "absent", "--name", "friends", "--recipe", tmp_path / "recipe.toml"))
    assert message in line


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--backbone", "VGG16", "--weights", "none", "--no-faces", "--image-size", "16"], "at least 32x32"),
        (["--epochs", "1", "--unfreeze", "99"], "Received: unfreeze=99. Choose 1 to 16."),
    ],
)
def test_a_network_that_cannot_be_built_is_refused_before_the_data_are_looked_at(run, options, message):
    assert message in only_line(run("train", "classify", "absent", "--name", "friends", *options))


@pytest.mark.parametrize(
    "others",
    [
        ["data"],
        ["--name", "friends"],
        ["--recipe", "recipe.toml"],
        ["--preview", "sheet.png"],
        ["--find-lr", "search.html"],
        ["--epochs", "3"],
        ["--no-flip"],
        ["--faces"],
        ["--ema", "0"],
    ],
    ids=" ".join,
)
def test_what_is_resumed_is_not_changed(run, others):
    result = run("train", "classify", "--resume", "friends", *others)
    assert result.exit_code == 2
    assert "--resume goes on as the training began" in result.output


@pytest.mark.parametrize("words", [[], ["data"], ["--name", "friends"], ["--preview", "sheet.png"]], ids=" ".join)
def test_a_training_needs_data_and_a_name(run, words):
    result = run("train", "classify", *words)
    assert result.exit_code == 2
    assert "Give DATA and --name" in result.output


def test_every_field_of_the_recipe_is_a_flag_with_its_default_in_the_help():
    options = {option.name: option for option in main.commands["train"].commands["classify"].params}
    assert {entry.name for entry in fields(ClassifyRecipe)} <= set(options)
    for entry in fields(ClassifyRecipe):
        option = options[entry.name]
        assert option.default is None or option.default is click.core.UNSET  # what was not given is the recipe's
        assert option.help.rstrip(".").endswith("]")
        (stated,) = [part.rstrip("].") for part in option.help.split("[")[1:]]
        if entry.default is not None:
            words = {True: "yes", False: "no"}[entry.default] if isinstance(entry.default, bool) else str(entry.default)
            assert stated == f"default: {words}"
        if entry.name in CHOICES:
            assert tuple(option.type.choices) == CHOICES[entry.name]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What `train classify` asks the library for, which trains nothing here but says that it did."""
    calls = {}
    metrics = {"num_classes": 2, "num_train": 8, "num_validation": 2, "seconds": 1.5, "top1": 0.5, "top5": 1.0}
    metrics |= {"temperature": 1.0, "ece": 0.125, "ece_before": 0.125}
    metrics |= {"unknown_accepted": 0.01, "known_accepted": 0.9, "num_unknown": 300}

    def trained(*arguments, **options):
        calls.update(options, arguments=arguments)
        options["on_event"]({"event": "warning", "text": "something to know"})
        options["on_progress"]("images", 10, 10)
        return SimpleNamespace(
            folder=tmp_path / "runs" / "friends",
            metrics=metrics,
            rejected=[("a.jpg", "a.jpg: Not an image.")],
            notes=["A note."],
            stopped=False,
        )

    monkeypatch.setattr(driver, "run_training", trained)
    monkeypatch.setattr(driver, "resume_training", trained)
    return calls


def test_any_setting_can_be_set_and_all_are_listed(run, asked):
    words = ("--set", "layer-decay=0.5", "--set", "schedule=plateau", "--set", "flip=false", "--set", "epochs=2")
    assert run("train", "classify", "people", "--name", "friends", *words, "--epochs", "3").exit_code == 0
    assert asked["recipe"] == ClassifyRecipe(layer_decay=0.5, schedule="plateau", flip=False, epochs=3)
    listed, shown = (run("train", "classify", word).stdout for word in ("--settings", "--help"))
    assert all(entry.name in listed for entry in fields(ClassifyRecipe))
    assert "--backbone" in shown
    assert "--layer-decay" not in shown
    assert set(KINDS["classify"].usual) < {entry.name for entry in fields(ClassifyRecipe)}


@pytest.mark.parametrize(
    ("word", "message"),
    [("epoch=3", "Did you mean 'epochs'?"), ("epochs", "FIELD=VALUE"), ("epochs=few", "epochs must be of type int")],
)
def test_a_setting_that_cannot_be_is_refused(run, word, message):
    assert message in run("train", "classify", "people", "--name", "friends", "--set", word).stderr


def test_flags_go_before_the_recipe_and_the_recipe_before_the_defaults(run, asked, tmp_path):
    recipe = 'backbone = "linear"\nepochs = 7\nfaces = false\nflip = true\nholdout = 0.3\n'
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    words = ("--recipe", "recipe.toml", "--epochs", "3", "--no-flip", "--cache", "c", "--runs", "r")
    result = run("train", "classify", "people", "--name", "friends", *words)
    assert result.exit_code == 0, result.output
    assert asked["recipe"] == ClassifyRecipe(backbone="linear", epochs=3, faces=False, flip=False, holdout=0.3)
    assert asked["arguments"] == ("classify", Path("people"), "friends")
    assert (asked["cache"], asked["runs"]) == (Path("c"), Path("r"))


def test_without_flags_the_recipe_has_its_defaults(run, asked):
    assert run("train", "classify", "people", "--name", "friends").exit_code == 0
    assert asked["recipe"] == ClassifyRecipe()


@pytest.mark.parametrize("words", [["people", "--name", "friends"], ["--resume", "friends"]], ids=" ".join)
def test_a_training_prints_one_json_object_or_what_matters_in_words(run, asked, words):
    result = run("train", "classify", *words, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["top1"] == 0.5
    assert (summary["stopped"], summary["notes"]) == (False, ["A note."])
    assert "something to know" in result.stderr
    result = run("train", "classify", *words)
    for text in (
        "top-1 50.00%, top-5 100.00%, judged on 2 images (8 trained on)",
        "calibration error 12.5% (without temperature scaling)",
        "A note.",
        "report.html",
        "a.jpg: Not an image.",
    ):
        assert text in result.stdout


@pytest.fixture
def colours(tmp_path):
    """Six classes of two small pictures each."""
    for label in range(6):
        (tmp_path / "colours" / f"colour{label}").mkdir(parents=True)
        for index in range(2):
            noise = np.random.default_rng([label, index]).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            picture = Image.fromarray(noise).resize((16, 16), Image.Resampling.NEAREST)
            picture.save(tmp_path / "colours" / f"colour{label}" / f"{index}.png")
    return tmp_path / "colours"


IMAGES_OF_16 = ("--no-faces", "--image-size", "16", "--backbone", "linear", "--epochs", "1", "--augment", "none")


@pytest.mark.slow
def test_more_classes_than_images_in_a_batch_can_be_trained_on(run, colours):
    """Two pictures of each class are one on each side, however small a share is held out."""
    words = (*IMAGES_OF_16, "--batch-size", "4", "--holdout", "0.01", "--cache", "cache", "--json")
    result = run("train", "classify", colours, "--name", "small", *words)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["num_classes"], summary["num_train"], summary["num_validation"]) == (6, 6, 6)
    assert "6 training and 6 held-out images of 6 classes" in result.stderr


def test_a_preview_is_written_and_nothing_is_trained(run, colours, tmp_path):
    words = ("train", "classify", colours, "--preview", "sheet.png", "--cache", "cache", *IMAGES_OF_16)
    result = run(*words)
    assert (result.exit_code, result.stdout) == (0, "sheet.png: augmented images with their soft labels\n")
    with Image.open(tmp_path / "sheet.png") as image:
        assert image.format == "PNG"
    assert json.loads(run(*words, "--json").stdout) == {"preview": "sheet.png"}
    assert not (tmp_path / "saved_models").exists()


def test_a_search_prints_the_rate_it_found(run, tmp_path, monkeypatch):
    calls = []

    def search(data, recipe, path, **options):
        calls.append((str(data), recipe.momentum, str(path)))
        return 0.0123

    monkeypatch.setattr(looking, "search_learning_rate", search)
    words = ("train", "classify", "people", "--find-lr", "search.html", "--momentum", "0.5")
    assert run(*words).stdout == "search.html: the loss falls most steeply at learning rate 0.012\n"
    assert json.loads(run(*words, "--json").stdout) == {"find_lr": "search.html", "learning_rate": 0.0123}
    assert calls == [("people", 0.5, "search.html")] * 2


def test_other_data_or_nothing_cannot_be_resumed(run, colours, tmp_path):
    """A session whose images were others; and a name of which there is none."""
    recipe = resolve(ClassifyRecipe(faces=False, image_size=16, backbone="linear", epochs=1))
    session = Session.start(tmp_path / "saved_models", "small", recipe, colours)
    session.note({"fingerprint": "another"})
    session.write_checkpoint({}, {"stage": "train", "step": 1})
    assert f"runs already, as process {os.getpid()}" in only_line(run("train", "classify", "--resume", "small"))
    session.close()
    line = only_line(run("train", "classify", "--resume", "small", "--cache", tmp_path / "cache"))
    assert "are not those that 'small' was trained on" in line
    assert (session.folder / "checkpoint.npz").is_file()
    assert "Left off: small." in only_line(run("train", "classify", "--resume", "big"))
    line = only_line(run("train", "classify", colours, "--name", "small", *IMAGES_OF_16))
    assert "Go on with `kerasface train classify --resume small`" in line
    line = only_line(run("train", "segment", "--resume", "small"))
    assert "one of `kerasface train classify`" in line


@pytest.mark.parametrize(
    ("removed", "options", "message"),
    [
        (["*"], [], "has none"),
        (["colour[1-5]"], [], "only one, 'colour0'"),
        (["*/1.png"], [], "with 2+ images. Add photos or lower min_images: 6 folders have fewer images."),
        (["*/1.png"], ["--min-images", "1"], "No image can be held out"),
        ([], ["--unknown", "absent"], "absent does not exist"),
        ([], ["--unknown", "colours"], "cannot be the people trained on"),
        ([], ["--groups", r"person(\d+)"], "does not fit every file"),
    ],
    ids=[
        "empty",
        "one class",
        "one image each",
        "nothing to hold out",
        "no strangers",
        "known strangers",
        "no persons",
    ],
)
def test_data_that_cannot_be_trained_on_are_one_line(run, colours, tmp_path, removed, options, message):
    for pattern in removed:
        for path in list(colours.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    words = (*IMAGES_OF_16, "--cache", tmp_path / "cache", *options)
    assert message in only_line(run("train", "classify", colours, "--name", "small", *words))
    assert list((tmp_path / "saved_models").iterdir()) == []


def test_a_full_disk_is_one_line(run, colours, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(total=1000, used=900, free=100))
    words = (*IMAGES_OF_16, "--cache", tmp_path / "cache")
    line = only_line(run("train", "classify", colours, "--name", "small", *words))
    assert "are free" in line
    assert "KERASFACE_CACHE" in line
