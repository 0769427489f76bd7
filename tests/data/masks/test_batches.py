"""Batches of pictures with masks: every step can be made again, and persons with few pictures come more often."""

import numpy as np
import pytest

from kerasface.data.masks.augmentation import OUTSIDE, POLICIES, MaskChanges
from kerasface.data.masks.batches import Learning, epoch_rows, fitted, masked_batches


@pytest.fixture(scope="module")
def pairs():
    """Pictures of one colour each, the mask two halves: which picture a sample is, is told by its colour."""
    made = np.zeros((5, 32, 32, 4), dtype=np.uint8)
    for index, pair in enumerate(made):
        pair[..., :3] = 40 * (index + 1)
        pair[:, 16:, 3] = 1
    return made


def batches(pairs, policy="none", **options):
    changes = MaskChanges((32, 32), ("background", "thing"), POLICIES[policy], flip=policy != "none")
    arguments = {"rows": np.repeat(np.arange(len(pairs)), 2), "batch_size": 4, "seed": 3, "epoch": 1, **options}
    learning, sets = [Learning(np.arange(2, dtype=np.uint8))], np.zeros(len(pairs), dtype=np.int64)
    made = masked_batches(pairs, [changes], learning, sets=sets, **arguments)
    return [(np.asarray(images), np.asarray(masks)) for images, masks in made]


def test_an_epoch_has_every_sample_once(pairs):
    found = batches(pairs)
    assert [len(images) for images, _ in found] == [4, 4, 2]
    colors = np.concatenate([images[:, 0, 0, 0] for images, _ in found])
    assert sorted(colors) == sorted([40, 80, 120, 160, 200] * 2)
    for images, masks in found:
        assert images.dtype == masks.dtype == np.uint8
        assert images.shape[1:] == (32, 32, 3)
        np.testing.assert_array_equal(masks, np.broadcast_to(pairs[0, ..., 3], masks.shape))


def test_an_epoch_goes_on_where_it_was_left(pairs):
    whole, rest = batches(pairs, "strong"), batches(pairs, "strong", start_step=1)
    assert len(rest) == len(whole) - 1
    for (images, masks), (again, masks_again) in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(masks, masks_again)


def test_copies_epochs_and_seeds_differ(pairs):
    one = batches(pairs[:1], "strong", rows=np.zeros(4, dtype=int))[0][0]
    assert len({image.tobytes() for image in one}) == 4
    for other in ({"epoch": 2}, {"seed": 4}):
        assert not np.array_equal(one, batches(pairs[:1], "strong", rows=np.zeros(4, dtype=int), **other)[0][0])


@pytest.mark.parametrize(
    ("balance", "times"),
    [
        (0.0, [4, 4, 4, 4, 4]),
        # Shares 1/4 each for one person of four pictures, 1 for one of one: their mean is 0.4.
        (1.0, [2, 2, 2, 2, 10]),
        # 4 ** -0.5 = 1/2 and 1, mean 0.6: 4 / 0.6 * (1/2, 1), rounded.
        (0.5, [3, 3, 3, 3, 7]),
    ],
)
def test_balance_makes_persons_with_few_pictures_come_more_often(balance, times):
    rows = epoch_rows(np.array([7, 7, 7, 7, 2]), copies=4, balance=balance)
    assert np.bincount(rows).tolist() == times


def test_every_picture_comes_at_least_once():
    rows = epoch_rows(np.array([0] * 50 + [1]), copies=1, balance=1.0)
    assert np.bincount(rows, minlength=51).min() == 1


def test_fitted_pictures_are_whole_and_marked_outside():
    pair = np.zeros((1, 8, 8, 4), dtype=np.uint8)
    pair[..., 3] = OUTSIDE
    pair[0, :, 2:6] = (200, 100, 50, 1)  # 8 rows, 4 columns
    images, masks = fitted(pair, (16, 16))
    assert images.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(masks[0, :, 5:11], 1)
    np.testing.assert_array_equal(masks[0, :, [0, 1, 14, 15]], OUTSIDE)
    np.testing.assert_array_equal(images[0, 8, 8], (200, 100, 50))
