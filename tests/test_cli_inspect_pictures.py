"""`kerasface inspect attribution`, `match` and `activations` with made-up models of colours and the sample portrait."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import kerasface.inspection.subjects  # before its front end is replaced
import kerasface.tasks.recognition  # before its front end is replaced
import kerasface.tasks.segmentation  # noqa: F401 before its front end is replaced
from kerasface.cli import main
from kerasface.cli.inspection import attribution as inspect_attribution
from kerasface.faces import analyzer as front_end_module
from kerasface.faces import detection
from kerasface.inspection.attribution import match
from kerasface.inspection.attribution.match import DEFAULT_MATCH_METHOD, MATCH_METHODS
from kerasface.inspection.attribution.methods import DEFAULT_METHOD, LAYER_METHODS, METHODS
from kerasface.inspection.stitched import Stitched
from kerasface.runs.card import ModelCard
from kerasface.runs.store import write_run

COLORS = ["red", "green", "blue"]
PARTS = ["background", "skin"]
SIDE = 16


def colour_model(side):
    """Softmax over the means of red, green and blue, in units of 25; `maps` gives them, `halved` at half the size."""
    inputs = keras.Input((side, side, 3), name="image")
    x = keras.layers.Conv2D(3, 1, use_bias=False, name="maps")(inputs)
    x = keras.layers.AveragePooling2D(2, name="halved")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    model = keras.Model(inputs, keras.layers.Softmax(name="softmax")(x), name="colours")
    model.get_layer("maps").set_weights([np.eye(3)[None, None] / 25])
    return model


def part_model():
    """Skin everywhere."""
    inputs = keras.Input((None, None, 3))
    head = keras.layers.Conv2D(2, 1, activation="softmax")
    model = keras.Model(inputs, head(inputs))
    head.set_weights([np.zeros((1, 1, 3, 2)), np.array([0.0, 9.0])])
    return model


@pytest.fixture(scope="module")
def runs(tmp_path_factory, embedder):
    """A folder with the classifiers `pictures` and `people`, and with `parts`, which segments."""
    root = tmp_path_factory.mktemp("saved_models")

    def write(name, model, **card):
        write_run(root, name, model=model, card=ModelCard.from_dict(card), metrics={}, history=[])

    picture = {"kind": "image", "image_size": [SIDE, SIDE]}
    people = {"kind": "face", "image_size": [150, 150], "alignment": embedder.template.fingerprint}
    parts = {"kind": "segment", "image_size": [64, 64], "context": 2.0}
    write("pictures", colour_model(SIDE), task="classify", labels=COLORS, input=picture)
    write("people", colour_model(150), task="classify", labels=COLORS, input=people)
    write("parts", part_model(), task="segment", labels=PARTS, colours=[[0, 0, 0], [200, 0, 0]], input=parts)
    return root


@pytest.fixture
def run(tmp_path, monkeypatch, runs, analyzer):
    """Function that runs `kerasface inspect` in an empty folder, with the front end that other tests built already."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(detection, "FaceDetector", lambda min_face_size=None: analyzer.detector)
    monkeypatch.setattr(front_end_module, "FaceAnalyzer", lambda detector: analyzer)

    def call(*words, code=0):
        result = CliRunner().invoke(main, ["inspect", *map(str, words), "--runs", str(runs), "--out", "out"])
        assert result.exit_code == code, (result.stdout, result.stderr)
        return json.loads(result.stdout) if code == 0 and "--json" in words else result

    return call


@pytest.fixture
def halves(tmp_path):
    """A picture whose left half is red and whose right half is a darker green."""
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    picture[:, :16, 0], picture[:, 16:, 1] = 200, 150
    Image.fromarray(picture).save(tmp_path / "halves.png")
    return "halves.png"


@pytest.fixture
def photo(portrait, tmp_path):
    Image.fromarray(portrait).save(tmp_path / "eileen.png")
    return "eileen.png"


def pixels(path):
    return np.asarray(Image.open(path)).astype(int)


