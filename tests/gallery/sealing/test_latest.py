"""An older copy of a gallery's file is noticed on the machine that has seen a later one."""

import os
import sqlite3
from contextlib import closing

import pytest

from kerasface.gallery.sealing import latest
from kerasface.gallery.sealing.latest import GalleryOlderError
from kerasface.gallery.sqlite import schema
from kerasface.gallery.store import Consent
from tests.gallery.tables import copied, only_files


@pytest.fixture
def older(open_at, path, new_sample):
    """A gallery's file from before Ada's consent was withdrawn; the gallery has gone on since."""
    with open_at(path) as gallery:
        gallery.enroll("Ada", [new_sample("ada")])
    copy = path.with_name(f"{path.name}_copy")
    copied(path, copy)
    with open_at(path) as gallery:
        gallery.set_consent("Ada", Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00"))
    return copy


def test_an_older_copy_is_refused_until_it_is_accepted(older, path, open_at, new_sample):
    copied(older, path)
    gallery = open_at(path)
    for action in (gallery.people, gallery.templates, gallery.history, lambda: gallery.enroll("Bob", [])):
        with pytest.raises(GalleryOlderError, match=r"older copy of itself.*people check --accept"):
            action()
    assert ["older copy" in problem for problem in gallery.check()] == [True]
    gallery.accept()
    assert gallery.check() == []
    assert gallery.person("Ada").is_searched
    gallery.enroll("Bob", [new_sample("bob")])
    copied(older, path.with_name(f"{path.name}_elsewhere"))
    assert open_at(path.with_name(f"{path.name}_elsewhere")).person("Ada").is_searched  # never seen there


def test_a_copy_that_went_its_own_way_is_refused(older, path, open_at, new_sample):
    """Two changes of the same number are not the same change."""
    elsewhere = path.with_name(f"{path.name}_elsewhere")
    copied(older, elsewhere)
    with open_at(elsewhere) as gallery:
        gallery.set_consent("Ada", None)
    copied(elsewhere, path)
    with pytest.raises(GalleryOlderError, match="another copy of itself"):
        open_at(path).people()


def test_a_later_copy_from_elsewhere_is_taken_and_remembered(older, path, open_at, new_sample, monkeypatch, tmp_path):
    latest = copied(path, path.with_name(f"{path.name}_latest"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other machine"))
    with open_at(path) as gallery:
        gallery.enroll("Bob", [new_sample("bob")])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with open_at(path) as gallery:
        assert len(gallery.people()) == 2
    copied(latest, path)
    with pytest.raises(GalleryOlderError, match="older copy"):
        open_at(path).people()


@only_files
def test_a_file_of_an_earlier_version_in_place_of_a_sealed_one_is_refused(older, path, open_at):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DROP TABLE seals")
        connection.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) - 1}")
    gallery = open_at(path)
    with pytest.raises(GalleryOlderError, match="older copy"):
        gallery.people()
    gallery.accept()
    assert gallery.check() == []


def test_a_note_that_was_altered_says_so(older, path, open_at):
    gallery = open_at(path)
    note = gallery._database.latest.path
    note.write_bytes(note.read_bytes().replace(b"2", b"1", 1))
    with pytest.raises(GalleryOlderError, match=r"was altered or destroyed.*--accept"):
        gallery.people()
    gallery.accept()
    assert gallery.check() == []


def test_a_note_that_another_process_is_just_writing_is_waited_for(older, path, open_at, monkeypatch):
    """A new one is empty between its making and its line; 20 ms later the line is there."""
    gallery = open_at(path)
    note = gallery._database.latest.path
    line, pauses = note.read_bytes(), []

    def written_meanwhile(seconds):
        pauses.append(seconds)
        if sum(pauses) >= 0.02:
            note.write_bytes(line)

    monkeypatch.setattr(latest.time, "sleep", written_meanwhile)
    note.write_bytes(b"")
    assert [person.name for person in gallery.people()] == ["Ada"]
    assert sum(pauses) == pytest.approx(0.02)


def test_the_note_is_its_owners_and_names_no_gallery(older, path, open_at):
    with open_at(path) as gallery:
        note = gallery._database.latest.path
    assert os.name == "nt" or note.stat().st_mode & 0o077 == 0
    assert path.name not in note.read_text() + note.name


def test_where_nothing_can_be_noted_the_check_says_so(path, open_at, new_sample, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    gallery = open_at(path)
    gallery.enroll("Ada", [new_sample("ada")])
    assert [person.name for person in gallery.people()] == ["Ada"]
    (problem,) = gallery.check()
    assert "cannot be written" in problem


@pytest.mark.parametrize("create", [True, "late"])
def test_a_gallery_that_is_not_to_be_noted_leaves_nothing_of_it(path, open_at, new_sample, tmp_path, create):
    with open_at(path, noted=False, create=create) as gallery:
        gallery.enroll("Ada", [new_sample("ada")])
        assert gallery.check() == []
    assert not (tmp_path / "config").exists()
