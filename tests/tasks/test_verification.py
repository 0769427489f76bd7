"""The verdict on two photos: each decision, its reason, and the numbers it stands on."""

import json
import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from kerasface.data.pairs import read_pairs
from kerasface.faces.analyzer import AnalyzedFace
from kerasface.faces.detection import Face
from kerasface.faces.quality import MIN_SIDE, measure_quality
from kerasface.faces.rates.operating_points import operating_point
from kerasface.images.decoding import decode
from kerasface.tasks.verification import verify

BLANK = np.full((120, 160, 3), 180, dtype=np.uint8)
# Crops of middling brightness, sharp everywhere; and without any edge.
SHARP = np.random.default_rng(0).integers(60, 200, (150, 150, 3), dtype=np.uint8)
BLURRED = np.tile(np.linspace(60, 200, 150, dtype=np.uint8)[None, :, None], (150, 1, 3))


@pytest.fixture(scope="module")
def head(portrait):
    """The portrait's head, `(220, 180, 3)`."""
    return portrait[20:240, 130:310]


@pytest.fixture(scope="module")
def two_heads(head):
    """Two heads of the same size side by side."""
    return np.hstack([head, head[:, ::-1]])


class PlainNormalizer:
    """Knows the same of every face, a mean of 0.5 and a spread of 0.05: a cosine c has the score 20 c - 10."""

    unusual = (False, False)

    def statistics(self, embeddings):
        return np.tile([0.5, 0.05], (len(embeddings), 1))

    def is_unusual(self, statistics):
        return np.array(self.unusual)


class ScriptedAnalyzer:
    """Finds in each "photo", a list of (side, angle), faces of that side with embeddings at that angle in a plane.

    A third value is the face's crop; a sharp one if not given.
    """

    def __init__(self, fingerprint):
        self.embedder = SimpleNamespace(
            name="made up", fingerprint=fingerprint, precision="float32", normalizer=PlainNormalizer()
        )

    def analyze(self, photos):
        return [[self._face(*entry) for entry in photo] for photo in photos]

    detector = ""

    def _face(self, side, angle, crop=SHARP):
        face = Face((10.0, 20.0, float(side), float(side)), np.zeros((5, 2), dtype=np.float32), 0.9)
        embedding = np.array([math.cos(angle), math.sin(angle)])
        return AnalyzedFace(face, crop, measure_quality(face, crop), embedding, "made up", self.detector)


@pytest.fixture
def scripted(embedder):
    return ScriptedAnalyzer(embedder.fingerprint)


@pytest.mark.parametrize(("offset", "decision"), [(1e-6, "match"), (-1e-6, "no_match")])
@pytest.mark.parametrize("fmr", [0.0001, 0.001, 0.01])
def test_the_threshold_divides_match_from_no_match(scripted, fmr, offset, decision):
    """Two unit vectors at the angle arccos(c) have the cosine c, and here the normalized score 20 c - 10."""
    threshold = operating_point(scripted.embedder.fingerprint, fmr).threshold
    cosine = (threshold + offset + 10) / 20
    result = verify([(100, 0.0)], [(100, math.acos(cosine))], scripted, fmr=fmr)
    assert result.score == pytest.approx(cosine, abs=1e-9)
    assert result.normalized_score == pytest.approx(threshold + offset, abs=1e-8)
    assert (result.decision, result.threshold, result.fmr) == (decision, threshold, fmr)
    assert f"{threshold:.2f} needed" in result.reason


def test_a_score_at_the_threshold_matches(scripted, monkeypatch):
    result = verify([(100, 0.3)], [(100, 0.3)], scripted)
    monkeypatch.setattr("kerasface.tasks.verification.normalized_scores", lambda *_: np.float64(result.threshold))
    assert verify([(100, 0.3)], [(100, 0.3)], scripted).decision == "match"


@pytest.mark.parametrize(
    ("unusual", "said"),
    [
        ((False, False), None),
        ((True, False), "The face in A.jpg is unlike"),
        ((False, True), "The face in B.jpg is unlike"),
        ((True, True), "Both faces are unlike"),
    ],
)
def test_doubt_is_said_where_rates_were_not_measured(scripted, unusual, said):
    scripted.embedder.normalizer.unusual = unusual
    reason = verify([(100, 0)], [(100, 0)], scripted, names=("A.jpg", "B.jpg")).reason
    assert ("unlike those that the error rates were measured on" in reason) == (said is not None)
    assert said is None or said in reason


@pytest.mark.parametrize(("detector", "said"), [("mtcnn-9-40-0.6-0.7-0.7", False), ("mtcnn-10-auto-0.6-0.7-0.7", True)])
def test_a_detector_that_the_rates_were_not_measured_with_is_said(scripted, detector, said):
    scripted.detector = detector
    reason = verify([(100, 0)], [(100, 0)], scripted).reason
    assert (f"faces found by mtcnn-9-auto-0.6-0.7-0.7, and this is {detector}: how often" in reason) == said


