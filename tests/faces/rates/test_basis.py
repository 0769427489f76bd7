"""Error rates say what they stand on, and a decision says where it stands on something else."""

import pytest

from kerasface.faces.detection import FaceDetector, same_detection
from kerasface.faces.quality import LIMITS, MEASURES
from kerasface.faces.rates import operating_points
from kerasface.faces.rates.basis import basis_doubt, basis_of
from kerasface.faces.rates.operating_points import add_measurements, operating_point, search_point

HERE = "mtcnn-9-auto-0.6-0.7-0.7"
MADE_UP = {"points": [], "populations": [], "cohort": "", "date": "2026-01-02"}


@pytest.fixture
def measured(monkeypatch):
    monkeypatch.setattr(operating_points, "_ADDED", {})
    return lambda **basis: add_measurements("made-up", {**MADE_UP, **basis})


def test_what_ships_was_measured_with_this_detector_and_these_limits():
    """Whoever changes either has to measure again."""
    for fingerprint, shipped in operating_points._measurements().items():
        assert {key: shipped[key] for key in ("detector", "limits")} == basis_of(FaceDetector().fingerprint)
        assert basis_doubt(fingerprint, FaceDetector(min_face_size=40).fingerprint) == ""
        assert operating_point(fingerprint, 0.001).to_dict()["detector"] == HERE
        assert search_point(fingerprint, 0.01, 50).to_dict()["detector"] == HERE


def test_how_small_a_face_is_looked_for_is_no_other_detection():
    assert same_detection(HERE, "mtcnn-9-40-0.6-0.7-0.7")
    for other in ("mtcnn-10-auto-0.6-0.7-0.7", "mtcnn-9-auto-0.6-0.7-0.8", "yunet-9-auto-0.6-0.7-0.7", "yunet"):
        assert not same_detection(HERE, other)


def test_another_detector_other_limits_and_none_kept_are_said(measured):
    measured(**basis_of("mtcnn-8-auto-0.6-0.7-0.7"))
    told = basis_doubt("made-up", HERE)
    assert told.startswith(
        " The error rates were measured on faces found by mtcnn-8-auto-0.6-0.7-0.7, and this is mtcnn-9"
    )
    measured(detector=HERE, limits={**LIMITS, "side": 20.0})
    assert "measured with other limits of quality (side 20.0): how often" in basis_doubt("made-up", HERE)
    measured(detector=HERE)
    assert "(side any, sharpness any" in basis_doubt("made-up", HERE)
    measured()
    assert "was not kept with them" in basis_doubt("made-up", HERE)


def test_nothing_is_said_where_all_is_as_it_was_or_nothing_was_measured(measured):
    measured(**basis_of(HERE))
    assert basis_doubt("made-up", HERE) == basis_doubt("made-up", "") == basis_doubt("nobody's", HERE) == ""


def test_every_limit_is_of_a_measure():
    assert {name.removeprefix("least ") for name in LIMITS} == set(MEASURES)
