"""Chapter: cheaper convolutions, from Inception to MobileNet."""

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.cost.calculators import conv_multiply_adds, separable_ratio, weights_mebibytes
from kerasface.inspection.teaching.basics import convolve


def one_cell_of_a_1x1():
    return convolve([[3, 0, 1], [1, 5, 8], [2, 7, 2]], [[2]])[1, 2]


def channels_of_a_module():
    return 64 + 128 + 32 + 32


def work_behind_a_reduction():
    return conv_multiply_adds((28, 28), 1, 192, 16) + conv_multiply_adds((28, 28), 5, 16, 32)


def share_of_the_normal():
    return separable_ratio(3, filters=5)


def channels_inside_a_bottleneck():
    return 6 * 24


def megabytes_of_mobilenet():
    return weights_mebibytes(4_253_864)


FACTORS = Chapter(
    "C",
    "Cheaper convolutions",
    (
        Item(
            56,
            "A hierarchy of features, weights shared",
            "Early layers answer to edges, later ones to textures, parts, and things; each layer sees further around "
            "than the one before. The same weights are used at every place, so what was learned in one corner is known "
            "in all of them.",
            (
                page("inspect", "From edges to parts, on a photo", view="layers"),
                Command("kerasface inspect activations IMAGE --model NAME --out DIR", "the same as pictures"),
            ),
            Choice(
                "What lets later layers see more of the picture?",
                (
                    "Each adds its kernel's reach, and pools multiply it",
                    "They have more channels",
                    "Their rate is higher",
                ),
                0,
                "The receptive field: `kerasface inspect layers` lists it for every layer.",
            ),
            also="BD",
        ),
        Item(
            57,
            "1x1 convolution",
            "A kernel of one pixel cannot see neighbours. On one channel it only multiplies: times 2, in the lecture's "
            "example. Over many channels it is a dense layer at every place, which mixes channels and changes their "
            "number.",
            (
                page("playground", "The 3x3 matrix times [2], and 1x1 over channels", topic="one-by-one"),
                page("architectures", "Where Inception uses it", architecture="inception"),
            ),
            Number(
                "Rows 3 0 1 / 1 5 8 / 2 7 2, times the 1x1 kernel [2]. What stands in row 2, column 3?",
                one_cell_of_a_1x1,
                "8·2 = {answer}.",
            ),
        ),
        Item(
            58,
            "The Inception module",
            "Which kernel is right, 1x1, 3x3 or 5x5? All of them: branches next to each other, their maps stacked. "
            "1x1 kernels in front thin the channels, else it would be too much work.",
            (
                page("architectures", "Five modules of it", architecture="inception"),
                Command("kerasface train classify DATA --name NAME --backbone inception", "trains it"),
            ),
            Number(
                "The branches of the first module give 64, 128, 32 and 32 maps. How many channels has the stack?",
                channels_of_a_module,
                "They are stacked, not added: {answer}.",
                ((64, "Stacked, not added: the numbers of channels add up."),),
            ),
        ),
        Item(
            59,
            "120 million to 12 million",
            "5x5 from 192 to 32 channels on 28 x 28: 120.4 million multiply-adds. With 1x1 kernels to 16 channels "
            "first: 2.4 million for them and 10.0 million for the 5x5, together 12.4 million, a tenth.",
            (page("architectures", "This branch", part="Calculators", ways_sample="Inception's 5 x 5 branch"),),
            Number(
                "How many multiply-adds has the branch with the reduction to 16 channels?",
                work_behind_a_reduction,
                "28·28·(192·16 + 25·16·32) = {answer}.",
                (
                    (120422400, "That is without the reduction."),
                    (10035200, "Those of the 1x1 kernels come on top."),
                    (2408448, "Those of the 5x5 kernels come on top."),
                ),
            ),
        ),
        Item(
            60,
            "2,160 against 672",
            "6 x 6 x 3 to 4 x 4 x 5 with 3x3 kernels: 16·27·5 = 2,160 multiplications; separable 16·27 + 16·15 = 672. "
            "The ratio is 1/C + 1/f², always: with many channels a 3x3 costs a ninth.",
            (page("architectures", "This example", part="Calculators", ways_sample="6 x 6 x 3 to 4 x 4 x 5"),),
            Number(
                "Which share of the normal work is left, with 3x3 kernels and 5 filters?",
                share_of_the_normal,
                "1/5 + 1/9 = {answer}.",
                ((1 / 9, "That is with very many filters."), (0.2, "1/f² comes on top.")),
            ),
        ),
        Item(
            61,
            "MobileNet v1 and v2",
            "Version 1 is a stack of depthwise separable convolutions: 569 million multiply-adds. Version 2 widens "
            "before the depthwise stage and narrows after it, without an activation on the narrow side, where a ReLU "
            "would destroy what few channels say, and adds what came in: 301 million.",
            (
                page("architectures", "Version 2, block by block", architecture="mobilenet_v2"),
                page("architectures", "Version 1", architecture="mobilenet"),
                Command("kerasface inspect cost mobilenet mobilenet_v2", "both, counted and timed"),
            ),
            Number(
                "A block of version 2 gets 24 channels and widens six times. How many has its depthwise stage?",
                channels_inside_a_bottleneck,
                "6·24 = {answer}.",
            ),
            also="A",
        ),
        Item(
            62,
            "Sizes on disk",
            "Four bytes per weight: VGG-16 528 MiB, ResNet-152 230, InceptionV3 91, MobileNet 16. On a phone that "
            "decides. Work and time follow other orders: compare them, too.",
            (
                page("architectures", "Weights, work and accuracy as published", part="History"),
                page("architectures", "Any of them side by side", part="Compare"),
                Command("kerasface inspect cost VGG16 ResNet152 InceptionV3 MobileNet", "sizes, work, time here"),
            ),
            Number(
                "MobileNet has 4,253,864 weights of four bytes. How many MiB (2 to the 20 bytes) are that?",
                megabytes_of_mobilenet,
                "4·4,253,864 / 1,048,576 = {answer}.",
                ((17.015456, "That is in MB of a million bytes; nearly right."),),
            ),
            slip="The slide gives InceptionV3 85 MB; it has 91 MiB.",
        ),
    ),
)
