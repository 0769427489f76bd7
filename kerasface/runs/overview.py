"""What a run is, in a row: its kind, how good it is, what it costs. Read from its card alone."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from kerasface.files.parsing import json_of
from kerasface.files.reading import read_regular
from kerasface.runs.card import ModelCard
from kerasface.runs.records import LARGEST
from kerasface.runs.store import RunSummary

KINDS = ("classify", "metric", "segment", "imported")
_MAX_RATES_BYTES = 2**24


@dataclass(frozen=True)
class RunOverview:
    """A run in a row; what its training did not note, or what its kind does not have, is `None`.

    Attributes:
        name: Of the run.
        path: Its folder.
        kind: `classify`, `metric`, `segment`, or `imported`: a network of others.
        backbone: The network that it stands on.
        accuracy: Share of the held-out pictures that got their own name; of a segmentation, of the pixels.
        top5: Share of the held-out pictures whose name was among the five most probable.
        ece: Expected calibration error.
        eer: Equal error rate of the verification of people held out, or as `kerasface embedders calibrate` measured it.
        mean_iou: Of a segmentation.
        weights: How many the network has.
        multiply_adds: Of one picture.
        seconds: That the training took.
        created: When, ISO 8601.
        size: Bytes on disk.
        problem: What is wrong with it in one sentence, or `None`.
    """

    name: str
    path: Path
    kind: str | None = None
    backbone: str | None = None
    accuracy: float | None = None
    top5: float | None = None
    ece: float | None = None
    eer: float | None = None
    mean_iou: float | None = None
    weights: int | None = None
    multiply_adds: int | None = None
    seconds: float | None = None
    created: str | None = None
    size: int = 0
    problem: str | None = None

    @property
    def best_measure(self) -> tuple[str, float] | None:
        """The number that its kind is judged by, with its name."""
        names = {"accuracy": self.accuracy, "EER": self.eer, "mean IoU": self.mean_iou}
        order = {"metric": ("EER",), "imported": ("EER",), "segment": ("mean IoU", "accuracy")}.get(self.kind, names)
        return next(((name, names[name]) for name in order if names[name] is not None), None)

    def to_dict(self) -> dict:
        """Returns the row as JSON-ready values."""
        return {**asdict(self), "path": str(self.path)}


def overview(summary: RunSummary) -> RunOverview:
    """Sums up a run; a broken one by its name, size and problem."""
    size = folder_size(summary.path)
    if summary.card is None:
        return RunOverview(summary.name, summary.path, size=size, problem=summary.problem)
    card = summary.card
    metrics = card.metrics
    return RunOverview(
        name=summary.name,
        path=summary.path,
        kind=kind_of_card(card),
        backbone=card.backbone or _text(card.recipe.get("encoder")),
        accuracy=_number(metrics, "top1", "pixel_accuracy"),
        top5=_number(metrics, "top5"),
        ece=_number(metrics, "ece"),
        eer=_equal_error(summary.path, card),
        mean_iou=_number(metrics, "mean_iou"),
        weights=_number(metrics, "num_params"),
        multiply_adds=_number(metrics, "multiply_adds"),
        seconds=_number(metrics, "seconds"),
        created=card.created,
        size=size,
        problem=summary.problem,
    )


def kind_of_card(card: ModelCard) -> str:
    """Returns which of `KINDS` a run is; what another version made may be called otherwise."""
    if card.task == "embed":
        return "metric" if card.source is None else "imported"
    return card.task


def folder_size(folder: Path) -> int:
    """Returns the bytes of all files in a folder and below; what is gone meanwhile counts nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
    return total


def columns_with_values(rows: list[RunOverview]) -> list[str]:
    """Returns the names of the numbers that at least one of the runs has, in their order."""
    numbers = [entry.name for entry in fields(RunOverview) if entry.type in (float | None, int | None)]
    return [name for name in numbers if any(getattr(row, name) is not None for row in rows)]


def _equal_error(folder: Path, card: ModelCard) -> float | None:
    """Of people held out, where the training judged some; else as it was measured since."""
    held_out = card.metrics.get("held_out")
    name = _text(card.metrics.get("kept"))
    kept = held_out.get(name) if isinstance(held_out, Mapping) else None
    if isinstance(kept, Mapping) and (found := _number(kept, "eer")) is not None:
        return found
    path = folder / "rates.json"
    try:
        measured = json_of(read_regular(path, _MAX_RATES_BYTES))
    except (OSError, ValueError):
        return None  # whoever loads the embedder is told
    return _number(measured, "eer") if isinstance(measured, dict) else None


def _number(values: Mapping, *names: str):
    """The first of some entries that is a number; a card may hold anything."""
    for name in names:
        value = values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST:
            return value
    return None


def _text(value) -> str | None:
    return value if isinstance(value, str) else None
