"""Whoever has no key deletes nothing, puts nothing back and gives nothing to another without its being named."""

import random

import pytest

from kerasface.gallery.store import Consent, GalleryDamagedError, GalleryError
from tests.gallery.tables import alter, only_files, opened, put_back, rows_of
from tests.gallery.test_sealing import BOX, VALID

PERSON_TABLES = ("persons", "samples", "refusals", "merges", "seals")


@pytest.fixture
def people(gallery, new_sample):
    """Ada with two samples, Bob with two and a refusal, Cy in whom Di is, and a sample that was deleted."""
    gallery.enroll("Ada", [new_sample("ada/1"), new_sample("ada/2")], consent=VALID)
    gallery.enroll("Bob", [new_sample("bob/1"), new_sample("bob/2"), new_sample("bob/3")])
    gallery.enroll("Cy", [new_sample("cy")])
    gallery.enroll("Di", [new_sample("di")])
    gallery.merge("Cy", "Di")
    gallery.refuse_match("0" * 64, BOX, "Bob")
    gallery.delete_sample(5)
    assert gallery.check() == []
    return gallery


# What is done to the file, and what the check then says.
CHANGES = {
    "a sample deleted": (["DELETE FROM samples WHERE sample_id = 3"], ["row 2 should have 2 samples, and has 1",
                                                                        "Neither there nor deleted: sample 3."]),
    "a sample deleted and said to be": (
        ["DELETE FROM samples WHERE sample_id = 3", "INSERT INTO removed VALUES (3, 8)"],
        ["row 2 should have 2 samples, and has 1", "The list of deleted samples was altered"],
    ),
    "a deletion no longer told": (["DELETE FROM removed"], ["list of deleted samples", "sample 5"]),
    "a person's sample hidden from who follows": (
        ["UPDATE samples SET changed = 1 WHERE sample_id = 3"], ["samples of the person of row 2 are not those"]),
    "a sample not found by its photo": (
        ["UPDATE samples SET source_tag = zeroblob(16) WHERE sample_id = 3"], ["Sample 3 is not found by its source"]),
    "a person deleted whole": (
        [f"DELETE FROM {table} WHERE person = 2" for table in ("refusals", "samples", "seals")]
        + ["UPDATE changes SET person = NULL, sealed = NULL WHERE person = 2", "DELETE FROM persons WHERE person = 2"],
        ["What tells the rows of each person was altered", "Neither there nor deleted: sample 3, sample 4."],
    ),
    "a person deleted but for the manifest": (
        ["DELETE FROM refusals WHERE person = 2", "DELETE FROM samples WHERE person = 2",
         "DELETE FROM changes WHERE person = 2", "DELETE FROM persons WHERE person = 2"],
        ["The person of row 2 is missing", "gone: change"],
    ),
    "what undoes a merge deleted": (["DELETE FROM merges"], ["merges of the person of row 3 are not those"]),
    "the latest change forgotten": (["DELETE FROM changes WHERE number = 7"], ["gone: change 7"]),
    "the history said to be of another": (
        ["UPDATE changes SET person = 1 WHERE number = 2"], ["The history was altered"]),
    "a deed renamed": (["UPDATE changes SET action = 'enroll' WHERE number = 6"], ["The history was altered"]),
    "a person's manifest taken away": (["DELETE FROM seals WHERE person = 1"], ["row 1 should have 0 samples"]),
    "a manifest of another": (
        ["UPDATE seals SET sealed = (SELECT sealed FROM seals WHERE person = 2) WHERE person = 1"],
        ["The manifest of row 1 was altered"]),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_done_without_the_key_is_named(people, path, what, new_sample):
    statements, named = CHANGES[what]
    alter(path, *statements)
    for problems in (people.check(), later_check(people, new_sample)):
        for words in named:
            assert any(words in problem for problem in problems), problems
    people.accept()
    assert people.check() == []


UNTIL_THE_NEXT = {
    "numbers given anew": ("UPDATE sqlite_sequence SET seq = 4 WHERE name = 'samples'", "Which numbers were given"),
    "the manifest of all taken away": ("DELETE FROM seals WHERE person = 0", "people that should be there, 3 are"),
}


@pytest.mark.parametrize("what", UNTIL_THE_NEXT)
def test_what_the_next_change_would_meet_is_named_too(people, path, what):
    statement, named = UNTIL_THE_NEXT[what]
    alter(path, statement)
    problems = people.check()
    assert any(named in problem for problem in problems), problems


def later_check(people, new_sample):
    """No later change makes it right again."""
    people.enroll("Eve", [new_sample("eve")])
    people.rename("Cy", "Cyd")
    return people.check()


def test_whose_rows_are_not_those_that_were_sealed_is_not_searched(people, path):
    statements, _ = CHANGES["a sample deleted"]
    person_id = people.person("Bob").person_id
    assert person_id in people.templates().person_ids
    alter(path, *statements)
    assert person_id not in people.templates().person_ids
    assert people.person("Bob").is_altered
    people.set_consent("Bob", None)
    assert not people.person("Bob").is_altered


@pytest.mark.parametrize("what", ["a person's manifest taken away", "a manifest of another", "a person deleted whole"])
def test_where_manifests_are_not_those_that_were_sealed_nobody_is_searched(people, path, what, new_sample):
    """Nor after other changes, until somebody with the key has taken the gallery as it is."""
    people.templates()
    alter(path, *CHANGES[what][0])
    refuses_to_search(people)
    assert people.person("Ada").is_altered == (what != "a person deleted whole")
    people.enroll("Eve", [new_sample("eve")])
    refuses_to_search(people)
    people.accept()
    assert {person.person_id for person in people.people()} == set(people.templates().person_ids)


def refuses_to_search(people):
    for since in (None, people.version):
        with pytest.raises(GalleryDamagedError, match=r"put back.*nobody is looked for.*people check"):
            people.templates(since)


def test_a_deleted_sample_that_is_put_back_for_another_is_noticed(people, path, new_sample):
    """As many as there should be, each opens, and yet they are not those."""
    person_id = people.enroll("Fay", [new_sample("fay/1"), new_sample("fay/2")]).person_id
    first, second = (sample.sample_id for sample in people.samples("Fay"))
    kept = rows_of(path, "samples", f"sample_id = {first}")
    people.delete_sample(first)
    put_back(path, "samples", kept)
    alter(path, f"DELETE FROM samples WHERE sample_id = {second}", f"DELETE FROM removed WHERE sample_id = {first}")
    assert person_id not in people.templates().person_ids
    assert any("samples of the person of row 5 are not those" in problem for problem in people.check())


def test_an_old_record_of_a_person_that_is_put_back_is_noticed(people, path):
    """The consent that was withdrawn since is not in force again, though its record opens."""
    kept = rows_of(path, "persons", "person = 1")
    people.set_consent("Ada", Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00"))
    put_back(path, "persons", kept)
    assert not people.person("Ada").is_searched
    assert people.check() == ["The person of row 1 is not as it was last: an older record was put back."]


WITHDRAWN = Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00")
# Whose rows are kept, what is done, and what the check says once they are all put back.
PUT_BACK = {
    "a consent that was withdrawn": (
        1, lambda people: people.set_consent("Ada", WITHDRAWN), "What tells the rows of each person was altered"),
    "a person who was deleted": (
        2, lambda people: people.delete_person("Bob"), "of 2 people that should be there, 3 are"),
    "a refusal that was not made yet": (
        1, lambda people: people.refuse_match("1" * 64, BOX, "Ada"), "What tells the rows of each person was altered"),
}  # fmt: skip


@pytest.mark.parametrize("what", PUT_BACK)
def test_a_person_whose_old_rows_are_all_put_back_is_noticed(people, path, open_at, what):
    """All that is there of the person agrees; the whole tells, and nobody is looked for from then on."""
    number, change, named = PUT_BACK[what]
    people.templates()
    kept = {table: rows_of(path, table, f"person = {number}") for table in PERSON_TABLES}
    change(people)
    people.templates()
    with opened(path) as connection:
        for table in reversed(PERSON_TABLES):
            connection.execute(f"DELETE FROM {table} WHERE person = ?", (number,))
    for table, rows in kept.items():
        put_back(path, table, rows)
    assert any(named in problem for problem in people.check())
    refuses_to_search(people)
    refuses_to_search(open_at(path))
    assert {person.is_altered for person in people.people()} == {True}  # of whom it is, nobody knows
    with people.transaction():
        people.rename("Cy", "Cyd")
        refuses_to_search(people)


def test_who_is_searched_for_comes_with_the_name(people):
    by_id = {person.person_id: person.name for person in people.people()}
    people.rename("Ada", "Ida")
    assert sorted(by_id.values()) == ["Ada", "Bob", "Cy"]
    assert sorted(people.templates().names.values()) == ["Bob", "Cy", "Ida"]
    people.set_consent("Bob", Consent("2020-01-01T00:00:00+00:00", "tests", "2020-01-02T00:00:00+00:00"))
    assert sorted(people.templates().names.values()) == ["Cy", "Ida"]


def test_within_a_change_people_are_searched(people, new_sample):
    """What is not sealed yet is in the comparison, also after a part of the change that was undone."""
    with people.transaction():
        person_id = people.enroll("Eve", [new_sample("eve")]).person_id
        people.delete_person("Bob")
        assert person_id in people.templates().person_ids
        with pytest.raises(GalleryError, match="no such sample"):
            people.delete_sample(99)
        assert person_id in people.templates().person_ids
    assert person_id in people.templates().person_ids


def test_an_altered_history_is_not_told(people, path):
    alter(path, "UPDATE changes SET time = '1999-01-01T00:00:00+00:00' WHERE number = 2")
    with pytest.raises(GalleryDamagedError, match="history was altered"):
        people.history()


def test_the_manifest_follows_everything_that_is_undone_in_part(gallery, new_sample):
    with gallery.transaction():
        gallery.enroll("Ada", [new_sample("ada")])
        with pytest.raises(GalleryError, match="no such sample"):
            change_and_fail(gallery, new_sample("bob"))
        gallery.enroll("Cy", [new_sample("cy")])
    assert [person.name for person in gallery.people()] == ["Ada", "Cy"]
    assert gallery.check() == []
    with pytest.raises(GalleryError, match="no such sample"):
        change_and_fail(gallery, new_sample("dan"))
    assert [person.name for person in gallery.people()] == ["Ada", "Cy"]
    assert gallery.check() == []


def change_and_fail(gallery, sample):
    with gallery.transaction():
        gallery.enroll("Bob", [sample])
        gallery.rename("Ada", "Adele")
        gallery.delete_sample(99)


def answers_of(gallery):
    """All that a gallery says of who is who; who was altered is nobody to it."""
    people = [person for person in gallery.people() if not person.is_altered]
    found = gallery.templates()
    who = dict(zip(found.sample_ids.tolist(), zip(found.person_ids, found.embeddings, strict=True), strict=True))
    return {
        "people": {person.person_id: person for person in people},
        "templates": {sample: (person, template.tobytes()) for sample, (person, template) in who.items()},
        "samples": {person.person_id: [repr(one) for one in gallery.samples(person.person_id)] for person in people},
        "refusals": {person.person_id: gallery.refusals_of(person.person_id) for person in people},
        "merges": {person.person_id: gallery.merges(person.person_id) for person in people},
        "history": gallery.history(),
    }


@pytest.mark.slow
@only_files
def test_no_flipped_byte_changes_an_answer(people, path, open_at):
    """600 flips anywhere in the file: an error with a name, somebody left out and named, or what was said before."""
    right = answers_of(people)
    people.close()
    whole = path.read_bytes()
    assert not path.with_name(f"{path.name}-wal").exists()
    generator = random.Random(0)
    counts = dict.fromkeys(("error", "right", "left out"), 0)
    for _ in range(600):
        place = generator.randrange(len(whole))
        flipped = whole[place] ^ generator.randrange(1, 256)
        path.write_bytes(whole[:place] + bytes([flipped]) + whole[place + 1 :])
        try:
            with open_at(path, create=False) as damaged:
                answers, problems = answers_of(damaged), damaged.check()
        except GalleryError:
            counts["error"] += 1
            continue
        assert answers["history"] == right["history"]
        for kind in right.keys() - {"history"}:
            assert answers[kind].items() <= right[kind].items(), (place, kind)
        is_right = answers == right
        counts["right" if is_right else "left out"] += 1
        assert is_right or problems, place
    assert min(counts.values()) > 0, counts
