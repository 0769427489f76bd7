"""Pooling and the ways back."""

import numpy as np
import pytest

from kerasface.inspection.teaching.worked.unpooling import PICTURE, max_pool, unpool


def test_the_largest_of_each_window_and_its_place():
    pooled = max_pool(PICTURE)
    np.testing.assert_array_equal(pooled.values, [(9, 2), (6, 3)])
    np.testing.assert_array_equal(pooled.averages, [(3.75, 1.25), (3.75, 2)])
    np.testing.assert_array_equal(pooled.places, [[(1, 1), (0, 2)], [(3, 1), (2, 3)]])


def test_three_ways_back():
    pooled = max_pool(PICTURE)
    values = [(1, 2), (3, 4)]
    np.testing.assert_array_equal(unpool(values, pooled, "copied"), np.kron(values, np.ones((2, 2))))
    np.testing.assert_array_equal(
        unpool(values, pooled, "placed"), [(1, 0, 2, 0), (0, 0, 0, 0), (3, 0, 4, 0), (0, 0, 0, 0)]
    )
    np.testing.assert_array_equal(
        unpool(values, pooled, "by index"), [(0, 0, 2, 0), (0, 1, 0, 0), (0, 0, 0, 4), (0, 3, 0, 0)]
    )


@pytest.mark.parametrize("way", ["copied", "by index"])
def test_pooled_again_it_is_what_it_was(way):
    picture = np.random.default_rng(0).uniform(size=(6, 9))
    pooled = max_pool(picture, 3)
    np.testing.assert_array_equal(max_pool(unpool(pooled.values, pooled, way), 3).values, pooled.values)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_pool(np.ones((3, 4))), "multiples of the window's side"),
        (lambda: unpool([[1]], max_pool(PICTURE), "copied"), "As many numbers"),
        (lambda: unpool(np.ones((2, 2)), max_pool(PICTURE), "guessed"), "copied, placed, by index"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
