"""Triplets and open sets in a plane."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.experiments.open_set import MOST_STRANGERS, PEOPLE, WAYS, open_set_regions
from kerasface.inspection.teaching.experiments.triplets import MINING, scattered_people, triplets_of
from kerasface.losses.embeddings import TripletLoss


@pytest.mark.parametrize("mining", MINING)
def test_the_loss_is_that_of_the_trainings(mining):
    """Which takes unit vectors: points of a circle."""
    points, people = scattered_people(3, 4)
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    found = triplets_of(points, people, margin=0.3, mining=mining)
    expected = TripletLoss(margin=0.3, mining=mining)(people, points.astype(np.float32))
    assert found.loss == pytest.approx(float(keras.ops.convert_to_numpy(expected)), abs=1e-3)


@pytest.mark.parametrize("mining", MINING)
def test_points_are_pulled_against_the_gradient(mining):
    points, people = scattered_people(3, 3, seed=1)
    found, step = triplets_of(points, people, mining=mining), 1e-6
    for index in np.ndindex(points.shape):
        losses = []
        for sign in (1, -1):
            moved = points.copy()
            moved[index] += sign * step
            losses.append(triplets_of(moved, people, mining=mining).loss)
        assert -found.pulls[index] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-5)


def test_steps_bring_people_together():
    points, people = scattered_people()
    for _ in range(150):
        points = points + 2 * triplets_of(points, people).pulls
    found = triplets_of(points, people)
    assert found.active == 0
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    same = people[:, None] == people
    farthest, nearest = np.where(same, distances, 0).max(axis=1), np.where(same, np.inf, distances).min(axis=1)
    assert (farthest + 0.5 <= nearest + 1e-6).all()  # for every anchor


def test_triplets_need_two_of_one_and_one_of_another():
    for people in ([0, 0, 0], [0, 1, 2]):
        with pytest.raises(ValueError, match=r"Received: people=.* Add points"):
            triplets_of(np.eye(3, 2), people)
    with pytest.raises(ValueError, match="Received: margin=0"):
        triplets_of(np.eye(3, 2), [0, 0, 1], margin=0)
    with pytest.raises(ValueError, match="somebody's"):
        triplets_of(np.eye(3, 2), [0, 0])


@pytest.mark.parametrize("way", WAYS)
def test_the_region_of_known_people_shrinks_as_strangers_come(way):
    closed, few, many = (open_set_regions(count, way) for count in (0, 20, MOST_STRANGERS))
    assert closed.accepted_strangers == 1
    assert closed.unknown_area == 0
    assert few.accepted_strangers < 1
    assert many.accepted_strangers < 0.1
    assert many.missed < 0.1
    assert many.unknown_area > 0.8
    middles = [np.abs(many.places - value).argmin() for value in np.array(PEOPLE).ravel()]
    for person, (across, up) in enumerate(zip(middles[::2], middles[1::2], strict=True)):
        assert many.answers[up, across] == person


def test_the_threshold_lets_the_share_pass_that_was_asked_for():
    """Of the strangers that it was set on: no more than the share, and one more would be."""
    found = open_set_regions(200, fpir=0.1)
    means = [found.known[found.labels == person].mean(axis=0) for person in range(3)]
    nearest = np.linalg.norm(found.strangers[:, None] - np.array(means), axis=-1).min(axis=1)
    cells = [np.abs(found.places[:, None] - axis).argmin(axis=0) for axis in found.strangers.T]
    named = found.answers[cells[1], cells[0]] >= 0
    assert nearest[named].max() < nearest[~named].min() + 0.3  # a cell is a tenth wide
    assert abs(named.mean() - 0.1) < 0.05


def test_what_is_wrong_is_said():
    for arguments in ((-1,), (MOST_STRANGERS + 1,), (5, "hope"), (5, WAYS[0])):
        with pytest.raises(ValueError, match="Received"):
            open_set_regions(*arguments, fpir=0 if arguments == (5, WAYS[0]) else 0.05)
