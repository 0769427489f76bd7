"""Error rates of scored pairs, and whether their probabilities can be believed."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasface.evaluation.normalization import normalized_scores
from kerasface.evaluation.verification import wilson_interval
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import operating_point, pair_calibration
from kerasface.reports.verification import verification_document
from kerasface.tasks.measuring.calibration import calibration_of
from kerasface.tasks.measuring.pairs import FailedPair, PairList, pairs_of_people, score_pairs
from kerasface.tasks.measuring.people import People
from kerasface.tasks.measuring.rates import measure_pairs
from pages.parts.evaluate.sample import simulated_embeddings, simulated_people
from tests.tasks.measuring.made_up import embedded_as


@pytest.fixture(scope="module")
def results():
    people = simulated_people(20)
    return measure_pairs(
        score_pairs(pairs_of_people(people, 4_000), simulated_embeddings(people, "Model A")), bootstrap=50
    )


def test_rates_that_the_pairs_cannot_support_are_refused_in_words(results):
    assert list(results.targets) == [0.1, 0.01, 0.001]
    assert results.refused == {0.0001: "needs 30,000 pairs of different people; there are 4,000"}


def test_both_errors_are_counted_at_a_threshold(results):
    scored, threshold = results.scored, 0.96
    same, accepted = scored.listed.same, scored.scores >= threshold
    at = scored.at(threshold)
    assert (at.fmr.num_errors, at.fmr.num_pairs) == ((accepted & ~same).sum(), (~same).sum())
    assert (at.fnmr.num_errors, at.fnmr.num_pairs) == ((~accepted & same).sum(), same.sum())
    assert (at.fmr.low, at.fmr.high) == wilson_interval(at.fmr.num_errors, at.fmr.num_pairs)


def test_files_hold_every_pair_and_what_was_measured(results):
    failing = replace(
        results, scored=replace(results.scored, failed=(FailedPair(("a/1", "b/2"), 7, "b/2: no face was found"),))
    )
    rows = list(csv.DictReader(io.StringIO(failing.scored.to_csv())))
    assert len(rows) == len(results.scored.scores) + 1
    listed = results.scored.listed
    assert rows[7]["photo_a"] == listed.people.photo_name(listed.pairs[7, 0])
    assert float(rows[7]["cosine"]) == pytest.approx(results.scored.scores[7], abs=1e-6)
    assert rows[-1] | {"fold": "", "same": ""} == {
        "photo_a": "a/1",
        "photo_b": "b/2",
        "same": "",
        "fold": "",
        "cosine": "",
        "reason": "b/2: no face was found",
    }
    content = json.loads(json.dumps(failing.to_dict()))
    assert content["scores"] == "cosine"
    assert (content["num_genuine"], content["num_people"], content["model"]) == (120, 40, "Model A")
    assert content["eer"] == results.report.eer
    assert content["failed"] == [{"pair": "a/1 - b/2", "line": 7, "reason": "b/2: no face was found"}]
    text = verification_document("Verification: simulated, 20 people", results)
    assert "Verification: simulated, 20 people" in text
    assert "sharpness of the face" in text


def test_a_model_without_a_calibration_gets_one_that_is_judged_on_other_people(results):
    assert "No calibration ships" in results.calibration_note
    assert results.calibration.num_folds == 5
    assert results.shipped == {}
    assert results.threshold == results.report.threshold


@pytest.mark.slow
def test_a_calibration_that_ships_is_measured_on_these_pairs():
    """Whether a pair is of one person is drawn so that the probabilities are true: the error is that of the draw."""
    fingerprint, count = embedder_fingerprint(), 1500
    generator = np.random.default_rng(0)
    shipped, normalizer = pair_calibration(fingerprint), normalizer_of(fingerprint)
    faces = normalizer.cohort[1000 : 1000 + count]
    noise = generator.normal(size=faces.shape)
    others = faces + noise / np.linalg.norm(noise, axis=1, keepdims=True) * generator.uniform(0.3, 0.8, (count, 1))
    others = (others / np.linalg.norm(others, axis=1, keepdims=True)).astype(np.float32)
    scores = normalized_scores(
        np.sum(faces * others, axis=1), normalizer.statistics(faces), normalizer.statistics(others)
    )
    same = generator.random(count) < shipped.with_prior(0.5).probability(scores)
    labels = np.r_[np.arange(count), np.where(same, np.arange(count), count + np.arange(count))]
    people = People("made up", [Path(f"p/{n}") for n in range(2 * count)], labels, [str(n) for n in range(2 * count)])
    pairs = np.stack([np.arange(count), count + np.arange(count)], axis=1)
    listed = PairList(people, pairs, same, folds=np.arange(count) % 5, own_folds=False, lines=np.arange(count))
    embedded = embedded_as(np.concatenate([faces, others]), fingerprint=fingerprint)
    found = measure_pairs(score_pairs(listed, embedded), bootstrap=20)
    assert found.threshold == operating_point(fingerprint, 0.001).threshold
    accepted = found.scored.scores >= found.threshold
    assert found.shipped[0.001].fmr.value == pytest.approx(np.mean(accepted[~same]))
    assert shipped.data in found.calibration_note
    assert found.calibration.ece < 0.03
    assert sum(part.count for part in found.calibration.bins) == count
    wrong, _ = calibration_of(score_pairs(replace(listed, same=np.roll(same, 1)), embedded), bootstrap=20)
    assert wrong.ece > 0.1


@pytest.mark.parametrize(("same", "accepted"), [(True, False), (False, True), (True, True), (False, False)])
def test_the_pairs_nearest_to_the_threshold_come_first(results, same, accepted):
    scored = results.scored
    found = scored.nearest(0.96, same=same, accepted=accepted, count=3)
    kind = (scored.listed.same == same) & ((scored.scores >= 0.96) == accepted)
    expected = sorted(np.flatnonzero(kind), key=lambda pair: abs(scored.scores[pair] - 0.96))[:3]
    assert found.tolist() == expected
