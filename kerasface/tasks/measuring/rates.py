"""Error rates of scored pairs: over all thresholds, at those that ship, in slices, and as probabilities."""

from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration
from kerasface.evaluation.people_rates import ThresholdRates, rates_of_pairs
from kerasface.evaluation.slices import Slice
from kerasface.evaluation.verification import (
    Roc,
    TarAtFmr,
    VerificationReport,
    evaluate_verification,
    num_impostor_needed,
    roc,
    tar_at_fmr,
)
from kerasface.population.judging import ASKED, MAIN, shipped_thresholds
from kerasface.tasks.measuring.calibration import calibration_of
from kerasface.tasks.measuring.pairs import ScoredPairs
from kerasface.tasks.measuring.people import Report, unreported

FMRS = (0.1, 0.01, 0.001, 0.0001)


@dataclass(frozen=True, eq=False)
class PairRates:
    """Error rates of scored pairs.

    Attributes:
        scored: The pairs.
        report: By the protocol of LFW.
        curve: Over all thresholds.
        targets: What is accepted at each of `FMRS` that the pairs support.
        refused: Why the others cannot be measured.
        calibration: From score to probability; its bins and error are of these pairs. `None` where there is none.
        calibration_note: Where it comes from, or why there is none.
        shipped: For each rate that can be asked for, what happens at the threshold that ships for it; empty where none
            ships for the embedder.
        slices: Both errors at `threshold` by what is known of the photos.
    """

    scored: ScoredPairs
    report: VerificationReport
    curve: Roc
    targets: dict[float, TarAtFmr]
    refused: dict[float, str]
    calibration: ScoreCalibration | None
    calibration_note: str
    shipped: dict[float, ThresholdRates]
    slices: dict[str, tuple[Slice, ...]]

    @property
    def threshold(self) -> float:
        """The threshold that ships for an FMR of 0.1 %; where none ships, the mean of those that are best by folds."""
        return self.shipped[MAIN].threshold if self.shipped else self.report.threshold

    @property
    def threshold_note(self) -> str:
        """What that threshold is, in words."""
        return "ships for 0.1 %" if self.shipped else "is the mean of those that are best by folds"

    def to_dict(self) -> dict:
        """Returns everything but the scores as JSON-ready values."""
        listed, embedded = self.scored.listed, self.scored.embedded
        return {
            **self.report.to_dict(),
            "at_shipped_thresholds": {str(asked): at.to_dict() for asked, at in self.shipped.items()},
            "refused": {str(fmr): reason for fmr, reason in self.refused.items()},
            "slices": {
                "threshold": self.threshold,
                "attributes": {name: [part.to_dict() for part in parts] for name, parts in self.slices.items()},
            },
            "calibration": self.calibration and self.calibration.to_dict(),
            "calibration_note": self.calibration_note,
            "failed": [
                {"pair": " - ".join(pair.photos), "line": pair.line, "reason": pair.reason}
                for pair in self.scored.failed
            ],
            "data": listed.people.title,
            "num_people": len(np.unique(listed.persons)),
            "model": embedded.model,
            "embedder": embedded.fingerprint,
            "scores": embedded.score_name,
        }


def measure_pairs(scored: ScoredPairs, *, bootstrap: int = 1000, report: Report = unreported) -> PairRates:
    """Measures the error rates of scored pairs.

    Args:
        scored: The pairs.
        bootstrap: Number of bootstrap samples behind the intervals.
        report: Told how far it is.

    Raises:
        ValueError: If all pairs have one person on their first photo.
    """
    scores, listed = scored.scores, scored.listed
    report("Counting errors", 0, 2)
    rates = evaluate_verification(scores, listed.same, listed.folds, num_failed=len(scored.failed), bootstrap=bootstrap)
    supported = [fmr for fmr in FMRS if rates.num_impostor >= num_impostor_needed(fmr)]
    measured = tar_at_fmr(scores, listed.same, supported, bootstrap=bootstrap)
    refused = {
        fmr: f"needs {num_impostor_needed(fmr):,} pairs of different people; there are {rates.num_impostor:,}"
        for fmr in FMRS
        if fmr not in supported
    }
    report("Counting errors", 1, 2)
    calibration, note = calibration_of(scored, bootstrap=bootstrap)
    shipped = _at_shipped_thresholds(scored)
    report("Counting errors", 2, 2)
    return PairRates(
        scored=scored,
        report=rates,
        curve=roc(scores, listed.same),
        targets={fmr: measured[str(fmr)] for fmr in supported},
        refused=refused,
        calibration=calibration,
        calibration_note=note,
        shipped=shipped,
        slices=scored.slices(shipped[MAIN].threshold if shipped else rates.threshold),
    )


def _at_shipped_thresholds(scored: ScoredPairs) -> dict[float, ThresholdRates]:
    """What the thresholds that ship lead to, with intervals from resampling people; empty where none ship."""
    try:
        thresholds = shipped_thresholds(scored.embedded.fingerprint)
    except ValueError:
        return {}
    listed = scored.listed
    rates = rates_of_pairs(scored.scores, listed.same, *listed.persons.T, thresholds)
    return dict(zip(ASKED, rates, strict=True))