def test_the_map_of_a_class_lies_where_its_colour_is(run, halves):
    """The means are 100, 75 and 0, in units of 25: logits 4, 3 and 0."""
    told = run("attribution", halves, "--model", "pictures", "--layer", "maps", "--json")
    probabilities = np.exp([4, 3, 0]) / np.exp([4, 3, 0]).sum()
    assert (told["class"], told["layer"], told["face"], told["regions"]) == ("red", "maps", None, None)
    assert told["probability"] == pytest.approx(probabilities[0], abs=1e-5)
    assert told["score"] == pytest.approx(4, abs=1e-4)
    assert told["overlay"] == "out/halves.attribution.png"
    drawn = pixels(told["overlay"])
    assert drawn.shape == (300, 300, 3)
    assert drawn[150, 280].tolist() == [0, 150, 0]  # nothing there: the picture itself
    assert abs(drawn[150, 20] - (200, 0, 0)).max() > 100
    named = run("attribution", halves, "--model", "pictures", "--class", "green", "--layer", "maps", "--json")
    assert named["probability"] == pytest.approx(probabilities[1], abs=1e-5)
    assert pixels(named["overlay"])[150, 20].tolist() == [200, 0, 0]


def test_the_central_face_is_explained_and_its_parts_are_told(run, photo, portrait_face, portrait_crop):
    """Everything is skin to the model `parts`, but what lies outside the square around the face."""
    told = run("attribution", photo, "--model", "people", "--regions", "parts", "--layer", "maps", "--json")
    logits = portrait_crop.mean(axis=(0, 1)) / 25
    assert told["class"] == COLORS[np.argmax(logits)]
    assert told["score"] == pytest.approx(logits.max(), abs=1e-3)
    assert told["face"]["box"] == pytest.approx([round(value, 2) for value in portrait_face.box])
    assert sum(told["regions"].values()) == pytest.approx(1)
    assert told["regions"]["skin"] > 0.9
    assert told["warning"] is None
    lines = run("attribution", photo, "--model", "people", "--regions", "parts").stdout.splitlines()
    assert lines[0].startswith("eileen.png: face at ")
    assert lines[1].startswith("  background ")
    assert lines[2] == "out/eileen.attribution.png"


def test_too_much_background_is_warned_of(run, photo, runs):
    """The other way round: what is skin to the model is the name of its background."""
    turned = {"task": "segment", "labels": PARTS, "colours": [[0, 0, 0], [200, 0, 0]]}
    model = part_model()
    model.layers[-1].set_weights([np.zeros((1, 1, 3, 2)), np.array([9.0, 0.0])])
    place = {"kind": "segment", "image_size": [64, 64], "context": 2.0}
    write_run(
        runs, "nothing", model=model, card=ModelCard.from_dict({**turned, "input": place}), metrics={}, history=[]
    )
    result = run("attribution", photo, "--model", "people", "--regions", "nothing")
    assert "100 % of what speaks for this answer lies on the background" in result.stderr


@pytest.mark.slow
def test_both_faces_of_a_match_are_drawn(run, photo, portrait, tmp_path, monkeypatch):
    """By a small embedder of the mean colour: its cosine is that of the crops' means."""
    Image.fromarray(np.ascontiguousarray(portrait[..., ::-1])).save(tmp_path / "blue.png")
    inputs = keras.Input((150, 150, 3))
    maps = keras.layers.Conv2D(3, 1, use_bias=False, name="maps")
    x = keras.layers.GlobalAveragePooling2D()(maps(inputs))
    model = keras.Model(inputs, keras.layers.UnitNormalization()(x))
    maps.set_weights([np.eye(3)[None, None]])
    monkeypatch.setattr(match, "match_model", lambda layer=None, **_: Stitched(model, layer))
    words = ("match", photo, "blue.png", "--method", "layer-cam", "--layer", "maps", "--regions", "parts")
    told = run(*words, "--json")
    assert (told["method"], told["layer"]) == ("layer-cam", "maps")
    assert [face["image"] for face in told["faces"]] == ["eileen.png", "blue.png"]
    assert all(face["regions"]["skin"] > 0.9 for face in told["faces"])
    assert 0.5 < told["score"] < 0.999
    drawn = pixels(told["overlay"])
    assert told["overlay"] == "out/eileen-blue.match.png"
    assert drawn.shape == (602, 602, 3)
    assert drawn[:300, :300, 0].mean() > drawn[:300, :300, 2].mean()  # A on the left, B with red and blue exchanged
    assert drawn[:300, 302:, 0].mean() < drawn[:300, 302:, 2].mean()
    assert np.abs(drawn[302:] - drawn[:300]).max() > 50
    assert run(*words).stdout.splitlines()[0] == f"score {told['score']:.3f}"


