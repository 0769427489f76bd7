"""Photos of people: from files of embeddings, and who is confused with whom."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasface.population import judging
from kerasface.tasks.measuring.confusion import judge_embedded
from kerasface.tasks.measuring.people import people_of_embeddings
from pages.parts.evaluate.confused import people_html
from tests.tasks.measuring.made_up import embedded_as, people_of, unit, write_images


def test_of_a_photo_with_several_faces_the_first_and_largest_counts(tmp_path):
    write_images(tmp_path, "Ann/1.png", "Ann/2.png", "Bob/1.png")
    paths = [str(tmp_path / name) for name in ("Ann/1.png", "Ann/1.png", "Ann/2.png", "Bob/1.png")]
    boxes = np.array([[0, 0, 6, 8], [0, 0, 2, 2], [0, 0, 5, 5], [0, 0, 4, 7]], dtype=np.float32)
    file = tmp_path / "faces.npz"
    np.savez(file, paths=np.array(paths), boxes=boxes, embeddings=unit([0, 170, 5, 90]), embedder=np.array("some"))
    people, embedded = people_of_embeddings(str(file))
    assert [people.names[label] for label in people.labels] == ["Ann", "Ann", "Bob"]
    np.testing.assert_array_equal(embedded.embeddings, unit([0, 5, 90]))
    assert embedded.attributes["side of the face in pixels"].tolist() == [6, 5, 4]
    assert embedded.fingerprint == "some"
    (tmp_path / "Bob/1.png").unlink()
    assert {photo: picture.shape for photo, picture in embedded.pictures([0, 2]).items()} == {0: (150, 150, 3)}
    (tmp_path / "no.npz").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="kerasface embed"):
        people_of_embeddings(str(tmp_path / "no.npz"))


def test_who_is_confused_takes_folders_of_people_and_thresholds(monkeypatch):
    people, embedded = people_of([0, 0, 1, 1, 2]), embedded_as(unit([0, 1, 18, 19, 90]))
    with pytest.raises(ValueError, match="No error rates were measured"):
        judge_embedded(people, embedded)
    monkeypatch.setattr(judging, "shipped_thresholds", lambda fingerprint: [np.cos(np.deg2rad(18.5))] * 3)
    judged = judge_embedded(people, embedded)
    worst = judged.to_dict()["worst_pairs"][0]
    assert (worst["people"], worst["num_matched"], worst["num_pairs"]) == (["p0", "p1"], 3, 4)
    assert worst["photos"] == [str(Path("p0/1.jpg")), str(Path("p1/2.jpg"))]
    text = people_html(judged, people, embedded)
    assert "3 of 4 pairs of photos match, highest cosine 0.96" in text
    without = judge_embedded(
        people,
        replace(embedded, rows=np.array([-1, 0, 1, 2, -1]), embeddings=unit([1, 18, 19])),
    )
    assert without.people.names == ["p0", "p1"]
    elsewhere = replace(people, names=["p0", "p1", "x"])
    with pytest.raises(ValueError, match="takes a folder per person"):
        judge_embedded(elsewhere, embedded)
