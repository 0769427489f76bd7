"""A small network that is trained while one looks on: a bounded slice of steps at a time, whoever asks for it.

Nothing runs between two calls, so a dashboard that is closed trains no further. The learning rate may change at any
time; everything else is fixed when the training is made, and the same settings give the same weights, however the steps
are cut into slices.
"""

import math
import threading
import time
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kerasface.inspection.teaching.basics import log_softmax, softmax
from kerasface.train.engine.optimizers import build_optimizer

# Name -> arguments of `build_optimizer`. Adam is AdamW without decay.
OPTIMIZERS = {"SGD": ("sgd", 0.0), "SGD, momentum 0.9": ("sgd", 0.9), "Adam": ("adamw", 0.0)}
NUM_CLASSES = 10
_SIDE = 8  # pixels of a digit
_KERNEL = 5  # pixels of a filter: large enough to see what it looks for
_MOST_INK = 16  # of a pixel in the data
_HELD_OUT = 360  # of the 1,797 digits
_MAX_POINTS = 400  # of the curves; of a longer training every other one is dropped


@dataclass(frozen=True)
class LivePoint:
    """What the network could do after a step.

    Attributes:
        step: Steps made before.
        loss: Mean cross-entropy over all training digits, in nats.
        accuracy: Share of the training digits that were read rightly.
        val_loss: As `loss`, over the digits held out.
        val_accuracy: As `accuracy`, over the digits held out.
    """

    step: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


