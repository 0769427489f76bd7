"""What is missed beyond a limit of quality: counted anew by hand."""

import numpy as np
import pytest

from kerasface.evaluation.normalization import Normalizer, normalized_scores
from kerasface.tasks.embedders.beyond_limits import errors_beyond_limits
from kerasface.tasks.embedders.rates import measure_embedder
from tests.evaluation.measured.test_pairs import people

EMBEDDINGS, LABELS = people(number=40, photos=4, noise=0.9)
FLAWS = {name: np.random.default_rng(seed).random(160) < 0.2 for seed, name in enumerate(("side", "yaw"))}
FIRST, SECOND = np.triu_indices(160, k=1)
SAME = LABELS[FIRST] == LABELS[SECOND]
COSINES = np.sum(EMBEDDINGS[FIRST] * EMBEDDINGS[SECOND], axis=1)
POINTS = [{"fmr": 1e-4, "threshold": 0.9}, {"fmr": 0.01, "threshold": 0.4}]


def by_hand(name, scores, threshold):
    either = FLAWS[name][FIRST] | FLAWS[name][SECOND]
    both = FLAWS[name][FIRST] & FLAWS[name][SECOND]
    return scores[SAME & either] < threshold, scores[~SAME & both] >= threshold


def test_genuine_pairs_with_one_flawed_face_and_strangers_with_two_are_counted():
    found = errors_beyond_limits([(EMBEDDINGS, LABELS, None, FLAWS)], POINTS)
    assert (found["fmr"], found["threshold"]) == (0.01, 0.4)  # the lowest from 0.1 % on
    for name in FLAWS:
        missed, matched = by_hand(name, COSINES, 0.4)
        assert (found[name]["num_genuine"], found[name]["num_impostor"]) == (len(missed), len(matched))
        assert found[name]["fnmr"] == pytest.approx(missed.mean(), rel=5e-3)
        assert found[name]["fmr"] == pytest.approx(matched.mean(), rel=5e-3)
        assert found[name]["fnmr_low"] <= found[name]["fnmr"] <= found[name]["fnmr_high"]
    within = SAME & ~(FLAWS["side"] | FLAWS["yaw"])[FIRST] & ~(FLAWS["side"] | FLAWS["yaw"])[SECOND]
    assert found["within"]["fnmr"] == pytest.approx((COSINES[within] < 0.4).mean(), rel=5e-3)
    assert found["within"]["fmr"] is None


def test_scores_are_normalized_where_the_embedders_are_and_listed_pairs_are_taken_alone():
    cohort = people(number=200, photos=1, seed=5)[0]
    normalizer = Normalizer(cohort, 20, "made up")
    statistics = normalizer.statistics(EMBEDDINGS)
    scores = normalized_scores(COSINES, statistics[FIRST], statistics[SECOND])
    points = [{"fmr": 0.001, "threshold": 1.0}]
    found = errors_beyond_limits([(EMBEDDINGS, LABELS, normalizer, FLAWS)], points)
    assert found["yaw"]["fnmr"] == pytest.approx(by_hand("yaw", scores, 1.0)[0].mean(), rel=5e-3)
    rows = np.stack([FIRST, SECOND], axis=1)[::3]
    listed = errors_beyond_limits([(EMBEDDINGS, LABELS, None, FLAWS)], POINTS, listed=(rows, SAME[::3]))
    either = (FLAWS["side"][FIRST] | FLAWS["side"][SECOND])[::3]
    assert listed["side"]["num_genuine"] == np.sum(SAME[::3] & either)


def test_a_measure_without_a_flawed_face_has_no_rate():
    none = {"side": np.zeros(160, dtype=bool)}
    found = errors_beyond_limits([(EMBEDDINGS, LABELS, None, none)], POINTS)
    assert found["side"] == dict.fromkeys(found["side"]) | {"num_genuine": 0, "num_impostor": 0}
    assert found["within"]["num_genuine"] == 240


def test_they_stand_in_what_is_measured_of_an_embedder():
    measured = measure_embedder(EMBEDDINGS, LABELS, name="some", date="2026-01-02", flaws=FLAWS)
    assert measured.rates["quality"]["side"]["num_genuine"] == len(by_hand("side", COSINES, 0)[0])
    assert measured.rates["quality"]["fmr"] == 0.001
