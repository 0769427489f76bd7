"""A gallery, whatever keeps it: persons, samples, what searches get, what is refused, and what is forgotten."""

import threading
from pathlib import Path

import numpy as np
import pytest

from kerasface.gallery.changes import reembedding
from kerasface.gallery.store import (
    Consent,
    GalleryError,
    NameTakenError,
    NewSample,
    NoSuchPersonError,
    OtherEmbedderError,
)
from tests.gallery.tables import copied

GIVEN = "2020-01-01T00:00:00+00:00"
EXPIRED = Consent(GIVEN, "door", "2020-02-01T00:00:00+00:00")
VALID = Consent(GIVEN, "door", "9000-01-01T00:00:00+00:00")
BOX = (10.5, 20.0, 80.25, 90.0)


@pytest.fixture
def ada(gallery, new_sample):
    return gallery.enroll("Ada", [new_sample("ada/1.jpg"), new_sample("ada/2.jpg")])


@pytest.fixture
def bob(gallery, new_sample):
    return gallery.enroll("Bob", [new_sample("bob/1.jpg")])


def names(gallery):
    return [person.name for person in gallery.people()]


def sources(gallery, person):
    return [sample.source for sample in gallery.samples(person)]


def followed(index, templates):
    """What a search index, sample id to (person id, embedding), holds after it followed a change."""
    kept = {key: value for key, value in index.items() if key not in set(templates.removed.tolist())}
    rows = zip(templates.sample_ids.tolist(), templates.person_ids, map(tuple, templates.embeddings), strict=True)
    return kept | {sample_id: (person_id, embedding) for sample_id, person_id, embedding in rows}


def test_what_was_enrolled_is_there_after_reopening(gallery, ada, open_at, path, new_sample):
    gallery.close()
    again = open_at(path, create=False)
    assert again.people() == [ada]
    assert (ada.num_samples, ada.consent, len(ada.person_id)) == (2, None, 16)
    first, second = again.samples("Ada")
    made = new_sample("ada/1.jpg")
    assert (first.source, first.source_hash, first.quality) == ("ada/1.jpg", made.source_hash, {"width": 90.5})
    assert (first.person_id, first.embedder) == (ada.person_id, "embedder-a")
    assert first.sample_id < second.sample_id
    expected = np.stack([new_sample(source).embedding for source in ("ada/1.jpg", "ada/2.jpg")])
    np.testing.assert_array_equal(again.embeddings(ada.person_id), expected)
    assert again.check() == []


def test_more_samples_go_to_the_person_of_that_name(gallery, ada, new_sample):
    more = gallery.enroll("  Ada ", [new_sample("ada/3.jpg", created="2021-05-05T05:05:05+00:00")])
    assert (more.person_id, more.num_samples, more.created) == (ada.person_id, 3, ada.created)
    assert gallery.samples("Ada")[-1].created == "2021-05-05T05:05:05+00:00"


def test_a_name_is_one_name_however_its_accents_are_written(gallery, new_sample):
    composed = gallery.enroll("Zo\u00eb", [new_sample("1")])
    assert gallery.enroll("Zoe\u0308", [new_sample("2")]).person_id == composed.person_id
    assert gallery.person("Zoe\u0308").name == "Zo\u00eb"


def test_a_person_may_have_no_samples_yet(gallery):
    assert gallery.enroll("Cy", [], consent=VALID).num_samples == 0
    assert len(gallery.templates().sample_ids) == 0


