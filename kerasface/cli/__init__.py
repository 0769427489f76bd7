"""The command line: parse, call the library, print. Nothing heavy is imported before a command needs it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from kerasface import __version__
from kerasface.terminal import progress_bars, start_tensorflow, turned_away
from kerasface.train.__main__ import train

_IMAGES = click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_RUNS = click.option("--runs", default="saved_models", show_default=True, help="Folder of the models.")
_MIN_FACE = click.option(
    "--min-face-size",
    type=click.FloatRange(min=12),
    help="Side in pixels of the smallest face looked for.  [default: 20, more in large photos]",
)

_VIEWS = click.option(
    "--views",
    type=click.Choice(["1", "2", "6"]),
    default="6",
    show_default=True,
    help="Views of each face to average over: itself; its mirror image too; both at three sizes.",
)

_EXPORT_FORMATS = ("saved_model", "litert", "onnx")  # those of kerasface.models.formats, which is too heavy to import
_EXPECTED_ERRORS = (ValueError, OSError, RuntimeError)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="kerasface")
def main() -> None:
    """Train, verify, recognise and explain faces on your own machine."""


main.add_command(train)


@main.command()
@_IMAGES
@_MIN_FACE
@_JSON
def detect(images, min_face_size, as_json) -> None:
    """Find the faces in IMAGES: boxes, five landmarks and scores."""
    with _errors():
        from kerasface.faces.detection import FaceDetector

        detector = FaceDetector(min_face_size)
        _run_photos(
            images,
            lambda batch: [{"faces": [face.to_dict() for face in faces]} for faces in detector.detect(batch)],
            lambda photo: _face_lines(photo["faces"], lambda face: f", score {face['detection_score']:.3f}"),
            as_json,
        )


@main.command()
@click.argument("image_a", metavar="A", type=click.Path(path_type=Path))
@click.argument("image_b", metavar="B", type=click.Path(path_type=Path))
@click.option("--fmr", default=0.001, show_default=True, help="False match rate to decide at, a fraction.")
@_MIN_FACE
@_JSON
def verify(image_a, image_b, fmr, min_face_size, as_json) -> None:
    """Tell whether photos A and B show the same person."""
    with _errors():
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.detection import FaceDetector
        from kerasface.images import decode
        from kerasface.verify import verify as verify_photos

        photos = [decode(path) for path in (image_a, image_b)]
        analyzer = FaceAnalyzer(FaceDetector(min_face_size))
        result = verify_photos(*photos, analyzer, fmr=fmr, names=(str(image_a), str(image_b)))
    if as_json:
        _print_json(result.to_dict())
        return
    point = result.operating_point
    click.echo(f"{result.decision.upper().replace('_', ' ')}: {result.reason}")
    click.echo(
        f"At this threshold {result.fmr:.2%} of pairs of different people match (95 % interval {point.fmr_low:.2%} to "
        f"{point.fmr_high:.2%}) and {point.fnmr:.1%} of pairs of one person do not."
    )
    click.echo(f"Measured {point.date} on {point.data}.")
    click.echo(f"{result.device}, {result.precision}, {result.seconds:.2f} s")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The .npz file to write.")
@_VIEWS
@_JSON
def embed(folder, out, views, as_json) -> None:
    """Embed every face of every photo under FOLDER into OUT.

    OUT holds `paths` (the photo of each face), `boxes` (x, y, width, height), `embeddings` (unit length) and
    `embedder` (embeddings are comparable where it is equal).
    """
    with _errors():
        import numpy as np

        from kerasface.data.embeddings import embed_photos, image_files
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedding import FaceEmbedder
        from kerasface.runs import write_atomically

        files = image_files(folder)
        analyzer = FaceAnalyzer(embedder=FaceEmbedder(views=int(views)))
        with progress_bars() as report:
            faces = embed_photos(files, analyzer, on_progress=lambda done, total: report("photos", done, total))
        arrays = {
            "paths": np.array([str(path) for path in faces.paths], dtype=str),
            "boxes": faces.boxes,
            "embeddings": faces.embeddings,
            "embedder": np.array(analyzer.embedder.fingerprint),
        }
        write_atomically(out, lambda file: np.savez(file, **arrays))
    rejected = [{"image": str(path), "reason": reason} for path, reason in faces.rejected]
    if as_json:
        summary = {"out": str(out), "num_photos": len(files), "num_faces": len(faces.paths), "rejected": rejected}
        _print_json({**summary, "embedder": analyzer.embedder.fingerprint})
    else:
        click.echo(f"{out}: {len(faces.paths)} faces of {len(files)} photos")
        for line in rejected:
            click.echo(f"not used: {line['reason']}", err=True)


@main.command()
@_IMAGES
@click.option("--model", required=True, help="Name of a model trained by `kerasface train classify`.")
@click.option("--top", default=5, show_default=True, type=click.IntRange(min=1), help="How many names per face.")
@_RUNS
@_JSON
def predict(images, model, top, runs, as_json) -> None:
    """Name the people in IMAGES, or the pictures as a whole, with a trained MODEL.

    Where the model has a threshold for it, strangers are called unknown. Otherwise it must choose among the classes it
    was trained on: a stranger gets one of their names too.
    """
    with _errors():
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.recognise import build_classifier, unknown_note
        from kerasface.runs import load_run

        classifier = build_classifier(load_run(runs, model), FaceAnalyzer)

        def recognise(batch: list) -> list[dict]:
            found = classifier.recognise(batch, top=top)
            return [
                {"faces": [face.to_dict() for face in entry]} if isinstance(entry, list) else entry.to_dict()
                for entry in found
            ]

        def lines(photo: dict) -> list[str]:
            if "faces" in photo:
                return _face_lines(photo["faces"], lambda face: f": {_answer(face)}")
            return [_answer(photo)]

        _run_photos(images, recognise, lines, as_json, note=unknown_note(classifier.run.card))


@main.command()
@click.argument("name")
@click.option(
    "--format", "to_format", required=True, type=click.Choice(_EXPORT_FORMATS), help="litert was called TFLite before."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="File to write; a folder for saved_model.")
@click.option("--images", type=click.Path(path_type=Path), help="Photos to compare on.  [default: the sample portrait]")
@click.option("--overwrite", is_flag=True, help="Replace an earlier export.")
@_RUNS
@_JSON
def export(name, to_format, out, images, overwrite, runs, as_json) -> None:
    """Write the trained model NAME as a file for other programs.

    The file is opened again and compared with Keras on the same images; one that does not agree is removed. What other
    programs must know (input, labels, hashes, differences) is written beside it: OUT.certificate.json.
    """
    with _errors():
        from kerasface.export import certificate_path, export_run
        from kerasface.runs import load_run

        run = load_run(runs, name)
        with turned_away(1, 2, expected=_EXPECTED_ERRORS):
            certificate = export_run(run, to_format, out, images=images, overwrite=overwrite)
    if as_json:
        _print_json({"out": str(out), "certificate": str(certificate_path(out)), **certificate.to_dict()})
        return
    click.echo(
        f"{out}: agrees with Keras on {certificate.num_images} images: largest difference of a probability "
        f"{certificate.max_difference:.1e} ({certificate.tolerance:.0e} is allowed), "
        f"same most probable class on {certificate.equal_top1:.1%}"
    )
    click.echo(f"{certificate_path(out)}: input, labels, hashes, versions")


@main.group()
def evaluate() -> None:
    """Measure error rates on labelled photos."""


@evaluate.command()
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder with a folder per person.")
@click.option("--pairs", required=True, type=click.Path(path_type=Path), help="Pairs file in LFW's format.")
@_VIEWS
@_JSON
def verification(images, pairs, views, as_json) -> None:
    """Measure 1:1 verification on labelled pairs, by the protocol of LFW.

    The image of `Name 7` is IMAGES/Name/Name_0007.jpg; where a photo has several faces, the one nearest its centre
    counts. A pair that cannot be scored counts as wrong.
    """
    with _errors():
        from kerasface.data.pairs import read_pairs
        from kerasface.evaluation.verification import evaluate_verification
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedding import FaceEmbedder
        from kerasface.models.runtime import device_name
        from kerasface.verify import score_pairs

        listed = read_pairs(pairs, images)
        analyzer = FaceAnalyzer(embedder=FaceEmbedder(views=int(views)))
        with progress_bars() as report, _stopwatch() as seconds:
            scored = score_pairs(listed, analyzer, on_progress=lambda done, total: report("photos", done, total))
        result = evaluate_verification(
            scored.scores,
            [pair.same for pair in scored.pairs],
            [pair.fold for pair in scored.pairs],
            num_failed=len(scored.failed),
        )
    failed = [{"line": pair.line, "reason": reason} for pair, reason in scored.failed]
    if as_json:
        device = {"device": device_name(), "precision": analyzer.embedder.precision, "seconds": round(seconds(), 3)}
        _print_json({**result.to_dict(), "failed": failed, **device})
        return
    click.echo(f"accuracy {result.accuracy_mean:.2%} +- {result.accuracy_se:.2%}, {result.num_pairs} pairs")
    click.echo(f"AUC {result.auc:.5f}, equal error rate {result.eer:.2%}, threshold {result.threshold:.4f}")
    for fmr, tar in result.tar_at_fmr.items():
        doubt = "" if tar.supported else "  (too few impostor pairs to speak of this rate)"
        click.echo(f"TAR at FMR {float(fmr):.1%}: {tar.value:.2%} (95 % {tar.low:.2%} to {tar.high:.2%}){doubt}")
    click.echo(f"{result.num_failed} pairs failed, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  line {line['line']}: {line['reason']}")


@evaluate.command()
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder with a folder per person.")
@_VIEWS
@_JSON
def identification(images, views, as_json) -> None:
    """Measure 1:N identification with strangers, in a folder per person.

    The alphabetically first image of every person with two or more is enrolled, their others come back as probes, and
    people with one image are strangers. FPIR is the share of strangers who are taken for somebody, FNIR the share of
    known faces that do not get their own name.
    """
    with _errors():
        from kerasface.data.trials import open_set_trial
        from kerasface.evaluation.identification import check_thresholds, evaluate_identification, smaller_galleries
        from kerasface.faces.analyzer import FaceAnalyzer
        from kerasface.faces.embedding import FaceEmbedder
        from kerasface.faces.operating_points import search_point
        from kerasface.models.runtime import device_name

        analyzer = FaceAnalyzer(embedder=FaceEmbedder(views=int(views)))
        with progress_bars() as report, _stopwatch() as seconds:
            trial, rejected = open_set_trial(
                images, analyzer, on_progress=lambda done, total: report("photos", done, total)
            )
        size = len(set(trial.gallery_labels.tolist()))
        fixed = {
            (people, fpir): search_point(analyzer.embedder.fingerprint, fpir, people).threshold
            for people in (50, 200, size)
            if people <= size
            for fpir in (0.1, 0.01)
        }
        result = evaluate_identification(
            trial, thresholds={fpir: fixed[people, fpir] for people, fpir in fixed if people == size}
        )
        checks = [
            check_thresholds(list(smaller_galleries(trial, people, repeats=10)), fpir, threshold)
            for (people, fpir), threshold in fixed.items()
            if people < size
        ]
    checks += result.fpir_asked_and_measured
    failed = [{"image": str(path), "reason": reason} for path, reason in rejected]
    if as_json:
        device = {"device": device_name(), "precision": analyzer.embedder.precision, "seconds": round(seconds(), 3)}
        measured = [check.to_dict() for check in checks]
        _print_json({**result.to_dict(), "fpir_asked_and_measured": measured, "failed": failed, **device})
        return
    click.echo(
        f"{result.gallery_size} people enrolled with one photo each, {result.num_mated} photos of them come back, "
        f"{result.num_unknown} strangers"
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
            f"{check.gallery_size} people: FPIR asked {check.asked:.0%}, measured {check.measured:.2%} "
            f"(95 % {check.low:.2%} to {check.high:.2%}), FNIR {check.fnir:.1%}"
        )
    click.echo(f"{result.num_failed} photos failed, {device_name()}, {seconds():.0f} s")
    for line in failed[:10]:
        click.echo(f"  {line['reason']}")


@main.group()
def sample() -> None:
    """Write sample data to train on; nothing is downloaded."""


@sample.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_JSON
def digits(folder, as_json) -> None:
    """Write 1,797 handwritten digits of 32 x 32 pixels into FOLDER, new or empty, a folder per digit."""
    with _errors(tensorflow=False):
        from kerasface.data.samples import write_digits

        written = write_digits(folder)
    if as_json:
        _print_json(written.to_dict())
        return
    click.echo(f"{written.folder}: {written.num_images:,} images of {len(written.classes)} classes")
    click.echo(f"{written.source} ({written.licence})")


@main.command()
@_RUNS
@_JSON
def models(runs, as_json) -> None:
    """List pretrained weights with licences and hashes, and the trained models."""
    with _errors():
        from kerasface.models.pretrained import LEDGER, describe
        from kerasface.runs import list_runs

        ledger = [describe(entry) for entry in LEDGER]
        trained = [
            {"name": run.name, "path": str(run.path), "task": run.card and run.card["task"], "problem": run.problem}
            for run in list_runs(runs)
        ]
    if as_json:
        _print_json({"pretrained": ledger, "trained": trained})
        return
    for line in ledger:
        click.echo(f"{line['name']}  {line['licence']}  {line['package']}")
        click.echo(f"  trained on {line['training_data']}")
        click.echo(f"  SHA-256 {line['sha256']}")
        click.echo(f"  {line['state']}")
    for run in trained:
        click.echo(f"{run['name']}  {run['task'] or 'broken'}  {run['path']}")
        if run["problem"]:
            click.echo(f"  {run['problem']}")
    if not trained:
        click.echo(f"No trained models in {runs}. Make one: kerasface train classify DATA --name NAME")


@main.command()
@_JSON
def doctor(as_json) -> None:
    """Tell which device and precision are really used, versions, and what is missing."""
    with _errors():
        from kerasface.environment import report

        found = report()
    if as_json:
        _print_json(found)
        return
    click.echo(f"device {found['device']}, precision {found['precision']}")
    if found["embedding_seconds"] is not None:
        click.echo(f"one face is embedded in {1000 * found['embedding_seconds']:.0f} ms")
    if not found["gpus"]:
        click.echo("No GPU is visible to TensorFlow. With an NVIDIA GPU: pip install -r requirements-gpu.txt")
    for name, version in found["versions"].items():
        click.echo(f"{name} {version or 'not installed'}")
    for sentence in found["missing"]:
        click.echo(f"missing: {sentence}")
    if not found["missing"]:
        click.echo("nothing is missing")


def _run_photos(
    paths: tuple[Path, ...],
    work: Callable[[list], list[dict]],
    lines: Callable[[dict], list[str]],
    as_json: bool,
    note: str = "",
) -> None:
    """Decodes `paths`, runs `work` on them in batches, and prints; ends with exit code 1 if a file was unusable."""
    from kerasface.data.photos import read_photos

    results = []
    for batch in read_photos(paths):
        readable = [photo for photo in batch if photo.problem is None]
        found = iter(work([photo.image for photo in readable]))
        for photo in batch:
            if photo.problem is not None:
                results.append({"image": str(photo.path), "error": photo.problem})
                click.echo(f"Error: {photo.problem}", err=True)
                continue
            result = next(found)
            results.append({"image": str(photo.path), **result})
            if not as_json:
                first, *others = lines(result)
                click.echo("\n  ".join([f"{photo.path}: {first}", *others]))
    if as_json:
        _print_json(results)
    elif note:
        click.echo(note)
    if any("error" in result for result in results):
        raise SystemExit(1)


def _face_lines(faces: list[dict], behind: Callable[[dict], str]) -> list[str]:
    number = f"{len(faces) or 'no'} face{'s' * (len(faces) != 1)}"
    return [number, *(f"face at {_box(face)}{behind(face)}" for face in faces)]


def _answer(entry: dict) -> str:
    """Says who or what it is: the most probable names, behind the word unknown where that is the decision."""
    names = ", ".join(f"{line['label']} {line['probability']:.1%}" for line in entry["top"])
    return f"unknown, score {entry['score']:.3f} (most alike: {names})" if entry["decision"] == "unknown" else names


@contextmanager
def _errors(*, tensorflow: bool = True) -> Iterator[None]:
    """Turns the library's errors into one line on stderr and exit code 1; starts TensorFlow where it is needed."""
    if tensorflow:
        start_tensorflow()
    try:
        yield
    except _EXPECTED_ERRORS as error:
        raise click.ClickException(" ".join(str(error).split())) from error


@contextmanager
def _stopwatch() -> Iterator[Callable[[], float]]:
    """Gives a function that tells the seconds since the block was entered, stopped where it was left."""
    import time

    started, stopped = time.perf_counter(), []
    yield lambda: (stopped[0] if stopped else time.perf_counter()) - started
    stopped.append(time.perf_counter())


def _box(face: dict) -> str:
    x, y, width, height = face["box"]
    return f"{x:.0f},{y:.0f} {width:.0f}x{height:.0f}"


def _print_json(content) -> None:
    click.echo(json.dumps(content, ensure_ascii=False, allow_nan=False))
