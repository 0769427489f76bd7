"""Pairs of a batch, and the loss on people held out."""

import numpy as np
import pytest

from kerasface.losses.embeddings import SupConLoss
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.metric_learning.stages import held_out_loss, pair_rows


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_pairs_hold_every_genuine_pair_and_both_kinds_weigh_the_same():
    first, second, weights = pair_rows(people=3, images=3, singles=2, impostors=4)
    person = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 4])
    same = person[first] == person[second]
    genuine = {tuple(sorted(pair)) for pair in zip(first[same], second[same], strict=True)}
    assert len(genuine) == np.sum(same) == 3 * 3
    assert set(first[~same]) | set(second[~same]) == set(range(11))
    assert weights[same].sum() == pytest.approx(weights[~same].sum())
    assert weights.mean() == pytest.approx(1)


def test_the_held_out_loss_of_classes_is_that_of_pairs():
    embeddings, labels = unit(np.random.default_rng(0).normal(size=(6, 4))), np.array([0, 0, 1, 1, 2, 2])
    found = held_out_loss(resolve_metric(MetricRecipe(loss="arcface", scale=8.0)), (0.3, 0.6))(embeddings, labels)
    assert found == pytest.approx(float(SupConLoss(1 / 8)(labels, embeddings)))
