"""What a classification training found out: for its report, and as JSON for the dashboard."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kerasface.evaluation.classification import Temperature
from kerasface.evaluation.open_set import OpenSet, OpenSetCurve, open_set_curve
from kerasface.runs.answers import FORMAT
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.judging import Judged


@dataclass(frozen=True, eq=False)
class Confusion:
    """Held-out images of one class that got the name of another.

    Attributes:
        true: Their class.
        named: The class whose name they got.
        samples: Their positions among the held-out images, the surest first.
    """

    true: int
    named: int
    samples: np.ndarray


@dataclass(frozen=True, eq=False)
class Records:
    """What a classification training found out. Held-out image `i` is `prepared.images[prepared.validation[i]]`.

    Attributes:
        metrics: Contents of the run's `metrics.json`.
        history: One row per epoch; empty where nothing had to be trained.
        judged: What the model says before it is cooled.
        temperature: The temperature it is cooled with.
        open_set: The threshold for strangers, for the cooled model; `None` where they were too few.
        prepared: The images.
        comparison: Fine-tuning against the frozen backbone: `frozen` and `fine_tuned`, each with `top1` and
            `unknown_accepted`, and `fine_tuned_kept`; else `None`.
        notes: What must be said about the run, in sentences.
    """

    metrics: dict
    history: Sequence[dict]
    judged: Judged
    temperature: Temperature
    open_set: OpenSet | None
    prepared: PreparedData
    comparison: dict | None
    notes: Sequence[str]

    @cached_property
    def cooled(self) -> Judged:
        """What the model says as it is written."""
        return self.judged.cooled(self.temperature)

    @cached_property
    def named(self) -> np.ndarray:
        """The class that each held-out image got `(num_validation,)`."""
        return self.judged.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """Probability of that class `(num_validation,)`."""
        return self.cooled.probabilities.max(axis=1)

    @cached_property
    def mistakes(self) -> np.ndarray:
        """Positions of the held-out images that got a wrong name, the surest first."""
        wrong = np.flatnonzero(self.named != self.judged.labels)
        return wrong[np.argsort(-self.confidence[wrong], kind="stable")]

    @cached_property
    def curve(self) -> OpenSetCurve | None:
        """What every threshold does to known people and strangers; `None` where strangers were too few."""
        if self.open_set is None:
            return None
        return open_set_curve(self.cooled.scores, self.named == self.judged.labels, self.cooled.unknown_scores)

    def confusions(self) -> list[Confusion]:
        """Returns the pairs of classes that were confused, the most frequent first."""
        count = len(self.prepared.names)
        cells = self.judged.labels[self.mistakes] * count + self.named[self.mistakes]
        order = np.argsort(cells, kind="stable")
        numbers, starts = np.unique(cells[order], return_index=True)
        behind = np.split(self.mistakes[order], starts[1:])
        found = [Confusion(*divmod(int(cell), count), samples) for cell, samples in zip(numbers, behind, strict=False)]
        return sorted(found, key=lambda confusion: -len(confusion.samples))

    def confusion_matrix(self) -> np.ndarray:
        """Returns how often each class (rows) got each name (columns)."""
        count = len(self.prepared.names)
        return np.bincount(self.judged.labels * count + self.named, minlength=count**2).reshape(count, count)

    def per_class(self) -> list[dict]:
        """Returns per class `name`, `num_train`, `num_validation`, `recall` and `precision`.

        Recall is `None` where nothing of the class was held out, precision where nothing got its name.
        """
        labels, count = self.judged.labels, len(self.prepared.names)
        held_out, said, right = (
            np.bincount(values, minlength=count).tolist()
            for values in (labels, self.named, labels[labels == self.named])
        )
        return [
            row
            | {
                "recall": right[label] / held_out[label] if held_out[label] else None,
                "precision": right[label] / said[label] if said[label] else None,
            }
            for label, row in enumerate(self.prepared.balance())
        ]

    def file_of(self, sample: int) -> str:
        """Returns the file of a held-out image, relative to its folder."""
        return self.prepared.files[self.prepared.validation[sample]]

    def to_json(self) -> str:
        """Returns the records as JSON for the dashboard: no pictures, files relative to their folder, no NaN.

        A value of the training that is no finite number is `null`.
        """
        names = self.prepared.names
        mistakes = [
            {
                "file": self.file_of(sample),
                "true": names[self.judged.labels[sample]],
                "named": names[self.named[sample]],
                "probability": round(float(self.confidence[sample]), 6),
            }
            for sample in self.mistakes
        ]
        confusions = [
            {
                "true": names[confusion.true],
                "named": names[confusion.named],
                "count": len(confusion.samples),
                "files": [self.file_of(sample) for sample in confusion.samples],
            }
            for confusion in self.confusions()
        ]
        content = {
            "format": FORMAT,
            "metrics": self.metrics,
            "notes": list(self.notes),
            "history": list(self.history),
            "comparison": self.comparison,
            "held_out": self._held_out(),
            "classes": self.per_class(),
            "confusions": confusions,
            "mistakes": mistakes,
            "calibration": {
                **self.temperature.to_dict(),
                "before": self.temperature.before.to_dict(),
                "after": self.temperature.after.to_dict(),
            },
            "open_set": self.open_set
            and {"score": self.judged.score, **self.open_set.to_dict(), "curve": self.curve.thinned(200).to_dict()},
            "leaks": self._leaks(),
        }
        # Escaped to ASCII: names of files need not be valid Unicode.
        return json.dumps(_plain(content), allow_nan=False)

    def _held_out(self) -> str:
        """Tells these held-out images from others: SHA-256 over their files' names and contents, and their classes."""
        prepared = self.prepared
        lines = sorted(
            f"{prepared.files[index]!r} {prepared.keys[index]} {prepared.names[prepared.labels[index]]!r}"
            for index in prepared.validation
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _leaks(self) -> dict:
        """The leaks with files in place of indices."""
        files, leaks, groups = self.prepared.files, self.prepared.leaks, self.prepared.groups
        pairs = {
            name: [[files[one], files[other]] for one, other in getattr(leaks, name)]
            for name in ("exact", "near", "two_labels_exact", "two_labels_near")
        }
        return pairs | {
            "shared_persons": [[files[index] for index in np.flatnonzero(groups == p)] for p in leaks.shared_labels],
            "moved": [files[index] for index in self.prepared.moved],
        }


def _plain(value):
    """The same of Python's own types, with `None` for what is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
