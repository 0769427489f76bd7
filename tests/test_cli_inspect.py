"""`kerasface inspect layers` and `kerasface inspect cost`."""

import csv
import json
from pathlib import Path

import keras
import pytest
from click.testing import CliRunner

from kerasface.cli import main
from kerasface.inspection.cost.comparison import SORT_KEYS
from kerasface.runs.card import ModelCard
from kerasface.runs.store import write_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder with the model `parts`, for pictures of any size, whose card says 6 x 8 pixels."""
    inputs = keras.Input((None, None, 3), name="image")
    model = keras.Model(inputs, keras.layers.Conv2D(4, 3, padding="same", name="conv")(inputs))
    card = {"task": "segment", "labels": list("abcd"), "input": {"kind": "segment", "image_size": [6, 8]}}
    root = tmp_path_factory.mktemp("saved_models")
    write_run(root, "parts", model=model, card=ModelCard.from_dict(card), metrics={}, history=[])
    return root


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Function that runs `kerasface inspect` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, ["inspect", *map(str, words)])


def test_layers_of_a_model_as_json(run, runs):
    """6 * 8 places of 27 * 4 products; 108 weights and 4 biases."""
    result = run("layers", "--model", "parts", "--runs", runs, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [layer["name"] for layer in found["layers"]] == ["image", "conv"]
    assert found["layers"][1]["output_shape"] == [6, 8, 4]
    assert (found["total"]["parameters"], found["total"]["multiply_adds"]) == (112, 48 * 108)
    other = json.loads(run("layers", "--model", "parts", "--runs", runs, "--image-size", 10, "--json").stdout)
    assert other["total"]["multiply_adds"] == 100 * 108


def test_layers_as_text(run, runs):
    lines = run("layers", "--model", "parts", "--runs", runs).stdout.splitlines()
    assert lines[0].split()[:3] == ["layer", "kind", "output"]
    assert " ".join(lines[2].split()) == "conv Conv2D 6 x 8 x 4 112 100.0% 5,184 100.0% 0.8 3 1"
    assert len({len(line) for line in lines[:3]}) == 1  # columns stand below one another
    assert lines[3].startswith("112 weights (0.0 MiB in float32), 5,184 multiply-adds, activations ")


def test_sides_are_one_number_where_they_are_alike_and_a_dash_where_there_are_none(run, runs):
    words = ("layers", "--architecture", "simple_cnn", "--image-size", 16)
    lines = run(*words, "--out", "out").stdout.splitlines()
    assert next(line for line in lines if "GlobalAverage" in line).split()[-1] == "-"
    assert next(line for line in lines if line.startswith("block1_pool")).split()[-2:] == ["4", "2"]
    assert "floor((16 + 2 - 1*(3 - 1) - 1) / 1) + 1 = 16" in Path("out/layers.html").read_text(encoding="utf-8")


def test_layers_as_files(run, tmp_path):
    result = run("layers", "--architecture", "linear", "--image-size", 16, "--out", "new/out")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-2:] == ["new/out/layers.html", "new/out/layers.csv"]
    with (tmp_path / "new" / "out" / "layers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["image", "preprocess", "head_flatten", "head_logits", "head_probabilities"]
    assert (rows[0]["output_shape"], rows[3]["parameters"]) == ("16 16 3", str(769_000))
    page = (tmp_path / "new" / "out" / "layers.html").read_text(encoding="utf-8")
    assert "head_logits" in page
    assert "<b>769 k</b>weights" in page
    assert "<b>768 k</b>multiply-adds" in page
    assert "Spatial sizes" not in page  # nothing is slid over the image


@pytest.mark.parametrize(
    ("words", "code", "problem"),
    [
        (["layers"], 2, "Give --model or --architecture."),
        (["layers", "--model", "a", "--architecture", "linear"], 2, "Give --model or --architecture."),
        (["layers", "--architecture", "linear", "--image-size", 0], 2, "--image-size"),
        (["layers", "--architecture", "nope"], 1, "Received: name='nope'"),
        (["layers", "--architecture", "linear", "--image-size", 8], 1, "at least 16 pixels"),
        (["layers", "--model", "nope"], 1, "There is no model 'nope'"),
        (["cost"], 2, "NAME"),
        (["cost", "linear", "nope"], 1, "Received: ['nope']"),
        (["cost", "linear", "--sort", "size"], 2, "--sort"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(run, words, code, problem):
    result = run(*words)
    assert result.exit_code == code
    assert problem in result.stderr.splitlines()[-1] or code == 2
    assert problem in result.stderr


def test_a_model_for_other_sizes_is_an_error(run, tmp_path, runs):
    fixed = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    card = {"task": "embed", "input": {"image_size": [8, 8]}}
    write_run(tmp_path, "fixed", model=fixed, card=ModelCard.from_dict(card), metrics={}, history=[])
    result = run("layers", "--model", "fixed", "--runs", tmp_path, "--image-size", 9)
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: This model takes images of (8, 8). Received: image_size=(9, 9).\n",
    )


def test_costs_side_by_side(run):
    result = run("cost", "mlp", "linear", "--image-size", 16, "--sort", "parameters", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [model["name"] for model in found["models"]] == ["linear", "mlp"]
    assert [model["multiply_adds"] for model in found["models"]] == [768_000, 768 * 512 + 512_000]
    assert found["device"]
    lines = run("cost", "linear", "mlp", "--image-size", 16).stdout.splitlines()
    assert lines[0].split()[0] == "model"
    assert lines[1].split()[:6] == ["linear", "16", "x", "16", "769,000", "2.9"]
    assert lines[-1].startswith("one image at a time, ")


def test_the_orders_of_the_command_are_those_of_the_library():
    (option,) = (option for option in main.commands["inspect"].commands["cost"].params if option.name == "sort_by")
    assert tuple(option.type.choices) == SORT_KEYS
