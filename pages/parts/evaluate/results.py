"""From scored pairs to what the page Evaluate shows and hands out; no widgets here."""

import csv
import datetime
import io
import json
from dataclasses import dataclass, replace

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration, fit_calibration
from kerasface.evaluation.folds import NO_FOLD, identity_folds
from kerasface.evaluation.reliability import calibration_error_interval, expected_calibration_error, reliability_bins
from kerasface.evaluation.slices import Slice, evaluate_slices
from kerasface.evaluation.verification import (
    Roc,
    TarAtFmr,
    VerificationReport,
    evaluate_verification,
    num_impostor_needed,
    roc,
    tar_at_fmr,
)
from kerasface.faces.rates.operating_points import operating_point, pair_calibration
from kerasface.population.judging import JudgedPeople
from kerasface.reports.error_rates import verification_document
from kerasface.terminal.errors import told
from pages.parts.evaluate.confused import judged_of
from pages.parts.evaluate.data import ScoredList
from pages.parts.evaluate.models import Report

FMRS = (0.1, 0.01, 0.001, 0.0001)
_BOOTSTRAP = 500
_CALIBRATION_FOLDS = 5


@dataclass(frozen=True, eq=False)
class PairResults:
    """Error rates of scored pairs.

    Attributes:
        scored: The pairs.
        report: By the protocol of LFW.
        curve: Over all thresholds.
        targets: What is accepted at each of `FMRS` that the pairs support.
        refused: Why the others cannot be measured.
        calibration: From score to probability; its bins and error are of these pairs. `None` where it cannot be fitted.
        calibration_note: Where it comes from, or why there is none.
        shipped: The threshold that ships for this embedder at an FMR of 0.1 %, if there is one.
        judged: Who is confused with whom, over all pairs of the photos; `None` where that cannot be said.
        not_judged: Why it cannot.
    """

    scored: ScoredList
    report: VerificationReport
    curve: Roc
    targets: dict[float, TarAtFmr]
    refused: dict[float, str]
    calibration: ScoreCalibration | None
    calibration_note: str
    shipped: float | None
    judged: JudgedPeople | None
    not_judged: str


def measure_pairs(scored: ScoredList, report: Report = lambda stage, done, total: None) -> PairResults:
    """Measures the error rates of scored pairs.

    Args:
        scored: The pairs.
        report: Called with stage, done and total.

    Raises:
        ValueError: If all pairs have one person on their first photo.
    """
    scores, listed = scored.scores, scored.listed
    report("Counting errors", 0, 2)
    rates = evaluate_verification(
        scores, listed.same, listed.folds, num_failed=len(scored.failed), bootstrap=_BOOTSTRAP
    )
    supported = [fmr for fmr in FMRS if rates.num_impostor >= num_impostor_needed(fmr)]
    measured = tar_at_fmr(scores, listed.same, supported, bootstrap=_BOOTSTRAP)
    refused = {
        fmr: f"needs {num_impostor_needed(fmr):,} pairs of different people; there are {rates.num_impostor:,}"
        for fmr in FMRS
        if fmr not in supported
    }
    report("Counting errors", 1, 2)
    calibration, note = _calibration(scored)
    report("Counting errors", 2, 2)
    judged, not_judged = None, ""
    try:
        judged = judged_of(listed.people, scored.embedded, report)
    except ValueError as error:
        not_judged = told(error)
    try:
        shipped = operating_point(scored.embedded.fingerprint, 0.001).threshold
    except ValueError:
        shipped = None
    return PairResults(
        scored=scored,
        report=rates,
        curve=roc(scores, listed.same),
        targets={fmr: measured[str(fmr)] for fmr in supported},
        refused=refused,
        calibration=calibration,
        calibration_note=note,
        shipped=shipped,
        judged=judged,
        not_judged=not_judged,
    )


def rates_at(scored: ScoredList, threshold: float) -> Slice:
    """Counts both errors at a threshold, with their intervals; `low` and `high` mean nothing."""
    everything = {"": np.zeros(len(scored.scores))}
    return evaluate_slices(scored.scores, scored.listed.same, everything, threshold=threshold)[""][0]


def nearest_pairs(scored: ScoredList, threshold: float, *, same: bool, accepted: bool, count: int) -> np.ndarray:
    """The pairs of one kind on one side of a threshold that are nearest to it.

    Args:
        scored: The pairs.
        threshold: A pair is accepted from this score.
        same: Whether pairs of one person are wanted, or of different people.
        accepted: Whether those from the threshold on are wanted, or those below.
        count: At most.

    Returns:
        Their indices, the nearest first.
    """
    indices = np.flatnonzero((scored.listed.same == same) & ((scored.scores >= threshold) == accepted))
    return indices[np.argsort(np.abs(scored.scores[indices] - threshold), kind="stable")[:count]]


