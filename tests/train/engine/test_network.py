"""A training that begins with a model of the user's: its crops, its blocks, and what it may be used for."""

import keras
import numpy as np
import pytest

from kerasface.faces.alignment import ARCFACE_TEMPLATE, FACE_RESNET_CROP
from kerasface.runs.card import ModelCard
from kerasface.runs.records import RunError
from kerasface.runs.store import write_run
from kerasface.train.engine.network import card_of, licence_of, network_of, template_for
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A run of eleven convolutions behind which lies a head, in the folder of the runs."""
    monkeypatch.chdir(tmp_path)
    x = inputs = keras.Input((112, 112, 3))
    for number in range(11):
        x = keras.layers.Conv2D(4, 3, strides=2 if number < 4 else 1, padding="same", name=f"conv_{number}")(x)
        x = keras.layers.ReLU(name=f"relu_{number}")(x)
    x = keras.layers.GlobalAveragePooling2D(name="mean")(x)
    x = keras.layers.UnitNormalization(name="head_unit")(keras.layers.Dense(3, name="head_dense")(x))
    taken = {"kind": "face", "image_size": [112, 112], "alignment": "arcface", "template": ARCFACE_TEMPLATE.tolist()}
    space = {"dim": 3, "fingerprint": "own-1"}
    card = ModelCard.from_dict({"task": "embed", "input": taken, "embedding": space, "licence": "MIT"})
    write_run(tmp_path / "saved_models", "own", model=keras.Model(inputs, x), card=card, metrics={}, history=[])


def test_it_is_cut_into_blocks_in_front_of_its_head(own):
    recipe = resolve_metric(MetricRecipe(backbone="own"))
    assert (recipe.image_size, recipe.mirror) == (112, False)
    backbone = network_of(recipe)
    assert (backbone.model.output_shape, backbone.licence, backbone.features_layer) == ((None, 4), "MIT", "relu_10")
    names = [name for block in backbone.blocks for name in block.layers]
    assert names == [layer.name for layer in backbone.model.layers]
    assert [block.name for block in backbone.blocks] == [f"block{number}" for number in range(1, 7)]
    assert all(any(name.startswith("conv") for name in block.layers) for block in backbone.blocks)
    assert licence_of(card_of("own")) == "MIT"


def test_faces_are_cut_as_it_wants_them(own):
    np.testing.assert_array_equal(template_for(MetricRecipe(backbone="own")).points, ARCFACE_TEMPLATE)
    assert template_for(MetricRecipe(backbone="resnet34")) is FACE_RESNET_CROP


def test_what_is_not_there_or_of_another_size_is_refused(own):
    with pytest.raises(ValueError, match=r"takes images of 112 pixels\. Received: image_size=64"):
        network_of(resolve_metric(MetricRecipe(backbone="own", image_size=64)))
    with pytest.raises(RunError, match="absent"):
        network_of(resolve_metric(MetricRecipe(backbone="absent")))
    with pytest.raises(ValueError, match="embeds or classifies"):
        network_of(resolve_metric(MetricRecipe(backbone="face-parts")))
