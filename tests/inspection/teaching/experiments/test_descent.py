"""Paths of gradient descent: against Keras's optimizers, and the rates at which theory says they turn."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.experiments.descent import OPTIMIZERS, SURFACES, descend

VALLEY = SURFACES["Narrow valley"]
IN_KERAS = {
    "SGD": lambda rate: keras.optimizers.SGD(rate),
    "momentum": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "Adam": lambda rate: keras.optimizers.Adam(rate),
    "Adadelta": lambda rate: keras.optimizers.Adadelta(rate),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_are_those_of_keras(name):
    found, weights = descend(VALLEY, name, rate=0.05, steps=6), keras.Variable(VALLEY.start)
    optimizer = IN_KERAS[name](0.05)
    for point in found.points[1:]:
        gradient = VALLEY.gradient(keras.ops.convert_to_numpy(weights).astype(np.float64))
        optimizer.apply([keras.ops.convert_to_tensor(gradient.astype(np.float32))], [weights])
        np.testing.assert_allclose(point, keras.ops.convert_to_numpy(weights), atol=1e-4)


@pytest.mark.parametrize("name", SURFACES)
def test_gradients_are_slopes(name):
    surface, step = SURFACES[name], 1e-6
    points = np.random.default_rng(0).uniform(-2, 2, (20, 2))
    for axis in (0, 1):
        move = step * np.eye(2)[axis]
        numeric = (surface.loss(points + move) - surface.loss(points - move)) / (2 * step)
        np.testing.assert_allclose(surface.gradient(points)[:, axis], numeric, atol=1e-5)


def test_above_two_by_the_curvature_it_diverges():
    """The valley's curvature across is 10: at a rate of 0.2 the distance neither grows nor shrinks."""
    verdicts = {rate: descend(VALLEY, rate=rate, steps=100).verdict for rate in (0.001, 0.1, 0.19, 0.25)}
    assert verdicts == {0.001: "crawls", 0.1: "arrived", 0.19: "arrived", 0.25: "diverged"}
    across = np.abs(descend(VALLEY, rate=0.2, steps=30).points[:, 1])
    np.testing.assert_allclose(across, across[0])
    assert np.isfinite(descend(VALLEY, rate=1e6, steps=1000).points).all()


def test_momentum_is_faster_along_and_carries_over_a_rim():
    plain, heavy = (descend(VALLEY, name, rate=0.02, steps=60) for name in ("SGD", "momentum"))
    assert heavy.remaining < plain.remaining
    waves = SURFACES["Many valleys"]
    assert descend(waves, "SGD", rate=0.1, steps=150).verdict == "stuck"
    assert descend(waves, "momentum", rate=0.1, steps=150).verdict == "arrived"


def test_what_is_wrong_is_said():
    for options in ({"optimizer": "Newton"}, {"rate": 0}, {"steps": 0}, {"momentum": 1}, {"rate": np.inf}):
        with pytest.raises(ValueError, match="Received"):
            descend(VALLEY, **options)
