"""How embeddings are judged on people held out."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.train.metric_learning.judging import (
    fnir_of_cosines,
    is_better,
    judge_embeddings,
    open_set_trial,
)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_people_with_one_image_are_the_unknown():
    labels = np.array([4, 4, 4, 7, 9, 9])
    trial = open_set_trial(np.eye(6, dtype=np.float32), labels)
    assert trial.gallery_labels.tolist() == [4, 9]
    assert trial.mated_labels.tolist() == [4, 4, 9]
    np.testing.assert_array_equal(trial.unknown, np.eye(6)[3:4])
    assert open_set_trial(np.eye(4, dtype=np.float32), np.array([0, 0, 1, 1])) is None


def test_people_missed_counted_by_hand():
    """Of four probes one is nearest another person, one lies under the threshold; the unknown reach 0.5 at most."""
    angles = {"gallery": [0, 90], "mated": [10, 80, 50, 25], "unknown": [300, 150]}
    vectors = {
        name: np.stack([np.cos(np.deg2rad(values)), np.sin(np.deg2rad(values))], axis=1)
        for name, values in angles.items()
    }
    labels = np.array([0, 0, 1, 1, 0, 0, 2, 3])  # in the order of the trial below
    order = np.concatenate(
        [vectors["gallery"][:1], vectors["mated"][:1], vectors["gallery"][1:], vectors["mated"][1:2]]
    )
    order = np.concatenate([order, vectors["mated"][2:], vectors["unknown"]])
    trial = open_set_trial(order, labels)
    # Person 0: probes at 10, 50 (nearer to person 1 at 90) and 25 degrees; person 1: one at 80.
    assert fnir_of_cosines(trial, 0.0) == pytest.approx(1 / 4)
    # cos(25 degrees) = 0.906: once an unknown reaches 0.95, the probe at 25 degrees is missed as well.
    order[-1] = [np.cos(np.deg2rad(18)), np.sin(np.deg2rad(18))]
    assert fnir_of_cosines(open_set_trial(order, labels), 0.0) == pytest.approx(2 / 4)


def judged(noise, seed=0, people=60):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(2 * people), [*[3] * people, *[1] * people])
    centres = rng.normal(size=(2 * people, 16))
    return judge_embeddings(unit(centres[labels] + noise * rng.normal(size=(len(labels), 16))), labels, seed=0)


def test_the_better_embeddings_are_those_that_miss_fewer():
    clear, blurred = judged(0.2), judged(0.8)
    assert blurred.verification.eer > clear.verification.eer
    assert blurred.fnir_of_cosines > clear.fnir_of_cosines
    assert is_better(clear, blurred)
    assert not is_better(blurred, clear)
    assert not is_better(clear, clear)


@pytest.mark.slow
def test_embeddings_that_harm_the_normalised_search_are_not_better():
    before, after = judged(0.8), judged(0.2)
    found = before.identification.fnir_at_fpir["0.01"]
    for fnir, expected in ((found.value, True), (1.04 * found.value, True), (1.06 * found.value, False)):
        rates = {"0.01": replace(found, value=fnir)}
        changed = replace(after, identification=replace(after.identification, fnir_at_fpir=rates))
        assert is_better(changed, before) is expected
