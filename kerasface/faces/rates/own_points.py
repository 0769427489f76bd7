"""Thresholds of one's own: what people of the user's kind need, kept with a gallery, and what a gallery decides by."""

import base64
import io
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from kerasface.evaluation.normalization import COSINES, Cosines, Normalizer
from kerasface.evaluation.people_rates import PeopleRate, ThresholdRates
from kerasface.faces.detection import same_detection
from kerasface.faces.rates.basis import basis_doubt
from kerasface.faces.rates.cohorts import CohortError, normalizer_of, read_part
from kerasface.faces.rates.operating_points import (
    OperatingPoint,
    PopulationRate,
    SearchPoint,
    operating_point,
    rate_text,
    search_point,
)
from kerasface.terminal.words import counted

_DROP = (
    "`kerasface people thresholds --forget` drops them, `kerasface evaluate population DIR --keep` measures new ones."
)


class KeepsPoints(Protocol):
    """What of a gallery is asked for here."""

    embedder: str

    def own_points(self) -> dict | None:
        """Returns what `OwnPoints.to_dict` gave; `None` if nothing is kept."""


@dataclass(frozen=True, eq=False)
class OwnPoints:
    """Thresholds measured on people of the user's kind.

    Attributes:
        name: Whose they are: the folder's name.
        embedder: Fingerprint of the embedder.
        cohort: Digest of the shipped cohort that they were measured with.
        num_people: How many people.
        num_photos: Theirs.
        num_impostor: Pairs of photos of two people.
        num_genuine: Pairs of photos of one.
        date: Day of the measurement, `YYYY-MM-DD`.
        rates: What was measured at the threshold for each false match rate that so many pairs support.
        part: A part drawn for these people, the bytes of `cohorts.part_to_file`, which stands beside the shipped cohort
            and with which the rates were measured by halves; empty if there is none.
        detector: Fingerprint of what found the faces; empty where that was not kept.
    """

    name: str
    embedder: str
    cohort: str
    num_people: int
    num_photos: int
    num_impostor: int
    num_genuine: int
    date: str
    rates: dict[float, ThresholdRates]
    part: bytes = b""
    detector: str = ""

    def to_dict(self) -> dict:
        """Returns the points as JSON-ready values."""
        rates = {str(asked): at.to_dict() for asked, at in self.rates.items()}
        return asdict(self) | {"rates": rates, "part": base64.b64encode(self.part).decode("ascii")}

    @classmethod
    def from_dict(cls, values: dict) -> "OwnPoints":
        """Reads what `to_dict` gave.

        Raises:
            ValueError: If it is something else, or the part was altered.
        """
        try:
            rates = {
                float(asked): ThresholdRates(float(at["threshold"]), PeopleRate(**at["fmr"]), PeopleRate(**at["fnmr"]))
                for asked, at in values["rates"].items()
            }
            found = cls(**values | {"rates": rates, "part": base64.b64decode(values["part"], validate=True)})
            if not rates or not np.isfinite([at.threshold for at in rates.values()]).all():
                raise ValueError("a threshold is missing")
            found.normalizer(normalizer_of(found.embedder))
        except (AttributeError, KeyError, TypeError, ValueError, CohortError) as error:
            raise ValueError(f"The thresholds of one's own were altered or are none: {error}. {_DROP}") from error
        return found

    @property
    def people_text(self) -> str:
        """Whose they are, for people."""
        return f"{counted(self.num_people, 'person', 'people')} of one's own ({self.name})"

    def refusal(self, fingerprint: str) -> str:
        """Returns why they are not used with an embedder, a sentence; empty where they are."""
        shipped = normalizer_of(fingerprint)
        if fingerprint != self.embedder:
            other = "another embedder"
        elif (shipped.digest if shipped else "") != self.cohort:
            other = "another cohort than this KerasFace ships"
        else:
            return ""
        return f"The thresholds of {self.people_text}, of {self.date}, are not used: they hold for {other}. {_DROP}"

    def normalizer(self, shipped: Normalizer | None) -> Normalizer | None:
        """Returns what normalizes scores: the shipped cohort with the part beside it."""
        return _beside(shipped, self.part) if self.part and shipped else shipped

    def shift(self, fmr: float) -> float:
        """Returns how much higher than the shipped threshold the own one for a false match rate is.

        Between the measured rates it is interpolated over the logarithm of the rate. Below the strictest one that so
        many pairs support, the threshold is raised as there, never lowered.
        """
        asked = sorted(self.rates)
        shifts = [self.rates[rate].threshold - operating_point(self.embedder, rate).threshold for rate in asked]
        return max(shifts[0], 0.0) if fmr < asked[0] else float(np.interp(np.log(fmr), np.log(asked), shifts))

    def population(self, fmr: float) -> PopulationRate | None:
        """Returns what was measured at the own threshold for a rate; `None` for one outside those measured."""
        asked = sorted(self.rates)
        if not asked[0] <= fmr <= asked[-1]:
            return None

        def at(values: list[float | None]) -> float | None:
            return None if None in values else float(np.interp(np.log(fmr), np.log(asked), values))

        rates = {
            f"{kind}{end}": at([getattr(getattr(self.rates[rate], kind), name) for rate in asked])
            for kind in ("fmr", "fnmr")
            for end, name in (("", "value"), ("_low", "low"), ("_high", "high"))
        }
        about = f"people of one's own ({self.name})"
        return PopulationRate("own", about, self.num_people, self.num_impostor, self.num_genuine, **rates)

    def sentences(self) -> list[str]:
        """Returns whose points these are and what was measured at each, for people."""
        beside = ", with a part drawn after them beside the cohort, measured by halves" if self.part else ""
        told = [f"Thresholds of {self.people_text}, {counted(self.num_photos, 'photo')}, {self.date}{beside}."]
        for asked, at in self.rates.items():
            fmr, fnmr = (
                f"{rate_text(rate.value)} (95 % interval {rate_text(rate.low)} to {rate_text(rate.high)})"
                if rate.value is not None
                else "not to be told"
                for rate in (at.fmr, at.fnmr)
            )
            shipped = operating_point(self.embedder, asked).threshold
            told.append(
                f"{rate_text(asked)} asked: threshold {at.threshold:.3f} (shipped: {shipped:.3f}); measured {fmr}, "
                f"missed {fnmr}."
            )
        return told


