"""Faces as a table: a row for each, and one for a photo without."""

import csv
import io

import pytest
from PIL import Image

from kerasface.images.dates import date_taken
from kerasface.tasks.sorting.table import COLUMNS, faces_csv


@pytest.fixture
def dated(tmp_path):
    photo = Image.new("RGB", (8, 8))
    photo.getexif().get_ifd(0x8769)[0x9003] = "2024:05:17 18:30:05"
    photo.save(tmp_path / "dated.jpg", exif=photo.getexif())
    return tmp_path / "dated.jpg"


def face(decision, name):
    numbers = {"score": 0.91234567, "normalized_score": 7.5, "threshold": 5.25, "probability": 0.999}
    return {"box": [10.04, 20.0, 30.0, 40.0], "decision": decision, "name": name, **numbers}


def test_every_face_has_a_row_and_every_photo_one_at_least(dated, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "empty.png")
    results = [
        {"image": str(dated), "date": date_taken(dated), "faces": [face("match", "=Ada"), face("unknown", None)]},
        {"image": str(tmp_path / "empty.png"), "date": None, "faces": []},
        {"image": "gone.jpg", "error": "gone.jpg cannot be read."},
    ]
    rows = list(csv.DictReader(io.StringIO(faces_csv(results))))
    assert tuple(rows[0]) == COLUMNS
    assert [row["decision"] for row in rows] == ["match", "unknown", "no_face", ""]
    assert rows[0] | {"photo": ""} == {
        **{"photo": "", "face": "1", "x": "10.0", "y": "20.0", "width": "30.0", "height": "40.0", "decision": "match"},
        **{"name": "'=Ada", "score": "0.912346", "normalized_score": "7.5", "threshold": "5.25"},
        **{"probability": "0.999", "date": "2024-05-17T18:30:05", "from": "", "to": "", "problem": ""},
    }
    assert (rows[1]["name"], rows[1]["date"], rows[2]["date"]) == ("", "2024-05-17T18:30:05", "")
    assert rows[3]["problem"] == "gone.jpg cannot be read."


def test_a_photo_without_a_date_has_none(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert date_taken(tmp_path / "a.png") is None
    odd = Image.new("RGB", (8, 8))
    odd.getexif()[0x0132] = "yesterday"
    odd.save(tmp_path / "b.jpg", exif=odd.getexif())
    assert date_taken(tmp_path / "b.jpg") is None
    assert date_taken(tmp_path / "none.jpg") is None
