"""Chapter: how large a map becomes."""

import numpy as np

from kerasface.course.records import Chapter, Item, Number, page
from kerasface.inspection.cost.calculators import conv_output_size, conv_parameters


def weights_of_one_filter():
    return conv_parameters(5, in_channels=3, filters=1)


def side_after_two():
    return conv_output_size(conv_output_size(32, 5), 5)


def padding_of_seven():
    return (7 - 1) / 2


def side_with_dilation():
    return conv_output_size(32, 3, dilation=2)


def largest_of_a_window():
    picture = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    return picture[:2, 2:].max()


_CALCULATOR = {"part": "Calculators"}

SIZES = Chapter(
    "B",
    "How large a map becomes",
    (
        Item(
            45,
            "76, 456, 760",
            "A filter of 5x5 on RGB has 75 weights and a bias: 76. Six of them have 456 and give six maps, ten have "
            "760. Their number is the depth of what comes out.",
            (
                page(
                    "architectures",
                    "Ten filters of 5x5, with sliders",
                    **_CALCULATOR,
                    convolution_sample="32 x 32 x 3, ten 5 x 5",
                ),
                page("architectures", "Six of them", **_CALCULATOR, convolution_sample="32 x 32 x 3, six 5 x 5"),
            ),
            Number(
                "How many weights has one such filter, with its bias?",
                weights_of_one_filter,
                "5·5·3 + 1 = {answer}.",
                ((75, "The bias is missing."), (26, "A colour picture has three channels.")),
            ),
        ),
        Item(
            46,
            "A stack of maps: 32, 28, 24",
            "Six filters make of 32 x 32 x 3 a stack of 28 x 28 x 6; the next layer's filters have six channels each. "
            "Without padding every 5x5 costs four pixels a side, so deep networks pad.",
            (
                page(
                    "architectures",
                    "The first stack: 28 x 28 x 6",
                    **_CALCULATOR,
                    convolution_sample="32 x 32 x 3, six 5 x 5",
                ),
                page(
                    "architectures",
                    "The second: 24 x 24 x 10",
                    **_CALCULATOR,
                    convolution_sample="28 x 28 x 6, ten 5 x 5",
                ),
            ),
            Number(
                "32 pixels, two layers of 5x5 without padding. How long is the side in the end?",
                side_after_two,
                "32 to 28 to {answer}.",
                ((28, "That is after the first layer."),),
            ),
        ),
        Item(
            47,
            "(N - F)/S + 1, and when it does not fit",
            "A side of 7 pixels, a kernel of 3: stride 1 gives 5 places, stride 2 gives 3. Stride 3 gives 2.33: it "
            "does not fit, and the last pixel is never looked at. Padding of (F - 1)/2 keeps the size at stride 1.",
            (
                page(
                    "architectures",
                    "7 pixels, kernel 3, stride 3",
                    **_CALCULATOR,
                    convolution_sample="7 x 7, 3 x 3 by 3",
                ),
                page(
                    "architectures",
                    "7 pixels, kernel 3, stride 2",
                    **_CALCULATOR,
                    convolution_sample="7 x 7, 3 x 3 by 2",
                ),
            ),
            Number(
                "How much padding at each end keeps the size under a 7x7 kernel with stride 1?",
                padding_of_seven,
                "(7 - 1)/2 = {answer}.",
                ((7, "A whole kernel of padding would make the map larger."), (6, "That is both ends together.")),
            ),
        ),
        Item(
            48,
            "Dilation",
            "Spread apart by D, a kernel of F covers D(F - 1) + 1 pixels with as many weights as before. The general "
            "formula is floor((N + 2P - D(F - 1) - 1)/S) + 1.",
            (page("architectures", "A dilated kernel, place by place", **_CALCULATOR, convolution_sample="Dilated"),),
            Number(
                "32 pixels, kernel 3, dilation 2, no padding, stride 1. How long is the side of the map?",
                side_with_dilation,
                "The kernel covers 5 pixels: 32 - 5 + 1 = {answer}.",
                ((30, "That is without dilation."),),
            ),
        ),
        Item(
            49,
            "Pooling and the dense layer",
            "Max pooling keeps the largest of each window, average pooling the mean; neither has a weight. The dense "
            "layer at the end has d·C: its inputs times the classes, which is most of all in old networks.",
            (
                page("architectures", "Pools and dense layers of VGG", architecture="VGG16"),
                page("architectures", "The head of VGG-16, counted", **_CALCULATOR, dense_sample="The head of VGG-16"),
            ),
            Number(
                "Rows 1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4, max pooling 2x2 with stride 2. "
                "What stands at the upper right?",
                largest_of_a_window,
                "The largest of 2, 4, 7 and 8: {answer}.",
                ((6, "That is the upper left."), (5.25, "That is the average.")),
            ),
            also="D",
        ),
    ),
)