@dataclass(frozen=True, eq=False)
class Points:
    """What a gallery decides by.

    Attributes:
        embedder: Fingerprint of its embedder.
        normalizer: What normalizes scores; `Cosines` for an embedder without a cohort.
        own: Thresholds of one's own that are in use; `None`: those that ship are.
        refusal: Why thresholds of one's own that the gallery keeps are not used, a sentence, or empty.
    """

    embedder: str
    normalizer: Normalizer | Cosines
    own: OwnPoints | None = None
    refusal: str = ""

    @property
    def text(self) -> str:
        """Whose thresholds of one's own decide, or why they do not, a sentence; empty where the gallery keeps none."""
        if self.own is None:
            return self.refusal
        return f"The thresholds of {self.own.people_text}, measured on {self.own.date}, decide."

    def score_text(self, score: float, normalized: float, threshold: float, needed: str = "needed") -> str:
        """Returns a score and what it has to reach, in words: the normalized score, or the cosine where that decides.

        Args:
            score: The cosine.
            normalized: The normalized score.
            threshold: What has to be reached.
            needed: What stands behind the threshold.
        """
        if isinstance(self.normalizer, Cosines):
            return f"cosine {score:.3f}, {threshold:.3f} {needed}"
        return f"normalized score {normalized:.2f}, {threshold:.2f} {needed} (cosine {score:.3f})"

    def basis_doubt(self, detector: str) -> str:
        """Says where faces are found otherwise than when the rates were measured, as `basis.basis_doubt`."""
        own = self.own.detector if self.own else ""
        if own and detector and not same_detection(own, detector):
            return (
                f" The thresholds of {self.own.people_text} were measured on faces found by {own}, and this is "
                f"{detector}: whether they hold is not known. {_DROP}"
            )
        return basis_doubt(self.embedder, detector)

    def operating_point(self, fmr: float) -> OperatingPoint:
        """Returns the operating point of two photos, as `operating_points.operating_point`."""
        shipped = operating_point(self.embedder, fmr)
        if self.own is None:
            return shipped
        measured, shift = self.own.population(fmr), self.own.shift(fmr)
        populations = shipped.populations if measured is None else (measured,)
        return replace(
            shipped,
            threshold=shipped.threshold + shift,
            populations=populations,
            date=self.own.date if measured else shipped.date,
            detector=self.own.detector if measured else shipped.detector,
            own="" if measured or not shift else f"; the threshold is {shift:+.2f}, by {self.own.people_text}",
        )

    def search_point(self, fpir: float, gallery_size: int) -> SearchPoint:
        """Returns the operating point of a search, as `operating_points.search_point`.

        The shipped threshold is raised as that of a pair is at FPIR / people in the gallery, and never lowered. Chosen
        by halves, 1 % asked (`benchmarks/own_thresholds.py`). LFW's people with faces of 24 pixels, for whom thresholds
        of pairs rise: before 6, 50 and 200 of them 2.2, 3.0 and 3.7 % of strangers like them got a name with the
        shipped threshold, 1.2, 1.1 and 1.0 % with the raised one, and FNIR rose from 15, 33, 45 to 24, 45, 59 %.
        Georgia Tech, for whom they fall: moved both ways, 5.8 % of the students got a name among 826 people of LFW
        instead of 1.6 %, as pairs of 12 people tell nothing of so low a rate. The own threshold of a pair, continued
        along the shipped curve to FPIR / people, was the same within 0.1 points of FPIR and 1 of FNIR.
        """
        shipped = search_point(self.embedder, fpir, gallery_size)
        if self.own is None:
            return shipped
        rate = fpir / gallery_size
        shift = max(0.0, self.own.shift(rate))
        nearest = min(self.own.rates, key=lambda asked: abs(np.log(asked / rate)))
        moved = (
            f"is {shift:.2f} higher than the shipped one, whose rates stand before"
            if shift
            else "stays the shipped one"
        )
        told = f"For pairs {self.operating_point(nearest).measured_text}: the threshold {moved}."
        return replace(shipped, threshold=shipped.threshold + shift, own=told)


