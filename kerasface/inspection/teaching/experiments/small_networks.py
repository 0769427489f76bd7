"""Small dense networks by NumPy: plain, normalized and residual, with every activation and gradient to look at.

TensorFlow takes seconds to trace forty layers; here a step takes milliseconds. What a layer computes is what the layers
of Keras compute, which the tests hold.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kerasface.inspection.teaching.basics import log_softmax

EPSILON = 1e-5


@dataclass(frozen=True)
class Design:
    """How a network is built.

    Attributes:
        widths: Numbers that go in, units of every hidden layer, classes.
        gain: Deviation of the initial weights is `sqrt(gain / inputs)`: 2 is He's.
        normalized: Whether sums are batch-normalized before ReLU.
        residual: Whether every second hidden layer adds the output of the one two before it, before its ReLU.
    """

    widths: tuple[int, ...]
    gain: float = 2.0
    normalized: bool = False
    residual: bool = False


@dataclass(eq=False)
class Layer:
    """One layer: its parameters, what went through it last, and what came back.

    Attributes:
        weights: `(inputs, units)`.
        biases: `(units,)`; with batch normalization its shift.
        scales: `(units,)`, of batch normalization; None without.
        outputs: `(batch, units)`, after the activation, of the last pass.
        gradients: Of the loss with respect to weights, biases and scales, in this order.
        of_sums: Of the loss with respect to what goes into the activation, `(batch, units)`.
    """

    weights: np.ndarray
    biases: np.ndarray
    scales: np.ndarray | None = None
    outputs: np.ndarray | None = None
    gradients: list[np.ndarray] = field(default_factory=list)
    of_sums: np.ndarray | None = None
    inputs: np.ndarray | None = None  # what follows is kept for the way back, and by batch normalization
    centered: np.ndarray | None = None
    deviations: np.ndarray | None = None
    means: np.ndarray | None = None
    variances: np.ndarray | None = None

    @property
    def parameters(self) -> list[np.ndarray]:
        return [self.weights, self.biases, *([] if self.scales is None else [self.scales])]


class SmallNetwork:
    """A network of dense layers with ReLU and a softmax at its end.

    Args:
        design: How it is built.
        seed: Of the weights.

    Attributes:
        layers: From the first to the last.
        design: As it was given.

    Raises:
        ValueError: If there is no layer, or a width is below 1.

    Example:
        ```python
        network = SmallNetwork(Design((64, 32, 10)))
        loss = network.loss_and_gradients(x, labels)
        ```
    """

    def __init__(self, design: Design, seed: int = 0):
        if len(design.widths) < 2 or min(design.widths) < 1:
            raise ValueError(
                f"A network has at least one layer, and each at least one unit. Received: widths={design.widths}."
            )
        generator = np.random.default_rng(seed)
        self.design = design
        self.layers = []
        last = len(design.widths) - 2
        for place, (before, units) in enumerate(itertools.pairwise(design.widths)):
            weights = generator.normal(scale=math.sqrt(design.gain / before), size=(before, units))
            normalized = design.normalized and place < last
            self.layers.append(
                Layer(
                    np.float32(weights), np.zeros(units, np.float32), np.ones(units, np.float32) if normalized else None
                )
            )

    @property
    def parameters(self) -> list[np.ndarray]:
        """All weights, layer by layer; they are changed in place."""
        return [values for layer in self.layers for values in layer.parameters]

    @property
    def gradients(self) -> list[np.ndarray]:
        """Of all parameters, after `loss_and_gradients`."""
        return [values for layer in self.layers for values in layer.gradients]

    def logits(self, x: np.ndarray, *, training: bool = False) -> np.ndarray:
        """Computes what goes into softmax.

        Args:
            x: `(batch, inputs)`.
            training: Whether batch normalization takes the mean of this batch; else the one that it remembers.

        Returns:
            `(batch, num_classes)`.
        """
        values, shortcut = x.astype(np.float32), None
        for place, layer in enumerate(self.layers):
            layer.inputs = values
            sums = values @ layer.weights
            sums = sums + layer.biases if layer.scales is None else _normalized(layer, sums, training)
            if self._joins(place):
                sums = sums + shortcut
            values = sums if layer is self.layers[-1] else np.maximum(sums, 0)
            layer.outputs = values
            if self._forks(place):
                shortcut = values
        return values

    def loss_and_gradients(self, x: np.ndarray, targets: np.ndarray) -> float:
        """Computes the mean cross-entropy of a batch, and leaves its gradients in the layers.

        Args:
            x: `(batch, inputs)`.
            targets: Shares of the classes, `(batch, num_classes)`.

        Returns:
            The loss, in nats; not finite once the weights are not.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # a rate that is too large ends there: it is said
            logits = self.logits(x, training=True)
        if not np.isfinite(logits).all():
            return math.nan
        logs = log_softmax(logits)
        back = np.float32((np.exp(logs) - targets) / len(x))
        around = None  # what a shortcut brings to the layer two before
        for place in reversed(range(len(self.layers))):
            layer = self.layers[place]
            if self._forks(place) and around is not None:
                back, around = back + around, None
            of_sums = back if place == len(self.layers) - 1 else back * (layer.outputs > 0)
            layer.of_sums = of_sums
            if self._joins(place):
                around = of_sums
            if layer.scales is not None:
                of_sums = _denormalized(layer, of_sums)
                layer.gradients = [layer.inputs.T @ of_sums, layer.gradients[1], layer.gradients[2]]
            else:
                layer.gradients = [layer.inputs.T @ of_sums, of_sums.sum(axis=0)]
            back = of_sums @ layer.weights.T
        return float(-(targets * logs).sum(axis=1).mean())

    def _forks(self, place: int) -> bool:
        """Whether a shortcut leaves behind this hidden layer: behind the first, and then each second one."""
        return self.design.residual and place % 2 == 0 and place < len(self.layers) - 1

    def _joins(self, place: int) -> bool:
        return self.design.residual and place % 2 == 0 and 0 < place < len(self.layers) - 1


