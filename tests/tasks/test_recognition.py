"""Recognition: every face or picture with its names in order or as unknown, and only models that fit."""

import json
from dataclasses import replace

import keras
import numpy as np
import pytest

from kerasface.faces.fingerprint import embedder_fingerprint
from kerasface.faces.rates.classifier_points import classifier_point
from kerasface.models.layers import CosineLogits
from kerasface.models.pretrained import weight_file
from kerasface.runs.card import ModelCard, ModelInput, OpenSetThreshold
from kerasface.runs.store import Run, RunError
from kerasface.tasks.recognition import FaceClassifier, ImageClassifier, build_classifier, open_set_of, unknown_note

LABELS = ("red", "green", "blue", "grey")
BLANK = np.full((120, 160, 3), 180, dtype=np.uint8)


def colour_model(side=150):
    """Softmax over the means of red, green and blue, in units of 25, and a constant 3."""
    inputs = keras.Input((side, side, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    head = keras.layers.Dense(4, activation="softmax")
    model = keras.Model(inputs, head(x))
    kernel = np.hstack([np.eye(3) / 25, np.zeros((3, 1))])
    head.set_weights([kernel, np.array([0.0, 0.0, 0.0, 3.0])])
    return model


def cosine_model(side=8):
    """Cosines of the mean colour to red and to green, times 10, and their softmax."""
    inputs = keras.Input((side, side, 3))
    cosines = CosineLogits(2, name="head_cosines")
    logits = keras.layers.Rescaling(10.0)(cosines(keras.layers.GlobalAveragePooling2D()(inputs)))
    model = keras.Model(inputs, keras.layers.Softmax()(logits))
    cosines.set_weights([np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])])
    return model


def open_set(score, threshold):
    return {
        "score": score,
        "threshold": threshold,
        "false_accept_asked": 0.01,
        "unknown_accepted": 0.009,
        "unknown_accepted_high": 0.014,
        "known_accepted": 0.93,
        "known_correct": 0.91,
        "num_unknown": 1364,
        "num_known": 420,
    }


def picture_run(model, labels, **card):
    side = model.input_shape[1]
    card = {"task": "classify", "labels": list(labels), "input": {"kind": "image", "image_size": [side, side]}, **card}
    return Run("pictures", ModelCard.from_dict(card), model)


def plain_picture(*color, height=20, width=30):
    return np.full((height, width, 3), color, dtype=np.uint8)


@pytest.fixture(scope="module")
def run(embedder):
    taken = ModelInput(image_size=(150, 150), alignment=embedder.template.fingerprint)
    return Run("colours", ModelCard(task="classify", input=taken, labels=LABELS), colour_model())


@pytest.fixture(scope="module")
def classifier(run, analyzer):
    return FaceClassifier(run, analyzer.detector)


def test_names_are_the_models_probabilities_in_order(classifier, portrait, portrait_crop):
    """Computed again with NumPy from the crop that the front end cuts."""
    ((recognized,),) = classifier.recognize([portrait])
    np.testing.assert_array_equal(recognized.crop, portrait_crop)
    logits = np.append(portrait_crop.mean(axis=(0, 1)) / 25, 3.0)
    probabilities = np.exp(logits) / np.exp(logits).sum()
    order = np.argsort(-probabilities)
    assert [label for label, _ in recognized.top] == [LABELS[index] for index in order]
    np.testing.assert_allclose([value for _, value in recognized.top], probabilities[order], atol=1e-4)
    assert sum(value for _, value in recognized.top) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("top", "expected"), [(1, 1), (3, 3), (4, 4), (9, 4)])
def test_top_says_how_many_names(classifier, portrait, top, expected):
    ((recognized,),) = classifier.recognize([portrait], top=top)
    assert len(recognized.top) == expected


def test_every_face_of_every_photo_in_its_photo(classifier, portrait):
    head = portrait[20:240, 130:310]
    bluish = head.copy()
    bluish[..., :2] //= 2
    faces = classifier.recognize([BLANK, np.hstack([head, head[:, ::-1]]), bluish])
    assert [len(entries) for entries in faces] == [0, 2, 1]
    assert faces[1][0].top[0][0] == "red"  # skin
    assert faces[2][0].top[0][0] == "blue"


