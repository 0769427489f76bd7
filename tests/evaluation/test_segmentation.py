"""Rates of masks against cases counted by hand and independent computations."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from kerasface.evaluation.segmentation import (
    SegmentationCounts,
    confusion_matrix,
    image_boundary_f1,
    image_mean_iou,
)

NAMES = ("background", "skin", "hair")
TRUE = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], dtype=np.uint8)
PREDICTED = np.array([[0, 1, 1, 1], [0, 0, 1, 0]], dtype=np.uint8)
masks = array_shapes(min_dims=2, max_dims=2, max_side=12).flatmap(
    lambda shape: st.tuples(*[arrays(np.uint8, shape, elements=st.integers(0, 3))] * 2)
)


def counted(*pairs, classes=NAMES):
    counts = SegmentationCounts(classes)
    for true, predicted in pairs:
        counts.add(true, predicted)
    return counts


def square(top, left, size=20, side=100):
    """A square of class 1 on a square picture."""
    mask = np.zeros((side, side), dtype=np.uint8)
    mask[top : top + size, left : left + size] = 1
    return mask


def test_rates_by_hand():
    """Of 4 background pixels 3 are right and 1 is taken for skin; of 4 skin pixels 3 are right; hair is nowhere."""
    result = counted((TRUE, PREDICTED)).result()
    assert result.confusion.tolist() == [[3, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert result.confusion.dtype == np.int64
    assert result.pixel_accuracy == 6 / 8
    assert result.iou == {"background": 3 / 5, "skin": 3 / 5, "hair": None}
    assert result.f1 == {"background": 6 / 8, "skin": 6 / 8, "hair": None}
    assert result.mean_iou == pytest.approx(3 / 5)  # hair does not count
    assert result.boundary_f1["hair"] is None
    assert result.num_images == 1


def test_a_class_predicted_where_none_is_counts_as_zero():
    """A class that the mask invents lowers the mean: (2 / 3 + 0) / 2."""
    true, predicted = np.zeros((1, 3), dtype=np.uint8), np.array([[0, 2, 0]], dtype=np.uint8)
    result = counted((true, predicted)).result()
    assert result.iou == {"background": 2 / 3, "skin": None, "hair": 0.0}
    assert result.mean_iou == pytest.approx(1 / 3)
    assert image_mean_iou(true, predicted, 3) == pytest.approx(1 / 3)


def test_pixels_are_pooled_over_pictures_of_any_size():
    """Not a mean over pictures: 6 of 8 and 1 of 2 pixels right are 7 of 10."""
    small = np.array([[1], [0]], dtype=np.int64), np.array([[1], [1]], dtype=np.int64)
    result = counted((TRUE, PREDICTED), small).result()
    assert result.pixel_accuracy == 7 / 10
    assert result.iou["skin"] == 4 / 7
    assert result.num_images == 2


@given(masks)
def test_rows_are_true_classes_and_columns_predicted_ones(pair):
    true, predicted = pair
    matrix = confusion_matrix(true, predicted, 4)
    expected = [[np.sum((true == row) & (predicted == col)) for col in range(4)] for row in range(4)]
    assert matrix.tolist() == expected


def test_what_is_ignored_does_not_count():
    """Of TRUE and PREDICTED the pixels where they differ are ignored: all others agree, boundaries too."""
    differs = TRUE != PREDICTED
    counts = SegmentationCounts(NAMES)
    counts.add(TRUE, PREDICTED, differs)
    result = counts.result()
    assert (result.pixel_accuracy, result.mean_iou) == (1, 1)
    assert result.confusion.sum() == np.count_nonzero(~differs)
    with pytest.raises(ValueError, match="some must count"):
        counts.add(TRUE, PREDICTED, np.ones(TRUE.shape, dtype=bool))
    with pytest.raises(ValueError, match=r"ignored of shape \(1, 1\)"):
        counts.add(TRUE, PREDICTED, np.ones((1, 1), dtype=bool))


def test_boundaries_of_what_is_ignored_do_not_count():
    """A second square that is not there has its boundary where nothing counts."""
    predicted = square(40, 40) | square(5, 5, size=10)
    ignored = np.zeros(predicted.shape, dtype=bool)
    ignored[:20, :20] = True
    assert image_boundary_f1(square(40, 40), predicted, 2, 0.0075, ignored).tolist() == [1, 1]
    assert image_boundary_f1(square(40, 40), predicted, 2)[1] < 1


def test_coarse_masks_have_no_boundary_f1():
    counts = SegmentationCounts(NAMES, boundaries=False)
    counts.add(TRUE, PREDICTED)
    assert set(counts.result().boundary_f1.values()) == {None}


@given(masks)
def test_iou_never_exceeds_f1_and_belongs_to_it(pair):
    result = counted(pair, classes=tuple("abcd")).result()
    for name, iou in result.iou.items():
        if iou is None:
            assert result.f1[name] is None
        else:
            assert 0 <= iou <= result.f1[name] <= 1
            assert result.f1[name] == pytest.approx(2 * iou / (1 + iou))


@given(masks)
def test_everything_is_symmetric_and_perfect_with_itself(pair):
    one, other = pair
    there, back = (counted(order, classes=tuple("abcd")).result() for order in ((one, other), (other, one)))
    assert there.pixel_accuracy == back.pixel_accuracy
    assert there.iou == back.iou
    assert there.boundary_f1 == pytest.approx(back.boundary_f1)
    same = counted((one, one), classes=tuple("abcd")).result()
    assert same.pixel_accuracy == same.mean_iou == image_mean_iou(one, one, 4) == 1
    assert set(same.boundary_f1.values()) <= {1.0, None}


def test_a_boundary_moved_by_one_pixel_is_within_the_tolerance_of_a_large_picture():
    """A square of 20 in 100 x 100 moved right by 1: 0.75 % of the diagonal is 1.06 pixels, 0.5 % is 0.71.

    The boundary of the square has 4 * 19 = 76 pixels. Moved by 1, a pixel is itself in the other boundary on the top
    and bottom rows but for one at an end, 2 * 19; the other 38 are one pixel off.
    """
    true, predicted = square(40, 40), square(40, 41)
    assert image_boundary_f1(true, predicted, 2).tolist() == [1, 1]
    assert image_boundary_f1(true, predicted, 2, 0.005)[1] == 38 / 76
    # A square of the same size elsewhere has no boundary near.
    assert image_boundary_f1(true, square(5, 5), 2).tolist() == [0, 0]


def test_boundary_f1_is_the_harmonic_mean_of_precision_and_recall():
    """A second square that is not there: all 76 true boundary pixels are found, of 76 + 36 predicted ones 76 are right.

    Precision 76 / 112, recall 1: F1 = 2 * 76 / (112 + 76).
    """
    predicted = square(40, 40) | square(5, 5, size=10)
    assert image_boundary_f1(square(40, 40), predicted, 2)[1] == pytest.approx(2 * 76 / 188)


@given(masks, st.sampled_from([0.0, 0.05, 0.1, 0.3]))
def test_boundary_f1_agrees_with_all_distances(pair, tolerance):
    """The distances of all pairs of boundary pixels, one by one."""
    found = image_boundary_f1(*pair, 4, tolerance)
    reach = tolerance * math.hypot(*pair[0].shape) + 1e-6

    def boundary(mask, class_id):
        height, width = mask.shape
        steps = ((0, 1), (1, 0), (0, -1), (-1, 0))
        return [
            (y, x)
            for y, x in zip(*np.nonzero(mask == class_id), strict=True)
            if any(
                0 <= y + dy < height and 0 <= x + dx < width and mask[y + dy, x + dx] != class_id for dy, dx in steps
            )
        ]

    for class_id in range(4):
        sides = [boundary(mask, class_id) for mask in pair]
        if not any(class_id in mask for mask in pair):
            assert np.isnan(found[class_id])
        elif not all(sides):
            assert found[class_id] == (not any(sides))
        else:
            shares = [
                np.mean([min(math.dist(point, other) for other in far) <= reach for point in near])
                for near, far in (sides, sides[::-1])
            ]
            assert found[class_id] == pytest.approx(2 * np.prod(shares) / sum(shares) if sum(shares) else 0)


def test_boundary_f1_is_averaged_over_the_pictures_in_which_a_class_occurs():
    """Skin is perfect in the first, missed in the second, absent from the third: 1 / 2. The edge is no boundary."""
    empty = np.zeros((100, 100), dtype=np.uint8)
    result = counted((square(40, 40), square(40, 40)), (square(40, 40), empty), (empty, empty)).result()
    assert result.boundary_f1["skin"] == 0.5
    assert result.boundary_f1["background"] == pytest.approx((1 + 0 + 1) / 3)


def test_intervals_are_those_of_drawing_pictures():
    """Of 20 one-pixel pictures 5 are wrong: the accuracy of a sample is binomial, n = 20, p = 0.75."""
    zero, one = np.zeros((1, 1), dtype=np.uint8), np.ones((1, 1), dtype=np.uint8)
    counts = counted(*[(zero, zero)] * 8, *[(one, one)] * 7, *[(zero, one)] * 5)
    result = counts.result(bootstrap=4000)
    chances = np.cumsum([math.comb(20, k) * 0.75**k * 0.25 ** (20 - k) for k in range(21)])
    expected = [int(np.searchsorted(chances, level)) / 20 for level in (0.025, 0.975)]
    assert [result.pixel_accuracy_low, result.pixel_accuracy_high] == pytest.approx(expected)
    assert result.mean_iou_low < result.mean_iou < result.mean_iou_high
    again = counts.result(bootstrap=4000, seed=0)
    assert (again.mean_iou_low, again.mean_iou_high) == (result.mean_iou_low, result.mean_iou_high)
    assert counts.result(seed=1, bootstrap=50).mean_iou_low != counts.result(seed=2, bootstrap=50).mean_iou_low


def test_equal_pictures_have_an_interval_without_width_and_one_picture_has_none():
    """Intervals of mean IoU pool the pixels of a sample, as the mean IoU itself does."""
    pair = TRUE, PREDICTED
    result = counted(pair, pair, pair).result(bootstrap=20)
    assert result.mean_iou_low == result.mean_iou_high == pytest.approx(3 / 5)
    alone = counted(pair).result()
    assert (alone.pixel_accuracy_low, alone.mean_iou_high) == (None, None)


def test_the_result_is_ready_for_json_and_keeps_what_was_counted():
    counts = counted((TRUE, PREDICTED))
    result = counts.result()
    written = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert written["classes"] == list(NAMES)
    assert written["confusion"] == [[3, 1, 0], [1, 3, 0], [0, 0, 0]]
    assert written["iou"]["hair"] is None
    counts.add(TRUE, TRUE)
    assert result.confusion.sum() == TRUE.size


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        (TRUE, TRUE[:, :3], r"same shape .* Received: shapes \(2, 4\) and \(2, 3\)"),
        (TRUE[0], TRUE[0], r"\(height, width\)"),
        (TRUE[:0], TRUE[:0], "a pixel or more"),
        (TRUE, TRUE.astype(np.float32), "Received: the predicted mask as float32"),
        (TRUE > 0, TRUE, "Received: the true mask as bool"),
        (TRUE, np.full_like(TRUE, 3), r"\[0, 3\). Received: ids 3 to 3 in the predicted mask"),
        (np.full_like(TRUE, 255), TRUE, "ids 255 to 255 in the true mask"),
        (TRUE.astype(np.int64) - 1, TRUE, "ids -1 to 0 in the true mask"),
    ],
)
def test_masks_that_do_not_fit_are_refused_and_not_counted(true, predicted, message):
    counts = counted((TRUE, PREDICTED))
    with pytest.raises(ValueError, match=message):
        counts.add(true, predicted)
    with pytest.raises(ValueError, match=message):
        image_mean_iou(true, predicted, 3)
    with pytest.raises(ValueError, match=message):
        image_boundary_f1(true, predicted, 3)
    assert counts.result().num_images == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SegmentationCounts([]), r"Received: classes=\[\]"),
        (lambda: SegmentationCounts(["skin", "skin"]), "all different"),
        (lambda: SegmentationCounts(NAMES, tolerance=1.0), "tolerance=1.0"),
        (lambda: image_boundary_f1(TRUE, TRUE, 3, -0.1), "tolerance=-0.1"),
        (lambda: SegmentationCounts(NAMES).result(), "Received: 0 pictures"),
        (lambda: counted((TRUE, TRUE)).result(bootstrap=0), "bootstrap=0"),
    ],
)
def test_what_cannot_be_counted_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
