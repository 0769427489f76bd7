"""What was measured about verification, identification or classification, as one HTML document with its figures."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from kerasface.data.trials.classes import NamedPictures
from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.evaluation.classification_report import (
    ClassificationReport,
    CountedShare,
    most_confused,
    surest_mistakes,
)
from kerasface.evaluation.comparison import ClassifierComparison
from kerasface.evaluation.identification import (
    FnirAtFpir,
    FpirCheck,
    IdentificationReport,
    OpenSetTrial,
    search_trial,
)
from kerasface.evaluation.names import as_name
from kerasface.evaluation.people_rates import NamedForStrangers, ThresholdRates
from kerasface.evaluation.verification import TarAtFmr, VerificationReport, roc
from kerasface.plotting.calibration import calibration_curve, pair_reliability
from kerasface.plotting.classification import MAX_HEATMAP, confusion_heatmap
from kerasface.plotting.error_rates import cmc_curve, det_curve, fnir_against_fpir, roc_curve, score_histogram
from kerasface.plotting.people import own_rates_figure
from kerasface.plotting.style import escaped
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.reports.people import rates_table
from kerasface.terminal.words import share

_MAX_CLASSES = 1000  # listed
_MAX_LISTED = 24  # mistakes


def verification_document(
    title: str,
    report: VerificationReport,
    scores: ArrayLike,
    same: ArrayLike,
    *,
    calibration: ScoreCalibration | None = None,
    shipped: Sequence[tuple[float, ThresholdRates]] = (),
    notes: Sequence[str] = (),
    score_name: str = "score",
) -> str:
    """Returns the report of labelled pairs as HTML that needs no network.

    Args:
        title: Its heading.
        report: The rates.
        scores: Those of the scored pairs, `(num_scored,)`.
        same: Whether each pair is genuine.
        calibration: Of the embedder, drawn if given.
        shipped: False match rates asked for, and what happens at the thresholds that ship for them.
        notes: What must be said, in sentences.
        score_name: What the scores are called.
    """
    scores, same = np.asarray(scores, dtype=np.float64), np.asarray(same, dtype=bool)
    curve = roc(scores, same)
    facts = {
        "accuracy": share(report.accuracy_mean, 2),
        "AUC": f"{report.auc:.5f}",
        "equal error rate": share(report.eer, 2),
        "pairs": f"{report.num_pairs:,}",
        "failed": f"{report.num_failed:,}",
    }
    rows = [_row(f"FMR {share(float(fmr))}", tar, "impostor pairs") for fmr, tar in report.tar_at_fmr.items()]
    heads = ["at", "genuine pairs accepted", "95 % interval", f"from a {score_name} of", "supported"]
    believed = []
    if calibration is not None:
        believed = [
            f"<p>{calibration.method.capitalize()}, fitted on {calibration.data}: calibration error "
            f"{share(calibration.ece)} ({share(calibration.ece_low)} to {share(calibration.ece_high)}).</p>",
            figure_html(pair_reliability(calibration)),
        ]
        if scores.min() < scores.max():
            curve_of_scores = calibration_curve(calibration, scores.min(), scores.max(), report.threshold)
            believed.insert(1, figure_html(curve_of_scores))
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(notes)],
            "Error rates": [
                table(heads, rows),
                figure_html(roc_curve(curve, report.tar_at_fmr, score_name=score_name)),
            ],
            "At the thresholds that ship": [rates_table(shipped)] if shipped else [],
            "One error against the other": [figure_html(det_curve(curve, report.eer, score_name=score_name))],
            "Scores": [figure_html(score_histogram(scores, same, report.threshold, score_name=score_name))],
            "Scores as probabilities": believed,
        },
    )


def identification_document(
    title: str,
    report: IdentificationReport,
    trial: OpenSetTrial,
    checks: Sequence[FpirCheck],
    *,
    taken: NamedForStrangers | None = None,
) -> str:
    """Returns the report of an open-set trial as HTML that needs no network.

    Args:
        title: Its heading.
        report: The rates.
        trial: What they were measured on.
        checks: Rates asked for and measured, for galleries of several sizes.
        taken: Whose names strangers get, drawn if given.
    """
    missed = report.fnir_at_fpir["0.01"]
    facts = {
        "first named is right": share(report.rank1, 2),
        "known faces missed at 1 % of strangers": share(missed.value),
        "people enrolled": f"{report.gallery_size:,}",
        "known probes": f"{report.num_mated:,}",
        "strangers": f"{report.num_unknown:,}",
        "photos failed": f"{report.num_failed:,}",
    }
    rates = [_row(f"FPIR {share(float(fpir), 0)}", part, "strangers") for fpir, part in report.fnir_at_fpir.items()]
    checked = [
        (
            f"{check.gallery_size:,} people",
            share(check.asked),
            share(check.measured, 2),
            f"{share(check.low, 2)} to {share(check.high, 2)}",
            share(check.fnir),
        )
        for check in checks
    ]
    curves = curves_of(trial, _open_set_curve)
    named = []
    if taken is not None:
        figure = own_rates_figure(taken.own_rates, taken.names, taken.even_rate, of_whom="of strangers get this name")
        named = [f"<p>{escaped(taken.sentence())}.</p>", figure_html(figure)]
    return document(
        title,
        {
            "": [facts_row(facts)],
            "Known faces missed": [
                table(["at", "missed (FNIR)", "95 % interval", "threshold", "supported"], rates),
                figure_html(fnir_against_fpir(curves)),
            ],
            "Rates asked for, and measured at the thresholds that ship": [
                table(["gallery", "FPIR asked", "measured", "95 % interval", "FNIR"], checked)
            ],
            "Who is given to strangers as a name": named,
            "Among the first names": [figure_html(cmc_curve({f"{report.gallery_size:,} people": report.cmc}))],
        },
    )


def classification_document(
    title: str,
    report: ClassificationReport,
    pictures: NamedPictures,
    *,
    comparison: ClassifierComparison | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> str:
    """Returns the report of a classifier's answers as HTML that needs no network.

    Args:
        title: Its heading.
        report: The rates.
        pictures: What they were measured on.
        comparison: With another classifier, if there was one.
        names: Of both.
    """
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
            "Beside the other model": [notes_list([classifier_verdict(comparison, names)])] if comparison else [],
            "Rates": [table(["", "share", "95 % interval", "pictures"], rows)],
            "What is taken for what": [*drawn, table(["class", "", "times"], confused)] if confused else drawn,
            "Classes, the worst first": [table(["class", "pictures", "recall", "precision"], classes)],
            "Surest mistakes": [table(["picture", "named", "probability"], mistakes)] if mistakes else [],
        },
    )


def classifier_verdict(comparison: ClassifierComparison, names: tuple[str, str]) -> str:
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


def points(rate: float) -> str:
    """A difference of two rates in percentage points, two digits."""
    rounded = round(100 * rate, 2) or 0.0  # no minus before nothing
    return f"{rounded:.2f}".replace("-", "\N{MINUS SIGN}")


def _counted_row(part: CountedShare) -> tuple[str, ...]:
    return share(part.value, 2), f"{share(part.low, 2)} to {share(part.high, 2)}", f"{part.num_pictures:,}"


def _row(rate: str, part: TarAtFmr | FnirAtFpir, of_whom: str) -> tuple[str, ...]:
    return (
        rate,
        share(part.value, 2),
        f"{share(part.low, 2)} to {share(part.high, 2)}",
        f"{part.threshold:.4f}",
        "yes" if part.supported else f"too few {of_whom}",
    )


def curves_of(trial: OpenSetTrial, curve: Callable) -> dict:
    """Returns a curve by the scores that decide and, where these are normalized, one by cosines.

    Args:
        trial: The gallery and the probes.
        curve: From a trial to its curve.
    """
    if trial.normalizer is None:
        return {"plain cosines": curve(trial)}
    return {"normalized scores": curve(trial), "cosines alone": curve(replace(trial, normalizer=None))}


def _open_set_curve(trial: OpenSetTrial) -> tuple[np.ndarray, np.ndarray]:
    """FPIR and FNIR over thresholds, from strict to lenient."""
    mated, strangers = search_trial(trial)
    own, descending = np.sort(mated.own_scores), np.sort(strangers.normalized)[::-1]
    lost = trial.num_mated_failed
    missed = (np.searchsorted(own, descending, side="left") + lost) / (len(own) + lost)
    return np.arange(1, len(descending) + 1) / len(descending), missed