def test_photos_without_faces(classifier):
    assert classifier.recognize([BLANK, BLANK]) == [[], []]
    assert classifier.recognize([]) == []


def test_a_face_as_json(classifier, portrait):
    ((recognized,),) = classifier.recognize([portrait], top=2)
    entry = recognized.to_dict()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert set(entry) == {"box", "landmarks", "detection_score", "turned", "top", "decision", "score"}
    assert (entry["decision"], entry["score"]) == (None, None)
    assert [set(line) for line in entry["top"]] == [{"label", "probability"}] * 2


def test_a_model_for_another_task_or_other_crops_is_refused(run, analyzer):
    segments = replace(run, name="parts", card=replace(run.card, task="segment"))
    with pytest.raises(RunError, match=r"'parts' does not classify\. Received: task='segment'"):
        FaceClassifier(segments, analyzer.detector)
    for other in (ModelInput(image_size=(150, 150), alignment="arcface-112x112"), ModelInput()):
        with pytest.raises(RunError, match="'colours' was trained on crops cut for"):
            FaceClassifier(replace(run, card=replace(run.card, input=other)), analyzer.detector)


def test_a_face_is_known_from_the_threshold_on(run, analyzer, portrait):
    """The score is the largest probability; a threshold at the score itself still accepts."""
    ((free,),) = FaceClassifier(run, analyzer.detector).recognize([portrait])
    largest = free.top[0][1]
    for threshold, decision in ((largest, "known"), (np.nextafter(largest, 2), "unknown")):
        known = OpenSetThreshold(**open_set("probability", threshold))
        limited = replace(run, card=replace(run.card, open_set=known))
        ((face,),) = FaceClassifier(limited, analyzer.detector).recognize([portrait])
        assert (face.decision, face.score) == (decision, pytest.approx(largest))
        assert face.top == free.top


def test_a_crop_is_resized_to_what_the_model_takes(run, analyzer, portrait, portrait_crop):
    """Averages over whole blocks keep the mean, so a model of mean colours says the same of 50 x 50 pixels."""
    taken = replace(run.card.input, image_size=(50, 50))
    small = Run("small", replace(run.card, input=taken), colour_model(50))
    ((face,),) = FaceClassifier(small, analyzer.detector).recognize([portrait])
    ((expected,),) = FaceClassifier(run, analyzer.detector).recognize([portrait])
    np.testing.assert_array_equal(face.crop, portrait_crop)
    assert [value for _, value in face.top] == pytest.approx([value for _, value in expected.top], abs=0.01)


def test_a_picture_is_judged_as_a_whole():
    classifier = ImageClassifier(picture_run(colour_model(8), LABELS))
    red, blue = classifier.recognize([plain_picture(200, 20, 20), plain_picture(20, 20, 200, height=9)], top=2)
    assert (red.top[0][0], blue.top[0][0]) == ("red", "blue")
    assert red.crop.shape == blue.crop.shape == (8, 8, 3)
    assert (red.decision, red.score) == (None, None)
    entry = red.to_dict()
    assert json.loads(json.dumps(entry, allow_nan=False)) == entry
    assert set(entry) == {"top", "decision", "score"}
    assert len(entry["top"]) == 2
    assert classifier.recognize([]) == []


def test_the_middle_square_of_a_picture_is_looked_at():
    """Blue stripes of 5 pixels left and right of a red square: none of them is in the middle."""
    picture = plain_picture(0, 0, 255)
    picture[:, 5:25] = (255, 0, 0)
    (answer,) = ImageClassifier(picture_run(colour_model(8), LABELS)).recognize([picture])
    assert (answer.crop == (255, 0, 0)).all()


