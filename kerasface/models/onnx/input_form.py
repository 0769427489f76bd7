"""What a network wants to be shown: the order of the colours, and what is taken from the pixels."""

import re
from dataclasses import dataclass

import numpy as np

from kerasface.models.onnx.reading import Graph

_ACCEPTED = '"rgb 0..255", "rgb -1..1", "bgr 0..1" or "rgb mean 127.5 std 128" (one number, or three with commas)'
_NUMBER = r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_NUMBERS = rf"{_NUMBER}(?:\s*,\s*{_NUMBER}){{0,2}}"
_RANGE = re.compile(rf"(rgb|bgr)\s+({_NUMBER})\s*\.\.\s*({_NUMBER})", re.IGNORECASE)
_MEAN = re.compile(rf"(rgb|bgr)\s+mean\s+({_NUMBERS})\s+std\s+({_NUMBERS})", re.IGNORECASE)
_STEPS = ("Sub", "Add", "Mul", "Div", "BatchNormalization", "Transpose", "Identity", "Cast")


@dataclass(frozen=True)
class InputForm:
    """What becomes of pixels of 0 to 255 before a network takes them: `(pixel - mean) / std`, per colour.

    Attributes:
        order: `"rgb"` or `"bgr"`.
        mean: One number per channel, in that order, in units of pixels of 0 to 255.
        std: The same.
    """

    order: str = "rgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @classmethod
    def parse(cls, text: str) -> "InputForm":
        """Reads what a user says of a network's input.

        Args:
            text: The order of the colours, then a range of values, or mean and standard deviation.

        Raises:
            ValueError: If it is neither.
        """
        problem = ValueError(f"An input is told as {_ACCEPTED}. Received: {text!r}.")
        if found := _RANGE.fullmatch(text.strip()):
            order, low, high = found[1].lower(), float(found[2]), float(found[3])
            if not low < high:
                raise problem
            std = 255 / (high - low)
            return cls(order, (-low * std,) * 3, (std,) * 3)
        if found := _MEAN.fullmatch(text.strip()):
            mean, std = ([float(number) for number in part.split(",")] for part in found.groups()[1:])
            if {len(mean), len(std)} <= {1, 3} and min(std) > 0:
                return cls(found[1].lower(), tuple(mean * (3 // len(mean))), tuple(std * (3 // len(std))))
        raise problem

    @property
    def as_is(self) -> bool:
        """Whether the pixels are taken as they are."""
        return self.mean == (0, 0, 0) and self.std == (1, 1, 1)

    def __str__(self) -> str:
        if self.as_is:
            return f"{self.order} 0..255"
        mean, std = (
            ",".join(f"{number:g}" for number in (part[:1] if len(set(part)) == 1 else part))
            for part in (self.mean, self.std)
        )
        return f"{self.order} mean {mean} std {std}"


def normalizes_itself(graph: Graph) -> bool:
    """Whether the first nodes of a network bring pixels of 0 to 255 to what the others want.

    True where they take off a mean of pixels (32 and more), or bring 255 steps to a width of 0.5 to 20.
    """
    scale, offset = _first_steps(graph)
    width = 255 * np.abs(scale)
    taken_off = np.abs(offset / np.where(scale == 0, 1, scale))  # in units of the pixels
    return bool(np.all((width >= 0.5) & (width <= 20)) or np.all(taken_off >= 32))


def _first_steps(graph: Graph) -> tuple[np.ndarray, np.ndarray]:
    """Factors and offsets, `(3,)` each, that the first nodes apply to the channels."""
    takers: dict[str, list] = {}
    for node in graph.nodes:
        for name in node.inputs:
            takers.setdefault(name, []).append(node)
    constants = graph.constants | {
        node.outputs[0]: node.attributes["value"]
        for node in graph.nodes
        if node.operator == "Constant" and "value" in node.attributes
    }
    scale, offset, name = np.ones(3), np.zeros(3), graph.input
    while len(nodes := takers.get(name, [])) == 1 and nodes[0].operator in _STEPS:
        step = _step(nodes[0], name, constants)
        if step is None:
            break
        scale, offset = scale * step[0], offset * step[0] + step[1]
        name = nodes[0].outputs[0]
    return scale, offset


def _step(node, name: str, constants: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor and offset of one node; `None` if it is no step of a normalization."""
    if node.operator in ("Transpose", "Identity", "Cast"):
        return np.ones(3), np.zeros(3)
    others = [constants.get(other) for other in node.inputs if other != name]
    if any(other is None or other.size not in (1, 3) for other in others) or not others:
        return None
    values = [np.broadcast_to(other.astype(np.float64).ravel(), 3) for other in others]
    if node.operator == "BatchNormalization":
        gamma, beta, mean, variance = values
        factor = gamma / np.sqrt(variance + node.attributes.get("epsilon", 1e-5))
        return factor, beta - factor * mean
    (value,) = values
    if node.operator == "Mul":
        return value, np.zeros(3)
    if node.operator == "Add":
        return np.ones(3), value
    if node.inputs[0] != name or (node.operator == "Div" and not np.all(value)):
        return None
    return (np.ones(3), -value) if node.operator == "Sub" else (1 / value, np.zeros(3))
