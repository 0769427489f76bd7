"""How good a classifier is: thresholds and losses worked out by hand, and judges that say what the model says."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasface.evaluation.classification import Calibration, Temperature
from kerasface.models.heads import build_classifier_head, to_probabilities, to_vector
from kerasface.train.classification.judging import Judged, is_better, judge_features, judge_images, measures, score_name


def judged(scores, unknown_scores, *, right=None, groups=None, score="probability"):
    """Of two classes; the first `right` of the faces get their own name, with a probability of 0.75."""
    scores, unknown_scores = np.asarray(scores, dtype=float), np.asarray(unknown_scores, dtype=float)
    right = len(scores) if right is None else right
    probabilities = np.where(np.arange(len(scores))[:, None] < right, [0.75, 0.25], [0.25, 0.75])
    return Judged(
        probabilities=probabilities,
        labels=np.zeros(len(scores), dtype=int),
        scores=scores,
        unknown_probabilities=np.tile([0.1, 0.9], (len(unknown_scores), 1)),
        unknown_scores=unknown_scores,
        unknown_groups=np.arange(len(unknown_scores)) if groups is None else np.asarray(groups),
        score=score,
    )


def test_strangers_are_counted_where_95_percent_of_the_known_are_accepted():
    """Of 21 scores the second lowest leaves 20, 95.2 %; the third would leave 90.5 %. It is 0.2 here."""
    known = np.arange(1, 22) / 10
    assert judged(known, [0.1, 0.19, 0.2, 0.3]).unknown_accepted == 0.5
    assert judged(known, [0.1, 0.19]).unknown_accepted == 0
    assert judged(known[::-1], [5]).unknown_accepted == 1


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=80, unique=True))
def test_at_least_95_percent_of_the_known_are_accepted_and_hardly_more(scores):
    """Measured by strangers who score like the known; one face more or less is the grain."""
    share = judged(scores, scores).unknown_accepted
    assert 0.95 <= share <= 0.95 + 1.05 / len(scores) + 1e-9


def test_without_strangers_nothing_is_said_of_them():
    one = judged([0.5, 0.6], [])
    assert one.unknown_accepted is None
    assert one.open_set() is None
    assert one.summary() == {"top1": 1, "unknown_accepted": None}


def test_a_threshold_needs_four_strangers():
    """As people, not as pictures."""
    known, unknown = np.full(10, 0.9), np.full(8, 0.1)
    assert judged(known, unknown, groups=[0, 0, 1, 1, 2, 2, 2, 2]).open_set() is None
    found = judged(known, unknown, right=6, groups=[0, 0, 1, 1, 2, 2, 3, 3]).open_set()
    assert 0.1 < found.threshold <= 0.9
    assert (found.unknown_accepted, found.known_accepted, found.known_correct) == (0, 1, 0.6)


@pytest.mark.parametrize(
    ("right", "strangers", "expected"),
    [
        (8, [0.1, 0.9], True),  # as before
        (9, [0.1, 0.2], True),
        (7, [0.1, 0.2], False),  # a name less, though fewer strangers
        (9, [0.9, 0.9], False),  # a name more, though more strangers
    ],
)
def test_fine_tuning_is_kept_if_neither_names_nor_strangers_suffer(right, strangers, expected):
    """Before: 8 of 10 names, and of two strangers one above the lowest score of the known, 0.5."""
    known = np.linspace(0.5, 1, 10)
    before = judged(known, [0.1, 0.9], right=8)
    assert before.unknown_accepted == 0.5
    assert is_better(judged(known, strangers, right=right), before) == expected


def test_without_strangers_the_names_decide():
    before = judged([0.5] * 10, [], right=8)
    assert is_better(judged([0.5] * 10, [], right=8), before)
    assert not is_better(judged([0.5] * 10, [], right=7), before)


@pytest.mark.parametrize("score", ["probability", "cosine"])
def test_cooling_moves_probabilities_and_leaves_cosines(score):
    """At temperature 2, odds become their square root: 3 to 1 is sqrt(3) to 1, and 9 to 1 is 3 to 1."""
    nothing = Calibration(0.0, ())
    before = judged([0.3, 0.4], [0.2], right=1, score=score)
    after = before.cooled(Temperature(2.0, 2.0, nothing, nothing, 0.5, 0.4, 0.1, 9))
    high = np.sqrt(3) / (np.sqrt(3) + 1)
    np.testing.assert_allclose(after.probabilities, [[high, 1 - high], [1 - high, high]])
    np.testing.assert_allclose(after.unknown_probabilities, [[0.25, 0.75]])
    np.testing.assert_allclose(after.scores, [0.3, 0.4] if score == "cosine" else [high, high])
    np.testing.assert_allclose(after.unknown_scores, [0.2] if score == "cosine" else [0.75])
    assert (after.top1, after.score) == (before.top1, score)


def test_the_loss_is_the_mean_of_minus_the_logarithm():
    """-ln(1/2), -ln(1/4) and, for a probability of 0, -ln(1e-12)."""
    probabilities = np.array([[0.5, 0.3, 0.2], [0.25, 0.5, 0.25], [1.0, 0.0, 0.0]])
    found = measures(probabilities, np.array([0, 2, 1]))
    assert found["val_loss"] == pytest.approx((np.log(2) + np.log(4) + 12 * np.log(10)) / 3)
    assert found["val_accuracy"] == pytest.approx(1 / 3)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [0, 1, 600])
def test_features_are_judged_as_the_formula_says(count):
    """600 features are three blocks."""
    rng = np.random.default_rng(0)
    features = rng.normal(2, 3, (count, 5)).astype(np.float32)
    kernel, bias = rng.normal(size=(5, 4)).astype(np.float32), rng.normal(size=4).astype(np.float32)
    mean, variance = np.full(5, 2.0), np.full(5, 9.0)
    head = build_classifier_head(mean, variance, 4)
    judge = judge_features(head)
    head.get_layer("head_logits").set_weights([kernel, bias])
    probabilities, scores = judge(features)
    expected = softmax((features - 2) / 3 @ kernel + bias) if count else np.zeros((0, 4))
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(scores, expected.max(axis=1), atol=1e-5)
    assert score_name(head) == "probability"


def test_a_head_of_cosines_is_scored_by_the_nearest_direction():
    rng = np.random.default_rng(1)
    features, directions = rng.normal(size=(30, 5)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    head = build_classifier_head(np.zeros(5), np.ones(5), 4, scale=8.0)
    head.get_layer("head_cosines").set_weights([directions])
    cosines = (
        features / np.linalg.norm(features, axis=1, keepdims=True) @ (directions / np.linalg.norm(directions, axis=0))
    )
    probabilities, scores = judge_features(head)(features)
    np.testing.assert_allclose(scores, cosines.max(axis=1), atol=1e-5)
    np.testing.assert_allclose(probabilities, softmax(8 * cosines), atol=1e-5)
    assert score_name(head) == "cosine"


@pytest.mark.parametrize("scale", [None, 16.0])
def test_images_are_judged_as_the_model_says_with_its_weights_of_the_moment(scale):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    model = keras.Model(inputs, to_probabilities(to_vector(x), 3, scale=scale))
    judge = judge_images(model)
    images = np.random.default_rng(0).integers(0, 256, (300, 6, 6, 3), dtype=np.uint8)
    for factor in (1, -2):
        model.set_weights([factor * weight for weight in model.get_weights()])
        expected = np.asarray(model(images.astype(np.float32)))
        probabilities, scores = judge(images)
        np.testing.assert_allclose(probabilities, expected, atol=1e-5)
        if scale is not None:
            expected = np.asarray(keras.Model(inputs, model.get_layer("head_cosines").output)(images))
        np.testing.assert_allclose(scores, expected.max(axis=1), atol=1e-5)
