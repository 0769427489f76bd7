"""`kerasface evaluate classification` with two made-up models of colours."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from kerasface.runs.card import ModelCard
from kerasface.runs.store import write_run

LABELS = ["blue", "green", "red"]
COLORS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250), "grey": (120, 120, 120)}
THRESHOLD = {
    "score": "probability",
    "threshold": 0.9,
    **dict.fromkeys(("unknown_accepted", "unknown_accepted_high", "known_accepted"), 0.01),
    **dict.fromkeys(("num_unknown", "num_known"), 100),
}


def save_colours(root, name, kernel, labels=LABELS, **card):
    """A classifier whose logits are the mean red, green and blue times `kernel` `(3, 3)`."""
    pictures = keras.Input((8, 8, 3))
    head = keras.layers.Dense(3, activation="softmax")
    model = keras.Model(pictures, head(keras.layers.GlobalAveragePooling2D()(pictures)))
    head.set_weights([np.asarray(kernel, dtype=float), np.zeros(3)])
    card = {"task": "classify", "labels": labels, "input": {"kind": "image", "image_size": [8, 8]}, **card}
    write_run(root, name, model=model, card=ModelCard.from_dict(card), metrics={}, history=[])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("saved_models")
    right = np.fliplr(np.eye(3)) / 25  # red is the last class
    save_colours(root, "sharp", right, open_set=THRESHOLD)
    save_colours(root, "blind", np.zeros((3, 3)))
    save_colours(root, "others", right, labels=["a", "b", "c"])
    return root


@pytest.fixture
def folder(tmp_path):
    """Ten pictures of each colour, grey being none of the classes."""
    for name, color in COLORS.items():
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (12, 9), color).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def run(tmp_path, monkeypatch, runs):
    """Function that runs the command in this process, in an empty folder, on the models of `runs`."""
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", "classification", "--runs", str(runs)]
    return lambda *more: CliRunner().invoke(main, [*words, *map(str, more)])


def test_rates_of_one_model(run, folder):
    (folder / "red" / "cut.png").write_bytes(b"no picture")
    result = run("--images", folder, "--model", "sharp", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["top1"]["value"] == pytest.approx(30 / 31)
    assert told["recall"] == {"blue": 1.0, "green": 1.0, "red": pytest.approx(10 / 11)}
    assert (told["num_failed"], told["strangers"], told["num_unknown"]) == (1, ["grey"], 10)
    assert told["unknown_accepted"]["value"] == 0
    assert told["known_correct"]["value"] == pytest.approx(30 / 31)
    assert "cut.png" in told["failed"][0]["image"]
    text = run("--images", folder, "--model", "sharp").stdout
    assert "sharp: right 96.77% (95 % 83.81% to 99.43%)" in text
    assert "of 10 pictures of none of the classes 0.00%" in text
    assert "worst classes: red 90.9%" in text
    assert "folders of none of the classes, as no class has their name: grey" in text
    assert "1 file with no answer" in text


def test_two_models_are_compared_and_reported(run, folder):
    result = run("--images", folder, "--model", "blind", "--beside", "sharp", "--report", "report.html")
    assert result.exit_code == 0, result.output
    assert "sharp makes fewer errors. blind errs on 66.67" in result.stdout
    assert "20 wrong by blind alone, 0 by sharp alone" in result.stdout
    assert "no threshold in the model, so each got a name" in result.stdout
    with open("report.html", encoding="utf-8") as file:
        report = file.read()
    assert "sharp makes fewer errors" in report
    assert "taken for blue" in report  # of equal probabilities the first
    told = json.loads(run("--images", folder, "--model", "blind", "--compare", "sharp", "--json").stdout)
    assert (told["comparison"]["better"], told["comparison"]["mcnemar"]["only_a"]) == ("b", 20)
    assert told["beside"]["top1"]["value"] == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "others"], "has no folder named like a class of the model"),
        (["--model", "sharp", "--beside", "others"], "know different classes"),
        (["--model", "sharp", "--compare", "sharp"], "does not differ from itself"),
        (["--model", "absent"], "absent"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_line(run, folder, words, sentence):
    result = run("--images", folder, *words)
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)
    assert sentence in result.output
