"""Windows: cut out anywhere, and those of one face suppressed or averaged."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces.pyramid import halvings
from kerasface.faces.windows import averaged, cut, suppress

rectangles = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(1, 12), st.integers(1, 12))


@given(st.lists(rectangles, max_size=25), st.sampled_from([0.25, 0.5, 0.75]), st.booleans(), st.randoms())
def test_suppression_equals_the_plain_algorithm(boxes, max_overlap, by_smaller, random):
    """Take the most probable box that is left, drop what overlaps it too much, repeat; in whole numbers, so exact."""
    scores = [index / 100 for index in range(1, len(boxes) + 1)]
    random.shuffle(scores)
    rows = [(x, y, x + w, y + h, scores[index], index) for index, (x, y, w, h) in enumerate(boxes)]
    left, expected = sorted(rows, key=lambda row: -row[4]), []
    while left:
        best, *left = left
        expected.append(best[5])
        left = [row for row in left if not overlaps_too_much(best, row, max_overlap, by_smaller)]
    kept = suppress(np.array(rows, dtype=float).reshape(-1, 6), max_overlap, by_smaller)
    assert kept[:, 5].tolist() == expected


def overlaps_too_much(one, other, max_overlap, by_smaller):
    cells = [
        {(x, y) for x in range(left, right) for y in range(top, bottom)}
        for left, top, right, bottom, *_ in (one, other)
    ]
    whole = min(map(len, cells)) if by_smaller else len(cells[0] | cells[1])
    return len(cells[0] & cells[1]) > max_overlap * whole


def test_boxes_of_one_face_are_averaged_and_those_of_another_are_not():
    """Weights 0.9 and 0.6: the left edge is (0.9 * 0 + 0.6 * 5) / 1.5 = 2, the landmark (0.9 * 4 + 0.6 * 9) / 1.5 = 6.

    Of 100 x 100 the second box, 5 pixels aside, shares 95 x 100, more than half of the union; the third shares nothing;
    the fourth, a quarter of the first and inside it, is dropped, but not averaged.
    """
    rows = np.array(
        [
            (0, 0, 100, 100, 0.9, 4),
            (5, 0, 105, 100, 0.6, 9),
            (300, 0, 400, 100, 0.8, 7),
            (20, 20, 70, 70, 0.7, 8),
        ]
    )
    np.testing.assert_allclose(averaged(rows), [(2, 0, 102, 100, 0.9, 6), (300, 0, 400, 100, 0.8, 7)])


def test_averaging_takes_no_rows_and_boxes_turned_inside_out():
    assert averaged(np.zeros((0, 15))).shape == (0, 15)
    inside_out = np.array([(10.0, 0.0, 5.0, 20.0, 0.9)])
    np.testing.assert_array_equal(averaged(inside_out), inside_out)


@pytest.mark.parametrize("square", [(3, 5, 51, 53), (-20, -10, 76, 86), (150, 60, 246, 156), (2.5, 7.25, 14.5, 19.25)])
def test_a_patch_shows_what_its_square_covers(square):
    """Of 200 x 100 pixels, red grows by 1 from left to right and green by 2 from top to bottom; outside it is grey."""
    x, y = np.meshgrid(np.arange(200), np.arange(100))
    photo = np.stack([x, 2 * y, np.zeros_like(x)], axis=2).astype(np.uint8)
    step = (square[2] - square[0]) / 24
    # Of the patch's columns and rows, the places in the photo, counted as its pixels are.
    across, down = (low + (np.arange(24) + 0.5) * step - 0.5 for low in square[:2])
    (patch,) = cut(halvings(photo), np.array([square], dtype=float), 24)
    inside = np.outer((down >= 2) & (down <= 97), (across >= 2) & (across <= 197))
    expected = np.stack(np.broadcast_arrays(across[None], 2 * down[:, None]), axis=2)
    np.testing.assert_allclose(patch[inside][:, :2], expected[inside], atol=2)
    assert (patch[(down < -4) | (down > 104)] == 128).all()


def test_a_patch_of_a_photo_longer_than_opencv_takes():
    photo = np.zeros((40, 40_000, 3), dtype=np.uint8)
    photo[10:30, 39_000:39_020] = 250
    squares = np.array([(39_000, 10, 39_020, 30), (50_000, 10, 50_020, 30)], dtype=float)
    patch, far = cut(halvings(photo), squares, 24)
    assert (patch[2:-2, 2:-2] == 250).all()
    assert (far == 128).all()
