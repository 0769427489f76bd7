"""What was measured on labelled pairs, as one HTML document with its figures; and what can be said of two models."""

from kerasface.evaluation.comparison import Difference, PairComparison
from kerasface.evaluation.slices import CountedRate
from kerasface.plotting.calibration import calibration_curve, pair_reliability
from kerasface.plotting.comparison import compared_det_curves
from kerasface.plotting.error_rates import det_curve, roc_curve, score_histogram, slices
from kerasface.plotting.style import escaped
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.reports.error_rates import rate_row
from kerasface.reports.people import rates_table
from kerasface.tasks.measuring.comparison import ComparedPairs
from kerasface.tasks.measuring.rates import PairRates
from kerasface.terminal.words import points, share


def verification_document(title: str, rates: PairRates, *, compared: ComparedPairs | None = None) -> str:
    """Returns the report of labelled pairs as HTML that needs no network.

    Args:
        title: Its heading.
        rates: What was measured.
        compared: With another model, if there was one.
    """
    report, scored = rates.report, rates.scored
    scores, same, score_name = scored.scores, scored.listed.same, scored.embedded.score_name
    facts = {
        "accuracy": share(report.accuracy_mean, 2),
        "AUC": f"{report.auc:.5f}",
        "equal error rate": share(report.eer, 2),
        "pairs": f"{report.num_pairs:,}",
        "failed": f"{report.num_failed:,}",
    }
    rows = [rate_row(f"FMR {share(float(fmr))}", tar, "impostor pairs") for fmr, tar in report.tar_at_fmr.items()]
    heads = ["at", "genuine pairs accepted", "95 % interval", f"from a {score_name} of", "supported"]
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(_notes(rates))],
            "Error rates": [
                table(heads, rows),
                figure_html(roc_curve(rates.curve, report.tar_at_fmr, score_name=score_name)),
            ],
            "At the thresholds that ship": [rates_table(list(rates.shipped.items()))] if rates.shipped else [],
            "Next to the other model": _comparison(compared) if compared else [],
            "One error against the other": [figure_html(det_curve(rates.curve, report.eer, score_name=score_name))],
            "Scores": [figure_html(score_histogram(scores, same, report.threshold, score_name=score_name))],
            f"By what is known of the photos, at {rates.threshold:.4f}": _slices(rates),
            "Scores as probabilities": _calibration(rates),
        },
    )


def pair_verdict(comparison: PairComparison, names: tuple[str, str]) -> tuple[str, str]:
    """What can be said of two models: which is better, in a sentence, and on what that stands.

    Args:
        comparison: A and B.
        names: Of both.
    """
    rate, test = comparison.fnmr, comparison.mcnemar
    pairs = f"{comparison.num_genuine:,} pairs of one person"
    chance = f"p = {test.p_value:.2g}" if test.p_value >= 0.001 else "p < 0.001"
    wrong = f"{test.only_a:,} of the pairs are refused by A alone, {test.only_b:,} by B alone"
    if comparison.better is None:
        return f"No difference can be shown with {pairs}.", (
            f"A refuses {share(rate.a, 2)}, B {share(rate.b, 2)}: a difference of {points(rate.value)} points, which "
            f"may be anything from {points(rate.low)} to {points(rate.high)} ({chance}: {wrong})."
        )
    place = "ab".index(comparison.better)
    sign = -1 if place else 1
    ends = sorted((sign * rate.low, sign * rate.high))
    return f"{'AB'[place]} ({names[place]}) makes fewer errors.", (
        f"It refuses {share((rate.a, rate.b)[place], 2)} of {pairs}, {'BA'[place]} "
        f"{share((rate.a, rate.b)[1 - place], 2)}: a difference of {points(abs(rate.value))} points "
        f"({points(ends[0])} to {points(ends[1])}), {chance} ({wrong})."
    )


def difference_row(name: str, rate: Difference) -> tuple[str, ...]:
    """A row of a table: a rate of two models, and their difference in points."""
    difference = f"{points(rate.value)} ({points(rate.low)} to {points(rate.high)})"
    return name, share(rate.a, 2), share(rate.b, 2), difference


def _notes(rates: PairRates) -> list[str]:
    listed, embedded = rates.scored.listed, rates.scored.embedded
    notes = [f"Model: {embedded.model}.", f"Scores: {embedded.score_name}.", rates.calibration_note]
    if not listed.own_folds:
        notes.append("The pairs had no folds; they were dealt out by the person on the first photo.")
    return notes


def _comparison(compared: ComparedPairs) -> list[str]:
    heads = ["different people accepted", "A refuses", "B refuses", "B less A in points (95 %)", ""]
    rows, said = [], []
    for fmr, comparison in compared.at.items():
        verdict, evidence = pair_verdict(comparison, compared.names)
        rows.append((*difference_row(share(fmr), comparison.fnmr), verdict))
        said = [f"<p>{escaped(verdict)} {escaped(evidence)}</p>"]  # of the strictest rate
    names = " and ".join(f"{letter}: {name}" for letter, name in zip("AB", compared.names, strict=True))
    figure = compared_det_curves(compared.curves, score_names=compared.score_names)
    return [f"<p>{escaped(names)}, each at its own thresholds.</p>", table(heads, rows), *said, figure_html(figure)]


def _slices(rates: PairRates) -> list[str]:
    heads = ["", "different people accepted", "of", "one person refused", "of"]
    parts = [f"<p>The threshold {escaped(rates.threshold_note)}.</p>"] if rates.slices else []
    for name, found in rates.slices.items():
        rows = [(part.name, *_counted(part.fmr), *_counted(part.fnmr)) for part in found]
        parts += [f"<h3>{escaped(name)}</h3>", table(heads, rows), figure_html(slices(found, name))]
    return parts


def _counted(rate: CountedRate | None) -> tuple[str, str]:
    if rate is None:
        return "-", "0"
    return f"{share(rate.value, 2)} ({share(rate.low, 2)} to {share(rate.high, 2)})", f"{rate.num_pairs:,}"


def _calibration(rates: PairRates) -> list[str]:
    calibration, scores = rates.calibration, rates.scored.scores
    if calibration is None:
        return []
    said = (
        f"<p>{calibration.method.capitalize()}, fitted on {escaped(calibration.data)}: calibration error "
        f"{share(calibration.ece)} ({share(calibration.ece_low)} to {share(calibration.ece_high)}) on these pairs.</p>"
    )
    figures = [pair_reliability(calibration)]
    if scores.min() < scores.max():
        figures.insert(0, calibration_curve(calibration, scores.min(), scores.max(), rates.report.threshold))
    return [said, *map(figure_html, figures)]
