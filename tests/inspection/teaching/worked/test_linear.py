"""The linear classifier of four pixels, by hand."""

import numpy as np
import pytest

from kerasface.inspection.teaching.worked.linear import BIASES, PIXELS, WEIGHTS, boundary_between, linear_scores


def test_the_four_pixels_of_the_lectures():
    """Cat 11.2 - 115.5 + 2.4 + 4 + 1.1, dog 84 + 300.3 + 50.4 + 0 + 3.2, ship 0 + 57.75 + 4.8 - 0.6 - 1.2."""
    found = linear_scores(PIXELS, WEIGHTS, BIASES)
    np.testing.assert_allclose(found.products[0], [11.2, -115.5, 2.4, 4])
    np.testing.assert_allclose(found.scores, [-96.8, 437.9, 60.75])
    assert found.sums[2] == pytest.approx(61.95)  # what is often printed: the bias is left out


def test_the_boundary_is_where_two_scores_are_equal():
    weights, biases = np.array([(1, 2), (3, -1), (0, 0)]), np.array([0.5, -1, 0])
    plane = boundary_between(weights, biases, 0, 1)
    points = np.random.default_rng(0).normal(size=(50, 2))
    scores = points @ weights.T + biases
    np.testing.assert_array_equal(plane.values(points) > 0, scores[:, 0] > scores[:, 1])
    on_it = points - plane.distances(points)[:, None] * plane.normal / np.linalg.norm(plane.normal)
    np.testing.assert_allclose(plane.values(on_it), 0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_scores([1, 2], WEIGHTS, BIASES), "a column for each pixel. Received: weights"),
        (lambda: linear_scores([1, np.nan, 0, 0], WEIGHTS, BIASES), "finite numbers.*pixels"),
        (lambda: linear_scores([[1], [1, 2]], WEIGHTS, BIASES), "Received: pixels="),
        (lambda: boundary_between(WEIGHTS, BIASES, 1, 1), "Two different classes"),
        (lambda: boundary_between(WEIGHTS, BIASES, 0, 3), "Two different classes"),
        (lambda: boundary_between([(1, 1), (1, 1)], [0, 1], 0, 1).distances([0, 0]), "divide nothing"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
