"""Error rates of searches, each computed again with loops from its definition."""

import json

import numpy as np
import pytest

from kerasface.evaluation.identification import (
    OpenSetTrial,
    check_thresholds,
    evaluate_identification,
    search_gallery,
    search_trial,
    smaller_galleries,
)
from kerasface.evaluation.normalization import Normalizer


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


NORMALIZER = Normalizer(unit(np.random.default_rng(9).normal(size=(200, 16))), 20, "test")


def people(num_people=12, per_person=3, strangers=40, noise=0.9, seed=0):
    """A trial of noisy copies of random directions; the first person has two templates, the others one."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(num_people, 16))
    labels = np.r_[0, np.arange(num_people)]
    mated_labels = np.repeat(np.arange(num_people), per_person)
    return OpenSetTrial(
        gallery=unit(centres[labels] + noise * generator.normal(size=(len(labels), 16))),
        gallery_labels=labels,
        mated=unit(centres[mated_labels] + noise * generator.normal(size=(len(mated_labels), 16))),
        mated_labels=mated_labels,
        unknown=unit(generator.normal(size=(strangers, 16))),
        normalizer=NORMALIZER,
    )


def searched_by_hand(trial, probe):
    """Per person the normalized score of one probe, from the definition, template by template."""

    def of_nobody(embedding):
        highest = sorted((float(vector @ embedding) for vector in NORMALIZER.cohort), reverse=True)[:20]
        return np.mean(highest), np.std(highest)

    def score(template):
        cosine, sides = float(template @ probe), (of_nobody(probe), of_nobody(template))
        return sum((cosine - mean) / spread for mean, spread in sides) / 2

    rows = list(zip(trial.gallery, trial.gallery_labels.tolist(), strict=True))
    return {
        person: max(score(row) for row, whose in rows if whose == person) for person in sorted({w for _, w in rows})
    }


def test_a_search_is_what_its_definition_says():
    trial = people()
    found = search_gallery(trial.gallery, trial.gallery_labels, trial.mated, trial.mated_labels, normalizer=NORMALIZER)
    for row, (probe, label) in enumerate(zip(trial.mated, trial.mated_labels, strict=True)):
        by_hand = searched_by_hand(trial, probe)
        best = max(by_hand, key=by_hand.get)
        assert found.labels[row] == best
        assert found.normalized[row] == pytest.approx(by_hand[best], abs=1e-4)
        assert found.own_ranks[row] == 1 + sum(value > by_hand[label] for value in by_hand.values())
        own = trial.gallery[trial.gallery_labels == best] @ probe
        assert found.scores[row] == pytest.approx(own.max(), abs=1e-6)


def test_the_order_of_templates_does_not_matter():
    trial = people()
    order = np.random.default_rng(1).permutation(len(trial.gallery))
    one = search_gallery(trial.gallery, trial.gallery_labels, trial.unknown)
    other = search_gallery(trial.gallery[order], trial.gallery_labels[order], trial.unknown)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_allclose(one.normalized, other.normalized, atol=1e-6)


def test_without_a_cohort_cosines_decide():
    gallery = unit(np.array([[1, 0, 0], [0.9, np.sqrt(1 - 0.81), 0], [0, 0, 1]]))
    found = search_gallery(gallery, [0, 1, 2], gallery, [0, 1, 2])
    np.testing.assert_array_equal(found.labels, [0, 1, 2])
    np.testing.assert_array_equal(found.normalized, found.scores)


def test_a_face_to_which_everybody_is_alike_must_be_more_alike():
    """Two templates with the same cosine to the probe: the one in a crowd of nobody loses."""
    crowd = unit(np.array([0.0, 1.0, 0.0]) + 0.3 * np.random.default_rng(3).normal(size=(100, 3)))
    elsewhere = unit(np.random.default_rng(4).normal(size=(100, 3)))
    normalizer = Normalizer(np.concatenate([crowd, elsewhere]), 20, "crowd")
    gallery, probe = unit(np.array([[0.5, 0.9, 0], [0.5, 0, 0.9]])), unit(np.array([[1.0, 0, 0]]))
    cosines = search_gallery(gallery, [0, 1], probe)
    found = search_gallery(gallery, [0, 1], probe, normalizer=normalizer)
    assert cosines.labels[0] == 0
    assert found.labels[0] == 1


def test_rates_are_counts():
    trial = people(noise=1.1)
    report = evaluate_identification(trial, bootstrap=50)
    by_hand = [searched_by_hand(trial, probe) for probe in trial.mated]
    right = [max(scores, key=scores.get) == label for scores, label in zip(by_hand, trial.mated_labels, strict=True)]
    assert 0.3 < np.mean(right) < 1  # else nothing would be tested
    assert report.rank1 == pytest.approx(np.mean(right))
    highest = sorted((max(searched_by_hand(trial, probe).values()) for probe in trial.unknown), reverse=True)
    missed = report.fnir_at_fpir["0.1"]
    # 4 of the 40 strangers may be taken for somebody, the fifth must not.
    assert highest[4] - 1e-4 < missed.threshold <= highest[3] + 1e-4
    named = [ok and max(scores.values()) >= missed.threshold for ok, scores in zip(right, by_hand, strict=True)]
    assert missed.value == pytest.approx(1 - np.mean(named))
    assert missed.low <= missed.value <= missed.high
    assert (missed.supported, report.fnir_at_fpir["0.01"].supported) == (True, False)
    assert list(report.cmc) == sorted(report.cmc)
    json.dumps(report.to_dict(), allow_nan=False)


def test_probes_without_a_face_count_as_missed():
    trial = people(noise=0.1)
    assert evaluate_identification(trial, bootstrap=5).rank1 == 1
    lost = OpenSetTrial(
        trial.gallery,
        trial.gallery_labels,
        trial.mated,
        trial.mated_labels,
        trial.unknown,
        trial.normalizer,
        num_mated_failed=len(trial.mated),
        num_failed=len(trial.mated) + 2,
    )
    report = evaluate_identification(lost, bootstrap=5)
    assert report.rank1 == report.rank5 == 0.5
    assert report.fnir_at_fpir["0.1"].value == pytest.approx(0.5)
    assert (report.num_mated, report.num_failed) == (2 * len(trial.mated), len(trial.mated) + 2)


def test_a_threshold_fixed_beforehand_is_judged_by_what_it_lets_in():
    trial = people()
    report = evaluate_identification(trial, bootstrap=5)
    everybody, nobody = check_thresholds([trial], 0.1, -99.0), check_thresholds([trial], 0.01, 99.0)
    assert (everybody.measured, everybody.fnir) == (1, pytest.approx(1 - report.rank1))
    assert (nobody.measured, nobody.fnir) == (0, 1)
    assert 0 < nobody.high < 0.1 < everybody.low < 1  # 40 strangers leave that much open
    highest = float(search_trial(trial)[1].normalized.max())
    assert check_thresholds([trial], 0.1, highest).measured == 1 / 40  # a score that is the threshold is let in


def test_smaller_galleries_hold_the_people_drawn_and_their_probes():
    trial = people()
    drawn = list(smaller_galleries(trial, 5, repeats=3))
    for part in drawn:
        assert set(part.mated_labels) == set(part.gallery_labels)
        assert len(set(part.gallery_labels)) == 5
        assert len(part.unknown) == len(trial.unknown)
    assert len({tuple(sorted(set(part.gallery_labels))) for part in drawn}) > 1
    check = check_thresholds(drawn, 0.1, -99.0)
    assert (check.gallery_size, check.measured, check.num_unknown) == (5, 1, 3 * len(trial.unknown))
    with pytest.raises(ValueError, match=r"size must lie in \[2, 12\].*Received: size=13"):
        next(smaller_galleries(trial, 13, repeats=1))


def test_what_cannot_tell_error_rates_is_refused():
    trial = people()
    parts = {name: getattr(trial, name) for name in ("gallery", "gallery_labels", "mated", "mated_labels", "unknown")}
    with pytest.raises(ValueError, match="at least two people"):
        OpenSetTrial(**parts | {"gallery_labels": np.zeros(13, int), "mated_labels": np.zeros(36, int)})
    with pytest.raises(ValueError, match="Received: 36 of enrolled people, 0 of others"):
        OpenSetTrial(**parts | {"unknown": trial.unknown[:0]})
    with pytest.raises(ValueError, match="must belong to somebody"):
        OpenSetTrial(**parts | {"mated_labels": np.full(36, 99)})
    with pytest.raises(ValueError, match=r"one label for each embedding.*\(13, 16\) and \(12,\)"):
        OpenSetTrial(**parts | {"gallery_labels": np.arange(12)})
