"""What the shipped thresholds lead to on the people of a folder, in numbers and in sentences."""

import json

import pytest

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.operating_points import operating_point
from kerasface.population.judging import judge_people, shipped_thresholds
from kerasface.population.sentences import sentences_of
from tests.population.conftest import made_up_people


def told_of(people):
    judged = judge_people(people, embedder_fingerprint())
    return judged, "\n".join(sentences_of(judged))


def test_figures_and_sentences_of_many_people_with_two_alike(cosines):
    judged, text = told_of(made_up_people([5] * 30, alike=[(3, 7)]))
    told = json.loads(json.dumps(judged.to_dict()))
    # 25 of 10,875 pairs match, all of person 03 and person 07: of 725 pairs of either with others, 25.
    at = told["at_shipped_thresholds"]
    assert set(at) == {"0.01", "0.001", "0.0001"}
    assert at["0.001"]["threshold"] == 0.5
    assert at["0.001"]["fmr"]["value"] == pytest.approx(25 / 10_875)
    assert at["0.001"]["fmr"]["low"] == 0 < 25 / 10_875 < at["0.001"]["fmr"]["high"]
    assert at["0.001"]["fnmr"]["value"] == 0
    over = told["people_over_ten_times"]
    assert (over["asked"], over["count"], over["of"], over["share"]) == (0.001, 2, 30, pytest.approx(2 / 30))
    assert over["people"][0] == {"name": "person 03", "own_fmr": pytest.approx(25 / 725)}
    worst = told["worst_pairs"][0]
    assert worst["people"] == ["person 03", "person 07"]
    assert (worst["num_pairs"], worst["num_matched"]) == (25, 25)
    assert told["people_pairs_over_half"]["0.001"] == {"count": 1, "of": 435}
    assert told["supported"] == {"0.01": True, "0.001": True, "0.0001": False}
    assert set(told["own_thresholds"]) == {"0.01", "0.001"}
    assert told["own_thresholds"]["0.001"]["fmr"]["value"] <= 0.001
    assert told["own_thresholds"]["0.001"]["threshold"] > 0.5
    assert told["decided_on"] == "score"
    assert "0.1 % asked; 0.23 % (0 to " in text
    assert "measured on 30 people: these people are too few to tell" in text
    assert "2 of 30 people are taken for others over 10 times as often as asked: person 03 (3.4 %)" in text
    assert "Of 435 pairs of people 1 matches in more than half" in text
    assert "person 03 and person 07: 25 of 25 pairs of photos" in text
    assert "twins" in text
    assert "0.01 % takes 30,000, and these are 10,875" in text


def test_where_all_is_well_the_rates_are_said_to_hold(cosines):
    judged, text = told_of(made_up_people([2] * 100))
    assert judged.rates(0.001).fmr.high <= 3 / 4950  # none among so many pairs of people
    assert "0.1 % asked; 0 % (0 to 0.0" in text
    assert "measured on 100 people: no more than asked." in text
    assert "none of 100 people is taken" in text
    assert "No two match. The nearest:" in text
    assert "twins" not in text


def test_more_than_asked_is_said(cosines):
    _, text = told_of(made_up_people([2] * 24, alike=[(0, number) for number in range(1, 24)]))
    assert "0.1 % asked; 100 % (" in text
    assert "measured on 24 people: more than asked." in text


def test_a_photo_under_two_names_is_named(cosines):
    people = made_up_people([2, 2, 2])
    people.embeddings[3] = people.embeddings[0]
    _, text = told_of(people)
    assert "person 00/0.png and person 01/3.png are one photo, or nearly, of two names." in text
    assert text.count("are one photo") == 1


def test_two_people_with_a_photo_each(cosines):
    judged, text = told_of(made_up_people([1, 1]))
    assert judged.to_dict()["at_shipped_thresholds"]["0.01"] == {
        "threshold": 0.5,
        "fmr": {"value": 0.0, "low": 0.0, "high": 1.0},
        "fnmr": {"value": None, "low": None, "high": None},
    }
    assert judged.own_thresholds == {}
    assert "0 % (0 to 100 %) measured on 2 people" in text
    assert "Two people are one pair of people" in text
    assert "how often a person is missed cannot be told" in text
    assert "No threshold of their own is offered for fewer than 10 people" in text
    assert "1 % takes 300" in text


def test_people_with_one_photo_are_strangers_to_the_others(cosines):
    judged, text = told_of(made_up_people([1] * 12 + [3]))
    assert (judged.measured.num_genuine, judged.measured.num_impostor) == (3, 66 + 36)
    assert "Misses are of the 1 person with two photos or more" in text


def test_the_thresholds_are_those_that_ship():
    fingerprint = embedder_fingerprint()
    assert shipped_thresholds(fingerprint) == [
        operating_point(fingerprint, asked).threshold for asked in (0.01, 0.001, 0.0001)
    ]
    judged = judge_people(made_up_people([2, 2, 2]), fingerprint)
    assert [at.threshold for at in judged.measured.rates] == shipped_thresholds(fingerprint)
    assert judged.score == "normalized_score"


def test_an_embedder_of_which_nothing_was_measured_is_refused():
    with pytest.raises(ValueError, match="No error rates were measured"):
        judge_people(made_up_people([2, 2]), "unknown-6views")
