"""Reading many photos: in order, problems included, memory bounded."""

import threading

import numpy as np
import pytest
from PIL import Image

from kerasface.data import photos
from kerasface.data.photos import looked_at, read_photos


def save(path, width, height, value=0):
    Image.fromarray(np.full((height, width, 3), value, dtype=np.uint8)).save(path)
    return path


def test_order_is_kept_and_batches_are_full(tmp_path):
    paths = [save(tmp_path / f"{value}.png", 4, 3, value) for value in range(23)]
    batches = list(read_photos(paths, batch_size=5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5, 3]
    read = [photo for batch in batches for photo in batch]
    assert [photo.path for photo in read] == paths
    for value, photo in enumerate(read):
        assert photo.problem is None
        np.testing.assert_array_equal(photo.image, np.full((3, 4, 3), value))


def test_problems_come_along_in_their_place(tmp_path):
    paths = [save(tmp_path / "a.png", 4, 3), tmp_path / "text.jpg", tmp_path / "absent.png", tmp_path / "empty.png"]
    paths[1].write_text("no image")
    paths[3].touch()
    paths.append(save(tmp_path / "z.png", 5, 6))
    (batch,) = read_photos(paths)
    assert [photo.path for photo in batch] == paths
    assert [photo.image is None for photo in batch] == [False, True, True, True, False]
    for photo in batch[1:4]:
        assert str(photo.path) in photo.problem
        assert "\n" not in photo.problem


def test_large_photos_make_small_batches(tmp_path, monkeypatch):
    """A batch ends with the photo that brings it to 1,000 pixels: 400 + 400 + 400, then 1,200, then 400."""
    monkeypatch.setattr(photos, "_BATCH_PIXELS", 1000)
    sizes = [(20, 20), (20, 20), (20, 20), (30, 40), (20, 20)]
    paths = [save(tmp_path / f"{index}.png", *size) for index, size in enumerate(sizes)]
    assert [len(batch) for batch in read_photos(paths)] == [3, 1, 1]


def test_only_a_few_photos_are_decoded_ahead(tmp_path, monkeypatch):
    decoded = []
    decode = photos.decode
    monkeypatch.setattr(photos, "decode", lambda path, **options: decoded.append(path) or decode(path, **options))
    paths = [save(tmp_path / f"{index}.png", 4, 3) for index in range(40)]
    reading = read_photos(paths, batch_size=2)
    next(reading)
    assert 2 <= len(decoded) <= 2 + photos._AHEAD + 1
    reading.close()
    assert len(decoded) < 40


@pytest.mark.parametrize("batch_size", [1, 32])
def test_no_paths_give_no_batches(batch_size):
    assert list(read_photos([], batch_size=batch_size)) == []


def test_batches_that_are_looked_at_side_by_side_keep_their_order(tmp_path, monkeypatch):
    """The second one is done before the first, which waits for it."""
    monkeypatch.setattr(photos, "_BATCH_PIXELS", 1)
    paths = [save(tmp_path / f"{value}.png", 4, 3, value) for value in range(5)]
    second_done = threading.Event()

    def look(batch):
        value = int(batch[0].image[0, 0, 0])
        assert value != 0 or second_done.wait(timeout=60)
        if value == 1:
            second_done.set()
        return value

    found = list(looked_at(paths, look))
    assert [value for _, value in found] == [0, 1, 2, 3, 4]
    assert [batch[0].path for batch, _ in found] == paths


def test_what_goes_wrong_while_looking_is_raised(tmp_path):
    def look(batch):
        raise ValueError("no network")

    with pytest.raises(ValueError, match="no network"):
        list(looked_at([save(tmp_path / "a.png", 4, 3)], look))