def test_people_are_sorted_by_name(gallery, new_sample):
    for name in ("bob", "Cy", "Ada"):
        gallery.enroll(name, [new_sample(name)])
    assert names(gallery) == ["Ada", "bob", "Cy"]


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201, "0123456789abcdef"])
def test_a_malformed_name_is_refused(gallery, new_sample, name):
    with pytest.raises(ValueError, match=r"A name must have 1 to 200 printable characters.*Received: name="):
        gallery.enroll(name, [new_sample("1")])
    assert gallery.version == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"embedding": np.ones(16)}, r"must have length 1\. Received: 1 of 2 .* with a length of 4"),
        ({"embedding": np.full(16, np.nan)}, "must have length 1.*a length of nan.*Leave out what is NaN"),
        ({"embedding": np.eye(8)[0]}, r"embeddings must have shape \(n, 16\)"),
        ({"source_hash": "F" * 64}, "64 lower-case hexadecimal digits"),
        ({"quality": {"width": float("inf")}}, "Qualities must be finite"),
        ({"created": "yesterday"}, "created must be a time"),
    ],
)
def test_a_malformed_sample_is_refused_and_nothing_enrolled(gallery, new_sample, changes, words):
    good = new_sample("1")
    parts = {"embedding": good.embedding, "source": "2", "source_hash": good.source_hash} | changes
    with pytest.raises(ValueError, match=words):
        gallery.enroll("Ada", [good, NewSample(**parts)])
    assert (gallery.people(), gallery.version) == ([], 0)


def test_nobody_of_that_name(gallery, ada):
    with pytest.raises(NoSuchPersonError, match="Received: 'ada'"):
        gallery.person("ada")


def test_rename_keeps_everything_else(gallery, ada, bob):
    renamed = gallery.rename("Ada", "Ada Lovelace")
    assert (renamed.person_id, renamed.num_samples, renamed.created) == (ada.person_id, 2, ada.created)
    assert gallery.rename("Ada Lovelace", "Ada Lovelace") == renamed
    with pytest.raises(NameTakenError, match="merge the two"):
        gallery.rename("Bob", "Ada Lovelace")
    assert names(gallery) == ["Ada Lovelace", "Bob"]


def test_merge_moves_samples_and_refusals(gallery, ada, bob):
    gallery.refuse_match("0" * 64, BOX, "Bob")
    before = gallery.embeddings("Bob")
    merged = gallery.merge("Ada", "Bob")
    assert (merged.person_id, merged.num_samples, names(gallery)) == (ada.person_id, 3, ["Ada"])
    np.testing.assert_array_equal(gallery.embeddings("Ada")[2:], before)
    assert [refusal.person_id for refusal in gallery.refused_matches("0" * 64)] == [ada.person_id]
    assert gallery.check() == []
    with pytest.raises(GalleryError, match="Two different persons"):
        gallery.merge("Ada", ada.person_id)


@pytest.mark.parametrize(
    ("into", "other", "expected"),
    [(VALID, EXPIRED, VALID), (EXPIRED, VALID, EXPIRED), (None, EXPIRED, EXPIRED), (None, None, None)],
)
def test_merge_keeps_the_first_consent(gallery, ada, bob, into, other, expected):
    gallery.set_consent("Ada", into)
    gallery.set_consent("Bob", other)
    assert gallery.merge("Ada", "Bob").consent == expected


def test_split_makes_a_new_person_under_the_same_consent(gallery, ada):
    gallery.set_consent("Ada", VALID)
    first, second = gallery.samples("Ada")
    new = gallery.split("Ada", [second.sample_id], "Eve")
    assert (new.num_samples, new.consent) == (1, VALID)
    assert (sources(gallery, "Ada"), sources(gallery, "Eve")) == ([first.source], [second.source])
    assert gallery.check() == []


def test_split_refuses_what_would_leave_nothing_or_is_not_there(gallery, ada, bob):
    (of_bob,) = gallery.samples("Bob")
    own = [sample.sample_id for sample in gallery.samples("Ada")]
    for wrong in ([], own, [of_bob.sample_id], [own[0], 999]):
        with pytest.raises(GalleryError, match="but not all, can become another person"):
            gallery.split("Ada", wrong, "Eve")
    with pytest.raises(NameTakenError):
        gallery.split("Ada", own[:1], "Bob")
    assert names(gallery) == ["Ada", "Bob"]


