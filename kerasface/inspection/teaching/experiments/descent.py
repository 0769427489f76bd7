"""Gradient descent on a loss of two weights: the path that each optimizer takes, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_FAR = 1e4  # from 0, where a path is given up


@dataclass(frozen=True)
class Surface:
    """A loss of two weights.

    Attributes:
        loss: From points `(..., 2)` to `(...)`.
        gradient: From points `(..., 2)` to `(..., 2)`.
        start: Where paths begin.
        least: Smallest loss.
        box: Half of the width and height of the square that is drawn around 0.
        text: What it shows.
    """

    loss: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]
    start: tuple[float, float]
    least: float
    box: float
    text: str


def _split(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = np.asarray(points, dtype=np.float64)
    return points[..., 0], points[..., 1]


def _stacked(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.stack([x, y], axis=-1)


def _bowl(points):
    x, y = _split(points)
    return (x**2 + 10 * y**2) / 2


def _bend(points):
    x, y = _split(points)
    return (1 - x) ** 2 + 5 * (y - x**2) ** 2


def _bend_gradient(points):
    x, y = _split(points)
    return _stacked(-2 * (1 - x) - 20 * x * (y - x**2), 10 * (y - x**2))


def _saddle(points):
    x, y = _split(points)
    return x**2 / 2 + y**4 / 4 - y**2 / 2


def _waves(points):
    x, y = _split(points)
    return (x**2 + y**2) / 8 + 1 - np.cos(2 * x) * np.cos(2 * y)


def _waves_gradient(points):
    x, y = _split(points)
    return _stacked(x / 4 + 2 * np.sin(2 * x) * np.cos(2 * y), y / 4 + 2 * np.cos(2 * x) * np.sin(2 * y))


SURFACES = {
    "Narrow valley": Surface(
        _bowl,
        lambda points: _stacked(_split(points)[0], 10 * _split(points)[1]),
        (-2.6, 1.2),
        0.0,
        3.0,
        "Ten times as steep across as along. Across, a step of rate r multiplies the distance by 1 - 10 r: above a "
        "rate of 2 / 10 = 0.2 it grows with every step.",
    ),
    "Bent valley": Surface(
        _bend,
        _bend_gradient,
        (-1.2, 1.6),
        0.0,
        2.2,
        "Rosenbrock's: steep walls, and a floor that hardly falls.",
    ),
    "Saddle": Surface(
        _saddle,
        lambda points: _stacked(_split(points)[0], _split(points)[1] ** 3 - _split(points)[1]),
        (-1.8, 0.02),
        -0.25,
        2.2,
        "Down on two sides, up on the others: near the middle the gradient is nearly 0 and steps become tiny.",
    ),
    "Many valleys": Surface(
        _waves,
        _waves_gradient,
        (-2.5, 1.9),
        0.0,
        3.4,
        "Whoever only goes down ends in the next dip; momentum may carry over a rim.",
    ),
}


@dataclass(frozen=True, eq=False)
class DescentPath:
    """Where the weights went.

    Attributes:
        points: Before the first step and after each, `(num_steps + 1, 2)`; where they went too far, up to there.
        losses: At each of them.
        diverged: Whether they went too far; then there are fewer steps than were asked for.
        remaining: Loss at the end above the least one, as a share of that at the start.
        swings: Share of steps that turn back by more than a right angle.
        slope: Length of the gradient at the end.
    """

    points: np.ndarray
    losses: np.ndarray
    diverged: bool
    remaining: float
    swings: float
    slope: float

    @property
    def verdict(self) -> str:
        """What became of it, in a word: `diverged`, `arrived`, `stuck`, `swings` or `crawls`."""
        if self.diverged:
            return "diverged"
        if self.remaining < 0.002:
            return "arrived"
        if self.slope < 0.02:
            return "stuck"
        return "swings" if self.swings > 0.5 or self.remaining > 1 else "crawls"


def _sgd(rate, momentum):
    step = 0.0

    def update(gradient, count):
        nonlocal step
        step = momentum * step - rate * gradient
        return step

    return update


def _adam(rate, momentum):
    first = second = 0.0

    def update(gradient, count):
        nonlocal first, second
        first = momentum * first + (1 - momentum) * gradient
        second = 0.999 * second + 0.001 * gradient**2
        corrected = rate * np.sqrt(1 - 0.999**count) / (1 - momentum**count)
        return -corrected * first / (np.sqrt(second) + 1e-7)

    return update


def _adadelta(rate, momentum):
    squares = moved = 0.0

    def update(gradient, count):
        nonlocal squares, moved
        squares = 0.95 * squares + 0.05 * gradient**2
        step = -np.sqrt(moved + 1e-7) / np.sqrt(squares + 1e-7) * gradient
        moved = 0.95 * moved + 0.05 * step**2
        return rate * step

    return update


# Name -> what makes an update of rate and momentum; the rate that each is mostly used with.
OPTIMIZERS = {"SGD": (_sgd, 0.1), "momentum": (_sgd, 0.03), "Adam": (_adam, 0.1), "Adadelta": (_adadelta, 1.0)}


def descend(
    surface: Surface,
    optimizer: str = "SGD",
    *,
    rate: float = 0.1,
    steps: int = 50,
    momentum: float = 0.9,
    start: tuple[float, float] | None = None,
) -> DescentPath:
    """Follows an optimizer down a surface; each computes as that of Keras does.

    Args:
        surface: Such as one of `SURFACES`.
        optimizer: One of `OPTIMIZERS`; `SGD` is without momentum, Adadelta needs none.
        rate: Above 0.
        steps: At least 1.
        momentum: In `[0, 1)`: how much of the last step, or of the mean gradient of Adam, stays.
        start: Where to begin; the surface's own place if not given.

    Raises:
        ValueError: If there is no such optimizer or a number is out of range.

    Reference:
        Kingma and Ba 2014 (arXiv:1412.6980); Zeiler 2012, Adadelta (arXiv:1212.5701).
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"Optimizers are {', '.join(OPTIMIZERS)}. Received: optimizer={optimizer!r}.")
    if not 0 < rate < np.inf or steps < 1 or not 0 <= momentum < 1:
        raise ValueError(
            "A rate is above 0, there is at least one step, and momentum lies in [0, 1). "
            f"Received: rate={rate}, steps={steps}, momentum={momentum}."
        )
    update = OPTIMIZERS[optimizer][0](rate, 0.0 if optimizer == "SGD" else momentum)
    points = [np.array(surface.start if start is None else start, dtype=np.float64)]
    for count in range(1, steps + 1):
        points.append(points[-1] + update(surface.gradient(points[-1]), count))
        if not np.abs(points[-1]).max() < _FAR:
            break
    path = np.stack(points)
    moves = np.diff(path, axis=0)
    turns = (moves[1:] * moves[:-1]).sum(axis=1) < 0
    losses = surface.loss(path)
    return DescentPath(
        path,
        losses,
        bool(np.abs(path[-1]).max() >= _FAR),
        float((losses[-1] - surface.least) / (losses[0] - surface.least)),
        float(turns.mean()) if len(turns) else 0.0,
        float(np.linalg.norm(surface.gradient(path[-1]))),
    )