def test_a_picture_for_each_resolution(run, halves):
    told = run("activations", halves, "--model", "pictures", "--count", 2, "--filters", "--json")["pictures"]
    assert [(entry["kind"], entry["layer"], entry["shape"]) for entry in told] == [
        ("maps", "maps", [SIDE, SIDE, 3]),
        ("maps", "halved", [SIDE // 2, SIDE // 2, 3]),
        ("filters", "maps", [1, 1, 3, 3]),
    ]
    assert [entry["channels"] for entry in told] == [[0, 1], [0, 1], []]  # red is brighter than green
    assert [entry["file"] for entry in told[:2]] == ["out/halves.level-1.png", "out/halves.level-2.png"]
    strip = pixels(told[0]["file"])
    assert strip[30, 10].tolist() == [255] * 3  # red, on the left
    assert strip[30, 50].tolist() == [0] * 3
    assert pixels(told[2]["file"]).max() == 255


def test_the_maps_of_a_layer_and_the_picture_it_answers_to_most(run, halves):
    """Green is channel 1 of the maps: a picture made up for it is bright and greenish."""
    words = ("activations", halves, "--model", "pictures", "--layer", "maps", "--maximize", 1)
    maps, best = run(*words, "--json")["pictures"]
    assert (maps["file"], maps["channels"]) == ("out/halves.maps.png", [0, 1, 2])
    assert best["file"] == "out/maps.channel-1.png"
    red, green, blue = pixels(best["file"]).mean(axis=(0, 1))
    assert green > max(red, blue) + 10
    assert run("activations", halves, "--model", "pictures", "--layer", "maps").stdout.splitlines() == [
        f"maps of maps, {SIDE} x {SIDE} x 3, channels 0, 1, 2",
        "  out/halves.maps.png",
    ]


@pytest.mark.parametrize("model", ["people", "parts"])
def test_a_model_of_faces_is_shown_the_face(run, photo, halves, model):
    side = {"people": 150, "parts": 64}[model]
    (first, *_) = run("activations", photo, "--model", model, "--json")["pictures"]
    assert first["shape"][:2] == [side, side]
    result = run("activations", halves, "--model", model, code=1)
    assert result.stderr == "Error: halves.png: No face was found.\n"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["attribution", "halves.png", "--model", "people"], "halves.png: No face was found."),
        (["attribution", "halves.png", "--model", "parts"], "does not classify. Received: task='segment'."),
        (
            ["attribution", "halves.png", "--model", "pictures", "--class", "Red"],
            "The model knows the classes red, green, blue. Received: class='Red'.",
        ),
        (["attribution", "halves.png", "--model", "pictures", "--layer", "map"], "the nearest are ['maps'"),
        (["attribution", "halves.png", "--model", "pictures", "--layer", "mean"], "needs a layer that gives a map"),
        (["attribution", "halves.png", "--model", "pictures", "--regions", "parts"], "Parts are told of faces only."),
        (["attribution", "halves.png", "--model", "people", "--regions", "people"], "'people' does not segment."),
        (["attribution", "none.png", "--model", "pictures"], "none.png"),
        (["match", "halves.png", "halves.png"], "halves.png: No face was found."),
        (["activations", "halves.png", "--model", "pictures", "--layer", "map"], "the nearest are ['maps'"),
        (["activations", "halves.png", "--model", "pictures", "--layer", "softmax"], "A layer with maps is needed"),
        (
            ["activations", "halves.png", "--model", "pictures", "--layer", "maps", "--maximise", 3],
            "The layer has channels 0 to 2. Received: channel=3.",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, halves, tmp_path, words, problem):
    result = run(*words, code=1)
    assert problem in result.stderr
    assert "\n" not in result.stderr.strip()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["attribution", "halves.png", "--model", "pictures", "--method", "rise", "--layer", "maps"],
        ["match", "halves.png", "halves.png", "--layer", "maps"],  # occlusion is the default
        ["activations", "halves.png", "--model", "pictures", "--maximise", 1],
    ],
)
def test_options_that_do_not_go_together(run, halves, words):
    assert "--layer" in run(*words, code=2).stderr


