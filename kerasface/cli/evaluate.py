"""Commands that measure error rates on labelled photos."""

from functools import partial
from pathlib import Path

import click

from kerasface.cli.output import JSON, RUNS, VIEWS, errors, print_json, stopwatch
from kerasface.streams import NOT_TEXT
from kerasface.terminal import progress_bars
from kerasface.train.__main__ import UserPath
from kerasface.words import counted

_REPORT = click.option(
    "--report",
    "report_file",
    type=UserPath(dir_okay=False),
    help="Write curves and tables there (HTML).",
)


@click.group()
def evaluate() -> None:
    """Measure error rates on labelled photos."""


@evaluate.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with the photos of the pairs.")
@click.option("--pairs", required=True, type=UserPath(), help="List of pairs: a table, or LFW's format.")
@VIEWS
@_REPORT
@JSON
def verification(images, pairs, views, report_file, as_json) -> None:
    """Measure 1:1 verification on labelled pairs, by the protocol of LFW.

    PAIRS is a table with the header a,b,same: two files in IMAGES, and 1 or 0; a column fold is optional, and so is the
    header. Or it is in LFW's format, where `Name 7` is IMAGES/Name/Name_0007.jpg. Where a photo has several faces, the
    one nearest its centre counts. A pair that cannot be scored counts as wrong.
    """
    with errors():
        from kerasface.data.pairs import PairsError, check_images, read_pairs, with_folds
        from kerasface.evaluation.verification import evaluate_verification
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedding import FaceEmbedder
        from kerasface.models.runtime import device_name
        from kerasface.verify import score_pairs

        read = read_pairs(pairs, images)
        check_images(read, images)
        listed = with_folds(read)
        analyzer = FaceAnalyzer(embedder=FaceEmbedder(views=int(views)))
        with progress_bars() as report, stopwatch() as seconds:
            scored = score_pairs(listed, analyzer, on_progress=lambda done, total: report("photos", done, total))
        if len(scored.failed) == len(scored.pairs):
            raise PairsError(f"None of the {len(listed):,} pairs can be scored. The first: {scored.failed[0][1]}")
        same = [pair.same for pair in scored.pairs]
        folds = [pair.fold for pair in scored.pairs]
        result = evaluate_verification(scored.normalized, same, folds, num_failed=len(scored.failed))
        if report_file:
            from kerasface.error_report import verification_document
            from kerasface.faces.operating_points import pair_calibration

            calibration = pair_calibration(analyzer.embedder.fingerprint)
            _write(
                report_file,
                verification_document(
                    f"Verification: {pairs}", result, scored.normalized, same, calibration=calibration
                ),
            )
    failed = [{"line": pair.line, "reason": reason} for pair, reason in scored.failed]
    if as_json:
        device = {"device": device_name(), "precision": analyzer.embedder.precision, "seconds": round(seconds(), 3)}
        print_json({**result.to_dict(), "failed": failed, **device})
        return
    click.echo(f"accuracy {result.accuracy_mean:.2%} +- {result.accuracy_se:.2%}, {counted(result.num_pairs, 'pair')}")
    click.echo(f"AUC {result.auc:.5f}, equal error rate {result.eer:.2%}, threshold {result.threshold:.4f}")
    for fmr, tar in result.tar_at_fmr.items():
        doubt = "" if tar.supported else "  (too few impostor pairs to speak of this rate)"
        click.echo(f"TAR at FMR {float(fmr):.1%}: {tar.value:.2%} (95 % {tar.low:.2%} to {tar.high:.2%}){doubt}")
    click.echo(f"{counted(result.num_failed, 'pair')} failed, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  line {line['line']}: {line['reason']}")


