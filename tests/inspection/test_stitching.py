"""Walking through models, finding layers and logits."""

import keras
import numpy as np
import pytest

from kerasface.inspection.stitching import (
    before_probabilities,
    default_layer,
    find_layer,
    leaves,
    map_layers,
    output_index,
    run_through,
)
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.unet import build_encoder, build_unet


def test_leaves_of_nested_models_are_named_by_their_way(nested_model):
    found = list(leaves(nested_model))
    assert found[0] == "flips"
    assert [path for path in found if "/" in path] == [
        *(f"backbone/{name}" for name in ("conv", "norm", "relu", "conv2", "sum")),
        "head/pool",
        "head/classes",
    ]


def test_running_through_gives_what_the_model_gives_and_leaves_it_as_it_was(nested_model):
    """Two nested models that hold layers of the same names are told apart; no layer gets a second output."""
    inputs = keras.Input((10, 10, 3))
    twins = [keras.models.clone_model(nested_model.get_layer("backbone")) for _ in range(2)]
    named = [keras.Model(twin.inputs[0], twin.outputs[0], name=f"twin{number}") for number, twin in enumerate(twins)]
    model = keras.Model(inputs, keras.layers.Average(name="mean")([twin(inputs) for twin in named]))
    images = np.random.default_rng(0).random((2, 10, 10, 3), dtype=np.float32)
    seen = {}

    def operation(path, found, *args, **kwargs):
        seen[path] = found(*args, **kwargs)
        return seen[path]

    nodes = [len(leaf._inbound_nodes) for leaf in leaves(model).values()]
    output = run_through(model, images, operation)
    np.testing.assert_allclose(output, model(images), atol=1e-6)
    np.testing.assert_allclose((seen["twin0/sum"] + seen["twin1/sum"]) / 2, output, atol=1e-6)
    assert [len(leaf._inbound_nodes) for leaf in leaves(model).values()] == nodes


def test_a_layer_is_found_by_its_way_or_its_name_alone(nested_model):
    assert find_layer(nested_model, "backbone/relu") == find_layer(nested_model, "relu") == "backbone/relu"


def test_a_wrong_layer_names_the_nearest(nested_model):
    with pytest.raises(ValueError, match=r"no such layer.*'convv'.*\['backbone/conv2?', 'backbone/conv2?'"):
        find_layer(nested_model, "convv")


def test_a_name_of_several_layers_is_refused(nested_model):
    inputs = keras.Input((10, 10, 3))
    first = nested_model.get_layer("backbone")
    second = keras.Sequential([inputs, keras.layers.Conv2D(4, 3, padding="same", name="conv")], name="second")
    model = keras.Model(inputs, keras.layers.Add()([first(inputs), second(inputs)]))
    with pytest.raises(ValueError, match=r"Several layers.*'backbone/conv', 'second/conv'"):
        find_layer(model, "conv")


def test_maps_are_listed_with_their_shapes(flat_model, nested_model):
    assert map_layers(flat_model) == {"scaled": (12, 10, 3), "maps": (10, 8, 4)}
    assert map_layers(nested_model)["backbone/sum"] == (10, 10, 4)


def test_the_default_layer_is_deep_but_not_too_coarse():
    """Of the embedder's maps of 35, 17, 8, 4 and 2 cells the last with 7 or more; of a U-Net's its bottom, 256 / 16."""
    assert default_layer(build_face_resnet(None)) == "stage3_block3_relu2"
    unet = build_unet(3, build_encoder("face_resnet"))
    layer = default_layer(unet)
    assert layer == "stage3_block3_relu2"
    assert map_layers(unet)[layer] == (16, 16, 128)


def test_models_without_a_map_have_no_default_layer():
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
    assert default_layer(model) is None


def test_several_outputs_must_be_told_apart(flat_model):
    model = keras.Model(flat_model.input, [flat_model.get_layer("logits").output, flat_model.output])
    assert output_index(flat_model, None) == 0
    assert output_index(model, "probabilities") == 1
    with pytest.raises(ValueError, match=r"\['logits', 'probabilities'\]; name one.*output=None"):
        output_index(model, None)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_logits_are_reached_in_a_layer_that_gives_probabilities(activation):
    """Dense: inputs @ kernel + bias."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=activation, name="last")])
    path, logits, behind = before_probabilities(model, 0)
    values = np.random.default_rng(0).random((2, 4), dtype=np.float32)
    kernel, bias = model.get_layer("last").get_weights()
    np.testing.assert_allclose(logits(values), values @ kernel + bias, atol=1e-6)
    assert (path, behind) == ("last", [])


def test_an_output_that_is_no_probability_has_no_logits():
    assert before_probabilities(build_face_resnet(None), 0) is None