def test_the_same_file_is_found_again(gallery, ada, new_sample):
    made = new_sample("ada/2.jpg")
    assert [sample.source for sample in gallery.find_source(made.source_hash)] == ["ada/2.jpg"]
    assert gallery.find_source("0" * 64) == []


def test_a_refusal_is_recorded_once_and_can_be_lifted(gallery, ada, bob):
    for _ in range(2):
        gallery.refuse_match("0" * 64, BOX, "Ada")
    (refusal,) = gallery.refused_matches("0" * 64)
    assert (refusal.source_hash, refusal.box, refusal.person_id) == ("0" * 64, BOX, ada.person_id)
    assert gallery.refusals_of("Ada") == [refusal]
    assert (gallery.refused_matches("1" * 64), gallery.refusals_of("Bob")) == ([], [])
    with pytest.raises(GalleryError, match="No such face was refused"):
        gallery.lift_refusal("0" * 64, BOX, "Bob")
    gallery.lift_refusal("0" * 64, BOX, "Ada")
    assert gallery.refused_matches("0" * 64) == []


@pytest.mark.parametrize("box", [(1, 2, 3), (1, 2, 3, float("nan"))])
def test_a_malformed_box_is_refused(gallery, ada, box):
    with pytest.raises(ValueError, match="box must be x, y, width, height"):
        gallery.refuse_match("0" * 64, box, "Ada")


def test_whose_consent_expired_is_not_searched_but_listed(gallery, ada, bob):
    gallery.set_consent("Ada", EXPIRED)
    gallery.set_consent("Bob", VALID)
    templates = gallery.templates()
    assert templates.person_ids == [bob.person_id]
    assert templates.valid_until == VALID.expiry
    assert [person.is_searched for person in gallery.people()] == [False, True]
    gallery.set_consent("Ada", None)
    assert sorted(gallery.templates().person_ids) == sorted([ada.person_id] * 2 + [bob.person_id])


def test_expired_consent_admits_no_more_samples(gallery, ada, new_sample):
    gallery.set_consent("Ada", EXPIRED)
    with pytest.raises(GalleryError, match="Record a new consent"):
        gallery.enroll("Ada", [new_sample("ada/3.jpg")])
    with pytest.raises(GalleryError, match="Record a new consent"):
        gallery.enroll("New", [new_sample("new")], consent=EXPIRED)
    assert (names(gallery), gallery.person("Ada").num_samples) == (["Ada"], 2)
    assert gallery.enroll("Ada", [new_sample("ada/3.jpg")], consent=VALID).num_samples == 3


def test_expiry_reaches_an_index_that_is_up_to_date(gallery, ada, monkeypatch):
    """Time is no change of the gallery: the version stays, and still the samples must go."""
    gallery.set_consent("Ada", VALID)
    templates = gallery.templates()
    monkeypatch.setattr("time.time", lambda: VALID.expiry + 1)
    later = gallery.templates(templates.version)
    assert (later.version, len(later.sample_ids)) == (templates.version, 0)
    assert sorted(later.removed) == sorted(templates.sample_ids)


def test_an_index_that_follows_changes_ends_where_reading_all_ends(gallery, new_sample):
    """Every kind of change, followed one by one, equals a fresh reading after each."""
    changes = [
        lambda: gallery.enroll("Ada", [new_sample("1"), new_sample("2")]),
        lambda: gallery.enroll("Bob", [new_sample("3"), new_sample("4")]),
        lambda: gallery.enroll("Ada", [new_sample("5")]),
        lambda: gallery.rename("Bob", "Robert"),
        lambda: gallery.split("Ada", [gallery.samples("Ada")[0].sample_id], "Eve"),
        lambda: gallery.merge("Robert", "Ada"),
        lambda: gallery.set_consent("Robert", EXPIRED),
        lambda: gallery.set_consent("Robert", VALID),
        lambda: gallery.delete_sample(gallery.samples("Robert")[1].sample_id),
        lambda: gallery.refuse_match("0" * 64, BOX, "Eve"),
        lambda: gallery.delete_person("Eve"),
    ]
    one_by_one, version = {}, 0
    for change in changes:
        change()
        templates = gallery.templates(version)
        assert templates.version > version
        one_by_one, version = followed(one_by_one, templates), templates.version
        assert one_by_one == followed({}, gallery.templates())
    assert followed({}, gallery.templates(0)) == one_by_one
    assert len(one_by_one) == 3
    assert gallery.check() == []


