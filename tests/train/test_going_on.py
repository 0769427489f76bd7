"""Trainings that go on from a model that is here: by its name, and by a file of its weights."""

import hashlib
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.models.freezing import frozen_state
from kerasface.models.pretrained import ModelFileError
from kerasface.runs.store import SHIPPED_ROOT, load_run
from kerasface.train.classification.defaults import resolve
from kerasface.train.engine.driver import run_training
from kerasface.train.engine.network import network_of, weights_of
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_model

FILE = SHIPPED_ROOT / "digits" / "model.keras"  # of `simple_cnn`, for pictures of 32 pixels
SHORT = ClassifyRecipe(faces=False, image_size=32, head_epochs=30, epochs=0, batch_size=8, augment="none")


@pytest.fixture(scope="module")
def digits():
    return load_run("saved_models", "digits").model


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Bars that lie, and bars that stand, ten of each."""
    root = tmp_path_factory.mktemp("bars")
    generator = np.random.default_rng(0)
    for name in ("lying", "standing"):
        (root / name).mkdir()
        for number in range(10):
            image = generator.integers(0, 60, (32, 32), dtype=np.uint8)
            image[5 + number : 11 + number] = 230
            Image.fromarray(image if name == "lying" else image.T).save(root / name / f"{number}.png")
    return root


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "source"),
    [
        ({"backbone": "digits"}, "digits"),
        ({"backbone": "simple_cnn", "weights": str(FILE), "head_units": 8}, "model.keras"),
    ],
)
def test_a_classifier_goes_on_with_the_features_of_another(settings, source, pictures, tmp_path, digits):
    """The network in front of its head is the other's, unmoved, and its hash stands in the card and is told."""
    events = []
    recipe = replace(SHORT, **settings)
    options = {"runs": tmp_path, "cache": tmp_path / "cache", "on_event": events.append}
    run_training("classify", pictures, "bars", recipe=recipe, **options)
    run = load_run(tmp_path, "bars")
    found, expected = frozen_state(_frozen(run.model)), frozen_state(_frozen(digits))
    assert found == expected
    (told,) = next(event["weights"] for event in events if event["event"] == "start")
    assert told["sha256"] == hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert (run.card.weights[0].name, run.card.weights[0].sha256) == (source, told["sha256"])
    assert run.card.metrics["top1"] == 1.0
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    maps = [keras.Model(model.input, model.get_layer("block4_pool").output)(images) for model in (run.model, digits)]
    np.testing.assert_allclose(*map(np.asarray, maps), atol=1e-4)


def _frozen(model):
    """The part of a model in front of its head."""
    part = keras.Model(model.input, model.get_layer("block4_pool").output)
    part.trainable = False
    return part


def test_an_embedder_and_a_segmentation_begin_with_a_file(digits):
    settings = {"backbone": "simple_cnn", "weights": str(FILE), "faces": False, "image_size": 32}
    embedder = network_of(resolve_metric(MetricRecipe(**settings))).model
    recipe = resolve_segment(SegmentRecipe(encoder="simple_cnn", weights=str(FILE), image_size=32, training_size=32))
    encoder, _ = build_model(recipe, 2)
    assert (recipe.head_epochs, weights_of(recipe)[0].name) == (1, "model.keras")
    for model in (embedder, encoder.backbone.model):
        for block in range(1, 5):
            name = f"block{block}_conv"
            np.testing.assert_array_equal(*(found.get_layer(name).kernel for found in (model, digits)))
        np.testing.assert_allclose(
            model.get_layer("preprocess").get_config()["mean"], digits.get_layer("preprocess").get_config()["mean"]
        )


@pytest.mark.slow
def test_weights_of_another_network_are_refused_before_a_picture_is_read(tmp_path):
    recipe = replace(SHORT, backbone="resnet34", weights=str(FILE))
    with pytest.raises(ModelFileError, match="holds no weights of resnet34: it has no layer stem_conv"):
        run_training("classify", tmp_path / "absent", "x", recipe=recipe, runs=tmp_path, cache=tmp_path)
    with pytest.raises(ModelFileError, match="cannot be read"):
        run_training("classify", tmp_path, "x", recipe=replace(recipe, weights="absent.keras"), runs=tmp_path)


def test_a_run_of_another_version_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "saved_models" / "later"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"format": 2, "name": "later", "task": "classify", "input": {"kind": "image"}}')
    with pytest.raises(ValueError, match=r"No training can go on from the model 'later': .* format 2; .* format 1"):
        resolve(ClassifyRecipe(faces=False, backbone="later"))
