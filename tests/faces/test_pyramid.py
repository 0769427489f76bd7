"""The pyramid: the right sizes, laid out so that no level touches another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces.pyramid import automatic_min_face_size, packed, pyramid


@pytest.mark.parametrize(
    ("width", "height", "smallest"),
    [
        (250, 250, 20),
        (800, 600, 20),
        (4000, 3000, 100),  # 4000 / 40
        (1920, 1080, 48),  # 1920 / 40; 1080 / 22 is a little more
        (9000, 400, 20),  # 400 / 22 is less than 20
        (9000, 2200, 100),  # 2200 / 22, not 9000 / 40 = 225
        (64_000, 1000, 1000 / 22),
    ],
)
def test_the_smallest_face_follows_the_shorter_side_of_long_photos(width, height, smallest):
    assert automatic_min_face_size(height, width) == pytest.approx(smallest)
    assert automatic_min_face_size(width, height) == pytest.approx(smallest)


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([12.0, 20.0, 47.0]))
def test_a_pyramid_lies_on_its_canvas_whole_and_apart(height, width, min_face_size):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    levels = pyramid(image, min_face_size)
    canvas, places = packed(levels)
    assert canvas.shape[0] % 32 == canvas.shape[1] % 32 == 0
    assert min(canvas.shape[:2]) >= 32
    owner = np.zeros(canvas.shape[:2], dtype=int)
    for level, (x, y, cols, rows) in zip(levels, places, strict=True):
        assert x % 2 == y % 2 == 0
        np.testing.assert_array_equal(canvas[y : y + rows, x : x + cols], level)
        owner[y : y + rows, x : x + cols] += 1
    assert owner.max(initial=0) <= 1


def test_the_smallest_face_fills_the_network_window():
    """120 x 240 with faces from 24 pixels: the first level is half as large, as 24 becomes 12."""
    levels = pyramid([np.zeros((120, 240, 3), dtype=np.uint8)], 24)
    assert levels[0].shape == (60, 120, 3)
    assert all(min(level.shape[:2]) >= 12 for level in levels)
    # 60 * 0.709 ** k >= 12 for k = 0 ... 4
    assert len(levels) == 5