def test_what_is_far_from_every_face_is_unusual_and_must_be_nearly_the_same_to_match(embedder):
    """Two random directions at a cosine of 0.8: nobody is near either, and yet they are no match."""
    normalizer, generator = embedder.normalizer, np.random.default_rng(0)
    first, other = np.linalg.qr(generator.normal(size=(embedder.embedding_dim, 2)))[0].T.astype(np.float32)
    second = np.float32(0.8) * first + np.float32(0.6) * other
    assert normalizer.is_unusual(normalizer.statistics(np.stack([first, second]))).all()
    assert normalizer.scores(first[None], second[None])[0, 0] < 0
    assert np.mean(normalizer.is_unusual(normalizer.statistics(normalizer.cohort[:1000]))) < 0.1


@pytest.mark.parametrize(
    ("photo_a", "photo_b", "decision", "scored"),
    [
        ([(100, 0)], [], "no_face", False),
        ([], [], "no_face", False),
        # Areas 0.49 and 0.5041 of the largest: below and above one half.
        ([(100, 0), (70, 1)], [(100, 0)], "match", True),
        ([(100, 0), (71, 1)], [(100, 0)], "ambiguous", False),
        ([(MIN_SIDE, 0)], [(100, 0)], "match", True),
        ([(MIN_SIDE - 1, 0)], [(100, 0)], "low_quality", True),
        # The graver problem decides.
        ([(100, 0), (100, 1)], [], "no_face", False),
        ([(10, 0)], [(100, 0), (90, 1)], "ambiguous", False),
        ([(10, 0)], [], "no_face", False),
    ],
)
def test_problems_and_their_order(scripted, photo_a, photo_b, decision, scored):
    result = verify(photo_a, photo_b, scripted, names=("A.jpg", "B.jpg"))
    assert result.decision == decision
    assert (result.score is not None) == scored
    assert len(result.faces) == len(photo_a) + len(photo_b)
    assert sum(face.chosen for face in result.faces) == (2 if scored else 0)


def test_all_problems_are_said_with_photo_and_place(scripted):
    reason = verify([(10, 0)], [], scripted, names=("A.jpg", "B.jpg")).reason
    assert "No face was found in B.jpg" in reason
    assert "face in A.jpg is too small (10 x 10 pixels at 10, 20)" in reason
    assert f"{MIN_SIDE:.0f} pixels" in reason


def test_one_bad_photo_is_decided_on_and_two_are_not(scripted):
    """Bad photos resemble one another: of strangers more than stated would match."""
    for angle, decision in ((0, "match"), (1, "no_match")):
        result = verify([(100, angle, BLURRED)], [(100, 0)], scripted, names=("A.jpg", "B.jpg"))
        assert result.decision == decision
        assert ("A.jpg: The face is blurred" in result.reason) == (decision == "no_match")
        both = verify([(100, angle, BLURRED)], [(100, 0, BLURRED)], scripted, names=("A.jpg", "B.jpg"))
        assert both.decision == "low_quality"
        assert both.score == pytest.approx(math.cos(angle))
        assert "A.jpg: The face is blurred" in both.reason
        assert "B.jpg: The face is blurred" in both.reason


def test_a_blurred_portrait_does_not_match_itself(portrait, analyzer):
    """Out of focus by six pixels; on its own it is still compared with the sharp one."""
    blurred = cv2.GaussianBlur(portrait, (0, 0), 6)
    assert verify(blurred, blurred, analyzer).decision == "low_quality"
    assert verify(blurred, portrait, analyzer).decision in ("match", "no_match")


def test_two_photos_of_the_portrait_match(portrait, analyzer):
    close_up = np.ascontiguousarray(portrait[:330, 60:390][:, ::-1])
    result = verify(portrait, close_up, analyzer, names=("whole", "close-up"))
    assert result.decision == "match"
    assert result.normalized_score >= result.threshold
    assert [(face.image, face.chosen) for face in result.faces] == [("whole", True), ("close-up", True)]
    assert all(face.crop.shape == (150, 150, 3) for face in result.faces)
    assert result.precision == "float32"
    assert result.seconds > 0


@pytest.mark.slow
def test_the_order_of_the_photos_does_not_matter(portrait, two_heads, head, analyzer):
    for other in (head, two_heads, BLANK):
        forth, back = verify(portrait, other, analyzer), verify(other, portrait, analyzer)
        assert forth.decision == back.decision
        assert forth.score == pytest.approx(back.score, abs=1e-5) if forth.score is not None else back.score is None


