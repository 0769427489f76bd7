"""Commands that say how well embedders tell people apart."""

from collections.abc import Iterator

import click

from kerasface.cli.output import ENGINE, JSON, RUNS, errors, print_json
from kerasface.terminal.progress import progress_bars
from kerasface.terminal.words import counted, percent_of
from kerasface.train.__main__ import UserPath

# Of what was measured so much is printed; the rest is in the file.
_SHOWN, _FPIR, _SIZES = (0.01, 0.001, 0.0001, 1e-5), 0.01, (10, 50, 200, 800)
_PEOPLE = click.option("--images", type=UserPath(), help="Folder with a folder of photos per person.")
_LFW = click.option(
    "--lfw",
    type=click.Choice(["here", "fetch"]),
    help="Labeled Faces in the Wild instead of --images: where scikit-learn has put it, or fetched by it (233 MB).",
)


@click.command()
@click.argument("name")
@_PEOPLE
@_LFW
@click.option("--pairs", type=UserPath(), help="List of pairs of these photos to measure on.  [default: all pairs]")
@click.option("--called", help="What the people are called.  [default: the folder's name]")
@RUNS
@ENGINE
@JSON
def calibrate(name, images, lfw, pairs, called, runs, as_json) -> None:
    """Measure the embedder NAME on people: thresholds and probabilities go into its run, and from then on it decides.

    For every false match rate that the pairs support, the threshold and what it leads to, with intervals by drawing the
    people anew; thresholds of searches by the size of the gallery; and whether scores are better when they are
    normalized by a cohort.
    """
    _check_people(images, lfw)
    with errors(), progress_bars() as report:
        from kerasface.tasks.embedders.calibrating import calibrate_embedder

        called, images = called or ("lfw" if lfw else None), _people(images, lfw)
        done = calibrate_embedder(name, images, pairs=pairs, called=called, root=runs, report=report)
    if as_json:
        print_json(done.to_dict())
        return
    _print_calibrated(done)


@click.command()
@click.argument("a")
@click.argument("b")
@_PEOPLE
@_LFW
@RUNS
@ENGINE
@JSON
def compare(a, b, images, lfw, runs, as_json) -> None:
    """Compare the embedders A and B on the same people: errors, speed, size and licence, and what may be chance."""
    _check_people(images, lfw)
    with errors(), progress_bars() as report:
        from kerasface.tasks.embedders.comparing import compare_embedders

        compared = compare_embedders(a, b, _people(images, lfw), root=runs, report=report)
    if as_json:
        print_json(compared.to_dict())
        return
    _print_compared(compared)


def _check_people(images, lfw: str | None) -> None:
    if (images is None) == (lfw is None):
        raise click.UsageError("Give --images or --lfw, one of them.")


def _people(images, lfw: str | None):
    from kerasface.tasks.embedders.public import lfw_folder

    return images or lfw_folder(fetch=lfw == "fetch")


def _print_calibrated(done) -> None:
    rates = done.measured.rates
    photos, people = counted(done.num_photos, "photo"), counted(done.num_people, "person", "people")
    click.echo(f"{done.path}: measured on {photos} of {people}")
    kind = "normalized score" if rates["cohort"] else "cosine"
    for point in rates["points"]:
        if point["fmr"] in _SHOWN:
            rate, low, high, missed, *_ = point["measured"][0]
            click.echo(
                f"FMR {percent_of(point['fmr'])}: {kind} {point['threshold']:.4f}, measured {percent_of(rate)} "
                f"(95 % {percent_of(low)} to {percent_of(high)}), missed {percent_of(missed)}"
            )
    search = rates.get("search")
    for row in search["galleries"] if search else ():
        if _FPIR in search["fpirs"] and row["gallery_size"] in _SIZES:
            place = search["fpirs"].index(_FPIR)
            click.echo(
                f"FPIR {percent_of(_FPIR)} among {row['gallery_size']:,} people: {kind} {row['threshold'][place]:.4f}, "
                f"missed {percent_of(row['fnir'][place])}"
            )
    for what, curve in (("pair", rates["calibration"]), ("search", (search or {}).get("calibration"))):
        if curve:
            click.echo(f"probability of a {what} ({curve['method']}): calibration error {percent_of(curve['ece'])}")
    for sentence in _beyond_limits(rates["quality"]):
        click.echo(sentence)
    cohort = done.measured.cohort
    if cohort:
        click.echo(
            f"Scores are normalized by a cohort of nobody: at FMR {percent_of(cohort.fmr)} it misses "
            f"{percent_of(cohort.beside)}, without it {percent_of(cohort.without)} (by halves of the people)."
        )
    for sentence in done.measured.notes:
        click.echo(sentence)
    for path, reason in done.rejected:
        click.echo(f"not used: {reason if str(path) in reason else f'{path}: {reason}'}", err=True)


def _beyond_limits(found: dict) -> Iterator[str]:
    """Says what is missed, and who matches, where a face is beyond a limit of quality."""
    from kerasface.faces.quality import MEASURES
    from kerasface.tasks.embedders.beyond_limits import FEW

    few = [name for name in MEASURES if found[name]["num_genuine"] < FEW]
    for name in MEASURES:
        row = found[name]
        if name not in few:
            strangers = "" if row["fmr"] is None else f"; of two such faces of strangers {percent_of(row['fmr'])} match"
            yield (
                f"{name} beyond its limit: missed {percent_of(row['fnmr'])} (95 % {percent_of(row['fnmr_low'])} to "
                f"{percent_of(row['fnmr_high'])}) of {row['num_genuine']:,} pairs at FMR {percent_of(found['fmr'])}, "
                f"within all limits {percent_of(found['within']['fnmr'])}{strangers}"
            )
    if few:
        yield f"Too few pairs to tell what is missed beyond a limit of quality: {', '.join(few)}."


def _print_compared(compared) -> None:
    a, b = compared.candidates
    click.echo(f"{counted(compared.num_photos, 'photo')} of {counted(compared.num_people, 'person', 'people')}")
    for letter, one in zip("AB", (a, b), strict=True):
        click.echo(
            f"{letter} is {one.name}: {one.embedding_dim} numbers, {one.num_bytes / 1e6:,.1f} MB, "
            f"{one.milliseconds:.1f} ms for a crop, licence {one.licence}"
            + ("" if one.is_calibrated else ", not calibrated")
        )
    for fmr, at in compared.pairs.items():
        click.echo(f"missed at FMR {percent_of(fmr)}: {_difference_text(at.fnmr, at.better, a, b)}")
    if (found := compared.searches) is not None:
        click.echo(
            f"missed at FPIR {percent_of(found.fpir)} among {found.gallery_size:,}: "
            f"{_difference_text(found.fnir, found.better, a, b)}"
            + ("" if found.supported else f" ({counted(found.num_unknown, 'stranger')}, too few to speak of this rate)")
        )
        click.echo(f"first of all: A {percent_of(found.rank1.a)}, B {percent_of(found.rank1.b)}")
    else:
        click.echo(compared.note)


def _difference_text(rate, better: str | None, a, b) -> str:
    verdict = {"a": f"{a.name} is better", "b": f"{b.name} is better", None: "may be chance"}[better]
    return (
        f"A {percent_of(rate.a)}, B {percent_of(rate.b)}, difference {100 * rate.value:+.2f} points "
        f"(95 % {100 * rate.low:+.2f} to {100 * rate.high:+.2f}): {verdict}"
    )
