"""Runs next to one another: what was measured of each, what differs in their recipes, and what may be chance."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.comparison import ClassifierComparison, compare_classifiers
from kerasface.runs.answers import HeldOutAnswers, read_answers
from kerasface.runs.overview import RunOverview, kind_of_card, overview
from kerasface.runs.store import RunError, RunSummary, find_run

_OF_NO_MATTER = ("tensorboard", "checkpoint_seconds")  # settings that change nothing of a model
_OFF = (None, False, 0, "", "none")


@dataclass(frozen=True)
class ClassDifference:
    """Shares of the held-out pictures of a class that two classifiers gave its name.

    Attributes:
        name: The class.
        a: The share of A.
        b: That of B.
    """

    name: str
    a: float
    b: float


@dataclass(frozen=True)
class HeldOutComparison:
    """Two classifiers on the pictures that were held out from both.

    Attributes:
        a: Name of one run.
        b: Name of the other.
        result: Which errs less, and whether that may be chance; `None` where they cannot be compared.
        classes: The classes that they do not do equally well on, the largest difference first.
        reason: Why they cannot be compared, in a sentence, or `None`.
    """

    a: str
    b: str
    result: ClassifierComparison | None
    classes: tuple[ClassDifference, ...] = ()
    reason: str | None = None

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values."""
        return {
            "a": self.a,
            "b": self.b,
            "result": self.result and self.result.to_dict(),
            "classes": [vars(one) for one in self.classes],
            "reason": self.reason,
        }


@dataclass(frozen=True)
class ComparedRuns:
    """Runs next to one another.

    Attributes:
        rows: What each is.
        differing: What they were not made with alike, by name: a value for each run, in their order.
        held_out: Each of the others against the first that kept its answers, unless neither gives pictures names.
    """

    rows: tuple[RunOverview, ...]
    differing: Mapping[str, tuple]
    held_out: tuple[HeldOutComparison, ...]

    def to_dict(self) -> dict:
        """Returns the comparison as JSON-ready values."""
        return {
            "runs": [row.to_dict() for row in self.rows],
            "differing": {name: list(values) for name, values in self.differing.items()},
            "held_out": [pair.to_dict() for pair in self.held_out],
        }


def compare_runs(root: str | os.PathLike, names: Sequence[str]) -> ComparedRuns:
    """Sets runs next to one another, the others against the first.

    Args:
        root: Folder of the runs.
        names: Of two runs or more; broken ones have a row that says so.

    Raises:
        RunError: If there is no such run, or they are fewer than two different ones.
    """
    names = list(dict.fromkeys(names))
    if len(names) < 2:
        raise RunError(f"A comparison takes two different models or more. Received: {', '.join(names) or 'none'}.")
    summaries = [find_run(root, name) for name in names]
    there = [summary for summary in summaries if summary.card is not None]
    first = next((summary for summary in there if _keeps_answers(summary)), there[0] if there else None)
    return ComparedRuns(
        tuple(overview(summary) for summary in summaries),
        differing(summaries),
        tuple(
            compare_held_out(first, other)
            for other in there
            if other is not first and "classify" in (_kind(first), _kind(other))
        ),
    )


def differing(summaries: Sequence[RunSummary]) -> dict[str, tuple]:
    """Returns what runs were not made with alike: settings of their recipes, data, device and backend.

    A setting that a run does not have is `None`: it is of another kind, or broken, or of an earlier version, for which
    whatever it did not know counts as switched off.
    """
    made = [_made_with(summary) for summary in summaries]
    kinds = [summary.card and _kind(summary) for summary in summaries]
    found = {}
    for name in dict.fromkeys(name for one in made for name in one if name not in _OF_NO_MATTER):
        present = [one[name] for one in made if name in one]
        knowing = {kind for kind, one in zip(kinds, made, strict=True) if name in one}
        lacks = any(kind in knowing and name not in one for kind, one in zip(kinds, made, strict=True))
        if any(value != present[0] for value in present) or (lacks and any(value not in _OFF for value in present)):
            found[name] = tuple(one.get(name) for one in made)
    return found


def compare_held_out(a: RunSummary, b: RunSummary) -> HeldOutComparison:
    """Compares two classifiers by what they said of the same held-out pictures."""
    try:
        _check_kinds(a, b)  # first: another training mends what the other reasons name, but not this
        one, other = _answers(a), _answers(b)
        _check_same(a, b, one, other)
    except RunError as error:
        return HeldOutComparison(a.name, b.name, None, reason=str(error))
    files = sorted(one.wrong | other.wrong)
    wrong = np.zeros((2, one.num_pictures), dtype=bool)  # those that both got right have no name here
    for row, answers in zip(wrong, (one, other), strict=True):
        row[: len(files)] = [file in answers.wrong for file in files]
    classes = [
        ClassDifference(name, share, other.recall[name])
        for name, share in one.recall.items()
        if share is not None and other.recall.get(name) not in (None, share)
    ]
    classes.sort(key=lambda one: -abs(one.b - one.a))
    return HeldOutComparison(a.name, b.name, compare_classifiers(*wrong), tuple(classes))


def _kind(summary: RunSummary) -> str:
    return kind_of_card(summary.card)


def _keeps_answers(summary: RunSummary) -> bool:
    return _kind(summary) == "classify" and (summary.path / "records.json").is_file()


def _check_kinds(*summaries: RunSummary) -> None:
    for summary in summaries:
        if (kind := _kind(summary)) != "classify":
            raise RunError(f"{summary.name} gives pictures no names: it is of kind {kind}.")


def _answers(summary: RunSummary) -> HeldOutAnswers:
    if not _keeps_answers(summary):
        raise RunError(f"{summary.name} kept no answers of what was held out: it was trained before version 0.2.")
    return read_answers(summary.path)


def _check_same(a: RunSummary, b: RunSummary, one: HeldOutAnswers, other: HeldOutAnswers) -> None:
    """Refuses what was not judged on the same pictures of the same classes."""
    if set(a.card.labels) != set(b.card.labels):
        raise RunError("They know different classes.")
    if None in (one.pictures, other.pictures):
        fingerprints = {summary.card.data.get("fingerprint") for summary in (a, b)}
        alike = len(fingerprints) == 1 and None not in fingerprints
    else:  # the same pictures under other names of files could not be told to be the same ones
        alike = one.pictures == other.pictures
    if not alike:
        raise RunError(
            "They were judged on different pictures, as with another seed, or it was not noted on which. `kerasface "
            "evaluate classification --images DIR --model A --compare B` judges two on one folder."
        )
    if one.num_pictures != other.num_pictures or not one.num_pictures:
        raise RunError("Records of them were changed: their numbers of pictures differ.")


def _made_with(summary: RunSummary) -> dict:
    """What a run was made with, by name; empty where nobody knows."""
    card = summary.card
    if card is None:
        return {}
    others = {"data": card.data.get("folder"), "device": card.device, "backend": card.versions.get("backend")}
    return {**(card.recipe or {"backbone": card.backbone}), **others}
