"""The commands of docs/homework.md, in their order, on a data set as it is handed out: small, and of one real face."""

import csv
import itertools
import re
import shlex

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main
from tests.documents import ROOT, blocks_of

pytestmark = pytest.mark.slow
NAMES = ("n000002", "n000015", "n000031")
TINY = "--epochs 1 --image-size 32 --seed 1"  # instead of what the page takes for real photos


def photo_of(portrait, person, number):
    """The portrait's head in colors of a person of its own, each time in another light: no two photos are alike."""
    head = portrait[:256, 96:352, np.roll([0, 1, 2], person)]
    rows, cols = np.mgrid[-1:1:256j, -1:1:256j]
    slope = np.cos(1.3 * number) * rows + np.sin(1.3 * number) * cols
    return Image.fromarray((head * (0.65 + 0.35 * slope)[..., None]).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def handed_out(portrait, tmp_path_factory):
    """`train/` and `dev/` with a folder per identity, `test/` without labels, and pairs of photos in a text file."""
    folder = tmp_path_factory.mktemp("homework")
    places = ("train/{}/1.jpg", "train/{}/2.jpg", "train/{}/3.jpg", "dev/{}/4.jpg", "test/{}.jpg")
    for (person, name), (number, place) in itertools.product(enumerate(NAMES), enumerate(places)):
        path = folder / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        photo_of(portrait, person, number).save(path, quality=95)
    photos = [(name, f"train/{name}/{number}.jpg") for name in NAMES for number in (1, 2, 3)]
    photos += [(name, f"dev/{name}/4.jpg") for name in NAMES]
    pairs = itertools.combinations(photos, 2)
    lines = [f"{one} {other} {int(whose == of)}" for (whose, one), (of, other) in pairs]
    (folder / "verification_pairs.txt").write_text("\n".join(lines))
    return folder


def test_the_homework_is_done_with_the_commands_of_its_page(handed_out, monkeypatch):
    monkeypatch.chdir(handed_out)
    lines = [line for language, text in blocks_of(ROOT / "docs" / "homework.md") for line in text.splitlines()]
    said = {}
    for line in lines:
        words = shlex.split(re.sub(r"--epochs 60|--image-size 64", "", line) if "simple_cnn" in line else line)
        words += shlex.split(TINY) if "simple_cnn" in line else []
        result = CliRunner().invoke(main, words[1:])
        assert result.exit_code == 0, f"{line}\n{result.output}"
        said[line] = result.output
    assert (handed_out / "sheet.png").is_file()
    with open("submission.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["id", "label"]
    assert [name for name, _ in rows] == [f"{name}.jpg" for name in NAMES]
    assert {label for _, label in rows} <= set(NAMES)
    trained = next(text for line, text in said.items() if line.endswith("--name hw"))
    assert "9 training and 3 validation images (dev) of 3 classes" in trained
    assert "top-1 100.00%" in next(text for line, text in said.items() if line.endswith("--name reference"))
    compared = next(text for line, text in said.items() if "--compare" in line)
    assert "A is hw, B is reference:" in compared
    assert "0 pairs failed" in compared
