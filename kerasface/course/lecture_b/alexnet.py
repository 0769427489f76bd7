"""Chapter: from LeNet to AlexNet, and which way round a kernel lies."""

import numpy as np

from kerasface.course.records import Chapter, Command, Item, Number, page
from kerasface.inspection.cost.calculators import conv_output_size, conv_parameters
from kerasface.inspection.teaching.worked.maps import convolve_maps


def first_map_of_lenet():
    return conv_output_size(32, 5)


def first_map_of_alexnet():
    return conv_output_size(227, 11, stride=4)


def weights_of_alexnets_first():
    return conv_parameters(11, in_channels=3, filters=96)


def flipped_answer():
    picture, kernel = np.array([[1, 2], [3, 4]]), np.array([[1, 0], [0, -1]])
    return convolve_maps(picture[..., None], kernel[..., None, None], flip=True).output.item()


ALEXNET = Chapter(
    "B",
    "From LeNet to AlexNet",
    (
        Item(
            40,
            "LeNet, 1998",
            "Two convolutions of 5x5, each followed by pooling, then dense layers: LeCun's network read the "
            "digits on bank cheques (LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition). "
            "Everything later networks do is there already; what was missing were pictures and computing power. "
            "It is in the zoo as `lenet`.",
            (
                page("architectures", "LeNet, layer by layer", architecture="lenet"),
                Command("kerasface train classify DATA --name NAME --backbone lenet", "trains it"),
                page("playground", "A convolution, pooling, a dense layer: train one now", topic="live-training"),
            ),
            Number(
                "LeNet's first layer: 32 x 32 pixels, 5x5 kernels, no padding. How many pixels has a side of its map?",
                first_map_of_lenet,
                "32 - 5 + 1 = {answer}.",
                ((27, "32 - 5 is the last place; count the first one, too."),),
            ),
        ),
        Item(
            43,
            "AlexNet, 2012",
            "Five convolutions and three dense layers, ReLU, dropout, trained on two graphics cards: it made a "
            "third fewer errors on ImageNet than the year before (Krizhevsky et al. 2012). Nearly all of its weights "
            "lie in the dense layers.",
            (
                page("architectures", "AlexNet, layer by layer", architecture="alexnet"),
                Command("kerasface inspect layers --architecture alexnet", "the same as a table"),
            ),
            Number(
                "How many weights has its first layer, 96 filters of 11x11 on RGB, with biases?",
                weights_of_alexnets_first,
                "(121·3 + 1)·96 = {answer}.",
                ((34848, "The 96 biases are missing."), (11616, "A colour picture has three channels.")),
            ),
            slip="The slide gives AlexNet 6 million parameters; it has 62 million (62,378,344 as built here).",
        ),
        Item(
            44,
            "Convolution and cross-correlation",
            "Mathematics turns the kernel by 180 degrees before it lays it down: that is a convolution. Networks do "
            "not turn it: that is cross-correlation. As the kernel is learned, it makes no difference to them, and "
            "everybody says convolution. For a kernel that half a turn leaves as it is both are the same.",
            (page("playground", "Kernels on a digit; edit them", topic="convolution"),),
            Number(
                "Picture 1 2 / 3 4, kernel 1 0 / 0 -1. What does the *true* convolution give, with the kernel turned?",
                flipped_answer,
                "Turned it is -1 0 / 0 1: -1 + 4 = {answer}.",
                ((-3, "That is the cross-correlation: turn the kernel first."),),
            ),
        ),
    ),
)
