"""Chapter: what a convolution adds up, what it costs, and how to pay less."""

import numpy as np

from kerasface.course.records import Chapter, Command, Item, Number, page
from kerasface.inspection.cost.calculators import conv_multiply_adds, conv_parameters, separable_multiply_adds
from kerasface.inspection.teaching.basics import convolve


def two_channels_added():
    first = convolve([[1, 2], [3, 4]], [[1, 0], [0, 1]])
    second = convolve([[5, 6], [7, 8]], [[0, 1], [1, 0]])
    return (first + second).item()


def weights_of_a_layer():
    return conv_parameters(3, in_channels=64, filters=128, bias=False)


def separable_weights():
    return separable_multiply_adds((1, 1), 5, 192, 32)  # at one place each weight is used once


def separable_work():
    return separable_multiply_adds((8, 8), 5, 3, 256)


def grouped_weights():
    groups = 4
    return groups * conv_parameters(3, in_channels=64 // groups, filters=128 // groups, bias=False)


def place_after_moving():
    picture = np.zeros((8, 8))
    picture[2, 2] = 1
    moved = np.roll(picture, 3, axis=1)
    return convolve(moved, np.ones((1, 1))).argmax() % 8


_COUNT = {"part": "Calculators"}

CONVOLUTION = Chapter(
    "A",
    "What a convolution adds up, and what it costs",
    (
        Item(
            7,
            "One filter over all channels, N maps added",
            "A filter has a kernel of its own for each channel of its input. Each kernel slides over its channel and "
            "gives a map; all of these maps are *added*, and the bias comes once. So a filter gives one map, however "
            "many channels go in, and M filters give M.",
            (
                page("playground", "Several channels, N maps added", topic="channels"),
                page("architectures", "The sum of any layer, worked out", architecture="simple_cnn"),
            ),
            Number(
                "Channel one is 1 2 / 3 4 with kernel 1 0 / 0 1, channel two 5 6 / 7 8 with kernel 0 1 / 1 0. "
                "Which number does the filter give, without bias?",
                two_channels_added,
                "1 + 4 from the first, 6 + 7 from the second: {answer}.",
                ((5, "That is the first channel alone: add the second."), (13, "That is the second channel alone.")),
            ),
            also="BC",
        ),
        Item(
            8,
            "Weights: N·M·K²",
            "N channels in, M filters, kernels of K by K: N·M·K² weights, and M biases more. The size of the picture "
            "is not in it, because the same weights are used at every place. That is why a convolution has so few.",
            (page("architectures", "Count them yourself", **_COUNT, convolution_sample="3 x 3, 64 to 128"),),
            Number(
                "3x3 kernels, 64 channels in, 128 filters, no biases. How many weights?",
                weights_of_a_layer,
                "64·128·9 = {answer}.",
                ((576, "That is one filter: there are 128."), (73856, "Those are the weights with biases.")),
            ),
        ),
        Item(
            9,
            "Depthwise separable: two stages",
            "A normal filter looks at space and channels at once. Taken apart, each channel first gets one kernel of "
            "its own (N·K² weights), and then 1x1 kernels mix the channels (N·M). The lecture writes M·K² + N·M with "
            "the roles of the letters exchanged: the spatial stage has one kernel per *incoming* channel.",
            (page("architectures", "Three ways to the same map", **_COUNT, ways_sample="Inception's 5 x 5 branch"),),
            Number(
                "5x5, 192 channels in, 32 out: how many weights has the separable form, without biases?",
                separable_weights,
                "25·192 + 192·32 = {answer}; the normal form has 153,600.",
                ((153600, "That is the normal convolution."), (4800, "That is the first stage alone.")),
            ),
            also="C",
        ),
        Item(
            10,
            "1,228,800 against 53,952",
            "From 12 x 12 x 3 to 8 x 8 x 256 with 5x5 kernels: normally 64 places times 25·3·256, which is 1,228,800 "
            "multiply-adds. Depthwise 64·25·3 = 4,800 and pointwise 64·3·256 = 49,152 make 53,952: 23 times fewer.",
            (
                page(
                    "architectures",
                    "This very example",
                    **_COUNT,
                    ways_sample="12 x 12 x 3 to 8 x 8 x 256",
                ),
            ),
            Number(
                "How many multiply-adds does the separable form take?",
                separable_work,
                "4,800 + 49,152 = {answer}.",
                (
                    (float(conv_multiply_adds((8, 8), 5, 3, 256)), "That is the normal convolution."),
                    (4800, "That is the first stage alone."),
                ),
            ),
        ),
        Item(
            11,
            "Groups and the depth multiplier",
            "With `groups` the channels are dealt out, and each group sees its own only: G groups take a G-th of "
            "the weights. As many groups as channels is the depthwise convolution; its depth multiplier K gives K "
            "maps per channel instead of one. The MobileNets here take both as options.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --backbone mobilenet --depth-multiplier 2",
                    "two maps per channel",
                ),
                Command(
                    "kerasface train classify DATA --name NAME --backbone mobilenet --conv-groups 2",
                    "its 1x1 kernels in two groups",
                ),
                page("playground", "Groups and the depth multiplier, in numbers", topic="groups"),
                page("architectures", "Depthwise layers of a real network", architecture="mobilenet"),
            ),
            Number(
                "3x3, 64 channels in, 128 filters, 4 groups, no biases. How many weights?",
                grouped_weights,
                "Each group: 9·16·32 = 4,608; four of them: {answer}.",
                ((73728, "That is without groups."), (4608, "That is one group: there are four.")),
            ),
        ),
        Item(
            30,
            "A moved picture has moved maps",
            "The kernel does not know where it is. Move the picture by three pixels and every map moves by three: that "
            "is *equivariance*. Pooling forgets small moves (*invariance*), global average pooling all of them; a "
            "dense layer on the flattened map has different weights for each place, and knows nothing of it.",
            (
                page("playground", "Move a picture, and its maps move", topic="moved-picture"),
                page("inspect", "The maps of a photo", view="layers"),
            ),
            Number(
                "The brightest pixel is in column 2, counted from 0. The picture moves three columns to the right. "
                "In which column is the brightest place of the map of a 1x1 kernel?",
                place_after_moving,
                "2 + 3 = {answer}: the map moved with the picture.",
            ),
            also="B",
        ),
    ),
)
