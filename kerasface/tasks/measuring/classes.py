"""How often a trained classifier is right on a folder with a folder per class, alone or next to another one."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasface.data.cache.images import Progress
from kerasface.data.folders import IdentityFolders
from kerasface.data.listings import read_classes
from kerasface.data.photos import Photo, read_photos
from kerasface.evaluation.classification_report import (
    ClassificationReport,
    ClassificationTrial,
    evaluate_classification,
)
from kerasface.evaluation.comparison import ClassifierComparison, compare_classifiers
from kerasface.faces.detection import central_face
from kerasface.runs.card import ModelCard
from kerasface.runs.store import Run
from kerasface.tasks.measuring.people import Report, unreported
from kerasface.tasks.recognition import FaceClassifier, ImageClassifier, open_set_of
from kerasface.terminal.words import some_names


@dataclass(frozen=True, eq=False)
class NamedPictures:
    """What a classifier said of the pictures of a folder.

    Attributes:
        trial: The answers.
        paths: The picture of each row of the trial.
        strangers: Names of the folders that are none of the classes.
        rejected: `(path, reason)` of every file with no answer.
    """

    trial: ClassificationTrial
    paths: tuple[Path, ...]
    strangers: tuple[str, ...]
    rejected: tuple[tuple[Path, str], ...]


@dataclass(frozen=True, eq=False)
class ClassRates:
    """How often a classifier is right on pictures, or each of two.

    Attributes:
        folder: The pictures.
        names: Of the models, one or two.
        cards: Theirs.
        pictures: What each said.
        reports: The rates of each.
        comparison: Of both; `None` with one model alone.
    """

    folder: Path
    names: tuple[str, ...]
    cards: tuple[ModelCard, ...]
    pictures: tuple[NamedPictures, ...]
    reports: tuple[ClassificationReport, ...]
    comparison: ClassifierComparison | None

    @property
    def of_faces(self) -> bool:
        """Whether they name people."""
        return self.cards[0].input.of_faces

    def to_dict(self) -> dict:
        """Returns the rates of each model, by its name, and what is to be said of both, as JSON-ready values."""
        failed = ([{"image": str(path), "reason": why} for path, why in one.rejected] for one in self.pictures)
        models = {
            name: {**report.to_dict(), "failed": lost}
            for name, report, lost in zip(self.names, self.reports, failed, strict=True)
        }
        return {"models": models, "comparison": self.comparison and self.comparison.to_dict()}


# For each picture an answer that has `top` and `score`; for a photo of faces a list of them, each with its `face`.
Recognize = Callable[[Sequence[np.ndarray]], list]


def measure_classes(
    folder: str | os.PathLike,
    classifiers: Sequence[FaceClassifier | ImageClassifier],
    *,
    report: Report = unreported,
) -> ClassRates:
    """Measures how often a classifier gives the pictures of a folder their own names.

    Args:
        folder: A folder with a folder per class, or a listing; those that are none of the classes hold strangers.
        classifiers: One, or two that are compared; the thresholds of their models decide who is known.
        report: Told how many pictures are done.

    Raises:
        ValueError: If two know different classes, `folder` cannot be read, or no folder in it is named like a class.
    """
    runs = [classifier.run for classifier in classifiers]
    check_comparable(runs)
    pictures = tuple(
        _named_by(folder, classifier, partial(report, f"Looking at them: {classifier.run.name}"))
        for classifier in classifiers
    )
    comparison = compare_classifiers(*(one.trial.wrong for one in pictures)) if len(pictures) == 2 else None
    return ClassRates(
        folder=Path(folder),
        names=tuple(run.name for run in runs),
        cards=tuple(run.card for run in runs),
        pictures=pictures,
        reports=tuple(evaluate_classification(one.trial) for one in pictures),
        comparison=comparison,
    )


def check_comparable(runs: Sequence[Run]) -> None:
    """Refuses to compare models that know different classes, and one with itself.

    Raises:
        ValueError: If they are such.
    """
    if len({run.name for run in runs}) < len(runs):
        raise ValueError(f"One model does not differ from itself. Received: {runs[0].name} twice. Name another one.")
    if len({frozenset(run.labels) for run in runs}) > 1:
        names = " and ".join(run.name for run in runs)
        raise ValueError(f"{names} know different classes. Only equal classes can be compared.")


def name_pictures(
    folder: str | os.PathLike,
    recognize: Recognize,
    classes: Sequence[str],
    *,
    threshold: float | None = None,
    on_progress: Progress | None = None,
) -> NamedPictures:
    """Asks a classifier for the name of every picture of a folder.

    Folders named like a class hold its pictures; all others hold strangers, or pictures of anything else. In a photo
    with several faces the one nearest its center counts. A few pictures are held at a time.

    Args:
        folder: A folder with a folder per class.
        recognize: `FaceClassifier.recognize` or `ImageClassifier.recognize`, asked for all classes.
        classes: Names of the classes, by index.
        threshold: Score from which a picture counts as known, if the classifier has one.
        on_progress: Called with the number of pictures done and their total.

    Raises:
        ValueError: If `folder` cannot be read, or no folder in it is named like a class.
    """
    classes = tuple(classes)
    folders = read_classes(folder, min_identities=1)
    labels = _labels(folders, classes)
    answers = picture_answers(folders.paths, recognize, on_progress or (lambda done, total: None))
    probabilities = np.zeros((len(labels), len(classes)), dtype=np.float32)
    scores, found, rejected = np.zeros(len(labels)), np.zeros(len(labels), dtype=bool), list(folders.rejected)
    index_of = {name: index for index, name in enumerate(classes)}
    for row, (path, answer) in enumerate(zip(folders.paths, answers, strict=True)):
        if isinstance(answer, str):
            rejected.append((path, answer))
            continue
        found[row], scores[row] = True, answer.score or 0.0
        for name, probability in answer.top:
            probabilities[row, index_of[name]] = probability
    known = labels >= 0
    trial = ClassificationTrial(
        classes=classes,
        labels=labels[known],
        found=found[known],
        probabilities=probabilities[known],
        scores=scores[known],
        unknown_scores=scores[~known & found],
        num_unknown_failed=int(np.sum(~known & ~found)),
        threshold=threshold,
    )
    paths = tuple(path for path, is_known in zip(folders.paths, known, strict=True) if is_known)
    strangers = tuple(name for name in folders.identities if name not in index_of)
    return NamedPictures(trial, paths, strangers, tuple(rejected))


def _named_by(folder: str | os.PathLike, classifier: FaceClassifier | ImageClassifier, report) -> NamedPictures:
    labels, known = classifier.run.labels, open_set_of(classifier.run.card)
    recognize = partial(classifier.recognize, top=len(labels))
    return name_pictures(folder, recognize, labels, threshold=known and known.threshold, on_progress=report)


def _labels(folders: IdentityFolders, classes: Sequence[str]) -> np.ndarray:
    """Index of each picture's class, -1 where its folder is none of them, `(num_pictures,)`."""
    index_of = {name: index for index, name in enumerate(classes)}
    of_folder = np.array([index_of.get(name, -1) for name in folders.identities])
    if (of_folder < 0).all():
        raise ValueError(
            f"{folders.source} has no folder named like a class of the model. Received: "
            f"{some_names(folders.identities)}; the classes: {some_names(classes)}. Name the folders like the classes."
        )
    return of_folder[folders.labels]


def picture_answers(paths: Sequence[Path], recognize: Recognize, report: Progress) -> Iterator[Any]:
    """Yields for every picture the answer to it, or in a sentence why there is none.

    In a photo with several faces the one nearest its center counts. A few pictures are held at a time.

    Args:
        paths: The pictures.
        recognize: `FaceClassifier.recognize` or `ImageClassifier.recognize`.
        report: Called with the number of pictures done and their total.
    """
    done = 0
    report(done, len(paths))
    for batch in read_photos(paths):
        answers = iter(recognize([photo.image for photo in batch if photo.problem is None]))
        for photo in batch:
            yield photo.problem or _central(next(answers), photo)
        done += len(batch)
        report(done, len(paths))


def _central(found: Any, photo: Photo) -> Any:
    if not isinstance(found, list):
        return found
    if not found:
        return f"{photo.path}: No face was found."
    central = central_face([one.face for one in found], photo.image.shape)
    return next(one for one in found if one.face is central)
