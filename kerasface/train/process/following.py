"""Where a training stands, from its log: for whoever follows it from another process."""

from collections.abc import Sequence
from dataclasses import dataclass, field

# Of each event the numbers without which nothing can be said of it; its stage stands beside them.
_NUMBERS = {
    "epoch": ("epoch",),
    "resumed": ("epoch",),
    "progress": ("time", "done", "total"),
    "steps": ("time", "epoch", "epochs", "step", "steps_per_epoch"),
}


@dataclass(frozen=True)
class Standing:
    """Where a training stands.

    Attributes:
        stage: `images`, `features`, `head`, `fine_tune` or `train`; `None` before anything was logged.
        done: Images or steps done of this stage.
        total: Images or steps of this stage in all.
        seconds_left: Until the end of this stage, at the speed so far; `None` while nobody can tell.
        epoch: The epoch it is in, from 1; 0 before the first.
        epochs: Epochs of this stage.
        history: Records of the epochs of all stages; the last one is of the steps so far where its epoch is not over,
            and has no `val_loss` then.
        images_per_second: As measured last.
        memory_mib: As measured last.
        start: What was said when the training began: recipe, device, numbers of images; empty before.
        warnings: Sentences.
        ended: What was said at the end, or `None`.
    """

    stage: str | None = None
    done: int = 0
    total: int = 0
    seconds_left: float | None = None
    epoch: int = 0
    epochs: int = 0
    history: tuple[dict, ...] = ()
    images_per_second: float | None = None
    memory_mib: float | None = None
    start: dict = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    ended: dict | None = None


def standing(events: Sequence[dict]) -> Standing:
    """Returns where a training stands.

    Args:
        events: Its log from the beginning, as `read_events` gives it. Where it was interrupted and resumed, what was
            done twice counts once. Lines that no training writes are passed over.
    """
    found: dict = {}
    epochs: dict[tuple, dict] = {}
    warnings: list[str] = []
    first = last = None  # time and number done, since the stage began or went on
    for event in filter(_is_sound, events):
        kind = event.get("event")
        if kind == "start":
            found |= {"start": event, "ended": None}
        elif kind in ("warning", "diverged"):
            warnings.append(str(event.get("text")))
        elif kind == "end":
            found["ended"] = event
        elif kind == "resumed":
            epochs = _before(epochs, event)
            first = last = None
        elif kind == "epoch":
            epochs[event["stage"], event["epoch"]] = event
        elif kind in ("progress", "steps"):
            if event["stage"] != found.get("stage"):
                first = None
            done = _done(event)
            first, last = first or (event["time"], done), (event["time"], done)
            found |= {"stage": event["stage"], "done": done, "total": _total(event)}
            if kind == "steps":
                epochs[event["stage"], event["epoch"]] = _without_judgement(event)
                found |= {name: event.get(name) for name in ("epoch", "epochs", "images_per_second", "memory_mib")}
    left = _seconds_left(first, last, found.get("total", 0))
    return Standing(**found, seconds_left=left, history=tuple(epochs.values()), warnings=tuple(dict.fromkeys(warnings)))


def _is_sound(event: dict) -> bool:
    kind = event.get("event")
    if not isinstance(kind, str) or kind not in _NUMBERS:
        return True
    numbers = (event.get(name) for name in _NUMBERS[kind])
    return isinstance(event.get("stage"), str) and all(isinstance(number, int | float) for number in numbers)


def _done(event: dict) -> int:
    if event["event"] == "progress":
        return event["done"]
    return (event["epoch"] - 1) * event["steps_per_epoch"] + event["step"]


def _total(event: dict) -> int:
    return event["total"] if event["event"] == "progress" else event["epochs"] * event["steps_per_epoch"]


def _without_judgement(event: dict) -> dict:
    return {name: value for name, value in event.items() if not name.startswith("val_")}


def _before(epochs: dict, resumed: dict) -> dict:
    """The epochs up to where a training went on: it logs the others again."""
    return {
        (stage, epoch): row
        for (stage, epoch), row in epochs.items()
        if stage != resumed["stage"] or epoch < resumed["epoch"]
    }


def _seconds_left(first: tuple | None, last: tuple | None, total: int) -> float | None:
    if first is None or last[1] <= first[1]:
        return None
    return max(0.0, (last[0] - first[0]) / (last[1] - first[1]) * (total - last[1]))
