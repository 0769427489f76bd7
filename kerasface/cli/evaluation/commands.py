"""Commands that measure error rates on labelled photos."""

from pathlib import Path

import click

from kerasface.cli.output import ENGINE, JSON, RUNS, engine_used, errors, print_json, stopwatch
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.streams import NOT_TEXT
from kerasface.terminal.words import counted, some_names
from kerasface.train.__main__ import UserPath

REPORT = click.option(
    "--report",
    "report_file",
    type=UserPath(dir_okay=False),
    help="Write curves and tables there (HTML).",
)
_WORST_SHOWN = 3  # pictures named in the terminal


@click.group()
def evaluate() -> None:
    """Measure error rates on labelled photos."""


@evaluate.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with a folder per class, or a listing.")
@click.option("--model", required=True, help="Name of a model that classifies.")
@click.option("--compare", "other", help="Name of another one with the same classes, compared on the same pictures.")
@RUNS
@ENGINE
@REPORT
@JSON
def classification(images, model, other, runs, report_file, as_json) -> None:
    """Measure how often a trained classifier gives a picture its own name.

    A folder named like a class of the model holds its pictures; all others hold strangers. Of a photo with several
    faces the one nearest its centre counts, and one without a face counts as wrong. Take pictures that the model was
    not trained on: those it has seen make it look better than it is.
    """
    with errors():
        from kerasface.faces.detection import FaceDetector
        from kerasface.models.runtime import device_name
        from kerasface.runs.store import load_run
        from kerasface.tasks.measuring.classes import check_comparable, measure_classes
        from kerasface.tasks.recognition import build_classifier, open_set_of

        loaded = [load_run(runs, name) for name in (model, other) if name is not None]
        check_comparable(loaded)
        with progress_bars() as report, stopwatch() as seconds:
            rates = measure_classes(images, [build_classifier(run, FaceDetector) for run in loaded], report=report)
        if report_file:
            from kerasface.reports.error_rates import classification_document

            write_report(report_file, classification_document(f"{model}: {images}", rates))
    first, failed, strangers = rates.reports[0], rates.pictures[0].rejected, rates.pictures[0].strangers
    if as_json:
        lost = [{"image": str(path), "reason": reason} for path, reason in failed]
        compared = {"beside": rates.reports[1].to_dict(), "comparison": rates.comparison.to_dict()} if other else {}
        told = {"strangers": list(strangers), "failed": lost, **compared}
        print_json({**first.to_dict(), **told, **_device(seconds)})
        return
    for run, result in zip(loaded, rates.reports, strict=True):
        known = open_set_of(run.card)
        whose = "the default" if known and known.default else "its"
        _tell_classification(run.name, result, whose, "strangers" if rates.of_faces else "none of the classes")
    if strangers:
        whose = "of strangers" if rates.of_faces else "of none of the classes"
        click.echo(f"folders {whose}, as no class has their name: {some_names(strangers)}")
    if rates.comparison:
        from kerasface.reports.error_rates import classifier_verdict

        click.echo(classifier_verdict(rates.comparison, rates.names))
    click.echo(f"{counted(len(failed), 'file')} with no answer, {device_name()}, {seconds():.0f} s")
    for _, reason in failed[:10]:
        click.echo(f"  {reason}")


def _tell_classification(name: str, result, whose: str, others: str) -> None:
    from kerasface.evaluation.names import as_name

    def rate(part) -> str:
        return f"{part.value:.2%}{_interval(part.low, part.high)}"

    click.echo(
        f"{name}: right {rate(result.top1)}, among the first five {rate(result.top5)}, "
        f"{counted(result.top1.num_pictures, 'picture')} of "
        f"{counted(sum(map(bool, result.num_of_class.values())), 'class', 'classes')}; mean of the "
        f"classes {result.balanced_accuracy:.2%}, calibration error {result.ece:.2%}"
    )
    if result.known_accepted:
        click.echo(
            f"at {whose} threshold of {result.threshold:.3f}: {rate(result.known_accepted)} accepted as known, "
            f"{rate(result.known_correct)} under their own name"
        )
    if result.unknown_accepted:
        click.echo(f"of {counted(result.num_unknown, 'picture')} of {others} {rate(result.unknown_accepted)} accepted")
    elif result.num_unknown:
        click.echo(
            f"{counted(result.num_unknown, 'picture')} of {others}: no threshold in the model, so each got a name"
        )
    recalls = {one: recall for one, recall in result.recall.items() if recall is not None and recall < 1}
    if worst := sorted(recalls, key=recalls.get)[:5]:
        click.echo("worst classes: " + ", ".join(f"{as_name(one)} {recalls[one]:.1%}" for one in worst))


