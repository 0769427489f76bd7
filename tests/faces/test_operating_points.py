"""Thresholds: shipped for the embedders there are, consistent, and refused where nothing was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces import operating_points
from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.operating_points import operating_point, search_point
from kerasface.models.face_resnet import VIEWS

MEASURED = operating_points._measurements()
FINGERPRINTS = sorted(MEASURED)


@pytest.mark.parametrize("views", VIEWS)
def test_every_embedder_has_operating_points(views):
    point = operating_point(FaceEmbedder(views=views, precision="float32").fingerprint, 0.001)
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


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_shipped_searches_are_consistent(fingerprint):
    """As more strangers may be taken for somebody, thresholds fall and fewer known faces are missed."""
    search = MEASURED[fingerprint]["search"]
    assert (np.diff(search["fpirs"]) > 0).all()
    assert (np.diff([row["gallery_size"] for row in search["galleries"]]) > 0).all()
    for row in search["galleries"]:
        assert (np.diff(row["threshold"]) < 0).all()
        assert (np.diff(row["fnir"]) <= 0).all()
        assert (np.array(row["fpir_low"]) <= search["fpirs"]).all()
        assert (search["fpirs"] <= np.array(row["fpir_high"])).all()
    # The rarest rate is one that so many strangers can show.
    assert 3 / (search["num_people"] - search["galleries"][-1]["gallery_size"]) < search["fpirs"][0]


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_a_measured_search_gives_what_was_measured(fingerprint):
    search = MEASURED[fingerprint]["search"]
    for row in search["galleries"]:
        for column, fpir in enumerate(search["fpirs"]):
            point = search_point(fingerprint, fpir, row["gallery_size"])
            for key in ("threshold", "fnir", "fpir_low", "fpir_high"):
                assert getattr(point, key) == pytest.approx(row[key][column], abs=1e-9)
            assert point.num_people == search["num_people"]


def test_a_gallery_of_one_person_is_a_verification():
    one, pair = search_point(FINGERPRINTS[0], 0.01, 1), operating_point(FINGERPRINTS[0], 0.01)
    assert (one.threshold, one.fnir, one.fpir_high) == (pair.threshold, pair.fnmr, pair.fmr_high)


def test_searches_between_and_beyond_the_measured_sizes(monkeypatch):
    """Thresholds 0.1, 0.2, 0.3, 0.4 at sizes 10, 100, 1000, 10000: a tenth for every factor of ten."""
    rows = [
        {
            "gallery_size": 10 ** (step + 1),
            "threshold": [0.1 * (step + 1)],
            "fnir": [0.2],
            "fpir_low": [0],
            "fpir_high": [1],
        }
        for step in range(4)
    ]
    made_up = {"data": "made up", "date": "2026-01-01", "search": {"num_people": 9, "fpirs": [0.01], "galleries": rows}}
    monkeypatch.setattr(operating_points, "_measurements", lambda: {"ours": made_up})
    assert search_point("ours", 0.01, 316).threshold == pytest.approx(0.25, abs=1e-3)
    assert search_point("ours", 0.01, 5).threshold == pytest.approx(0.1)
    beyond = search_point("ours", 0.01, 100_000)
    assert (beyond.threshold, beyond.measured_size) == (pytest.approx(0.5), 10_000)


def test_searches_that_were_not_measured_are_refused():
    with pytest.raises(ValueError, match=r"from 0\.003 to 0\.1\. Received: fpir=0\.001"):
        search_point(FINGERPRINTS[0], 0.001, 100)
    with pytest.raises(ValueError, match="gallery_size=0"):
        search_point(FINGERPRINTS[0], 0.01, 0)
    with pytest.raises(ValueError, match=r"No error rates were measured.*'another'"):
        search_point("another", 0.01, 100)
