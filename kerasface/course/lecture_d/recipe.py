"""Chapter: a basic recipe for a network."""

import numpy as np

from kerasface.course.records import Chapter, Command, Item, Number, page
from kerasface.inspection.cost.calculators import conv_output_size, conv_parameters, dense_parameters


def average_of_a_window():
    return np.mean([2, 4, 7, 8])


def weights_of_a_reduction():
    return conv_parameters(1, in_channels=256, filters=64, bias=False)


def weights_behind_flatten():
    return dense_parameters((7 * 7 * 512, 10), bias=False)


def hidden_head():
    return dense_parameters((512, 256, 10), bias=False)


def left_of_the_middle():
    return (640 - 480) / 2


def side_after_the_stem():
    return conv_output_size(224, 7, stride=2, padding=3, strict=False) / 2


def halvings_from_112():
    side, count = 112, 0
    while side > 7:
        side, count = side // 2, count + 1
    return count


RECIPE = Chapter(
    "D",
    "A basic recipe",
    (
        Item(
            87,
            "Halving: maximum, average, stride",
            "A 2x2 maximum keeps whether something was there, the average how much of it, a convolution with stride 2 "
            "learns what to keep and costs weights. All give half the rows and columns.",
            (
                page("playground", "Pooling, and the way back", topic="unpooling"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone vgg_recipe --pooling strided", "tries one"
                ),
            ),
            Number(
                "Average pooling of 2, 4, 7 and 8: what comes out?",
                average_of_a_window,
                "21/4 = {answer}.",
                ((8, "That is the maximum."),),
            ),
            also="B",
        ),
        Item(
            88,
            "1x1 convolutions to reduce depth",
            "Where 256 channels are too many for a 3x3, a 1x1 first makes 64 of them; after it another one brings them "
            "back. ResNet-50 and Inception are built so.",
            (
                page("playground", "1x1 over channels, in numbers", topic="one-by-one"),
                page("architectures", "The bottlenecks of ResNet-50", architecture="ResNet50"),
                page("architectures", "What it saves", part="Calculators", ways_sample="Inception's 5 x 5 branch"),
            ),
            Number(
                "256 channels to 64 by 1x1 kernels, no biases: how many weights?",
                weights_of_a_reduction,
                "256·64 = {answer}.",
            ),
        ),
        Item(
            89,
            "Flatten, or global average pooling",
            "Flattened, 7 x 7 x 512 are 25,088 numbers, and each class has a weight for every place. Averaged over the "
            "places, 512 are left: fewer weights, no place remembered, and any size of picture fits.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --head flatten", "the first way"
                ),
                page(
                    "architectures",
                    "The head of VGG-16, counted",
                    part="Calculators",
                    dense_sample="The head of VGG-16",
                ),
            ),
            Number(
                "7 x 7 x 512 flattened, ten classes, no biases: how many weights?",
                weights_behind_flatten,
                "25,088·10 = {answer}. Behind an average they are 5,120.",
                ((5120, "That is behind global average pooling."),),
            ),
        ),
        Item(
            90,
            "A linear head, or a small network",
            "Mostly one layer is enough, as the convolutions were trained to make its work easy. Old networks "
            "have two hidden layers there: AlexNet, with 4,096 units each and most of its weights. `--head-units` "
            "puts one in front of the classes of any network.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --head-units 256",
                    "a hidden layer in the head",
                ),
                page("architectures", "AlexNet's hidden layers", architecture="alexnet"),
                page("architectures", "Count a head", part="Calculators", dense_sample="The head of VGG-16"),
            ),
            Number(
                "512 features, a hidden layer of 256, ten classes, no biases: how many weights?",
                hidden_head,
                "512·256 + 256·10 = {answer}.",
                ((5120, "That is without the hidden layer."),),
            ),
        ),
        Item(
            91,
            "Square pictures: short side to R, then the middle",
            "Networks mostly take squares. Scale until the short side is R, cut out the middle: nothing is squeezed, "
            "some is lost at the ends.",
            (
                page("train", "What the network will see"),
                Command("kerasface train classify DATA --name NAME --no-faces --image-size 224", "does so"),
            ),
            Number(
                "640 x 480 pixels: how many columns are cut off at each end for a square of full height?",
                left_of_the_middle,
                "(640 - 480)/2 = {answer}.",
                ((160, "That is both ends together."),),
            ),
        ),
        Item(
            92,
            "Below 100 pixels quickly",
            "At full size each layer costs most. From R = 224 a 7x7 kernel with stride 2 and a 2x2 pool lead to "
            "56: a sixteenth of the places, and only then begins the pattern of the blocks. `vgg_recipe` begins "
            "so from 100 pixels on.",
            (
                page("architectures", "Such a stem: vgg_recipe", architecture="vgg_recipe"),
                Command("kerasface inspect layers --architecture vgg_recipe --image-size 224", "sizes of every layer"),
            ),
            Number(
                "224 pixels, 7x7 with stride 2 and padding 3, then 2x2 pooling. How long is the side then?",
                side_after_the_stem,
                "112, then {answer}.",
                ((112, "The pool halves it once more."),),
            ),
        ),
        Item(
            93,
            "Conv, conv, pool, and twice the filters",
            "Two 3x3 convolutions, halve the map, double the filters, from 64 to 512, until the side is 7 or less; "
            "then average and classify. Each block has as much work as the one before: a quarter of the places, four "
            "times the weights.",
            (
                page("architectures", "vgg_recipe: 112, 56, 28, 14, 7", architecture="vgg_recipe"),
                Command("kerasface train classify DATA --name NAME --backbone vgg_recipe", "trains it"),
            ),
            Number(
                "From 112 pixels, how many halvings lead to 7?",
                halvings_from_112,
                "56, 28, 14, 7: {answer}.",
            ),
        ),
    ),
)
