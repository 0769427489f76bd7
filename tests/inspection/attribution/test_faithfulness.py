"""Deletion and insertion on a model that counts bright pixels."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.faithfulness import deletion_insertion
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.stitched import Stitched

SIDE = 20


@pytest.fixture(scope="module")
def left_mean():
    """Its class 0 is the mean of the left half, as a share of 255."""
    model = keras.Sequential(
        [keras.Input((SIDE, SIDE, 1)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False, name="mean")]
    )
    kernel = np.zeros((SIDE, SIDE, 2), dtype=np.float32)
    kernel[:, : SIDE // 2, 0] = 1 / 200 / 255
    model.get_layer("mean").set_weights([kernel.reshape(-1, 2)])
    return Stitched(model)


@pytest.fixture(scope="module")
def left_bright():
    image = np.zeros((SIDE, SIDE, 1), dtype=np.uint8)
    image[:, : SIDE // 2] = 250
    return image


def test_deleting_what_matters_first_lowers_the_score_at_once(left_mean, left_bright):
    """The left half, half of all pixels, falls from 250 to the mean 125; the right half does not count.

    With 4 steps the score is 250, 187.5, 125, 125, 125 by shares of 0, 1/4 ... 1, as shares of 255; by the opposite
    map 250, 250, 250, 187.5, 125.
    """
    order = left_bright[..., 0].astype(float)
    best = deletion_insertion(left_mean, left_bright, order, ClassTarget(0), steps=4, num_random=0)
    np.testing.assert_allclose(best.deletion * 255, [250, 187.5, 125, 125, 125], atol=1e-3)
    assert best.deletion_area * 255 == pytest.approx((250 / 2 + 187.5 + 125 + 125 + 125 / 2) / 4, abs=1e-3)
    worst = deletion_insertion(left_mean, left_bright, -order, ClassTarget(0), steps=4, num_random=0)
    np.testing.assert_allclose(worst.deletion * 255, [250, 250, 250, 187.5, 125], atol=1e-3)
    assert best.insertion_area > worst.insertion_area
    assert best.insertion[0] == pytest.approx(worst.insertion[0])
    np.testing.assert_allclose(best.insertion[2:] * 255, 250, atol=1e-3)


def test_random_maps_lie_between_the_best_and_the_worst(left_mean, left_bright):
    order = left_bright[..., 0].astype(float)
    best = deletion_insertion(left_mean, left_bright, order, ClassTarget(0), num_random=4)
    worst = deletion_insertion(left_mean, left_bright, -order, ClassTarget(0), num_random=4)
    assert best.random_deletion_areas == worst.random_deletion_areas
    assert best.deletion_area < min(best.random_deletion_areas)
    assert max(best.random_deletion_areas) < worst.deletion_area
    assert max(best.random_insertion_areas) < best.insertion_area


def test_the_score_is_the_probability(flat_model, small_image):
    found = deletion_insertion(
        Stitched(flat_model), small_image, small_image[..., 0].astype(float), ClassTarget(1), steps=1, num_random=0
    )
    probability = flat_model(small_image[None].astype(np.float32))[0, 1]
    assert found.deletion[0] == found.insertion[1] == pytest.approx(float(probability), abs=1e-5)


@pytest.mark.parametrize(
    ("map", "options"), [(np.zeros((3, 3)), {}), (np.zeros((SIDE, SIDE)), {"steps": 0})], ids=["size", "steps"]
)
def test_what_does_not_fit_is_refused(left_mean, left_bright, map, options):
    with pytest.raises(ValueError, match="image's size"):
        deletion_insertion(left_mean, left_bright, map, ClassTarget(0), **options)
