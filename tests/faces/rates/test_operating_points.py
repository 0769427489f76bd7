"""Thresholds: shipped for the embedders there are, consistent, and refused where nothing was measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.faces.embedding import FaceEmbedder
from kerasface.faces.rates import operating_points
from kerasface.faces.rates.operating_points import operating_point, search_point
from kerasface.models.shipped import VIEWS

MEASURED = operating_points._measurements()
FINGERPRINTS = sorted(MEASURED)


@pytest.mark.parametrize("views", VIEWS)
def test_every_embedder_has_operating_points(views):
    embedder = FaceEmbedder(views=views, precision="float32")
    point = operating_point(embedder.fingerprint, 0.001)
    assert point.fmr == 0.001
    assert 2 < point.threshold < 6
    assert point.cohort == embedder.normalizer.digest  # measured with what ships


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_shipped_measurements_are_consistent(fingerprint):
    """Thresholds fall and refusals grow rarer as more false matches are allowed; intervals hold what they are for."""
    points = MEASURED[fingerprint]["points"]
    rates = np.array([point["measured"] for point in points], dtype=float)  # (rates, populations, 6)
    assert (np.diff([point["fmr"] for point in points]) > 0).all()
    assert (np.diff([point["threshold"] for point in points]) < 0).all()
    assert (np.diff(rates[..., 0], axis=0) >= 0).all()
    assert not np.isnan(np.delete(rates, 2, axis=1)).any()
    assert np.isnan(rates[:, 2, 3:]).all()  # nobody knows who is on the portraits
    rates = np.delete(rates, 2, axis=1)
    assert (np.diff(rates[..., 3], axis=0) <= 0).all()
    for value, low, high in (rates[..., :3].transpose(2, 0, 1), rates[..., 3:].transpose(2, 0, 1)):
        assert (low <= value + 1e-9).all()
        assert (value <= high + 1e-9).all()
        assert ((value >= 0) & (value <= 1)).all()


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_a_rate_asked_for_holds_in_every_population_and_twice_it_in_every_slice(fingerprint):
    populations = MEASURED[fingerprint]["populations"]
    assert [one["name"] for one in populations[:3]] == ["lfw", "gtech", "portraits"]
    assert len(populations) == 10
    for point in MEASURED[fingerprint]["points"]:
        for number, (about, (fmr, *_)) in enumerate(zip(populations, point["measured"], strict=True)):
            allowed = point["fmr"] * (1 if number < 3 else 2)
            if allowed * about["num_impostor"] >= 3:  # fewer pairs cannot speak of the rate
                assert fmr <= allowed * 1.01


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_a_measured_rate_gives_what_was_measured(fingerprint):
    measured = MEASURED[fingerprint]
    for point in measured["points"]:
        given_back = operating_point(fingerprint, point["fmr"])
        assert given_back.threshold == pytest.approx(point["threshold"])
        for population, about, row in zip(
            given_back.populations, measured["populations"], point["measured"], strict=True
        ):
            names = ("fmr", "fmr_low", "fmr_high", "fnmr", "fnmr_low", "fnmr_high")
            for name, value in zip(names, row, strict=True):
                found = getattr(population, name)
                assert found is None if value is None else found == pytest.approx(value, rel=1e-9)
            assert (population.name, population.num_impostor) == (about["name"], about["num_impostor"])


@given(st.sampled_from(FINGERPRINTS), st.tuples(st.floats(-5, -1), st.floats(-5, -1)))
def test_a_lower_rate_never_lowers_the_threshold(fingerprint, exponents):
    # Ten to the ends of the range may fall outside by a rounding.
    strict, lax = (min(max(10**exponent, 1e-5), 0.1) for exponent in sorted(exponents))
    assert operating_point(fingerprint, strict).threshold >= operating_point(fingerprint, lax).threshold
    assert operating_point(fingerprint, strict).fnmr >= operating_point(fingerprint, lax).fnmr


def made_up():
    """Rates of 0.0001 and 0.01, measured on two populations, one of which nobody knows who is who of."""
    ends = [
        {
            "fmr": 0.0001,
            "threshold": 9.0,
            "measured": [[1e-4, 0, 2e-4, 0.4, 0.3, 0.5], [3e-4, 0, 1e-3, None, None, None]],
        },
        {
            "fmr": 0.01,
            "threshold": 5.0,
            "measured": [[0.01, 0.005, 0.02, 0.2, 0.1, 0.3], [0.02, 0, 0.05, None, None, None]],
        },
    ]
    people = [
        {"name": name, "description": words, "num_people": count, "num_impostor": 10, "num_genuine": 5}
        for name, words, count in (("lfw", "people of LFW", 2500), ("ours", "students", 25))
    ]
    return {"populations": people, "points": ends[::-1], "cohort": "c", "date": "2026-01-01"}


@pytest.fixture
def ours(monkeypatch):
    monkeypatch.setitem(operating_points._ADDED, "ours", made_up())


def test_between_two_rates_the_logarithm_is_interpolated(ours):
    """0.001 lies halfway between 0.0001 and 0.01 in the logarithm."""
    point = operating_point("ours", 0.001)
    assert point.threshold == pytest.approx(7.0)
    assert point.fnmr == point.main.fnmr == pytest.approx(0.3)
    assert point.main.fmr_high == pytest.approx(0.0101)
    assert point.populations[1].fnmr is None


def test_a_point_says_on_whom_it_was_measured_and_of_whom_most_strangers_match(ours):
    point = operating_point("ours", 0.01)
    assert point.worst.name == "ours"
    assert point.measured_text == (
        "1 % asked; measured 1 % (95 % interval 0.5 % to 2 %) on 2,500 people of LFW, "
        "2 % (95 % interval 0 % to 5 %) on 25 students"
    )
    told = point.to_dict()
    assert (told["data"], told["fmr_measured"], told["measured"]) == ("2,500 people of LFW", 0.01, point.measured_text)
    assert [one["name"] for one in told["populations"]] == ["lfw", "ours"]


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
        assert (np.array(row["fpir_low"]) <= row["fpir_measured"]).all()
        assert (np.array(row["fpir_measured"]) <= row["fpir_high"]).all()
        assert (np.array(row["fpir_measured"]) <= np.array(search["fpirs"]) * 1.1).all()
    # The rarest rate is one that so many strangers can show.
    assert 3 / (search["num_people"] - search["galleries"][-1]["gallery_size"]) < search["fpirs"][0]


@pytest.mark.parametrize("fingerprint", FINGERPRINTS)
def test_a_measured_search_gives_what_was_measured(fingerprint):
    search = MEASURED[fingerprint]["search"]
    for row in search["galleries"]:
        for column, fpir in enumerate(search["fpirs"]):
            point = search_point(fingerprint, fpir, row["gallery_size"])
            for key in ("threshold", "fnir", "fpir_measured", "fpir_low", "fpir_high"):
                assert getattr(point, key) == pytest.approx(row[key][column], abs=1e-9)
            assert point.num_people == search["num_people"]


def test_a_gallery_of_one_person_is_a_verification():
    one, pair = search_point(FINGERPRINTS[0], 0.01, 1), operating_point(FINGERPRINTS[0], 0.01)
    assert (one.threshold, one.fnir, one.fpir_high) == (pair.threshold, pair.fnmr, pair.main.fmr_high)


def test_searches_between_and_beyond_the_measured_sizes(monkeypatch):
    """Thresholds 0.1, 0.2, 0.3, 0.4 at sizes 10, 100, 1000, 10000: a tenth for every factor of ten."""
    rows = [
        {
            "gallery_size": 10 ** (step + 1),
            "threshold": [0.1 * (step + 1)],
            "fnir": [0.2],
            "fpir_measured": [0.5],
            "fpir_low": [0],
            "fpir_high": [1],
        }
        for step in range(4)
    ]
    search = {"data": "made up", "num_people": 9, "fpirs": [0.01], "galleries": rows}
    monkeypatch.setitem(operating_points._ADDED, "ours", {"date": "2026-01-01", "search": search})
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
