"""Small networks by NumPy against Keras, and what depth does to them."""

import keras
import numpy as np
import pytest

from kerasface.inspection.teaching.experiments.depth import KINDS, design_of, measure_signals, train_at_depth
from kerasface.inspection.teaching.experiments.small_networks import Design, Momentum, SmallNetwork

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(64, 5)).astype(np.float32)
TARGETS = np.eye(3, dtype=np.float32)[GENERATOR.integers(0, 3, 64)]


def in_keras(network):
    """The same network of Keras's layers: shortcuts over two layers join before the ReLU of the second."""
    inputs = x = keras.Input((network.design.widths[0],))
    shortcut = None
    for place, layer in enumerate(network.layers):
        last = place == len(network.layers) - 1
        x = keras.layers.Dense(len(layer.biases), use_bias=layer.scales is None, name=f"dense{place}")(x)
        if layer.scales is not None:
            x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"norm{place}")(x)
        if last:
            break
        if network.design.residual and place % 2 == 0 and place:
            x = keras.layers.Add()([x, shortcut])
        x = keras.layers.ReLU()(x)
        if network.design.residual and place % 2 == 0:
            shortcut = x
    model = keras.Model(inputs, x)
    for place, layer in enumerate(network.layers):
        dense = model.get_layer(f"dense{place}")
        dense.set_weights([layer.weights] if layer.scales is not None else [layer.weights, layer.biases])
    return model


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_logits_are_those_of_keras(options):
    network = SmallNetwork(Design((5, 8, 8, 8, 8, 3), **options))
    found = network.logits(X, training=True)
    expected = keras.ops.convert_to_numpy(in_keras(network)(X, training=True))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS)
def test_gradients_are_those_of_numerical_differences(options):
    network = SmallNetwork(Design((5, 8, 8, 8, 8, 3), **{"gain": 2.0, **options}), seed=1)
    for layer in network.layers:  # in float64, or differences drown
        layer.weights, layer.biases = layer.weights.astype(np.float64), layer.biases.astype(np.float64) + 0.1
        layer.scales = None if layer.scales is None else layer.scales.astype(np.float64)
    network.loss_and_gradients(X, TARGETS)
    gradients = [values.copy() for values in network.gradients]
    for values, gradient in zip(network.parameters, gradients, strict=True):
        index = tuple(GENERATOR.integers(0, side) for side in values.shape)
        before, losses = values[index], []
        for moved in (before + 1e-5, before - 1e-5):
            values[index] = moved
            losses.append(network.loss_and_gradients(X, TARGETS))
        values[index] = before
        assert gradient[index] == pytest.approx((losses[0] - losses[1]) / 2e-5, abs=1e-4)


def test_momentum_is_that_of_keras():
    values, theirs = np.array([1.0, -2.0]), keras.Variable([1.0, -2.0])
    ours, optimizer = Momentum([values], 0.9), keras.optimizers.SGD(0.1, momentum=0.9)
    for gradient in ([0.5, 1.0], [-0.2, 0.3], [0.1, 0.0]):
        ours.step([np.array(gradient)], 0.1)
        optimizer.apply([keras.ops.convert_to_tensor(gradient)], [theirs])
    np.testing.assert_allclose(values, keras.ops.convert_to_numpy(theirs), atol=1e-6)


def test_small_weights_fade_and_he_keeps_the_variance():
    """Each layer multiplies the variance by gain / 2 with ReLU: 0.01 a layer for small weights, 1 for He's."""
    small, he = (measure_signals(SmallNetwork(design_of(kind, 10))) for kind in ("plain, small weights", "plain, He"))
    assert small.variances[-1] < 1e-12 < 0.05 < he.variances[-1] < 20
    assert small.gradients[0] < 1e-6 * small.gradients[-1]
    assert he.gradients[0] > 0.01 * he.gradients[-1]


def test_a_network_without_layers_is_refused():
    for call in (
        lambda: SmallNetwork(Design((5,))),
        lambda: design_of("residual", 1),
        lambda: design_of("wide", 3),
        lambda: train_at_depth("residual", 10, rate=0),
    ):
        with pytest.raises(ValueError, match="Received"):
            call()


def test_a_rate_that_diverges_ends_the_training():
    run = train_at_depth("plain, He", 4, steps=60, rate=100.0)
    assert run.after is None
    assert len(run.losses) < 60


@pytest.mark.slow
def test_forty_plain_layers_fail_and_forty_residual_ones_learn():
    plain, residual = (train_at_depth(kind, 40) for kind in ("plain, He", "residual"))
    assert plain.accuracy < 0.3
    assert residual.accuracy > 0.9
    assert train_at_depth("plain, He", 10).accuracy > 0.9  # it is the depth
