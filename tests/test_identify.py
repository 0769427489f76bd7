"""Decisions on every face of a photo, against a real gallery; the embeddings are made up, so that scores are known."""

import hashlib
from types import SimpleNamespace

import numpy as np
import pytest

from kerasface.evaluation.identification import RIVAL_WEIGHT, crowding_of, search_gallery
from kerasface.faces.fingerprint import EMBEDDING_DIM
from kerasface.faces.operating_points import search_point
from kerasface.gallery.store import NewSample
from kerasface.identify import AMBIGUOUS_MARGIN, DEFAULT_FPIR, Identifier
from kerasface.plotting.style import percent

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
def templates():
    """One template per name, about 0.8 alike as faces of different people are."""
    common = np.random.default_rng(0).normal(size=EMBEDDING_DIM)
    own = np.random.default_rng(1).normal(size=(len(NAMES), EMBEDDING_DIM))
    return dict(zip(NAMES, unit(2 * common + own), strict=True))


@pytest.fixture
def enrolled(gallery, templates):
    for name, template in templates.items():
        gallery.enroll(name, [NewSample(template, f"{name}.jpg", hash_of(name))])
    return gallery


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()


def identify(identifier, portrait, *lists, hashes=None):
    identifier.analyzer.lists = list(lists)
    return identifier.identify([portrait] * len(lists), source_hashes=hashes)


def test_a_known_face_gets_its_name_and_the_threshold_it_reached(enrolled, front_end, templates, portrait):
    identifier = Identifier(enrolled, front_end)
    ((row,),) = identify(identifier, portrait, [near(templates["Cyd"], 0.98, 3)])
    assert (row.decision, row.name, row.person_id) == ("match", "Cyd", enrolled.person("Cyd").person_id)
    assert row.score == pytest.approx(0.98, abs=1e-5)
    assert row.candidates[0][0] == "Cyd"
    assert 0.5 < row.probability < 1
    # The threshold by its definition: the measured one, and a quarter of what others reach on both sides.
    labels = np.arange(len(NAMES))
    gallery = np.stack([templates[name] for name in NAMES])
    probe = near(templates["Cyd"], 0.98, 3)
    rival = max(float(probe @ templates[name]) for name in NAMES if name != "Cyd")
    crowding = crowding_of(gallery, labels)[NAMES.index("Cyd")]
    expected = identifier.operating_point().threshold + RIVAL_WEIGHT * (rival + crowding)
    assert row.threshold == pytest.approx(expected, abs=1e-5)
    assert row.to_dict()["name"] == "Cyd"


def test_decisions_agree_with_the_evaluation(enrolled, front_end, templates, portrait):
    """What error rates are measured with, and what users get, is one rule."""
    probes = [near(templates[name], cosine, seed) for seed, name in enumerate(NAMES) for cosine in (0.99, 0.9, 0.8)]
    identifier = Identifier(enrolled, front_end)
    rows = [faces[0] for faces in identify(identifier, portrait, *([probe] for probe in probes))]
    found = search_gallery(np.stack([templates[name] for name in NAMES]), np.arange(5), np.stack(probes))
    threshold = identifier.operating_point().threshold
    assert [row.score >= row.threshold for row in rows] == (found.normalised >= threshold).tolist()
    assert {row.decision for row in rows} >= {"match", "unknown"}
    for row, label in zip(rows, found.labels, strict=True):
        assert row.name in (None, NAMES[label])


def test_a_stranger_is_unknown_and_told_who_is_most_alike(enrolled, front_end, templates, portrait):
    ((row,),) = identify(Identifier(enrolled, front_end), portrait, [near(templates["Bob"], 0.85, 7)])
    assert (row.decision, row.name, row.person_id) == ("unknown", None, None)
    assert "Most alike is" in row.reason
    assert row.score < row.threshold


