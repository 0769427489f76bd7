"""Blocks and single values that are dropped, on maps whose values can be written down."""

import numpy as np
import pytest
from scipy.ndimage import binary_opening

from kerasface.inspection.teaching.dropped_maps import DroppedMaps, drop_blocks, drop_singles, dropped_pictures

MAPS = np.random.default_rng(0).uniform(1, 2, (24, 20, 6)).astype(np.float32)


def test_what_is_dropped_is_made_of_whole_blocks():
    found = drop_blocks(MAPS, rate=0.2, block_size=5)
    for channel in range(MAPS.shape[-1]):
        dropped = ~found.kept[..., channel]
        np.testing.assert_array_equal(binary_opening(dropped, np.ones((5, 5))), dropped)
    assert 0.02 < found.dropped_share < 0.4
    assert len({found.kept[..., channel].tobytes() for channel in range(6)}) > 1


def test_the_share_is_the_rate_on_average():
    """Blocks that overlap drop less than the rate, by about half of its square."""
    shares = [drop_blocks(MAPS, rate=0.1, block_size=3, seed=seed).dropped_share for seed in range(30)]
    assert np.mean(shares) == pytest.approx(0.1 - 0.1**2 / 2, abs=0.012)


def test_what_is_left_is_scaled():
    found = drop_blocks(MAPS, rate=0.2, block_size=3)
    np.testing.assert_allclose(found.maps, MAPS * found.kept / found.kept.mean(), rtol=1e-5)
    singles = drop_singles(MAPS, found)
    np.testing.assert_allclose(singles.maps, MAPS * singles.kept / found.kept.mean(), rtol=1e-5)


def test_as_many_single_values_are_dropped_in_each_channel():
    blocks = drop_blocks(MAPS, rate=0.3, block_size=7)
    singles = drop_singles(MAPS, blocks)
    np.testing.assert_array_equal(singles.kept.sum(axis=(0, 1)), blocks.kept.sum(axis=(0, 1)))
    assert (singles.kept != blocks.kept).any()
    assert blocks.told_by_neighbors < singles.told_by_neighbors - 0.3


def test_the_seed_decides():
    one, same, other = (drop_blocks(MAPS, rate=0.2, block_size=3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.kept, same.kept)
    assert (one.kept != other.kept).any()
    np.testing.assert_array_equal(drop_singles(MAPS, one, seed=4).kept, drop_singles(MAPS, one, seed=4).kept)


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([[1, 1, 1], [1, 0, 1], [1, 1, 1]], 1),  # all four are there
        ([[0, 0, 1]], 1 / 3),  # neighbours of the first: one, dropped; of the second: one dropped, one there
        ([[0, 0], [0, 0]], 0),
        ([[1, 1]], 0),
    ],
)
def test_neighbours_of_a_hole_are_counted(kept, expected):
    kept = np.array(kept, dtype=bool)[..., None]
    assert DroppedMaps(np.zeros(kept.shape), kept).told_by_neighbors == pytest.approx(expected)


def test_nothing_is_dropped_at_a_rate_of_zero():
    found = drop_blocks(MAPS, rate=0, block_size=3)
    np.testing.assert_array_equal(found.maps, MAPS)
    assert found.dropped_share == 0


def test_holes_are_orange_and_the_rest_grey():
    maps = np.array([[0, 1], [2, 4]], dtype=np.float32)[..., None].repeat(2, axis=-1)
    kept = np.ones(maps.shape, dtype=bool)
    kept[0, 1, 1] = False
    before = dropped_pictures(maps, None, (1, 0))
    np.testing.assert_array_equal(before[0, ..., 0], [[0, 64], [128, 255]])
    after = dropped_pictures(maps, DroppedMaps(maps, kept), (1, 0))
    np.testing.assert_array_equal(after[1], before[1])
    assert after[0, 0, 1, 0] > after[0, 0, 1, 1] > after[0, 0, 1, 2]
    after[0, 0, 1] = before[0, 0, 1]
    np.testing.assert_array_equal(after, before)


def test_a_rate_out_of_range_is_named():
    with pytest.raises(ValueError, match="rate must be in"):
        drop_blocks(MAPS, rate=1, block_size=3)
