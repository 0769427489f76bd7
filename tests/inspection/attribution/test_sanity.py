"""Random weights, and how alike maps are."""

import keras
import numpy as np
import pytest
from scipy.stats import rankdata

from kerasface.inspection.attribution.activation_maps import grad_cam
from kerasface.inspection.attribution.sanity import randomized, rank_correlation, sanity_correlation
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.stitched import Stitched
from kerasface.inspection.stitching import leaves


def test_random_weights_have_the_trained_ones_scale_and_nothing_else():
    model = keras.Sequential([keras.Input((40,)), keras.layers.Dense(50, name="dense")])
    kernel = np.random.default_rng(0).normal(0.3, 2, (40, 50)).astype(np.float32)
    model.get_layer("dense").set_weights([kernel, np.zeros(50, dtype=np.float32)])
    found, bias = randomized(model, seed=1).get_layer("dense").get_weights()
    assert found.mean() == pytest.approx(kernel.mean(), abs=0.2)
    assert found.std() == pytest.approx(kernel.std(), rel=0.05)
    assert abs(np.corrcoef(found.ravel(), kernel.ravel())[0, 1]) < 0.1
    assert not bias.any()  # they never varied
    np.testing.assert_array_equal(model.get_layer("dense").get_weights()[0], kernel)


def test_random_weights_follow_the_seed(flat_model):
    first, again, other = (randomized(flat_model, seed=seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_statistics_of_normalisation_stay(nested_model):
    before, after = (leaves(model)["backbone/norm"] for model in (nested_model, randomized(nested_model)))
    np.testing.assert_array_equal(after.moving_variance, before.moving_variance)
    assert not np.allclose(after.gamma, before.gamma)


def test_correlation_of_ranks():
    """Against Pearson's correlation of ranks, ties and all."""
    first, second = np.random.default_rng(0).integers(0, 6, (2, 8, 9))
    expected = np.corrcoef(rankdata(first), rankdata(second))[0, 1]
    assert rank_correlation(first, second) == pytest.approx(expected)
    assert rank_correlation(first, np.exp(first)) == pytest.approx(1)
    assert rank_correlation(first, np.zeros_like(first)) == 0


def test_a_map_that_ignores_the_model_fails(flat_model, small_image):
    found = sanity_correlation(lambda _, image: image[..., 0], Stitched(flat_model), [small_image] * 2)
    assert found.correlations == pytest.approx((1, 1))
    assert not found.passed


def test_absolute_values_are_compared(flat_model, small_image):
    """A map that only turns its sign with the weights shows the same places."""

    trained = Stitched(flat_model)

    def explain(stitched, image):
        return image[..., 0] * (1.0 if stitched is trained else -1.0)

    assert sanity_correlation(explain, trained, [small_image]).mean == pytest.approx(1)


def test_every_image_meets_other_random_weights(flat_model, small_image):
    seen = []

    def explain(stitched, image):
        seen.append(stitched.model.get_weights()[0])
        return grad_cam(stitched, image, ClassTarget(0), signed=True).map

    found = sanity_correlation(explain, Stitched(flat_model, "maps"), [small_image] * 2)
    assert np.array_equal(seen[0], seen[2])
    assert not np.allclose(seen[1], seen[3])
    assert found.mean == pytest.approx(np.mean(found.correlations))
    assert found.passed == (found.mean < 0.3)


def test_no_image_is_refused(flat_model):
    with pytest.raises(ValueError, match="one image or more"):
        sanity_correlation(lambda *_: None, Stitched(flat_model), [])
