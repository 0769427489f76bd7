"""Pairs: read, drawn, scored, and what is said of those that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.tasks.measuring.pairs import MIXED, pairs_of_file, pairs_of_people, score_pairs
from tests.tasks.measuring.made_up import embedded_as, people_of, unit, write_images


def test_a_list_of_pairs_becomes_photos_and_numbers(tmp_path):
    write_images(tmp_path, "Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg")  # one pair is enough to read the list
    (tmp_path / "pairs.txt").write_text("2 1\nAnn 1 2\nAnn 1 Bob 3\nBob 3 4\nBob 4 Cy 1\n", encoding="utf-8")
    listed = pairs_of_file(tmp_path / "pairs.txt", tmp_path)
    named = [[listed.people.photo_name(photo) for photo in pair] for pair in listed.pairs.tolist()]
    assert named[0] == ["Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg"]
    assert named[3] == ["Bob/Bob_0004.jpg", "Cy/Cy_0001.jpg"]
    assert listed.same.tolist() == [True, False, True, False]
    assert (listed.folds.tolist(), listed.own_folds) == ([0, 0, 1, 1], True)
    assert [[listed.people.names[one] for one in pair] for pair in listed.persons][3] == ["Bob", "Cy"]
    with pytest.raises(ValueError, match="elsewhere does not exist"):
        pairs_of_file(tmp_path / "pairs.txt", tmp_path / "elsewhere")


def test_a_list_without_folds_is_dealt_out_by_people(tmp_path):
    write_images(tmp_path, "Ann/Ann_0001.jpg", "Ann/Ann_0002.jpg")  # one pair is enough to read the list
    (tmp_path / "pairs.txt").write_text("2\nAnn 1 2\nBob 1 2\nAnn 1 Bob 3\nBob 4 Cy 1\n", encoding="utf-8")
    listed = pairs_of_file(tmp_path / "pairs.txt", tmp_path)
    assert (listed.folds.tolist(), listed.own_folds) == ([0, 1, 0, 1], False)


def test_pairs_of_different_people_are_limited_and_those_of_one_person_kept():
    listed = pairs_of_people(people_of(np.repeat(np.arange(10), 4)), max_impostor=50)
    assert (listed.same.sum(), (~listed.same).sum()) == (10 * 6, 50)
    assert (listed.same == (listed.persons[:, 0] == listed.persons[:, 1])).all()
    with pytest.raises(ValueError, match="3 people with 3 photos"):
        pairs_of_people(people_of([0, 1, 2]))


def test_pairs_without_an_embedding_are_named_and_the_rest_goes_on():
    people = people_of([0, 0, 1, 1])
    embedded = embedded_as(unit([0, 20, 90]), [0, 1, -1, 2], reasons={2: "2.jpg: no face was found"})
    scored = score_pairs(pairs_of_people(people), embedded)
    assert len(scored.scores) == 3
    cosines = {frozenset((0, 1)): 20, frozenset((0, 3)): 90, frozenset((1, 3)): 70}
    for pair, number in zip(scored.listed.pairs.tolist(), scored.scores, strict=True):
        assert number == pytest.approx(np.cos(np.deg2rad(cosines[frozenset(pair)])), abs=1e-6)
    assert len(scored.failed) == 3
    assert all("p1/2.jpg" in pair.photos and pair.reason == "2.jpg: no face was found" for pair in scored.failed)
    one = {1: "1.jpg: no face was found", 3: "3.jpg: no face was found"}
    with pytest.raises(ValueError, match=r"Received: 0 and .*The first: 1\.jpg: no face"):
        score_pairs(pairs_of_people(people), replace(embedded, rows=np.array([0, -1, 1, -1]), reasons=one))


def test_a_pair_is_described_by_its_worse_face():
    people = people_of([0, 0, 1])
    attributes = {"turn of the head in degrees": np.array([5.0, 30, 10]), "side": np.array([80.0, 40, 60])}
    scored = score_pairs(pairs_of_people(people), embedded_as(unit([0, 10, 90]), **attributes))
    found = scored.attributes()
    for row, pair in enumerate(scored.listed.pairs.tolist()):
        assert found["side"][row] == attributes["side"][pair].min()
        assert found["turn of the head in degrees"][row] == attributes["turn of the head in degrees"][pair].max()


def test_pairs_of_which_none_can_be_scored_are_refused():
    nobody = embedded_as(np.zeros((0, 2), np.float32), [-1] * 3, reasons={0: "0.jpg: no face was found"})
    with pytest.raises(ValueError, match=r"None of the 3 pairs can be scored\. The first: 0\.jpg"):
        score_pairs(pairs_of_people(people_of([0, 0, 1])), nobody)


@pytest.mark.parametrize("dim", [2, 3, 512])
def test_without_a_cohort_scores_are_cosines_of_any_dimension(dim):
    vectors = np.pad(unit([0, 10, 90]), ((0, 0), (0, dim - 2)))
    scored = score_pairs(pairs_of_people(people_of([0, 0, 1])), embedded_as(vectors))
    assert scored.embedded.score_name == "cosine"
    by_pair = {
        tuple(sorted(pair)): score for pair, score in zip(scored.listed.pairs.tolist(), scored.scores, strict=True)
    }
    assert by_pair[0, 1] == pytest.approx(np.cos(np.deg2rad(10)), abs=1e-6)


def test_a_pair_has_the_word_that_both_photos_share():
    people = people_of([0, 0, 1, 1])
    glasses = np.array(["yes", "yes", "no", ""])
    scored = score_pairs(pairs_of_people(people), embedded_as(unit([0, 10, 90, 95]), glasses=glasses))
    found = dict(
        zip(map(frozenset, scored.listed.pairs.tolist()), scored.attributes()["glasses"].tolist(), strict=True)
    )
    assert (found[frozenset((0, 1))], found[frozenset((0, 2))], found[frozenset((0, 3))]) == ("yes", MIXED, "")
    assert [part.name for part in scored.slices(0.5)["glasses"]] == [MIXED, "yes", "not measured"]
    assert [part.fmr and part.fmr.num_pairs for part in scored.slices(0.5)["glasses"]] == [2, None, 2]


def test_a_list_of_one_first_person_cannot_be_dealt_out(tmp_path):
    write_images(tmp_path, "Ann/1.png", "Ann/2.png", "Bob/1.png")
    (tmp_path / "pairs.csv").write_text("a,b,same\nAnn/1.png,Ann/2.png,1\nAnn/1.png,Bob/1.png,0\n")
    with pytest.raises(ValueError, match="two people or more"):
        pairs_of_file(tmp_path / "pairs.csv", tmp_path)
