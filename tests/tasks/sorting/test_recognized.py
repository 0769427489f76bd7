"""What a trained model says of photos, as answers like those of a gallery."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from kerasface.data.photos import read_photos
from kerasface.faces.detection import Face
from kerasface.tasks.recognition import Recognition, RecognizedFace
from kerasface.tasks.sorting.answers import choose_answers
from kerasface.tasks.sorting.recognized import class_of, recognized_answer
from kerasface.tasks.sorting.table import faces_csv

CROP = np.zeros((4, 4, 3), np.uint8)
BOX = (1.0, 2.0, 3.0, 4.0)


def face(name, probability, decision):
    where = Face(BOX, np.zeros((5, 2), np.float32), 0.9)
    return RecognizedFace(CROP, ((name, probability), ("Zoe", 0.05)), decision, 0.5, where)


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "Ada").mkdir()
    for name in ("Ada/1.png", "Ada/2.png", "3.png"):
        Image.new("RGB", (30, 20)).save(tmp_path / name)
    (tmp_path / "Ada" / "text.jpg").write_text("no photo")
    names = ("Ada/1.png", "Ada/2.png", "3.png", "Ada/text.jpg")
    return [photo for batch in read_photos([tmp_path / name for name in names]) for photo in batch]


def test_names_decisions_and_doubts_are_sorted_and_written_down(photos, tmp_path):
    answers = [
        recognized_answer(photos[0], [face("Ada", 0.9, "known"), face("Bob", 0.3, "unknown")]),
        recognized_answer(photos[1], [face("Bob", 0.5, None)]),
        recognized_answer(photos[2], Recognition(CROP, (("espresso", 0.8), ("cat", 0.1)), None, None)),
        recognized_answer(photos[3], None),
    ]
    assert [answer.names for answer in answers] == [("Ada",), ("Bob",), ("espresso",), ()]
    assert [answer.has_unknown for answer in answers] == [True, False, False, False]
    assert [answer.doubt for answer in answers] == pytest.approx([0.25, 0.45, 0.7, float("inf")])
    assert choose_answers(answers[:3], "Doubt") == answers[:3]
    assert choose_answers(answers, "Person", ["Bob"]) == [answers[1]]
    rows = list(csv.DictReader(io.StringIO(faces_csv([answer.to_dict() for answer in answers]))))
    assert [(row["name"], row["decision"]) for row in rows] == [
        ("Ada", "match"),
        ("", "unknown"),
        ("Bob", "match"),
        ("espresso", "match"),
        ("", ""),
    ]
    assert (rows[0]["x"], rows[0]["probability"], rows[0]["normalized_score"]) == ("1.0", "0.9", "")
    assert (rows[3]["width"], rows[3]["height"]) == ("30.0", "20.0")
    assert "text.jpg" in rows[4]["problem"]


def test_the_class_of_a_photo_is_its_folder(tmp_path):
    assert class_of(tmp_path / "Ada" / "1.png", tmp_path) == "Ada"
    assert class_of(tmp_path / "1.png", tmp_path) is None
    assert class_of(tmp_path / "a" / "b" / "1.png", tmp_path) is None
