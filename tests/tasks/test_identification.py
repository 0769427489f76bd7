"""Decisions on every face of a photo, against a real gallery; the embeddings are made up, so that scores are known."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.evaluation.identification import search_gallery
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.faces.rates.cohorts import normalizer_of
from kerasface.faces.rates.operating_points import search_point
from kerasface.gallery.store import NewSample
from kerasface.plotting.style import percent
from kerasface.tasks.identification import AMBIGUOUS_MARGIN, DEFAULT_FPIR, Identifier, Ranked
from tests.faces.rates.test_own_points import own_points, part_of

NAMES = ("Ada", "Bob", "Cyd", "Dan", "Eve")


def unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def near(direction, cosine, seed):
    """A unit vector at this cosine to a unit vector."""
    other = np.random.default_rng(seed).normal(size=EMBEDDING_DIM)
    other -= (other @ direction) * direction
    return unit(cosine * direction + np.sqrt(1 - cosine**2) * unit(other))


@pytest.fixture
def templates(nobody):
    """One template per name."""
    return dict(zip(NAMES, nobody, strict=False))


@pytest.fixture
def enrolled(gallery, templates):
    for name, template in templates.items():
        gallery.enroll(name, [NewSample(template, f"{name}.jpg", hash_of(name))])
    return gallery


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def identify(identifier, front_end, *lists, hashes=None):
    front_end.lists = list(lists)
    return identifier.decide(front_end.analyze([None] * len(lists)), source_hashes=hashes)


@pytest.mark.parametrize(
    ("normalized", "threshold", "is_known"), [(5.0, 5.0, True), (4.99, 5.0, False), (9.0, None, False)]
)
def test_whoever_comes_first_is_known_from_the_threshold_on(normalized, threshold, is_known):
    assert Ranked("ada", 0.9, normalized, threshold, is_unusual=False, margin=0.5).is_known is is_known


def test_a_known_face_gets_its_name_and_the_threshold_it_reached(enrolled, front_end, templates):
    identifier = Identifier(enrolled)
    ((row,),) = identify(identifier, front_end, [near(templates["Cyd"], 0.98, 3)])
    assert (row.decision, row.name, row.person_id) == ("match", "Cyd", enrolled.person("Cyd").person_id)
    assert row.score == pytest.approx(0.98, abs=1e-5)
    assert row.candidates[0][0] == "Cyd"
    assert 0.5 < row.probability < 1
    normalizer = normalizer_of(enrolled.embedder)
    probe = near(templates["Cyd"], 0.98, 3)
    assert row.normalized_score == pytest.approx(normalizer.scores(probe[None], templates["Cyd"][None])[0, 0], abs=1e-3)
    assert row.threshold == identifier.operating_point().threshold
    assert row.normalized_score >= row.threshold
    assert row.to_dict()["name"] == "Cyd"


def test_decisions_agree_with_the_evaluation(enrolled, front_end, templates):
    """What error rates are measured with, and what users get, is one rule."""
    probes = [near(templates[name], cosine, seed) for seed, name in enumerate(NAMES) for cosine in (0.99, 0.9, 0.8)]
    identifier = Identifier(enrolled)
    rows = [faces[0] for faces in identify(identifier, front_end, *([probe] for probe in probes))]
    gallery = np.stack([templates[name] for name in NAMES])
    found = search_gallery(gallery, np.arange(5), np.stack(probes), normalizer=identifier.points.normalizer)
    threshold = identifier.operating_point().threshold
    assert [row.normalized_score >= row.threshold for row in rows] == (found.normalized >= threshold).tolist()
    assert {row.decision for row in rows} >= {"match", "unknown"}
    for row, label in zip(rows, found.labels, strict=True):
        assert row.name in (None, NAMES[label])


def test_a_stranger_is_unknown_and_told_who_is_most_alike(enrolled, front_end, templates):
    ((row,),) = identify(Identifier(enrolled), front_end, [near(templates["Bob"], 0.85, 7)])
    assert (row.decision, row.name, row.person_id) == ("unknown", None, None)
    assert "Most alike is" in row.reason
    assert row.normalized_score < row.threshold


def test_in_one_photo_nobody_is_found_twice(enrolled, front_end, templates):
    faces = [near(templates["Ada"], 0.95, 1), near(templates["Ada"], 0.999, 2), near(templates["Bob"], 0.98, 3)]
    (rows,) = identify(Identifier(enrolled), front_end, faces)
    assert [row.name for row in rows] == [None, "Ada", "Bob"]
    assert rows[0].decision == "unknown"
    assert "another face of this photo" in rows[0].reason
    # In photos of their own both are Ada.
    assert [faces[0].name for faces in identify(Identifier(enrolled), front_end, faces[:1], faces[1:2])] == [
        "Ada",
        "Ada",
    ]


def apart(templates, first, second, margin):
    """A face whose scores for two people are `margin` apart, and far above what a match needs."""
    middle, difference = unit(templates[first] + templates[second]), templates[first] - templates[second]
    # On the great circle through both: first @ x - second @ x = sin(angle) * length of the difference.
    angle = np.arcsin(margin / np.linalg.norm(difference))
    return unit(np.cos(angle) * middle + np.sin(angle) * difference / np.linalg.norm(difference))


@pytest.fixture
def twins(gallery, templates):
    """Ada and a twin at a cosine of 0.99, and Bob."""
    people = {"Ada": templates["Ada"], "Twin": near(templates["Ada"], 0.99, 5), "Bob": templates["Bob"]}
    for name, template in people.items():
        gallery.enroll(name, [NewSample(template, name, hash_of(name))])
    return people


@pytest.mark.parametrize(
    ("margin", "decision", "name"),
    [
        (0.002, "ambiguous", None),
        (0.9 * AMBIGUOUS_MARGIN, "ambiguous", None),
        (-0.9 * AMBIGUOUS_MARGIN, "ambiguous", None),
        (1.1 * AMBIGUOUS_MARGIN, "match", "Ada"),
        (-1.1 * AMBIGUOUS_MARGIN, "match", "Twin"),
    ],
)
def test_two_people_about_as_alike_are_ambiguous(twins, gallery, front_end, margin, decision, name):
    """Both would be accepted: only how far they are apart decides."""
    ((row,),) = identify(Identifier(gallery), front_end, [apart(twins, "Ada", "Twin", margin)])
    assert row.normalized_score >= row.threshold
    assert (row.decision, row.name, row.person_id is None) == (decision, name, name is None)
    scores = dict(row.candidates)
    assert scores["Ada"] - scores["Twin"] == pytest.approx(margin, abs=1e-5)
    if decision == "ambiguous":
        assert f"their scores are {abs(margin):.3f} apart" in row.reason
        assert row.most_alike in ("Ada", "Twin")


def test_of_one_person_nothing_is_ambiguous(gallery, front_end, templates):
    gallery.enroll("Ada", [NewSample(templates["Ada"], "a", "a" * 64)])
    ((row,),) = identify(Identifier(gallery), front_end, [templates["Ada"]])
    assert (row.decision, row.name, row.probability) == ("match", "Ada", None)


def test_of_several_samples_of_a_person_the_most_alike_by_normalized_score_counts(gallery, front_end, nobody):
    samples = [near(nobody[0], cosine, seed) for seed, cosine in enumerate((0.96, 0.99, 0.97))]
    gallery.enroll("Ada", [NewSample(one, f"{row}.jpg", hash_of(str(row))) for row, one in enumerate(samples)])
    gallery.enroll("Bob", [NewSample(nobody[1], "b", hash_of("b"))])
    identifier = Identifier(gallery)
    ((row,),) = identify(identifier, front_end, [near(nobody[0], 0.985, 9)])
    by_hand = identifier.points.normalizer.scores(near(nobody[0], 0.985, 9)[None], np.stack(samples))
    assert row.normalized_score == pytest.approx(by_hand.max(), abs=1e-3)


@pytest.mark.parametrize("size", [2, 5, 12])
def test_what_a_score_means_depends_on_the_size_of_the_gallery(gallery, front_end, nobody, size):
    """The curve is of the score above the threshold for FPIR 1 %, whatever the rate decided at."""
    fingerprint = front_end.embedder.fingerprint
    for number, template in enumerate(nobody[:size]):
        gallery.enroll(f"Person {number}", [NewSample(template, "photo", hash_of(str(number)))])
    identifier = Identifier(gallery, fpir=0.1)
    # A straight line in place of the measured curve, which is steep and flat elsewhere: the score can be read off it.
    identifier.calibration = SimpleNamespace(probability=lambda score: (100 + score) / 200)
    probe = near(nobody[0], 0.95, 3)
    ((row,),) = identify(identifier, front_end, [probe])
    usual = search_point(fingerprint, DEFAULT_FPIR, size).threshold
    assert row.threshold == search_point(fingerprint, 0.1, size).threshold < usual
    assert row.probability == pytest.approx((100 + row.normalized_score - usual) / 200, abs=1e-6)
    assert row.probability_text == f"{percent(row.probability)} that this is Person 0"


def test_a_refusal_is_remembered_whatever_the_file_says_of_its_photo(enrolled, front_end, templates):
    """Without the key somebody blanks the column by which refusals of a photo are found."""
    probe, source_hash = near(templates["Ada"], 0.98, 1), "f" * 64
    identifier = Identifier(enrolled)
    ((row,),) = identify(identifier, front_end, [probe], hashes=[source_hash])
    enrolled.refuse_match(source_hash, row.face.box, row.person_id)
    for statement in ("UPDATE refusals SET source_tag = zeroblob(16)", "DELETE FROM refusals"):
        with enrolled.transaction() as connection:
            connection.execute(statement)
        ((again,),) = identify(Identifier(enrolled), front_end, [probe], hashes=[source_hash])
        assert again.name is None


def test_not_this_person_is_remembered(enrolled, front_end, templates):
    probe, source_hash = near(templates["Ada"], 0.98, 1), "f" * 64
    identifier = Identifier(enrolled)
    ((row,),) = identify(identifier, front_end, [probe], hashes=[source_hash])
    assert row.name == "Ada"
    enrolled.refuse_match(source_hash, row.face.box, row.person_id)
    ((again,),) = identify(identifier, front_end, [probe], hashes=[source_hash])
    assert again.name is None
    ((elsewhere,),) = identify(identifier, front_end, [probe], hashes=["e" * 64])
    assert elsewhere.name == "Ada"
    enrolled.lift_refusal(source_hash, row.face.box, row.person_id)
    ((lifted,),) = identify(identifier, front_end, [probe], hashes=[source_hash])
    assert lifted.name == "Ada"


def test_changes_of_the_gallery_are_followed(enrolled, front_end, templates, nobody):
    identifier = Identifier(enrolled)
    probe = near(templates["Ada"], 0.99, 1)
    assert identify(identifier, front_end, [probe])[0][0].name == "Ada"
    enrolled.rename(enrolled.person("Ada").person_id, "Ada L.")
    assert identify(identifier, front_end, [probe])[0][0].name == "Ada L."
    stranger = nobody[8]
    enrolled.enroll("New", [NewSample(stranger, "new.jpg", "9" * 64)])
    assert identify(identifier, front_end, [near(stranger, 0.99, 2)])[0][0].name == "New"
    enrolled.delete_person(enrolled.person("Ada L.").person_id)
    ((row,),) = identify(identifier, front_end, [probe])
    assert row.name is None
    assert "Ada L." not in [name for name, _ in row.candidates]


def test_an_empty_gallery_and_one_of_one_person(gallery, front_end, templates):
    identifier = Identifier(gallery)
    assert identifier.operating_point() is None
    ((row,),) = identify(identifier, front_end, [templates["Ada"]])
    assert (row.decision, row.score, row.threshold, row.candidates) == ("unknown", None, None, ())
    gallery.enroll("Ada", [NewSample(templates["Ada"], "a", "a" * 64)])
    known, stranger = identify(
        identifier, front_end, [near(templates["Ada"], 0.99, 1)], [near(templates["Ada"], 0.7, 2)]
    )
    assert (known[0].name, stranger[0].decision) == ("Ada", "unknown")
    # The threshold is that of a verification.
    assert known[0].threshold == pytest.approx(identifier.operating_point().threshold)


def test_no_face_gives_no_row(enrolled, front_end):
    assert identify(Identifier(enrolled), front_end, []) == [[]]


def test_another_embedder_and_an_unmeasured_rate_are_refused(enrolled, front_end):
    with pytest.raises(ValueError, match=r"from 0\.003 to 0\.1.*fpir=0\.5"):
        Identifier(enrolled, fpir=0.5)
    front_end.embedder.fingerprint = "another"
    with pytest.raises(ValueError, match=r"Only templates of one embedder.*'another'"):
        identify(Identifier(enrolled), front_end, [np.eye(1, EMBEDDING_DIM, dtype=np.float32)[0]])


def test_thresholds_of_ones_own_decide_from_the_moment_they_are_kept(enrolled, front_end, templates):
    identifier = Identifier(enrolled)
    probe = near(templates["Cyd"], 0.98, 3)
    ((before,),) = identify(identifier, front_end, [probe])
    enrolled.keep_own_points(own_points({0.01: 9.0, 0.001: 9.0}).to_dict(), "43 people")
    ((row,),) = identify(identifier, front_end, [probe])
    assert (before.decision, row.decision) == ("match", "unknown")
    assert row.threshold == pytest.approx(before.threshold + 9)
    assert row.normalized_score == before.normalized_score
    assert "43 people of one's own" in identifier.operating_point().own
    enrolled.forget_own_points()
    ((after,),) = identify(identifier, front_end, [probe])
    assert after.to_dict() == before.to_dict()


def test_a_part_of_ones_own_normalizes_the_scores(enrolled, front_end, templates):
    vectors = np.repeat(np.stack(list(templates.values())), 100, axis=0)
    enrolled.keep_own_points(own_points({0.01: 0.0}, part_of(vectors)).to_dict(), "43 people")
    identifier = Identifier(enrolled)
    probe = near(templates["Cyd"], 0.98, 3)
    ((row,),) = identify(identifier, front_end, [probe])
    expected = identifier.points.normalizer.scores(probe[None], templates["Cyd"][None])[0, 0]
    assert row.normalized_score == pytest.approx(expected, abs=1e-3)
    assert row.normalized_score < normalizer_of(enrolled.embedder).scores(probe[None], templates["Cyd"][None])[0, 0]