class LiveTraining:
    """The training of a small convolutional network on scikit-learn's 1,797 handwritten digits.

    One convolution of 5x5 with ReLU, max-pooling and a dense layer; cross-entropy on softmax. A fifth of the digits is
    held out, in equal parts of each class. May be called from several threads, one after the other.

    Args:
        optimizer: One of `OPTIMIZERS`.
        learning_rate: Above 0.
        batch_size: Digits per step, from 1 to the number of training digits.
        filters: Filters of the convolution, at least 1.
        seed: Of split, weights and order.

    Attributes:
        step: Steps made.
        history: A `LivePoint` before the first step and after each slice, oldest first; of a long training thinned out.
        rates: Pairs of step and learning rate from there on.
        diverged: Whether weights or logits became NaN or infinite; then there are no more steps.
        first_filters: The filters before the first step, float32, `(5, 5, 1, filters)`.
        shown: Indices, in `load_digits`, of the first digit held out of each class, shape `(10,)`.
        steps_per_epoch: Steps in which every training digit is seen once; of a last, smaller batch nothing is seen.

    Raises:
        ValueError: If the optimizer is unknown or a number is out of range.

    Example:
        ```python
        training = LiveTraining(learning_rate=0.1)
        while training.step < 500 and not training.diverged:
            training.advance(50)
            training.learning_rate *= 0.9
        ```
    """

    def __init__(
        self,
        *,
        optimizer: str = "SGD",
        learning_rate: float = 0.1,
        batch_size: int = 32,
        filters: int = 8,
        seed: int = 0,
    ):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"Unknown optimizer. Received: optimizer={optimizer!r}. Choose one of {[*OPTIMIZERS]}.")
        digits = load_digits()
        self._images = np.float32(digits.images[..., None]) / _MOST_INK  # (1797, 8, 8, 1)
        self._labels = digits.target.astype(np.int32)
        self._train, self._held_out = train_test_split(
            np.arange(len(self._labels)), test_size=_HELD_OUT, stratify=self._labels, random_state=seed
        )
        for name, value, most in (("batch_size", batch_size, len(self._train)), ("filters", filters, math.inf)):
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be from 1 to {most}. Received: {name}={value}.")
        self.batch_size, self.seed = batch_size, seed
        self.steps_per_epoch = len(self._train) // batch_size
        self.shown = np.array([self._held_out[self._labels[self._held_out] == name][0] for name in range(NUM_CLASSES)])
        self._lock = threading.Lock()
        self._model = _build(filters, seed)
        kind, momentum = OPTIMIZERS[optimizer]
        self._model.compile(
            build_optimizer(kind, _checked(learning_rate), momentum=momentum),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        self.step, self.diverged = 0, False
        self.first_filters = self.filters
        self.rates: list[tuple[int, float]] = [(0, learning_rate)]
        self.history: list[LivePoint] = []
        self._measure()

    @property
    def learning_rate(self) -> float:
        """Rate of the next step; assign another at any time.

        Raises:
            ValueError: On assignment, if it is not above 0 and finite.
        """
        return self.rates[-1][1]

    @learning_rate.setter
    def learning_rate(self, rate: float):
        if rate == self.learning_rate:
            return
        with self._lock:
            self._model.optimizer.learning_rate = _checked(rate)
            # A rate under which no step was made did nothing.
            self.rates = [(step, earlier) for step, earlier in self.rates if step < self.step] + [(self.step, rate)]

    @property
    def filters(self) -> np.ndarray:
        """The filters as they are, float32, `(5, 5, 1, filters)`."""
        return np.array(keras.ops.convert_to_numpy(self._model.get_layer("filters").kernel))

    @property
    def probabilities(self) -> np.ndarray:
        """What the network makes of the digits `shown`, `(10, 10)`; NaN once the training diverged."""
        return np.full((NUM_CLASSES, NUM_CLASSES), np.nan) if self.diverged else softmax(self._logits[self.shown])

    @property
    def worse_than_guessing(self) -> bool:
        """Whether the loss is more than twice that of guessing, ln 10, as it is after steps that were far too long."""
        return self.history[-1].loss > 2 * math.log(NUM_CLASSES)

    def advance(self, steps: int, seconds: float = math.inf) -> LivePoint:
        """Trains a slice and measures what came of it.

        Args:
            steps: Steps at most, at least 1.
            seconds: Time after which no further step is begun; at least one is made. Measuring is not counted.

        Returns:
            The last point of `history`; where the training diverged, now or before, that before.

        Raises:
            ValueError: If `steps` is below 1.
        """
        if steps < 1:
            raise ValueError(f"A slice has at least one step. Received: steps={steps}.")
        with self._lock:
            ends = time.perf_counter() + seconds
            for _ in range(0 if self.diverged else steps):
                batch = self._batch()
                self._model.train_on_batch(self._images[batch], self._labels[batch])
                self.step += 1
                if time.perf_counter() >= ends:
                    break
            if self.step > self.history[-1].step and not self.diverged:
                self._measure()
            return self.history[-1]

    def _batch(self) -> np.ndarray:
        """Indices of the digits of the next step: a function of seed and step alone."""
        epoch, place = divmod(self.step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self._train)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def _measure(self) -> None:
        self._logits = np.asarray(self._model.predict_on_batch(self._images), dtype=np.float64)
        # The weights too: a ReLU may turn NaN into 0, and the logits stay finite.
        weights = [keras.ops.convert_to_numpy(variable) for variable in self._model.trainable_variables]
        if not all(np.isfinite(values).all() for values in (self._logits, *weights)):
            self.diverged = True
            return
        measured = [value for part in (self._train, self._held_out) for value in self._judged(part)]
        self.history.append(LivePoint(self.step, *measured))
        if len(self.history) > _MAX_POINTS:
            self.history = [*self.history[:-1:2], self.history[-1]]

    def _judged(self, part: np.ndarray) -> tuple[float, float]:
        """Loss and accuracy over the digits with these indices."""
        logits, labels = self._logits[part], self._labels[part]
        loss = -log_softmax(logits)[np.arange(len(part)), labels].mean()
        return float(loss), float((logits.argmax(axis=1) == labels).mean())


def _build(filters: int, seed: int) -> keras.Model:
    """The network, from digits `(batch, 8, 8, 1)` in `[0, 1]` to logits `(batch, 10)`."""
    inputs = keras.Input((_SIDE, _SIDE, 1), name="digit")
    start = keras.initializers.HeNormal
    x = layers.Conv2D(filters, _KERNEL, padding="same", kernel_initializer=start(seed), name="filters")(inputs)
    x = layers.ReLU(name="relu")(x)
    x = layers.MaxPooling2D(2, name="pool")(x)  # (4, 4, filters)
    x = layers.Flatten(name="flatten")(x)
    outputs = layers.Dense(NUM_CLASSES, kernel_initializer=start(seed + 1), name="logits")(x)
    return keras.Model(inputs, outputs, name="live")


def _checked(rate: float) -> float:
    if not 0 < rate < math.inf:
        raise ValueError(f"A learning rate is above 0 and finite. Received: learning_rate={rate}.")
    return rate