def test_a_version_that_never_was_is_refused(gallery, ada):
    with pytest.raises(GalleryError, match="another one is in its place"):
        gallery.templates(gallery.version + 1)


def test_ids_are_never_given_again(gallery, ada, new_sample):
    gone = [sample.sample_id for sample in gallery.samples("Ada")]
    gallery.delete_person("Ada")
    again = gallery.enroll("Ada", [new_sample("ada/1.jpg")])
    assert again.person_id != ada.person_id
    assert gallery.samples("Ada")[0].sample_id > max(gone)


def test_the_history_tells_what_was_done_and_forgets_whom_it_concerned(gallery, ada, bob, new_sample):
    gallery.rename("Bob", "Robert")
    gallery.merge("Ada", "Robert")
    gallery.enroll("Eve", [new_sample("eve")])
    changes = gallery.history()
    assert [change.action for change in reversed(changes)] == ["enroll", "enroll", "rename", "merge", "enroll"]
    assert changes[1].detail == "'Robert' into 'Ada'"
    assert [change.person_id for change in changes[1:]] == [ada.person_id] * 4
    assert gallery.history(limit=2) == changes[:2]
    gallery.delete_person("Ada")
    told = gallery.history()
    assert [change.action for change in told] == ["delete_person", *(change.action for change in changes)]
    assert "1 sample of 'Eve'" in [change.detail for change in told]
    assert not any(name in repr(told) for name in ("Ada", "Bob", "Robert", ada.person_id, bob.person_id))


