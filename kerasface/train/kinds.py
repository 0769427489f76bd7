"""The kinds of training. A fourth one is a folder like the three, and a line here.

Light: the command line makes a flag of every field of their recipes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from kerasface.train.metric_learning import recipe as metric
from kerasface.train.recipe import CHOICES, ClassifyRecipe
from kerasface.train.segmentation import recipe as segment

if TYPE_CHECKING:
    from kerasface.train.engine.driver import Steps


@dataclass(frozen=True)
class Kind:
    """A kind of training.

    Attributes:
        name: Of its command.
        recipe: The dataclass of its settings.
        choices: The values that some of them may have.
        folder: Where its modules are, in `kerasface/train/`.
        usual: The settings that people change: those that `--help` lists.
    """

    name: str
    recipe: type
    choices: Mapping[str, tuple]
    folder: str
    usual: tuple[str, ...]

    def steps(self) -> "Steps":
        """Returns what this kind does at each step of a training; imports what trains, which takes seconds."""
        return import_module(f"kerasface.train.{self.folder}.training").STEPS


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "classify",
            ClassifyRecipe,
            CHOICES,
            "classification",
            usual=(
                *("faces", "image_size", "validation", "holdout", "unknown", "backbone", "weights", "classifier"),
                *("epochs", "augment", "mix", "learning_rate", "batch_size", "tensorboard", "seed"),
            ),
        ),
        Kind(
            "metric",
            metric.MetricRecipe,
            metric.CHOICES,
            "metric_learning",
            usual=(
                *("loss", "validation", "holdout", "backbone", "stretch", "mining", "margin", "head_epochs", "epochs"),
                *("augment", "learning_rate", "people", "tensorboard", "seed"),
            ),
        ),
        Kind(
            "segment",
            segment.SegmentRecipe,
            segment.CHOICES,
            "segmentation",
            usual=(
                *("validation", "holdout", "groups", "encoder", "weights", "image_size", "augment", "loss"),
                *("head_epochs", "epochs", "learning_rate", "batch_size", "tensorboard", "seed"),
            ),
        ),
    )
}