def test_cosines_decide_where_the_card_says_so():
    """The cosine of (r, g, b) to red is r over its length: 3 / 5 for (60, 0, 80), whatever the softmax says."""
    run = picture_run(cosine_model(), ["red", "green"], open_set=open_set("cosine", 0.61))
    unknown, known = ImageClassifier(run).recognize([plain_picture(60, 0, 80), plain_picture(80, 0, 60)])
    assert (unknown.decision, unknown.score) == ("unknown", pytest.approx(0.6, abs=1e-5))
    assert (known.decision, known.score) == ("known", pytest.approx(0.8, abs=1e-5))
    assert unknown.top[0] == ("red", pytest.approx(1 / (1 + np.exp(-6)), abs=1e-5))


def test_cosines_that_the_model_lacks_are_named():
    with pytest.raises(RunError, match="no layer 'head_cosines'"):
        ImageClassifier(picture_run(colour_model(8), LABELS, open_set=open_set("cosine", 0.5)))


def test_the_card_picks_the_classifier(run, analyzer):
    def forbidden():
        raise AssertionError("A model of pictures needs no face front end.")

    assert isinstance(build_classifier(picture_run(colour_model(8), LABELS), forbidden), ImageClassifier)
    assert isinstance(build_classifier(run, lambda: analyzer.detector), FaceClassifier)


def test_a_model_of_another_kind_is_refused(run, analyzer):
    with pytest.raises(RunError, match=r"no classifier of input 'image'.*'face'"):
        ImageClassifier(run)
    with pytest.raises(RunError, match=r"no classifier of input 'face'.*'image'"):
        FaceClassifier(picture_run(colour_model(8), LABELS), analyzer.detector)
    sound = replace(run.card, input=replace(run.card.input, kind="sound"))
    with pytest.raises(RunError, match="'sound'"):
        build_classifier(replace(run, card=sound), lambda: analyzer.detector)


@pytest.mark.parametrize("image_size", [None, [9, 9], [8, 9]])
def test_a_card_that_tells_another_size_is_refused(image_size):
    wrong = picture_run(colour_model(8), LABELS, input={"kind": "image", "image_size": image_size})
    with pytest.raises(RunError, match=r"image_size=.*takes \(8, 8, 3\)"):
        ImageClassifier(wrong)


def test_the_note_has_the_error_rates_of_the_threshold():
    known = OpenSetThreshold(**open_set("cosine", 0.6123))
    card = ModelCard(task="classify", input=ModelInput(), labels=("Ada", "Bea"), open_set=known)
    assert unknown_note(card) == (
        "A face counts as known from a cosine of 0.612 on. At this threshold 0.9 % of strangers are taken for somebody "
        "known (up to 1.4 % at 95 % confidence), measured on 1,364 faces of strangers, and 7.0 % of 420 photos of "
        "known people are called unknown."
    )
    pictures = unknown_note(replace(card, input=ModelInput(kind="image")))
    assert "0.9 % of pictures of anything else are taken for one of the classes" in pictures
    assert "stranger" not in pictures


def embedder_card(embedder, num_classes=3, num_train=12, **changes):
    """Card of a run by mean embeddings, as versions before the default threshold wrote it."""
    recipe = {"backbone": "face_resnet", "weights": "pretrained", "epochs": 0, "classifier": "cosine"}
    content = {
        "task": "classify",
        "input": {"kind": "face", "image_size": [8, 8], "alignment": embedder.template.fingerprint},
        "labels": [f"person {number}" for number in range(num_classes)],
        "recipe": {**recipe, "head_epochs": 0, "mirror": True},
        "weights": [{"name": "face_resnet", "sha256": weight_file("face_resnet").sha256}],
        "metrics": {"num_train": num_train},
        "open_set": None,
        **changes,
    }
    return ModelCard.from_dict(content)