@evaluate.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with a folder per person.")
@VIEWS
@_REPORT
@JSON
def identification(images, views, report_file, as_json) -> None:
    """Measure 1:N identification with strangers, in a folder per person.

    The alphabetically first image of every person with two or more is enrolled, their others come back as probes, and
    people with one image are strangers. FPIR is the share of strangers who are taken for somebody, FNIR the share of
    known faces that do not get their own name.
    """
    with errors():
        from kerasface.data.trials import check_shipped_thresholds, open_set_trial
        from kerasface.evaluation.identification import evaluate_identification
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedding import FaceEmbedder
        from kerasface.models.runtime import device_name

        analyzer = FaceAnalyzer(embedder=FaceEmbedder(views=int(views)))
        with progress_bars() as report, stopwatch() as seconds:
            trial, rejected = open_set_trial(
                images, analyzer, on_progress=lambda done, total: report("photos", done, total)
            )
        result = evaluate_identification(trial)
        checks = check_shipped_thresholds(trial, analyzer.embedder.fingerprint)
        if report_file:
            from kerasface.error_report import identification_document

            _write(report_file, identification_document(f"Identification: {images}", result, trial, checks))
    failed = [{"image": str(path), "reason": reason} for path, reason in rejected]
    if as_json:
        device = {"device": device_name(), "precision": analyzer.embedder.precision, "seconds": round(seconds(), 3)}
        measured = [check.to_dict() for check in checks]
        print_json({**result.to_dict(), "fpir_asked_and_measured": measured, "failed": failed, **device})
        return
    click.echo(
        f"{counted(result.gallery_size, 'person', 'people')} enrolled with one photo each, "
        f"{counted(result.num_mated, 'photo')} of them come back, {counted(result.num_unknown, 'stranger')}"
    )
    click.echo(f"first named is right {result.rank1:.2%}, right among the first five {result.rank5:.2%}")
    for fpir, missed in result.fnir_at_fpir.items():
        doubt = "" if missed.supported else "  (too few strangers to speak of this rate)"
        click.echo(
            f"FNIR at FPIR {float(fpir):.0%}: {missed.value:.2%} (95 % {missed.low:.2%} to {missed.high:.2%}), "
            f"threshold {missed.threshold:.4f}{doubt}"
        )
    for check in checks:
        click.echo(
            f"{counted(check.gallery_size, 'person', 'people')}: FPIR asked {check.asked:.0%}, measured "
            f"{check.measured:.2%} (95 % {check.low:.2%} to {check.high:.2%}), FNIR {check.fnir:.1%}"
        )
    click.echo(f"{counted(result.num_failed, 'photo')} failed, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  {line['reason']}")


