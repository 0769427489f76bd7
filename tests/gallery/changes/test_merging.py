"""Merges: what they move, and that undoing one leaves both persons as they were."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.gallery.store import Consent, GalleryError, NameTakenError

GIVEN = "2020-01-01T00:00:00+00:00"
EXPIRED = Consent(GIVEN, "door", "2020-02-01T00:00:00+00:00")
VALID = Consent(GIVEN, "door", "9000-01-01T00:00:00+00:00")
LATER = Consent(GIVEN, "album", "9100-01-01T00:00:00+00:00")
BOX = (10.5, 20.0, 80.25, 90.0)


def everything(gallery, *, but=()):
    """All that a gallery says of its people, by name; the history by what was done and to whom."""
    history = gallery.history()
    return {
        person.name: (
            person,
            gallery.samples(person.person_id),
            gallery.embeddings(person.person_id).tolist(),
            gallery.refusals_of(person.person_id),
            gallery.merges(person.person_id),
            [change for change in history if change.person_id == person.person_id and change.action not in but],
        )
        for person in gallery.people()
    }


@pytest.fixture
def people(gallery, new_sample):
    """Ada with two samples, Bob with one and a former name, Cy with two; refusals, and three kinds of consent."""
    gallery.enroll("Ada", [new_sample("ada/1"), new_sample("ada/2")])
    gallery.enroll("Rob", [new_sample("bob/1")], consent=LATER)
    gallery.rename("Rob", "Bob")
    gallery.enroll("Cy", [new_sample("cy/1"), new_sample("cy/2")])
    gallery.refuse_match("0" * 64, BOX, "Bob")
    gallery.refuse_match("1" * 64, BOX, "Ada")
    gallery.set_consent("Cy", EXPIRED)
    return gallery


@pytest.mark.parametrize("pair", [("Ada", "Bob"), ("Bob", "Ada"), ("Bob", "Cy"), ("Cy", "Ada"), ("Ada", "Cy")])
def test_undoing_a_merge_leaves_both_as_they_were(people, pair):
    """Samples, templates, names, consents with their ends, refusals, history and ids; only that it was done is new."""
    new = ("merge", "unmerge", "consent")  # a consent that was taken over is given back
    before, searched = everything(people, but=new), people.templates()
    merged = people.merge(*pair)
    assert merged.num_samples == sum(before[name][0].num_samples for name in pair)
    (record,) = people.merges(pair[0])
    assert (record.name, record.person_id) == (pair[1], before[pair[1]][0].person_id)
    assert record.num_samples == before[pair[1]][0].num_samples
    version = people.version
    back = people.unmerge(pair[0])
    assert back == before[pair[1]][0]
    assert everything(people, but=new) == before
    after = people.templates()
    assert dict(zip(after.sample_ids.tolist(), after.person_ids, strict=True)) == dict(
        zip(searched.sample_ids.tolist(), searched.person_ids, strict=True)
    )
    # An index that follows changes hears of everybody whose samples are somebody else's now.
    assert set(people.templates(version).sample_ids.tolist()) >= {
        sample.sample_id for sample in before[pair[1]][1] if back.is_searched
    }
    assert people.check() == []


def test_merges_of_merges_are_undone_from_the_outside_in(people):
    new = ("merge", "unmerge", "consent")
    before = everything(people, but=new)
    people.merge("Bob", "Ada")
    between = everything(people, but=new)
    people.merge("Cy", "Bob")
    assert [merge.name for merge in people.merges("Cy")] == ["Bob"]  # Ada comes out of Bob, not out of Cy
    people.unmerge("Cy")
    assert everything(people, but=new) == between
    people.unmerge("Bob")
    assert everything(people, but=new) == before
    assert people.check() == []


def test_one_of_several_merges_is_undone_whatever_the_order(people):
    new = ("merge", "unmerge", "consent")
    before = everything(people, but=new)
    people.merge("Ada", "Bob")
    people.merge("Ada", "Cy")
    later, earlier = people.merges("Ada")
    assert [later.name, earlier.name] == ["Cy", "Bob"]
    assert people.unmerge("Ada", earlier.number).name == "Bob"
    with pytest.raises(
        GalleryError, match=rf"could be undone\. Received: merge={earlier.number}; there is {later.number}"
    ):
        people.unmerge("Ada", earlier.number)
    people.unmerge("Ada")
    after = everything(people, but=new)
    assert after["Bob"] == before["Bob"]
    assert after["Cy"] == before["Cy"]
    assert after["Ada"][1:] == before["Ada"][1:]
    with pytest.raises(GalleryError, match="there is none"):
        people.unmerge("Ada")


def test_what_was_changed_since_stays_changed(people, new_sample):
    (gone,) = people.samples("Bob")
    kept, split = people.samples("Cy")
    people.merge("Ada", "Bob")
    people.merge("Ada", "Cy")
    people.enroll("Ada", [new_sample("ada/3")])
    people.rename("Ada", "Adele")
    people.split("Adele", [split.sample_id], "Eve")
    people.delete_sample(gone.sample_id)
    people.lift_refusal("0" * 64, BOX, "Adele")
    people.refuse_match("2" * 64, BOX, "Adele")
    cy, bob = people.unmerge("Adele"), people.unmerge("Adele")
    assert (cy.name, cy.num_samples, bob.name, bob.num_samples) == ("Cy", 1, "Bob", 0)
    assert [sample.sample_id for sample in people.samples("Cy")] == [kept.sample_id]
    assert [sample.source for sample in people.samples("Adele")] == ["ada/1", "ada/2", "ada/3"]
    assert people.refusals_of("Bob") == []
    assert [refusal.source_hash for refusal in people.refusals_of("Adele")] == ["1" * 64, "2" * 64]
    assert people.person("Eve").num_samples == 1
    assert people.check() == []


@pytest.mark.parametrize(
    ("since", "of_ada", "of_bob"),
    [(VALID, VALID, LATER), (EXPIRED, EXPIRED, EXPIRED), (None, None, LATER)],
)
def test_a_consent_recorded_since_stays_and_an_end_is_one_for_both(people, since, of_ada, of_bob):
    people.set_consent("Ada", replace(VALID, purpose="first"))
    people.merge("Ada", "Bob")
    people.set_consent("Ada", since)
    assert people.unmerge("Ada").consent == of_bob
    assert people.person("Ada").consent == of_ada


def test_a_name_that_is_taken_by_now_is_said_and_nothing_is_undone(people, new_sample):
    people.merge("Ada", "Bob")
    people.enroll("Bob", [new_sample("another bob")])
    before = people.version, everything(people)
    with pytest.raises(NameTakenError, match="named 'Bob' by now"):
        people.unmerge("Ada")
    assert (people.version, everything(people)) == before


def test_whoever_was_merged_and_taken_out_is_forgotten_alone(people):
    people.merge("Ada", "Bob")
    people.unmerge("Ada")
    people.delete_person("Bob")
    told = repr([everything(people), people.history()])
    assert "Bob" not in told
    assert "Rob" not in told
    assert people.person("Ada").num_samples == 2


def test_an_undone_merge_survives_reopening_and_reembedding(people, open_at, path):
    before = people.samples("Bob")
    people.merge("Ada", "Bob")
    people.reembed("embedder-b", 3, lambda samples: np.eye(3)[[sample.sample_id % 3 for sample in samples]])
    people.close()
    again = open_at(path, embedder="embedder-b", embedding_dim=3)
    again.unmerge("Ada")
    assert [sample.sample_id for sample in again.samples("Bob")] == [sample.sample_id for sample in before]
    np.testing.assert_array_equal(again.embeddings("Bob"), np.eye(3)[[before[0].sample_id % 3]])
    assert again.check() == []