def test_the_methods_of_the_commands_are_those_of_the_library():
    commands = main.commands["inspect"].commands
    for command, methods in ((commands["attribution"], METHODS), (commands["match"], MATCH_METHODS)):
        (option,) = (option for option in command.params if option.name == "method")
        assert tuple(option.type.choices) == tuple(methods)
    assert option.default == DEFAULT_MATCH_METHOD
    assert inspect_attribution._LAYER_METHODS == LAYER_METHODS
    assert inspect_attribution._METHOD == DEFAULT_METHOD
    assert inspect_attribution._LAYER_METHOD in LAYER_METHODS


def test_the_map_of_faces_is_registered():
    assert "map" in main.commands["inspect"].commands


@pytest.fixture
def lit(runs, tmp_path):
    """A run whose channels answer to red, green and blue, and a folder with a photo of each and a broken one."""
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.layers.ReLU(name="on")(keras.layers.Conv2D(3, 1, use_bias=False, name="colours")(inputs))
    x = keras.layers.Softmax()(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    model.get_layer("colours").set_weights([np.eye(3)[None, None]])
    card = {"task": "classify", "labels": COLORS, "input": {"kind": "image", "image_size": [SIDE, SIDE]}}
    if not (runs / "lit").exists():
        write_run(runs, "lit", model=model, card=ModelCard.from_dict(card), metrics={}, history=[])
    folder = tmp_path / "photos"
    folder.mkdir()
    for place, name in enumerate(COLORS):
        picture = np.zeros((SIDE, SIDE, 3), np.uint8)
        picture[4, 5, place] = 200
        Image.fromarray(picture).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.mark.slow
def test_a_channel_has_the_photos_that_excite_it_and_what_in_them_does(run, lit):
    words = ("channel", lit, "--model", "lit", "--layer", "on", "--channel", 1, "--channel", 2, "--count", 2)
    told = run(*words, "--json")
    assert [entry["channel"] for entry in told["channels"]] == [1, 2]
    assert [entry["photos"][0]["image"].rpartition("/")[2] for entry in told["channels"]] == ["green.png", "blue.png"]
    assert told["channels"][0]["photos"][0]["box"] == [5, 4, 1, 1]
    assert told["channels"][0]["photos"][0]["answer"] == pytest.approx(200)
    assert "broken.png" in told["rejected"][0]
    sheet = pixels(told["channels"][0]["file"])
    assert sheet.shape == (2 * 96 + 2, 2 * 96 + 2, 3)
    np.testing.assert_array_equal(sheet[48, 48], [0, 200, 0])  # the dot, enlarged
    np.testing.assert_array_equal(sheet[146, 48], [128, 255, 128])  # it alone led to the answer, in green
    assert "green.png" in run(*words).stdout


def test_a_channel_that_is_not_there_is_said(run, lit):
    words = ("channel", lit, "--model", "lit", "--layer")
    assert "has channels 0 to 2" in run(*words, "on", "--channel", 3, code=1).stderr
    assert "nearest are" in run(*words, "onn", "--channel", 0, code=1).stderr
    told = run("channel", lit, "--model", "pictures", "--layer", "maps", "--channel", 0, code=1).stderr
    assert "The rule is for ReLUs" in told
