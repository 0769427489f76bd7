"""Drawn pictures: the same for the same seed, masks that are where things are, folders that a training takes."""

import numpy as np
import pytest

from kerasface.data.drawn import cells, scenes
from kerasface.data.drawn.canvas import Canvas
from kerasface.data.drawn.folders import KINDS, write_drawn
from kerasface.data.folders import read_about
from kerasface.data.masks.reading import read_mask, read_mask_folders
from kerasface.images.decoding import decode


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_ready_to_train_on(kind, tmp_path):
    _, classes, _, size = KINDS[kind]
    written = write_drawn(kind, tmp_path / "new", count=5, seed=3)
    assert (written.num_train, written.num_validation, written.classes) == (5, 1, classes)
    for part, number in (("train", 5), ("validation", 1)):
        folders = read_mask_folders(tmp_path / "new" / part)
        assert (folders.classes, len(folders.names), folders.rejected) == (classes, number, [])
        assert len(set(folders.colors)) == len(classes)
    assert f"seed {written.seed}" in read_about(tmp_path / "new" / "train")["source"]
    image, mask = decode(folders.images[0]), read_mask(folders.masks[0], folders.classes)
    assert image.shape == (*size, 3)
    assert mask.shape == size
    assert written.to_dict()["image_size"] == list(size)


def test_pictures_are_equal_for_equal_seeds_alone():
    (first, mask), (again, same), (other, _) = (scenes.draw_scene(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(mask, same)
    assert (first != other).any()


def test_every_class_is_drawn_now_and_then():
    found = np.zeros(len(scenes.CLASSES), np.int64)
    for seed in range(6):
        found += np.bincount(scenes.draw_scene(np.random.default_rng(seed))[1].ravel(), minlength=len(found))
    assert (found > 0).all()
    inside = np.bincount(cells.draw_cells(np.random.default_rng(0))[1].ravel(), minlength=3)
    assert (inside > 0).all()


def test_a_mask_is_where_its_shape_is():
    """Pixel middles within the polygon have its class; those outside have none; the edge is half covered."""
    canvas = Canvas(20, 10, np.random.default_rng(0))
    canvas.paint(canvas.polygon([(4, 2), (12, 2), (12, 8), (4, 8)]), np.array([200, 100, 50]), label=3)
    image, mask = canvas.finished(light=1, tint=np.ones(3), blur=0, grain=0)
    expected = np.zeros((10, 20), np.uint8)
    expected[2:8, 4:12] = 3
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(image[4, 8], [200, 100, 50])
    assert (image[:1] == 0).all()


def test_a_shadow_and_dirt_change_the_picture_and_not_the_mask():
    canvas = Canvas(8, 8, np.random.default_rng(0))
    everywhere = np.ones_like(canvas.polygon([(0, 0), (8, 0), (8, 8)]))
    canvas.paint(everywhere, np.array([100, 100, 100]), label=2)
    canvas.shade(everywhere, 0.5)
    image, mask = canvas.finished(light=1, tint=np.ones(3), blur=0, grain=0)
    assert (mask == 2).all()
    assert (image == 50).all()


def test_what_cannot_be_drawn_is_said(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="which is not empty"):
        write_drawn("cells", tmp_path, count=1)
    with pytest.raises(ValueError, match="Unknown kind"):
        write_drawn("clouds", tmp_path / "new")
    with pytest.raises(ValueError, match="count=0"):
        write_drawn("cells", tmp_path / "new", count=0)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
