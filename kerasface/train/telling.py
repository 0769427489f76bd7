"""What a training says in a terminal: while it goes on, and at its end."""

from collections.abc import Iterator
from pathlib import Path

from kerasface.files.paths import shown_path
from kerasface.terminal.words import counted

_STAGES = {"head": "the head, all else frozen", "fine_tune": "fine-tuning", "train": "training"}
_REJECTED = 5  # files that are named


def event_lines(event: dict) -> Iterator[str]:
    """Yields what somebody who watches a training wants to read next to its bars.

    Args:
        event: Of its log.
    """
    kind = event["event"]
    if kind == "start":
        yield f"{_started(event)}; {event['computes']}"
        for weights in event.get("weights", ()):
            yield f"begins with {weights['name']}" + (f", SHA-256 {weights['sha256']}" if "sha256" in weights else "")
    elif kind == "freeze_map":
        yield f"{'block':<24}{'weights':>12}{'trained':>12}{'rate':>10}  BatchNorm"
        for row in event["blocks"]:
            rate = f"{row['learning_rate']:.1e}" if row["trainable"] else "frozen"
            weights = f"{row['num_params']:>12,}{row['num_trainable']:>12,}"
            yield f"{row['block']:<24}{weights}{rate:>10}  {row['batch_norm']}"
    elif kind == "resumed":
        yield f"resumed in {_STAGES[event['stage']]}, epoch {event['epoch']}, step {event['step']}"
    elif kind == "warning":
        yield event["text"]


def trained_lines(kind: str, trained) -> Iterator[str]:
    """Yields what is to be said of a training that has ended.

    Args:
        kind: Of `KINDS`.
        trained: The `TrainedRun`.
    """
    figures, report = {"classify": _classified, "metric": _embedded, "segment": _segmented}[kind](trained)
    yield from figures
    yield from trained.notes
    yield f"{report}: {trained.folder / 'report.html'}"
    for _, reason in trained.rejected[:_REJECTED]:
        yield f"  {reason}"


def _started(event: dict) -> str:
    if "num_people_train" in event:
        return (
            f"{counted(event['num_train'], 'image')} of {counted(event['num_people_train'], 'person', 'people')} to "
            f"train on, {event['num_validation']} of {counted(event['num_people_validation'], 'other')} to judge on"
        )
    if "num_unknown" not in event:
        return (
            f"{counted(event['num_train'], 'picture')} to train on, {event['num_validation']} to judge on, "
            f"{counted(event['num_classes'], 'class', 'classes')}"
        )
    whose = "strangers" if event.get("input_kind", "face") == "face" else "none of them"
    others = f", {event['num_unknown']} of {whose}" if event["num_unknown"] or whose == "strangers" else ""
    # What the pictures to judge on are called: held out, or given.
    given = event.get("validation")
    judged_on = f"validation images ({shown_path(Path(given))})" if given else "held-out images"
    classes = counted(event["num_classes"], "class", "classes")
    return f"{event['num_train']} training and {event['num_validation']} {judged_on} of {classes}{others}"


def _classified(trained) -> tuple[list[str], str]:
    metrics = trained.metrics
    scaled = metrics.get("temperature") != 1
    how = f"before temperature scaling {metrics['ece_before']:.1%}" if scaled else "without temperature scaling"
    return [
        f"{trained.folder}: {counted(metrics['num_classes'], 'class', 'classes')}, {metrics['seconds']:.1f} s",
        f"top-1 {metrics['top1']:.2%}, top-5 {metrics['top5']:.2%}, judged on "
        f"{counted(metrics['num_validation'], 'image')} ({metrics['num_train']} trained on)",
        f"calibration error {metrics['ece']:.1%} ({how})",
    ], "curves, mistakes and confusions"


def _embedded(trained) -> tuple[list[str], str]:
    metrics = trained.metrics
    lines = [
        f"{trained.folder}: judged on {counted(metrics['num_people_validation'], 'person', 'people')}, "
        f"{counted(metrics['num_validation'], 'image')}, {metrics['seconds']:.1f} s",
        f"{'':<14}{'EER':>8}  {'accepted at an FMR of 0.1 %':<30}{'missed at an FPIR of 1 %: cosines, normalized':<45}",
    ]
    for name, judged in metrics["held_out"].items():
        rate, missed = judged["tar_at_fmr"]["0.001"], judged["fnir_at_fpir"]
        accepted = f"{rate['value']:.2%} ({rate['low']:.2%} to {rate['high']:.2%})"
        searched = f"{judged['fnir_of_cosines']:.1%}, {missed['0.01']['value']:.1%}" if missed else "not judged"
        mark = "  kept" if name == metrics["kept"] else ""
        lines.append(f"{name.replace('_', '-'):<14}{judged['eer']:>8.2%}  {accepted:<30}{searched}{mark}")
    return lines, "curves, distances and alarms"


def _segmented(trained) -> tuple[list[str], str]:
    metrics = trained.metrics
    judged = f"{trained.folder}: judged on {counted(metrics['num_validation'], 'picture')}, {metrics['seconds']:.1f} s"
    lines = [judged]
    for name, figures in metrics.get("sets", {"": metrics}).items():
        lines += [f"{name}, {counted(figures['num_images'], 'picture')}:"] if name else []
        lines.append(f"pixel accuracy {figures['pixel_accuracy']:.2%}, mean IoU {figures['mean_iou']:.3f}")
        rates = (f"{part} {value:.3f}" if value is not None else f"{part} -" for part, value in figures["iou"].items())
        lines.append(f"IoU: {', '.join(rates)}")
    return lines, "curves and the worst masks"
