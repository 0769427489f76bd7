"""What every method of attribution gives back."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Attribution:
    """How much every place of an image counts for a target.

    Attributes:
        method: Name of the method.
        map: `(height, width)` float32, at the image's size. Signed: what is positive speaks for the target, what is
            negative against it. Otherwise 0 or more: how much a place matters.
        raw: The map before it was brought to the image's size, `(rows, cols)` float32; of the image as it is, where
            the model looks at several views of it inside.
        signed: Whether the map is signed.
        score: What the model gives the target for this image.
        details: Further numbers of the method, by name.
    """

    method: str
    map: np.ndarray
    raw: np.ndarray
    signed: bool
    score: float
    details: dict[str, float] = field(default_factory=dict)
