"""The learning rate over the steps, and what is decided between epochs: to lower the rate, to stop."""

import math
from dataclasses import asdict, dataclass

import keras
from keras import ops
from keras.optimizers.schedules import CosineDecay, LearningRateSchedule, PolynomialDecay

SCHEDULES = ("constant", "cosine", "one_cycle", "plateau")


def build_schedule(kind: str, peak: float, total_steps: int, *, warmup_steps: int = 0) -> float | LearningRateSchedule:
    """Builds what an optimizer takes as its learning rate: a pure function of the step, or a number.

    Args:
        kind: `"constant"`: the peak, a number unless there is a warm-up; `"cosine"`: from the peak along half a cosine
            to 0, without restarts; `"one_cycle"`: see `OneCycle`; `"plateau"`: the number `peak`, to be lowered
            between epochs by `Plateau`.
        peak: Highest rate.
        total_steps: Steps of the whole training, of which one is a batch.
        warmup_steps: Steps at the start in which the rate rises linearly from 0 to the peak; only for `"constant"`
            and `"cosine"`.

    Raises:
        ValueError: If the kind is unknown, a number is out of range, or a kind without warm-up is given one.

    Reference:
        Loshchilov & Hutter, "SGDR", ICLR 2017 (arXiv:1608.03983), equation 5.
    """
    if kind not in SCHEDULES:
        raise ValueError(f"Unknown schedule. Received: kind={kind!r}. Expected one of {list(SCHEDULES)}.")
    if not peak > 0:
        raise ValueError(f"The highest rate is above 0. Received: peak={peak}.")
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(
            "The warm-up is a part of the steps. "
            f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}; choose 0 to total_steps - 1."
        )
    if warmup_steps and kind in ("one_cycle", "plateau"):
        raise ValueError(f"{kind} has no warm-up to set. Received: warmup_steps={warmup_steps}; leave it 0.")
    peak = float(peak)
    if kind == "one_cycle":
        return OneCycle(peak, total_steps)
    if kind == "cosine" and not warmup_steps:
        return CosineDecay(peak, total_steps)
    if kind == "cosine":
        return CosineDecay(0.0, total_steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps)
    # Of the power 1 unless told otherwise: a line from 0 to the peak, where it stays.
    return PolynomialDecay(0.0, warmup_steps, end_learning_rate=peak) if warmup_steps else peak


@keras.saving.register_keras_serializable(package="kerasface")
class OneCycle(LearningRateSchedule):
    """One rise and one long fall, each along half a cosine.

    From `peak / 25` to `peak` over the first 30 % of the steps, then to `peak / 10000`, where it stays. The momentum
    is not cycled.

    Args:
        peak: Highest rate.
        total_steps: Steps of rise and fall together.

    Reference:
        Smith & Topin, "Super-Convergence", 2017 (arXiv:1708.07120); cosines and constants as in fastai.
    """

    def __init__(self, peak: float, total_steps: int):
        self.peak = peak
        self.total_steps = total_steps

    def __call__(self, step):
        done = ops.minimum(ops.cast(step, "float32") / self.total_steps, 1.0)
        start, end, rise = self.peak / 25, self.peak / 1e4, 0.3
        rising = start + (self.peak - start) * (1 - ops.cos(math.pi * done / rise)) / 2
        falling = end + (self.peak - end) * (1 + ops.cos(math.pi * (done - rise) / (1 - rise))) / 2
        return ops.where(done < rise, rising, falling)

    def get_config(self):
        return {"peak": self.peak, "total_steps": self.total_steps}


class _Resumable:
    """To and from a dictionary that JSON can hold."""

    def to_dict(self) -> dict:
        """Returns settings and state, for a checkpoint."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: dict):
        """Returns the object that `to_dict` described."""
        return cls(**saved)


@dataclass
class Plateau(_Resumable):
    """Lowers the learning rate when the loss no longer falls.

    Attributes:
        rate: Rate of the next epoch.
        factor: What the rate is multiplied by, in `(0, 1)`.
        patience: Epochs in a row without improvement after which it is.
        min_delta: The loss improves if it is lower than the best by more than this.
        best: Lowest loss so far.
        waited: Epochs since the best one, or since the rate was lowered after it.

    Example:
        ```python
        plateau = Plateau(rate=1e-3)
        for _ in range(epochs):
            losses = model.fit(batches, validation_data=validation).history
            model.optimizer.learning_rate = plateau.update(losses["val_loss"][0])
        ```
    """

    rate: float
    factor: float = 0.3
    patience: int = 3
    min_delta: float = 0.0
    best: float | None = None
    waited: int = 0

    def __post_init__(self):
        if not (self.rate > 0 and 0 < self.factor < 1 and self.patience >= 1 and self.min_delta >= 0):
            raise ValueError(
                "A plateau needs rate > 0, factor in (0, 1), patience >= 1 and min_delta >= 0. "
                f"Received: rate={self.rate}, factor={self.factor}, patience={self.patience}, "
                f"min_delta={self.min_delta}."
            )
        self.rate = float(self.rate)  # of an array it would not fit into JSON

    def update(self, loss: float) -> float:
        """Takes the loss of an epoch, where NaN is no improvement, and returns the rate of the next one."""
        if _improves(loss, self.best, self.min_delta):
            self.best, self.waited = float(loss), 0
            return self.rate
        self.waited += 1
        if self.waited == self.patience:
            self.rate, self.waited = self.rate * self.factor, 0
        return self.rate


@dataclass
class EarlyStopping(_Resumable):
    """Remembers the best epoch, and says when none has been better for too long.

    Attributes:
        patience: Epochs in a row without a better one after which to stop; `None`: never.
        higher_is_better: As for an accuracy; otherwise the lowest value is the best, as for a loss.
        min_delta: A value is better than the best if it differs from it by more than this.
        best: Best value so far.
        best_epoch: Its epoch, counted from 1.
        waited: Epochs since then.

    Example:
        ```python
        stopping = EarlyStopping(patience=5)
        if stopping.update(val_loss):
            save(model)
        if stopping.should_stop:
            ...
        ```
    """

    patience: int | None
    higher_is_better: bool = False
    min_delta: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    waited: int = 0

    def __post_init__(self):
        if (self.patience is not None and self.patience < 1) or not self.min_delta >= 0:
            raise ValueError(
                "Early stopping needs patience >= 1 or None, and min_delta >= 0. "
                f"Received: patience={self.patience}, min_delta={self.min_delta}."
            )

    def update(self, value: float) -> bool:
        """Takes the value of an epoch and returns whether it is the best so far; NaN and infinity never are."""
        sign = -1 if self.higher_is_better else 1
        best = None if self.best is None else sign * self.best
        if _improves(sign * value, best, self.min_delta):
            self.best, self.best_epoch, self.waited = float(value), self.best_epoch + self.waited + 1, 0
            return True
        self.waited += 1
        return False

    @property
    def should_stop(self) -> bool:
        """Whether no epoch has been better for `patience` epochs."""
        return self.patience is not None and self.waited >= self.patience


def _improves(loss: float, best: float | None, min_delta: float) -> bool:
    if not math.isfinite(loss):
        return False
    return best is None or loss < best - min_delta
