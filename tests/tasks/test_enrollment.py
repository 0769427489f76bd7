"""The gate of enrolment: each refusal with its reason, each override, and what is enrolled in the end."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from kerasface.faces import quality
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.gallery.store import Consent
from kerasface.tasks.enrollment import OVERRIDES, Enroller, SourcePhoto
from kerasface.tasks.identification import Identifier
from tests.faces.rates.test_own_points import own_points


@pytest.fixture
def identifier(gallery):
    return Identifier(gallery, fpir=0.003)


def direction(seed):
    """A unit embedding; different seeds are as good as orthogonal."""
    vector = np.random.default_rng(seed).normal(size=EMBEDDING_DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def photo(front_end, name, embeddings, face=None):
    front_end.lists = [list(embeddings)]
    return SourcePhoto(f"{name}.jpg", hashlib.sha256(name.encode()).hexdigest(), *front_end.analyze([None]), face)


def enroll(identifier, front_end, name, source, *embeddings, allow=(), consent=None):
    photos = [photo(front_end, source, embeddings)]
    (judged,) = Enroller(identifier, allow=allow).judge(name, photos)
    (result,) = Enroller(identifier, allow=allow).enroll(name, photos, consent=consent)
    assert result == judged
    return result


def test_what_is_only_judged_changes_nothing(identifier, front_end, gallery):
    version = gallery.version
    (judged,) = Enroller(identifier).judge("Ada", [photo(front_end, "one", [direction(1)])])
    assert (judged.refused, gallery.people(), gallery.version) == (None, [], version)


def test_one_photo_is_enough(identifier, front_end, gallery):
    result = enroll(identifier, front_end, "Ada", "one", direction(1))
    assert (result.refused, result.reason) == (None, "")
    (sample,) = gallery.samples(gallery.person("Ada").person_id)
    assert (sample.source, sample.source_hash) == ("one.jpg", hashlib.sha256(b"one").hexdigest())
    assert sample.quality == result.quality
    assert sample.quality["side"] > 50
    np.testing.assert_allclose(gallery.templates().embeddings, [direction(1)], atol=1e-6)


def test_a_photo_without_a_face_is_refused_whatever_is_allowed(identifier, front_end, gallery):
    result = enroll(identifier, front_end, "Ada", "wall", allow=OVERRIDES)
    assert result.refused == "no_face"
    assert "wall.jpg: no face was found" in result.reason
    assert gallery.people() == []


def test_several_faces_need_an_override_and_then_the_largest_counts(identifier, front_end, gallery):
    result = enroll(identifier, front_end, "Ada", "two", direction(1), direction(2))
    assert result.refused == "several_faces"
    assert "shows 2 faces" in result.reason
    result = enroll(identifier, front_end, "Ada", "two", direction(1), direction(2), allow=["several_faces"])
    assert result.refused is None
    assert "shows 2 faces" in result.reason  # it is said all the same
    np.testing.assert_allclose(gallery.templates().embeddings, [direction(1)], atol=1e-6)


def test_the_face_that_is_meant_is_enrolled(identifier, front_end, gallery):
    faces = [direction(1), direction(2), direction(3)]
    photos = [photo(front_end, "group", faces, number) for number in (3, 4)]
    third, fourth = Enroller(identifier).enroll("Ada", photos)
    assert (third.refused, third.reason) == (None, "")
    np.testing.assert_allclose(gallery.embeddings("Ada"), [direction(3)], atol=1e-6)
    assert fourth.refused == "no_face"
    assert "it has no face 4: they are numbered from 1, the largest, to 3" in fourth.reason


def test_another_face_of_the_same_file_is_no_duplicate(identifier, front_end, gallery):
    faces = [direction(1), direction(2)]
    for number, name in ((1, "Ada"), (2, "Bob")):
        (result,) = Enroller(identifier).enroll(name, [photo(front_end, "group", faces, number)])
        assert result.refused is None
    (result,) = Enroller(identifier).enroll("Cyd", [photo(front_end, "group", faces, 2)])
    assert result.refused == "duplicate"
    assert "as Bob" in result.reason


def test_low_quality_names_the_measure(identifier, front_end, gallery, monkeypatch):
    monkeypatch.setattr(quality, "MIN_SIDE", 5000.0)
    result = enroll(identifier, front_end, "Ada", "small", direction(1))
    assert result.refused == "low_quality"
    assert "at least 5000 are needed" in result.reason
    assert enroll(identifier, front_end, "Ada", "small", direction(1), allow=["low_quality"]).refused is None


def test_the_same_file_twice_is_a_duplicate(identifier, front_end, gallery):
    enroll(identifier, front_end, "Ada", "one", direction(1))
    result = enroll(identifier, front_end, "Ada", "one", direction(1))
    assert (result.refused, gallery.person("Ada").num_samples) == ("duplicate", 1)
    assert "as Ada" in result.reason


def test_one_who_looks_like_another_is_a_conflict(identifier, front_end, gallery):
    for seed, name in enumerate(("Ada", "Bob", "Cyd")):
        enroll(identifier, front_end, name, name, direction(seed))
    result = enroll(identifier, front_end, "Eve", "eve", direction(1))
    assert result.refused == "conflict"
    assert "looks like Bob" in result.reason
    assert enroll(identifier, front_end, "Bob", "bob2", direction(1)).refused is None  # of Bob it is another photo
    assert enroll(identifier, front_end, "Eve", "eve", direction(1), allow=["conflict"]).refused is None
    assert {person.name: person.num_samples for person in gallery.people()} == {"Ada": 1, "Bob": 2, "Cyd": 1, "Eve": 1}


def test_a_conflict_within_one_batch_is_found(identifier, front_end, portrait, tmp_path, gallery):
    files = {}
    for number, name in enumerate(("Ada", "Bob", "Twin")):
        files[name] = [tmp_path / f"{name}.png"]
        Image.fromarray(np.roll(portrait, number, axis=1)).save(files[name][0])
    front_end.lists = [[direction(1)], [direction(2)], [direction(1)]]
    results = Enroller(identifier).enroll_files(files, front_end)
    assert [result.refused for result in results] == [None, None, "conflict"]
    assert [person.name for person in gallery.people()] == ["Ada", "Bob"]


def test_thresholds_of_ones_own_say_who_looks_like_another(identifier, front_end, portrait, tmp_path, gallery):
    """Much higher ones: nobody does, neither of those enrolled nor within a batch."""
    gallery.keep_own_points(own_points({0.01: 90.0, 0.001: 90.0}).to_dict(), "43 people")
    enroll(identifier, front_end, "Ada", "ada", direction(1))
    files = {}
    for number, name in enumerate(("Bob", "Twin")):
        files[name] = [tmp_path / f"{name}.png"]
        Image.fromarray(np.roll(portrait, number, axis=1)).save(files[name][0])
    front_end.lists = [[direction(1)], [direction(1)]]
    assert [result.refused for result in Enroller(identifier).enroll_files(files, front_end)] == [None, None]


def test_files_that_cannot_be_read_do_not_stop_the_others(identifier, front_end, portrait, tmp_path, gallery):
    (tmp_path / "text.jpg").write_text("no photo")
    Image.fromarray(portrait).save(tmp_path / "good.png")
    (tmp_path / "copy.png").write_bytes((tmp_path / "good.png").read_bytes())
    front_end.lists = [[direction(1)], [direction(1)]]
    told = []
    results = Enroller(identifier).enroll_files(
        {"Ada": [tmp_path / "text.jpg", tmp_path / "good.png", tmp_path / "copy.png", tmp_path / "gone.png"]},
        front_end,
        on_progress=lambda *counts: told.append(counts),
    )
    assert [result.refused for result in results] == ["unreadable", None, "duplicate", "unreadable"]
    assert all(str(tmp_path) in result.reason for result in results if result.refused)
    assert gallery.person("Ada").num_samples == 1
    assert (told[0], told[-1]) == ((0, 4), (4, 4))


def test_a_person_is_enrolled_whole_or_not_at_all(identifier, front_end, portrait, tmp_path, gallery, monkeypatch):
    """The photos come in batches of one; what breaks in Bob's second leaves Ada whole and of Bob nothing."""
    files = {}
    for number, name in enumerate(("Ada", "Bob")):
        files[name] = [tmp_path / f"{name}{each}.png" for each in range(2)]
        for each, file in enumerate(files[name]):
            Image.fromarray(np.roll(portrait, 2 * number + each, axis=1)).save(file)
    monkeypatch.setattr("kerasface.data.photos._BATCH_PIXELS", 1)
    front_end.lists = [[direction(1)], [direction(1)], [direction(2)]]
    with pytest.raises(AssertionError):  # of the front end, which has no more faces
        Enroller(identifier).enroll_files(files, front_end)
    assert {person.name: person.num_samples for person in gallery.people()} == {"Ada": 2}


