"""How good a classifier is: on held-out images of known people, and on strangers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import keras
import numpy as np

from kerasface.data.cache.store import StoredArray
from kerasface.evaluation.classification import Temperature, top_k_accuracy
from kerasface.evaluation.open_set import OpenSet, open_set
from kerasface.models.runtime import compile_network

KNOWN_ACCEPTED = 0.95  # share of known faces accepted where two models are compared on strangers
_BLOCK = 256  # images read at a time

# From images or features to probabilities and scores, `(n, num_classes)` and `(n,)`.
Judge = Callable[[np.ndarray | StoredArray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Judged:
    """What a classifier says about the held-out images.

    Attributes:
        probabilities: `(num_validation, num_classes)`.
        labels: Their true classes `(num_validation,)`.
        scores: How sure it is that each is somebody known `(num_validation,)`; higher is surer.
        unknown_probabilities: What it says about strangers `(num_unknown, num_classes)`.
        unknown_scores: How sure it is that each of them is somebody known `(num_unknown,)`.
        unknown_groups: Whose image each of those is `(num_unknown,)`.
        score: What the scores are: `cosine` or `probability`.
    """

    probabilities: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    unknown_probabilities: np.ndarray
    unknown_scores: np.ndarray
    unknown_groups: np.ndarray
    score: str

    @property
    def top1(self) -> float:
        """Share of the held-out images that get their own name."""
        return top_k_accuracy(self.probabilities, self.labels, 1)

    @property
    def unknown_accepted(self) -> float | None:
        """Share of the strangers' images accepted where 95 % of the known are; `None` without strangers."""
        if len(self.unknown_scores) == 0:
            return None
        threshold = np.quantile(self.scores, 1 - KNOWN_ACCEPTED, method="lower")
        return float(np.mean(self.unknown_scores >= threshold))

    def cooled(self, temperature: Temperature) -> "Judged":
        """Returns what the model says once it is cooled, which moves probabilities and leaves cosines."""
        known, unknown = temperature.apply(self.probabilities), temperature.apply(self.unknown_probabilities)
        if self.score == "cosine":
            return replace(self, probabilities=known, unknown_probabilities=unknown)
        return replace(
            self,
            probabilities=known,
            scores=known.max(axis=1),
            unknown_probabilities=unknown,
            unknown_scores=unknown.max(axis=1),
        )

    def open_set(self, false_accept: float = 0.01) -> OpenSet | None:
        """Chooses the score from which a face counts as known; `None` with too few strangers."""
        if len(np.unique(self.unknown_groups)) < 4:
            return None
        correct = self.probabilities.argmax(axis=1) == self.labels
        return open_set(self.scores, correct, self.unknown_scores, self.unknown_groups, false_accept=false_accept)

    def summary(self) -> dict:
        """Returns `top1` and `unknown_accepted`."""
        return {"top1": self.top1, "unknown_accepted": self.unknown_accepted}


def score_name(model: keras.Model) -> str:
    """Returns what tells strangers: the `cosine` to the nearest class where the model has it, else the probability."""
    return "cosine" if any(layer.name == "head_cosines" for layer in model.layers) else "probability"


def scored(model: keras.Model) -> keras.Model:
    """Returns a model of the same layers that gives the probabilities and, where it has them, the cosines."""
    outputs = [model.output]
    if score_name(model) == "cosine":
        outputs.append(model.get_layer("head_cosines").output)
    return keras.Model(model.input, outputs, name=f"{model.name}_scored")


def judge_images(model: keras.Model) -> Judge:
    """Returns the judge of a model of images `(n, height, width, 3)` uint8, for its weights at each call."""
    return _in_blocks(compile_network(scored(model)))


def judge_features(head: keras.Model) -> Judge:
    """Returns the judge of a head of features `(n, dim)` float32, for its weights at each call."""
    both = scored(head)
    # Called directly: a head is a few operations, and a traced graph would be traced anew for every size of a block.
    return _in_blocks(lambda features: tuple(map(np.asarray, keras.tree.flatten(both(features, training=False)))))


def measures(probabilities: np.ndarray, labels: np.ndarray) -> dict:
    """Returns `val_loss` (cross-entropy, without smoothing) and `val_accuracy`."""
    true = np.take_along_axis(probabilities, labels[:, None], axis=1)
    return {
        "val_loss": float(-np.log(np.maximum(true, 1e-12)).mean()),
        "val_accuracy": top_k_accuracy(probabilities, labels, 1),
    }


def is_better(after: Judged, before: Judged) -> bool:
    """Tells whether fine-tuning is to be kept: it names no fewer people rightly and lets no more strangers in."""
    strangers = before.unknown_accepted is None or after.unknown_accepted <= before.unknown_accepted
    return strangers and after.top1 >= before.top1


def _in_blocks(network: Callable[[np.ndarray], tuple[np.ndarray, ...]]) -> Judge:
    def judge(samples: np.ndarray | StoredArray) -> tuple[np.ndarray, np.ndarray]:
        blocks = [
            network(np.asarray(samples[start : start + _BLOCK])) for start in range(0, max(len(samples), 1), _BLOCK)
        ]
        probabilities, *cosines = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return probabilities, (cosines[0] if cosines else probabilities).max(axis=1)

    return judge
