"""The learning-rate range test: a short training under a rising rate, from which a rate is suggested."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from kerasface.train.engine.optimizers import build_optimizer

_MEMORY = 0.9  # of the smoothed loss: about the last ten batches
_DIVERGED = 4  # times the best smoothed loss
_LEAST_FALL = 0.01  # of the smoothed loss, relative, to be one
_SETTLING = 0.1  # share of the steps at the start, where the smoothed loss is of few batches, that suggest nothing


@dataclass(frozen=True, eq=False)
class RateSearch:
    """What a range test saw, one entry per step, up to where the loss ran away.

    Attributes:
        rates: Learning rates, rising by the same factor from step to step.
        losses: Loss of each batch, before its update.
        smoothed: Exponential moving average of the losses, corrected for its start.
        suggestion: One of the rates: where the smoothed loss falls most steeply over the logarithm of the rate.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    suggestion: float


def find_learning_rate(
    model: keras.Model,
    batches: Iterable,
    *,
    loss: str | keras.losses.Loss,
    optimizer: str | keras.optimizers.Optimizer = "adamw",
    low: float = 1e-6,
    high: float = 1.0,
    num_steps: int = 100,
    on_progress: Callable[[int, int], None] | None = None,
) -> RateSearch:
    """Trains for a few steps while the rate rises from `low` to `high`, suggests a rate, and puts the model back.

    Weights, statistics and random states of the layers are afterwards as before, bit for bit, also after an error;
    how the model was compiled does not matter and does not change.

    Args:
        model: Functional or Sequential, built, with one input and one output.
        batches: `(images, labels)`, begun again when they end; labels as the loss takes them.
        loss: To be minimised; not negative.
        optimizer: `"adamw"`, `"sgd"`, or a new optimizer with a number as its rate, which is used up: built with the
            settings of the training to come, it finds the rate for them.
        low: Rate of the first step, too small to change much.
        high: Rate of the last step. The search ends before it where the smoothed loss is above four times its best,
            or a loss is not finite.
        num_steps: Batches, at least 10.
        on_progress: Called with the steps done and their number.

    Raises:
        ValueError: If a number is out of range, the batches run out and cannot begin again, or the smoothed loss
            never falls by 1 %.

    Example:
        ```python
        optimizer = build_optimizer("adamw", 1e-6, weight_decay=0.05)
        search = find_learning_rate(model, batches, loss="categorical_crossentropy", optimizer=optimizer)
        print(search.suggestion)
        ```

    Reference:
        Smith, "Cyclical Learning Rates", WACV 2017 (arXiv:1506.01186), section 3.3. The rule of the suggestion is
        fastai's `steep`.
    """
    if not 0 < low < high or num_steps < 10:
        raise ValueError(
            "A search needs 0 < low < high and at least 10 steps. "
            f"Received: low={low}, high={high}, num_steps={num_steps}."
        )
    if isinstance(optimizer, str):
        optimizer = build_optimizer(optimizer, low)
    before = [np.array(keras.ops.convert_to_numpy(variable)) for variable in model.variables]
    # A model of the same layers, so that the caller's stays compiled as it is.
    probe = keras.Model(model.inputs[0], model.outputs[0])
    probe.compile(optimizer, loss)
    rates = np.geomspace(low, high, num_steps)
    try:
        losses, smoothed = _descend(probe, _repeated(batches), rates, on_progress)
    finally:
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
    rates = rates[: len(losses)]
    start = int(_SETTLING * num_steps)
    return RateSearch(rates, losses, smoothed, suggestion=_steepest(rates, smoothed, start))


def _descend(probe: keras.Model, batches: Iterator, rates: np.ndarray, on_progress) -> tuple[np.ndarray, np.ndarray]:
    losses, smoothed, average = [], [], 0.0
    for step, rate in enumerate(rates, start=1):
        probe.optimizer.learning_rate = float(rate)
        batch = (np.asarray(part) for part in next(batches))  # Keras on JAX takes no tensors of TensorFlow here
        loss = float(probe.train_on_batch(*batch))
        if not np.isfinite(loss):
            break
        average = _MEMORY * average + (1 - _MEMORY) * loss
        losses.append(loss)
        smoothed.append(average / (1 - _MEMORY**step))
        if on_progress:
            on_progress(step, len(rates))
        if smoothed[-1] > _DIVERGED * min(smoothed):
            break
    return np.array(losses), np.array(smoothed)


def _repeated(batches: Iterable) -> Iterator:
    while True:
        empty = True
        for batch in batches:
            empty = False
            yield batch
        if empty:
            raise ValueError(
                f"No batch came from the batches. Received: batches={batches!r}. Pass a data set or a list that is "
                "not empty and can begin again, or an iterator of as many batches as steps."
            )


def _steepest(rates: np.ndarray, smoothed: np.ndarray, start: int) -> float:
    """The rate of the steepest fall, from the step `start` to the lowest smoothed loss."""
    best = start + int(np.argmin(smoothed[start:])) if len(smoothed) > start else start
    if best == start or smoothed[best] > (1 - _LEAST_FALL) * smoothed[start]:
        raise ValueError(
            f"The loss never fell by {_LEAST_FALL:.0%}. Received: {len(rates)} steps with smoothed losses "
            f"{np.array2string(smoothed[:: max(1, len(smoothed) // 8)], precision=3)}. Check labels and loss, or "
            "search from a lower rate or to a higher one."
        )
    slopes = np.gradient(smoothed, np.log(rates))
    return float(rates[start + int(np.argmin(slopes[start : best + 1]))])
