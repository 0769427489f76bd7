"""The gallery's commands on real photos: the same face from the sample portrait, cut, turned and changed."""

import csv
import json
from pathlib import Path
from unittest.mock import ANY

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli import main


@pytest.fixture(autouse=True)
def _own_key(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KERASFACE_KEY", raising=False)


@pytest.fixture
def photos(portrait, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(portrait).save(folder / "front.png")
    Image.fromarray(portrait[:330, ::-1]).save(folder / "mirror.png")
    Image.fromarray((portrait[20:350, 30:440] * 0.8).astype(np.uint8)).save(folder / "dim.png")
    Image.fromarray(np.full((90, 90, 3), 120, dtype=np.uint8)).save(folder / "wall.png")
    (folder / "text.jpg").write_text("no photo")
    return folder


@pytest.fixture
def run(tmp_path):
    def call(*words, code=0, as_json=True):
        own = [] if "--gallery" in words else ["--gallery", tmp_path / "g.gallery"]
        words = [*map(str, (*words, *own)), *(["--json"] if as_json else [])]
        done = CliRunner().invoke(main, words)
        assert done.exit_code == code, (done.stdout, done.stderr)
        return json.loads(done.stdout) if as_json and done.stdout else done

    return call


@pytest.mark.slow
def test_enrol_identify_and_forget(run, photos, tmp_path):
    enrolled = run("enroll", "Eileen", photos / "front.png", photos / "wall.png", photos / "text.jpg", code=1)
    assert (enrolled["num_enrolled"], enrolled["num_refused"], enrolled["gallery_size"]) == (1, 2, 1)
    assert [photo["refused"] for photo in enrolled["photos"]] == [None, "no_face", "unreadable"]
    assert run("people", "check")["problems"] == []
    found = run("identify", photos, code=1)  # a folder; one file of it cannot be read
    by_name = {row["image"].rsplit("/", 1)[1]: row for row in found}
    assert by_name["mirror.png"]["faces"][0]["name"] == "Eileen"
    face = by_name["mirror.png"]["faces"][0]
    assert face["normalized_score"] >= face["threshold"]
    assert 0.9 < face["score"] <= 1
    assert by_name["mirror.png"]["gallery"]["gallery_size"] == 1
    assert (by_name["wall.png"]["decision"], by_name["wall.png"]["faces"]) == ("no_face", [])
    assert "error" in by_name["text.jpg"]
    run("people", "not", "Eileen", photos / "mirror.png")
    assert run("identify", photos / "mirror.png")[0]["faces"][0]["name"] is None
    run("people", "not", "Eileen", photos / "mirror.png", "--lift")
    assert run("identify", photos / "mirror.png")[0]["faces"][0]["name"] == "Eileen"
    assert run("people", "delete", "Eileen", "--yes")["deleted"] == "Eileen with 1 sample"
    assert run("people", "list") == []
    text = run("identify", photos / "front.png", as_json=False).stdout
    assert "UNKNOWN" in text
    assert "The gallery is empty" in text


@pytest.mark.slow
def test_answers_leave_as_a_table_and_as_folders_and_come_back(run, photos, tmp_path):
    run("enroll", "Eileen", photos / "front.png")
    out, table = tmp_path / "out", tmp_path / "faces.csv"
    told = run("identify", photos, "--csv", table, "--copy", out, "--dry-run", code=1, as_json=False)
    assert f"{photos / 'dim.png'} -> {out / 'Eileen' / 'dim.png'}" in told.stderr
    assert not out.exists()
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert [(Path(row["photo"]).name, row["decision"], row["name"]) for row in rows] == [
        ("dim.png", "match", "Eileen"),
        ("front.png", "match", "Eileen"),
        ("mirror.png", "match", "Eileen"),
        ("text.jpg", "", ""),
        ("wall.png", "no_face", ""),
    ]
    assert rows[3]["problem"]
    told = run("identify", photos, "--link", out, code=1, as_json=False)
    assert f"{out}: 3 photos linked" in told.stderr
    assert sorted(path.name for path in (out / "Eileen").iterdir()) == ["dim.png", "front.png", "mirror.png"]
    (manifest,) = out.glob("*.jsonl")
    done = CliRunner().invoke(main, ["identify", "--undo", str(manifest), "--json"])
    assert (done.exit_code, len(json.loads(done.stdout)["removed"])) == (0, 3)
    assert not out.exists()
    assert len(list(photos.iterdir())) == 5
    told = run("identify", photos, "--xmp", code=1, as_json=False)
    assert "XMP: 3 files written" in told.stderr
    again = run("enroll", "--from-xmp", photos, "--gallery", tmp_path / "other.gallery")
    assert {one["name"] for one in again["photos"]} == {"Eileen"}
    assert again["gallery_size"] == 1
    (manifest,) = photos.glob("*.jsonl")
    CliRunner().invoke(main, ["identify", "--undo", str(manifest)])
    assert len(list(photos.iterdir())) == 5


@pytest.mark.slow
def test_videos_in_a_folder_are_followed_with_the_photos(run, photos, portrait, tmp_path):
    (tmp_path / "film").mkdir()
    writer = cv2.VideoWriter(str(tmp_path / "film" / "a.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 5, (640, 480))
    for number in range(15):  # comes into a grey room after a second, and moves
        frame = np.full((480, 640, 3), 110, np.uint8)
        if number >= 5:
            frame[40:370, 9 * number : 9 * number + 400] = portrait[:330, :400, ::-1]
        writer.write(frame)
    writer.release()
    (tmp_path / "film" / "b.mp4").write_text("no film")
    Image.fromarray(portrait).save(tmp_path / "film" / "c.jpg")
    run("enroll", "Eileen", photos / "front.png")
    film, broken, photo = run("identify", tmp_path / "film", code=1)
    (face,) = film["faces"]
    assert (face["name"], face["from"], face["to"], film["seconds"]) == ("Eileen", 1.0, 2.8, 3.0)
    assert "Not a video" in broken["error"]
    assert photo["faces"][0]["name"] == "Eileen"
    told = run("identify", tmp_path / "film" / "a.avi", "--xmp", "--copy", tmp_path / "out", as_json=False)
    assert "1 face in 0:03.0\n  face 1 at" in told.stdout
    assert " from 0:01.0 to 0:02.8: MATCH: Eileen" in told.stdout
    assert "Videos get no names" in told.stderr
    assert (tmp_path / "out" / "Eileen" / "a.avi").is_file()
    assert not list((tmp_path / "film").glob("*.xmp"))


@pytest.mark.slow
def test_small_pictures_of_faces_are_kept_where_the_owner_wants_them(run, photos):
    run("enroll", "Eileen", photos / "front.png")
    counts = {"gallery": ANY, "kept": False, "num_pictures": 0, "num_samples": 1, "num_removed": 0}
    assert run("people", "thumbnails") == counts
    assert run("people", "thumbnails", "on") == counts | {"kept": True, "num_pictures": 1}
    run("enroll", "Eileen", photos / "dim.png")
    assert "2 of 2 samples have one" in run("people", "thumbnails", as_json=False).stdout
    assert "2 pictures removed" in run("people", "thumbnails", "off", as_json=False).stdout
    assert run("people", "check")["problems"] == []


@pytest.mark.slow
def test_photos_are_remembered_where_that_is_asked_for_and_found_by_person(run, photos):
    run("enroll", "Eileen", photos / "front.png")
    run("identify", photos, code=1)
    assert run("people", "photos") == {"gallery": ANY, "num_photos": 0, "forgotten": False}
    first = run("identify", photos, "--remember", code=1)
    assert run("people", "photos")["num_photos"] == 4
    assert run("identify", photos, "--remember", code=1) == first
    names = {Path(one["photo"]).name for one in run("people", "photos", "Eileen")["photos"]}
    assert names == {"front.png", "mirror.png", "dim.png"}
    assert "3 photos of Eileen" in run("people", "photos", "Eileen", as_json=False).stdout
    assert run("people", "photos", "--forget")["forgotten"]
    assert "Only photos that were enrolled" in run("people", "photos", "Eileen", as_json=False).stdout
    run("people", "photos", "Eileen", "--forget", code=2)


@pytest.mark.slow
def test_a_photo_on_its_side_is_enrolled_and_found_and_both_say_so(run, photos, portrait):
    lying = photos / "lying.png"
    Image.fromarray(np.ascontiguousarray(np.rot90(portrait))).save(lying)
    told = run("enroll", "Eileen", lying, as_json=False)
    assert f"Note: {lying} was turned by 90 degrees clockwise." in told.stderr
    text = run("identify", lying, photos / "front.png", as_json=False).stdout.splitlines()
    assert text[0] == f"{lying}: 1 face, photo turned by 90 degrees clockwise"
    assert text[1].startswith("  face 1 at ")
    assert "MATCH" in text[1]
    assert text[2] == f"{photos / 'front.png'}: 1 face"
    assert "MATCH" in text[3]


@pytest.mark.slow
def test_the_gate_of_the_command_line(run, photos):
    run("enroll", "Eileen", photos / "front.png")
    again = run("enroll", "Eileen", photos / "front.png", code=1)
    assert again["photos"][0]["refused"] == "duplicate"
    twin = run("enroll", "Twin", photos / "mirror.png", code=1)
    assert twin["photos"][0]["refused"] == "conflict"
    assert "looks like Eileen" in twin["photos"][0]["reason"]
    told = run("enroll", "Twin", photos / "mirror.png", "--allow", "conflict", as_json=False)
    assert "enrolled all the same" in told.stderr
    assert "2 people in the gallery" in told.stdout


def test_a_folder_of_people_and_their_consent(run, photos, tmp_path):
    for name, photo in {"Eileen": "front.png", "Nobody": "wall.png"}.items():
        (tmp_path / "people" / name).mkdir(parents=True)
        (tmp_path / "people" / name / photo).write_bytes((photos / photo).read_bytes())
    words = ("enroll", "--folder", tmp_path / "people", "--purpose", "the door", "--expires", "2999-12-31")
    assert run(*words, code=1)["num_enrolled"] == 1
    (person,) = run("people", "list")
    assert person["consent"]["purpose"] == "the door"
    assert person["consent"]["valid"]
    assert "agreed on" in run("people", "list", as_json=False).stdout
    run("people", "consent", "Eileen")
    assert run("people", "show", "Eileen")["consent"] is None


@pytest.mark.slow
def test_people_are_put_right_and_moved(run, photos, tmp_path, monkeypatch):
    run("enroll", "A", photos / "front.png")
    run("enroll", "A", photos / "mirror.png")
    assert run("people", "rename", "A", "Ada")["name"] == "Ada"
    shown = run("people", "show", "Ada")
    assert [sample["source"].rsplit("/", 1)[1] for sample in shown["samples"]] == ["front.png", "mirror.png"]
    assert {change["action"] for change in shown["history"]} == {"enroll", "rename"}
    run("people", "split", "Ada", "Bea", "--sample", shown["samples"][1]["sample_id"])
    assert {row["name"]: row["num_samples"] for row in run("people", "list")} == {"Ada": 1, "Bea": 1}
    assert run("people", "merge", "Ada", "Bea")["num_samples"] == 2
    run("people", "delete", "Ada", "--sample", shown["samples"][0]["sample_id"], "--yes")
    assert run("people", "export", tmp_path / "moved", "--passphrase", "long enough a phrase")["encrypted"]
    words = ["people", "import", str(tmp_path / "moved"), "--passphrase", "long enough a phrase", "--json"]
    other = CliRunner().invoke(main, [*words, "--gallery", str(tmp_path / "other.gallery")])
    assert json.loads(other.stdout)["num_people"] == 1


@pytest.mark.slow
def test_unknown_faces_are_grouped_and_named(run, photos):
    found = run("cluster", photos)
    assert [len(group["faces"]) for group in found["clusters"]] == [3]
    assert {row["image"].rsplit("/", 1)[1] for row in found["rejected"]} == {"wall.png", "text.jpg"}
    named = run("cluster", photos, "--name", "0=Eileen")
    assert named["clusters"][0]["name"] == "Eileen"
    assert run("people", "list")[0]["num_samples"] == 3
    assert run("cluster", photos)["num_known"] == 3


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["enroll"], 2, "Give NAME and IMAGES"),
        (["enroll", "Ada"], 2, "Give NAME and IMAGES"),
        (["cluster", ".", "--name", "Ada"], 2, "NUMBER=NAME"),
        (["identify", "x.jpg"], 1, "There is no gallery"),
        (["identify"], 2, "Missing argument 'IMAGES...'"),
        (["identify", "x.jpg", "--copy", "a", "--link", "b"], 2, "Give --copy or --link, one of them"),
        (["identify", "x.jpg", "--dry-run"], 2, "--dry-run is for --copy, --link and --xmp"),
        (["identify", "x.jpg", "--undo", "m.jsonl"], 2, "--undo takes a manifest and nothing else"),
        (["identify", ".", "--copy", "sorted"], 2, "sorted lies in ."),
        (["identify", "--undo", "m.jsonl"], 1, "m.jsonl cannot be read"),
        (["people", "list"], 1, "There is no gallery"),
    ],
)
def test_wrong_calls_say_what_is_wanted(run, words, code, message):
    assert message in run(*words, code=code, as_json=False).stderr


def test_a_wrong_key_and_another_file_are_named_and_left_alone(run, photos, tmp_path, monkeypatch):
    run("enroll", "Eileen", photos / "front.png")
    content = (tmp_path / "g.gallery").read_bytes()
    monkeypatch.setenv("KERASFACE_KEY", "00" * 32)
    assert "key is not the one" in run("people", "list", code=1, as_json=False).stderr
    assert (tmp_path / "g.gallery").read_bytes() == content
    (tmp_path / "g.gallery").write_text("notes")
    assert "Error" in run("people", "list", code=1, as_json=False).stderr
    assert (tmp_path / "g.gallery").read_text() == "notes"
