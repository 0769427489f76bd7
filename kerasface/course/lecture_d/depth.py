"""Chapter: why depth is hard, and what made it possible."""

import math

import numpy as np

from kerasface.course.records import Chapter, Command, Item, Number, page


def what_comes_through():
    return 0.8**40


def variance_after_a_layer():
    inputs, variance_of_weights = 512, 1 / 512
    return inputs * variance_of_weights * 0.5  # a ReLU takes half of it away


def standardized_pixel():
    pixel, mean, deviation = 180, 120, 60
    return (pixel - mean) / deviation


def he_deviation():
    return math.sqrt(2 / (3 * 3 * 64))


def weights_of_a_norm():
    return 2 * 64


def sum_of_a_block():
    came_in, block = np.array([1.0, -2.0]), np.array([0.5, 0.5])
    return np.maximum(came_in + block, 0)[0]


def layers_of_resnet34():
    return 1 + 2 * (3 + 4 + 6 + 3) + 1


DEPTH = Chapter(
    "D",
    "Why depth is hard, and what made it possible",
    (
        Item(
            94,
            "Gradients that vanish or explode",
            "On its way back a gradient is multiplied in every layer. Factors a little below 1 leave nothing after 40 "
            "layers, factors above 1 too much. Plain networks of more than 15 to 30 layers train badly, and not for "
            "lack of weights: they do worse on the training pictures, too (He et al. 2015, arXiv:1512.03385).",
            (page("playground", "Plain and residual networks by depth: what gradients do", topic="depth"),),
            Number(
                "Each of 40 layers lets 0.8 of a gradient through. How much comes out?",
                what_comes_through,
                "0.8 to the 40 = {answer}: a hundredth of a per cent.",
                ((32, "Multiplied 40 times, not by 40."),),
            ),
        ),
        Item(
            95,
            "Keep the variance",
            "A unit adds up n inputs, so its variance is n times that of a weight; a ReLU takes half. If the product "
            "is not 1, activations shrink or grow with every layer. Initialisation sets it right at first, norms keep "
            "it so.",
            (
                page("playground", "Variance of activations, layer by layer", topic="depth"),
                page("architectures", "Norms after every convolution", architecture="resnet34"),
                page("inspect", "Activations of every level", view="layers"),
            ),
            Number(
                "512 inputs of variance 1, weights of variance 1/512, ReLU. Which second moment is left behind it?",
                variance_after_a_layer,
                "512/512 is 1, and the ReLU takes half: {answer}. So He takes twice the variance.",
                ((1, "The ReLU takes half of it."),),
            ),
        ),
        Item(
            96,
            "Mean and deviation of the training set",
            "Each channel is brought to mean 0 and deviation 1 by two numbers that are measured once, on the training "
            "pictures alone. They become part of the model: whoever uses it gives pixels from 0 to 255.",
            (
                page("architectures", "The normalization in front of a network", architecture="simple_cnn"),
                Command("kerasface inspect layers --architecture simple_cnn", "its first layer"),
            ),
            Number(
                "The mean is 120, the deviation 60. What becomes of a pixel of 180?",
                standardized_pixel,
                "(180 - 120)/60 = {answer}.",
            ),
        ),
        Item(
            97,
            "He initialization",
            "Weights are drawn with variance 2/n, where n is how many numbers a unit adds up; biases begin at 0. The 2 "
            "makes up for the half that the ReLU takes (He et al. 2015, arXiv:1502.01852).",
            (
                page("playground", "He and other starts, layer by layer", topic="depth"),
                Command("kerasface train classify DATA --name NAME --backbone vgg_recipe", "begins so"),
            ),
            Number(
                "3x3 kernels over 64 channels. What is the deviation of their first weights?",
                he_deviation,
                "The root of 2/576: {answer}.",
                (
                    (2 / 576, "That is the variance: take the root."),
                    ((1 / 576) ** 0.5, "The 2 for the ReLU is missing."),
                ),
            ),
        ),
        Item(
            98,
            "Batch norm before the activation",
            "Convolution or hidden dense layer, norm, activation, in this order and after every layer with "
            "weights but the last. The norm's shift makes the bias superfluous. Batches are shuffled, else the "
            "mean of a batch is that of a class.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --backbone mlp --norm batch", "behind dense layers, too"
                ),
                page("architectures", "Convolution, norm, activation", architecture="vgg_recipe"),
            ),
            Number(
                "How many learned weights has a batch norm over 64 channels?",
                weights_of_a_norm,
                "A scale and a shift each: {answer}. The moving mean and variance are no weights: they are measured.",
                ((256, "Mean and variance are measured, not learned."),),
            ),
        ),
        Item(
            99,
            "The residual block",
            "What goes out is what came in plus what two convolutions make of it. If they are 0, nothing is lost, so a "
            "deeper network need not be worse; and on the way back the gradient has a path without a factor.",
            (
                page("playground", "Residual next to plain, at 10, 20 and 40 layers", topic="depth"),
                page("architectures", "Sixteen of them", architecture="resnet34"),
                Command("kerasface train classify DATA --name NAME --backbone resnet34", "trains them"),
            ),
            Number(
                "Came in (1, -2), the convolutions give (0.5, 0.5), ReLU behind the sum. What is the first number?",
                sum_of_a_block,
                "1 + 0.5 = {answer}.",
                ((0.5, "What came in is added."),),
            ),
            also="A",
        ),
        Item(
            100,
            "ResNet-34: 3-4-6-3",
            "A stem, four groups of 3, 4, 6 and 3 blocks with 64, 128, 256 and 512 filters, an average and a dense "
            "layer: 21.8 million weights, 3.66 billion multiply-adds at 224 pixels, a sixth of VGG-16's weights.",
            (
                page("architectures", "All of it", architecture="resnet34"),
                Command("kerasface inspect layers --architecture resnet34", "as a table"),
            ),
            Number(
                "Two convolutions per block, the stem and the dense layer: how many layers with weights?",
                layers_of_resnet34,
                "1 + 2·16 + 1 = {answer}; that is its name.",
                ((33, "The dense layer counts, too."), (32, "Stem and dense layer count, too.")),
            ),
        ),
    ),
)
