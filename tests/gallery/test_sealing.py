"""What the file says without a seal decides nothing: whoever has no key lets nobody into a search, under no name."""

import sqlite3
from contextlib import closing

import numpy as np
import pytest

from kerasface.gallery.keys import GalleryKeys
from kerasface.gallery.sqlite import schema
from kerasface.gallery.store import Consent, GalleryDamagedError, GalleryError, GalleryKeyError
from tests.gallery.tables import alter, only_files, opened

EXPIRED = Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00")
VALID = Consent("2020-01-01T00:00:00+00:00", "door", "9000-01-01T00:00:00+00:00")
BOX = (10.5, 20.0, 80.25, 90.0)


@pytest.fixture
def people(gallery, new_sample):
    """Ada, whose consent has ended, and Bob, who is searched and has two refusals."""
    gallery.enroll("Ada", [new_sample("ada/1"), new_sample("ada/2")], consent=VALID)
    gallery.enroll("Bob", [new_sample("bob/1")], consent=VALID)
    gallery.refuse_match("0" * 64, BOX, "Bob")
    gallery.refuse_match("1" * 64, BOX, "Bob")
    gallery.set_consent("Ada", EXPIRED)
    return gallery


@pytest.mark.parametrize("expires", ["NULL", "1e12", "253402300799.0"])
def test_the_sealed_consent_decides_who_is_searched(people, path, expires):
    bob = people.person("Bob").person_id
    version = people.version
    alter(path, f"UPDATE persons SET expires = {expires} WHERE person = 1")
    for templates in (people.templates(), people.templates(0), people.templates(version)):
        assert set(templates.person_ids) <= {bob}
    assert not people.person("Ada").is_searched
    assert people.check() == ["The end of the consent of the person of row 1 was altered."]
    with pytest.raises(GalleryError, match="consent of 'Ada'"):
        people.enroll("Ada", [])