def test_in_one_photo_nobody_is_found_twice(enrolled, front_end, templates, portrait):
    faces = [near(templates["Ada"], 0.95, 1), near(templates["Ada"], 0.999, 2), near(templates["Bob"], 0.98, 3)]
    (rows,) = identify(Identifier(enrolled, front_end), portrait, faces)
    assert [row.name for row in rows] == [None, "Ada", "Bob"]
    assert rows[0].decision == "unknown"
    assert "another face of this photo" in rows[0].reason
    # In photos of their own both are Ada.
    assert [faces[0].name for faces in identify(Identifier(enrolled, front_end), portrait, faces[:1], faces[1:2])] == [
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
def test_two_people_about_as_alike_are_ambiguous(twins, gallery, front_end, portrait, margin, decision, name):
    """Both would be accepted: only how far they are apart decides."""
    ((row,),) = identify(Identifier(gallery, front_end), portrait, [apart(twins, "Ada", "Twin", margin)])
    assert row.score >= row.threshold
    assert (row.decision, row.name, row.person_id is None) == (decision, name, name is None)
    scores = dict(row.candidates)
    assert scores["Ada"] - scores["Twin"] == pytest.approx(margin, abs=1e-5)
    if decision == "ambiguous":
        assert f"their scores are {abs(margin):.3f} apart" in row.reason
        assert row.most_alike in ("Ada", "Twin")


def test_of_one_person_nothing_is_ambiguous(gallery, front_end, templates, portrait):
    gallery.enroll("Ada", [NewSample(templates["Ada"], "a", "a" * 64)])
    ((row,),) = identify(Identifier(gallery, front_end), portrait, [templates["Ada"]])
    assert (row.decision, row.name, row.probability) == ("match", "Ada", None)


@pytest.mark.parametrize("size", [2, 5, 20, 50, 60])
def test_in_small_galleries_a_score_means_less(gallery, front_end, portrait, size):
    """Strangers reach more in galleries below 50 people, with whom the curve was measured: by that a score is moved."""
    fingerprint = front_end.embedder.fingerprint
    common = np.random.default_rng(0).normal(size=EMBEDDING_DIM)
    people = unit(2 * common + np.random.default_rng(1).normal(size=(size, EMBEDDING_DIM)))
    with gallery.transaction():
        for number, template in enumerate(people):
            gallery.enroll(f"Person {number}", [NewSample(template, "photo", hash_of(str(number)))])
    identifier = Identifier(gallery, front_end)
    # A straight line in place of the measured curve, which is steep and flat elsewhere: the score can be read off it.
    identifier.calibration = SimpleNamespace(probability=lambda score: (1 + score) / 2)
    probe = near(people[0], 0.93, 3)
    ((row,),) = identify(identifier, portrait, [probe])
    normalised = identifier.rank(identifier.search(probe[None])[0]).normalised
    here, measured = (search_point(fingerprint, DEFAULT_FPIR, people).threshold for people in (size, 50))
    moved = here - measured if size < 50 else 0.0
    assert moved > 0.001 or size >= 50
    assert row.probability == pytest.approx((1 + normalised - moved) / 2, abs=1e-6)
    assert row.probability_text == f"{percent(row.probability)} that this is Person 0"


def test_a_refusal_is_remembered_whatever_the_file_says_of_its_photo(enrolled, front_end, templates, portrait):
    """Without the key somebody blanks the column by which refusals of a photo are found."""
    probe, source_hash = near(templates["Ada"], 0.98, 1), "f" * 64
    identifier = Identifier(enrolled, front_end)
    ((row,),) = identify(identifier, portrait, [probe], hashes=[source_hash])
    enrolled.refuse_match(source_hash, row.face.box, row.person_id)
    for statement in ("UPDATE refusals SET source_tag = zeroblob(16)", "DELETE FROM refusals"):
        with enrolled.transaction() as connection:
            connection.execute(statement)
        ((again,),) = identify(Identifier(enrolled, front_end), portrait, [probe], hashes=[source_hash])
        assert again.name is None


def test_not_this_person_is_remembered(enrolled, front_end, templates, portrait):
    probe, source_hash = near(templates["Ada"], 0.98, 1), "f" * 64
    identifier = Identifier(enrolled, front_end)
    ((row,),) = identify(identifier, portrait, [probe], hashes=[source_hash])
    assert row.name == "Ada"
    enrolled.refuse_match(source_hash, row.face.box, row.person_id)
    ((again,),) = identify(identifier, portrait, [probe], hashes=[source_hash])
    assert again.name is None
    ((elsewhere,),) = identify(identifier, portrait, [probe], hashes=["e" * 64])
    assert elsewhere.name == "Ada"
    enrolled.lift_refusal(source_hash, row.face.box, row.person_id)
    ((lifted,),) = identify(identifier, portrait, [probe], hashes=[source_hash])
    assert lifted.name == "Ada"


def test_changes_of_the_gallery_are_followed(enrolled, front_end, templates, portrait):
    identifier = Identifier(enrolled, front_end)
    probe = near(templates["Ada"], 0.99, 1)
    assert identify(identifier, portrait, [probe])[0][0].name == "Ada"
    enrolled.rename(enrolled.person("Ada").person_id, "Ada L.")
    assert identify(identifier, portrait, [probe])[0][0].name == "Ada L."
    stranger = unit(np.random.default_rng(9).normal(size=EMBEDDING_DIM) + templates["Bob"] * 9)
    enrolled.enroll("New", [NewSample(stranger, "new.jpg", "9" * 64)])
    assert identify(identifier, portrait, [near(stranger, 0.99, 2)])[0][0].name == "New"
    enrolled.delete_person(enrolled.person("Ada L.").person_id)
    ((row,),) = identify(identifier, portrait, [probe])
    assert row.name is None
    assert "Ada L." not in [name for name, _ in row.candidates]


def test_an_empty_gallery_and_one_of_one_person(gallery, front_end, templates, portrait):
    identifier = Identifier(gallery, front_end)
    assert identifier.operating_point() is None
    ((row,),) = identify(identifier, portrait, [templates["Ada"]])
    assert (row.decision, row.score, row.threshold, row.candidates) == ("unknown", None, None, ())
    gallery.enroll("Ada", [NewSample(templates["Ada"], "a", "a" * 64)])
    known, stranger = identify(
        identifier, portrait, [near(templates["Ada"], 0.99, 1)], [near(templates["Ada"], 0.7, 2)]
    )
    assert (known[0].name, stranger[0].decision) == ("Ada", "unknown")
    # With nobody to compare with the threshold is that of a verification.
    assert known[0].threshold == pytest.approx(identifier.operating_point().threshold)


def test_no_face_gives_no_row(enrolled, front_end, portrait):
    assert identify(Identifier(enrolled, front_end), portrait, []) == [[]]


def test_another_embedder_and_an_unmeasured_rate_are_refused(enrolled, front_end):
    with pytest.raises(ValueError, match=r"from 0\.003 to 0\.1.*fpir=0\.5"):
        Identifier(enrolled, front_end, fpir=0.5)
    front_end.embedder.fingerprint = "another"
    with pytest.raises(ValueError, match=r"Only templates of one embedder.*'another'"):
        Identifier(enrolled, front_end)


def test_people_who_are_not_alike_at_all_have_a_probability_too(gallery, front_end, portrait):
    """No rivals' share is taken off a cosine of 1; what small galleries add would lead beyond the scores."""
    for index, name in enumerate(NAMES):
        gallery.enroll(name, [NewSample(np.eye(EMBEDDING_DIM, dtype=np.float32)[index], f"{name}.jpg", hash_of(name))])
    identifier = Identifier(gallery, front_end)
    ((row,),) = identify(identifier, portrait, [np.eye(EMBEDDING_DIM, dtype=np.float32)[2]])
    assert (row.decision, row.name) == ("match", "Cyd")
    assert 0.99 < row.probability <= 1
