"""All photos of somebody, with whom and since when: decided anew whenever the gallery has changed."""

import hashlib

import numpy as np
import pytest

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.faces.quality import FaceQuality
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.tasks.identification import Identifier
from kerasface.tasks.sorting import looking
from kerasface.tasks.sorting.looking import LookedAt
from kerasface.tasks.sorting.of_person import company, photos_of


def hash_of(name):
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def gallery(tmp_path):
    path = tmp_path / "g"
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=b"k" * 32) as gallery:
        yield gallery


@pytest.fixture
def remember(gallery, tmp_path, nobody):
    """Remembers a photo of some people, who are numbers."""

    def remember_photo(name, date, *people):
        faces = [
            AnalyzedFace(
                Face((60.0 * place, 0, 50, 50), np.zeros((5, 2), dtype=np.float32), 0.99),
                None,
                FaceQuality(90, 0.2, 0, 0, 0, 120, 0, 0.5),
                nobody[person],
                gallery.embedder,
            )
            for place, person in enumerate(people)
        ]
        look = LookedAt(tmp_path / name, hash_of(name), faces, date)
        gallery.seen.add({look.source_hash: looking._record(look)}, f"detector {gallery.embedder}")

    return remember_photo


@pytest.mark.slow
def test_photos_of_a_person_change_with_the_gallery(gallery, remember, nobody, tmp_path):
    ada = gallery.enroll("Ada", [NewSample(nobody[0], "enrolled.jpg", hash_of("enrolled.jpg"))]).person_id
    remember("late.jpg", "2024-05-01T10:00:00", 0, 1)
    remember("early.jpg", "2019-05-01T10:00:00", 0)
    remember("undated.jpg", None, 1, 0)
    remember("others.jpg", None, 1, 2)
    identifier = Identifier(gallery)
    found = photos_of(identifier, ada)
    remembered = [str(tmp_path / name) for name in ("early.jpg", "late.jpg")]
    assert [one.photo for one in found] == [*remembered, *sorted([str(tmp_path / "undated.jpg"), "enrolled.jpg"])]
    assert [one.is_sample for one in found] == [False, False, False, True]
    assert company(found) == {}
    gallery.enroll("Bob", [NewSample(nobody[1], "bob.jpg", hash_of("bob.jpg"))])
    assert company(photos_of(identifier, ada)) == {"Bob": 2}
    remember("enrolled.jpg", "2001-01-01T00:00:00", 0)
    first = photos_of(identifier, ada)[0]
    assert (first.photo, first.is_sample, first.date[:4]) == (str(tmp_path / "enrolled.jpg"), True, "2001")
    gallery.delete_person(ada)  # and nothing is remembered of her
    assert gallery.seen.count() == 0
