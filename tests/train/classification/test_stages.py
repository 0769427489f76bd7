"""The stages of a training, built but not trained: weights by hand, rates by block, policies put back."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasface.data.cache.store import RecordStore
from kerasface.losses.embeddings import ArcFace, CosFace
from kerasface.models import backbones
from kerasface.models.backbones import build_backbone
from kerasface.models.heads import build_classifier_head, to_probabilities, to_vector
from kerasface.runs.card import ModelInput
from kerasface.train.classification.defaults import resolve
from kerasface.train.classification.stages import class_weights, fine_tune_stage, head_stage, image_stage, scratch_model
from kerasface.train.engine import frozen
from kerasface.train.engine import precision as precision_module
from kerasface.train.engine.frozen import FrozenFeatures, build_head, class_directions, hubness, joined
from kerasface.train.engine.precision import dtype_policy, precision_in_words, training_context
from kerasface.train.recipe import ClassifyRecipe

SIDE = 16
LABELS = [0, 0, 0, 0, 0, 0, 1, 1, 1, -1]  # six of Ada, three of Bea, a stranger


@pytest.fixture
def prepared(make_prepared, tmp_path):
    """Two classes: seven pictures for training, a held-out one of each class, a stranger; each of one grey value."""
    with RecordStore(tmp_path / "pictures", (SIDE, SIDE, 3), "uint8") as store:
        for index in range(len(LABELS)):
            store.add(str(index), np.full((SIDE, SIDE, 3), 10 * index, dtype=np.uint8))
    keys = [f"{index:064x}" for index in range(len(LABELS))]
    images = store.array([str(index) for index in range(len(LABELS))])
    fields = {"images": images, "keys": keys, "input": ModelInput(kind="image", image_size=(SIDE, SIDE))}
    return make_prepared(["Ada", "Bea"], LABELS, [0, 1, 2, 3, 4, 6, 7], [5, 8], [9], **fields)


def recipe(**changes):
    settings = {"faces": False, "image_size": SIDE, "backbone": "MobileNetV2", "epochs": 2, "batch_size": 4}
    return resolve(ClassifyRecipe(**settings | changes))


@pytest.fixture
def small_pretrained(monkeypatch):
    """Makes `MobileNetV2` a small network with random weights, as nothing can be downloaded here."""

    def build(name, image_size, **options):
        keras.utils.set_random_seed(5)
        return backbones.build_backbone("simple_cnn", image_size, weights=None)

    monkeypatch.setattr("kerasface.train.engine.network.build_backbone", build)


@pytest.fixture
def network():
    """A small backbone of four blocks and a classifier of two classes on it."""
    keras.utils.set_random_seed(0)
    backbone = build_backbone("simple_cnn", (SIDE, SIDE), weights=None)
    outputs = to_probabilities(to_vector(backbone.model.output), 2)
    return backbone, keras.Model(backbone.model.input, outputs)


def test_a_class_s_direction_is_the_mean_of_its_unit_features():
    """(3, 4) and (0, 2) are (0.6, 0.8) and (0, 1) at unit length: together (0.6, 1.8), of length sqrt(3.6)."""
    features = np.array([[3, 4], [5, 0], [0, 2]], dtype=np.float32)
    directions = class_directions([features], np.array([0, 1, 0]), 2)
    expected = np.array([[0.6 / np.sqrt(3.6), 1], [1.8 / np.sqrt(3.6), 0]])
    assert directions.dtype == np.float32
    np.testing.assert_allclose(directions, expected, atol=1e-6)


def test_directions_in_blocks_are_those_of_all(tmp_path):
    """5,000 features are two blocks, also on disk; a feature of length 0 points nowhere."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(1, 2, (5000, 3)).astype(np.float32), rng.integers(0, 4, 5000)
    features[17] = 0
    with RecordStore(tmp_path, (3,), "float32") as store:
        for index, feature in enumerate(features):
            store.add(str(index), feature)
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)
    sums = np.stack([unit[labels == label].sum(axis=0) for label in range(4)], axis=1)
    expected = sums / np.linalg.norm(sums, axis=0)
    for given in (features, store.array([str(index) for index in range(5000)])):
        np.testing.assert_allclose(class_directions([given], labels, 4), expected, atol=1e-5)


def test_copies_count_like_images():
    """Two copies of one image, at right angles: the direction lies between."""
    directions = class_directions([np.array([[3.0, 0]]), np.array([[0, 2.0]])], np.array([0]), 1)
    np.testing.assert_allclose(directions[:, 0], np.sqrt([0.5, 0.5]), atol=1e-6)


