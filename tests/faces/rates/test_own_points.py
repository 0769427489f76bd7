"""What a gallery decides by: the thresholds that ship, or those of people of one's own, with a part of a cohort."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.evaluation.people_rates import PeopleRate, ThresholdRates
from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.cohorts import CohortCard, embedder_of, normalizer_of, part_to_file
from kerasface.faces.rates.operating_points import operating_point, search_point
from kerasface.faces.rates.own_points import OwnPoints, points_of, shipped_points

FINGERPRINT = embedder_fingerprint()


def own_points(higher, part=b"", **changes):
    """Thresholds that are higher than those that ship by so much at each rate."""
    rates = {
        asked: ThresholdRates(
            operating_point(FINGERPRINT, asked).threshold + by,
            PeopleRate(asked, asked / 2, 2 * asked),
            PeopleRate(*[0.5] * 3),
        )
        for asked, by in higher.items()
    }
    settings = {
        "name": "crew",
        "embedder": FINGERPRINT,
        "cohort": normalizer_of(FINGERPRINT).digest,
        "num_people": 43,
        "num_photos": 172,
        "num_impostor": 14448,
        "num_genuine": 258,
        "date": "2026-01-02",
        "rates": rates,
        "part": part,
    }
    return OwnPoints(**settings | changes)


def gallery_with(points):
    record = points if points is None or isinstance(points, dict) else points.to_dict()
    return SimpleNamespace(embedder=FINGERPRINT, own_points=lambda: record)


def part_of(vectors):
    card = CohortCard("crew", "", embedder_of(FINGERPRINT), "", 40, 12, 0, 1, 1.0, 0, 0.9, 0.9, 1.0, "", "2026-01-02")
    return part_to_file(vectors, card)


def test_without_own_points_those_that_ship_decide():
    points = points_of(gallery_with(None))
    assert points == shipped_points(FINGERPRINT) or points.own is None
    assert points.normalizer is normalizer_of(FINGERPRINT)
    assert points.operating_point(0.001) == operating_point(FINGERPRINT, 0.001)
    assert points.search_point(0.01, 30) == search_point(FINGERPRINT, 0.01, 30)
    assert points.text == ""
    assert "own" not in points.search_point(0.01, 30).to_dict()


def test_own_thresholds_are_interpolated_and_say_on_whom_they_were_measured():
    points = points_of(gallery_with(own_points({0.01: 0.2, 0.001: 0.6})))
    for asked, by in {0.01: 0.2, 10**-2.5: 0.4, 0.001: 0.6, 0.0001: 0.6, 0.1: 0.2}.items():
        shipped = operating_point(FINGERPRINT, asked)
        assert points.operating_point(asked).threshold == pytest.approx(shipped.threshold + by)
    point = points.operating_point(0.001)
    assert point.measured_text == (
        "0.1 % asked; measured 0.1 % (95 % interval 0.05 % to 0.2 %) on 43 people of one's own (crew)"
    )
    assert (point.date, point.fnmr) == ("2026-01-02", 0.5)
    beyond = points.operating_point(0.0001)
    assert beyond.measured_text.endswith("; the threshold is +0.60, by 43 people of one's own (crew)")
    assert beyond.populations == operating_point(FINGERPRINT, 0.0001).populations


def test_below_the_strictest_measured_rate_no_threshold_is_lowered():
    points = points_of(gallery_with(own_points({0.01: -0.5, 0.001: -0.5})))
    assert points.operating_point(0.001).threshold == pytest.approx(operating_point(FINGERPRINT, 0.001).threshold - 0.5)
    assert points.operating_point(0.0005).threshold == operating_point(FINGERPRINT, 0.0005).threshold


@pytest.mark.parametrize(("by", "moved"), [(0.6, 0.6), (-0.6, 0.0)])
def test_the_threshold_of_a_search_is_raised_and_never_lowered(by, moved):
    points = points_of(gallery_with(own_points({0.01: by, 0.001: by, 0.0001: by})))
    for size in (1, 12, 100, 826):
        shipped, own = search_point(FINGERPRINT, 0.01, size), points.search_point(0.01, size)
        assert own.threshold == pytest.approx(shipped.threshold + moved)
        assert "on 43 people of one's own (crew)" in own.own
        assert own.to_dict()["own"] == own.own
    assert points.search_point(0.01, 12).own.startswith("For pairs 0.1 % asked; measured 0.1 % (95 % interval")


@pytest.mark.slow
def test_the_part_stands_beside_the_cohort_that_ships(nobody):
    shipped, vectors = normalizer_of(FINGERPRINT), np.repeat(nobody[:4], 100, axis=0)
    found = points_of(gallery_with(own_points({0.01: 0.0}, part_of(vectors)))).normalizer
    assert len(found.cohort) == len(shipped.cohort) + 400
    assert found.digest.startswith(f"{shipped.digest}+")
    # A face that lies in the part has nearer strangers than it had.
    assert found.statistics(nobody[:1])[0, 0] > shipped.statistics(nobody[:1])[0, 0] + 0.01


@pytest.mark.parametrize(
    ("change", "other"),
    [
        ({"cohort": "0123456789ab-300"}, "another cohort than this KerasFace ships"),
        ({"embedder": embedder_fingerprint(1)}, "another embedder"),
    ],
)
def test_points_of_another_cohort_or_embedder_are_not_used_and_that_is_said(change, other):
    points = points_of(gallery_with(own_points({0.01: 1.0}, **change)))
    assert points.own is None
    assert points.operating_point(0.01) == operating_point(FINGERPRINT, 0.01)
    assert f"are not used: they hold for {other}" in points.text


@pytest.mark.parametrize(
    "change",
    [
        {"rates": {}},
        {"rates": {"0.01": {"threshold": "much"}}},
        {"rates": {"0.01": {"threshold": float("nan"), "fmr": {}, "fnmr": {}}}},
        {"part": "AAEC"},
        {"part": "no base64!"},
        {"colour": "blue"},
    ],
)
def test_altered_points_are_refused_in_a_sentence(change):
    record = own_points({0.01: 1.0}).to_dict() | change
    with pytest.raises(ValueError, match=r"one's own were altered or are none: .*--forget. drops them"):
        points_of(gallery_with(record))


def test_an_altered_part_is_refused(nobody):
    content = bytearray(part_of(np.repeat(nobody[:4], 100, axis=0)))
    content[len(content) // 3] ^= 1
    with pytest.raises(ValueError, match="altered or are none"):
        points_of(gallery_with(own_points({0.01: 1.0}, bytes(content))))


def test_own_thresholds_say_with_which_detector_they_were_measured():
    here, other = "mtcnn-9-auto-0.6-0.7-0.7", "mtcnn-8-auto-0.6-0.7-0.7"
    points = points_of(gallery_with(own_points({0.01: 1.0, 0.001: 1.0}, detector=here)))
    assert points.basis_doubt("mtcnn-9-40-0.6-0.7-0.7") == ""
    assert points.operating_point(0.001).detector == here
    points = points_of(gallery_with(own_points({0.01: 1.0, 0.001: 1.0}, detector=other)))
    assert f"were measured on faces found by {other}, and this is {here}: whether they hold" in points.basis_doubt(here)
    assert points_of(gallery_with(None)).basis_doubt(here) == ""