@evaluate.command()
@click.option("--images", required=True, type=UserPath(), help="Folder of the pictures.")
@click.option("--masks", required=True, type=UserPath(), help="Folder of masks of the same names.")
@click.option(
    "--map",
    "map_file",
    type=UserPath(),
    help="TOML file that says what the labels of the masks stand for, where they are not the model's classes.",
)
@click.option("--model", default="face-parts", show_default=True, help="Name of a model that segments.")
@RUNS
@ENGINE
@REPORT
@JSON
def segmentation(images, masks, map_file, model, runs, report_file, as_json) -> None:
    """Measure a segmentation on pictures with masks: IoU, F1 and boundary F1 of every class, and the worst pictures.

    A picture and its mask have the same name but for the suffix and the same size. Pictures are segmented as a whole;
    no face is looked for.

    Masks of other classes are compared by what a file says: below `[labels]` a line for each of their classes, in the
    order of the ids, such as `hair = "hair"`, `skin = ["skin", "nose", "mouth"]` or `hat = "ignore"`. All is measured
    in the classes of the masks. With `coarse = 0.01` above it, borders lie up to so much of the longer side from where
    they belong, and no boundary F1 is measured.
    """
    with errors():
        from kerasface.data.masks.labels import read_label_file
        from kerasface.models.runtime import device_name
        from kerasface.runs.store import load_run
        from kerasface.tasks.measuring.masks import measure_masks
        from kerasface.tasks.segmentation import Segmenter

        segmenter = Segmenter(load_run(runs, model))
        with progress_bars() as report, stopwatch() as seconds:
            said = read_label_file(map_file) if map_file else None
            rates = measure_masks(images, masks, segmenter, said=said, report=report)
        if report_file:
            from kerasface.reports.segmentation import segmentation_document

            write_report(report_file, segmentation_document(f"Segmentation: {images}", rates))
    if as_json:
        print_json({**rates.to_dict(), **_device(seconds)})
        return
    result, failed = rates.result, rates.failed
    click.echo(
        f"mean IoU {result.mean_iou:.2%}{_interval(result.mean_iou_low, result.mean_iou_high)}, pixel accuracy "
        f"{result.pixel_accuracy:.2%}{_interval(result.pixel_accuracy_low, result.pixel_accuracy_high)}, "
        + counted(result.num_images, "picture")
    )
    for name in result.classes:
        shares = {"IoU": result.iou[name], "F1": result.f1[name], "boundary F1": result.boundary_f1[name]}
        told = ", ".join(f"{kind} {rate:.2%}" for kind, rate in shares.items() if rate is not None)
        click.echo(f"{name}: {told or 'occurs in no mask'}")
    worst = ", ".join(f"{mask.file} {mask.mean_iou:.2f}" for mask in rates.worst[:_WORST_SHOWN])
    click.echo(f"lowest mean IoU: {worst}")
    click.echo(f"{counted(len(failed), 'file')} failed, {device_name()}, {seconds():.0f} s")
    for _, reason in failed[:10]:
        click.echo(f"  {reason}")


def _device(seconds) -> dict:
    from kerasface.models.runtime import device_name

    return {"device": device_name(), **engine_used(), "seconds": round(seconds(), 3)}


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None else f" (95 % {low:.2%} to {high:.2%})"


def write_report(file: Path, text: str) -> None:
    """Writes a report in HTML."""
    from kerasface.files.writing import write_atomically

    write_atomically(file, text.encode("utf-8", NOT_TEXT))
