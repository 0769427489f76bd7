"""Hiding parts of an image finds the only part that matters."""

import keras
import numpy as np
import pytest

from kerasface.inspection.attribution.perturbation import filled, occlusion, rise
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.stitched import Stitched

SIDE = 30


@pytest.fixture(scope="module")
def corner():
    """Its first class is the mean of the pixels in rows 6 to 11 and columns 18 to 23; its second the opposite."""
    kernel = np.zeros((SIDE, SIDE, 1, 1), dtype=np.float32)
    kernel[6:12, 18:24] = 1 / 36
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(2, SIDE, name="mean"),
            keras.layers.Flatten(),
        ]
    )
    model.get_layer("mean").set_weights([np.concatenate([kernel, -kernel], axis=-1), np.zeros(2, dtype=np.float32)])
    return Stitched(model)


@pytest.fixture(scope="module")
def spot():
    """Black, but 200 where `corner` looks."""
    image = np.zeros((SIDE, SIDE, 1), dtype=np.uint8)
    image[6:12, 18:24] = 200
    return image


def test_occlusion_finds_the_only_place_that_matters(corner, spot):
    """A grid of 5 with patches of one place: place (1, 3) is just the spot, and hiding it leaves the mean of 8."""
    found = occlusion(corner, spot, ClassTarget(0), grid=5, patch=1)
    expected = np.zeros((5, 5))
    expected[1, 3] = 200 - 8  # the mean of the image, 36 * 200 / 900
    np.testing.assert_allclose(found.raw, expected, atol=1e-3)
    assert found.score == pytest.approx(200, abs=1e-3)
    assert found.map.shape == (SIDE, SIDE)
    assert np.unravel_index(found.map.argmax(), found.map.shape) in [(8, 20), (8, 21), (9, 20), (9, 21)]


def test_occlusion_is_negative_where_hiding_helps(corner, spot):
    found = occlusion(corner, spot, ClassTarget(1), grid=5, patch=1)
    assert found.signed
    assert found.raw[1, 3] == pytest.approx(-192, abs=1e-3)


def test_larger_patches_overlap(corner, spot):
    """Patches of three places of side 6 hide the spot from each of the nine places around it."""
    found = occlusion(corner, spot, ClassTarget(0), grid=5, patch=3)
    expected = np.zeros((5, 5))
    expected[:3, 2:] = 192
    np.testing.assert_allclose(found.raw, expected, atol=1e-3)


def test_rise_finds_the_only_place_that_matters(corner, spot):
    found = rise(corner, spot, ClassTarget(0), num_masks=400, grid=5)
    row, col = np.unravel_index(found.map.argmax(), found.map.shape)
    assert 5 <= row <= 12
    assert 17 <= col <= 24
    assert found.map.max() > 4 * np.median(np.abs(found.map))
    again = rise(corner, spot, ClassTarget(0), num_masks=400, grid=5)
    np.testing.assert_array_equal(found.map, again.map)


def test_rise_does_not_depend_on_a_constant(corner, spot):
    """The mean score is taken off: a bias of 1000 changes the map by rounding only."""
    model = keras.models.clone_model(corner.model)
    kernel, bias = corner.model.get_layer("mean").get_weights()
    model.get_layer("mean").set_weights([kernel, bias + 1000])
    maps = [rise(one, spot, ClassTarget(0), num_masks=50).map for one in (corner, Stitched(model))]
    np.testing.assert_allclose(*maps, atol=0.05)


def test_a_fill_hides_what_is_there():
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    grey, blurred = filled(image, "grey"), filled(image, "blur")
    np.testing.assert_allclose(grey[0, 0], image.mean(axis=(0, 1)), atol=0.5)
    assert (grey == grey[0, 0]).all()
    assert blurred.std() < image.std() / 4
    with pytest.raises(ValueError, match=r"'grey', 'blur'.*'black'"):
        filled(image, "black")


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (occlusion, {"grid": 0}),
        (occlusion, {"grid": SIDE + 1}),
        (occlusion, {"patch": 0}),
        (rise, {"num_masks": 1}),
        (rise, {"grid": 0}),
        (rise, {"shown": 1.0}),
    ],
)
def test_options_out_of_range_are_refused(corner, spot, method, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        method(corner, spot, ClassTarget(0), **options)
