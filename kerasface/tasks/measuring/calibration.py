"""Whether the probabilities of scored pairs can be believed: the curve that ships, or one that is fitted to them."""

import datetime
from dataclasses import replace

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration, fit_calibration
from kerasface.evaluation.folds import NO_FOLD, identity_folds
from kerasface.evaluation.reliability import calibration_error_interval, expected_calibration_error, reliability_bins
from kerasface.faces.rates.operating_points import pair_calibration
from kerasface.tasks.measuring.pairs import ScoredPairs

_FOLDS = 5


def calibration_of(scored: ScoredPairs, *, bootstrap: int = 1000) -> tuple[ScoreCalibration | None, str]:
    """Finds the curve from score to probability, with its error on these pairs.

    Where none ships for the embedder, one is fitted on them and judged on people that it was not fitted on.

    Args:
        scored: The pairs.
        bootstrap: Number of bootstrap samples behind the interval of the error.

    Returns:
        The curve, `None` where there is none; and where it comes from, or why there is none, in a sentence or two.
    """
    same = scored.listed.same
    try:
        if shipped := pair_calibration(scored.embedded.fingerprint):
            return _measured_on(shipped, scored.scores, same, bootstrap), (
                f"The curve that ships for this embedder, fitted on {shipped.num_genuine:,} pairs of one person and "
                f"{shipped.num_impostor:,} of different people of {shipped.data} ({shipped.date}). Its error there is "
                f"{shipped.ece:.2%}; below is its error on your pairs, of which {same.mean():.1%} "
                "are of one person. If these are among the pairs it was fitted on, that says less."
            )
        fitted, num_dropped = _fitted(scored, bootstrap)
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
        + (f"; {num_dropped:,} pairs of people from two folds were left out." if num_dropped else ".")
    )


def _measured_on(calibration: ScoreCalibration, scores: np.ndarray, same: np.ndarray, bootstrap: int):
    """A calibration with error and bins of other pairs, at their share of genuine ones."""
    moved = calibration.with_prior(float(same.mean()))
    probabilities = moved.probability(scores)
    low, high = calibration_error_interval(probabilities, same, bootstrap=bootstrap)
    return replace(
        moved,
        ece=expected_calibration_error(probabilities, same),
        ece_low=low,
        ece_high=high,
        bins=reliability_bins(probabilities, same),
    )


def _fitted(scored: ScoredPairs, bootstrap: int) -> tuple[ScoreCalibration, int]:
    """A calibration of these pairs, and how many of them were left out."""
    listed = scored.listed
    folds = listed.folds if listed.own_folds else identity_folds(*listed.persons.T, _FOLDS)
    kept = folds != NO_FOLD
    fitted = fit_calibration(
        scored.scores[kept],
        listed.same[kept],
        folds[kept],
        data=listed.people.title,
        date=datetime.date.today().isoformat(),
        score=scored.embedded.kind,
        bootstrap=bootstrap,
    )
    return fitted, int((~kept).sum())
