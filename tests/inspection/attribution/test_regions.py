"""Shares of an attribution on the parts of a face."""

import numpy as np
import pytest

from kerasface.inspection.attribution.regions import background_warning, region_shares

MASK = np.array([[0, 0, 1], [0, 2, 2]], dtype=np.uint8)
NAMES = ("background", "skin", "eyes")


def test_positive_attribution_is_shared_out():
    """2 + 1 of 8 on background, 4 on skin, 1 on eyes; what is negative does not count."""
    found = region_shares(np.float32([[2, 1, 4], [-9, 1, -1]]), MASK, NAMES)
    assert found == {"background": 3 / 8, "skin": 4 / 8, "eyes": 1 / 8}


def test_a_map_without_anything_positive_has_no_shares():
    assert region_shares(-np.ones((2, 3)), MASK, NAMES) == {"background": 0, "skin": 0, "eyes": 0}


def test_classes_that_do_not_occur_have_a_share_of_zero():
    assert region_shares(np.ones((2, 3)), MASK, (*NAMES, "mouth"))["mouth"] == 0


def test_much_on_the_background_is_worth_a_warning():
    shares = {"background": 0.62, "skin": 0.38}
    assert background_warning(shares).startswith("62 % of what speaks for this answer lies on the background, more")
    assert background_warning({"background": 0.5, "skin": 0.5}) is None
    assert background_warning(shares, "skin") is None


@pytest.mark.parametrize(
    ("map", "mask", "message"),
    [
        (np.ones((3, 3)), MASK, "same size"),
        (np.full((2, 3), np.nan), MASK, "finite"),
        (np.ones((2, 3)), MASK + 1, "needs a name.*ids 1 to 3"),
        (np.ones((2, 3)), MASK / 2, "needs a name.*float64"),
    ],
)
def test_what_does_not_fit_is_refused(map, mask, message):
    with pytest.raises(ValueError, match=message):
        region_shares(map, mask, NAMES)


def test_a_warning_needs_a_class():
    with pytest.raises(ValueError, match=r"one of .*Received: background='sky'"):
        background_warning({"background": 1.0}, "sky")