def test_one_who_cannot_be_enrolled_does_not_stop_the_others(identifier, front_end, portrait, tmp_path, gallery):
    ended = Consent("2020-01-01T00:00:00+00:00", "the door", "2020-02-01T00:00:00+00:00")
    gallery.enroll("Ada", [])
    gallery.set_consent("Ada", ended)
    files = {}
    for number, name in enumerate(("0123456789abcdef", "Ada", "Bob")):
        files[name] = [tmp_path / f"{name}.png"]
        Image.fromarray(np.roll(portrait, number, axis=1)).save(files[name][0])
    front_end.lists = [[direction(1)], [direction(2)], [direction(3)]]
    nameless, expired, bob = Enroller(identifier).enroll_files(files, front_end)
    assert [nameless.refused, expired.refused, bob.refused] == ["person", "person", None]
    assert "A name must have" in nameless.reason
    assert "consent of Ada has ended" in expired.reason
    assert {person.name: person.num_samples for person in gallery.people()} == {"Ada": 0, "Bob": 1}


def test_whose_consent_has_ended_keeps_nobody_else_out(identifier, front_end, gallery):
    enroll(identifier, front_end, "Ada", "one", direction(1))
    gallery.set_consent("Ada", Consent("2019-01-01T00:00:00+00:00", "the door", "2020-01-01T00:00:00+00:00"))
    people = {name: [photo(front_end, name, [direction(seed)])] for name, seed in (("Bob", 2), ("Ada", 3), ("Eve", 4))}
    found = Enroller(identifier).enroll_people(people)
    assert [(one.name, one.refused) for one in found] == [("Bob", None), ("Ada", "person"), ("Eve", None)]
    assert found[1].reason.startswith("Ada.jpg: The consent of Ada has ended")
    assert {person.name: person.num_samples for person in gallery.people()} == {"Ada": 1, "Bob": 1, "Eve": 1}
    new = Consent("2026-01-01T00:00:00+00:00", "the door", "2999-01-01T00:00:00+00:00")
    (again,) = Enroller(identifier).enroll_people({"Ada": people["Ada"]}, consent=new)
    assert again.refused is None


def test_consent_is_recorded_with_the_person(identifier, front_end, gallery):
    consent = Consent("2026-01-01T00:00:00+00:00", "the door", "2999-01-01T00:00:00+00:00")
    enroll(identifier, front_end, "Ada", "one", direction(1), consent=consent)
    assert gallery.person("Ada").consent == consent


def test_an_unknown_override_is_refused(identifier):
    with pytest.raises(ValueError, match=r"allow may hold several_faces.*Received: anything"):
        Enroller(identifier, allow=["anything"])
