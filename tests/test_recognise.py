"""Recognition: every face with its names in order, and only models that fit."""

import json

import keras
import numpy as np
import pytest

from kerasface.recognise import FaceClassifier
from kerasface.runs import Run, RunError

LABELS = ("red", "green", "blue", "grey")
BLANK = np.full((120, 160, 3), 180, dtype=np.uint8)


def colour_model():
    """Softmax over the means of red, green and blue, in units of 25, and a constant 3."""
    inputs = keras.Input((150, 150, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    head = keras.layers.Dense(4, activation="softmax")
    model = keras.Model(inputs, head(x))
    kernel = np.hstack([np.eye(3) / 25, np.zeros((3, 1))])
    head.set_weights([kernel, np.array([0.0, 0.0, 0.0, 3.0])])
    return model


@pytest.fixture(scope="module")
def run(embedder):
    card = {"task": "classify", "input": {"image_size": [150, 150], "alignment": embedder.alignment}}
    return Run("colours", card, colour_model(), LABELS)


@pytest.fixture(scope="module")
def classifier(run, analyzer):
    return FaceClassifier(run, analyzer)


def test_names_are_the_models_probabilities_in_order(classifier, portrait, portrait_crop):
    """Computed again with NumPy from the crop that the front end cuts."""
    ((recognised,),) = classifier.recognise([portrait])
    np.testing.assert_array_equal(recognised.crop, portrait_crop)
    logits = np.append(portrait_crop.mean(axis=(0, 1)) / 25, 3.0)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    order = np.argsort(-probabilities)
    assert [label for label, _ in recognised.top] == [LABELS[index] for index in order]
    np.testing.assert_allclose([value for _, value in recognised.top], probabilities[order], atol=1e-4)
    assert sum(value for _, value in recognised.top) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("top", "expected"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_top_says_how_many_names(classifier, portrait, top, expected):
    ((recognised,),) = classifier.recognise([portrait], top=top)
    assert len(recognised.top) == expected


def test_every_face_of_every_photo_in_its_photo(classifier, portrait):
    head = portrait[20:240, 130:310]
    bluish = head.copy()
    bluish[..., :2] //= 2
    faces = classifier.recognise([BLANK, np.hstack([head, head[:, ::-1]]), bluish])
    assert [len(entries) for entries in faces] == [0, 2, 1]
    assert faces[1][0].top[0][0] == "red"  # skin
    assert faces[2][0].top[0][0] == "blue"


def test_photos_without_faces(classifier):
    assert classifier.recognise([BLANK, BLANK]) == [[], []]
    assert classifier.recognise([]) == []


def test_a_face_as_json(classifier, portrait):
    ((recognised,),) = classifier.recognise([portrait], top=2)
    entry = recognised.to_dict()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert set(entry) == {"box", "landmarks", "detection_score", "top"}
    assert [set(line) for line in entry["top"]] == [{"label", "probability"}] * 2


def test_a_model_for_another_task_or_other_crops_is_refused(run, analyzer):
    segments = Run("parts", {**run.card, "task": "segment"}, run.model, ())
    with pytest.raises(RunError, match=r"'parts' does not classify\. Received: task='segment'"):
        FaceClassifier(segments, analyzer)
    for other in ({"image_size": [150, 150], "alignment": "arcface-112x112"}, {}):
        with pytest.raises(RunError, match="'colours' was trained on crops cut for"):
            FaceClassifier(Run("colours", {**run.card, "input": other}, run.model, LABELS), analyzer)
