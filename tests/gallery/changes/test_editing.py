import pytest

from kerasface.gallery.changes.editing import ChangedMeanwhileError, last_changes, unchanged_since
from kerasface.gallery.store import Consent, NameTakenError
from tests.gallery.tables import only_files

CONSENT = Consent("2026-01-01T00:00:00+00:00", "the door")


def seen(gallery, *people):
    latest = last_changes(gallery)
    return {person.person_id: latest[person.person_id].number for person in people}


def test_every_change_of_a_person_and_no_other_raises_its_number(gallery, new_sample):
    ada = gallery.enroll("Ada", [new_sample("a"), new_sample("b"), new_sample("c")])
    bob = gallery.enroll("Bob", [new_sample("d")])
    edits = (
        lambda: gallery.enroll("Ada", [new_sample("e")]),
        lambda: gallery.rename(ada.person_id, "Ada L."),
        lambda: gallery.set_consent(ada.person_id, CONSENT),
        lambda: gallery.refuse_match("0" * 64, (1, 2, 3, 4), ada.person_id),
        lambda: gallery.lift_refusal("0" * 64, (1, 2, 3, 4), ada.person_id),
        lambda: gallery.split(ada.person_id, [1], "Cyd"),
        lambda: gallery.delete_sample(2),
    )
    first = seen(gallery, bob)
    for edit in edits:
        before = seen(gallery, ada)[ada.person_id]
        edit()
        assert seen(gallery, ada)[ada.person_id] > before
    assert seen(gallery, bob) == first
    gallery.merge(ada.person_id, gallery.person("Cyd").person_id)
    latest = last_changes(gallery)
    assert latest.keys() == {ada.person_id, bob.person_id}
    # The history is another way to the same numbers and times.
    expected = next(change for change in gallery.history() if change.person_id == ada.person_id)
    assert (latest[ada.person_id].number, latest[ada.person_id].time) == (expected.number, expected.time)


def test_an_edit_of_what_was_seen_goes_through_as_one(gallery, new_sample):
    ada = gallery.enroll("Ada", [new_sample("a")])
    with unchanged_since(gallery, seen(gallery, ada)):
        gallery.rename(ada.person_id, "Ada L.")
        gallery.set_consent(ada.person_id, CONSENT)
    assert (gallery.people()[0].name, gallery.people()[0].consent) == ("Ada L.", CONSENT)
    gallery.enroll("Bob", [])

    def edit():
        with unchanged_since(gallery, seen(gallery, ada)):
            gallery.set_consent(ada.person_id, None)
            gallery.rename(ada.person_id, "Bob")

    with pytest.raises(NameTakenError):
        edit()
    assert gallery.person("Ada L.").consent == CONSENT  # undone with the rest


def test_a_change_by_another_process_stops_the_edit_and_is_told(gallery, path, open_at, new_sample):
    ada = gallery.enroll("Ada", [new_sample("a")])
    old = seen(gallery, ada)
    open_at(path).rename(ada.person_id, "Ada Lovelace")
    with (
        pytest.raises(ChangedMeanwhileError, match=r"rename from 'Ada' to 'Ada Lovelace'\); nothing"),
        unchanged_since(gallery, old),
    ):
        gallery.rename(ada.person_id, "Adele")
    assert [person.name for person in gallery.people()] == ["Ada Lovelace"]


def test_a_deleted_person_stops_the_edit(gallery, new_sample):
    ada, bob = gallery.enroll("Ada", [new_sample("a")]), gallery.enroll("Bob", [new_sample("b")])
    old = seen(gallery, ada, bob)
    gallery.delete_person(bob.person_id)
    with pytest.raises(ChangedMeanwhileError, match="has deleted this person"), unchanged_since(gallery, old):
        gallery.rename(ada.person_id, "Adele")
    assert gallery.person("Ada").num_samples == 1


@only_files
def test_a_deletion_inside_leaves_no_traces(gallery, path, new_sample):
    ada, bob = gallery.enroll("Ada", [new_sample("a")]), gallery.enroll("Bob", [new_sample("b")])
    with unchanged_since(gallery, seen(gallery, ada)):
        gallery.delete_person(ada.person_id)
    assert [person.person_id for person in gallery.people()] == [bob.person_id]
    assert gallery.check() == []
    for file in path.parent.iterdir():
        assert ada.person_id.encode() not in file.read_bytes()
