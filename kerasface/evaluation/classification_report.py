"""How often a trained classifier is right on a folder of pictures, and what it does with strangers among them."""

from dataclasses import asdict, dataclass

import numpy as np

from kerasface.evaluation.classification import calibration, top_k_accuracy
from kerasface.evaluation.verification import wilson_interval

_TOP = 5


@dataclass(frozen=True, eq=False)
class ClassificationTrial:
    """What a classifier said of pictures whose class is known.

    Attributes:
        classes: Names of the classes, by index.
        labels: True class of each picture, `(num_pictures,)`.
        found: Whether there was anything to judge, bool, `(num_pictures,)`: a picture that cannot be read and a photo
            without a face have no answer.
        probabilities: `(num_pictures, num_classes)`; zeros where nothing was found.
        scores: What is compared with the threshold, `(num_pictures,)`; zero where nothing was found.
        unknown_scores: The same for pictures of none of the classes, those in which something was found,
            `(num_unknown,)`.
        num_unknown_failed: Such pictures in which nothing was found.
        threshold: Score from which a picture counts as known; `None` where the model has none.
    """

    classes: tuple[str, ...]
    labels: np.ndarray
    found: np.ndarray
    probabilities: np.ndarray
    scores: np.ndarray
    unknown_scores: np.ndarray
    num_unknown_failed: int
    threshold: float | None

    @property
    def named(self) -> np.ndarray:
        """Most probable class of each picture, `(num_pictures,)`; -1 where nothing was found."""
        return np.where(self.found, self.probabilities.argmax(axis=1), -1)

    @property
    def wrong(self) -> np.ndarray:
        """Whether each picture did not get its own name, bool, `(num_pictures,)`; so it is where nothing was found."""
        return self.named != self.labels


@dataclass(frozen=True)
class CountedShare:
    """A share of pictures.

    Attributes:
        value: The share.
        low: Lower end of its 95 % interval (Wilson), which takes pictures for independent.
        high: Upper end.
        num_pictures: Of how many.
    """

    value: float
    low: float
    high: float
    num_pictures: int


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """Rates of a classifier; all are fractions.

    Attributes:
        classes: Names of the classes, by index.
        top1: Pictures that got their own name.
        top5: Pictures whose name was among the five most probable ones.
        balanced_accuracy: Mean of the recalls of the classes, so that large classes count no more than small ones.
        ece: Expected calibration error of the pictures with an answer.
        recall: Class to the share of its pictures that got its name; `None` for a class without pictures.
        precision: Class to the share of the pictures with its name that are of it; `None` where it was never named.
        num_of_class: Class to the number of its pictures.
        confusion: Pictures of each true class (rows) that got each name (columns), int64,
            `(num_classes, num_classes)`; those with no answer are in none.
        num_failed: Pictures of the classes with no answer: they count as wrong.
        known_accepted: Pictures of the classes at or above the threshold, whatever name they got; `None` without one.
        known_correct: Those of them that got their own name; `None` without a threshold.
        unknown_accepted: Pictures of none of the classes at or above the threshold; `None` without either.
        num_unknown: Pictures of none of the classes with an answer.
        num_unknown_failed: Those with none, which are in no rate.
        threshold: Of the model; `None` where it has none.
    """

    classes: tuple[str, ...]
    top1: CountedShare
    top5: CountedShare
    balanced_accuracy: float
    ece: float
    recall: dict[str, float | None]
    precision: dict[str, float | None]
    num_of_class: dict[str, int]
    confusion: np.ndarray
    num_failed: int
    known_accepted: CountedShare | None
    known_correct: CountedShare | None
    unknown_accepted: CountedShare | None
    num_unknown: int
    num_unknown_failed: int
    threshold: float | None

    def to_dict(self) -> dict:
        """Returns the record as JSON-ready values: lists, dicts, numbers and `None`, no NaN."""
        shares = {name: asdict(part) for name, part in vars(self).items() if isinstance(part, CountedShare)}
        return {**vars(self), **shares, "classes": list(self.classes), "confusion": self.confusion.tolist()}


