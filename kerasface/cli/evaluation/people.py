"""Commands that measure who is taken for whom: searches among strangers, and a folder of people."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from functools import partial
from pathlib import Path

import click

from kerasface.cli.evaluation.commands import REPORT, write_report
from kerasface.cli.output import EMBEDDER, ENGINE, JSON, VIEWS, engine_used, errors, print_json, stopwatch
from kerasface.cli.people.commands import GalleryPlace, public_points
from kerasface.terminal.errors import is_answer, one_line
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted
from kerasface.train.__main__ import UserPath


@click.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with a folder per person.")
@EMBEDDER
@VIEWS
@ENGINE
@REPORT
@JSON
def identification(images, embedder, views, report_file, as_json) -> None:
    """Measure 1:N identification with strangers, in a folder per person.

    The alphabetically first image of every person with two or more is enrolled, their others come back as probes, and
    people with one image are strangers. FPIR is the share of strangers who are taken for somebody, FNIR the share of
    known faces that do not get their own name.
    """
    with errors():
        from kerasface.models.runtime import device_name
        from kerasface.tasks.measuring.embedding import embed_people
        from kerasface.tasks.measuring.identities import check_searchable, measure_searches
        from kerasface.tasks.measuring.people import people_of_folder

        people = people_of_folder(images)
        check_searchable(people)
        analyzer = build_analyzer(views, embedder)
        with progress_bars() as report, stopwatch() as seconds:
            rates = measure_searches(people, embed_people(people, analyzer, report=report)[0], report=report)
        if report_file:
            from kerasface.reports.error_rates import identification_document

            write_report(report_file, identification_document(f"Identification: {images}", rates))
    if as_json:
        print_json({**rates.to_dict(), **used_device(analyzer, seconds)})
        return
    result = rates.report
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
    for check in rates.checks:
        click.echo(
            f"{counted(check.gallery_size, 'person', 'people')}: FPIR asked {check.asked:.0%}, measured "
            f"{check.measured:.2%} (95 % {check.low:.2%} to {check.high:.2%}), FNIR {check.fnir:.1%}"
        )
    if rates.taken:
        click.echo(rates.taken.sentence())
    click.echo(f"{counted(result.num_failed, 'photo')} failed, {device_name()}, {seconds():.0f} s")
    for _, reason in rates.failed[:10]:
        click.echo(f"  {reason}")


@click.command()
@click.argument("folder", type=UserPath())
@click.option(
    "--extend",
    "part_file",
    type=UserPath(dir_okay=False),
    help="Draw a part of a cohort for people of this kind, write it there (NAME.cohort.npz), say what it changes.",
)
@click.option(
    "--keep",
    "gallery",
    type=GalleryPlace(),
    help="Keep thresholds of these people in this gallery, which decides by them from then on; with --extend the part "
    "too. `people thresholds` shows them and takes them back.",
)
@EMBEDDER
@VIEWS
@ENGINE
@REPORT
@JSON
def population(folder, part_file, gallery, embedder, views, report_file, as_json) -> None:
    """Say what the thresholds that ship mean for the people of FOLDER, which has a folder of photos per person.

    For each false match rate that can be asked for: what is measured on every pair of their photos, how sure that is
    with so many people, who is taken for others far more often, which two people match, and at which threshold the rate
    would hold for them. Nothing of the photos is kept.

    With --extend, embeddings of nobody are drawn that are spread as those of these people, and nothing but these is
    written. How near they come to the people is said, and what they change, judged on people they were not drawn after.

    With --keep, a gallery keeps the thresholds of ten people or more, and decides by them. A threshold is raised to
    where its rate holds for them, and lowered only where they are enough to say so. No photo and no embedding of these
    people is kept.
    """
    judge_folder(folder, partial(build_analyzer, views, embedder), report_file, as_json, part_file, gallery)


def judge_folder(
    folder: Path, make_analyzer, report_file: Path | None, as_json: bool, part_file=None, gallery=None
) -> None:
    """Judges a folder of people over all pairs of photos; draws a part of a cohort, keeps thresholds in a gallery."""
    with errors(), ExitStack() as stack:
        from kerasface.data.people import face_crops
        from kerasface.gallery.opening import open_gallery
        from kerasface.population.extension import draw_extension, part_name
        from kerasface.population.judging import judge_people
        from kerasface.population.own import points_to_keep
        from kerasface.population.sentences import sentences_of
        from kerasface.tasks.measuring.confusion import with_faces
        from kerasface.tasks.measuring.embedding import embed_people
        from kerasface.tasks.measuring.people import people_of_folder

        read = people_of_folder(folder)
        name, today = part_name(part_file) if part_file else "", date.today().isoformat()
        analyzer, extension, kept, refusals = make_analyzer(), None, None, []
        fingerprint = analyzer.embedder.fingerprint
        if gallery:  # refused before the work
            size = analyzer.embedder.embedding_dim
            opened = stack.enter_context(open_gallery(gallery, embedder=fingerprint, embedding_dim=size, create="late"))
        with progress_bars() as report, stopwatch() as seconds:
            people = with_faces(read, embed_people(read, analyzer, report=report)[0])
            judged = judge_people(people, fingerprint, on_progress=partial(report, "pairs of photos"))
            if part_file:
                unkept = f" or kept in {gallery}" if gallery else ""
                with _said_last(refusals, f"Nothing was written to {part_file}{unkept}."):
                    step = partial(report, "a part of a cohort")
                    extension = draw_extension(people, fingerprint, name, date=today, on_progress=step)
        if extension:
            from kerasface.faces.rates.cohorts import part_to_file
            from kerasface.files.writing import write_atomically

            write_atomically(part_file, part_to_file(extension.part, extension.card))
        if gallery and not refusals:
            with _said_last(refusals, f"Nothing was kept in {gallery}."):
                points = points_to_keep(
                    judged, folder.resolve().name, today, extension, detector=analyzer.detector.fingerprint
                )
                opened.keep_own_points(points.to_dict(), points.people_text)
                kept = points
        if report_file:
            from kerasface.reports.population import people_document, worst_pairs

            shown = [path for _, paths, _ in worst_pairs(judged) for path in paths]
            crops = face_crops(shown, analyzer)
            drawn = extension.sentences() if extension else []
            write_report(report_file, people_document(f"People: {folder}", judged, crops, extension=drawn))
    failed = [{"image": str(path), "reason": reason} for path, reason in people.rejected]
    if as_json:
        drawn = {"extension": {"file": str(part_file), **extension.to_dict()}} if extension else {}
        own = {"kept": {"gallery": str(gallery), **public_points(kept)}} if kept else {}
        told = {"sentences": sentences_of(judged), **drawn, **own, "failed": failed}
        print_json({**judged.to_dict(), **told, **used_device(analyzer, seconds)})
    else:
        _tell_people(judged, extension, part_file, failed, seconds())
        if kept:
            click.echo("\n".join([f"Kept in {gallery}:", *kept.sentences()]))
    if refusals:
        raise click.ClickException(" ".join(refusals))


@contextmanager
def _said_last(refusals: list[str], what: str) -> Iterator[None]:
    """Keeps an answer for the end: what was measured before is not lost."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        if not is_answer(error):
            raise
        refusals.append(f"{what} {one_line(error)}")


def _tell_people(judged, extension, part_file: Path | None, failed: list[dict], seconds: float) -> None:
    from kerasface.models.runtime import device_name
    from kerasface.population.sentences import sentences_of

    click.echo("\n".join(sentences_of(judged)))
    if extension:
        click.echo("\n".join([*extension.sentences(), f"Written: {part_file}"]))
    click.echo(f"{counted(len(failed), 'photo')} failed, {device_name()}, {seconds:.0f} s")
    for line in failed[:10]:
        click.echo(f"  {line['reason']}")


def build_analyzer(views: str, embedder: str | None, runs: str | Path = "saved_models"):
    """The face front end: an embedder by name, or the user's default, with so many views of each face."""
    from kerasface.faces.analyzer import FaceAnalyzer
    from kerasface.faces.embedders import load_embedder

    return FaceAnalyzer(embedder=load_embedder(embedder, root=runs, views=int(views)))


def used_device(analyzer, seconds) -> dict:
    """Where the networks ran, and for how long, for JSON."""
    from kerasface.models.runtime import device_name

    used = {"device": device_name(), "precision": analyzer.embedder.precision, **engine_used()}
    return {**used, "seconds": round(seconds(), 3)}