def test_hubness_is_the_mean_of_the_ten_nearest_of_others(tmp_path):
    """Against a full sort per class; features of the class itself do not count. 3,000 features are three blocks."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(3000, 4)), rng.integers(0, 5, 3000)
    directions = class_directions([features], labels, 5)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = [np.sort((unit @ directions)[labels != label, label])[-10:].mean() for label in range(5)]
    np.testing.assert_allclose(hubness(features, labels, directions), expected, atol=1e-6)


def test_fewer_than_ten_others_are_all_that_count():
    directions = np.eye(2, dtype=np.float32)
    found = hubness(np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]]), np.array([0, 1, 1]), directions)
    np.testing.assert_allclose(found, [(0.6 + 0) / 2, 0], atol=1e-6)


def test_rare_classes_weigh_more_and_all_images_together_as_many():
    """Of 3 + 1 images in two classes: 4 / (2 * 3) and 4 / (2 * 1)."""
    labels = np.array([0, 0, 0, 1])
    weights = class_weights(labels, 2)
    np.testing.assert_allclose(weights, [2 / 3, 2])
    assert weights[labels].mean() == pytest.approx(1)
    assert np.isfinite(class_weights(labels, 3)).all()


@pytest.mark.parametrize(
    ("precision", "gpus", "expected", "words"),
    [
        ("auto", [], "float32", "CPU, float32"),
        ("auto", [(9, 0)], "mixed_bfloat16", "GPU (X), mixed_bfloat16"),
        ("auto", [(8, 0), (8, 6)], "mixed_bfloat16", "GPU (X), mixed_bfloat16"),
        ("auto", [(7, 5)], "mixed_float16", "GPU (X), mixed_float16 (it has no bfloat16; the loss is scaled)"),
        ("auto", [(9, 0), (7, 0)], "mixed_float16", "GPU (X), mixed_float16 (it has no bfloat16; the loss is scaled)"),
        ("auto", [(6, 1)], "float32", "GPU (X), float32 (it multiplies 16-bit numbers no faster, or is not known to)"),
        ("auto", [None], "float32", "GPU (X), float32 (it multiplies 16-bit numbers no faster, or is not known to)"),
        ("float32", [(9, 0)], "float32", "GPU (X), float32"),
        ("mixed_float16", [], "mixed_float16", "CPU, mixed_float16 (the loss is scaled)"),
    ],
)
def test_the_policy_follows_recipe_and_device(monkeypatch, precision, gpus, expected, words):
    """A T4 has the number 7.5; bfloat16 came with 8.0."""
    monkeypatch.setattr(precision_module, "compute_capabilities", lambda: gpus)
    monkeypatch.setattr(precision_module, "accelerators", lambda: ["X"] * len(gpus))
    monkeypatch.setattr(precision_module, "device_name", lambda: "GPU (X)" if gpus else "CPU")
    assert (dtype_policy(precision), precision_in_words(precision)) == (expected, words)


@pytest.mark.slow
def test_in_float16_the_loss_is_scaled(prepared):
    """By a number that falls until no gradient overflows, and the weights move."""
    settings = recipe(backbone="simple_cnn", precision="mixed_float16", epochs=1)
    with training_context(settings):
        stage = image_stage("train", scratch_model(prepared, settings), prepared, settings, dict)
        stage.model.fit(stage.batches(0, 0), shuffle=False, verbose=0)
    assert isinstance(stage.model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert float(stage.model.optimizer.dynamic_scale) > 1
    assert all(np.isfinite(weight).all() for weight in stage.model.get_weights())


def test_the_context_sets_policy_and_seed_and_puts_the_policy_back():
    before, drawn = keras.config.dtype_policy(), []
    for seed in (3, 3, 4):
        with training_context(recipe(precision="mixed_bfloat16", seed=seed)):
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
            drawn.append(np.asarray(keras.random.normal((3,))))
        assert keras.config.dtype_policy() == before
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()


def failing(*arguments):
    raise RuntimeError("no devices")


def test_the_policy_is_put_back_after_an_error(monkeypatch):
    before = keras.config.dtype_policy()
    with pytest.raises(KeyboardInterrupt), training_context(recipe(precision="mixed_bfloat16")):
        raise KeyboardInterrupt
    assert keras.config.dtype_policy() == before
    monkeypatch.setattr(precision_module, "_scope", failing)
    with pytest.raises(RuntimeError, match="no devices"), training_context(recipe(precision="mixed_bfloat16")):
        pass
    assert keras.config.dtype_policy() == before


def test_each_block_learns_more_slowly_than_the_one_behind_it(network, prepared):
    """Of four blocks the last two, at half and a quarter of the head's rate; the others not at all."""
    backbone, model = network
    settings = recipe(unfreeze=2, layer_decay=0.5, learning_rate=0.08)
    stage, rows = fine_tune_stage(backbone, model, prepared, settings, dict)
    assert [row["block"] for row in rows] == [block.name for block in backbone.blocks]
    assert [row["learning_rate"] for row in rows] == pytest.approx([0, 0, 0.02, 0.04])
    assert [row["trainable"] for row in rows] == [False, False, True, True]
    factors = {
        variable.path.split("/")[0]: stage.model.optimizer.rate_of(variable.path)
        for variable in stage.model.trainable_variables
    }
    assert factors == {"block3_conv": 0.25, "block4_conv": 0.5, "head_logits": 1.0}
    counted = {row["block"]: row["num_trainable"] for row in rows}
    assert sum(counted.values()) == sum(
        int(np.prod(variable.shape))
        for variable in stage.model.trainable_variables
        if not variable.path.startswith("head")
    )


