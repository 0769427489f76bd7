"""Forward and back through 3-4-4-1, against NumPy by hand and numerical differences."""

import numpy as np
import pytest
from scipy.special import expit

from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS
from kerasface.inspection.teaching.worked.backpropagation import backpropagate, forward, random_network

INPUTS, TARGET = [0.5, -1, 2], [1]


def test_forward_is_sigmoid_of_sums():
    network = random_network()
    values = np.array(INPUTS)
    for weights, biases in network:
        values = expit(values @ weights + biases)
    layers = forward(INPUTS, network)
    assert [layer.outputs.shape for layer in layers] == [(4,), (4,), (1,)]
    np.testing.assert_allclose(layers[-1].outputs, values)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_gradient_is_that_of_numerical_differences(name):
    network, activation, step = random_network(seed=1), ACTIVATIONS[name], 1e-6
    found = backpropagate(INPUTS, TARGET, network, activation)
    for place, (weights, biases) in enumerate(network):
        for values, gradient in (
            (weights, found.gradients[place].of_weights),
            (biases, found.gradients[place].of_sums),
        ):
            for index in np.ndindex(values.shape):
                before = values[index]
                losses = []
                for moved in (before + step, before - step):
                    values[index] = moved
                    losses.append(backpropagate(INPUTS, TARGET, network, activation).loss)
                values[index] = before
                assert gradient[index] == pytest.approx((losses[0] - losses[1]) / (2 * step), abs=1e-6)


def test_the_chain_of_an_edge_multiplies_to_its_gradient():
    found = backpropagate(INPUTS, TARGET, random_network())
    for layer, source, unit in ((0, 2, 1), (1, 0, 3), (2, 3, 0)):
        assert np.prod(found.chain(layer, source, unit)) == pytest.approx(
            found.gradients[layer].of_weights[source, unit]
        )
    # What comes to a unit is what all edges behind it pass on.
    np.testing.assert_allclose(found.gradients[0].of_outputs, found.gradients[1].passed.sum(axis=1))


def test_a_step_against_the_gradient_lowers_the_loss():
    network, losses = random_network(), []
    for _ in range(20):
        found = backpropagate(INPUTS, TARGET, network)
        losses.append(found.loss)
        network = found.stepped(0.5)
    assert (np.diff(losses) < 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: forward(INPUTS, []), "at least one layer"),
        (lambda: forward([1, 2], random_network()), "Layer 1 takes 2 numbers"),
        (lambda: backpropagate(INPUTS, [1, 2], random_network()), "one target for each output, 1"),
        (lambda: forward([1, 2, np.inf], random_network()), "inputs must be finite"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()