def evaluate_classification(trial: ClassificationTrial) -> ClassificationReport:
    """Measures how often a classifier is right.

    Args:
        trial: What it said of each picture. A picture with no answer counts as wrong, except in `ece`.

    Raises:
        ValueError: If shapes do not fit, a label is no class, or no picture of the classes has an answer.
    """
    _check(trial)
    labels, found, named = trial.labels, trial.found, trial.named
    num_classes, total = len(trial.classes), len(labels)
    confusion = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(confusion, (labels[found], named[found]), 1)
    num_of_class, right = np.bincount(labels, minlength=num_classes), np.diag(confusion)
    recalls = {name: _share(right[index], num_of_class[index]) for index, name in enumerate(trial.classes)}
    precisions = {name: _share(right[index], confusion[:, index].sum()) for index, name in enumerate(trial.classes)}
    judged = trial.probabilities[found], labels[found]
    accepted = found & (trial.scores >= trial.threshold) if trial.threshold is not None else None
    strangers = None
    if trial.threshold is not None and len(trial.unknown_scores):
        strangers = _counted(np.sum(trial.unknown_scores >= trial.threshold), len(trial.unknown_scores))
    return ClassificationReport(
        classes=trial.classes,
        top1=_counted(right.sum(), total),
        top5=_counted(round(top_k_accuracy(*judged, _TOP) * found.sum()), total),
        balanced_accuracy=float(np.mean([recall for recall in recalls.values() if recall is not None])),
        ece=calibration(*judged).ece,
        recall=recalls,
        precision=precisions,
        num_of_class=dict(zip(trial.classes, num_of_class.tolist(), strict=True)),
        confusion=confusion,
        num_failed=int(np.sum(~found)),
        known_accepted=None if accepted is None else _counted(accepted.sum(), total),
        known_correct=None if accepted is None else _counted(np.sum(accepted & ~trial.wrong), total),
        unknown_accepted=strangers,
        num_unknown=len(trial.unknown_scores),
        num_unknown_failed=trial.num_unknown_failed,
        threshold=trial.threshold,
    )


def surest_mistakes(trial: ClassificationTrial, count: int) -> np.ndarray:
    """Returns at most `count` pictures that got a wrong name, the most probable of those names first, int64."""
    mistakes = np.flatnonzero(trial.wrong & trial.found)
    return mistakes[np.argsort(-trial.probabilities[mistakes].max(axis=1), kind="stable")][:count]


def most_confused(report: ClassificationReport, count: int) -> list[tuple[str, str, int]]:
    """Returns `(true class, name given, times)` of the most frequent mistakes, at most `count`."""
    errors = report.confusion - np.diag(np.diag(report.confusion))
    order = np.argsort(-errors, axis=None, kind="stable")[:count]
    cells = zip(*np.unravel_index(order, errors.shape), strict=True)
    return [
        (report.classes[true], report.classes[named], int(errors[true, named]))
        for true, named in cells
        if errors[true, named]
    ]


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _counted(part: int, total: int) -> CountedShare:
    low, high = wilson_interval(int(part), int(total))
    return CountedShare(float(part / total), low, high, int(total))


def _check(trial: ClassificationTrial):
    shapes = [np.shape(part) for part in (trial.labels, trial.found, trial.scores)]
    num_pictures, num_classes = np.shape(trial.probabilities)
    if set(shapes) != {(num_pictures,)} or num_classes != len(trial.classes):
        raise ValueError(
            "Every picture has a label, an answer or none, a score, and a probability of each class. "
            f"Received: shapes {shapes}, probabilities {num_pictures, num_classes}, {len(trial.classes)} classes."
        )
    if not np.isin(trial.labels, np.arange(num_classes)).all():
        raise ValueError(f"Labels must be indices of the {num_classes} classes. Received: {np.unique(trial.labels)}.")
    if not trial.found.any():
        raise ValueError(
            f"No picture has an answer. Received: {num_pictures} pictures. A classifier of faces needs photos in which "
            "a face is found."
        )
