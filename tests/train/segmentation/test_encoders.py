"""Segmentations that go on from a model that is here: what it was made of, and its weights."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from kerasface.models.backbones import build_backbone
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.models.zoo import ArchitectureOptions
from kerasface.runs.card import ModelCard
from kerasface.runs.store import RunError, load_run, write_run
from kerasface.train.engine.network import weights_of
from kerasface.train.segmentation.encoders import models_to_go_on_from, source_of, take_over
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_model

SMALL = {"image_size": 32, "training_size": 32}
LAYERS = ("block2_conv1_conv", "head")  # of the encoder, and the last one


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Function that writes a model of two classes into the folder of the models."""
    monkeypatch.chdir(tmp_path)

    def write(name, backbone, model, recipe=None, **changes):
        content = {"task": "classify", "input": {"kind": "image", "image_size": [32, 32]}, "labels": ["a", "b"]}
        card = ModelCard.from_dict({**content, "backbone": backbone, "recipe": recipe or {}, **changes})
        write_run(tmp_path / "saved_models", name, model=model, card=card, metrics={}, history=[])

    return write


def classifier(name, **options):
    features = build_backbone(name, (32, 32), weights=None, options=ArchitectureOptions(**options)).model
    return keras.Model(features.input, to_probabilities(to_vector(features.output), 2))


def test_an_architecture_is_built_as_it_was_trained_and_has_its_weights(own):
    """With another norm and pooling, and also where another model went on from it and is gone on from."""
    settings = {"norm": "layer", "pooling": "strided", "dropout": 0.3, "head": "flatten"}
    model = classifier("simple_cnn", norm="layer", pooling="strided")
    own("first", "simple_cnn", model, settings, licence="MIT")
    own("second", "first", model)
    for name in ("first", "second"):
        recipe = resolve_segment(SegmentRecipe(encoder=name, **SMALL))
        assert (recipe.weights, recipe.head_epochs, recipe.mirror) == ("pretrained", 1, False)
        encoder, whole = build_model(recipe, 3)
        for layer in ("block1_conv", "block3_conv_norm", "block2_pool_conv"):
            for found, expected in zip(
                whole.get_layer(layer).get_weights(), model.get_layer(layer).get_weights(), strict=True
            ):
                np.testing.assert_array_equal(found, expected)
        (source,) = weights_of(recipe)
        assert (source.name, source.sha256) == (name, source_of(name).card.model_sha256)
    assert encoder.backbone.licence is None
    assert build_model(resolve_segment(SegmentRecipe(encoder="first", **SMALL)), 3)[0].backbone.licence == "MIT"


def test_a_segmentation_of_the_same_classes_is_taken_over_with_its_decoder(own):
    """And of other classes, or with another decoder, its encoder alone."""
    settings = {"encoder": "plain", "weights": "none", "mirror": False, **SMALL}
    first = build_model(resolve_segment(SegmentRecipe(**settings)), 2)[1]
    recipe = {"decoder": "transposed", "deeper": 0}  # of before there were skips
    own("first", "plain", first, recipe, task="segment", colours=[[0, 0, 0], [1, 1, 1]])
    recipe = resolve_segment(SegmentRecipe(encoder="first", mirror=False, **SMALL))
    for changes, classes, whole in (({}, "ab", True), ({}, "ba", False), ({"decoder": "copied"}, "ab", False)):
        changed = replace(recipe, **changes)
        model = build_model(changed, 2)[1]
        assert take_over(changed, classes, model) == whole
        same = [np.array_equal(*(net.get_layer(name).get_weights()[0] for net in (model, first))) for name in LAYERS]
        assert same == [True, whole]
    assert not take_over(resolve_segment(SegmentRecipe(**settings)), "ab", first)


@pytest.mark.slow
def test_what_stands_on_the_face_embedder_is_gone_on_from(own):
    """A segmentation, whose decoder stays behind, and a whole embedder, whose last stages do."""
    taken = {"kind": "face", "image_size": [150, 150]}
    space = {"dim": 128, "fingerprint": "faces-1"}
    own("faces", "face_resnet", build_face_resnet(None), task="embed", input=taken, embedding=space, labels=[])
    for name, licence in (("face-parts", "CC0-1.0"), ("faces", None)):
        encoder, model = build_model(resolve_segment(SegmentRecipe(encoder=name)), 3)
        expected = load_run("saved_models", name).model
        layer = "stage3_block3_conv2"
        np.testing.assert_array_equal(*(found.get_layer(layer).get_weights()[0] for found in (model, expected)))
        assert (model.output_shape[-1], encoder.backbone.licence) == (3, licence)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "nobody"}, "neither a network nor a model in saved_models"),
        ({"encoder": "simple_cnm"}, "Did you mean simple_cnn"),
        ({"encoder": "templates"}, "made of linear"),
        ({"encoder": "orphan"}, "made of gone"),
        ({"encoder": "round"}, "made of round"),
        ({"encoder": "first", "weights": "none"}, "with its own weights, not weights=none"),
        ({"encoder": "first", "weights": "a.keras"}, "with its own weights, not weights=a.keras"),
        ({"encoder": "first", "mirror": True}, "average over mirror images, not first"),
    ],
)
def test_what_cannot_be_gone_on_from_is_a_sentence(own, settings, message):
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    for name, backbone in (("first", "simple_cnn"), ("templates", "linear"), ("orphan", "gone"), ("round", "round")):
        own(name, backbone, model)
    with pytest.raises(ValueError, match=message):
        resolve_segment(SegmentRecipe(**SMALL | settings))


def test_the_models_that_are_offered_are_those_that_are_taken(own, tmp_path):
    model = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    for name, backbone in (("first", "simple_cnn"), ("second", "first"), ("templates", "linear"), ("round", "round")):
        own(name, backbone, model)
    own("orphan", "gone", model)
    damaged = tmp_path / "saved_models" / "damaged"
    damaged.mkdir()
    (damaged / "card.json").write_text("{")
    offered = models_to_go_on_from()
    assert {"first", "second", "digits", "face-parts"} <= set(offered)
    assert not {"templates", "round", "orphan", "damaged"} & set(offered)
    for name in offered:
        assert source_of(name).card is not None


def test_a_model_that_was_altered_is_refused(own, tmp_path):
    own("first", "simple_cnn", classifier("simple_cnn"))
    with (tmp_path / "saved_models" / "first" / "model.keras").open("ab") as file:
        file.write(b"more")
    with pytest.raises(RunError, match="first"):
        build_model(resolve_segment(SegmentRecipe(encoder="first", **SMALL)), 3)
