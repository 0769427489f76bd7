import numpy as np

from kerasface.evaluation.labeled_pairs import drawn_pairs


def test_pairs_that_are_judged_are_of_both_kinds_and_of_nobody_too_many():
    labels = np.repeat(np.arange(12), [40, 2, 2, 2, *[1] * 8])
    first, second = drawn_pairs(labels, seed=0)
    assert len({tuple(pair) for pair in zip(first, second, strict=True)}) == len(first)
    same = labels[first] == labels[second]
    assert np.bincount(labels[first[same]]).tolist() == [20, 1, 1, 1]
    count = len(labels)
    assert np.sum(~same) == count * (count - 1) // 2 - 40 * 39 // 2 - 3
