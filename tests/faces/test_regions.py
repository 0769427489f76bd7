"""Squares cut out and maps brought back: positions to the pixel, and every size of photo in bounded memory."""

import tracemalloc

import cv2
import numpy as np
import pytest

from kerasface.faces.regions import class_ids, compose, cut_square, inside, square_around


def ramp(height, width):
    """A photo whose red grows by 2 per column and whose green grows by 2 per row."""
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[..., 0], image[..., 1] = 2 * np.arange(width), 2 * np.arange(height)[:, None]
    return image


def at_centres(square, size):
    """Positions in the photo of the centres of a square's `size` pixels, as indices: `(x of columns, y of rows)`."""
    x, y, side = square
    offsets = (np.arange(size) + 0.5) * side / size - 0.5
    return x + offsets, y + offsets


def one_hot(ids, num_classes):
    return np.eye(num_classes, dtype=np.float32)[ids]


def test_the_square_has_the_boxs_centre_and_its_height_times_the_context():
    assert square_around((100, 50, 40, 60), 2.0) == (60, 20, 120)  # centre 120, 80
    assert square_around((0, 0, 0.01, 0.01), 1.8) == (-1, -1, 2)  # however small, there is something to look at


def test_what_lies_inside():
    assert inside((-10, 20, 50), (60, 100, 3)) == (0, 20, 40, 40)
    assert inside((5, 6, 7), (60, 100, 3)) == (5, 6, 7, 7)


@pytest.mark.parametrize("size", [8, 15, 20, 40, 64])
@pytest.mark.parametrize("square", [(30, 40, 40), (30, 41, 39), (50, 20, 20)])
def test_each_pixel_of_a_square_comes_from_its_place(square, size):
    """On a ramp, means of areas and values between pixels are those at the centre: exact but for rounding."""
    crop = cut_square(ramp(100, 120), square, size).astype(float)
    columns, rows = at_centres(square, size)
    kept = slice(1, -1)  # at the very edge a larger picture has pixels beyond the outermost centres
    np.testing.assert_allclose(crop[kept, kept, 0], np.tile(2 * columns, (size, 1))[kept, kept], atol=1.1)
    np.testing.assert_allclose(crop[kept, kept, 1], np.tile(2 * rows, (size, 1)).T[kept, kept], atol=1.1)


@pytest.mark.parametrize("size", [12, 30, 90])
@pytest.mark.parametrize("square", [(-20, -11, 60), (70, 60, 60), (-30, -30, 200)])
def test_beyond_the_photo_it_is_grey(square, size):
    crop = cut_square(ramp(100, 120), square, size).astype(float)
    columns, rows = at_centres(square, size)
    slack = 2.2 + square[2] / size  # where a pixel lies on the border, half of it is the border's colour
    within = np.outer((rows > -0.501) & (rows < 99.499), (columns > -0.501) & (columns < 119.499))
    assert (crop[~within] == 128).all()
    for channel, expected in enumerate(np.broadcast_arrays(2 * columns[None], 2 * rows[:, None])):
        np.testing.assert_allclose(crop[..., channel][within], expected[within], atol=slack)


def test_a_fine_pattern_does_not_alias():
    """One white column in 16, 16 columns to a pixel: each pixel has a sixteenth of white, 15.9."""
    image = np.zeros((320, 320, 3), dtype=np.uint8)
    image[:, ::16] = 255
    assert abs(cut_square(image, (0, 0, 320), 20).astype(float) - 255 / 16).max() < 2