@pytest.mark.parametrize(("unfreeze", "trained"), [(None, 1), (1, 1), (4, 4)])
def test_as_many_blocks_are_trained_as_asked(network, prepared, unfreeze, trained):
    """Without a number, of seven images one block in eight, at least one."""
    _, rows = fine_tune_stage(*network, prepared, recipe(unfreeze=unfreeze), dict)
    assert [row["trainable"] for row in rows] == [False] * (4 - trained) + [True] * trained


def test_a_frozen_weight_that_moves_is_found_after_the_first_step(network, prepared):
    backbone, model = network
    stage, _ = fine_tune_stage(backbone, model, prepared, recipe(unfreeze=1), dict)
    stage.after_first_step()
    kernel = model.get_layer("block1_conv").kernel
    kernel.assign(kernel + 1)
    with pytest.raises(RuntimeError, match=r"Frozen weights moved: block1_conv \(kernel\)"):
        stage.after_first_step()


def test_a_batch_s_files_are_those_of_its_pictures(network, prepared):
    """The grey value of a picture tells its file; the second batch of seven pictures has the three that remain."""
    _, model = network
    stage = image_stage("train", model, prepared, recipe(augment="none", class_weights="balanced"), dict)
    assert (stage.steps_per_epoch, stage.num_samples, stage.batch_size) == (2, 7, 4)
    seen = []
    for step, (images, labels, weights) in enumerate(stage.batches(1, 0)):
        numbers = images.numpy()[:, 0, 0, 0] // 10
        assert stage.files_of_batch(1, step) == [prepared.files[number] for number in numbers]
        true = prepared.labels[numbers]
        np.testing.assert_array_equal(labels.numpy().argmax(axis=1), true)
        # Five images of Ada and two of Bea are for training: 7 / (2 * 5) and 7 / (2 * 2).
        np.testing.assert_allclose(weights, np.array([0.7, 1.75])[true])
        seen += list(numbers)
    assert sorted(seen) == prepared.train.tolist()
    ((rest, _, _),) = stage.batches(1, 1)
    np.testing.assert_array_equal(rest[:, 0, 0, 0], np.array(seen[4:]) * 10)


def test_the_head_s_batches_are_the_features_of_those_files(prepared):
    """A feature that is the picture's number."""
    features = SimpleNamespace(train=[prepared.train[:, None].astype(np.float32)])
    head = build_head(features, prepared, recipe())
    stage = head_stage(head, features, prepared, recipe(head_batch_size=3, head_epochs=5), dict)
    assert (stage.name, stage.steps_per_epoch, stage.epochs, stage.num_samples) == ("head", 3, 5, 7)
    for step, (numbers, labels) in enumerate(stage.batches(2, 0)):
        numbers = numbers.numpy()[:, 0].astype(int)
        assert stage.files_of_batch(2, step) == [prepared.files[number] for number in numbers]
        np.testing.assert_array_equal(labels.numpy().argmax(axis=1), prepared.labels[numbers])


