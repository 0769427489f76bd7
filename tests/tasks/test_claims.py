"""A face against the person that it is said to be: the best sample counts, and each has its part of the rate."""

import hashlib
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import Consent, GalleryError, NewSample, NoSuchPersonError
from kerasface.tasks.claims import verify_claim
from tests.tasks.test_identification import near

EXPIRED = Consent("2020-01-01T00:00:00+00:00", "door", "2020-02-01T00:00:00+00:00")


@pytest.fixture
def enrolled(gallery, nobody):
    """Ada with one sample, Bob with four."""

    def sample(row):
        return NewSample(nobody[row], f"{row}.jpg", hashlib.sha256(str(row).encode()).hexdigest())

    gallery.enroll("Ada", [sample(0)])
    gallery.enroll("Bob", [sample(row) for row in range(1, 5)])
    return gallery


def claim(enrolled, front_end, embedding, person, **options):
    front_end.lists = [[embedding] if embedding is not None else []]
    return verify_claim(None, person, enrolled, front_end, **options)


def test_a_face_is_who_it_is_said_to_be_and_nobody_else(enrolled, front_end, nobody):
    probe = near(nobody[3], 0.98, 3)
    found = claim(enrolled, front_end, probe, "Bob")
    assert (found.decision, found.person, found.num_samples) == ("match", "Bob", 4)
    assert found.score == pytest.approx(0.98, abs=1e-5)
    scores = normalizer_of(enrolled.embedder).scores(probe[None], nobody[1:5])[0]
    assert found.normalized_score == pytest.approx(scores.max(), abs=1e-3)
    assert found.reason.startswith("The face matches Bob: normalized score")
    other = claim(enrolled, front_end, probe, enrolled.person("Ada").person_id)
    assert (other.decision, other.person) == ("no_match", "Ada")
    assert "not found to match Ada" in other.reason
    assert other.to_dict()["operating_point"]["threshold"] == other.threshold


def test_each_sample_is_held_to_its_part_of_the_rate(enrolled, front_end, nobody):
    one, four = (claim(enrolled, front_end, nobody[0], person, fmr=0.001) for person in ("Ada", "Bob"))
    assert one.threshold == operating_point(enrolled.embedder, 0.001).threshold
    assert four.threshold == operating_point(enrolled.embedder, 0.00025).threshold > one.threshold
    assert (one.fmr, four.fmr) == (0.001, 0.001)


def test_a_photo_without_a_face_and_a_number_that_no_face_has(enrolled, front_end, nobody):
    found = claim(enrolled, front_end, None, "Ada", name="wall.jpg")
    assert (found.decision, found.reason, found.box) == ("no_face", "No face was found in wall.jpg.", None)
    assert (found.score, found.normalized_score) == (None, None)
    with pytest.raises(ValueError, match=r"wall.jpg shows 1 face\. Received: face 2"):
        claim(enrolled, front_end, nobody[0], "Ada", name="wall.jpg", face=2)


def test_who_is_not_there_cannot_be_claimed(enrolled, front_end, nobody):
    with pytest.raises(NoSuchPersonError, match="'Eve'"):
        claim(enrolled, front_end, nobody[0], "Eve")
    enrolled.set_consent("Ada", EXPIRED)
    with pytest.raises(GalleryError, match=r"'Ada' has no samples, or the consent expired"):
        claim(enrolled, front_end, nobody[0], "Ada")
    enrolled.enroll("Cyd", [])
    with pytest.raises(GalleryError, match=r"'Cyd' has no samples"):
        claim(enrolled, front_end, nobody[0], "Cyd")


def test_nobody_is_claimed_where_a_consent_that_was_withdrawn_is_put_back(enrolled, front_end, nobody):
    """Ada's record and its manifest agree, as both are those of before."""
    with closing(sqlite3.connect(enrolled.path)) as file:
        kept = [file.execute(f"SELECT * FROM {table} WHERE person = 1").fetchone() for table in ("persons", "seals")]
        enrolled.set_consent("Ada", EXPIRED)
        with file:
            for table, row in zip(("persons", "seals"), kept, strict=True):
                file.execute(f"REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    assert enrolled.person("Ada").is_searched
    with pytest.raises(GalleryError, match=r"put back.*nobody is looked for"):
        claim(enrolled, front_end, nobody[0], "Ada")


def test_a_rate_that_the_parts_were_not_measured_for_is_refused(enrolled, front_end, nobody):
    with pytest.raises(ValueError, match=r"2\.5e-06|0\.0000025"):
        claim(enrolled, front_end, nobody[0], "Bob", fmr=0.00001)


def test_an_embedder_that_was_not_measured_decides_nothing(tmp_path, front_end):
    embedding = np.eye(4, dtype=np.float32)[0]
    with open_gallery(tmp_path / "other.gallery", embedder="other", embedding_dim=4, key=bytes(32)) as gallery:
        gallery.enroll("Ada", [NewSample(embedding, "1.jpg", hashlib.sha256(b"1").hexdigest())])
        found = claim(gallery, front_end, embedding, "Ada")
    assert (found.decision, found.threshold, found.operating_point) == ("not_calibrated", None, None)
    assert found.score == pytest.approx(1)