def test_a_transaction_is_all_or_nothing(gallery, new_sample):
    def enroll_and_fail():
        with gallery.transaction():
            gallery.enroll("Ada", [new_sample("1")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        enroll_and_fail()
    assert gallery.people() == []
    with gallery.transaction():
        gallery.enroll("Ada", [new_sample("1")])
        with pytest.raises(NoSuchPersonError):
            gallery.delete_person("nobody")
        gallery.enroll("Bob", [new_sample("2")])
    assert names(gallery) == ["Ada", "Bob"]


def test_who_was_enrolled_anew_in_a_change_that_was_undone_is_found_as_before(gallery, ada, bob, new_sample):
    """What is kept of Ada from one search to the next is of the file, not of what never came into it."""

    def enroll_and_fail():
        with gallery.transaction():
            gallery.enroll("Ada", [new_sample("ada/3.jpg")])
            raise ZeroDivisionError

    before = sorted(gallery.templates().person_ids)
    with pytest.raises(ZeroDivisionError):
        enroll_and_fail()
    assert sorted(gallery.templates().person_ids) == before


def test_an_error_inside_a_transaction_undoes_only_its_own_part(gallery, ada, bob, monkeypatch):
    monkeypatch.setattr(gallery._rows, "move_samples", lambda *_: 1 / 0)
    with gallery.transaction():
        with pytest.raises(ZeroDivisionError):
            gallery.merge("Ada", "Bob")
        gallery.rename("Ada", "Ada Lovelace")
    assert [change.action for change in gallery.history(limit=2)] == ["rename", "enroll"]
    assert names(gallery) == ["Ada Lovelace", "Bob"]


def test_a_snapshot_shows_one_moment_and_only_reads(gallery, ada, open_at, path, new_sample):
    other = open_at(path)
    with gallery.snapshot():
        before = gallery.people()
        other.enroll("Bob", [new_sample("1")])
        assert gallery.people() == before
        with pytest.raises(GalleryError, match="inside a snapshot"):
            gallery.rename("Ada", "Eve")
    assert names(gallery) == ["Ada", "Bob"]


def test_two_who_have_it_open_see_each_other(gallery, ada, open_at, path, new_sample):
    other = open_at(path)
    version = gallery.version
    other.enroll("Bob", [new_sample("1")])
    assert gallery.version > version
    assert len(gallery.templates(version).sample_ids) == 1


def test_who_follows_is_woken_by_the_change_of_another(gallery, ada, open_at, path, new_sample):
    other, version = open_at(path), gallery.version
    with gallery.following() as wait:
        assert not wait(version, 0.01)
        timer = threading.Timer(0.05, lambda: other.enroll("Bob", [new_sample("1")]))
        timer.start()
        assert wait(version, 60)
        timer.join()


def test_threads_may_share_it(gallery, new_sample):
    def enroll(thread):
        for number in range(10):
            gallery.enroll(f"person {thread}", [new_sample(f"{thread} {number}")])
            gallery.templates()

    threads = [threading.Thread(target=enroll, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [person.num_samples for person in gallery.people()] == [10] * 4
    assert gallery.check() == []


def test_reembedding_replaces_every_template(gallery, ada, bob, open_at, path):
    stale = open_at(path)
    asked = []

    def embeddings_of(samples):
        asked.extend(sample.source for sample in samples)
        return np.eye(3, dtype=np.float32)[[sample.sample_id % 3 for sample in samples]]

    gallery.reembed("embedder-b", 3, embeddings_of, batch_size=2)
    assert asked == ["ada/1.jpg", "ada/2.jpg", "bob/1.jpg"]
    assert (gallery.embedder, gallery.embedding_dim) == ("embedder-b", 3)
    templates = gallery.templates()
    np.testing.assert_array_equal(templates.embeddings, np.eye(3)[templates.sample_ids % 3])
    assert gallery.check() == []
    copy = path.with_name(f"{path.name}.before-reembed")
    assert not isinstance(copy, Path) or copy.stat().st_mode & 0o077 == 0
    assert open_at(copy, create=False).people() == [ada, bob]
    with pytest.raises(OtherEmbedderError, match="re-embedded since it was opened"):
        stale.people()
    assert open_at(path, embedder="embedder-b", embedding_dim=3).people() == [ada, bob]


def test_reembedding_includes_who_is_enrolled_meanwhile(gallery, ada, open_at, path, new_sample):
    other = open_at(path)

    def embeddings_of(samples):
        if other.person("Ada").num_samples == 2:
            other.enroll("Ada", [new_sample("meanwhile")])
        return np.eye(3)[[0] * len(samples)]

    gallery.reembed("embedder-b", 3, embeddings_of)
    assert gallery.embeddings("Ada").tolist() == [[1, 0, 0]] * 3
    assert gallery.check() == []


@pytest.mark.parametrize(
    ("embeddings_of", "error"),
    [(lambda samples: 1 / 0, ZeroDivisionError), (lambda samples: np.ones((len(samples), 3)), ValueError)],
)
def test_reembedding_that_fails_changes_nothing(gallery, ada, path, embeddings_of, error):
    before = gallery.embeddings("Ada")
    with pytest.raises(error):
        gallery.reembed("embedder-b", 3, embeddings_of)
    assert gallery.embedder == "embedder-a"
    np.testing.assert_array_equal(gallery.embeddings("Ada"), before)
    assert not path.with_name(f"{path.name}.before-reembed").exists()


def test_there_is_a_copy_while_templates_are_replaced(gallery, ada, open_at, path, monkeypatch):
    copy, kept = path.with_name(f"{path.name}.before-reembed"), path.with_name(f"{path.name}_kept")

    def killed(*_):
        copied(copy, kept)
        raise KeyboardInterrupt

    monkeypatch.setattr(reembedding, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        gallery.reembed("embedder-b", 3, lambda samples: np.eye(3)[[0] * len(samples)])
    former = open_at(kept, create=False)
    assert former.people() == [ada]
    assert former.check() == []