@pytest.mark.parametrize(("rows", "size"), [(16, (16, 16)), (16, (80, 64)), (16, (33, 47)), (40, (20, 10))])
def test_a_boundary_comes_back_where_it_was(rows, size):
    """The left quarter is class 1, the rest of the upper half class 2: to within a pixel at any size."""
    ids = np.zeros((rows, rows), dtype=np.uint8)
    ids[: rows // 2] = 2
    ids[:, : rows // 4] = 1
    found = class_ids(one_hot(ids, 3), size, (0, 0, size[1], size[0]))
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    expected = np.where(x < width / 4, 1, np.where(y < height / 2, 2, 0))
    sure = (abs(x - width / 4) >= 1) & (abs(y - height / 2) >= 1)
    np.testing.assert_array_equal(found[sure], expected[sure])


def test_classes_meet_where_their_probabilities_are_equal():
    """Two columns, class 1 with probability 0.9, then 0.3: on 8 columns it is 0.5 at source 2/3, target 4.17 - 0.5."""
    certain = np.array([[0.9, 0.3]], dtype=np.float32)
    found = class_ids(np.stack([1 - certain, certain], axis=-1), (1, 8), (0, 0, 8, 1))
    # Centres of the columns in the source: (u + 0.5) / 4 - 0.5; the nearest ids alone would change at column 4.
    sources = np.clip((np.arange(8) + 0.5) / 4 - 0.5, 0, 1)
    np.testing.assert_array_equal(found[0], 0.9 - 0.6 * sources > 0.5)
    assert found[0].sum() == 5


def test_a_window_is_a_part_of_the_whole_and_strips_do_not_show(monkeypatch):
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), (12, 12)).astype(np.float32)
    whole = class_ids(probabilities, (90, 90), (0, 0, 90, 90))
    monkeypatch.setattr("kerasface.faces.regions._STRIP_PIXELS", 500)  # strips of 5 rows
    np.testing.assert_array_equal(class_ids(probabilities, (90, 90), (0, 0, 90, 90)), whole)
    np.testing.assert_array_equal(class_ids(probabilities, (90, 90), (7, 21, 50, 33)), whole[21:54, 7:57])
    planes = [cv2.resize(plane, (90, 90), interpolation=cv2.INTER_LINEAR) for plane in np.moveaxis(probabilities, 2, 0)]
    assert (np.argmax(planes, axis=0) == whole).mean() > 0.999  # equal but for rounding


def test_memory_is_a_byte_per_pixel_and_the_strips():
    """24 million pixels of 6 classes have 576 MB of float32 probabilities; 24 MB are ids."""
    probabilities = np.random.default_rng(0).dirichlet(np.ones(6), (64, 64)).astype(np.float32)
    tracemalloc.start()
    try:
        mask = class_ids(probabilities, (4000, 6000), (0, 0, 6000, 4000))
        compose([mask], [(0, 0, 6000, 4000)], [(2000.0, 1000.0, 2000.0, 2000.0)], (4000, 6000))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * mask.size + 60e6


def test_a_huge_square_is_cut_without_being_drawn():
    """A square of 12,000 pixels on a photo of 3,000: drawn, it would have 432 MB."""
    image = np.full((3000, 3000, 3), 90, dtype=np.uint8)
    tracemalloc.start()
    try:
        crop = cut_square(image, (-4500, -4500, 12_000), 256)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert set(np.unique(crop)) == {90, 128}
    assert (crop == 90).mean() == pytest.approx((3000 / 12_000) ** 2, rel=0.05)
    assert peak < 10e6


def test_where_regions_overlap_the_nearest_face_counts_in_units_of_its_height():
    """A small face of height 10 around column 90, a large one of 60 around column 40: equally near at column 82.9.

    |x - 40| / 60 = |x - 90| / 10 is met at x = 40 + 50 * 6 / 7 = 82.86, and beyond the small face at x = 100.
    """
    masks = [np.full((100, 100), 1, dtype=np.uint8), np.full((18, 18), 2, dtype=np.uint8)]
    regions = [(0, 0, 100, 100), (81, 41, 18, 18)]
    boxes = [(10.0, 20.0, 60.0, 60.0), (85.0, 45.0, 10.0, 10.0)]
    composed = compose(masks, regions, boxes, (100, 120))
    row = composed[50]
    assert (row[:82] == 1).all()
    assert (row[84:99] == 2).all()
    assert row[99] == 1
    assert (row[100:] == 0).all()  # outside all regions
    np.testing.assert_array_equal(compose(masks[::-1], regions[::-1], boxes[::-1], (100, 120)), composed)


def test_background_of_the_nearest_face_hides_no_other():
    near, far = np.zeros((10, 10), dtype=np.uint8), np.full((20, 20), 3, dtype=np.uint8)
    composed = compose([near, far], [(0, 0, 10, 10), (0, 0, 20, 20)], [(2, 2, 6, 6), (12, 12, 6, 6)], (20, 20))
    assert (composed == 3).all()


def test_no_faces_are_all_background():
    assert not compose([], [], [], (5, 7)).any()