def test_a_softmax_head_standardises_by_the_training_features(prepared):
    """By the plain ones, not by the augmented copies."""
    rng = np.random.default_rng(0)
    plain, copy = (rng.normal(mean, 2, (7, 3)).astype(np.float32) for mean in (5, -5))
    head = build_head(SimpleNamespace(train=[plain, copy]), prepared, recipe())
    standardised = keras.Model(head.input, head.get_layer("head_standardise").output)(plain)
    np.testing.assert_allclose(np.mean(standardised, axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.std(standardised, axis=0), 1, atol=1e-4)


@pytest.mark.parametrize("classifier", ["cosine", "arcface", "cosface"])
def test_a_head_of_cosines_begins_at_the_mean_directions(prepared, classifier):
    features = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    head = build_head(SimpleNamespace(train=[features]), prepared, recipe(classifier=classifier))
    labels = prepared.labels[prepared.train]
    expected = class_directions([features], labels, 2)
    np.testing.assert_array_equal(head.get_layer("head_cosines").get_weights()[0], expected)
    # Only what is not trained under a margin is corrected for hubs.
    corrected = any(layer.name == "head_offsets" for layer in head.layers)
    assert corrected == (classifier == "cosine")
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    offsets = hubness(features, labels, expected) / 2 if corrected else 0
    logits = keras.Model(head.input, head.get_layer("head_logits").output)(features)
    np.testing.assert_allclose(np.asarray(logits), 64 * (unit @ expected - offsets), atol=1e-4)


@pytest.mark.parametrize(
    ("classifier", "output", "loss"),
    [
        ("softmax", "head_logits", keras.losses.CategoricalCrossentropy),
        ("cosine", "head_logits", keras.losses.CategoricalCrossentropy),
        ("arcface", "head_cosines", ArcFace),
        ("cosface", "head_cosines", CosFace),
    ],
)
def test_the_loss_looks_at_logits_or_at_cosines_under_a_margin(prepared, classifier, output, loss):
    """Both losses of certain and of random logits are finite and in order: the certain ones are better."""
    features = SimpleNamespace(train=[np.eye(7, dtype=np.float32)])
    settings = recipe(classifier=classifier, head_epochs=1)
    stage = head_stage(build_head(features, prepared, settings), features, prepared, settings, dict)
    assert stage.model.layers[-1].name == output
    assert isinstance(stage.model.loss, loss)
    right, wrong = np.array([[0.9, -0.9]], np.float32), np.array([[-0.9, 0.9]], np.float32)
    target = np.array([[1.0, 0.0]], np.float32)
    assert float(stage.model.loss(target, right)) < float(stage.model.loss(target, wrong)) < np.inf


def test_networks_from_scratch_standardise_by_the_training_images(prepared):
    """Their grey values are 0, 10, 20, 30, 40, 60 and 70; those held out, 50 and 80, do not count."""
    model = scratch_model(prepared, recipe(backbone="linear"))
    grey = np.array([0, 10, 20, 30, 40, 60, 70])
    (layer,) = [layer for layer in model.layers if isinstance(layer, keras.layers.Normalization)]
    np.testing.assert_allclose(np.ravel(layer.mean), [grey.mean()] * 3, rtol=1e-5)
    np.testing.assert_allclose(np.ravel(layer.variance), [grey.var()] * 3, rtol=1e-5)
    assert model.output_shape == (None, 2)


@pytest.mark.parametrize("classifier", ["softmax", "arcface"])
def test_from_scratch_ends_in_what_the_classifier_needs(prepared, classifier):
    model = scratch_model(prepared, recipe(backbone="simple_cnn", classifier=classifier))
    names = [layer.name for layer in model.layers]
    assert ("head_cosines" in names) == (classifier == "arcface")
    assert names[-2:] == ["head_logits", "head_probabilities"]


def test_frozen_features_are_computed_once_for_each_part(small_pretrained, prepared, tmp_path):
    """Ten plain pictures and two copies of the seven for training; the second time none."""
    settings, reports = recipe(copies=2), []
    for expected in ([(10, 10), (7, 7), (7, 7)], [(0, 0)] * 3):
        features = FrozenFeatures(prepared, settings, tmp_path, lambda *counts: reports.append(counts))
        assert [counts for counts in reports if counts[0] == counts[1]] == expected
        reports.clear()
    assert [len(part) for part in (*features.train, features.validation, features.unknown)] == [7, 7, 7, 2, 1]
    for part, indices in (
        (features.train[0], prepared.train),
        (features.validation, prepared.validation),
        (features.unknown, prepared.unknown),
    ):
        expected = features.model(prepared.images[indices].astype(np.float32))
        np.testing.assert_allclose(part, np.asarray(expected), atol=1e-5)
    # Of pictures of one grey value each, `light` makes the same pictures.
    np.testing.assert_allclose(features.train[1], features.train[0], atol=1e-5)


def test_joined_the_model_says_of_images_what_the_head_says_of_their_features(small_pretrained, prepared, tmp_path):
    features = FrozenFeatures(prepared, recipe(), tmp_path)
    head = build_classifier_head(*frozen._statistics(features.train[0]), 2)
    model = joined(features, head)
    images = prepared.images[prepared.validation].astype(np.float32)
    np.testing.assert_allclose(np.asarray(model(images)), np.asarray(head(features.validation)), atol=1e-5)
    assert {variable.path.split("/")[0] for variable in model.trainable_variables} == {"head_logits"}