def test_a_card_without_strangers_gets_the_default_threshold(embedder):
    found = open_set_of(embedder_card(embedder))
    point = classifier_point(embedder_fingerprint(2), 3, 4)
    assert found == OpenSetThreshold(score="cosine", default=True, **point.to_dict())
    note = unknown_note(embedder_card(embedder))
    assert f"from a cosine of {point.threshold:.3f} on: the default for 3 people" in note
    assert "not measured on these people" in note
    assert point.date in note
    assert "Labeled Faces in the Wild" in note
    own = open_set("cosine", 0.5)
    assert open_set_of(embedder_card(embedder, open_set=own)) == OpenSetThreshold(**own)


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": {"backbone": "face_resnet", "epochs": 5, "classifier": "cosine", "head_epochs": 0}},
        {"recipe": {"backbone": "face_resnet", "epochs": 0, "classifier": "softmax", "head_epochs": 60}},
        {"recipe": {"backbone": "mobilenet_v2", "epochs": 0, "classifier": "cosine", "head_epochs": 0}},
        {"recipe": {}},
        {"fine_tuned": True},
        {"weights": [{"name": "face_resnet", "sha256": "0" * 64}]},
        {"weights": []},
        {"metrics": {}},
        {"input": {"kind": "image", "image_size": [8, 8]}},
        {"labels": [str(number) for number in range(5000)]},
    ],
    ids=lambda changes: " ".join(changes),
)
def test_what_was_not_measured_has_no_default(embedder, changes):
    assert open_set_of(embedder_card(embedder, **changes)) is None


def test_fine_tuning_that_was_not_kept_leaves_the_embeddings_as_they_were(embedder):
    card = embedder_card(embedder)
    card = replace(card, recipe={**card.recipe, "epochs": 5})
    assert open_set_of(card) is None
    assert open_set_of(replace(card, fine_tuned=False)) is not None


def test_a_stranger_to_a_model_without_strangers_is_unknown(embedder, analyzer, portrait):
    """The mean colour as embedding: its cosine to red and to green lies below every threshold, that to itself above."""
    ((crop,),) = ([face.crop for face in faces] for faces in analyzer.analyze([portrait]))
    own = crop.mean(axis=(0, 1)) / np.linalg.norm(crop.mean(axis=(0, 1)))
    for directions, decision in ((np.eye(3)[:2], "unknown"), (np.stack([np.eye(3)[0], own]), "known")):
        model = cosine_model()
        model.get_layer("head_cosines").set_weights([directions.T])
        card = embedder_card(embedder, num_classes=2, num_train=8)
        run = Run("old", card, model)
        ((face,),) = FaceClassifier(run, analyzer.detector).recognize([portrait])
        assert face.decision == decision
        assert face.score == pytest.approx(max(directions @ own), abs=0.02)


def test_a_trained_head_tells_strangers_by_the_mean_embeddings_of_its_card(embedder, analyzer, portrait):
    inputs = keras.Input((8, 8, 3))
    head = keras.layers.Dense(2, activation="softmax", name="head_logits")
    model = keras.Model(inputs, head(keras.layers.GlobalAveragePooling2D()(inputs)))
    ((crop,),) = ([face.crop for face in faces] for faces in analyzer.analyze([portrait]))
    own = crop.mean(axis=(0, 1))
    for means, decision in (([own, [1, 0, 0]], "known"), ([[0, 0, 1], [1, 0, 0]], "unknown")):
        card = embedder_card(embedder, num_classes=2, num_train=8, class_means=np.array(means, float).tolist())
        card = replace(card, recipe={**card.recipe, "classifier": "softmax", "head_epochs": 60})
        run = Run("trained", card, model)
        ((face,),) = FaceClassifier(run, analyzer.detector).recognize([portrait])
        assert (face.decision, open_set_of(card).score) == (decision, "mean_cosine")
    for means in ([[1, 0, 0]], ["means"], [[1, 0, float("nan")], [0, 1, 0]]):
        with pytest.raises(RunError, match="mean embedding of each of its 2 classes"):
            FaceClassifier(Run("trained", replace(card, class_means=means), model), analyzer.detector)


def test_the_note_warns_where_there_is_no_threshold():
    card = ModelCard(task="classify", input=ModelInput(), labels=("Ada", "Bea"))
    assert unknown_note(card) == (
        "This model names one of its 2 classes for every face: a stranger gets a name too. It was trained without "
        "strangers and cannot answer unknown, so take a name as the most alike of the people it knows. A gallery tells "
        "strangers."
    )
    card = replace(card, input=ModelInput(kind="image"))
    assert unknown_note(card) == "This model names one of its 2 classes for every picture, whatever it shows."
