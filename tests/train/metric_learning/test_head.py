"""Where distances are stretched, and by how much."""

import numpy as np
import pytest

from kerasface.train.metric_learning.head import crowding, find_centres, fit_stretch


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_crowding_is_the_mean_cosine_to_the_ten_nearest_others():
    vectors = unit(np.random.default_rng(0).normal(size=(40, 4)))
    labels = np.arange(40) // 2
    found = crowding(vectors, labels)
    for row in (0, 7, 39):
        others = sorted(vectors[row] @ vectors[other] for other in range(40) if labels[other] != labels[row])
        assert found[row] == pytest.approx(np.mean(others[-10:]), abs=1e-6)
    few = crowding(vectors[:4], labels[:4])  # two others each
    assert few[0] == pytest.approx((vectors[0] @ vectors[2] + vectors[0] @ vectors[3]) / 2, abs=1e-6)


def test_distances_are_stretched_where_faces_crowd():
    rng = np.random.default_rng(0)
    crowd = unit(np.array([1, 0, 0, 0]) + 0.1 * rng.normal(size=(100, 4)))
    scattered = unit(np.array([-1, 0, 0, 0]) + 0.6 * rng.normal(size=(100, 4)))
    vectors, labels = np.concatenate([crowd, scattered]), np.arange(200) // 2
    centres = find_centres(vectors, seed=0)
    kernel, bias = fit_stretch(vectors, labels, centres)
    near = np.exp(-4.0 * ((vectors[:, None] - centres) ** 2).sum(axis=2))
    factors = np.exp(near @ kernel + bias)[:, 0]
    assert factors[:100].min() > np.median(factors[100:])
    wanted = (1 - crowding(vectors, labels)) ** -0.75
    assert np.corrcoef(np.log(wanted), np.log(factors))[0, 1] > 0.8


def test_no_centre_is_somebodys_own_embedding():
    """Four images stand far from all others: their cluster is too small to be kept."""
    rng = np.random.default_rng(0)
    many = unit(np.array([1, 0, 0, 0]) + 0.05 * rng.normal(size=(12, 4)))
    alone = unit(np.array([-1, 0, 0, 0]) + 0.01 * rng.normal(size=(4, 4)))
    centres = find_centres(np.concatenate([many, alone]), seed=0)
    assert len(centres) == 1
    np.testing.assert_allclose(centres[0], many.mean(axis=0), atol=1e-6)
