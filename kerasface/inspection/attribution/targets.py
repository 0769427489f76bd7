"""What is explained: a class, a class of a segmentation, or how alike two faces are.

Every target is a weighted sum of the model's output, so that one graph serves all of them: a target turns the output
for an image into weights.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Target(Protocol):
    """A number that a model gives for an image: the sum of its output times fixed weights."""

    def weights(self, output: np.ndarray) -> np.ndarray:
        """Returns float32 weights of the shape of `output`, the logits, or else the output, for the whole image."""


@dataclass(frozen=True)
class ClassTarget:
    """The logit of a class.

    Attributes:
        index: Which class; `None` for the most probable one.
    """

    index: int | None = None

    def weights(self, output: np.ndarray) -> np.ndarray:
        if output.ndim != 1:
            raise ValueError(
                "A class is explained where a model gives one value per class. "
                f"Received: output of shape {output.shape}. For a segmentation take SegmentationTarget."
            )
        index = int(np.argmax(output)) if self.index is None else self.index
        _check_class(index, len(output))
        return np.eye(len(output), dtype=np.float32)[index]


@dataclass(frozen=True, eq=False)
class SegmentationTarget:
    """The logit of a class, summed over the pixels that the model gives that class.

    Attributes:
        class_id: Which class.
        region: Pixels to sum over instead, bool, `(height, width)`.

    Reference:
        Vinogradova et al. 2020, "Towards Interpretable Semantic Segmentation via Gradient-weighted Class Activation
        Mapping" (arXiv:2002.11434), equation 3.
    """

    class_id: int
    region: np.ndarray | None = None

    def weights(self, output: np.ndarray) -> np.ndarray:
        if output.ndim != 3:
            raise ValueError(
                "A class of a segmentation is explained where a model gives one value per class and pixel. "
                f"Received: output of shape {output.shape}. For a classifier take ClassTarget."
            )
        _check_class(self.class_id, output.shape[-1])
        region = output.argmax(axis=-1) == self.class_id if self.region is None else self.region
        if region.shape != output.shape[:2] or not region.any():
            raise ValueError(
                f"No pixel to explain. Received: class_id={self.class_id}, region {region.shape} with "
                f"{np.count_nonzero(region)} pixels, output {output.shape}. Choose a class that the picture shows."
            )
        weights = np.zeros(output.shape, dtype=np.float32)
        weights[region, self.class_id] = 1
        return weights


@dataclass(frozen=True, eq=False)
class MatchTarget:
    """The cosine of a face's unit embedding and another one, which is held fixed.

    Attributes:
        embedding: The other embedding, unit length, `(dim,)`.
    """

    embedding: np.ndarray

    def weights(self, output: np.ndarray) -> np.ndarray:
        if output.shape != np.shape(self.embedding):
            raise ValueError(
                "Only embeddings of one embedder can be compared. "
                f"Received: output of shape {output.shape}, embedding of shape {np.shape(self.embedding)}."
            )
        return np.asarray(self.embedding, dtype=np.float32)


def _check_class(index: int, num_classes: int) -> None:
    if not 0 <= index < num_classes:
        raise ValueError(f"The model has the classes 0 to {num_classes - 1}. Received: class {index}.")
