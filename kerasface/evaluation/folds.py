"""Shares labelled pairs out to folds so that no person stands in two of them."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

NO_FOLD = -1
_LARGEST = 1.5  # shares of a fold that linked people may have; a fold of more would leave little to judge it by


def identity_folds(identities_a: Sequence, identities_b: Sequence, num_folds: int = 5, *, seed: int = 0) -> np.ndarray:
    """Gives pairs folds, for a list of pairs that has none.

    People linked by pairs, directly or through others, stay together. Where these have more than one and a half times
    a fold's share of the pairs (impostor pairs drawn at random link nearly everybody), they are shared out one by one,
    and a pair of people from two folds belongs to none: keep those with `folds != NO_FOLD`, and say how many went.

    Args:
        identities_a: Who is on the first photo of each pair, names or integers, length `num_pairs`.
        identities_b: Who is on the second one.
        num_folds: At least 2.
        seed: Decides between equals.

    Returns:
        Folds from 0 to `num_folds - 1`, or `NO_FOLD`, int64, shape `(num_pairs,)`. Where a few people have most of the
        pairs, a fold may stay empty.

    Raises:
        ValueError: If the lengths differ, or there are fewer people than folds.

    Reference:
        Sharing out one by one: Stanton, Kliot, "Streaming Graph Partitioning for Large Distributed Graphs", KDD 2012,
        linear deterministic greedy.
    """
    if len(identities_a) != len(identities_b) or num_folds < 2:
        raise ValueError(
            "Both photos of every pair need an identity, and num_folds must be >= 2. "
            f"Received: {len(identities_a)} and {len(identities_b)} identities, num_folds={num_folds}."
        )
    people, person = np.unique(np.r_[np.asarray(identities_a), np.asarray(identities_b)], return_inverse=True)
    if len(people) < num_folds:
        raise ValueError(
            f"No person may stand in two folds, so {num_folds} folds need {num_folds} people or more. "
            f"Received: {len(people)} people."
        )
    first, second = person[: len(identities_a)], person[len(identities_a) :]
    fold_of = _fold_of_people(first, second, len(people), num_folds, np.random.default_rng(seed))
    return np.where(fold_of[first] == fold_of[second], fold_of[first], NO_FOLD)


def _fold_of_people(
    first: np.ndarray, second: np.ndarray, num_people: int, num_folds: int, generator: np.random.Generator
) -> np.ndarray:
    """Places groups of people, those with most pairs first; returns the fold of each person, `(num_people,)`."""
    share = len(first) / num_folds
    fold_of, load = np.full(num_people, NO_FOLD), np.zeros(num_folds)
    linked = defaultdict(list)
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        linked[a].append(b)
        linked[b].append(a)
    for group, num_pairs in _groups(first, second, num_people, share, generator):
        friends = np.array([fold_of[other] for member in group for other in linked[member]])
        links = np.bincount(friends[friends != NO_FOLD], minlength=num_folds) if len(friends) else np.zeros(num_folds)
        attraction = links * np.maximum(1 - load / share, 0)
        fold = np.lexsort((load, -attraction))[0]
        fold_of[group] = fold
        load[fold] += num_pairs
    return fold_of


def _groups(
    first: np.ndarray, second: np.ndarray, num_people: int, share: float, generator: np.random.Generator
) -> list[tuple[np.ndarray, float]]:
    """Returns who is placed together, and with how many pairs: linked people, or single ones of those too many.

    A single person counts half of each pair, so that all loads together are the number of pairs.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(first)), (first, second)), shape=(num_people, num_people))
    _, component = connected_components(links, directed=False)
    halves = np.bincount(np.r_[first, second], minlength=num_people) / 2
    num_pairs = np.bincount(component, weights=halves)
    large = num_pairs[component] > _LARGEST * share
    groups = [(np.flatnonzero(component == part), num_pairs[part]) for part in np.unique(component[~large])]
    groups += [(np.array([one]), halves[one]) for one in np.flatnonzero(large)]
    order = generator.permutation(len(groups))
    return [groups[index] for index in sorted(order, key=lambda index: -groups[index][1])]
