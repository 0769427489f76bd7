"""Thresholds from measured error rates: which score to ask for so that strangers match no more often than agreed."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what was measured there.

    Attributes:
        fmr: False match rate asked for, a fraction.
        fmr_low: Lower end of the 95 % interval of the false match rate at the threshold.
        fmr_high: Upper end.
        threshold: Score from which two faces are called a match.
        fnmr: Share of genuine pairs refused at the threshold.
        data: What was measured on.
        num_impostor: Impostor pairs measured.
        num_genuine: Genuine pairs measured.
        date: Day of the measurement.
    """

    fmr: float
    fmr_low: float
    fmr_high: float
    threshold: float
    fnmr: float
    data: str
    num_impostor: int
    num_genuine: int
    date: str

    def to_dict(self) -> dict:
        """Returns the point as JSON-ready values."""
        return asdict(self)


def operating_point(fingerprint: str, fmr: float) -> OperatingPoint:
    """Returns the operating point of an embedder at a false match rate.

    Between the measured rates, everything is interpolated over the logarithm of the rate.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`.
        fmr: The rate, a fraction.

    Raises:
        ValueError: If nothing was measured for this embedder, or not at this rate.
    """
    measured = _measurements().get(fingerprint)
    if measured is None:
        raise ValueError(f"No error rates were measured for this embedder. Received: fingerprint={fingerprint!r}.")
    points = sorted(measured["points"], key=lambda point: point["fmr"])
    lowest, highest = points[0]["fmr"], points[-1]["fmr"]
    if not lowest <= fmr <= highest:
        raise ValueError(
            f"Thresholds were measured for false match rates from {lowest:g} to {highest:g}. Received: fmr={fmr:g}."
        )
    at = np.log([point["fmr"] for point in points])
    values = {
        key: float(np.interp(np.log(fmr), at, [point[key] for point in points]))
        for key in ("fmr_low", "fmr_high", "threshold", "fnmr")
    }
    source = {key: measured[key] for key in ("data", "num_impostor", "num_genuine", "date")}
    return OperatingPoint(fmr=fmr, **values, **source)


@cache
def _measurements() -> dict:
    text = resources.files("kerasface.faces").joinpath("operating_points.json").read_text(encoding="utf-8")
    return json.loads(text)
