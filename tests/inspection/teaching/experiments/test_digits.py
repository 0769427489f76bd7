"""A moved picture, an overconfident classifier, and a transfer: what the lectures say of them."""

import numpy as np
import pytest

from kerasface.inspection.teaching.experiments.moved_picture import accuracies_by_move, map_difference, move_picture
from kerasface.inspection.teaching.experiments.overconfidence import train_confidence
from kerasface.inspection.teaching.experiments.transfer import POLICIES, transfer


@pytest.mark.parametrize("move", [(0, 0), (1, 0), (2, -2), (3, 3), (-3, 1)])
def test_maps_move_with_the_picture(move):
    found = move_picture(3, *move)
    assert found.difference == 0
    assert found.means[0] == pytest.approx(found.means[1])
    assert np.allclose(found.alike_flattened, 1) == (move == (0, 0))
    moved_by_two = all(step % 2 == 0 for step in move)
    rolled = np.roll(found.pooled, (move[0] // 2, move[1] // 2), axis=(0, 1))
    assert np.array_equal(rolled, found.moved_pooled) == moved_by_two


@pytest.mark.slow
def test_what_flattens_does_not_know_a_moved_digit():
    found = accuracies_by_move()
    assert found["flattened"][0] > 0.9
    assert found["flattened"][2] < 0.3
    assert np.ptp(found["averaged"]) < 1e-9
    assert found["averaged"][0] > 0.85


def test_hard_labels_are_overconfident_and_smoothing_lowers_confidence():
    hard, smoothed = (train_confidence(alpha, noise=0.5) for alpha in (0, 0.1))
    assert hard.train_accuracy == 1
    assert hard.confidence > hard.accuracy + 0.04
    assert smoothed.confidence < hard.confidence - 0.1
    assert smoothed.gap < hard.gap
    assert hard.calibration.ece >= abs(hard.confidence - hard.accuracy) - 1e-9


def test_frozen_means_frozen():
    curves = {policy: transfer(policy, 3, steps=20, draws=1) for policy in POLICIES}
    assert curves["frozen"].changed == 0
    assert 0 < curves["last layer"].changed < curves["all, full rate"].changed
    assert np.isnan(transfer("all, full rate", 2, rate=1.0).accuracies[-1])  # diverged, without a warning
    assert all(curve.steps[-1] == 20 and len(curve.steps) == len(curve.accuracies) for curve in curves.values())


@pytest.mark.slow
def test_little_data_is_for_frozen_layers_and_more_for_unfreezing():
    few = {policy: transfer(policy, 2).accuracies[-1] for policy in POLICIES}
    many = {policy: transfer(policy, 80).accuracies[-1] for policy in POLICIES}
    assert few["frozen"] > few["all, full rate"]
    assert few["frozen"] > few["from scratch"] + 0.05
    assert many["all, slowly"] > many["frozen"] + 0.03
    assert many["all, slowly"] > many["all, full rate"]


def test_what_is_wrong_is_said():
    assert np.isnan(transfer("all, full rate", 3, rate=1e4, steps=20, draws=1).accuracies[-1])  # and no error
    for call in (
        lambda: move_picture(3, 4, 0),
        lambda: move_picture(10, 0, 0),
        lambda: train_confidence(1.0),
        lambda: train_confidence(0, per_class=0),
        lambda: transfer("thawed", 3),
        lambda: transfer("frozen", 3, rate=-1),
    ):
        with pytest.raises(ValueError, match="Received"):
            call()


def test_maps_that_moved_along_do_not_differ():
    maps = np.random.default_rng(0).normal(size=(12, 14, 3))
    moved = np.concatenate([maps[:, 2:], np.zeros((12, 2, 3))], axis=1)
    assert map_difference(maps, moved, 2, border=2) == 0
    assert map_difference(maps, moved, 1, border=2) > 0.5
    with pytest.raises(ValueError, match="between their borders"):
        map_difference(maps, moved, 2, border=6)
