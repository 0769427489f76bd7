"""Small pictures of faces, from crops and from photos that are still what they were."""

import io

import numpy as np
import pytest
from PIL import Image

from kerasface.data.cache.images import content_keys
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.tasks.thumbnails import SIDE, keep_pictures, picture_of_box, picture_of_crop, picture_of_file


def opened(picture):
    return np.asarray(Image.open(io.BytesIO(picture)))


@pytest.fixture
def photo(tmp_path):
    """A green photo with a red square from (200, 100) to (300, 200)."""
    image = np.full((400, 600, 3), (0, 200, 0), np.uint8)
    image[100:200, 200:300] = 200, 0, 0
    Image.fromarray(image).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_a_picture_shows_the_face_and_a_little_around_it(photo):
    image = np.asarray(Image.open(photo))
    picture = opened(picture_of_box(image, (200, 100, 100, 100)))
    assert picture.shape == (SIDE, SIDE, 3)
    red = (picture[..., 0] > 100).mean()
    assert red == pytest.approx((100 / 140) ** 2, abs=0.02)  # a fifth of a side around it
    assert picture_of_box(image, (900, 900, 50, 50)) is None
    assert picture_of_box(image, (-100, -100, 50, 50)) is None
    assert opened(picture_of_box(image, (-20, -20, 60, 60))).shape[2] == 3  # at the border
    assert opened(picture_of_crop(image[:150, :150])).shape == (SIDE, SIDE, 3)


def test_a_photo_that_is_gone_or_another_one_gives_none(photo):
    ((key,), _) = content_keys([photo])
    assert picture_of_file(str(photo), key, (200, 100, 100, 100))
    Image.new("RGB", (600, 400)).save(photo)
    assert picture_of_file(str(photo), key, (200, 100, 100, 100)) is None
    photo.unlink()
    assert picture_of_file(str(photo), key, (200, 100, 100, 100)) is None


def test_turned_on_the_photos_that_are_there_give_pictures(photo, nobody, tmp_path):
    ((key,), _) = content_keys([photo])
    face = {"box": [200, 100, 100, 100], "landmarks": np.zeros((5, 2)).tolist()}
    path = tmp_path / "g"
    with open_gallery(path, embedder=embedder_fingerprint(), embedding_dim=EMBEDDING_DIM, key=b"k" * 32) as gallery:
        samples = [
            NewSample(nobody[0], str(photo), key, face=face),
            NewSample(nobody[1], "gone.jpg", "0" * 64, face=face),
            NewSample(nobody[2], "old.jpg", "1" * 64),
        ]
        gallery.enroll("Ada", samples)
        assert keep_pictures(gallery) == (1, 3)
        assert [bool(sample.thumbnail) for sample in gallery.samples("Ada")] == [True, False, False]
        assert keep_pictures(gallery) == (1, 3)
