"""Thresholds from measured error rates: which score to ask for so that strangers match no more often than agreed.

`operating_point` is for two photos (1:1), `search_point` for a face and a gallery (1:N).
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration


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
    measured = _measured(fingerprint)
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


@dataclass(frozen=True)
class SearchPoint:
    """A threshold on the normalised score of a search in a gallery, and what was measured there.

    Attributes:
        fpir: False positive identification rate asked for: the share of strangers who are taken for somebody.
        fpir_low: Lower end of the 95 % interval of that rate at the threshold.
        fpir_high: Upper end.
        threshold: Normalised score from which somebody is named; see `kerasface.evaluation.identification`.
        fnir: Share of known faces that are not named there, with one photo enrolled of each person.
        gallery_size: Number of people in the gallery.
        measured_size: Largest gallery that was measured; above it thresholds are continued, not measured.
        data: What was measured on.
        num_people: People it had.
        date: Day of the measurement.
    """

    fpir: float
    fpir_low: float
    fpir_high: float
    threshold: float
    fnir: float
    gallery_size: int
    measured_size: int
    data: str
    num_people: int
    date: str

    def to_dict(self) -> dict:
        """Returns the point as JSON-ready values."""
        return asdict(self)


def search_point(fingerprint: str, fpir: float, gallery_size: int) -> SearchPoint:
    """Returns the operating point of a search at a false positive identification rate.

    Between what was measured, everything is interpolated over the logarithms of rate and gallery size. In a gallery of
    one person there is nobody to compare with: the score is the cosine, and the threshold that of verification.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`.
        fpir: The rate, a fraction.
        gallery_size: Number of people in the gallery, at least 1.

    Raises:
        ValueError: If nothing was measured for this embedder, or not at this rate, or the gallery is empty.
    """
    if gallery_size < 1:
        raise ValueError(f"A search needs a gallery of one person or more. Received: gallery_size={gallery_size}.")
    measured = _measured(fingerprint)
    search = measured["search"]
    rates = np.array(search["fpirs"])  # ascending
    if not rates[0] <= fpir <= rates[-1]:
        raise ValueError(
            f"Thresholds of searches were measured for rates from {rates[0]:g} to {rates[-1]:g}. "
            f"Received: fpir={fpir:g}."
        )
    source = {"data": measured["data"], "num_people": search["num_people"], "date": measured["date"]}
    rows = search["galleries"]
    largest = rows[-1]["gallery_size"]
    if gallery_size == 1:
        point = operating_point(fingerprint, fpir)
        values = {
            "fpir_low": point.fmr_low,
            "fpir_high": point.fmr_high,
            "threshold": point.threshold,
            "fnir": point.fnmr,
        }
    else:
        sizes = np.log([row["gallery_size"] for row in rows])
        values = {
            key: float(_along(sizes, [np.interp(np.log(fpir), np.log(rates), row[key]) for row in rows], gallery_size))
            for key in ("fpir_low", "fpir_high", "threshold", "fnir")
        }
    return SearchPoint(fpir=fpir, **values, gallery_size=gallery_size, measured_size=largest, **source)


def pair_calibration(fingerprint: str) -> ScoreCalibration | None:
    """Returns what turns a score of two faces into the probability that they show one person; `None` if unmeasured."""
    return _calibration(_measurements().get(fingerprint, {}).get("calibration"))


def search_calibration(fingerprint: str) -> ScoreCalibration | None:
    """Returns what turns a normalised score into the probability that the person named is the right one.

    It assumes that every second face is of somebody enrolled. `None` if it was not measured.
    """
    return _calibration(_measurements().get(fingerprint, {}).get("search", {}).get("calibration"))


def _calibration(values: dict | None) -> ScoreCalibration | None:
    return None if values is None else ScoreCalibration.from_dict(values)


def _along(log_sizes: np.ndarray, values: list, gallery_size: int) -> float:
    """Interpolates over the logarithm of the size; above the largest one the slope of the last doublings goes on."""
    at = np.log(gallery_size)
    if at <= log_sizes[-1]:
        return np.interp(at, log_sizes, values)
    slope = (values[-1] - values[-4]) / (log_sizes[-1] - log_sizes[-4])
    return values[-1] + slope * (at - log_sizes[-1])


def _measured(fingerprint: str) -> dict:
    measured = _measurements().get(fingerprint)
    if measured is None:
        raise ValueError(f"No error rates were measured for this embedder. Received: fingerprint={fingerprint!r}.")
    return measured


@cache
def _measurements() -> dict:
    text = resources.files("kerasface.faces").joinpath("operating_points.json").read_text(encoding="utf-8")
    return json.loads(text)
