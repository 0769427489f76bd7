"""Mosaics whose every pixel is known."""

import numpy as np
import pytest

from kerasface.inspection.layers.mosaics import feature_grid, mosaic, strongest_channels


def maps(*values):
    """Maps of 2 x 2 places: zeros, but one value per channel at the first place."""
    result = np.zeros((2, 2, len(values)), dtype=np.float32)
    result[0, 0] = values
    return result


def test_the_most_active_channels_come_first_and_negative_values_do_not_count():
    assert strongest_channels(maps(1, 5, -9, 5, 2), 3) == (1, 3, 4)


def test_each_channel_has_its_own_white():
    """Channels with 10 and 5 at their first place."""
    drawn = feature_grid(maps(10, 5), side=2, columns=2)
    assert [drawn[0, column, 0] for column in (0, 1, 4, 5)] == [255, 0, 255, 0]


def test_a_channel_of_one_value_is_black():
    assert not feature_grid(np.full((2, 3, 1), 7.0), side=3).any()


def test_tiles_stand_row_by_row_with_gaps():
    """Three tiles of 2 x 1 pixels, twice enlarged, in two columns: 4 + 2 + 4 rows and 2 + 2 + 2 columns."""
    tiles = np.full((3, 2, 1), [[[10]], [[20]], [[30]]], dtype=np.uint8)
    drawn = mosaic(tiles, side=4, columns=2, gap=2)
    assert drawn.shape == (10, 6, 3)
    assert (drawn[:4, :2] == 10).all()
    assert (drawn[:4, 4:] == 20).all()
    assert (drawn[6:, :2] == 30).all()
    gap = drawn[5, 3]
    assert len(set(gap.tolist())) > 1  # a colour, which no grey map has
    assert (drawn[4:6] == gap).all()
    assert (drawn[6:, 2:] == gap).all()


def test_colour_stays_colour():
    tiles = np.zeros((1, 1, 1, 3), dtype=np.uint8) + np.uint8([200, 100, 50])
    assert (mosaic(tiles, side=3) == [200, 100, 50]).all()


@pytest.mark.parametrize("columns", [None, 3])
def test_as_many_columns_as_asked_for_or_about_as_rows(columns):
    drawn = mosaic(np.zeros((9, 1, 1), dtype=np.uint8), side=1, columns=columns, gap=0)
    assert drawn.shape == (3, 3, 3)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="Received: 0 pictures"):
        mosaic(np.zeros((0, 2, 2), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"channels 0 to 1. Received: channels=\[2\]"):
        feature_grid(maps(1, 2), channels=[2])
