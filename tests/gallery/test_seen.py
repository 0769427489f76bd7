"""Photos that were looked at before: sealed, found by the hash alone, and forgotten to the last byte."""

import sqlite3
import stat
from contextlib import closing

import pytest

from kerasface.gallery.store import GalleryDamagedError

HASHES = [f"{number:064x}" for number in range(4)]
RECORDS = {source_hash: {"path": f"secret-{source_hash[-1]}.jpg", "faces": []} for source_hash in HASHES[:3]}


@pytest.fixture
def seen(gallery):
    gallery.seen.add(RECORDS, "eyes")
    return gallery.seen


def rows_of(seen, question, *values):
    with closing(sqlite3.connect(seen.path)) as connection, connection:
        return connection.execute(question, values).fetchall()


def test_nothing_is_there_until_something_is_added(gallery):
    assert (gallery.seen.count(), gallery.seen.find(HASHES, "eyes"), list(gallery.seen.all())) == (0, {}, [])
    gallery.seen.add({}, "eyes")
    gallery.seen.forget()
    assert not gallery.seen.path.exists()


def test_what_the_same_eyes_saw_is_found_and_nobody_else_reads_it(seen, gallery, open_at):
    assert seen.find(HASHES, "eyes") == RECORDS
    assert seen.find(HASHES, "other eyes") == {}
    assert sorted(seen.all()) == [(source_hash, "eyes", record) for source_hash, record in RECORDS.items()]
    assert b"secret" not in seen.path.read_bytes()
    assert HASHES[1].encode() not in seen.path.read_bytes()
    assert stat.S_IMODE(seen.path.stat().st_mode) == 0o600
    gallery.close()
    assert open_at(gallery.path).seen.find(HASHES[:1], "eyes") == {HASHES[0]: RECORDS[HASHES[0]]}
    seen.add({HASHES[0]: {"path": "moved"}}, "eyes")
    assert (seen.count(), seen.find(HASHES[:1], "eyes")) == (3, {HASHES[0]: {"path": "moved"}})


def test_a_record_that_was_altered_or_exchanged_is_refused(seen):
    (_, sealed), (second, _), _ = rows_of(seen, "SELECT tag, sealed FROM photos")
    rows_of(seen, "UPDATE photos SET sealed = ? WHERE tag = ?", sealed, second)
    with pytest.raises(GalleryDamagedError, match=r"was altered.*people photos --forget"):
        seen.find(HASHES, "eyes")
    seen.forget()
    assert seen.find(HASHES, "eyes") == {}


def test_a_file_that_is_something_else_is_named_and_forgotten(seen):
    seen.path.write_bytes(b"no database" * 100)
    with pytest.raises(GalleryDamagedError, match="cannot be used"):
        seen.count()
    seen.forget()
    assert seen.count() == 0


def test_forgotten_is_gone_from_the_file(seen):
    sealed = [sealed for (sealed,) in rows_of(seen, "SELECT sealed FROM photos")]
    seen.forget_photo(HASHES[1])
    assert set(seen.find(HASHES, "eyes")) == {HASHES[0], HASHES[2]}
    seen.forget()
    assert seen.count() == 0
    assert not any(one in seen.path.read_bytes() for one in sealed)
    seen.add(RECORDS, "eyes")
    assert seen.count() == 3


def test_whoever_is_deleted_is_on_no_remembered_photo(seen, gallery, new_sample):
    sample = new_sample("ada.jpg")
    ada = gallery.enroll("Ada", [sample])
    seen.add({sample.source_hash: {"faces": []}}, "eyes")
    gallery.delete_sample(gallery.samples("Ada")[0].sample_id)
    assert set(seen.find([*HASHES, sample.source_hash], "eyes")) == set(RECORDS)
    gallery.delete_person(ada.person_id)
    assert seen.count() == 0


def test_what_another_embedder_saw_goes_with_its_templates(seen, gallery, new_sample):
    gallery.enroll("Ada", [new_sample("ada.jpg")])
    gallery.reembed("embedder-b", 16, lambda samples: gallery.embeddings("Ada"))
    assert gallery.seen.count() == 0
