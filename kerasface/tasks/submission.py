"""Answers to the pictures of a folder as a table with a row each: what a competition wants to be handed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kerasface.data.cache.embeddings import image_files, photo_files
from kerasface.data.cache.images import Progress
from kerasface.files.spreadsheets import csv_text
from kerasface.tasks.measuring.classes import picture_answers
from kerasface.tasks.recognition import FaceClassifier, ImageClassifier


@dataclass(frozen=True)
class SubmittedRow:
    """What a classifier says of one picture.

    Attributes:
        id: The picture, see `pictures_by_id`.
        top: `(label, probability)` of the most probable classes, best first; empty where there is no answer.
        decision: `"known"` or `"unknown"`, where the classifier tells strangers; else `None`.
        problem: Why there is no answer, in a sentence that names the file; else `None`.
    """

    id: str
    top: tuple[tuple[str, float], ...]
    decision: str | None
    problem: str | None


def pictures_by_id(given: Sequence[Path]) -> dict[str, Path]:
    """Lists pictures, and those below folders at any depth, each once; an id is what a submission calls it.

    Args:
        given: Files and folders. Of one folder alone an id is the file's place in it, with slashes; else the path.

    Raises:
        ValueError: If a folder holds no image file.
    """
    if len(given) == 1 and given[0].is_dir():
        return {path.relative_to(given[0]).as_posix(): path for path in image_files(given[0])}
    return {str(path): path for path in photo_files(given)}


def answer_pictures(
    pictures: dict[str, Path],
    classifier: FaceClassifier | ImageClassifier,
    *,
    top: int = 5,
    on_progress: Progress | None = None,
) -> list[SubmittedRow]:
    """Asks a classifier for the names of pictures; every one has a row, also where it cannot be read or has no face.

    In a photo with several faces the one nearest its center counts.

    Args:
        pictures: Files by id.
        classifier: The trained classifier.
        top: How many classes to name; fewer where the model has fewer.
        on_progress: Called with the number of pictures done and their total.
    """
    report = on_progress or (lambda done, total: None)
    answers = picture_answers(list(pictures.values()), partial(classifier.recognize, top=top), report)
    return [
        SubmittedRow(name, (), None, answer)
        if isinstance(answer, str)
        else SubmittedRow(name, answer.top, answer.decision, None)
        for name, answer in zip(pictures, answers, strict=True)
    ]


def submission_csv(rows: Sequence[SubmittedRow], top: int) -> str:
    """Returns the answers as a table.

    With `top=1` its columns are `id` and `label` alone, as competitions have it. Else there follow the label's
    `probability`, then `label_2`, `probability_2` and so on, the `decision` about strangers, and the `problem` of a
    picture that has no answer, whose other cells are empty. `label` is the most probable class, for strangers too.

    Args:
        rows: The answers.
        top: How many classes are named.
    """
    if top == 1:
        return csv_text(["id", "label"], ([row.id, row.top[0][0] if row.top else None] for row in rows))
    ends = ["", *(f"_{place}" for place in range(2, top + 1))]
    header = ["id", *(f"{name}{end}" for end in ends for name in ("label", "probability")), "decision", "problem"]
    return csv_text(header, (_cells(row, top) for row in rows))


def _cells(row: SubmittedRow, top: int) -> list[object]:
    cells = [cell for label, probability in row.top for cell in (label, f"{probability:.6f}")]
    return [row.id, *cells, *[None] * (2 * top - len(cells)), row.decision, row.problem]