def _normalized(layer: Layer, sums: np.ndarray, training: bool) -> np.ndarray:
    if training or layer.means is None:
        means, variances = sums.mean(axis=0), sums.var(axis=0)
        if layer.means is None:
            layer.means, layer.variances = means, variances
        elif training:
            layer.means, layer.variances = 0.9 * layer.means + 0.1 * means, 0.9 * layer.variances + 0.1 * variances
    else:
        means, variances = layer.means, layer.variances
    layer.deviations = np.sqrt(variances + EPSILON)
    layer.centered = (sums - means) / layer.deviations
    return layer.scales * layer.centered + layer.biases


def _denormalized(layer: Layer, of_outputs: np.ndarray) -> np.ndarray:
    """Passes a gradient back through batch normalization, and leaves those of shift and scale in the layer."""
    of_scales = (of_outputs * layer.centered).sum(axis=0)
    layer.gradients = [None, of_outputs.sum(axis=0), of_scales]
    of_centered = of_outputs * layer.scales
    return (
        of_centered - of_centered.mean(axis=0) - layer.centered * (of_centered * layer.centered).mean(axis=0)
    ) / layer.deviations


class Momentum:
    """Gradient descent with momentum over parameters that are changed in place.

    Args:
        parameters: What is trained; others of a network stay as they are.
        momentum: Share of the last step that is taken again.
    """

    def __init__(self, parameters: Sequence[np.ndarray], momentum: float = 0.9):
        self.parameters, self.momentum = list(parameters), momentum
        self._steps = [np.zeros_like(values) for values in self.parameters]

    def step(self, gradients: Sequence[np.ndarray], rates: float | Sequence[float]):
        """Takes a step.

        Args:
            gradients: One for each of the parameters.
            rates: One for all of them, or for each its own.
        """
        rates = [rates] * len(self.parameters) if isinstance(rates, float | int) else rates
        for values, gradient, step, rate in zip(self.parameters, gradients, self._steps, rates, strict=True):
            step *= self.momentum
            step -= rate * gradient
            values += step