@evaluate.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with a folder per class.")
@click.option("--model", required=True, help="Name of a model that classifies.")
@click.option("--beside", help="Name of another one with the same classes, compared on the same pictures.")
@RUNS
@_REPORT
@JSON
def classification(images, model, beside, runs, report_file, as_json) -> None:
    """Measure how often a trained classifier gives a picture its own name.

    A folder named like a class of the model holds its pictures; all others hold strangers. Of a photo with several
    faces the one nearest its centre counts, and one without a face counts as wrong. Take pictures that the model was
    not trained on: those it has seen make it look better than it is.
    """
    with errors():
        from kerasface.data.class_trials import some_names
        from kerasface.evaluation.classification_report import evaluate_classification
        from kerasface.evaluation.comparison import compare_classifiers
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.models.runtime import device_name
        from kerasface.recognise import build_classifier, name_folder, open_set_of
        from kerasface.runs import load_run

        names = [model] if beside is None else [model, beside]
        loaded = [load_run(runs, name) for name in names]
        if len({frozenset(run.labels) for run in loaded}) > 1:
            raise ValueError(f"{model} and {beside} know different classes. Only equal classes can be compared.")
        with progress_bars() as report, stopwatch() as seconds:
            answers = [
                name_folder(
                    images, build_classifier(run, FaceAnalyzer), on_progress=partial(report, f"pictures, {run.name}")
                )
                for run in loaded
            ]
        results = [evaluate_classification(one.trial) for one in answers]
        comparison = compare_classifiers(*(one.trial.wrong for one in answers)) if beside else None
        if report_file:
            from kerasface.error_report import classification_document

            text = classification_document(
                f"{model}: {images}", results[0], answers[0], comparison=comparison, names=(model, beside or "")
            )
            _write(report_file, text)
    failed = [{"image": str(path), "reason": reason} for path, reason in answers[0].rejected]
    if as_json:
        compared = {"beside": results[1].to_dict(), "comparison": comparison.to_dict()} if beside else {}
        told = {"strangers": list(answers[0].strangers), "failed": failed, **compared}
        print_json({**results[0].to_dict(), **told, "device": device_name(), "seconds": round(seconds(), 3)})
        return
    of_faces = loaded[0].card["input"].get("kind", "face") == "face"
    for run, result in zip(loaded, results, strict=True):
        whose = "the default" if (open_set_of(run.card) or {}).get("default") else "its"
        _tell_classification(run.name, result, whose, "strangers" if of_faces else "none of the classes")
    if answers[0].strangers:
        whose = "of strangers" if of_faces else "of none of the classes"
        click.echo(f"folders {whose}, as no class has their name: {some_names(answers[0].strangers)}")
    if comparison:
        from kerasface.error_report import classifier_verdict

        click.echo(classifier_verdict(comparison, (model, beside)))
    click.echo(f"{counted(len(failed), 'file')} with no answer, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  {line['reason']}")


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
@click.option("--model", default="face-parts", show_default=True, help="Name of a model that segments.")
@RUNS
@_REPORT
@JSON
def segmentation(images, masks, model, runs, report_file, as_json) -> None:
    """Measure a segmentation on pictures with masks: IoU, F1 and boundary F1 of every class.

    A picture and its mask have the same name but for the suffix and the same size. Pictures are segmented as a whole;
    no face is looked for.
    """
    with errors():
        from kerasface.data.mask_trials import score_masks
        from kerasface.models.runtime import device_name
        from kerasface.runs import load_run
        from kerasface.segment import Segmenter

        segmenter = Segmenter(load_run(runs, model))
        with progress_bars() as report, stopwatch() as seconds:
            result, rejected = score_masks(
                images,
                masks,
                lambda image: segmenter.segment_whole(image).mask,
                segmenter.classes,
                segmenter.colours,
                on_progress=lambda done, total: report("pictures", done, total),
            )
        if report_file:
            _write(report_file, _segmentation_document(f"Segmentation: {images}", result, segmenter.colours))
    failed = [{"image": str(path), "reason": reason} for path, reason in rejected]
    if as_json:
        counts = {"num_failed": len(failed), "failed": failed}
        print_json({**result.to_dict(), **counts, "device": device_name(), "seconds": round(seconds(), 3)})
        return
    click.echo(
        f"mean IoU {result.mean_iou:.2%}{_interval(result.mean_iou_low, result.mean_iou_high)}, pixel accuracy "
        f"{result.pixel_accuracy:.2%}{_interval(result.pixel_accuracy_low, result.pixel_accuracy_high)}, "
        + counted(result.num_images, "picture")
    )
    for name in result.classes:
        rates = {"IoU": result.iou[name], "F1": result.f1[name], "boundary F1": result.boundary_f1[name]}
        told = ", ".join(f"{kind} {rate:.2%}" for kind, rate in rates.items() if rate is not None)
        click.echo(f"{name}: {told or 'occurs in no mask'}")
    click.echo(f"{counted(len(failed), 'file')} failed, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  {line['reason']}")


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None else f" (95 % {low:.2%} to {high:.2%})"


def _segmentation_document(title: str, result, colours) -> str:
    from kerasface.plotting.document import document, facts_row, figure_html, share, table
    from kerasface.plotting.segmentation import confusion_heatmap, iou_bars

    facts = {
        "mean IoU": share(result.mean_iou, 2),
        "pixel accuracy": share(result.pixel_accuracy, 2),
        "pictures": f"{result.num_images:,}",
    }
    rates = (result.iou, result.f1, result.boundary_f1)
    rows = [(name, *(share(by_name[name], 2) for by_name in rates)) for name in result.classes]
    heads = ["class", "IoU", "F1", "boundary F1"]
    return document(
        title,
        {
            "": [facts_row(facts)],
            "Classes": [table(heads, rows), figure_html(iou_bars(result, colours))],
            "What is taken for what": [figure_html(confusion_heatmap(result))],
        },
    )


def _write(file: Path, text: str) -> None:
    from kerasface.runs import write_atomically

    write_atomically(file, text.encode("utf-8", NOT_TEXT))
