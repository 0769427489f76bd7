"""Pictures made up so that a channel or a class answers as much as it can: what it looks for, drawn by itself.

Erhan et al. climb from noise along the gradient of the answer. Left alone that ends in noise that no photo has, so a
picture is described here by its cosine waves, the fine ones weighted down as in photos, and is shifted, turned and
zoomed a little at every step: only what survives that grows.

References:
    Erhan et al., "Visualizing Higher-Layer Features of a Deep Network", 2009 (University of Montreal, report 1341).
    Olah et al., "Feature Visualization", Distill 2017, sections "Transformation robustness" and "Preconditioning
        and parameterization".
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from kerasface.inspection.layers.activations import Progress, tap
from kerasface.inspection.stitching import before_probabilities, infer, run_through

PLACES = ("everywhere", "centre")

_RATE = 0.05  # of Adam, for coefficients whose steps `_spectrum` turns into steps of pixels
_FREE_SIDE = 128  # pixels, where the model takes pictures of any size
# Brightness, blue against red, green against magenta: along them the colours of photos are nearly independent (Ruderman
# et al. 1998, "Statistics of cone responses to natural images"). The spreads are chosen: photos differ in brightness
# most, and the pictures shall too.
_COLOR_AXES = np.array([[1, 1, 1], [-1, 0, 1], [-1, 2, -1]]) / np.sqrt([[3], [2], [6]])
_COLOR_SPREAD = np.array([1.0, 0.4, 0.2])


def maximize(
    model: keras.Model,
    layer: str | None,
    channel: int,
    *,
    place: str = "everywhere",
    image_size: tuple[int, int] | None = None,
    steps: int = 128,
    jitter: float = 0.05,
    seed: int = 0,
    on_progress: Progress | None = None,
) -> np.ndarray:
    """Makes up a picture to which a channel answers most.

    Args:
        model: Functional or sequential, with one image input.
        layer: Path as `list_layers` gives it; `None` for the model's output, before its softmax or sigmoid: then
            `channel` is a class.
        channel: Index of the channel, or of the number in a vector.
        place: Of a map the mean `everywhere`, which fills the picture, or the value at the `centre`, which draws one
            thing.
        image_size: Height and width where the model takes pictures of any size; 128 by default.
        steps: Steps uphill; each costs a forward and a backward pass.
        jitter: How far the picture is shifted at a step at most, as a share of its shorter side; it is turned and
            zoomed in proportion, at 0.05 by 5 degrees and 5 per cent. 0 to hold it still: sharper, and less like a
            photo.
        seed: Seed of the noise at the beginning and of the shifts.
        on_progress: Called with the number of steps done and their total.

    Returns:
        RGB uint8, `(height, width, 3)`.

    Raises:
        ValueError: If there is no such layer or channel, or an argument is out of range.
    """
    if place not in PLACES or steps < 1 or not 0 <= jitter < 1:
        raise ValueError(
            f"place is one of {PLACES}, steps at least 1 and jitter in [0, 1). "
            f"Received: place={place!r}, steps={steps}, jitter={jitter}."
        )
    size = _size(model, image_size)
    answers, count = _answers(model, layer, size)
    if not 0 <= channel < count:
        raise ValueError(f"The layer has channels 0 to {count - 1}. Received: channel={channel}.")
    paint = _painter(size)

    def score(waves, shift):
        picture = ops.image.affine_transform(paint(waves)[None], shift, interpolation="bilinear", fill_mode="reflect")
        maps = answers(picture)[:1, ..., channel]
        if place == "centre" and len(maps.shape) == 3:
            return maps[0, maps.shape[1] // 2, maps.shape[2] // 2]
        return ops.mean(maps)

    climb = value_and_gradient(score)
    generator = np.random.default_rng(seed)
    waves = generator.normal(0, 0.01, (*size, 3)).astype(np.float32)
    adam = _Adam(waves.shape)
    for step in range(1, steps + 1):
        _, gradient = climb(waves, _shift(size, jitter, generator))
        if gradient.any():
            waves = waves + adam.step(gradient)
        else:  # a rectifier that is silent shows no way up: on to other noise, ever more of it
            waves = waves + generator.normal(0, 0.1, waves.shape).astype(np.float32)
        if on_progress:
            on_progress(step, steps)
    return np.rint(ops.convert_to_numpy(paint(ops.convert_to_tensor(waves)))).astype(np.uint8)


def value_and_gradient(function: Callable) -> Callable:
    """Compiles a function to one that gives its value and its gradient.

    Args:
        function: From tensors to a scalar, by `keras.ops` and models in inference mode.

    Returns:
        From arrays to the value and the gradient by the first of them, both arrays. New shapes are traced anew.
    """
    if keras.backend.backend() == "jax":
        import jax

        graph = jax.jit(jax.value_and_grad(function))
    else:

        @tf.function(autograph=False)
        def graph(first, *others):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(first)
                value = function(first, *others)
            return value, tape.gradient(value, first, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return lambda *arrays: tuple(np.asarray(part) for part in graph(*map(ops.convert_to_tensor, arrays)))


class _Adam:
    """Steps uphill of about equal size for every coefficient, as Kingma and Ba 2015 (arXiv:1412.6980, algorithm 1)."""

    def __init__(self, shape: tuple[int, ...]):
        self._mean, self._square, self._count = np.zeros(shape), np.zeros(shape), 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self._count += 1
        self._mean = 0.9 * self._mean + 0.1 * gradient
        self._square = 0.999 * self._square + 0.001 * np.square(gradient, dtype=np.float64)
        mean, square = self._mean / (1 - 0.9**self._count), self._square / (1 - 0.999**self._count)
        return (_RATE * mean / (np.sqrt(square) + 1e-12)).astype(np.float32)


def _size(model: keras.Model, image_size: tuple[int, int] | None) -> tuple[int, int]:
    taken = model.inputs[0].shape[1:3]
    size = tuple(image_size) if image_size else tuple(extent or _FREE_SIDE for extent in taken)
    if len(size) != 2 or any(wanted not in (None, given) for wanted, given in zip(taken, size, strict=True)):
        raise ValueError(f"The model takes pictures of {taken}. Received: image_size={image_size}.")
    return size


def _answers(model: keras.Model, layer: str | None, size: tuple[int, int]) -> tuple[Callable, int]:
    """Returns a function from pictures to what is to grow, and how many channels that has."""
    if layer is not None:
        model = tap(model, [layer], size)
    count = model.outputs[0].shape[-1]
    if layer is not None or (before := before_probabilities(model, 0)) is None:
        return lambda pictures: keras.tree.flatten(model(pictures, training=False))[0], count
    where, to_logits, _ = before

    def logits(pictures):
        found = []

        def note(path: str, operation: keras.Operation, *args, **kwargs):
            if path == where:
                found.append(to_logits(args[0]))
            return infer(operation, *args, **kwargs)

        run_through(model, pictures, note)
        return found[0]

    return logits, count


def _painter(size: tuple[int, int]) -> Callable:
    """Returns a function from coefficients `(rows, cols, 3)` of cosine waves to a picture with values in `[0, 255]`."""
    rows, cols = (_cosines(extent) for extent in size)
    spectrum = _spectrum(size)[..., None].astype(np.float32)
    colors = (_COLOR_SPREAD[:, None] * _COLOR_AXES).astype(np.float32)

    def paint(waves):
        down = ops.tensordot(rows.T, waves * spectrum, axes=1)  # (rows, waves, 3)
        picture = ops.transpose(ops.tensordot(cols.T, down, axes=[[1], [1]]), (1, 0, 2))
        return 255 * ops.sigmoid(ops.matmul(picture, colors))

    return paint


def _cosines(extent: int) -> np.ndarray:
    """The orthonormal cosine waves over `extent` pixels, one a row (DCT-II)."""
    wave, pixel = np.mgrid[:extent, :extent]
    waves = np.cos(np.pi * wave * (pixel + 0.5) / extent) * np.sqrt(2 / extent)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)


def _spectrum(size: tuple[int, int]) -> np.ndarray:
    """Weight of each wave: the inverse of its frequency, as the amplitudes of photos fall."""
    rows, cols = (np.arange(extent) / (2 * extent) for extent in size)  # cycles per pixel
    frequency = np.hypot(rows[:, None], cols[None])
    return 0.25 / np.maximum(frequency, 1 / max(size))


def _shift(size: tuple[int, int], jitter: float, generator: np.random.Generator) -> np.ndarray:
    """Draws the transform of a step, `(1, 8)`: from places in the result to places in the picture, about its middle."""
    x, y, turn, zoom = generator.uniform(-1, 1, 4)
    angle, factor = np.radians(100) * jitter * turn, 1 + jitter * zoom
    cosine, sine = factor * np.cos(angle), factor * np.sin(angle)
    middle = np.array([size[1] - 1, size[0] - 1]) / 2
    matrix = np.array([[cosine, -sine], [sine, cosine]])
    offset = middle - matrix @ middle + jitter * min(size) * np.array([x, y])
    return np.float32([[*matrix[0], offset[0], *matrix[1], offset[1], 0, 0]])
