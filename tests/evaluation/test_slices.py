"""Error rates in slices, counted again."""

import json
from itertools import pairwise

import numpy as np
import pytest

from kerasface.evaluation.slices import evaluate_slices
from kerasface.evaluation.verification import wilson_interval


def pairs_with_sides(num_pairs=1200, seed=0):
    """Pairs that go wrong more often where the face is small."""
    generator = np.random.default_rng(seed)
    same = np.arange(num_pairs) % 2 == 0
    sides = generator.integers(20, 100, num_pairs)
    scores = np.where(same, 0.7, 0.3) + generator.normal(0, 6 / sides)
    return scores, same, sides


def test_slices_agree_with_counting():
    scores, same, sides = pairs_with_sides()
    parts = evaluate_slices(scores, same, {"side": sides}, threshold=0.5)["side"]
    assert len(parts) == 4
    for part in parts:
        inside = (sides >= part.low) & (sides <= part.high)
        refused, accepted = scores[inside & same] < 0.5, scores[inside & ~same] >= 0.5
        assert (part.fnmr.value, part.fnmr.num_pairs) == (refused.mean(), len(refused))
        assert (part.fmr.value, part.fmr.num_errors) == (accepted.mean(), accepted.sum())
        assert (part.fnmr.low, part.fnmr.high) == wilson_interval(int(refused.sum()), len(refused))
    assert parts[0].fnmr.value > parts[-1].fnmr.value
    # Whole sides stay together: nobody is counted twice or not at all, and slices are about equally large.
    assert all(a.high < b.low for a, b in pairwise(parts))
    sizes = [part.fnmr.num_pairs + part.fmr.num_pairs for part in parts]
    assert sum(sizes) == 1200
    assert max(sizes) < 1.2 * min(sizes)


def test_a_score_at_the_threshold_is_accepted():
    (part,) = evaluate_slices([0.5, 0.5], [True, False], {"one": [1, 1]}, threshold=0.5)["one"]
    assert (part.fnmr.value, part.fmr.value) == (0, 1)


def test_pairs_without_the_attribute_are_the_last_slice():
    values = [1.0, 2.0, np.nan, 4.0, np.nan, np.nan]
    parts = evaluate_slices([0.9, 0.1] * 3, [True, False] * 3, {"yaw": values}, threshold=0.5, num_bins=2)["yaw"]
    assert [(part.low, part.high) for part in parts] == [(1, 2), (4, 4), (None, None)]
    assert (parts[-1].fnmr.num_pairs, parts[-1].fmr.num_pairs) == (2, 1)
    assert parts[1].fnmr is None  # the pair with 4 is an impostor pair
    json.dumps([part.to_dict() for part in parts], allow_nan=False)


def test_few_pairs_are_said_to_be_few():
    scores, same = np.tile([0.9, 0.1], 399), np.tile([True, False], 399)
    values = np.repeat([0, 1], [398, 400])  # 199 and 200 pairs of each kind
    parts = evaluate_slices(scores, same, {"whole": values}, threshold=0.5, num_bins=2)["whole"]
    assert [part.fnmr.few for part in parts] == [False, False]
    parts = evaluate_slices(scores, same, {"whole": np.repeat([0, 1], [198, 600])}, threshold=0.5, num_bins=4)["whole"]
    assert [(part.fnmr.num_pairs, part.fnmr.few) for part in parts] == [(99, True), (300, False)]
    # None wrong of 99 does not mean that none goes wrong: Wilson's upper end, z^2 / (n + z^2).
    assert parts[0].fnmr.high == pytest.approx(1.959964**2 / (99 + 1.959964**2), abs=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match=r"'side' needs .*shape \(3,\) for 2 pairs"):
        evaluate_slices([0.1, 0.2], [True, False], {"side": [1, 2, 3]}, threshold=0.5)
    with pytest.raises(ValueError, match="1 infinite"):
        evaluate_slices([0.1, 0.2], [True, False], {"side": [1, np.inf]}, threshold=0.5)
    with pytest.raises(ValueError, match="num_bins=1"):
        evaluate_slices([0.1, 0.2], [True, False], {"side": [1, 2]}, threshold=0.5, num_bins=1)
    with pytest.raises(ValueError, match="Both genuine and impostor"):
        evaluate_slices([0.1, 0.2], [True, True], {"side": [1, 2]}, threshold=0.5)
