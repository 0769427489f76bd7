"""The list of layers: the network it makes, and sentences for what cannot stand where it stands."""

import numpy as np
import pytest

from kerasface.train.live.stack import (
    ACTIVATIONS,
    AVERAGE_POOLING,
    CONVOLUTION,
    DENSE,
    DROPOUT,
    MAX_POOLING,
    NORM,
    STACKS,
    Layer,
    build_stack,
)

CONV, POOL, UNITS = Layer(CONVOLUTION, 2, 3), Layer(MAX_POOLING), Layer(DENSE, 5)


def test_weights_and_sizes_are_those_of_the_list():
    """3x3 on one channel with two filters is 2 (9 + 1); halved to 4 x 4 x 2, five units take 5 (32 + 1)."""
    model = build_stack((8, 8, 1), 10, (CONV, POOL, UNITS))
    assert [layer.name for layer in model.layers[1:]] == [
        *(
            "layer1_filters",
            "layer1_activation",
            "layer2_pool",
            "flatten",
            "layer3_units",
            "layer3_activation",
            "logits",
        )
    ]
    assert model.count_params() == 2 * 10 + 5 * 33 + 10 * 6


def test_an_empty_list_is_a_linear_classifier():
    model = build_stack((8, 8, 3), 4, ())
    assert [layer.name for layer in model.layers[1:]] == ["flatten", "logits"]
    assert model.count_params() == 4 * (8 * 8 * 3 + 1)


@pytest.mark.parametrize("name", STACKS)
def test_the_lists_to_begin_with_fit_small_pictures(name):
    assert build_stack((8, 8, 1), 10, STACKS[name]).output_shape == (None, 10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    build_stack((4, 4, 1), 2, (Layer(DENSE, 2, activation=activation),))


def test_the_leaky_relu_is_the_lectures():
    model = build_stack((1, 1, 1), 2, (Layer(DENSE, 1, activation="leaky relu"),))
    layer = model.get_layer("layer1_activation")
    assert np.asarray(layer(np.float32([[-3.0]]))).item() == pytest.approx(-0.3)


@pytest.mark.parametrize(
    ("stack", "told"),
    [
        ((UNITS, CONV), r"Layer 2 \(convolution\) needs a map, and layer 1 \(dense\) has made one row"),
        ((UNITS, Layer(DROPOUT), POOL), r"Layer 3 \(max pooling\) needs a map"),
        (
            (POOL, POOL, POOL, Layer(AVERAGE_POOLING)),
            r"Layer 4 \(average pooling\) has nothing to halve: the map is 1 x 1",
        ),
        ((UNITS,) * 11, "More than 10 layers"),
        ((Layer(DENSE, 10_000),), "650,000 weights|weights are too slow to look at"),
        ((Layer("attention"),), "Layer 1 is of no known kind. Received: 'attention'"),
        ((Layer(DENSE, 4, activation="swish"),), "no known activation. Received: 'swish'"),
        ((Layer(CONVOLUTION, 0),), "at least 1. Received: size=0"),
    ],
)
def test_what_cannot_stand_there_is_said(stack, told):
    with pytest.raises(ValueError, match=told):
        build_stack((8, 8, 1), 10, stack)


def test_words_for_a_layer():
    assert str(CONV) == "2 filters 3x3, relu"
    assert str(UNITS) == "5 units, relu"
    assert str(Layer(NORM)) == "batch norm"
