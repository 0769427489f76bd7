"""What depth does to a network: variance of activations, size of gradients, and whether it can be trained at all."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasface.inspection.teaching.experiments.digits import split_digits
from kerasface.inspection.teaching.experiments.small_networks import Design, Momentum, SmallNetwork
from kerasface.inspection.threads import OneThread

# What is varied -> options of `Design`.
KINDS = {
    "plain, small weights": {"gain": 0.02},
    "plain, He": {},
    "BatchNorm": {"normalized": True},
    "residual": {"normalized": True, "residual": True},
}
DEPTHS = (10, 20, 40)
WIDTH = 64  # units of every hidden layer
STEPS, BATCH, RATE = 200, 64, 0.03


@dataclass(frozen=True, eq=False)
class Signals:
    """What goes through the layers of a network and comes back, for one batch.

    Attributes:
        variances: Of the activations of every hidden layer, `(depth - 1,)`.
        gradients: Root mean square of the loss's gradient with respect to the sums of every layer, `(depth,)`.
    """

    variances: np.ndarray
    gradients: np.ndarray


@dataclass(frozen=True, eq=False)
class DepthRun:
    """A training at one depth.

    Attributes:
        losses: Of every step's batch, in nats; it ends early where it diverged.
        accuracy: Share of the held-out digits that are read rightly at the end.
        before: Signals before the first step.
        after: Signals after the last one; None where it diverged.
    """

    losses: np.ndarray
    accuracy: float
    before: Signals
    after: Signals | None


def design_of(kind: str, depth: int, width: int = WIDTH) -> Design:
    """Returns a design for the digits.

    Args:
        kind: One of `KINDS`.
        depth: Layers with weights, the classifier among them; at least 2.
        width: Units of every hidden layer.

    Raises:
        ValueError: If there is no such kind or a number is out of range.
    """
    if kind not in KINDS:
        raise ValueError(f"Kinds of networks are {', '.join(KINDS)}. Received: kind={kind!r}.")
    if depth < 2 or width < 1:
        raise ValueError(f"A network has at least 2 layers of 1 unit. Received: depth={depth}, width={width}.")
    return Design((64, *[width] * (depth - 1), 10), **KINDS[kind])


@OneThread()
def measure_signals(network: SmallNetwork) -> Signals:
    """Sends the first 256 digits through a network and their gradient back; nothing is learned."""
    digits = split_digits()
    network.loss_and_gradients(digits.x[:256], np.eye(10, dtype=np.float32)[digits.labels[:256]])
    return last_signals(network)


def last_signals(network: SmallNetwork) -> Signals:
    """Returns the signals of the batch that went through a network and back last, also in the middle of a training."""
    return Signals(
        np.array([layer.outputs.var() for layer in network.layers[:-1]], dtype=np.float64),
        np.array([np.sqrt(np.square(layer.of_sums).mean()) for layer in network.layers], dtype=np.float64),
    )


@OneThread()
def train_at_depth(
    kind: str,
    depth: int,
    *,
    steps: int = STEPS,
    rate: float = RATE,
    width: int = WIDTH,
    seed: int = 0,
    on_step: Callable[[int, SmallNetwork], None] = lambda done, network: None,
) -> DepthRun:
    """Trains a network on the digits with momentum, and measures its signals before and after.

    Args:
        kind: One of `KINDS`.
        depth: Layers with weights, at least 2.
        steps: At least 1.
        rate: Above 0.
        width: Units of every hidden layer.
        seed: Of weights and batches.
        on_step: Called with the number of steps made, and the network as it is then.

    Raises:
        ValueError: If an argument is out of range.
    """
    if steps < 1 or not rate > 0:
        raise ValueError(f"There is at least one step, and a rate above 0. Received: steps={steps}, rate={rate}.")
    network, digits = SmallNetwork(design_of(kind, depth, width), seed), split_digits()
    targets, before = np.eye(10, dtype=np.float32)[digits.labels], measure_signals(network)
    generator, optimizer, losses = np.random.default_rng(seed), Momentum(network.parameters), []
    for done in range(1, steps + 1):
        batch = generator.choice(len(targets), BATCH, replace=False)
        loss = network.loss_and_gradients(digits.x[batch], targets[batch])
        if not np.isfinite(loss):
            return DepthRun(np.array(losses), 0.1, before, None)
        losses.append(loss)
        optimizer.step(network.gradients, rate)
        on_step(done, network)
    with np.errstate(over="ignore", invalid="ignore"):
        answers = network.logits(digits.held_out_x).argmax(axis=1)
        after = measure_signals(network)
    return DepthRun(np.array(losses), float((answers == digits.held_out_labels).mean()), before, after)
