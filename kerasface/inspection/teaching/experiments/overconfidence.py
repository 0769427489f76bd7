"""Overconfidence on a real classifier: how sure it is of digits it has not seen, with hard and with smoothed labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.classification import Calibration, calibration
from kerasface.inspection.teaching.basics import smooth_labels, softmax
from kerasface.inspection.teaching.experiments.digits import first_of_each, split_digits
from kerasface.inspection.teaching.experiments.small_networks import Design, Momentum, SmallNetwork
from kerasface.inspection.threads import OneThread

STEPS, BATCH, RATE = 200, 32, 0.03
_CLASSES = tuple(range(10))
_HIDDEN = (80, 80)  # units: 32 * 80 * 80 products are still computed by one thread, which is faster


@dataclass(frozen=True, eq=False)
class Confidence:
    """How sure a classifier is, and how often right.

    Attributes:
        probabilities: Of the digits held out, `(400, 10)`.
        labels: Their classes, `(400,)`.
        accuracy: Share of them read rightly.
        confidence: Mean probability of the answer: above the accuracy it is overconfident.
        gap: Mean difference between the logit of the answer and the mean of the others.
        calibration: Confidence against accuracy in bins, with the expected calibration error.
        train_accuracy: Share of the digits learned from that are read rightly.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    accuracy: float
    confidence: float
    gap: float
    calibration: Calibration
    train_accuracy: float


@OneThread()
def train_confidence(
    alpha: float,
    *,
    per_class: int = 10,
    noise: float = 0.0,
    steps: int = STEPS,
    seed: int = 0,
    on_step: Callable[[int], None] = lambda done: None,
) -> Confidence:
    """Trains a network of two hidden layers on few digits until it knows them by heart, and asks it for others.

    Args:
        alpha: Of the label smoothing, in `[0, 1)`; 0 are hard labels.
        per_class: Digits of each class to learn from.
        noise: Deviation of what is added to the digits it is judged on, in units of theirs: harder pictures.
        steps: At least 1.
        seed: Of weights and batches.
        on_step: Called with the number of steps made.

    Raises:
        ValueError: If an argument is out of range.
    """
    if steps < 1 or noise < 0 or not 0 <= alpha < 1:
        raise ValueError(
            "There is at least one step, noise is not below 0, and alpha lies in [0, 1). "
            f"Received: steps={steps}, noise={noise}, alpha={alpha}."
        )
    digits, generator = split_digits(), np.random.default_rng(seed)
    rows = first_of_each(digits.labels, per_class, _CLASSES)
    x, labels = digits.x[rows], digits.labels[rows]
    targets = np.float32([smooth_labels(label, len(_CLASSES), alpha) for label in labels])
    network = SmallNetwork(Design((64, *_HIDDEN, 10)), seed)
    optimizer = Momentum(network.parameters)
    for done in range(1, steps + 1):
        batch = generator.choice(len(x), min(BATCH, len(x)), replace=False)
        network.loss_and_gradients(x[batch], targets[batch])
        optimizer.step(network.gradients, RATE)
        on_step(done)
    blurred = (
        digits.held_out_x + generator.normal(scale=noise, size=digits.held_out_x.shape) if noise else digits.held_out_x
    )
    logits = network.logits(np.float32(blurred))
    found = softmax(logits)
    best = np.sort(logits, axis=1)
    return Confidence(
        found,
        digits.held_out_labels,
        float((logits.argmax(axis=1) == digits.held_out_labels).mean()),
        float(found.max(axis=1).mean()),
        float((best[:, -1] - best[:, :-1].mean(axis=1)).mean()),
        calibration(found, digits.held_out_labels),
        float((network.logits(x).argmax(axis=1) == labels).mean()),
    )
