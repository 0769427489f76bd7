"""Thresholds: shipped for the embedders there are, consistent, and refused where nothing was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces import operating_points
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.operating_points import operating_point

MEASURED = operating_points._measurements()
FINGERPRINTS = sorted(MEASURED)


@pytest.mark.parametrize("mirror", [True, False])
def test_every_embedder_has_operating_points(mirror):
    point = operating_point(FaceEmbedder(mirror=mirror, precision="float32").fingerprint, 0.001)
    assert point.fmr == 0.001
    assert -1 < point.threshold < 1


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_shipped_measurements_are_consistent(fingerprint):
    """Thresholds fall and refusals grow rarer as more false matches are allowed; intervals hold what they are for."""
    measured = MEASURED[fingerprint]
    columns = {key: np.array([point[key] for point in measured["points"]]) for key in measured["points"][0]}
    assert (np.diff(columns["fmr"]) > 0).all()
    assert (np.diff(columns["threshold"]) < 0).all()
    assert (np.diff(columns["fnmr"]) <= 0).all()
    assert (columns["fmr_low"] <= columns["fmr"]).all()
    assert (columns["fmr"] <= columns["fmr_high"]).all()
    assert ((columns["fnmr"] >= 0) & (columns["fnmr"] <= 1)).all()
    # A rate of which not even three false matches were seen says nothing.
    assert columns["fmr"].min() * measured["num_impostor"] >= 3


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_a_measured_rate_gives_what_was_measured(fingerprint):
    measured = MEASURED[fingerprint]
    for point in measured["points"]:
        given_back = operating_point(fingerprint, point["fmr"]).to_dict()
        for key, value in point.items():
            assert given_back[key] == pytest.approx(value, rel=1e-9)
        assert given_back["num_impostor"] == measured["num_impostor"]
        assert given_back["data"] == measured["data"]


@given(st.sampled_from(FINGERPRINTS), st.tuples(st.floats(-5, -1), st.floats(-5, -1)))
def test_a_lower_rate_never_lowers_the_threshold(fingerprint, exponents):
    # Ten to the ends of the range may fall outside by a rounding.
    strict, lax = (min(max(10**exponent, 1e-5), 0.1) for exponent in sorted(exponents))
    assert operating_point(fingerprint, strict).threshold >= operating_point(fingerprint, lax).threshold
    assert operating_point(fingerprint, strict).fnmr >= operating_point(fingerprint, lax).fnmr


def test_between_two_rates_the_logarithm_is_interpolated(monkeypatch):
    """0.001 lies halfway between 0.0001 and 0.01 in the logarithm."""
    ends = [
        {"fmr": 0.0001, "fmr_low": 0.0, "fmr_high": 0.0002, "threshold": 0.9, "fnmr": 0.4},
        {"fmr": 0.01, "fmr_low": 0.005, "fmr_high": 0.02, "threshold": 0.5, "fnmr": 0.2},
    ]
    source = {"data": "made up", "num_impostor": 10, "num_genuine": 5, "date": "2026-01-01"}
    monkeypatch.setattr(operating_points, "_measurements", lambda: {"ours": {**source, "points": ends[::-1]}})
    point = operating_point("ours", 0.001)
    assert point.threshold == pytest.approx(0.7)
    assert point.fnmr == pytest.approx(0.3)
    assert point.fmr_high == pytest.approx(0.0101)
    assert point.data == "made up"


@pytest.mark.parametrize("fmr", [0.0, -0.1, 9e-6, 0.11, 1.0, float("nan")])
def test_a_rate_that_was_not_measured_is_refused(fmr):
    with pytest.raises(ValueError, match=f"from 1e-05 to 0.1. Received: fmr={fmr:g}"):
        operating_point(FINGERPRINTS[0], fmr)


def test_an_unknown_embedder_has_no_thresholds():
    with pytest.raises(ValueError, match=r"No error rates were measured.*'another'"):
        operating_point("another", 0.001)
