"""Searches of a gallery: how often a known face is missed, and a stranger taken for somebody."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kerasface.evaluation.calibration import COSINE, NORMALIZED, SCORE_NAMES
from kerasface.evaluation.identification import (
    FpirCheck,
    IdentificationReport,
    OpenSetTrial,
    check_thresholds,
    evaluate_identification,
    search_trial,
    smaller_galleries,
)
from kerasface.evaluation.people_rates import NamedForStrangers
from kerasface.evaluation.verification import roc
from kerasface.faces.rates.operating_points import search_point
from kerasface.tasks.measuring.people import Embedded, People, Report, unreported

_SIZES, _FPIRS = (50, 200), (0.1, 0.01)
_REPEATS = 10  # galleries drawn of each smaller size
_NAMED_AT = 0.01  # FPIR at which it is said whose name strangers get


@dataclass(frozen=True, eq=False)
class SearchRates:
    """Error rates of searches.

    Attributes:
        title: The data.
        model: The model's name.
        trial: Who was enrolled and who came.
        report: Error rates.
        curves: FPIR and FNIR over all thresholds, by what was compared.
        checks: Rates asked for and measured at the thresholds that ship; empty where none ship for the embedder.
        shipped_on: What those come from.
        taken: Whose names strangers get there; `None` where none ship.
        failed: `(file, reason)` of everything without a usable face.
    """

    title: str
    model: str
    trial: OpenSetTrial
    report: IdentificationReport
    curves: dict[str, tuple[np.ndarray, np.ndarray]]
    checks: tuple[FpirCheck, ...]
    shipped_on: str
    taken: NamedForStrangers | None
    failed: tuple[tuple[Path, str], ...]

    @property
    def score_name(self) -> str:
        """What the scores are called."""
        return SCORE_NAMES[NORMALIZED if self.trial.normalizer else COSINE]

    def to_dict(self) -> dict:
        """Returns the rates as JSON-ready values."""
        return {
            **self.report.to_dict(),
            "fpir_asked_and_measured": [check.to_dict() for check in self.checks],
            "people_over_ten_times": self.taken and self.taken.to_dict(),
            "failed": [{"image": str(path), "reason": reason} for path, reason in self.failed],
            "data": self.title,
            "model": self.model,
            "scores": self.score_name,
        }


def check_searchable(people: People) -> None:
    """Refuses people who cannot be searched for, before their photos are read.

    Raises:
        ValueError: If there are fewer than two people with a second photo, or there is no stranger with one.
    """
    counts = np.bincount(people.labels)
    several, single = int(np.sum(counts >= 2)), int(np.sum(counts == 1))
    if several < 2 or single < 1:
        raise ValueError(
            f"{people.title} cannot tell identification error rates: it needs two people or more with two photos or "
            "more (one is enrolled, the others come back) and strangers with one photo. "
            f"Received: {several} with two or more, {single} with one."
        )


def measure_searches(
    people: People, embedded: Embedded, *, bootstrap: int = 500, report: Report = unreported
) -> SearchRates:
    """Measures searches of a gallery of one photo of each person.

    Args:
        people: The photos.
        embedded: What a model sees on them.
        bootstrap: Number of bootstrap samples behind the intervals.
        report: Told how far it is.

    Raises:
        ValueError: As `open_set_trial`.
    """
    report("Searching the gallery", 0, 1)
    trial = open_set_trial(people, embedded)
    try:
        checks = _checks(trial, embedded.fingerprint)
        taken = _named_for_strangers(trial, embedded.fingerprint, people.names)
        shipped_on = search_point(embedded.fingerprint, _NAMED_AT, 2).data
    except ValueError:
        checks, taken, shipped_on = (), None, ""  # nothing ships for this embedder
    compared = {"normalized scores" if trial.normalizer else "plain cosines": trial}
    if trial.normalizer:
        compared["cosines alone"] = replace(trial, normalizer=None)
    found = SearchRates(
        title=people.title,
        model=embedded.model,
        trial=trial,
        report=evaluate_identification(trial, bootstrap=bootstrap),
        curves={name: open_set_curve(one) for name, one in compared.items()},
        checks=checks,
        shipped_on=shipped_on,
        taken=taken,
        failed=tuple(embedded.rejected(people)),
    )
    report("Searching the gallery", 1, 1)
    return found


def open_set_trial(people: People, embedded: Embedded) -> OpenSetTrial:
    """Shares photos out: who is enrolled, who comes back, and who is a stranger.

    The first photo of whoever has several is enrolled, the others are probes; who has one is a stranger. Probes of a
    person whose first photo has no face count as missed.

    Raises:
        ValueError: If fewer than two people can be enrolled, or there is no probe, or no stranger.
    """
    labels, rows, embeddings = people.labels, embedded.rows, embedded.embeddings
    is_first = np.r_[True, labels[1:] != labels[:-1]]  # labels are sorted
    several = np.bincount(labels)[labels] >= 2
    enrolled = is_first & several & (rows >= 0)
    mated = ~is_first & several
    usable = mated & (rows >= 0) & np.isin(labels, labels[enrolled])
    unknown = is_first & ~several & (rows >= 0)
    return OpenSetTrial(
        gallery=embeddings[rows[enrolled]],
        gallery_labels=labels[enrolled],
        mated=embeddings[rows[usable]],
        mated_labels=labels[usable],
        unknown=embeddings[rows[unknown]],
        normalizer=embedded.normalizer,
        num_mated_failed=int(mated.sum() - usable.sum()),
        num_failed=int((rows < 0).sum()),
    )


def open_set_curve(trial: OpenSetTrial) -> tuple[np.ndarray, np.ndarray]:
    """Returns FPIR and FNIR over all thresholds, from strict to lenient, `(num_points,)` both."""
    mated, strangers = search_trial(trial)
    own, lost = mated.own_scores, trial.num_mated_failed
    never = min(strangers.normalized.min(), own[np.isfinite(own)].min(initial=0)) - 1  # in place of -infinity
    scores = np.r_[np.where(np.isfinite(own), own, never), strangers.normalized]
    curve = roc(scores, np.arange(len(scores)) < len(own)).corners()
    reached = curve.thresholds > never  # at the last one everybody is named, and by another's name too
    fnir = (curve.fnmr * len(own) + lost) / (len(own) + lost)
    return curve.fmr[reached], fnir[reached]


def _checks(trial: OpenSetTrial, fingerprint: str) -> tuple[FpirCheck, ...]:
    """What the thresholds that ship lead to, for galleries of 50, 200 and all people, as far as there are."""
    everybody = len(np.unique(trial.gallery_labels))
    checks = []
    for size in sorted({size for size in (*_SIZES, everybody) if size <= everybody}):
        trials = [trial] if size == everybody else list(smaller_galleries(trial, size, repeats=_REPEATS))
        for asked in _FPIRS:
            checks.append(check_thresholds(trials, asked, search_point(fingerprint, asked, size).threshold))
    return tuple(checks)


def _named_for_strangers(trial: OpenSetTrial, fingerprint: str, names: Sequence[str]) -> NamedForStrangers:
    """Who of the enrolled is given to strangers as a name, at the threshold that ships for 1 % of strangers."""
    people = np.unique(trial.gallery_labels)
    strangers = search_trial(trial)[1]
    threshold = search_point(fingerprint, _NAMED_AT, len(people)).threshold
    taken = strangers.labels[strangers.normalized >= threshold]
    counts = np.bincount(np.searchsorted(people, taken), minlength=len(people))
    return NamedForStrangers(_NAMED_AT, tuple(names[label] for label in people), counts, len(trial.unknown))
