"""Folds that no person crosses."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.folds import NO_FOLD, identity_folds


def people_of(folds, first, second):
    """Who stands in each fold."""
    return [set(first[folds == fold]) | set(second[folds == fold]) for fold in np.unique(folds[folds != NO_FOLD])]


def small_groups(num_groups=60, seed=0):
    """Pairs within groups of three people: each with himself twice, and with the other two."""
    generator = np.random.default_rng(seed)
    base = np.repeat(3 * np.arange(num_groups), 9)
    first = base + np.tile([0, 0, 1, 1, 2, 2, 0, 0, 1], num_groups)
    second = base + np.tile([0, 0, 1, 1, 2, 2, 1, 2, 2], num_groups)
    order = generator.permutation(len(base))
    return first[order], second[order]


def test_linked_people_stay_together_and_no_pair_is_lost():
    first, second = small_groups()
    folds = identity_folds(first, second, 5)
    # 60 groups of 9 pairs in 5 folds.
    assert np.bincount(folds).tolist() == [108] * 5
    assert all(a.isdisjoint(b) for a, b in combinations(people_of(folds, first, second), 2))


@given(
    pairs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=80),
    num_folds=st.integers(2, 6),
    seed=st.integers(0, 5),
)
def test_nobody_stands_in_two_folds(pairs, num_folds, seed):
    first, second = np.array(pairs).T
    if len(np.unique(pairs)) < num_folds:
        return
    folds = identity_folds(first, second, num_folds, seed=seed)
    assert set(folds.tolist()) <= {NO_FOLD, *range(num_folds)}
    assert all(a.isdisjoint(b) for a, b in combinations(people_of(folds, first, second), 2))
    # A pair of one person cannot cross folds.
    assert (folds[first == second] != NO_FOLD).all()
    np.testing.assert_array_equal(identity_folds(first, second, num_folds, seed=seed), folds)


def test_pairs_that_link_everybody_lose_those_across_folds_only():
    generator = np.random.default_rng(0)
    first = np.repeat(np.arange(200), 8)
    second = np.where(np.arange(1600) % 2 == 0, first, generator.integers(0, 200, 1600))
    folds = identity_folds(first, second, 2)
    crossing = folds == NO_FOLD
    assert not crossing[::2].any()
    # People put anywhere would lose half of the pairs of different people; their links count, so fewer are.
    different = first != second
    assert 0 < crossing.sum() < 0.45 * different.sum()
    assert np.bincount(folds[~crossing]).min() > 0.4 * (~crossing).sum()


def test_names_serve_too():
    folds = identity_folds(["Ada", "Grace", "Ada"], ["Ada", "Grace", "Mary"], 2)
    assert folds[0] == folds[2] != folds[1]


def test_bad_input():
    with pytest.raises(ValueError, match="Received: 3 and 2 identities"):
        identity_folds([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="num_folds=1"):
        identity_folds([1, 2], [1, 2], 1)
    with pytest.raises(ValueError, match="Received: 3 people"):
        identity_folds([1, 2, 3], [1, 2, 3], 5)
