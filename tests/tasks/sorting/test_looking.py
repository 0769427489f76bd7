"""No photo is looked at twice where that is wanted, and what is remembered of it is exactly what was seen."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.quality import FaceQuality
from kerasface.gallery.opening import open_gallery
from kerasface.tasks.sorting.looking import look_at_photos, remembered_photos

DIM = 4


class Eyes:
    """Looks at photos: one face each, whose embedding tells the photo's color; counts what it looks at."""

    detector = SimpleNamespace(fingerprint="detector")
    embedder = SimpleNamespace(fingerprint="embedder")

    def __init__(self, until=None):
        self.looked, self.until = 0, until

    def analyze(self, images):
        self.looked += len(images)
        if self.until is not None and self.looked > self.until:
            raise KeyboardInterrupt
        return [[self.face(image)] if image.max() else [] for image in images]

    def face(self, image):
        embedding = np.float32([*image[0, 0] / 255 + 1 / 3, 0.1])
        quality = FaceQuality(20.5, 0.1, 1 / 3, 0.0, -7.25, 99.0, 0.0, 0.5)
        landmarks = np.arange(10, dtype=np.float32).reshape(5, 2) / 3
        return AnalyzedFace(
            Face((0.1, 1 / 3, 20.0, 30.0), landmarks, 0.9987654321, 90),
            image,
            quality,
            embedding,
            "embedder",
            "detector",
        )


@pytest.fixture
def gallery(tmp_path):
    with open_gallery(tmp_path / "g", embedder="embedder", embedding_dim=DIM, key=b"k" * 32) as gallery:
        yield gallery


@pytest.fixture
def seen(gallery):
    return gallery.seen


@pytest.fixture
def photos(tmp_path):
    """Five photos, the first without a face; and two files that are none, or are not there."""
    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.png")
        Image.new("RGB", (40 + number, 40), (number * 50, number, 7 if number else 0)).save(paths[-1])
    (tmp_path / "text.jpg").write_text("no photo")
    return [*paths[:3], tmp_path / "text.jpg", tmp_path / "gone.jpg", *paths[3:]]


def looks(photos, eyes, seen=None):
    return [look for batch in look_at_photos(photos, eyes, seen) for look in batch]


def same(first, second):
    return (
        (first.path, first.source_hash, first.date, first.problem, first.notes, len(first.faces))
        == (second.path, second.source_hash, second.date, second.problem, second.notes, len(second.faces))
    ) and all(
        (one.face.box, one.face.detection_score, one.face.turned, one.quality, one.embedder, one.detector)
        == (
            other.face.box,
            other.face.detection_score,
            other.face.turned,
            other.quality,
            other.embedder,
            other.detector,
        )
        and np.array_equal(one.embedding, other.embedding)
        and np.array_equal(one.face.landmarks, other.face.landmarks)
        for one, other in zip(first.faces, second.faces, strict=True)
    )


def test_a_second_time_the_same_is_given_and_nothing_looked_at(photos, seen):
    first, second = Eyes(), Eyes()
    before, again = looks(photos, first, seen), looks(photos, second, seen)
    assert (first.looked, second.looked) == (5, 0)
    assert [look.path for look in before] == [look.path for look in again] == photos
    assert [bool(look.problem) for look in again] == [False, False, False, True, True, False, False]
    assert all(map(same, before, again))
    assert {entry.crop for look in again for entry in look.faces} == {None}


def test_only_what_is_new_is_looked_at_and_the_order_stays(photos, seen):
    looks([photos[1], photos[5]], Eyes(), seen)
    eyes = Eyes()
    assert [look.path for look in looks(photos, eyes, seen)] == photos
    assert eyes.looked == 3


def test_a_run_that_was_ended_goes_on_where_it_was(photos, seen, monkeypatch):
    monkeypatch.setattr("kerasface.data.photos._BATCH_PIXELS", 1)  # a photo at a time
    with pytest.raises(KeyboardInterrupt):
        looks(photos, Eyes(until=2), seen)
    eyes, done = Eyes(), seen.count()
    assert done >= 1
    assert len(looks(photos, eyes, seen)) == len(photos)
    assert eyes.looked == 5 - done


def test_a_changed_photo_is_another_one_and_a_moved_one_the_same(photos, gallery, seen, tmp_path):
    looks(photos, Eyes(), seen)
    Image.new("RGB", (50, 50), (9, 9, 9)).save(photos[1])
    moved = photos[2].rename(tmp_path / "moved \udcff.png")
    eyes = Eyes()
    looks([photos[1], moved], eyes, seen)
    assert eyes.looked == 1
    assert moved in {look.path for look in remembered_photos(gallery)}


def test_a_folder_that_disappears_midway_costs_what_was_not_looked_at_yet(photos, seen, tmp_path, monkeypatch):
    monkeypatch.setattr("kerasface.data.photos._BATCH_PIXELS", 1)  # a photo at a time

    class Unplugged(Eyes):
        def analyze(self, images):
            for photo in photos:
                photo.unlink(missing_ok=True)
            return super().analyze(images)

    found = looks(photos, Unplugged(), seen)
    assert [look.path for look in found] == photos
    gone = [look for look in found if look.problem]
    assert gone
    assert all(str(look.path) in look.problem for look in gone)
    assert seen.count() == len(photos) - len(gone)


def test_nothing_is_kept_unless_it_is_asked_for(photos, seen):
    looks(photos, Eyes())
    assert seen.count() == 0
