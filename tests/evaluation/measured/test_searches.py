"""Thresholds for searches: strangers are named as seldom as asked, in galleries of every size."""

import numpy as np
import pytest

from kerasface.evaluation.identification import search_gallery
from kerasface.evaluation.measured.searches import Pool, calibrate_searches, search_thresholds
from tests.evaluation.measured.test_pairs import people

EMBEDDINGS, LABELS = people(number=400, photos=2, noise=0.8)
POOL = Pool(EMBEDDINGS[::2], LABELS[::2], dict(enumerate(EMBEDDINGS[1::2])))
FPIRS = (0.02, 0.05, 0.1)


def measured(at_least=lambda fmr: -1.0, sizes=(2, 20, 150)):
    return search_thresholds([POOL], at_least, np.random.default_rng(0), sizes=sizes, fpirs=FPIRS, searches=6000)


@pytest.fixture(scope="module")
def search():
    return measured()


def test_as_many_strangers_are_named_as_asked(search):
    for row in search["galleries"]:
        assert (row["fpir_measured"] <= np.array(FPIRS) * 1.005).all()  # figures are rounded to three digits
        assert (row["fpir_measured"] >= np.array(FPIRS) * 0.85).all()
        assert np.all(np.array(row["fpir_low"]) <= row["fpir_measured"])
        assert np.all(np.array(row["fpir_high"]) >= row["fpir_measured"])


def test_thresholds_rise_with_the_gallery_and_fall_with_the_rate(search):
    thresholds = np.array([row["threshold"] for row in search["galleries"]])
    assert (np.diff(thresholds, axis=0) > 0).all()
    assert (np.diff(thresholds, axis=1) < 0).all()
    misses = np.array([row["fnir"] for row in search["galleries"]])
    assert (np.diff(misses, axis=1) <= 0).all()


def test_other_strangers_are_named_about_as_often(search):
    """A gallery of 150 drawn here, with other people of the same kind as strangers."""
    others, _ = people(number=4000, photos=1, noise=0.8, seed=5)
    rng, row = np.random.default_rng(1), search["galleries"][-1]
    rates = []
    for _ in range(5):
        gallery = rng.permutation(len(POOL.people))[:150]
        found = search_gallery(POOL.first[gallery], POOL.people[gallery], others)
        rates.append(np.mean(found.normalized >= row["threshold"][0]))
    assert 0.02 / 1.5 <= np.mean(rates) <= 0.02 * 1.5


def test_no_threshold_is_below_that_of_a_verification():
    asked = []
    found = measured(lambda fmr: asked.append(fmr) or 0.99, sizes=(2, 20))
    assert {threshold for row in found["galleries"] for threshold in row["threshold"]} == {0.99}
    assert sorted(asked) == sorted(fpir / size for fpir in FPIRS for size in (2, 20))


def test_a_calibration_tells_how_often_a_search_is_right():
    found = search_thresholds(
        [POOL], lambda fmr: -1.0, np.random.default_rng(0), sizes=(5, 20), fpirs=(0.01, 0.1), searches=1000
    )
    fitted = calibrate_searches([POOL], found, np.random.default_rng(0), data="people", date="2026-01-02")
    assert fitted.helps
    assert fitted.ece < 0.05
    low, high = fitted.probability([-0.3, 0.5])
    assert low < 0.2 < 0.9 < high
