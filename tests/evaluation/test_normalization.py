"""Scores in units of what strangers reach."""

import numpy as np
import pytest

from kerasface.evaluation.normalization import (
    Normalizer,
    bilinear,
    draw_cohort,
    nearest_cosines,
)


def unit(array):
    return (array / np.linalg.norm(array, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def normalizer():
    return Normalizer(unit(np.random.default_rng(0).normal(size=(400, 16))), 50, "test")


FACES = unit(np.random.default_rng(1).normal(size=(9, 16)))


def test_statistics_are_mean_and_deviation_of_the_highest_cosines(normalizer):
    highest = np.sort(FACES @ normalizer.cohort.T, axis=1)[:, -50:]
    expected = np.stack([highest.mean(axis=1), highest.std(axis=1)], axis=1)
    np.testing.assert_allclose(normalizer.statistics(FACES), expected, rtol=1e-5)


def test_a_face_has_the_same_statistics_alone_as_among_others(normalizer):
    alone = np.concatenate([normalizer.statistics(face[None]) for face in FACES])
    np.testing.assert_allclose(normalizer.statistics(FACES), alone, rtol=1e-5)


def test_scores_follow_the_formula_and_are_symmetric(normalizer):
    scores = normalizer.scores(FACES, FACES)
    (mean, spread), cosines = normalizer.statistics(FACES).astype(float).T, FACES.astype(float) @ FACES.T.astype(float)
    by_hand = ((cosines - mean[:, None]) / spread[:, None] + (cosines - mean) / spread) / 2
    np.testing.assert_allclose(scores, by_hand, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(scores, scores.T, rtol=1e-6)


def test_strangers_of_the_cohort_s_kind_score_about_nought_and_oneself_scores_high(normalizer):
    scores = normalizer.scores(FACES, FACES)
    off = scores[~np.eye(9, dtype=bool)]
    assert off.max() < 5 < np.diag(scores).min()


def test_products_of_the_bilinear_features_are_the_scores_also_of_means(normalizer):
    left, right = bilinear(FACES, normalizer.statistics(FACES))
    scores = normalizer.scores(FACES, FACES)
    np.testing.assert_allclose(left @ right.T, scores, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(left[:4].mean(0) @ right[4:].mean(0), scores[:4, 4:].mean(), rtol=1e-5, atol=1e-5)


def test_a_cohort_smaller_than_twice_what_is_looked_at_is_refused():
    with pytest.raises(ValueError, match=r"at least twice as many .* Received: 16 embeddings, num_best=9\."):
        Normalizer(np.eye(16, dtype=np.float32), 9, "small")


def test_embeddings_of_another_embedder_are_refused(normalizer):
    with pytest.raises(ValueError, match=r"must have shape \(n, 16\)"):
        normalizer.statistics(np.eye(8, dtype=np.float32))


def test_a_draw_looks_like_its_people_and_is_none_of_them():
    """Two groups far apart in 3 of 24 directions: draws fall into both, nearly none between."""
    rng = np.random.default_rng(2)
    centres = np.zeros((2, 24))
    centres[0, 0], centres[1, 1] = 5, 5
    people = unit(centres[rng.integers(0, 2, 300)] + rng.normal(size=(300, 24)) * 0.4)
    drawn = draw_cohort(people, 500, num_components=4, num_directions=6, seed=3)
    assert drawn.shape == (500, 24)
    np.testing.assert_allclose(np.linalg.norm(drawn, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(drawn.mean(axis=0), people.mean(axis=0), atol=0.08)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(people.T), atol=0.06)
    between = np.abs(drawn[:, 0] - drawn[:, 1]) < 0.3
    assert between.mean() < 0.05
    assert nearest_cosines(drawn, people).max() < 0.9999


def test_a_draw_is_the_same_for_the_same_seed():
    people = unit(np.random.default_rng(4).normal(size=(60, 12)))
    draws = [draw_cohort(people, 30, num_components=2, seed=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2])


@pytest.mark.parametrize("changed", [{"size": 0}, {"num_components": 0}, {"spread": 0}, {"embeddings": FACES}])
def test_what_nothing_can_be_drawn_from_is_refused(changed):
    arguments = {"embeddings": unit(np.random.default_rng(5).normal(size=(40, 16))), "size": 10, "num_components": 2}
    with pytest.raises(ValueError, match=r"A cohort is drawn from 20 embeddings or more"):
        draw_cohort(**arguments | changed)