ALTERATIONS = {
    "consent cut short": "UPDATE persons SET expires = 1.0 WHERE person = 2",
    "consent without end": "UPDATE persons SET expires = NULL WHERE person = 2",
    "refusal deleted": "DELETE FROM refusals WHERE refusal = 1",
    "all refusals deleted": "DELETE FROM refusals",
    "refusal given to another": "UPDATE refusals SET person = 1 WHERE refusal = 1",
    "name not found": "UPDATE persons SET name_tag = zeroblob(16) WHERE person = 2",
    "another id": "UPDATE persons SET person_id = '0123456789abcdef' WHERE person = 2",
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_who_was_altered_is_left_out_of_searches_and_reported(people, path, what):
    version = people.version
    alter(path, ALTERATIONS[what])
    assert people.templates().person_ids == []
    assert set(people.templates(version).removed.tolist()) >= {3}
    assert [person.is_altered for person in people.people() if person.name == "Bob"] == [True]
    assert people.check() != []


def test_a_consent_recorded_with_the_key_puts_a_person_right(people, path):
    alter(path, "DELETE FROM refusals WHERE refusal = 1", "UPDATE persons SET expires = 5.0 WHERE person = 2")
    assert not people.person("Bob").is_searched
    people.rename("Bob", "Robert")  # which accepts nothing
    assert people.person("Robert").is_altered
    people.set_consent("Robert", VALID)
    assert people.templates().person_ids == [people.person("Robert").person_id]
    assert people.check() == []


@pytest.mark.parametrize("column", ["person_id", "name_tag"])
def test_whose_names_or_ids_were_exchanged_is_nobody_and_nobody_is_deleted(people, path, column):
    ada, bob = people.person("Ada").person_id, people.person("Bob").person_id
    wanted = {"person_id": bob, "name_tag": "Bob"}[column]
    blank = "zeroblob(16)" if column == "name_tag" else "'ffffffffffffffff'"
    exchange(path, column, blank)
    for action in (people.samples, people.delete_person, lambda who: people.rename(who, "Eve")):
        with pytest.raises(GalleryDamagedError, match="was altered by somebody without the key"):
            action(wanted)
    assert {person.person_id for person in people.people()} == {ada, bob}
    assert people.templates().person_ids == []


def exchange(path, column, blank):
    with opened(path) as connection:
        first, second = (row[0] for row in connection.execute(f"SELECT {column} FROM persons ORDER BY person"))
        connection.execute(f"UPDATE persons SET {column} = {blank} WHERE person = 1")
        connection.execute(f"UPDATE persons SET {column} = ? WHERE person = 2", (first,))
        connection.execute(f"UPDATE persons SET {column} = ? WHERE person = 1", (second,))


def test_a_refusal_is_found_whatever_its_tag_says(people, path):
    alter(path, "UPDATE refusals SET source_tag = zeroblob(16)")
    assert [refusal.source_hash for refusal in people.refusals()] == ["0" * 64, "1" * 64]
    assert any("not found by its source" in problem for problem in people.check())


@pytest.mark.parametrize("statement", ["UPDATE merges SET person = 1", "UPDATE merges SET sealed = zeroblob(99)"])
def test_the_record_of_a_merge_belongs_to_who_stayed(people, path, statement, new_sample):
    people.enroll("Cy", [new_sample("cy")])
    people.merge("Bob", "Cy")
    alter(path, statement)
    with pytest.raises(GalleryError, match=r"was altered or destroyed|there is none"):
        people.unmerge("Bob")
    assert people.check() != []


@pytest.fixture
def old_file(path, new_sample):
    """A gallery as version 1 of the schema had it: Ada with a sample and a refusal, Bob with a consent that ended."""
    path.parent.mkdir()
    gallery_id, key = b"i" * 16, b"k" * 32
    schema.create_file(path, gallery_id, GalleryKeys(key, gallery_id, "embedder-a").check, "embedder-a", 16)
    keys, sample = GalleryKeys(key, gallery_id, "embedder-a"), new_sample("ada/1")
    persons = {1: ("Ada", None), 2: ("Bob", {"given": EXPIRED.given, "purpose": "door", "expires": EXPIRED.expires})}
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("DROP TABLE merges; DROP TABLE own_points; DROP TABLE seals")
        connection.execute("PRAGMA user_version = 1")
        for number, (name, consent) in persons.items():
            record = {"name": name, "created": "2020-01-01T00:00:00+00:00", "consent": consent}
            row = (number, f"{number:016x}", keys.tag("name", name), keys.seal(record, "person", number))
            connection.execute("INSERT INTO persons VALUES (?, ?, ?, ?, ?)", (*row, consent and EXPIRED.expiry))
        details = {
            "source": "ada/1",
            "source_hash": sample.source_hash,
            "quality": {},
            "created": "2020-01-01T00:00:00",
        }
        for number in (1, 2):
            connection.execute(
                "INSERT INTO samples VALUES (?, ?, 1, ?, ?, ?)",
                (number, number, keys.tag("source", sample.source_hash),
                 keys.seal_template(sample.embedding.astype("<f4").tobytes(), number, number),
                 keys.seal(details, "sample", number)),
            )  # fmt: skip
        sealed = keys.seal(["0" * 64, BOX], "refusal", 1)
        connection.execute("INSERT INTO refusals VALUES (1, 1, ?, ?)", (keys.tag("source", "0" * 64), sealed))
        connection.execute("INSERT INTO changes VALUES (1, '2020', 'enroll', 1, ?)", (keys.seal("1", "change", 1),))
    return path


@only_files
def test_a_gallery_of_an_earlier_version_is_opened_and_sealed_anew(old_file, open_at, new_sample):
    gallery = open_at(old_file, create=False)
    assert gallery.check() == []
    assert [(person.name, person.person_id, person.is_searched) for person in gallery.people()] == [
        ("Ada", f"{1:016x}", True),
        ("Bob", f"{2:016x}", False),
    ]
    np.testing.assert_array_equal(gallery.templates().embeddings, [new_sample("ada/1").embedding])
    assert [refusal.box for refusal in gallery.refused_matches("0" * 64)] == [BOX]
    gallery.merge("Ada", "Bob")
    assert gallery.unmerge("Ada").num_samples == 1
    assert gallery.check() == []
    gallery.close()
    alter(old_file, "DELETE FROM refusals")
    assert open_at(old_file, create=False).templates().person_ids == []


@only_files
def test_a_wrong_key_leaves_an_earlier_version_as_it_is(old_file, open_at):
    before = old_file.read_bytes()
    with pytest.raises(GalleryKeyError):
        open_at(old_file, key=b"w" * 32)
    assert old_file.read_bytes() == before


@only_files
def test_an_earlier_version_is_brought_up_to_date_whole_or_not_at_all(old_file, open_at):
    alter(old_file, "UPDATE persons SET sealed = zeroblob(60) WHERE person = 2")
    with pytest.raises(GalleryDamagedError, match="person of row 2"):
        open_at(old_file)
    with closing(sqlite3.connect(old_file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'merges'").fetchall()


FOREIGN = {
    "a trigger": ("CREATE TRIGGER forget AFTER INSERT ON changes BEGIN DELETE FROM refusals; END", "trigger 'forget'"),
    "a view": ("CREATE VIEW people AS SELECT * FROM persons", "view 'people'"),
    "a table": ("CREATE TABLE notes (text TEXT)", "table 'notes'"),
    "an index": ("CREATE INDEX quick ON changes (time)", "index 'quick'"),
    "an index less": ("DROP INDEX samples_by_change", "index 'samples_by_change'"),
    "an earlier version": ("PRAGMA user_version = 1", "is none of KerasFace's"),
}


@only_files
@pytest.mark.parametrize("what", FOREIGN)
def test_what_kerasface_did_not_make_in_a_gallery_is_refused(what, gallery, path, open_at, new_sample):
    gallery.enroll("Ada", [new_sample("ada/1")])
    statement, named = FOREIGN[what]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)
    if what != "an earlier version":  # of a file that is open already it was looked at when that was opened
        with pytest.raises(GalleryDamagedError, match=named):
            gallery.enroll("Bob", [new_sample("bob/1")])
        assert [person.name for person in gallery.people()] == ["Ada"]
    with pytest.raises(GalleryDamagedError, match=named):
        open_at(path)
