"""Activation functions as curves, each with its derivative."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

LEAK = 0.1  # of the lecture; Keras's own default is 0.2


@dataclass(frozen=True)
class ActivationFunction:
    """One function between two layers.

    Attributes:
        formula: In LaTeX.
        of: From any array to one of its shape.
        slope: Its derivative; at a corner that to the right of it.
        text: What is remembered of it.
    """

    formula: str
    of: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    text: str


def sigmoid(x: ArrayLike) -> np.ndarray:
    """Returns `1 / (1 + exp(-x))`, without an overflow for any finite number."""
    return 0.5 * (1 + np.tanh(np.asarray(x, dtype=np.float64) / 2))


def maxout(pieces: ArrayLike) -> ActivationFunction:
    """Makes the largest of several lines an activation: what a maxout unit of one input learns.

    Args:
        pieces: Slope and offset of each line, `(num_pieces, 2)`.

    Raises:
        ValueError: If that is no list of finite pairs.
    """
    pieces = np.asarray(pieces, dtype=np.float64)
    if pieces.ndim != 2 or pieces.shape[1] != 2 or not len(pieces) or not np.isfinite(pieces).all():
        raise ValueError(f"Maxout takes a slope and an offset for each line. Received: pieces={pieces.tolist()}.")
    slopes, offsets = pieces.T

    def lines(x):
        return np.asarray(x, dtype=np.float64)[..., None] * slopes + offsets

    return ActivationFunction(
        r"\max(w_1 x + b_1,\ w_2 x + b_2)",
        lambda x: lines(x).max(axis=-1),
        lambda x: slopes[lines(x).argmax(axis=-1)],
        "The largest of several lines, which it learns: any bent line that opens upwards. Twice the weights.",
    )


ACTIVATIONS = {
    "sigmoid": ActivationFunction(
        r"\frac{1}{1 + e^{-x}}",
        sigmoid,
        lambda x: sigmoid(x) * (1 - sigmoid(x)),
        "Between 0 and 1, like a share. Its slope is at most 0.25: through ten layers at most a millionth of the error "
        "comes back.",
    ),
    "tanh": ActivationFunction(
        r"\tanh x",
        np.tanh,
        lambda x: 1 - np.tanh(x) ** 2,
        "As sigmoid, from -1 to 1 and centered on 0. Far from 0 it saturates: its slope is nearly 0.",
    ),
    "ReLU": ActivationFunction(
        r"\max(0, x)",
        lambda x: np.maximum(x, 0),
        lambda x: np.where(x < 0, 0.0, 1.0),
        "Cheap, and a slope of 1 wherever it is alive. Below 0 the slope is 0: a unit that is always there is dead.",
    ),
    "leaky ReLU": ActivationFunction(
        rf"\max({LEAK}x, x)",
        lambda x: np.where(x < 0, LEAK * x, x),
        lambda x: np.where(x < 0, LEAK, 1.0),
        "As ReLU, with a small slope below 0: no unit dies.",
    ),
    "maxout": maxout([(-0.5, -0.5), (1, 0)]),
    "ELU": ActivationFunction(
        r"x \text{ above } 0,\ e^x - 1 \text{ below}",
        lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x),
        lambda x: np.where(x < 0, np.exp(np.minimum(x, 0)), 1.0),
        "As ReLU above 0; below it bends to -1, so that the mean of the activations lies nearer to 0. An exponential.",
    ),
}
