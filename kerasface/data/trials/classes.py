"""A folder with a folder per class as a trial of a trained classifier: its pictures, and those of nobody it knows."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasface.data.cache.images import Progress
from kerasface.data.folders import IdentityFolders, read_identity_folders
from kerasface.data.photos import Photo, read_photos
from kerasface.evaluation.classification_report import ClassificationTrial
from kerasface.faces.detection import central_face


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


# For each picture an answer that has `top` and `score`; for a photo of faces a list of them, each with its `face`.
Recognise = Callable[[Sequence[np.ndarray]], list]


def name_pictures(
    folder: str | os.PathLike,
    recognise: Recognise,
    classes: Sequence[str],
    *,
    threshold: float | None = None,
    on_progress: Progress | None = None,
) -> NamedPictures:
    """Asks a classifier for the name of every picture of a folder.

    Folders named like a class hold its pictures; all others hold strangers, or pictures of anything else. In a photo
    with several faces the one nearest its centre counts. A few pictures are held at a time.

    Args:
        folder: A folder with a folder per class.
        recognise: `FaceClassifier.recognise` or `ImageClassifier.recognise`, asked for all classes.
        classes: Names of the classes, by index.
        threshold: Score from which a picture counts as known, if the classifier has one.
        on_progress: Called with the number of pictures done and their total.

    Raises:
        ValueError: If `folder` cannot be read, or no folder in it is named like a class.
    """
    classes = tuple(classes)
    folders = read_identity_folders(folder, min_identities=1)
    labels = _labels(folders, classes)
    answers = _answers(folders.paths, recognise, on_progress or (lambda done, total: None))
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


def _labels(folders: IdentityFolders, classes: Sequence[str]) -> np.ndarray:
    """Index of each picture's class, -1 where its folder is none of them, `(num_pictures,)`."""
    index_of = {name: index for index, name in enumerate(classes)}
    of_folder = np.array([index_of.get(name, -1) for name in folders.identities])
    if (of_folder < 0).all():
        raise ValueError(
            f"{folders.root} has no folder named like a class of the model. Received: "
            f"{some_names(folders.identities)}; the classes: {some_names(classes)}. Name the folders like the classes."
        )
    return of_folder[folders.labels]


def _answers(paths: Sequence[Path], recognise: Recognise, report: Progress) -> Iterator[Any]:
    """Yields for every picture the answer to it, or in a sentence why there is none."""
    done = 0
    report(done, len(paths))
    for batch in read_photos(paths):
        answers = iter(recognise([photo.image for photo in batch if photo.problem is None]))
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


def some_names(names: Sequence[str], count: int = 3) -> str:
    """The first `count` names, and how many more there are."""
    more = f" and {len(names) - count:,} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
