"""What is measured of an embedder: as much as the people carry, and no more."""

import numpy as np
import pytest

from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.tasks.embedders.rates import measure_embedder
from tests.evaluation.measured.test_pairs import people

EMBEDDINGS, LABELS = people(number=320, photos=2, dim=24, noise=0.5)


@pytest.fixture(scope="module")
def measured():
    return measure_embedder(EMBEDDINGS, LABELS, name="somebody", date="2026-01-02")


@pytest.mark.slow
def test_thresholds_hold_for_others_of_the_same_kind(measured):
    """Rates measured anew on other people: of 1 % asked, 0.5 to 1.5 %."""
    point = next(point for point in measured.rates["points"] if point["fmr"] == 0.01)
    others, labels = people(number=320, photos=2, dim=24, noise=0.5, seed=9)
    first, second = np.triu_indices(len(labels), k=1)
    matched = np.sum(others[first] * others[second], axis=1) >= point["threshold"]
    assert 0.005 <= np.mean(matched[labels[first] != labels[second]]) <= 0.015


@pytest.mark.slow
def test_of_every_kind_what_the_people_carry(measured):
    """640 photos are 204,160 impostor pairs, for rates from 0.0015 %; 320 people, for searches from 1 %."""
    rates = measured.rates
    assert (rates["date"], rates["populations"][0]["description"]) == ("2026-01-02", "people of somebody")
    assert rates["points"][0]["fmr"] == 1.8e-5
    assert 0 < rates["eer"] < 0.05
    assert rates["search"]["fpirs"] == [0.01, 0.02, 0.05, 0.1]
    assert [row["gallery_size"] for row in rates["search"]["galleries"]] == [2, 3, 5, 10, 20, 50, 100]
    for curve, score in ((rates["calibration"], "cosine"), (rates["search"]["calibration"], "normalized")):
        assert ScoreCalibration.from_dict(curve).ece < 0.05
        assert curve["score"] == score
    assert measured.notes[0].startswith("False match rates below 0.0018 % cannot be asked for: 0.001 % takes 300,000")
    assert "Searches can be asked for no rate below 1 % of strangers" in measured.notes[1]


def test_embeddings_that_spread_evenly_need_no_cohort(measured):
    assert measured.cohort is None
    assert measured.rates["cohort"] == ""


def crowded(seed):
    """People of two kinds: those of the first lie close together, so that cosines say less of them."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(200), 3)
    kinds = np.where(np.arange(200) < 100, 0.35, 1.5)
    directions = 1 + kinds[:, None] * rng.normal(size=(200, 32))
    found = directions[labels] + (0.35 * kinds[labels])[:, None] * rng.normal(size=(600, 32))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.slow
def test_a_cohort_is_kept_where_it_helps():
    """Where strangers of one kind are as alike as one person's photos of another, no single cosine tells them apart."""
    measured = measure_embedder(*crowded(0), name="two kinds", date="2026-01-02")
    assert measured.cohort is not None
    assert measured.cohort.beside < 0.9 * measured.cohort.without
    assert measured.rates["cohort"] == measured.cohort.normalizer.digest
    assert measured.rates["calibration"]["score"] == "normalized"


@pytest.mark.slow
def test_a_list_of_pairs_is_measured_in_the_place_of_all():
    rows = np.array([(2 * person, 2 * person + 1) for person in range(100)] + [(2 * k, 2 * k + 7) for k in range(100)])
    same = np.arange(200) < 100
    measured = measure_embedder(EMBEDDINGS, LABELS, name="listed", date="2026-01-02", pairs=(rows, same))
    assert measured.rates["populations"][0]["num_genuine"] == 100
    assert measured.rates["points"][0]["fmr"] == 0.032  # 3 / 100 = 0.03


@pytest.mark.parametrize(
    ("number", "photos", "told"),
    [
        (9, 3, "take photos with a face of 10 people or more, and of some of them two. Received: 27 such photos of 9"),
        (40, 1, "Received: 40 such photos of 40 people"),
        (0, 1, "Received: 0 such photos of 0 people"),
    ],
)
def test_too_few_people_or_photos_are_refused(number, photos, told):
    with pytest.raises(ValueError, match=told):
        measure_embedder(*people(number=number, photos=photos), name="few", date="2026-01-02")


def test_few_people_name_nobody_and_it_is_said():
    measured = measure_embedder(*people(number=12, photos=3), name="few", date="2026-01-02")
    assert "search" not in measured.rates
    assert measured.notes[-1] == "Thresholds of searches take 30 people or more; these are 12. So it names nobody."
