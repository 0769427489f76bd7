"""The report of a segmentation training: one HTML file with its figures and the masks that came out worst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasface.evaluation.segmentation import TOLERANCE, SegmentationResult
from kerasface.plotting.segmentation import Color, confusion_heatmap, iou_bars, segmentation_curves
from kerasface.plotting.style import escaped
from kerasface.reports.document import document, facts_row, figure_html, notes_list, table
from kerasface.reports.segmentation import worst_masks
from kerasface.tasks.measuring.masks import MaskRates
from kerasface.terminal.words import share

_MAX_CONFUSIONS = 6  # listed in words
_MAX_HEATMAP = 60  # classes; a cell of a larger matrix is too small to be seen


@dataclass(frozen=True, eq=False)
class JudgedSet:
    """How a model does on the pictures held out of one set.

    Attributes:
        name: Of the set.
        rates: How it does, by the set's own labels.
        num_train: Pictures of the set that were trained on.
    """

    name: str
    rates: MaskRates
    num_train: int = 0


def write_segment_report(
    title: str,
    sets: Sequence[JudgedSet],
    before: SegmentationResult | None,
    history: Sequence[dict],
    facts: Mapping[str, object],
    notes: Sequence[str],
) -> str:
    """Returns the report as one HTML document that needs no network.

    Args:
        title: Its heading.
        sets: How the model does on the pictures held out, of each set; the first one's figures stand on top.
        before: How what was fine-tuned did before, on those of the first set; `None` where nothing was fine-tuned.
        history: One row per epoch, with `stage`, `epoch`, `loss`, `accuracy`, `val_loss`, `val_accuracy`,
            `val_mean_iou` and `images_per_second`; empty where nothing was trained.
        facts: What else matters most, such as the pictures trained on, to its value.
        notes: What must be said about the run, in sentences.

    Raises:
        ValueError: If the number of colours is another than that of classes, the classes before were others, or a mask
            has another shape than its picture or an id without a colour.
    """
    result, colors = sets[0].rates.result, sets[0].rates.colors
    if before is not None and before.classes != result.classes:
        raise ValueError(
            "Only results of the same classes can be compared. "
            f"Received: before.classes={before.classes}, result.classes={result.classes}. Leave `before` out."
        )
    others = {
        f"{each.name}, by its own labels": [
            _facts(each.rates.result, {"pictures trained on": each.num_train}),
            _classes(each.rates.result, each.rates.colors),
            worst_masks(each.rates.worst, each.rates.result.classes, each.rates.colors),
            _confusions(each.rates.result),
        ]
        for each in sets[1:]
    }
    return document(
        title,
        {
            "": [_facts(result, facts), notes_list(notes)],
            "Classes": [_classes(result, colors)],
            "Before and after fine-tuning": [_comparison(before, result)] if before is not None else [],
            "Worst masks": [worst_masks(sets[0].rates.worst, result.classes, colors)],
            "Training": [_training(history)],
            "Taken for another": [_confusions(result)],
            **others,
            "Settings": [_settings()],
        },
    )


def _facts(result: SegmentationResult, facts: Mapping[str, object]) -> str:
    numbers = {
        "mean IoU": share(result.mean_iou, 2),
        "pixel accuracy": share(result.pixel_accuracy, 2),
        "pictures judged on": f"{result.num_images:,}",
    }
    added = {
        escaped(name): f"{value:,}" if isinstance(value, int) else escaped(str(value)) for name, value in facts.items()
    }
    return facts_row(numbers | added) + _intervals(result)


def _intervals(result: SegmentationResult) -> str:
    if result.mean_iou_low is None:
        return "<p>One picture alone does not tell how much these numbers would differ on others.</p>"
    mean_iou = f"{share(result.mean_iou_low)} to {share(result.mean_iou_high)}"
    accuracy = f"{share(result.pixel_accuracy_low)} to {share(result.pixel_accuracy_high)}"
    return (
        f"<p>As far as the pictures held out stand for others, the mean IoU lies from {mean_iou} and the pixel "
        f"accuracy from {accuracy} (95 % intervals, by resampling the pictures).</p>"
    )


def _classes(result: SegmentationResult, colors: Sequence[Color]) -> str:
    pixels = result.confusion.sum(axis=1)
    rows = [
        [name, share(result.iou[name]), share(result.f1[name]), share(result.boundary_f1[name]), share(part, 2)]
        for name, part in zip(result.classes, (pixels / pixels.sum()).tolist(), strict=True)
    ]
    return (
        "<p>IoU is the share of the pixels that both masks give a class, of those that either does; F1, pale, counts "
        "the common ones twice. Boundary F1 compares outlines alone: a pixel of one counts where the other passes "
        f"within {share(TOLERANCE, 2)} of the picture's diagonal.</p>"
        + figure_html(iou_bars(result, colors))
        + table(["class", "IoU", "F1", "boundary F1", "share of the pixels"], rows)
    )


def _comparison(before: SegmentationResult, after: SegmentationResult) -> str:
    rows = [
        [name, share(before.iou[name]), share(after.iou[name]), _points(before.iou[name], after.iou[name])]
        for name in after.classes
    ]
    for name, one, other in (
        ("mean", before.mean_iou, after.mean_iou),
        ("pixel accuracy", before.pixel_accuracy, after.pixel_accuracy),
    ):
        rows.append([name, share(one), share(other), _points(one, other)])
    return (
        "<p>What there was before the encoder's last blocks were trained, and what fine-tuning made of it, on the same "
        "pictures.</p>" + table(["IoU of", "before", "after", "change in points"], rows)
    )


def _points(before: float | None, after: float | None) -> str:
    return "-" if before is None or after is None else f"{100 * (after - before):+.1f}"


def _training(history: Sequence[dict]) -> str:
    if not history:
        return "<p>No step was trained.</p>"
    rows = []
    for stage in dict.fromkeys(row["stage"] for row in history):
        epochs = [row for row in history if row["stage"] == stage]
        best = max(epochs, key=lambda row: row["val_mean_iou"])
        speed = np.median([row["images_per_second"] for row in epochs])
        best_iou = share(best["val_mean_iou"])
        rows.append([stage, len(epochs), best["epoch"], best_iou, f"{best['val_loss']:.3f}", f"{speed:,.1f}"])
    heads = ["stage", "epochs", "best epoch", "its mean IoU", "its validation loss", "images per second"]
    return figure_html(segmentation_curves(history)) + table(heads, rows)


def _confusions(result: SegmentationResult) -> str:
    wrong = result.confusion.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return "<p>Nothing: every pixel got its class.</p>"
    count = len(result.classes)
    # A class that few pixels have is never among these, however badly it is found: the heatmap has it.
    most = np.argsort(-wrong, axis=None, kind="stable")[:_MAX_CONFUSIONS]
    lines = [
        f"<li>{escaped(result.classes[true])} taken for {escaped(result.classes[got])}: "
        f"{share(float(wrong[true, got] / wrong.sum()))} of all wrong pixels</li>"
        for true, got in (divmod(int(cell), count) for cell in most)
        if wrong[true, got]
    ]
    heatmap = figure_html(confusion_heatmap(result)) if count <= _MAX_HEATMAP else ""
    words = "<p>Of the pixels of each class (rows), the share that got each class (columns).</p>" if heatmap else ""
    return f"<ul>{''.join(lines)}</ul>{words}{heatmap}"


def _settings() -> str:
    return (
        "<p>Beside this file stand the settings, <a href='recipe.toml'>recipe.toml</a>, every epoch, "
        "<a href='history.csv'>history.csv</a>, and all numbers, <a href='metrics.json'>metrics.json</a>.</p>"
    )
