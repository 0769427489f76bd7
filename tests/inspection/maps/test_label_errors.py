"""Wrong names are found where the neighbours say so, and nobody is accused without evidence."""

import numpy as np
import pytest

from kerasface.inspection.maps.label_errors import neighbors, suspected_label_errors, unit_embeddings


def people(counts, *, seed=0):
    """Embeddings and names of people far apart: person `p0` has `counts[0]` pictures, and so on."""
    generator = np.random.default_rng(seed)
    centres = np.eye(len(counts), 64)
    embeddings = np.repeat(centres, counts, axis=0) + 0.02 * generator.normal(size=(sum(counts), 64))
    return embeddings, [f"p{person}" for person, count in enumerate(counts) for _ in range(count)]


def test_right_names_are_not_suspected():
    assert suspected_label_errors(*people([6, 4, 2, 1, 1])) == []


def test_a_wrong_name_is_found_with_its_evidence():
    """The scores are computed anew in float64; all pictures of `p1` are neighbours, so its share is whole."""
    embeddings, labels = people([6, 6, 6])
    labels[8] = "p0"
    (suspect,) = suspected_label_errors(embeddings, labels)
    assert (suspect.index, suspect.label, suspect.suggested, suspect.share) == (8, "p0", "p1", 1.0)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    scores = unit @ unit[8]
    others = [6, 7, 9, 10, 11]
    assert suspect.margin == pytest.approx(scores[others].mean() - np.sort(scores[:6])[-5:].mean(), abs=1e-5)
    assert suspect.neighbor == max(others, key=lambda index: scores[index])
    assert suspect.to_dict()["suggested"] == "p1"


def test_the_clearest_come_first():
    """`p2` lies halfway between the others, so its picture is not so far from `p0` as that of `p1` is."""
    embeddings, labels = people([6, 6, 6])
    embeddings[12:, :2] += 0.7
    labels[8] = labels[14] = "p0"
    found = suspected_label_errors(embeddings, labels)
    assert [suspect.index for suspect in found] == [8, 14]
    assert found[0].margin > found[1].margin > 0


def test_nobody_with_one_picture_is_accused():
    embeddings, labels = people([6, 6])
    labels[8] = "only once"
    assert suspected_label_errors(embeddings, labels) == []


def test_one_picture_is_no_evidence():
    """Two people with two pictures each, one of them swapped: each of the four lies next to the other name's one."""
    embeddings, labels = people([2, 2, 5])
    labels[1], labels[2] = labels[2], labels[1]
    assert suspected_label_errors(embeddings, labels) == []
    embeddings, labels = people([6, 2])
    labels[7] = "p0"  # p1 is left with one picture
    assert suspected_label_errors(embeddings, labels) == []


def test_rare_names_need_as_many_votes_as_they_have_pictures():
    """`p1` has three pictures left, and the fourth lies beside them: three of three, where k is 5."""
    embeddings, labels = people([6, 4])
    labels[9] = "p0"
    (suspect,) = suspected_label_errors(embeddings, labels)
    assert (suspect.index, suspect.suggested, suspect.share) == (9, "p1", 1.0)


def test_a_share_below_the_limit_is_let_pass():
    """Of the five nearest of picture 8 two are strangers, equal to it, and three carry `p1`: 60 %."""
    embeddings, labels = people([8, 10])
    embeddings[9] = embeddings[10] = embeddings[8]
    labels[8:11] = ["p0", "stranger", "another"]
    assert suspected_label_errors(embeddings, labels) == []
    (suspect,) = suspected_label_errors(embeddings, labels, min_share=0.6)
    assert (suspect.index, suspect.share) == (8, 0.6)


def test_who_is_like_nobody_is_not_accused():
    """Of two people, a picture that is like neither has the other's pictures for neighbours, by a hair."""
    embeddings, labels = people([4, 6])
    embeddings[0] = np.eye(64)[9] + 0.02 * np.eye(64)[1]
    assert suspected_label_errors(embeddings, labels) == []
    (suspect,) = suspected_label_errors(embeddings, labels, min_margin=0)
    assert (suspect.index, suspect.suggested) == (0, "p1")
    assert 0 < suspect.margin < 0.03


def test_equal_pictures_do_not_count_themselves():
    """Seven equal pictures under one name, and one of them under another: more equals than neighbours asked for."""
    embeddings, labels = people([7, 5])
    embeddings[:7] = embeddings[0]
    labels[3] = "p1"
    found = suspected_label_errors(embeddings, labels, k=3)
    assert [suspect.index for suspect in found] == [3]
    indices, scores = neighbors(embeddings, 3, 6)
    assert sorted(indices) == [0, 1, 2, 4, 5, 6]
    np.testing.assert_allclose(scores, 1, atol=1e-6)


def test_progress_is_told_in_blocks(monkeypatch):
    monkeypatch.setattr("kerasface.inspection.maps.label_errors._ROWS_AT_ONCE", 5)
    embeddings, labels = people([6, 6])
    labels[8] = "p0"
    calls = []
    found = suspected_label_errors(embeddings, labels, on_progress=lambda done, total: calls.append((done, total)))
    assert calls == [(5, 12), (10, 12), (12, 12)]
    assert [suspect.index for suspect in found] == [8]


def test_neighbours_are_those_of_all_scores():
    embeddings = np.random.default_rng(0).normal(size=(40, 8)) * 5
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    scores = unit @ unit[7]
    scores[7] = -2
    expected = np.argsort(-scores)[:4]
    indices, found = neighbors(embeddings, 7, 4)
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_allclose(found, scores[expected], atol=1e-5)
    assert len(neighbors(embeddings[:3], 0, 10)[0]) == 2
    assert len(neighbors(embeddings[:1], 0)[0]) == 0


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.zeros(3), r"must have shape \(n, embedding_dim\).*shape \(3,\)"),
        (np.zeros((0, 4)), r"Received: shape \(0, 4\)"),
        (np.array([[1.0, 0], [0, 0]]), "1 of 2 that have not, the first at 1"),
        (np.array([[np.nan, 0], [1, 0]]), "the first at 0"),
    ],
)
def test_malformed_embeddings_are_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        unit_embeddings(embeddings)


def test_malformed_questions_are_refused():
    embeddings, labels = people([3, 3])
    with pytest.raises(ValueError, match="6 embeddings, 5 labels"):
        suspected_label_errors(embeddings, labels[1:])
    with pytest.raises(ValueError, match="k=0"):
        suspected_label_errors(embeddings, labels, k=0)
    with pytest.raises(ValueError, match="min_share=0"):
        suspected_label_errors(embeddings, labels, min_share=0)
    with pytest.raises(ValueError, match="min_margin=nan"):
        suspected_label_errors(embeddings, labels, min_margin=float("nan"))
    with pytest.raises(ValueError, match="index=6 of 6"):
        neighbors(embeddings, 6)
    assert suspected_label_errors(embeddings[:1], labels[:1]) == []
