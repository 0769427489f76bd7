"""A small network that is trained while one looks on: a bounded slice of steps at a time, whoever asks for it.

Nothing runs between two calls, so a dashboard that is closed trains no further. The learning rate may change at any
time; everything else is fixed when the training is made, and the same settings give the same weights, however the steps
are cut into slices.
"""

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from kerasface.inspection.layers.filters import first_filters
from kerasface.inspection.teaching.basics import log_softmax, softmax
from kerasface.train.live.data import LiveData
from kerasface.train.live.stack import Layer, build_stack

OPTIMIZERS = ("SGD", "Adam", "Adadelta")
_MAX_POINTS = 400  # of the curves; of a longer training every other one is dropped


@dataclass(frozen=True)
class LivePoint:
    """What the network could do after a step.

    Attributes:
        step: Steps made before.
        loss: Mean cross-entropy over all training pictures, in nats.
        accuracy: Share of the training pictures that were read rightly.
        val_loss: As `loss`, over the pictures held out.
        val_accuracy: As `accuracy`, over the pictures held out.
    """

    step: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


class LiveTraining:
    """The training of a small network; cross-entropy on softmax. May be called from several threads, one by one.

    Args:
        data: What it learns.
        stack: The layers in front of the logits.
        optimizer: One of `OPTIMIZERS`.
        learning_rate: Above 0.
        momentum: Of SGD, in `[0, 1)`; 0 for the others.
        batch_size: Pictures per step, from 1 to the number of training pictures.
        flip: Whether half of the pictures are mirrored in each step.
        shift: Pixels by which pictures are moved at most, in each step; what comes in repeats the border.
        seed: Of weights and order.

    Attributes:
        step: Steps made.
        history: A `LivePoint` before the first step and after each slice, oldest first; of a long training thinned out.
        rates: Pairs of step and learning rate from there on.
        diverged: Whether weights or logits became NaN or infinite; then there are no more steps.
        first_filters: `filters` before the first step.
        steps_per_epoch: Steps in which every training picture is seen once; of a last, smaller batch nothing is seen.

    Raises:
        ValueError: If the optimizer is unknown, a layer cannot stand where it stands, or a number is out of range.

    Example:
        ```python
        training = LiveTraining(digits(), STACKS["One convolution"], learning_rate=0.1)
        while training.step < 500 and not training.diverged:
            training.advance(50)
            training.learning_rate *= 0.9
        ```
    """

    def __init__(
        self,
        data: LiveData,
        stack: Sequence[Layer],
        *,
        optimizer: str = "SGD",
        learning_rate: float = 0.1,
        momentum: float = 0.0,
        batch_size: int = 32,
        flip: bool = False,
        shift: int = 0,
        seed: int = 0,
    ):
        side = data.images.shape[1]
        if not 1 <= batch_size <= len(data.train):
            raise ValueError(f"batch_size must be from 1 to {len(data.train)}. Received: batch_size={batch_size}.")
        if not 0 <= shift < side:
            raise ValueError(f"Pictures of {side} pixels are moved by 0 to {side - 1}. Received: shift={shift}.")
        self.data, self.batch_size, self.seed = data, batch_size, seed
        self._flip, self._shift = flip, shift
        self.steps_per_epoch = len(data.train) // batch_size
        self._lock = threading.Lock()
        self._model = build_stack(data.images.shape[1:], len(data.classes), stack, seed)
        self._layers = keras.Model(self._model.input, [layer.output for layer in self._model.layers[1:]])
        self._model.compile(
            _optimizer(optimizer, learning_rate, momentum), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
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
    def filters(self) -> np.ndarray | None:
        """The first filters as they are, float32, `(rows, cols, channels, num_filters)`.

        Without a convolution the templates of the first dense layer, as large as a picture; `None` where a pooling
        comes before it.
        """
        try:
            return first_filters(self._model).weights
        except ValueError:
            return None

    @property
    def probabilities(self) -> np.ndarray:
        """What it makes of `data.shown`, `(num_classes, num_classes)`; NaN once the training diverged."""
        if self.diverged:
            return np.full((len(self.data.classes),) * 2, np.nan)
        return softmax(self._logits[self.data.shown])

    @property
    def worse_than_guessing(self) -> bool:
        """Whether the loss is more than twice that of guessing, as it is after steps that were far too long."""
        return self.history[-1].loss > 2 * self.guessing

    @property
    def guessing(self) -> float:
        """The loss of guessing: the logarithm of the number of classes."""
        return math.log(len(self.data.classes))

    @property
    def num_weights(self) -> int:
        """Weights that are learned."""
        return sum(int(np.prod(variable.shape)) for variable in self._model.trainable_variables)

    def layer_outputs(self, index: int) -> list[tuple[str, np.ndarray]]:
        """Returns what every layer gives for a picture, with its name: `(rows, cols, channels)` or `(units,)`."""
        with self._lock:
            found = self._layers(
                self.data.images[[index]], training=False
            )  # compiling that for one picture takes longer
        found = found if isinstance(found, list) else [found]
        names = [layer.name for layer in self._model.layers[1:]]
        return [(name, keras.ops.convert_to_numpy(values)[0]) for name, values in zip(names, found, strict=True)]

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
                self._model.train_on_batch(self._moved(batch), self.data.labels[batch])
                self.step += 1
                if time.perf_counter() >= ends:
                    break
            if self.step > self.history[-1].step and not self.diverged:
                self._measure()
            return self.history[-1]

    def _batch(self) -> np.ndarray:
        """Indices of the pictures of the next step: a function of seed and step alone."""
        epoch, place = divmod(self.step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.data.train)
        return order[place * self.batch_size : (place + 1) * self.batch_size]

    def _moved(self, batch: np.ndarray) -> np.ndarray:
        """The pictures of a step, mirrored and moved: a function of seed and step alone, too."""
        images = self.data.images[batch]
        random = np.random.default_rng((self.seed, self.step, 1))
        if self._flip:
            mirrored = random.random(len(images)) < 0.5
            images[mirrored] = images[mirrored, :, ::-1]
        if self._shift:
            room, (rows, cols) = self._shift, images.shape[1:3]
            wide = np.pad(images, ((0, 0), (room, room), (room, room), (0, 0)), mode="edge")
            places = random.integers(0, 2 * room + 1, (len(images), 2))
            images = np.stack(
                [
                    each[down : down + rows, right : right + cols]
                    for each, (down, right) in zip(wide, places, strict=True)
                ]
            )
        return images

    def _measure(self) -> None:
        self._logits = np.asarray(self._model.predict_on_batch(self.data.images), dtype=np.float64)
        # The weights too: a ReLU may turn NaN into 0, and the logits stay finite.
        weights = [keras.ops.convert_to_numpy(variable) for variable in self._model.trainable_variables]
        if not all(np.isfinite(values).all() for values in (self._logits, *weights)):
            self.diverged = True
            return
        measured = [value for part in (self.data.train, self.data.held_out) for value in self._judged(part)]
        self.history.append(LivePoint(self.step, *measured))
        if len(self.history) > _MAX_POINTS:
            self.history = [*self.history[:-1:2], self.history[-1]]

    def _judged(self, part: np.ndarray) -> tuple[float, float]:
        """Loss and accuracy over the pictures with these indices."""
        logits, labels = self._logits[part], self.data.labels[part]
        loss = -log_softmax(logits)[np.arange(len(part)), labels].mean()
        return float(loss), float((logits.argmax(axis=1) == labels).mean())


def _optimizer(name: str, rate: float, momentum: float) -> keras.optimizers.Optimizer:
    if name not in OPTIMIZERS:
        raise ValueError(f"Unknown optimizer. Received: optimizer={name!r}. Choose one of {[*OPTIMIZERS]}.")
    if not 0 <= momentum < 1 or (momentum and name != "SGD"):
        raise ValueError(f"momentum is in [0, 1), and SGD's alone. Received: momentum={momentum}, optimizer={name!r}.")
    options = {"momentum": momentum} if name == "SGD" else {}
    return getattr(keras.optimizers, name)(float(_checked(rate)), **options)


def _checked(rate: float) -> float:
    if not 0 < rate < math.inf:
        raise ValueError(f"A learning rate is above 0 and finite. Received: learning_rate={rate}.")
    return rate
