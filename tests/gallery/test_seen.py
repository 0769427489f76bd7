"""Photos that were looked at before: sealed, found by the hash alone, and forgotten to the last byte."""

import stat
from pathlib import Path

import pytest

from kerasface.gallery.store import GalleryDamagedError
from tests.gallery.tables import only_files, opened, rows_of

HASHES = [f"{number:064x}" for number in range(4)]
RECORDS = {source_hash: {"path": f"secret-{source_hash[-1]}.jpg", "faces": []} for source_hash in HASHES[:3]}


@pytest.fixture
def seen(gallery):
    gallery.seen.add(RECORDS, "eyes")
    return gallery.seen


def photos(path):
    """Where what was seen of photos is."""
    return path.with_name(f"{path.name}-seen") if isinstance(path, Path) else path


def content(path):
    """All bytes that are kept of photos, as far as they can be seen."""
    if isinstance(path, Path):
        return photos(path).read_bytes()
    return b"".join(part for row in rows_of(path, "photos") for part in row)


def test_nothing_is_there_until_something_is_added(gallery, path):
    assert (gallery.seen.count(), gallery.seen.find(HASHES, "eyes"), list(gallery.seen.all())) == (0, {}, [])
    gallery.seen.add({}, "eyes")
    gallery.seen.forget()
    assert not isinstance(path, Path) or not photos(path).exists()


def test_what_the_same_eyes_saw_is_found_and_nobody_else_reads_it(seen, gallery, open_at, path):
    assert seen.find(HASHES, "eyes") == RECORDS
    assert seen.find(HASHES, "other eyes") == {}
    assert sorted(seen.all()) == [(source_hash, "eyes", record) for source_hash, record in RECORDS.items()]
    assert b"secret" not in content(path)
    assert HASHES[1].encode() not in content(path)
    assert not isinstance(path, Path) or stat.S_IMODE(photos(path).stat().st_mode) == 0o600
    gallery.close()
    seen = open_at(path).seen
    assert seen.find(HASHES[:1], "eyes") == {HASHES[0]: RECORDS[HASHES[0]]}
    seen.add({HASHES[0]: {"path": "moved"}}, "eyes")
    assert (seen.count(), seen.find(HASHES[:1], "eyes")) == (3, {HASHES[0]: {"path": "moved"}})


def test_a_record_that_was_altered_or_exchanged_is_refused(seen, path):
    (_, sealed), (second, _), _ = rows_of(photos(path), "photos")
    with opened(photos(path)) as connection:
        connection.execute("UPDATE photos SET sealed = ? WHERE tag = ?", (sealed, second))
    with pytest.raises(GalleryDamagedError, match=r"was altered.*people photos --forget"):
        seen.find(HASHES, "eyes")
    seen.forget()
    assert seen.find(HASHES, "eyes") == {}


@only_files
def test_a_file_that_is_something_else_is_named_and_forgotten(seen):
    seen.path.write_bytes(b"no database" * 100)
    with pytest.raises(GalleryDamagedError, match="cannot be used"):
        seen.count()
    seen.forget()
    assert seen.count() == 0


def test_forgotten_is_gone(seen, path):
    sealed = [sealed for _, sealed in rows_of(photos(path), "photos")]
    seen.forget_photo(HASHES[1])
    assert set(seen.find(HASHES, "eyes")) == {HASHES[0], HASHES[2]}
    seen.forget()
    assert seen.count() == 0
    assert not any(one in content(path) for one in sealed)
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