def points_of(gallery: KeepsPoints) -> Points:
    """Returns normalizer and thresholds that a gallery decides by: its own, or those that ship.

    Raises:
        ValueError: If what it keeps was altered.
    """
    kept = gallery.own_points()
    return shipped_points(gallery.embedder) if kept is None else _own(gallery.embedder, OwnPoints.from_dict(kept))


def shipped_points(fingerprint: str) -> Points:
    """Returns the normalizer and the thresholds that ship for an embedder.

    Args:
        fingerprint: `FaceEmbedder.fingerprint`.
    """
    return Points(fingerprint, normalizer_of(fingerprint) or COSINES)


def extended(shipped: Normalizer, part: np.ndarray, name: str) -> Normalizer:
    """Returns a normalizer with a part of a cohort beside the one that ships.

    Args:
        shipped: The one that ships.
        part: Unit embeddings of nobody, `(n, embedding_dim)`.
        name: What to tell it by from others.
    """
    return replace(shipped, cohort=np.concatenate([shipped.cohort, part]), digest=f"{shipped.digest}+{name}")


@lru_cache(maxsize=4)  # a gallery's is asked for after every change of it, and takes 50 ms to read
def _beside(shipped: Normalizer, content: bytes) -> Normalizer:
    card, part = read_part(io.BytesIO(content), "The part of a cohort")
    return extended(shipped, part, card.sha256[:12])


def _own(fingerprint: str, own: OwnPoints) -> Points:
    shipped = normalizer_of(fingerprint)
    if refusal := own.refusal(fingerprint):
        return Points(fingerprint, shipped or COSINES, refusal=refusal)
    return Points(fingerprint, own.normalizer(shipped) or COSINES, own)
