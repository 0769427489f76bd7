"""What was measured of a run that embeds: `rates.json` next to its model, known from the moment it is loaded."""

from pathlib import Path

from kerasface.evaluation.normalization import Normalizer
from kerasface.faces.rates.basis import basis_doubt
from kerasface.faces.rates.cohorts import CohortError, add_normalizer, read_part
from kerasface.faces.rates.operating_points import (
    add_measurements,
    operating_point,
    pair_calibration,
    search_calibration,
    search_point,
)
from kerasface.files.parsing import json_of
from kerasface.runs.store import RunError

RATES_FILE, COHORT_FILE = "rates.json", "cohort.npz"  # in the folder of a run: what was measured of it
_NUM_BEST = 300
_MAX_RATES_BYTES = 2**24


def make_known(folder: Path, fingerprint: str) -> None:
    """Takes over what was measured of an embedder."""
    path = folder / RATES_FILE
    if not path.is_file():
        return
    if path.stat().st_size > _MAX_RATES_BYTES:
        raise RunError(f"{path} is larger than {_MAX_RATES_BYTES} bytes: no error rates of KerasFace.")
    try:
        measured = json_of(path.read_text(encoding="utf-8"))
        if measured["embedder"] != fingerprint:
            return  # they are of a model that stood here before
        normalizer = _cohort_of(folder) if measured["cohort"] else None
        if normalizer is not None and normalizer.digest != measured["cohort"]:
            raise ValueError(f"{folder / COHORT_FILE} is another cohort than they were measured with")
        add_measurements(fingerprint, measured)
        _try_out(fingerprint, measured)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, CohortError) as error:
        add_measurements(fingerprint, {})
        raise RunError(
            f"{path} holds no error rates: {error}. `kerasface embedders calibrate` measures them."
        ) from error
    add_normalizer(fingerprint, normalizer)


def _cohort_of(folder: Path) -> Normalizer:
    card, part = read_part(folder / COHORT_FILE)
    best = min(_NUM_BEST, len(part) // 2)
    return Normalizer(part, best, f"{card.sha256[:12]}-{best}")


def _try_out(fingerprint: str, measured: dict) -> None:
    """Asks for everything once, so that a file that was changed by hand is refused now and not when it decides."""
    for point in [measured["points"][0], *measured["points"]]:
        operating_point(fingerprint, point["fmr"]).to_dict()
    for fpir in measured.get("search", {}).get("fpirs", ()):
        search_point(fingerprint, fpir, 7).to_dict()
    pair_calibration(fingerprint), search_calibration(fingerprint)
    basis_doubt(fingerprint, measured.get("detector", ""))