def results_json(results: PairResults) -> str:
    """What was measured, with the keys of `kerasface evaluate verification --json` and what it was measured on."""
    listed, embedded = results.scored.listed, results.scored.embedded
    content = {
        **results.report.to_dict(),
        "tar_at_fmr": {str(fmr): vars(point) for fmr, point in results.targets.items()},
        "refused": {str(fmr): reason for fmr, reason in results.refused.items()},
        "failed": [{"pair": name, "reason": reason} for name, reason in results.scored.failed],
        "data": listed.people.title,
        "num_people": len(np.unique(listed.persons)),
        "model": embedded.model,
        "embedder": embedded.fingerprint,
        "scores": results.scored.score_name,
        "calibration": results.calibration and results.calibration.to_dict(),
        "all_pairs": results.judged and results.judged.to_dict(),
    }
    return json.dumps(content, indent=1)


def results_csv(results: PairResults) -> str:
    """Every pair and its score; those that could not be scored, at the end, have a reason instead."""
    listed = results.scored.listed
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["photo_a", "photo_b", "same", "fold", results.scored.score_name.replace(" ", "_"), "reason"])
    names = [listed.people.photo_name(photo) for photo in range(len(listed.people.paths))]
    for (first, second), same, fold, score in zip(
        listed.pairs.tolist(), listed.same.tolist(), listed.folds.tolist(), results.scored.scores.tolist(), strict=True
    ):
        rows.writerow([names[first], names[second], int(same), fold, f"{score:.6f}", ""])
    for name, reason in results.scored.failed:
        rows.writerow([*name.split(" - ", 1), "", "", "", reason])
    return text.getvalue()


def results_html(results: PairResults) -> str:
    """The report that `kerasface evaluate verification --report` writes."""
    listed = results.scored.listed
    notes = [
        f"Model: {results.scored.embedded.model}.",
        f"Scores: {results.scored.score_name}.",
        results.calibration_note,
    ]
    if not listed.told:
        notes.append("The pairs had no folds; they were dealt out by the person on the first photo.")
    return verification_document(
        f"Verification: {listed.people.title}",
        results.report,
        results.scored.scores,
        listed.same,
        calibration=results.calibration,
        notes=notes,
        score_name=results.scored.score_name,
    )


def _calibration(scored: ScoredList) -> tuple[ScoreCalibration | None, str]:
    """The calibration that ships, with its error on these pairs; else one fitted here, judged on held-out folds."""
    same = scored.listed.same
    try:
        if shipped := pair_calibration(scored.embedded.fingerprint):
            return _measured_on(shipped, scored.scores, same), (
                f"The curve that ships for this embedder, fitted on {shipped.num_genuine:,} pairs of one person and "
                f"{shipped.num_impostor:,} of different people of {shipped.data} ({shipped.date}). Its error there is "
                f"{shipped.ece:.2%}; below is its error on your pairs, of which {same.mean():.1%} "
                "are of one person. If these are among the pairs it was fitted on, that says less."
            )
        fitted, dropped = _fitted(scored)
    except ValueError as error:
        return None, f"There is no calibration: {error}"
    if not fitted.helps:
        return None, (
            "There is no calibration: on people that it was not fitted on, none told more than the share of genuine "
            "pairs does."
        )
    return fitted, (
        "No calibration ships for this model, so one was fitted on these pairs and judged on people that it was not "
        f"fitted on, over {fitted.num_folds} folds"
        + (f"; {dropped:,} pairs of people from two folds were left out." if dropped else ".")
    )


def _measured_on(calibration: ScoreCalibration, scores: np.ndarray, same: np.ndarray) -> ScoreCalibration:
    """A calibration with error and bins of other pairs, at their share of genuine ones."""
    moved = calibration.with_prior(float(same.mean()))
    probabilities = moved.probability(scores)
    low, high = calibration_error_interval(probabilities, same, bootstrap=_BOOTSTRAP)
    return replace(
        moved,
        ece=expected_calibration_error(probabilities, same),
        ece_low=low,
        ece_high=high,
        bins=reliability_bins(probabilities, same),
    )


def _fitted(scored: ScoredList) -> tuple[ScoreCalibration, int]:
    listed = scored.listed
    folds = listed.folds if listed.told else identity_folds(*listed.persons.T, _CALIBRATION_FOLDS)
    kept = folds != NO_FOLD
    fitted = fit_calibration(
        scored.scores[kept],
        listed.same[kept],
        folds[kept],
        data=listed.people.title,
        date=datetime.date.today().isoformat(),
        score=scored.kind,
        bootstrap=_BOOTSTRAP,
    )
    return fitted, int((~kept).sum())
