"""Colours of attributions on their image."""

import numpy as np
import pytest

from kerasface.inspection.attribution.overlays import color_limit, overlay_map

GRAY = np.full((4, 5, 3), 128, dtype=np.uint8)


def test_nothing_is_the_image_itself():
    for signed in (True, False):
        np.testing.assert_array_equal(overlay_map(GRAY, np.zeros((4, 5)), signed=signed), GRAY)


def test_for_is_red_and_against_is_blue():
    map = np.zeros((4, 5))
    map[0, 0], map[3, 4] = 2, -2
    found = overlay_map(GRAY, map, signed=True).astype(int)
    red, _, blue = found[0, 0]
    assert red > blue + 50
    red, _, blue = found[3, 4]
    assert blue > red + 50
    np.testing.assert_array_equal(found[1], GRAY[1])


def test_an_unsigned_map_does_not_draw_what_is_negative():
    found = overlay_map(GRAY, np.where(np.arange(20).reshape(4, 5) == 7, 1.0, -1.0), signed=False)
    assert np.argwhere((found != GRAY).any(axis=-1)).tolist() == [[1, 2]]


def test_the_full_colour_of_viridis_is_yellow():
    """Its last colour is #fde725, here without anything of the image."""
    found = overlay_map(GRAY, np.ones((4, 5)), signed=False, opacity=1)
    assert found[0, 0].tolist() == [0xFD, 0xE7, 0x25]


def test_one_limit_makes_maps_comparable():
    weak, strong = np.full((4, 5), 0.5), np.ones((4, 5))
    limit = color_limit(weak, strong)
    assert limit == 1
    differences = [
        np.abs(overlay_map(GRAY, map, signed=True, limit=limit) - GRAY.astype(int)).max() for map in (weak, strong)
    ]
    assert 0 < differences[0] < differences[1]


def test_single_pixels_do_not_hide_the_others():
    map = np.ones((100, 100))
    map[3, 4] = 1e6
    assert color_limit(map) == 1
    alone = np.zeros((100, 100))
    alone[3, 4] = 7
    assert color_limit(alone) == 7


@pytest.mark.parametrize(
    ("map", "options", "message"),
    [
        (np.zeros((2, 2)), {}, "as large as the image"),
        (np.full((4, 5), np.inf), {}, "finite"),
        (np.zeros((4, 5)), {"opacity": 2}, "opacity"),
        (np.zeros((4, 5)), {"limit": -1}, "limit"),
    ],
)
def test_what_does_not_fit_is_refused(map, options, message):
    with pytest.raises(ValueError, match=message):
        overlay_map(GRAY, map, signed=True, **options)
