"""Thresholds of one's own in a gallery: sealed, in the history, carried along, and dropped with their embedder."""

import numpy as np
import pytest

from kerasface.gallery.changes import transfer
from kerasface.gallery.store import GalleryDamagedError
from tests.gallery.tables import alter

POINTS = {"name": "crew", "rates": {"0.01": {"threshold": 2.5}}, "part": "AAEC"}


@pytest.fixture
def keeping(gallery, new_sample):
    gallery.enroll("Ada", [new_sample("ada/1")])
    gallery.keep_own_points({"name": "earlier"}, "1 person")
    gallery.keep_own_points(POINTS, "12 people")
    return gallery


def test_what_is_kept_comes_back_and_can_be_taken_back(keeping, open_at, path):
    keeping.close()
    again = open_at(path)
    assert again.own_points() == POINTS
    assert [(change.action, change.detail) for change in again.history(2)] == [
        ("keep_points", "12 people"),
        ("keep_points", "1 person"),
    ]
    assert again.check() == []
    again.forget_own_points()
    assert again.own_points() is None
    assert (again.history(1)[0].action, again.check()) == ("forget_points", [])


def test_a_new_gallery_keeps_none(gallery):
    assert gallery.own_points() is None
    assert gallery.check() == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM own_points",
        "UPDATE own_points SET sealed = zeroblob(60)",
        "UPDATE own_points SET change = 2",
        "INSERT INTO own_points SELECT 2, sealed FROM own_points",
        "UPDATE changes SET action = 'enroll' WHERE number = 3",
    ],
)
def test_what_somebody_without_the_key_altered_is_not_believed(keeping, path, statement):
    alter(path, statement)
    with pytest.raises(GalleryDamagedError, match=r"thresholds of one's own were altered .*--forget. drops them"):
        keeping.own_points()
    assert any("thresholds of one's own" in problem for problem in keeping.check())
    keeping.forget_own_points()
    assert keeping.own_points() is None


def test_another_embedder_drops_them_and_says_so(keeping, open_at, path):
    keeping.reembed("embedder-b", 3, lambda samples: np.eye(3)[: len(samples)])
    assert keeping.own_points() is None
    change = keeping.history(1)[0]
    assert (change.action, change.detail) == (
        "forget_points",
        "thresholds of one's own were measured with another embedder",
    )


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_they_go_along_with_an_export(keeping, open_at, tmp_path, passphrase, monkeypatch):
    monkeypatch.setitem(transfer._SCRYPT, "n", 2**10)  # half a second for each passphrase is for those who guess
    keeping.export(tmp_path / "export", passphrase=passphrase)
    other = open_at(tmp_path / "other", key=b"o" * 32)
    assert other.import_(tmp_path / "export", passphrase=passphrase) == 1
    assert other.own_points() == POINTS
    assert other.check() == []


def test_an_import_replaces_none_that_are_there(keeping, open_at, tmp_path):
    keeping.export(tmp_path / "export")
    other = open_at(tmp_path / "other", key=b"o" * 32)
    other.keep_own_points({"name": "others"}, "20 people")
    other.import_(tmp_path / "export")
    assert other.own_points() == {"name": "others"}
