"""What was measured about identification or classification, as one HTML document with its figures."""

from collections.abc import Sequence

from kerasface.evaluation.classification_report import (
    CountedShare,
    most_confused,
    surest_mistakes,
)
from kerasface.evaluation.comparison import ClassifierComparison
from kerasface.evaluation.identification import FnirAtFpir
from kerasface.evaluation.names import as_name
from kerasface.evaluation.verification import TarAtFmr
from kerasface.plotting.classification import MAX_HEATMAP, confusion_heatmap
from kerasface.plotting.error_rates import cmc_curve, fnir_against_fpir
from kerasface.plotting.people import own_rates_figure
from kerasface.plotting.style import escaped
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.tasks.measuring.classes import ClassRates
from kerasface.tasks.measuring.identities import SearchRates
from kerasface.terminal.words import points, share

_MAX_CLASSES = 1000  # listed
_MAX_LISTED = 24  # mistakes


def identification_document(title: str, rates: SearchRates) -> str:
    """Returns the report of searches among strangers as HTML that needs no network.

    Args:
        title: Its heading.
        rates: What was measured.
    """
    report, taken = rates.report, rates.taken
    missed = report.fnir_at_fpir["0.01"]
    facts = {
        "first named is right": share(report.rank1, 2),
        "known faces missed at 1 % of strangers": share(missed.value),
        "people enrolled": f"{report.gallery_size:,}",
        "known probes": f"{report.num_mated:,}",
        "strangers": f"{report.num_unknown:,}",
        "photos failed": f"{report.num_failed:,}",
    }
    rows = [rate_row(f"FPIR {share(float(fpir), 0)}", part, "strangers") for fpir, part in report.fnir_at_fpir.items()]
    checked = [
        (
            f"{check.gallery_size:,} people",
            share(check.asked),
            share(check.measured, 2),
            f"{share(check.low, 2)} to {share(check.high, 2)}",
            share(check.fnir),
        )
        for check in rates.checks
    ]
    named = []
    if taken is not None:
        figure = own_rates_figure(taken.own_rates, taken.names, taken.even_rate, of_whom="of strangers get this name")
        named = [f"<p>{escaped(taken.sentence())}.</p>", figure_html(figure)]
    return document(
        title,
        {
            "": [facts_row(facts)],
            "Known faces missed": [
                table(["at", "missed (FNIR)", "95 % interval", "threshold", "supported"], rows),
                figure_html(fnir_against_fpir(rates.curves)),
            ],
            "Rates asked for, and measured at the thresholds that ship": [
                table(["gallery", "FPIR asked", "measured", "95 % interval", "FNIR"], checked)
            ]
            if checked
            else [],
            "Who is given to strangers as a name": named,
            "Among the first names": [figure_html(cmc_curve({f"{report.gallery_size:,} people": report.cmc}))],
        },
    )


def classification_document(title: str, rates: ClassRates) -> str:
    """Returns the report of a classifier's answers as HTML that needs no network.

    Args:
        title: Its heading.
        rates: What was measured; of two models, the first one's rates, and which of them errs less.
    """
    report, pictures, comparison = rates.reports[0], rates.pictures[0], rates.comparison
    facts = {
        "right": share(report.top1.value, 2),
        "right among the first five": share(report.top5.value, 2),
        "calibration error (ECE)": share(report.ece),
        "pictures": f"{report.top1.num_pictures:,}",
        "with no answer": f"{report.num_failed:,}",
    }
    told = {
        "right": report.top1,
        "right among the first five": report.top5,
        "accepted as known": report.known_accepted,
        "accepted under their own name": report.known_correct,
        "pictures of nobody known, accepted": report.unknown_accepted,
    }
    rows = [(name, *_counted_row(part)) for name, part in told.items() if part]
    worst_first = sorted(
        (name for name in report.classes if report.num_of_class[name]), key=lambda name: (report.recall[name], name)
    )
    classes = [
        (as_name(name), f"{report.num_of_class[name]:,}", share(report.recall[name]), share(report.precision[name]))
        for name in worst_first[:_MAX_CLASSES]
    ]
    confused = [
        (as_name(true), f"taken for {as_name(named)}", times)
        for true, named, times in most_confused(report, _MAX_LISTED)
    ]
    said = [notes_list([classifier_verdict(comparison, rates.names)])] if comparison else []
    trial = pictures.trial
    mistakes = [
        (str(pictures.paths[row]), as_name(trial.classes[trial.named[row]]), share(trial.probabilities[row].max()))
        for row in surest_mistakes(trial, _MAX_LISTED)
    ]
    drawn = (
        [figure_html(confusion_heatmap(report.confusion, report.classes))] if len(report.classes) <= MAX_HEATMAP else []
    )
    return document(
        title,
        {
            "": [facts_row(facts)],
            "Next to the other model": said,
            "Rates": [table(["", "share", "95 % interval", "pictures"], rows)],
            "What is taken for what": [*drawn, table(["class", "", "times"], confused)] if confused else drawn,
            "Classes, the worst first": [table(["class", "pictures", "recall", "precision"], classes)],
            "Surest mistakes": [table(["picture", "named", "probability"], mistakes)] if mistakes else [],
        },
    )


def classifier_verdict(comparison: ClassifierComparison, names: Sequence[str]) -> str:
    """What can be said of two classifiers, in a sentence or two.

    Args:
        comparison: A and B.
        names: Of both.
    """
    error, test = comparison.error, comparison.mcnemar
    chance = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    rates = (
        f"{names[0]} errs on {share(error.a, 2)} of {comparison.num_pictures:,} pictures, {names[1]} on "
        f"{share(error.b, 2)}: a difference of {points(error.value)} points "
        f"({points(error.low)} to {points(error.high)}), {chance} ({test.only_a:,} wrong by {names[0]} alone, "
        f"{test.only_b:,} by {names[1]} alone)."
    )
    if comparison.better is None:
        return f"No difference can be shown with so many pictures. {rates}"
    return f"{names['ab'.index(comparison.better)]} makes fewer errors. {rates}"


def _counted_row(part: CountedShare) -> tuple[str, ...]:
    return share(part.value, 2), f"{share(part.low, 2)} to {share(part.high, 2)}", f"{part.num_pictures:,}"


def rate_row(rate: str, part: TarAtFmr | FnirAtFpir, of_whom: str) -> tuple[str, ...]:
    """A row of a table: what is reached at a rate, and whether there are enough of whom it takes to speak of it."""
    return (
        rate,
        share(part.value, 2),
        f"{share(part.low, 2)} to {share(part.high, 2)}",
        f"{part.threshold:.4f}",
        "yes" if part.supported else f"too few {of_whom}",
    )
