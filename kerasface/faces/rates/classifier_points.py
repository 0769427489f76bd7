"""The default threshold of face classifiers that were trained without strangers, with what was measured there."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np

_MEASURES = (
    *("threshold", "unknown_accepted", "unknown_accepted_low", "unknown_accepted_high"),
    *("known_accepted", "known_correct", "num_unknown", "num_known"),
)


@dataclass(frozen=True)
class ClassifierPoint:
    """A threshold on the cosine to the nearest class's mean embedding, and what was measured there on other people.

    Attributes:
        threshold: Cosine from which a face counts as somebody known.
        false_accept_asked: Share of strangers asked to be accepted at most.
        unknown_accepted: Share accepted, measured.
        unknown_accepted_low: Lower end of its 95 % interval.
        unknown_accepted_high: Upper end.
        alike_accepted: Share of strangers accepted where all photos were taken at one place; `None` for more people
            than that was measured with.
        known_accepted: Share of photos of known people accepted, whatever name they get.
        known_correct: Share of them accepted under their own name.
        num_unknown: Strangers measured, one photo each.
        num_known: Photos of known people measured.
        num_classes: People that the classifier knows.
        photos: Photos that each of them is known by, on average.
        data: What was measured on.
        alike: The photos taken at one place.
        date: Day of the measurement.
    """

    threshold: float
    false_accept_asked: float
    unknown_accepted: float
    unknown_accepted_low: float
    unknown_accepted_high: float
    alike_accepted: float | None
    known_accepted: float
    known_correct: float
    num_unknown: int
    num_known: int
    num_classes: int
    photos: float
    data: str
    alike: str
    date: str

    def to_dict(self) -> dict:
        """Returns the point as JSON-ready values."""
        return asdict(self)


def classifier_point(fingerprint: str, num_classes: int, photos: float) -> ClassifierPoint | None:
    """Returns the default threshold of a classifier by mean embeddings.

    Between what was measured, everything is interpolated over the logarithms of the numbers of people and of photos;
    fewer or more photos than measured count as the nearest number.

    Args:
        fingerprint: `embedder_fingerprint(views)` of its embeddings.
        num_classes: People that it knows.
        photos: Photos that each of them is known by, on average.

    Returns:
        The point; `None` where nothing was measured for this embedder or so many people.
    """
    measured = _measurements().get(fingerprint)
    sizes = sorted({row["num_classes"] for row in measured["rows"]}) if measured else []
    if not sizes or not sizes[0] <= num_classes <= sizes[-1]:
        return None

    def value(name: str) -> float | None:
        found = []
        for size in sizes:
            rows = [row for row in measured["rows"] if row["num_classes"] == size and row[name] is not None]
            if not rows:
                return float(_between(found, num_classes)) if num_classes <= found[-1][0] else None
            found.append((size, _between([(row["photos"], row[name]) for row in rows], photos)))
        return float(_between(found, num_classes))

    values = {name: value(name) for name in _MEASURES}
    counts = {name: int(values[name]) for name in ("num_unknown", "num_known")}
    source = {name: measured[name] for name in ("false_accept_asked", "data", "alike", "date")}
    return ClassifierPoint(
        **{**values, **counts, **source}, alike_accepted=value("alike_accepted"), num_classes=num_classes, photos=photos
    )


def _between(points: list[tuple[float, float]], at: float) -> float:
    """The value at `at`, between `(number, value)` pairs with rising numbers, over their logarithms."""
    numbers, values = zip(*points, strict=True)
    return np.interp(np.log(max(at, 1)), np.log(numbers), values)


@cache
def _measurements() -> dict:
    text = resources.files("kerasface.faces.rates").joinpath("classifier_points.json").read_text(encoding="utf-8")
    return json.loads(text)
