"""Two embedders searched for the same people."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.evaluation.identification import OpenSetTrial, evaluate_identification
from kerasface.evaluation.measured.comparison import compare_searches
from tests.evaluation.measured.test_pairs import people


def trial(noise, seed=0):
    embeddings, labels = people(number=600, photos=3, noise=noise, seed=seed)
    enrolled = labels < 200
    first = np.arange(len(labels)) % 3 == 0
    return OpenSetTrial(
        embeddings[enrolled & first],
        labels[enrolled & first],
        embeddings[enrolled & ~first],
        labels[enrolled & ~first],
        embeddings[~enrolled & first],
    )


def test_rates_are_those_of_each_alone_and_the_better_one_is_named():
    a, b = trial(0.4), trial(0.6)
    found = compare_searches(a, b, bootstrap=100)
    for rate, one in ((found.fnir.a, a), (found.fnir.b, b)):
        assert rate == pytest.approx(evaluate_identification(one, bootstrap=2).fnir_at_fpir["0.01"].value)
    assert found.fnir.low <= found.fnir.value <= found.fnir.high
    assert found.better == "a"
    assert compare_searches(b, a, bootstrap=100).better == "b"
    assert (found.gallery_size, found.num_mated, found.num_unknown) == (200, 400, 400)


def test_two_that_are_alike_may_differ_by_chance_alone():
    found = compare_searches(trial(0.5), trial(0.5, seed=1), bootstrap=100)
    assert found.better is None


def test_other_photos_are_refused():
    a = trial(0.5)
    with pytest.raises(ValueError, match="on the same gallery, probes and strangers"):
        compare_searches(a, replace(a, unknown=a.unknown[1:]))
