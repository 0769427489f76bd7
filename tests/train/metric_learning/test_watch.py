"""Alarms for collapse."""

import numpy as np
import pytest

from kerasface.train.metric_learning.watch import Spread, alarms, past_alarms, spread


def test_spread_counted_by_hand():
    """Two people on a circle: 0 and 60 degrees are one, 180 the other; chords 1, 2 and 3 ** 0.5."""
    angles = np.deg2rad([0, 60, 180])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = spread(embeddings, np.array([0, 0, 1]), margin=0.8)
    assert found.genuine_distance == pytest.approx(1)
    assert found.impostor_distance == pytest.approx((2 + 3**0.5) / 2)
    # 1 + 0.8 - 2 is below 0, 1 + 0.8 - 3 ** 0.5 above.
    assert found.active_triplets == 0.5
    assert found.triplet_loss == pytest.approx((1.8 - 3**0.5) / 2)


START = Spread(impostor_distance=0.6, genuine_distance=0.3, active_triplets=0.05, triplet_loss=0.01)


@pytest.mark.parametrize(
    ("now", "loss", "says"),
    [
        (Spread(0.5, 0.2, 0.04, 0.01), "triplet", []),
        (Spread(0.1, 0.05, 0.2, 0.05), "supcon", ["different people lie 0.100 apart"]),
        (Spread(0.0, 0.0, 1.0, 0.2), "triplet", ["different people lie 0.000 apart", "stands at its margin"]),
        (Spread(0.6, 0.2, 0.0, 0.0), "triplet", ["Nothing left to learn"]),
        (Spread(0.6, 0.2, 0.0, 0.0), "supcon", []),
    ],
)
def test_alarms(now, loss, says):
    found = alarms(now, START, margin=0.2, loss=loss)
    assert len(found) == len(says)
    assert all(part in text for part, text in zip(says, found, strict=True))


def test_alarms_of_a_training_name_stage_and_epoch():
    row = {"stage": "head", "epoch": 3, "loss": 1.0, **vars(Spread(0.1, 0.05, 0.2, 0.05))}
    (found,) = past_alarms([row | {"impostor_distance": 0.6, "epoch": 2}, row], {"head": START}, 0.2, "supcon")
    assert (found["stage"], found["epoch"]) == ("head", 3)
