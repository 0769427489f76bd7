"""Targets turn an output into weights."""

import numpy as np
import pytest

from kerasface.inspection.attribution.targets import ClassTarget, MatchTarget, SegmentationTarget

LOGITS = np.float32([0.5, 3.0, -1.0])
PIXELS = np.float32([[[2, 1], [0, 1]], [[0, 3], [5, 1]]])  # the most probable classes are 0, 1 / 1, 0


def test_a_class_is_its_logit_and_by_default_the_largest():
    assert ClassTarget(2).weights(LOGITS).tolist() == [0, 0, 1]
    assert ClassTarget().weights(LOGITS).tolist() == [0, 1, 0]


def test_a_segmentation_class_is_summed_over_its_pixels():
    """Class 1 has the pixels with the logits 1 and 3."""
    weights = SegmentationTarget(1).weights(PIXELS)
    assert weights.tolist() == [[[0, 0], [0, 1]], [[0, 1], [0, 0]]]
    assert (PIXELS * weights).sum() == 4


def test_a_segmentation_class_can_be_summed_over_a_region():
    weights = SegmentationTarget(0, np.array([[False, False], [False, True]])).weights(PIXELS)
    assert (PIXELS * weights).sum() == 5


def test_a_match_is_the_cosine_of_unit_vectors():
    first, second = np.float32([0.6, 0.8]), np.float32([1, 0])
    assert (first * MatchTarget(second).weights(first)).sum() == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("target", "output", "message"),
    [
        (ClassTarget(3), LOGITS, "classes 0 to 2.*class 3"),
        (ClassTarget(-1), LOGITS, "classes 0 to 2.*class -1"),
        (ClassTarget(), PIXELS, "SegmentationTarget"),
        (SegmentationTarget(0), LOGITS, "ClassTarget"),
        (SegmentationTarget(1), PIXELS[:1, :1], "No pixel to explain"),
        (SegmentationTarget(1, np.ones((3, 3), dtype=bool)), PIXELS, "No pixel to explain"),
        (MatchTarget(np.float32([1, 0])), LOGITS, "one embedder"),
    ],
)
def test_what_does_not_fit_is_refused(target, output, message):
    with pytest.raises(ValueError, match=message):
        target.weights(output)
