"""A row for every picture, whatever becomes of it, as a competition wants it."""

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.tasks.recognition import Recognition
from kerasface.tasks.submission import answer_pictures, pictures_by_id, submission_csv

NAMES = ("Ada", "=Bea", "Cleo")


@pytest.fixture
def folder(tmp_path):
    """Pictures of three greys, one of them deeper down; a file that is cut; a text, which is no picture."""
    (tmp_path / "test" / "more").mkdir(parents=True)
    for name, grey in (("2.png", 10), ("more/1.png", 120), ("10.png", 250)):
        Image.new("RGB", (16, 16), (grey, grey, grey)).save(tmp_path / "test" / name)
    (tmp_path / "test" / "cut.png").write_bytes((tmp_path / "test" / "2.png").read_bytes()[:60])
    (tmp_path / "test" / "read me.txt").write_text("no picture")
    return tmp_path / "test"


@pytest.fixture
def classifier():
    """Names a picture by its brightness: dark is Ada, grey =Bea, bright Cleo."""

    def recognize(images, *, top):
        answers = []
        for image in images:
            best = int(np.mean(image)) * 3 // 256
            order = [best, *(other for other in range(3) if other != best)][:top]
            named = tuple((NAMES[place], 0.75 if place == best else 0.125) for place in order)
            answers.append(Recognition(crop=image, top=named, decision=None, score=None))
        return answers

    return SimpleNamespace(recognize=recognize)


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_an_id_is_the_place_in_the_folder(folder):
    assert list(pictures_by_id([folder])) == ["10.png", "2.png", "cut.png", "more/1.png"]
    several = pictures_by_id([folder / "2.png", folder / "more", folder / "2.png"])
    assert list(several) == [str(folder / "2.png"), str(folder / "more" / "1.png")]


def test_every_picture_has_a_row_with_its_best_names(folder, classifier):
    counts = []
    rows = answer_pictures(pictures_by_id([folder]), classifier, top=2, on_progress=lambda *done: counts.append(done))
    assert (counts[0], counts[-1]) == ((0, 4), (4, 4))
    bright, dark, cut, grey = table(submission_csv(rows, 2))
    assert list(bright) == ["id", "label", "probability", "label_2", "probability_2", "decision", "problem"]
    assert list(bright.values()) == ["10.png", "Cleo", "0.750000", "Ada", "0.125000", "", ""]
    assert (dark["id"], dark["label"]) == ("2.png", "Ada")
    assert (grey["id"], grey["label"]) == ("more/1.png", "'=Bea")  # no formula
    assert "truncated" in cut.pop("problem")
    assert list(cut.values()) == ["cut.png", "", "", "", "", ""]


def test_with_one_name_the_table_is_ready_to_be_handed_in(folder, classifier):
    rows = answer_pictures(pictures_by_id([folder]), classifier, top=1)
    lines = submission_csv(rows, 1).splitlines()
    assert lines == ["id,label", "10.png,Cleo", "2.png,Ada", "cut.png,", "more/1.png,'=Bea"]
