"""Thresholds from measured error rates: which score to ask for so that strangers match no more often than agreed.

`operating_point` is for two photos (1:1), `search_point` for a face and a gallery (1:N). Thresholds are on the
normalized score (`kerasface.evaluation.normalization`). Rates that hold for some people do not for others, so each
threshold was measured on several populations, and is the one that holds in the worst of them
(`benchmarks/operating_points.py` says how).
"""

import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources

import numpy as np

from kerasface.evaluation.calibration import ScoreCalibration

_ADDED: dict[str, dict] = {}  # what was measured of embedders that were loaded, by their fingerprints


class NotCalibratedError(ValueError):
    """No error rates were measured for an embedder: it gives scores and ranks, and nothing is decided by them."""


def add_measurements(fingerprint: str, measured: dict) -> None:
    """Makes known what was measured of an embedder that does not ship.

    Args:
        fingerprint: Of the embedder.
        measured: As an entry of `operating_points.json`; `search` and `calibration` may be missing.
    """
    _ADDED[fingerprint] = measured


def known_rates(fingerprint: str) -> dict:
    """Returns what was measured of an embedder, as an entry of `operating_points.json`; empty where nothing was."""
    return _measurements().get(fingerprint) or _ADDED.get(fingerprint, {})


@dataclass(frozen=True)
class PopulationRate:
    """What was measured at a threshold on people of one kind. Intervals are of 95 %, by resampling people.

    Attributes:
        name: The population's, such as `"gtech"`.
        description: Who they are, in words that follow "people of" or "of".
        num_people: People it has.
        num_impostor: Pairs of photos of two people.
        num_genuine: Pairs of photos of one person; 0 where nobody knows who is on a photo.
        fmr: Share of impostor pairs that match.
        fmr_low: Lower end of its interval.
        fmr_high: Upper end.
        fnmr: Share of genuine pairs that do not match; `None` where there are none.
        fnmr_low: Lower end of its interval.
        fnmr_high: Upper end.
    """

    name: str
    description: str
    num_people: int
    num_impostor: int
    num_genuine: int
    fmr: float
    fmr_low: float
    fmr_high: float
    fnmr: float | None
    fnmr_low: float | None
    fnmr_high: float | None


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold and what was measured there.

    Attributes:
        fmr: False match rate asked for, a fraction.
        threshold: Normalized score from which two faces are called a match.
        populations: What was measured at the threshold, LFW first.
        cohort: Digest of the cohort that normalizes the scores.
        date: Day of the measurement.
        detector: Fingerprint of what found the faces; empty where that was not kept.
        own: How the threshold was moved for people of one's own; empty where it was not, or they are the population.
    """

    fmr: float
    threshold: float
    populations: tuple[PopulationRate, ...]
    cohort: str
    date: str
    detector: str = ""
    own: str = ""

    @property
    def main(self) -> PopulationRate:
        """The largest population: LFW."""
        return self.populations[0]

    @property
    def worst(self) -> PopulationRate:
        """The population in which most strangers match."""
        return max(self.populations, key=lambda population: population.fmr)

    @property
    def fnmr(self) -> float:
        """Share of genuine pairs of LFW that do not match."""
        return self.main.fnmr

    @property
    def measured_text(self) -> str:
        """What was measured, for people: the rate of LFW, and of whom it is highest, if that is somebody else."""
        told = [self.main] + [self.worst] * (self.worst is not self.main)
        measured = ", ".join(
            f"{rate_text(one.fmr)} (95 % interval {rate_text(one.fmr_low)} to {rate_text(one.fmr_high)}) on "
            f"{one.num_people:,} {one.description}"
            for one in told
        )
        return f"{rate_text(self.fmr)} asked; measured {measured}{self.own}"

    def to_dict(self) -> dict:
        """Returns the point as JSON-ready values; beside the populations the figures of the main one, and its words."""
        main = self.main
        return {
            "fmr": self.fmr,
            "threshold": self.threshold,
            "fmr_measured": main.fmr,
            "fmr_low": main.fmr_low,
            "fmr_high": main.fmr_high,
            "fnmr": main.fnmr,
            "data": f"{main.num_people:,} {main.description}",
            "num_impostor": main.num_impostor,
            "num_genuine": main.num_genuine,
            "populations": [asdict(population) for population in self.populations],
            "measured": self.measured_text,
            "cohort": self.cohort,
            "date": self.date,
            "detector": self.detector,
        }


def operating_point(fingerprint: str, fmr: float) -> OperatingPoint:
    """Returns the operating point of an embedder at a false match rate.

    Between the measured rates, everything is interpolated over the logarithm of the rate.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`.
        fmr: The rate, a fraction.

    Raises:
        NotCalibratedError: If nothing was measured for this embedder.
        ValueError: If nothing was measured at this rate.
    """
    measured = _measured(fingerprint)
    points = sorted(measured["points"], key=lambda point: point["fmr"])
    asked, thresholds, rates = (
        np.array([point[key] for point in points], dtype=float) for key in ("fmr", "threshold", "measured")
    )
    if not asked[0] <= fmr <= asked[-1]:
        raise ValueError(
            f"Thresholds were measured for false match rates from {asked[0]:g} to {asked[-1]:g}. Received: fmr={fmr:g}."
        )

    def at(values: np.ndarray) -> float | None:
        return None if np.isnan(values).any() else float(np.interp(np.log(fmr), np.log(asked), values))

    return OperatingPoint(
        fmr=fmr,
        threshold=at(thresholds),
        populations=tuple(
            PopulationRate(**about, **{name: at(rates[:, row, place]) for place, name in enumerate(_RATES)})
            for row, about in enumerate(measured["populations"])
        ),
        cohort=measured["cohort"],
        date=measured["date"],
        detector=measured.get("detector", ""),
    )


@dataclass(frozen=True)
class SearchPoint:
    """A threshold on the normalized score of a search in a gallery, and what was measured there.

    Attributes:
        fpir: False positive identification rate asked for: the share of strangers who are taken for somebody.
        fpir_measured: The rate measured at the threshold, on LFW.
        fpir_low: Lower end of its 95 % interval.
        fpir_high: Upper end.
        threshold: Normalized score from which somebody is named.
        fnir: Share of known faces that are not named there, with one photo enrolled of each person.
        gallery_size: Number of people in the gallery.
        measured_size: Largest gallery that was measured; above it thresholds are continued, not measured.
        data: What was measured on.
        num_people: People it had.
        date: Day of the measurement.
        detector: Fingerprint of what found the faces; empty where that was not kept.
        own: How the threshold was moved for people of one's own, a sentence; the rates are those at the shipped one.
    """

    fpir: float
    fpir_measured: float
    fpir_low: float
    fpir_high: float
    threshold: float
    fnir: float
    gallery_size: int
    measured_size: int
    data: str
    num_people: int
    date: str
    detector: str = ""
    own: str = ""

    def to_dict(self) -> dict:
        """Returns the point as JSON-ready values."""
        told = asdict(self)
        return told if self.own else {key: value for key, value in told.items() if key != "own"}


def search_point(fingerprint: str, fpir: float, gallery_size: int) -> SearchPoint:
    """Returns the operating point of a search at a false positive identification rate.

    Between what was measured, everything is interpolated over the logarithms of rate and gallery size. The search among
    one person is a verification.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`.
        fpir: The rate, a fraction.
        gallery_size: Number of people in the gallery, at least 1.

    Raises:
        NotCalibratedError: If nothing was measured for this embedder.
        ValueError: If nothing was measured at this rate, or the gallery is empty.
    """
    if gallery_size < 1:
        raise ValueError(f"A search needs a gallery of one person or more. Received: gallery_size={gallery_size}.")
    measured = _measured(fingerprint)
    if not (search := measured.get("search")):
        raise NotCalibratedError("Thresholds of searches were not measured for this embedder, those of pairs only.")
    rates = np.array(search["fpirs"])  # ascending
    if not rates[0] <= fpir <= rates[-1]:
        raise ValueError(
            f"Thresholds of searches were measured for rates from {rates[0]:g} to {rates[-1]:g}. "
            f"Received: fpir={fpir:g}."
        )
    rows = search["galleries"]
    if gallery_size == 1:
        point = operating_point(fingerprint, fpir)
        values = {
            "fpir_measured": point.main.fmr,
            "fpir_low": point.main.fmr_low,
            "fpir_high": point.main.fmr_high,
            "threshold": point.threshold,
            "fnir": point.fnmr,
        }
    else:
        sizes = np.log([row["gallery_size"] for row in rows])
        values = {
            key: float(_along(sizes, [np.interp(np.log(fpir), np.log(rates), row[key]) for row in rows], gallery_size))
            for key in ("fpir_measured", "fpir_low", "fpir_high", "threshold", "fnir")
        }
    return SearchPoint(
        fpir=fpir,
        **values,
        gallery_size=gallery_size,
        measured_size=rows[-1]["gallery_size"],
        data=search["data"],
        num_people=search["num_people"],
        date=measured["date"],
        detector=measured.get("detector", ""),
    )


def pair_calibration(fingerprint: str) -> ScoreCalibration | None:
    """Returns what turns a normalized score of two faces into the probability that they show one person.

    It assumes that every second pair does. `None` if it was not measured.
    """
    return _calibration(known_rates(fingerprint).get("calibration"))


def search_calibration(fingerprint: str) -> ScoreCalibration | None:
    """Returns what turns the best normalized score of a search into the probability that it names the right person.

    The curve is of the score above the threshold for FPIR 1 % at the gallery's size, which hardly depends on the size;
    it assumes that every second face is of somebody enrolled. `None` if it was not measured.
    """
    return _calibration(known_rates(fingerprint).get("search", {}).get("calibration"))


def rate_text(value: float) -> str:
    """Returns a rate as text, such as `0.02 %`."""
    percent = 100 * value
    return "0 %" if percent == 0 else f"{percent:.2g} %" if percent >= 1e-4 else f"{percent:.0e} %"


_RATES = ("fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")


def _calibration(values: dict | None) -> ScoreCalibration | None:
    return None if values is None else ScoreCalibration.from_dict(values)


def _along(log_sizes: np.ndarray, values: list, gallery_size: int) -> float:
    """Interpolates over the logarithm of the size; above the largest one the slope of the last doublings goes on."""
    at = np.log(gallery_size)
    if at <= log_sizes[-1]:
        return np.interp(at, log_sizes, values)
    start = max(-4, -len(values))
    slope = (values[-1] - values[start]) / (log_sizes[-1] - log_sizes[start]) if len(values) > 1 else 0.0
    return values[-1] + slope * (at - log_sizes[-1])


def _measured(fingerprint: str) -> dict:
    if not (measured := known_rates(fingerprint)):
        raise NotCalibratedError(
            "No error rates were measured for this embedder: it gives scores and ranks, no decision. "
            f"`kerasface embedders calibrate NAME` measures them. Received: fingerprint={fingerprint!r}."
        )
    return measured


@cache
def _measurements() -> dict:
    text = resources.files("kerasface.faces.rates").joinpath("operating_points.json").read_text(encoding="utf-8")
    return json.loads(text)
