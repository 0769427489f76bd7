"""What a machine can train: images a second of a small, a light and a deep network."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import keras
import numpy as np

from kerasface.models.engines.graphs import accelerators
from kerasface.models.zoo import build_architecture
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.engine.precision import training_context
from kerasface.train.recipe import ClassifyRecipe

NETWORKS = (("simple_cnn", 32), ("mobilenet_v2", 112), ("resnet34", 112))  # with the side of their images, in pixels
EPOCH = 10_000  # images, by which a rate is put into words
_CLASSES = 100
_WARM_UP = 2  # steps in which graphs are built


@dataclass(frozen=True)
class Throughput:
    """How fast a network learns here.

    Attributes:
        name: Of the network.
        image_size: Side of its images in pixels.
        batch_size: Images per step.
        images_per_second: Through all of it, forth and back, from a batch that lies in memory.
    """

    name: str
    image_size: int
    batch_size: int
    images_per_second: float

    @property
    def minutes(self) -> float:
        """How long an epoch of 10,000 images takes."""
        return EPOCH / self.images_per_second / 60

    def to_dict(self) -> dict:
        return asdict(self)


def measure_throughput(
    precision: str = "auto",
    networks: tuple[tuple[str, int], ...] = NETWORKS,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Throughput]:
    """Trains each network for a few steps on noise, and tells how fast that went.

    Args:
        precision: As a recipe has it.
        networks: Names of the zoo, with the side of their images.
        on_progress: Called with the number of networks that are done, and of all.
    """
    batch_size, steps = (128, 30) if accelerators() else (32, 3)
    found = []
    for name, side in networks:
        with training_context(ClassifyRecipe(precision=precision, strategy="one")):
            model = build_architecture(name, (side, side), _CLASSES)
            model.compile(build_optimizer("adamw", 1e-3, weight_decay=0.01), "categorical_crossentropy")
        images = np.random.default_rng(0).integers(0, 256, (batch_size, side, side, 3), dtype=np.uint8)
        labels = np.eye(_CLASSES, dtype=np.float32)[np.arange(batch_size) % _CLASSES]
        rate = images_per_second(model, _repeated(images, labels, steps + _WARM_UP), batch_size, steps)
        found.append(Throughput(name, side, batch_size, rate))
        if on_progress:
            on_progress(len(found), len(networks))
    return found


def images_per_second(model: keras.Model, batches, batch_size: int, steps: int) -> float:
    """Trains a compiled model on batches as a training does, and times them from the third one on.

    Args:
        model: Compiled.
        batches: At least two more than `steps`.
        batch_size: Images of each.
        steps: How many are timed.
    """
    clock = _Clock()
    model.fit(batches, epochs=1, steps_per_epoch=steps + _WARM_UP, shuffle=False, verbose=0, callbacks=[clock])
    return batch_size * steps / clock.seconds


class _Clock(keras.callbacks.Callback):
    """Takes the time from the end of the second step, when the graph is built, to the end of the epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == _WARM_UP - 1:
            float(logs["loss"])  # waits for the device
            self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.started


def _repeated(images: np.ndarray, labels: np.ndarray, times: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for _ in range(times):
        yield images, labels