def test_photos_without_a_face_or_with_two_are_not_decided(head, two_heads, analyzer):
    assert verify(head, BLANK, analyzer).decision == "no_face"
    result = verify(two_heads, head, analyzer, names=("party.jpg", "passport.jpg"))
    assert (result.decision, result.score) == ("ambiguous", None)
    assert "party.jpg shows 2 faces" in result.reason
    assert [face.image for face in result.faces] == ["party.jpg", "party.jpg", "passport.jpg"]


@pytest.mark.parametrize(("faces", "score"), [((1, None), 1.0), ((2, None), math.cos(0.2)), ((2, 1), math.cos(0.2))])
def test_one_of_several_faces_is_picked_by_its_number(scripted, faces, score):
    result = verify([(100, 0.0), (90, 0.2)], [(100, 0.0)], scripted, names=("A.jpg", "B.jpg"), faces=faces)
    assert (result.decision, result.score) == ("match", pytest.approx(score))
    chosen = [(face.image, face.number) for face in result.faces if face.chosen]
    assert chosen == [("A.jpg", faces[0]), ("B.jpg", 1)]
    assert [face["number"] for face in result.to_dict()["faces"]] == [1, 2, 1]


def test_a_picked_face_is_judged_by_its_own_size(scripted):
    result = verify([(100, 0), (MIN_SIDE - 1, 0)], [(100, 0)], scripted, faces=(2, None))
    assert result.decision == "low_quality"


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ((3, None), r"A.jpg shows 2 faces, numbered from 1, the largest. Received: face 3."),
        ((0, None), r"A.jpg shows 2 faces.* Received: face 0."),
        ((1, 2), r"B.jpg shows 1 face. Received: face 2."),
    ],
)
def test_a_number_that_no_face_has_is_refused_with_how_many_there_are(scripted, faces, message):
    with pytest.raises(ValueError, match=message):
        verify([(100, 0), (90, 1)], [(100, 0)], scripted, names=("A.jpg", "B.jpg"), faces=faces)


def test_where_no_face_stands_out_their_numbers_are_said(scripted):
    reason = verify([(100, 0), (90, 1)], [(100, 0)], scripted, names=("A.jpg", "B.jpg")).reason
    assert "A.jpg shows 2 faces and none stands out (face 1, 100 x 100 pixels at 10, 20 and face 2, " in reason


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_photo_that_does_not_stand_is_turned_and_the_reason_says_so(portrait, analyzer, degrees):
    lying = np.ascontiguousarray(np.rot90(portrait, degrees // 90))
    result = verify(portrait, lying, analyzer, names=("a.jpg", "b.jpg"))
    assert result.decision == "match"
    assert result.score > 0.99
    assert result.reason.endswith(f" b.jpg was turned by {degrees} degrees clockwise.")
    assert [face.face.turned for face in result.faces] == [0, degrees]


def test_a_tiny_face_is_low_quality(portrait, head, analyzer):
    """At a quarter of its size the face is about 22 pixels wide: found, but too small to decide on."""
    tiny = cv2.resize(portrait, None, fx=0.28, fy=0.28, interpolation=cv2.INTER_AREA)
    result = verify(tiny, head, analyzer, names=("tiny.jpg", "head.jpg"))
    assert result.decision == "low_quality"
    assert "tiny.jpg is too small" in result.reason


def test_the_verdict_as_json_has_the_keys_that_others_read(portrait, analyzer):
    verdict = verify(portrait, portrait, analyzer, names=("a.jpg", "b.jpg")).to_dict()
    assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
    keys = {"decision", "score", "threshold", "fmr", "faces", "device", "precision", "seconds", "reason"}
    assert keys <= set(verdict)
    for face in verdict["faces"]:
        assert set(face) == {"image", "box", "landmarks", "detection_score", "turned", "number", "chosen"}
        assert len(face["box"]) == 4
        assert np.shape(face["landmarks"]) == (5, 2)


@pytest.mark.parametrize("fmr", [0.0, 0.5, -1])
def test_an_error_rate_that_was_not_measured_is_refused_before_any_work(fmr, scripted):
    with pytest.raises(ValueError, match="Received: fmr"):
        verify([], [], scripted, fmr=fmr)


@pytest.mark.slow
@pytest.mark.data
def test_strangers_do_not_match_and_friends_match(lfw_dir, analyzer):
    """Of 12 genuine and 12 impostor pairs: at 0.1 % false matches, 5 % false refusals, nearly all must be right."""
    pairs = read_pairs(lfw_dir / "pairs.txt", lfw_dir / "images")
    genuine, impostor = pairs[:300:25], pairs[300:600:25]
    for chosen, same in ((genuine, True), (impostor, False)):
        verdicts = [verify(decode(pair.path_a), decode(pair.path_b), analyzer) for pair in chosen]
        decided = [result.decision for result in verdicts if result.decision in ("match", "no_match")]
        assert len(decided) >= 9
        assert decided.count("match" if same else "no_match") >= len(decided) - (2 if same else 0)
