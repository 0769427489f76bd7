"""The command that asks a trained classifier."""

from collections.abc import Sequence
from pathlib import Path

import click

from kerasface.cli.output import ENGINE, IMAGES, JSON, RUNS, engine_used, errors, face_lines, print_json, run_photos
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import NOT_TEXT
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath


@click.command()
@IMAGES
@click.option("--model", required=True, help="Name of a model trained by `kerasface train classify`.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many names per face.")
@click.option(
    "--csv",
    "table",
    type=UserPath(dir_okay=False),
    help="Write a table there, a row for each photo; with --top 1 its columns are id and label.",
)
@RUNS
@ENGINE
@JSON
def predict(images, model, top, table, runs, as_json) -> None:
    """Name the people in IMAGES (files, or folders of them), or the pictures as a whole, with a trained MODEL.

    Strangers are called unknown, by a threshold of the model's own or by the default for its number of people. Where
    neither was measured, a stranger gets the name that is most alike, and that is said.

    With --csv every photo has a row: its id, which is its place in the folder, the most probable label, in a photo with
    several faces that of the one nearest its center, and the next ones. One that cannot be judged has no label.
    """
    with errors():
        from kerasface.faces.detection import FaceDetector
        from kerasface.runs.store import load_run
        from kerasface.tasks.recognition import build_classifier, unknown_note

        classifier = build_classifier(load_run(runs, model), FaceDetector)
        note = unknown_note(classifier.run.card)
        if table is not None:
            _write_table(table, images, classifier, top, note, as_json)
        else:
            _print_answers(images, classifier, top, note, as_json)


def _print_answers(given: Sequence[Path], classifier, top: int, note: str, as_json: bool) -> None:
    from kerasface.data.cache.embeddings import photo_files
    from kerasface.tasks.recognition import ImageClassifier

    count_faces = _face_counter() if isinstance(classifier, ImageClassifier) else None

    def recognize(photos: list) -> list[dict]:
        images = [photo.image for photo in photos]
        found = classifier.recognize(images, top=top)
        if count_faces is None:
            return [{"faces": [face.to_dict() for face in entry]} for entry in found]
        return [{**entry.to_dict(), **faces} for entry, faces in zip(found, count_faces(images), strict=True)]

    def lines(photo: dict) -> list[str]:
        if "faces" in photo:
            return face_lines(photo["faces"], lambda face: f": {_answer(face)}")
        return [_answer(photo), *_faces_told(photo.get("num_faces"), classifier.run.name)]

    run_photos(photo_files(given), recognize, lines, as_json, note=note)


def _write_table(table: Path, given: Sequence[Path], classifier, top: int, note: str, as_json: bool) -> None:
    """Writes a submission; exit code 1 if a photo has no answer."""
    from kerasface.files.writing import write_atomically
    from kerasface.tasks.submission import answer_pictures, pictures_by_id, submission_csv

    pictures, top = pictures_by_id(given), min(top, len(classifier.run.labels))
    with progress_bars() as report:
        rows = answer_pictures(
            pictures, classifier, top=top, on_progress=lambda done, total: report("photos", done, total)
        )
    failed = [row for row in rows if row.problem]
    for row in failed:
        click.echo(f"Error: {row.problem}", err=True)
    if len(failed) == len(rows):
        raise click.ClickException(f"No photo has a label: {table} was not written, and is as it was if it is there.")
    write_atomically(table, submission_csv(rows, top).encode("utf-8", NOT_TEXT))
    if as_json:
        problems = [{"id": row.id, "error": row.problem} for row in failed]
        print_json({"csv": str(table), "num_photos": len(rows), "failed": problems, **engine_used()})
    else:
        without = f"; without a label: {counted(len(failed), 'row')}" if failed else ""
        click.echo(f"{table}: {counted(len(rows), 'photo')}, {counted(top, 'label')} each{without}")
        click.echo(note)
    if failed:
        raise SystemExit(1)


def _face_counter():
    """What counts the faces of photos; where the detector's weights are missing, it is said that nobody looked."""
    from kerasface.faces.detection import FaceDetector
    from kerasface.models.pretrained import ModelFileError

    try:
        detector = FaceDetector()
    except (ModelFileError, ValueError) as error:  # ValueError: weights that this installation does not know
        click.echo(f"It was not looked whether faces are in the photos: {error}", err=True)
        return lambda images: [{}] * len(images)
    return lambda images: [{"num_faces": len(faces)} for faces in detector.detect(images)]


def _faces_told(count: int | None, model: str) -> list[str]:
    """For an answer to a whole picture: that faces are in it, of which the model knows nothing."""
    if not count:
        return []
    faces = "a face is" if count == 1 else f"{count} faces are"
    return [f"note: {faces} in this photo, and {model} knows no people; `kerasface identify` names the people enrolled"]


def _answer(entry: dict) -> str:
    """Says who or what it is: the most probable names, behind the decision where these are no answer.

    Names that read like a decision stand in quotation marks, see `as_name`.
    """
    from kerasface.evaluation.names import as_name

    names = ", ".join(f"{as_name(line['label'])} {line['probability']:.1%}" for line in entry["top"])
    if entry["decision"] == "unknown":
        return f"unknown, score {entry['score']:.3f} (most alike: {names})"
    return f"most alike of those it knows: {names}" if entry["decision"] is None and "box" in entry else names
