"""`kerasface evaluate verification`: pairs of photos, by one embedder or by two."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from kerasface.cli.evaluation.commands import REPORT, write_report
from kerasface.cli.evaluation.people import build_analyzer, judge_folder, used_device
from kerasface.cli.output import EMBEDDER, ENGINE, JSON, RUNS, VIEWS, errors, print_json, stopwatch
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted, percent_of
from kerasface.train.__main__ import UserPath

_ALL = Path("all")


@click.command()
@click.option("--images", required=True, type=UserPath(), help="Folder with the photos of the pairs.")
@click.option(
    "--pairs",
    required=True,
    type=UserPath(),
    help="List of pairs: a table, or LFW's format. Or `all`: every pair of photos of a folder per person.",
)
@click.option(
    "--compare",
    "other",
    help="Another embedder for the same pairs: a name that `kerasface embedders list` shows, or a number of views.",
)
@click.option(
    "--slices",
    "slices_file",
    type=UserPath(dir_okay=False),
    help="Table of what errors may depend on: a column photo, a file in IMAGES, and one for each attribute.",
)
@EMBEDDER
@VIEWS
@RUNS
@ENGINE
@REPORT
@JSON
def verification(images, pairs, other, slices_file, embedder, views, runs, report_file, as_json) -> None:
    """Measure 1:1 verification on labelled pairs, by the protocol of LFW, or on all pairs of a folder per person.

    PAIRS is a table with the header a,b,same: two files in IMAGES, and 1 or 0; a column fold is optional, and so is the
    header. Or it is in LFW's format, where `Name 7` is IMAGES/Name/Name_0007.jpg. Where a photo has several faces, the
    one nearest its centre counts. A pair that cannot be scored counts as wrong.

    Errors are shown by size, turn and sharpness of the faces, and by the attributes of --slices: numbers, or words such
    as `glasses`. With --compare it is said which of two embedders errs less, or that nothing can be said.

    With --pairs all, every two photos of IMAGES, a folder with a folder per person, are a pair: what the thresholds
    that ship lead to, who is taken for others far more often than asked, and which two people are.
    """
    if pairs == _ALL and not pairs.exists():
        if other or slices_file:
            raise click.UsageError("--compare and --slices take a list of pairs, not --pairs all.")
        judge_folder(images, partial(build_analyzer, views, embedder, runs), report_file, as_json)
        return
    with errors():
        from kerasface.tasks.measuring.attributes import read_attributes
        from kerasface.tasks.measuring.comparison import compare_models
        from kerasface.tasks.measuring.embedding import embed_people
        from kerasface.tasks.measuring.pairs import pairs_of_file, score_pairs
        from kerasface.tasks.measuring.rates import measure_pairs

        listed = pairs_of_file(pairs, images)
        known = read_attributes(slices_file, listed.people, images) if slices_file else {}
        analyzer = build_analyzer(views, embedder, runs)
        others = [_embedder(other, runs)] if other else []
        if others and others[0].fingerprint == analyzer.embedder.fingerprint:
            raise ValueError(
                f"One embedder does not differ from itself. Received: --compare {other}. Name another one."
            )
        with progress_bars() as report, stopwatch() as seconds:
            embedded = embed_people(listed.people, analyzer, others, report=report)
            first, *rest = (score_pairs(listed, replace(one, attributes=one.attributes | known)) for one in embedded)
            rates = measure_pairs(first)
            compared = compare_models(first, *rest, report=report) if rest else None
        if report_file:
            from kerasface.reports.verification import verification_document

            write_report(report_file, verification_document(f"Verification: {pairs}", rates, compared=compared))
    if as_json:
        comparison = {"comparison": compared.to_dict()} if compared else {}
        print_json({**rates.to_dict(), **comparison, **used_device(analyzer, seconds)})
        return
    _tell_rates(rates)
    if compared:
        _tell_comparison(compared)
    _tell_failed(rates, seconds())


def _tell_rates(rates) -> None:
    report = rates.report
    click.echo(f"accuracy {report.accuracy_mean:.2%} +- {report.accuracy_se:.2%}, {counted(report.num_pairs, 'pair')}")
    click.echo(f"AUC {report.auc:.5f}, equal error rate {report.eer:.2%}, threshold {report.threshold:.4f}")
    for fmr, tar in report.tar_at_fmr.items():
        doubt = "" if tar.supported else "  (too few impostor pairs to speak of this rate)"
        click.echo(f"TAR at FMR {float(fmr):.1%}: {tar.value:.2%} (95 % {tar.low:.2%} to {tar.high:.2%}){doubt}")
    for asked, at in rates.shipped.items():
        click.echo(_at_shipped(asked, at))
    click.echo(f"At a threshold of {rates.threshold:.4f}, which {rates.threshold_note}:")
    for name, parts in rates.slices.items():
        for part in parts:
            click.echo(f"  {name} {part.name}: {_counted(part.fmr, 'FMR')}, {_counted(part.fnmr, 'FNMR')}")
    if rates.calibration is None:
        click.echo(rates.calibration_note)
    else:
        curve = rates.calibration
        click.echo(
            f"probability ({curve.method}, fitted on {curve.data}): calibration error {curve.ece:.2%} "
            f"(95 % {curve.ece_low:.2%} to {curve.ece_high:.2%}) on these pairs"
        )


def _tell_comparison(compared) -> None:
    from kerasface.reports.verification import pair_verdict

    click.echo(", ".join(f"{letter} is {name}" for letter, name in zip("AB", compared.names, strict=True)) + ":")
    for fmr, comparison in compared.at.items():
        click.echo(f"  at {percent_of(fmr)} of different people: {' '.join(pair_verdict(comparison, compared.names))}")


def _tell_failed(rates, seconds: float) -> None:
    from kerasface.models.runtime import device_name

    failed = rates.scored.failed
    click.echo(f"{counted(len(failed), 'pair')} failed, {device_name()}, {seconds:.0f} s")
    for pair in failed[:10]:
        click.echo(f"  line {pair.line}: {pair.reason}")


def _counted(rate, name: str) -> str:
    from kerasface.population.sentences import rate_text

    return f"{name} -" if rate is None else f"{name} {rate_text(rate)} of {rate.num_pairs:,}"


def _at_shipped(asked: float, at) -> str:
    from kerasface.population.sentences import rate_text

    return (
        f"{percent_of(asked)} asked (threshold {at.threshold:.4f}): {rate_text(at.fmr)} of pairs of different people "
        f"match, {rate_text(at.fnmr)} of pairs of one person are missed"
    )


def _embedder(name: str, runs: Path):
    """The embedder that is compared: so many views, or a model of the user's."""
    from kerasface.faces.embedders import SHIPPED, load_embedder

    if name in ("1", "2", "6"):
        return load_embedder(SHIPPED, views=int(name))
    return load_embedder(name, root=runs)
