"""Pictures to learn from live: sizes, classes, and nothing on both sides."""

import numpy as np
import pytest
from PIL import Image

from kerasface.train.live.data import color_crops, digits, own_pictures


def check(data, num_classes, channels):
    assert data.images.dtype == np.float32
    assert 0 <= data.images.min() <= data.images.max() <= 1
    assert data.images.shape[1] == data.images.shape[2]
    assert data.images.shape[3] == channels
    assert len(data.classes) == num_classes == len(set(data.labels.tolist()))
    assert not set(data.train) & set(data.held_out)
    assert sorted([*data.train, *data.held_out]) == list(range(len(data.labels)))
    np.testing.assert_array_equal(data.labels[data.shown], range(num_classes))
    assert set(data.shown) <= set(data.held_out)


def test_digits():
    check(digits(), 10, 1)


def test_crops_of_photos():
    data = color_crops()
    check(data, 10, 3)
    np.testing.assert_array_equal(data.images[:5], color_crops().images[:5])


def test_crops_held_out_are_of_another_part(monkeypatch):
    """Of a photo that is white in its middle fifth and black beside it, those held out are white and others black."""
    photo = np.zeros((60, 200, 3), np.uint8)
    photo[:, 80:120] = 255
    monkeypatch.setattr("skimage.data.coffee", lambda: photo)
    data = color_crops()
    own = np.flatnonzero(data.labels == data.classes.index("coffee"))
    means = data.images[own].mean(axis=(1, 2, 3))
    held_out = np.isin(own, data.held_out)
    assert (means[held_out] > 0.99).all()
    assert (means[~held_out] < 0.01).all()


@pytest.fixture
def folder(tmp_path):
    for name, color in (("ada", 20), ("bob", 220)):
        (tmp_path / name).mkdir()
        for index in range(6):
            Image.new("RGB", (40, 30), (color, index, 0)).save(tmp_path / name / f"{index}.png")
    return tmp_path


def test_a_folder_of_ones_own(folder):
    (folder / "ada" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    data = own_pictures(folder)
    check(data, 2, 3)
    assert data.classes == ("ada", "bob")
    assert len(data.held_out) == 2
    assert data.notes == ("1 file could not be read.",)


def test_a_folder_that_is_none_is_said(folder):
    with pytest.raises(ValueError, match="does not exist"):
        own_pictures(folder / "nobody")
    with pytest.raises(ValueError, match="ada"):
        own_pictures(folder / "ada")
    for path in (folder / "bob").iterdir():
        path.write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(ValueError, match="fewer than two classes with two pictures"):
        own_pictures(folder)
