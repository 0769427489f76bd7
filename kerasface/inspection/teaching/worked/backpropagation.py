"""A small network of dense layers, forward with every number, and its error passed back, edge by edge."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS, ActivationFunction
from kerasface.inspection.teaching.worked.numbers import numbers

WIDTHS = (3, 4, 4, 1)  # of the lecture: three numbers in, two hidden layers, one number out


@dataclass(frozen=True, eq=False)
class DenseLayer:
    """What one layer computes.

    Attributes:
        weights: `(units_before, units)`.
        biases: `(units,)`.
        inputs: Outputs of the layer before, `(units_before,)`.
        sums: `z = inputs @ weights + biases`, `(units,)`.
        outputs: `a = f(z)`, `(units,)`.
        slopes: `f'(z)`, `(units,)`.
    """

    weights: np.ndarray
    biases: np.ndarray
    inputs: np.ndarray
    sums: np.ndarray
    outputs: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True, eq=False)
class LayerGradients:
    """What comes back to one layer.

    Attributes:
        of_outputs: `dL/da`, summed over all edges that lead on from a unit, `(units,)`.
        of_sums: `dL/dz = dL/da f'(z)`, `(units,)`; of the biases, too.
        of_weights: `dL/dw = a_before dL/dz`, `(units_before, units)`.
        passed: `w dL/dz` of each edge: what it hands to the unit before, `(units_before, units)`.
    """

    of_outputs: np.ndarray
    of_sums: np.ndarray
    of_weights: np.ndarray
    passed: np.ndarray


@dataclass(frozen=True, eq=False)
class Backpropagation:
    """One example, forward and back.

    Attributes:
        layers: From the first to the last.
        gradients: Of each of them.
        loss: `(a - target)^2 / 2`, summed over the outputs.
    """

    layers: tuple[DenseLayer, ...]
    gradients: tuple[LayerGradients, ...]
    loss: float

    def chain(self, layer: int, source: int, unit: int) -> tuple[float, float, float]:
        """Returns the factors of one weight's gradient: `dL/da`, `f'(z)` and the number that it multiplies.

        Args:
            layer: Index of its layer.
            source: Index of the unit it comes from.
            unit: Index of the unit it leads to.
        """
        computed, back = self.layers[layer], self.gradients[layer]
        return float(back.of_outputs[unit]), float(computed.slopes[unit]), float(computed.inputs[source])

    def stepped(self, rate: float) -> list[tuple[np.ndarray, np.ndarray]]:
        """Returns weights and biases of each layer after a step of gradient descent."""
        return [
            (layer.weights - rate * back.of_weights, layer.biases - rate * back.of_sums)
            for layer, back in zip(self.layers, self.gradients, strict=True)
        ]


def random_network(widths: Sequence[int] = WIDTHS, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns weights in tenths, so that they can be read, and biases of 0, for layers of these widths."""
    generator = np.random.default_rng(seed)
    return [
        (np.round(generator.normal(scale=1.2 / np.sqrt(before) + 0.3, size=(before, after)), 1), np.zeros(after))
        for before, after in itertools.pairwise(widths)
    ]


def forward(
    inputs: ArrayLike,
    network: Sequence[tuple[ArrayLike, ArrayLike]],
    activation: ActivationFunction = ACTIVATIONS["sigmoid"],
) -> tuple[DenseLayer, ...]:
    """Computes the layers one after the other, all with the same activation.

    Args:
        inputs: `(units,)`.
        network: Weights `(units_before, units)` and biases `(units,)` of each layer.
        activation: Of every layer.

    Raises:
        ValueError: If there is no layer, a number is not finite, or the shapes do not go together.
    """
    values, layers = numbers("inputs", inputs, 1), []
    if not network:
        raise ValueError("A network has at least one layer. Received: network=[]. Add one.")
    for place, (weights, biases) in enumerate(network, start=1):
        weights, biases = numbers(f"weights of layer {place}", weights, 2), numbers("biases", biases, 1)
        if weights.shape != (len(values), len(biases)):
            raise ValueError(
                f"Layer {place} takes {len(values)} numbers and has {len(biases)} biases. "
                f"Received: weights of shape {weights.shape}."
            )
        sums = values @ weights + biases
        layers.append(DenseLayer(weights, biases, values, sums, activation.of(sums), activation.slope(sums)))
        values = layers[-1].outputs
    return tuple(layers)


def backpropagate(
    inputs: ArrayLike,
    target: ArrayLike,
    network: Sequence[tuple[ArrayLike, ArrayLike]],
    activation: ActivationFunction = ACTIVATIONS["sigmoid"],
) -> Backpropagation:
    """Computes the loss of one example and passes its gradient back, from the last layer to the first.

    Args:
        inputs: `(units,)`.
        target: What the last layer should give, `(last_units,)`.
        network: As in `forward`.
        activation: Of every layer.

    Raises:
        ValueError: If there is no layer, a number is not finite, or the shapes do not go together.

    Reference:
        Rumelhart, Hinton and Williams, "Learning Representations by Back-propagating Errors", Nature 1986.
    """
    layers, target = forward(inputs, network, activation), numbers("target", target, 1)
    answer = layers[-1].outputs
    if target.shape != answer.shape:
        raise ValueError(f"There is one target for each output, {len(answer)}. Received: {len(target)} targets.")
    gradients, of_outputs = [], answer - target
    for layer in reversed(layers):
        of_sums = of_outputs * layer.slopes
        passed = layer.weights * of_sums
        gradients.append(LayerGradients(of_outputs, of_sums, np.outer(layer.inputs, of_sums), passed))
        of_outputs = passed.sum(axis=1)
    return Backpropagation(layers, tuple(reversed(gradients)), float(((answer - target) ** 2).sum() / 2))
