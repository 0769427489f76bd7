"""Whose face it is: thresholds, several people, and that one frame never decides."""

import numpy as np
import pytest

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.operating_points import operating_point
from kerasface.gallery.store import Consent, GalleryError, NewSample, NoSuchPersonError
from kerasface.unlock.identity import FMR, MIN_FRAMES, EnrolledPeople, IdentityTrack, enrolled_people
from tests.faces.rates.test_own_points import own_points

ADA, BOB = "a" * 16, "b" * 16


def unit(*parts):
    vector = np.zeros(128, np.float32)
    vector[: len(parts)] = parts
    return vector / np.linalg.norm(vector)


def two_people():
    templates = np.stack([unit(1), unit(1, 0.1), unit(0, 0, 1)])
    return EnrolledPeople({ADA: "Ada", BOB: "Bob"}, (ADA, ADA, BOB), templates, embedder_fingerprint())


def watched(track, embedding, frames=MIN_FRAMES):
    for _ in range(frames):
        track.observe(embedding)
    return track


def test_each_template_gets_its_part_of_the_rate():
    track = IdentityTrack(two_people(), 1e-4)
    assert track.point == operating_point(embedder_fingerprint(), 1e-4 / 3)
    assert track.fmr == pytest.approx(1e-4)


def test_below_the_lowest_measured_rate_the_stated_one_rises():
    """20 templates at 1e-5 each, the lowest rate measured: 2e-4 in all."""
    people = EnrolledPeople({ADA: "Ada"}, (ADA,) * 20, np.stack([unit(1)] * 20), embedder_fingerprint())
    assert IdentityTrack(people, FMR).fmr == pytest.approx(2e-4)


def test_among_too_many_somebody_must_be_named():
    people = EnrolledPeople({ADA: "Ada"}, (ADA,) * 101, np.stack([unit(1)] * 101), embedder_fingerprint())
    with pytest.raises(ValueError, match="--user"):
        IdentityTrack(people)


@pytest.mark.parametrize(("embedding", "person"), [(unit(1, 0.05), ADA), (unit(0, 0, 1), BOB), (unit(1, 0, 1), None)])
def test_the_most_alike_person_is_found(embedding, person):
    assert watched(IdentityTrack(two_people()), embedding).verdict() == person


def test_fewer_frames_never_decide():
    assert watched(IdentityTrack(two_people()), unit(1), MIN_FRAMES - 1).verdict() is None


def test_one_strange_frame_spoils_it():
    track = watched(IdentityTrack(two_people()), unit(1), 100)
    track.observe(unit(0, 1))
    assert (track.is_strange, track.verdict()) == (True, None)


def test_a_change_from_one_enrolled_person_to_another_is_seen():
    track = watched(IdentityTrack(two_people()), unit(1), 50)
    track.observe(unit(0, 0, 1))
    assert (track.is_strange, track.is_changed, track.verdict()) == (False, True, None)


def test_somebody_must_be_enrolled():
    with pytest.raises(ValueError, match="enrolled"):
        EnrolledPeople({}, (), np.zeros((0, 128), np.float32), embedder_fingerprint())


def enrol(gallery, name, *embeddings, consent=None):
    samples = [NewSample(embedding, f"{name}{row}", f"{row:064x}") for row, embedding in enumerate(embeddings)]
    return gallery.enroll(name, samples, consent=consent)


def test_people_come_from_the_gallery(gallery):
    ada, bob = enrol(gallery, "Ada", unit(1), unit(1, 0.1)), enrol(gallery, "Bob", unit(0, 0, 1))
    found = enrolled_people(gallery)
    assert found.names == {ada.person_id: "Ada", bob.person_id: "Bob"}
    only = enrolled_people(gallery, "Bob")
    assert (only.names, only.person_ids) == ({bob.person_id: "Bob"}, (bob.person_id,))
    np.testing.assert_allclose(only.templates, unit(0, 0, 1)[None])


def test_who_is_not_enrolled_cannot_unlock(gallery):
    with pytest.raises(GalleryError, match="kerasface enroll"):
        enrolled_people(gallery)
    enrol(gallery, "Ada", unit(1))
    with pytest.raises(NoSuchPersonError):
        enrolled_people(gallery, "Eve")


def test_after_the_consent_nobody_unlocks(gallery):
    over = Consent("2020-01-01T00:00:00+00:00", "unlocking", "2020-02-01T00:00:00+00:00")
    person = enrol(gallery, "Ada", unit(1))
    gallery.set_consent(person.person_id, over)
    with pytest.raises(GalleryError, match="consent"):
        enrolled_people(gallery, "Ada")


def test_thresholds_of_ones_own_hold_whoever_wants_to_unlock(gallery):
    enrol(gallery, "Ada", unit(1))
    shipped = IdentityTrack(enrolled_people(gallery))
    gallery.keep_own_points(own_points({0.01: 0.7, 0.0001: 0.7}).to_dict(), "43 people")
    track = IdentityTrack(enrolled_people(gallery))
    assert track.point.threshold == pytest.approx(shipped.point.threshold + 0.7)
    assert "people of one's own" in track.point.measured_text
    assert watched(shipped, unit(1)).verdict() is not None
    gallery.keep_own_points(own_points({0.01: 90.0, 0.0001: 90.0}).to_dict(), "43 people")
    assert watched(IdentityTrack(enrolled_people(gallery)), unit(1)).verdict() is None
