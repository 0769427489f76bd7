"""Rates of listed pairs with intervals by people; all pairs listed are all pairs."""

import numpy as np
import pytest

from kerasface.evaluation.people import measure_people
from kerasface.evaluation.people_rates import rates_of_pairs


@pytest.fixture
def everybody():
    """Embeddings and labels of 15 people with 3 photos each, of which some are alike."""
    generator = np.random.default_rng(3)
    labels = np.repeat(np.arange(15), 3)
    rows = generator.normal(size=(15, 6))[labels] + 0.9 * generator.normal(size=(45, 6))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), labels


def listed(embeddings, labels):
    first, second = np.triu_indices(len(labels), k=1)
    scores = np.sum(embeddings[first] * embeddings[second], axis=1)
    return scores, labels[first] == labels[second], labels[first], labels[second]


def test_all_pairs_in_a_list_are_all_pairs(everybody):
    thresholds = [0.8, 0.3, 0.99]
    assert rates_of_pairs(*listed(*everybody), thresholds) == measure_people(*everybody, thresholds).rates


def test_a_stricter_threshold_has_no_higher_ends(everybody):
    rates = rates_of_pairs(*listed(*everybody), [0.2, 0.6, 0.9, 0.9999])
    for part, falls in (("fmr", True), ("fnmr", False)):
        for end in ("low", "value", "high"):
            values = [getattr(getattr(one, part), end) for one in rates]
            assert values == sorted(values, reverse=falls)
        for one in rates:
            rate = getattr(one, part)
            assert 0 <= rate.low <= rate.value <= rate.high <= 1
    # None of the pairs of 15 people matches: of 105 pairs of people 3 / 105 at most, or what a milder one allows.
    assert rates[-1].fmr.value == 0
    assert 0 < rates[-1].fmr.high <= 3 / 105


def test_names_of_people_may_be_any_numbers(everybody):
    scores, same, first, second = listed(*everybody)
    assert rates_of_pairs(scores, same, 5 * first + 2, 5 * second + 2, [0.5]) == rates_of_pairs(
        scores, same, first, second, [0.5]
    )


def test_the_json_has_a_value_and_its_ends(everybody):
    (one,) = rates_of_pairs(*listed(*everybody), [0.5])
    told = one.to_dict()
    assert told["threshold"] == 0.5
    assert set(told["fmr"]) == set(told["fnmr"]) == {"value", "low", "high"}


def test_a_kind_of_pair_must_not_be_absent():
    with pytest.raises(ValueError, match="Both genuine and impostor"):
        rates_of_pairs([0.5, 0.6], [True, True], [0, 1], [0, 1], [0.5])
