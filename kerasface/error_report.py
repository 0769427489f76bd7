"""What was measured about verification or identification, as one HTML document with its figures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.evaluation.identification import (
    RIVAL_WEIGHT,
    FnirAtFpir,
    FpirCheck,
    IdentificationReport,
    OpenSetTrial,
    search_trial,
)
from kerasface.evaluation.verification import TarAtFmr, VerificationReport, roc
from kerasface.plotting.calibration import calibration_curve, pair_reliability
from kerasface.plotting.document import document, facts_row, figure_html, notes_list, share, table
from kerasface.plotting.error_rates import cmc_curve, det_curve, fnir_against_fpir, roc_curve, score_histogram


def verification_document(
    title: str,
    report: VerificationReport,
    scores: ArrayLike,
    same: ArrayLike,
    *,
    calibration: ScoreCalibration | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Returns the report of labelled pairs as HTML that needs no network.

    Args:
        title: Its heading.
        report: The rates.
        scores: Those of the scored pairs, `(num_scored,)`.
        same: Whether each pair is genuine.
        calibration: Of the embedder, drawn if given.
        notes: What must be said, in sentences.
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
    heads = ["at", "genuine pairs accepted", "95 % interval", "threshold", "supported"]
    believed = []
    if calibration is not None:
        low = float(min(scores.min(), 0.8))
        believed = [
            f"<p>{calibration.method.capitalize()}, fitted on {calibration.data}: calibration error "
            f"{share(calibration.ece)} ({share(calibration.ece_low)} to {share(calibration.ece_high)}).</p>",
            figure_html(calibration_curve(calibration, low, 1.0, report.threshold)),
            figure_html(pair_reliability(calibration)),
        ]
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(notes)],
            "Error rates": [table(heads, rows), figure_html(roc_curve(curve, report.tar_at_fmr))],
            "One error against the other": [figure_html(det_curve(curve, report.eer))],
            "Scores": [figure_html(score_histogram(scores, same, report.threshold))],
            "Scores as probabilities": believed,
        },
    )


def identification_document(
    title: str,
    report: IdentificationReport,
    trial: OpenSetTrial,
    checks: Sequence[FpirCheck],
    *,
    notes: Sequence[str] = (),
) -> str:
    """Returns the report of an open-set trial as HTML that needs no network.

    Args:
        title: Its heading.
        report: The rates.
        trial: What they were measured on.
        checks: Rates asked for and measured, for galleries of several sizes.
        notes: What must be said, in sentences.
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
    curves = {
        "normalised scores": _open_set_curve(trial, weight=RIVAL_WEIGHT),
        "cosines alone": _open_set_curve(trial, weight=0),
    }
    return document(
        title,
        {
            "": [facts_row(facts), notes_list(notes)],
            "Known faces missed": [
                table(["at", "missed (FNIR)", "95 % interval", "threshold", "supported"], rates),
                figure_html(fnir_against_fpir(curves)),
            ],
            "Rates asked for, and measured at the thresholds that ship": [
                table(["gallery", "FPIR asked", "measured", "95 % interval", "FNIR"], checked)
            ],
            "Among the first names": [figure_html(cmc_curve({f"{report.gallery_size:,} people": report.cmc}))],
        },
    )


def _row(rate: str, part: TarAtFmr | FnirAtFpir, of_whom: str) -> tuple[str, ...]:
    return (
        rate,
        share(part.value, 2),
        f"{share(part.low, 2)} to {share(part.high, 2)}",
        f"{part.threshold:.4f}",
        "yes" if part.supported else f"too few {of_whom}",
    )


def _open_set_curve(trial: OpenSetTrial, weight: float) -> tuple[np.ndarray, np.ndarray]:
    """FPIR and FNIR over thresholds, from strict to lenient."""
    mated, strangers = search_trial(trial, weight=weight)
    own, descending = np.sort(mated.own_scores), np.sort(strangers.normalised)[::-1]
    lost = trial.num_mated_failed
    missed = (np.searchsorted(own, descending, side="left") + lost) / (len(own) + lost)
    return np.arange(1, len(descending) + 1) / len(descending), missed
