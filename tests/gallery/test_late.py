"""A gallery that is made late: with the first change that succeeds, so that what fails leaves nothing behind."""

import multiprocessing
import os
import sqlite3
import stat
from contextlib import closing

import pytest

from kerasface.gallery.keys import key_path
from kerasface.gallery.store import GalleryDamagedError, GalleryError, GalleryFileError, GalleryKeyError

FORK = multiprocessing.get_context("fork") if hasattr(os, "fork") else None


@pytest.fixture
def kind():
    """These are of files alone; those of servers are in `postgres/`."""
    return "sqlite"


@pytest.fixture
def late(open_at, path):
    """A gallery that is not there yet; nor is its folder."""
    return open_at(path, create="late")


def test_what_fails_leaves_no_file_and_no_folder(late, path, new_sample):
    def fail():
        with late.transaction():
            late.enroll("Ada", [new_sample("1")])
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert (late.people(), late.version, path.parent.exists()) == ([], 0, False)
    with pytest.raises(GalleryError):
        late.delete_person("Ada")
    with late.transaction():
        pass
    late.close()
    assert not path.parent.exists()


def test_the_first_change_makes_it_whole(late, open_at, path, new_sample):
    def enroll(*names, fails=False):
        with late.transaction():
            for name in names:
                late.enroll(name, [new_sample(name)])
            assert not fails

    with pytest.raises(AssertionError):
        enroll("Nobody", fails=True)
    enroll("Ada", "Bob")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    other = open_at(path, create=False)
    assert other.people() == late.people()
    late.enroll("Cy", [new_sample("cy")])
    assert [person.name for person in other.people()] == ["Ada", "Bob", "Cy"]
    assert other.templates().sample_ids.tolist() == [1, 2, 3]
    other.delete_person("Cy")
    late.enroll("Cy", [new_sample("cy")])
    assert late.templates().sample_ids.tolist() == [1, 2, 4]  # a number is never given again
    assert late.check() == []
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_whoever_comes_second_goes_on_in_the_file_of_the_first(late, open_at, path, new_sample):
    first = open_at(path, create="late")
    first.enroll("Ada", [new_sample("ada")])
    assert [person.name for person in late.people()] == ["Ada"]
    late.enroll("Bob", [new_sample("bob")])
    assert [person.name for person in first.people()] == ["Ada", "Bob"]
    assert late.check() == []


def test_a_file_that_another_key_made_meanwhile_is_left_alone(late, open_at, path, new_sample):
    open_at(path, create="late", key=b"o" * 32).enroll("Ada", [new_sample("ada")])
    before = path.read_bytes()
    with pytest.raises(GalleryKeyError):
        late.enroll("Bob", [new_sample("bob")])
    assert path.read_bytes() == before


def test_a_log_without_its_gallery_is_not_taken_for_a_new_one(late, path, new_sample):
    path.parent.mkdir()
    path.with_name("friends-wal").write_bytes(b"what is left")
    with pytest.raises(GalleryDamagedError, match="Put the gallery back beside it"):
        late.enroll("Ada", [new_sample("ada")])
    assert [file.name for file in path.parent.iterdir()] == ["friends-wal"]
    assert late.people() == []


def test_a_folder_that_cannot_be_made_is_named(open_at, tmp_path, new_sample):
    (tmp_path / "file").write_text("no folder")
    late = open_at(tmp_path / "file" / "gallery", create="late")
    with pytest.raises(GalleryFileError, match="cannot be made"):
        late.enroll("Ada", [new_sample("ada")])


@pytest.mark.skipif(FORK is None, reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_kill_in_the_first_change_leaves_no_gallery(open_at, path, new_sample):
    def killed():
        gallery = open_at(path, create="late")
        with gallery.transaction():
            gallery.enroll("Ada", [new_sample("ada")])
            os._exit(9)

    process = FORK.Process(target=killed)
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert not path.exists()
    late = open_at(path, create="late")
    late.enroll("Bob", [new_sample("bob")])
    assert [person.name for person in late.people()] == ["Bob"]


def test_a_new_key_is_written_with_the_gallery(open_at, path, new_sample):
    late = open_at(path, create="late", key=None)
    with pytest.raises(GalleryError):
        late.delete_person("Ada")
    assert not key_path().exists()
    late.enroll("Ada", [new_sample("ada")])
    assert stat.S_IMODE(key_path().stat().st_mode) == 0o600
    assert open_at(path, create=False, key=None).person("Ada").num_samples == 1
    assert open_at(path.with_name("other"), create="late", key=None).people() == []


def test_of_two_new_keys_the_first_stays_and_the_second_writes_nothing(open_at, path, new_sample):
    first, second = (open_at(path.with_name(name), create="late", key=None) for name in ("first", "second"))
    first.enroll("Ada", [new_sample("ada")])
    with pytest.raises(GalleryKeyError, match="nothing was written"):
        second.enroll("Bob", [new_sample("bob")])
    assert not path.with_name("second").exists()
    assert open_at(path.with_name("first"), create=False, key=None).person("Ada").num_samples == 1


def test_create_is_one_of_three(open_at, path):
    with pytest.raises(ValueError, match="Received: create='later'"):
        open_at(path, create="later")
