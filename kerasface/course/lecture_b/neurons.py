"""Chapter: neurons, layers of them, and how they learn."""

import numpy as np

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.cost.calculators import dense_parameters
from kerasface.inspection.teaching.worked.activation_functions import ACTIVATIONS, sigmoid


def multiplications_of_two_layers():
    return dense_parameters((3072, 100, 10), bias=False)


def slope_of_the_sigmoid():
    return ACTIVATIONS["sigmoid"].slope(np.array(0.0))


def leaky_answer():
    return ACTIVATIONS["leaky ReLU"].of(np.array(-3.0))


def elu_at_minus_one():
    return ACTIVATIONS["ELU"].of(np.array(-1.0))


def one_neuron():
    return sigmoid(np.dot([1, 2, -1], [0.5, -0.25, 1]))


def a_step_down():
    x, rate = 3.0, 0.1
    return x - rate * 2 * x


def chain_of_derivatives():
    x, y, z, small = -2, 5, -4, 1e-6
    return round((((x + small) + y) * z - (x + y) * z) / small, 6)  # a small push, and what it does


NEURONS = Chapter(
    "B",
    "Neurons, and how they learn",
    (
        Item(
            33,
            "Layers of neurons: 308,200",
            "Between pixels and classes comes a hidden layer: 3,072 numbers to 100 units to 10 classes takes "
            "3072·100 + 100·10 = 308,200 multiplications. Without an activation between them two layers would be one: "
            "a product of matrices is a matrix.",
            (
                page(
                    "architectures",
                    "Dense layers, counted",
                    part="Calculators",
                    dense_sample="32 x 32 x 3, 100 hidden, 10 classes",
                ),
                Command("kerasface train classify DATA --name NAME --backbone mlp --num-layers 3", "three layers"),
            ),
            Number(
                "3,072 to 100 to 10, without biases: how many weights?",
                multiplications_of_two_layers,
                "3072·100 + 100·10 = {answer}.",
                ((308310, "Those are the weights with biases."), (307200, "The second layer is missing.")),
            ),
        ),
        Item(
            34,
            "Activations: sigmoid, tanh, ReLU, maxout, ELU",
            "Sigmoid and tanh flatten out at both ends, and where they are flat no gradient comes through. ReLU is "
            "flat on one side only and cheap; ELU bends softly below 0; maxout takes the larger of two linear units, "
            "and learns its own shape at twice the weights.",
            (
                page("playground", "Their curves and slopes", topic="activations"),
                Command("kerasface train classify DATA --name NAME --backbone mlp --activation elu", "trains with one"),
            ),
            Number(
                "How steep is the sigmoid where it is steepest, at 0?",
                slope_of_the_sigmoid,
                "s(1 - s) with s = 1/2: {answer}. Ten such layers leave a millionth of a gradient.",
                ((0.5, "That is its value at 0; the slope is s(1 - s)."),),
            ),
        ),
        Item(
            35,
            "Leaky ReLU: max(0.1x, x)",
            "A ReLU that is always below 0 never learns again, as its slope is 0 there. The leaky one lets a tenth "
            "through, so a gradient comes back.",
            (
                page("playground", "Its curve, with the lecture's slope of 0.1", topic="activations"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone mlp --activation leaky_relu", "trains with it"
                ),
            ),
            Number(
                "What does the leaky ReLU of the lecture answer to -3?",
                leaky_answer,
                "max(-0.3, -3) = {answer}.",
                ((0, "That is the ReLU without a leak."), (-0.6, "That is Keras's default slope of 0.2.")),
            ),
        ),
        Item(
            36,
            "The curves and their slopes",
            "An activation is best judged by its slope: the gradient on its way back is multiplied with it in each "
            "layer. Sigmoid at most 1/4, tanh at most 1, ReLU 0 or 1, ELU 1 above 0 and never quite 0 below.",
            (page("playground", "The curves and their slopes", topic="activations"),),
            Number(
                "What is ELU (alpha 1) at -1?",
                elu_at_minus_one,
                "e to the -1, less 1: {answer}.",
            ),
        ),
        Item(
            37,
            "A forward pass, 3-4-4-1",
            "Three numbers go in, four units and four more compute, one comes out: each unit adds up its weighted "
            "inputs and its bias, and takes the sigmoid. That is three products of a matrix with a vector, no more.",
            (
                page("playground", "3-4-4-1, every number of it", topic="backpropagation"),
                page("architectures", "The same for thousands of numbers", architecture="mlp"),
                Command("kerasface inspect layers --architecture mlp", "its layers"),
            ),
            Number(
                "Inputs 1, 2, -1, weights 0.5, -0.25, 1, no bias, sigmoid: what does the unit answer?",
                one_neuron,
                "0.5 - 0.5 - 1 = -1, and the sigmoid of it is {answer}.",
                ((-1, "That is the sum: the sigmoid comes on top."),),
            ),
        ),
        Item(
            38,
            "Gradient descent: steps too short, right, too long",
            "The gradient points uphill, so a step goes against it. Too short, and it crawls; too long, and it jumps "
            "across the valley and climbs: on x² every rate above 1 makes things worse. Momentum keeps some of the "
            "last step and rolls through narrow valleys; Adam gives each weight a step of its own.",
            (
                page("playground", "A ball on a surface: rate, momentum, Adam, Adadelta", topic="gradient-descent"),
                Command("kerasface train classify DATA --name NAME --find-lr FILE", "finds a rate for your data"),
            ),
            Number(
                "f(x) = x², you stand at 3, rate 0.1. Where do you stand after one step?",
                a_step_down,
                "The gradient is 2·3 = 6: 3 - 0.6 = {answer}.",
                ((2.7, "The gradient of x² is 2x, not x."), (3.6, "Against the gradient, not along it.")),
            ),
        ),
        Item(
            39,
            "Backpropagation",
            "A network is a chain of small steps, and each knows its own slope. From the loss backwards the slopes are "
            "multiplied along each edge, and added where edges meet. So all gradients cost about as much as two "
            "forward passes. For (x + y)·z with x = -2, y = 5, z = -4 the slope at x is z, as the sum passes it on.",
            (
                page("playground", "Forward and back, edge by edge", topic="backpropagation"),
                page("playground", "The gradient of the loss: share minus target", topic="softmax"),
            ),
            Number(
                "f = (x + y)·z with x = -2, y = 5, z = -4. What is the derivative of f with respect to x?",
                chain_of_derivatives,
                "df/d(x+y) = z = {answer}, and the sum hands it on unchanged.",
                ((3, "That is the derivative with respect to z."), (-12, "That is the value of f.")),
            ),
        ),
        Item(
            41,
            "The last layer is a linear classifier",
            "Whatever comes before, the last layer divides by hyperplanes. All the layers in front of it have one "
            "task: to make features that can be divided so. That is why the vector in front of it is worth keeping.",
            (
                page("architectures", "The last rows of any network", architecture="resnet34"),
                page("inspect", "Features as a map: groups that a line divides", view="map"),
            ),
            Choice(
                "Features of a trained network, and a new task. What often is enough?",
                ("A linear classifier on the features", "A network from scratch", "More layers on top"),
                0,
                "Features that separate many classes separate most others, too: that is transfer learning.",
            ),
            also="D",
        ),
        Item(
            42,
            "A map of the features",
            "t-SNE lays high-dimensional features on a plane so that neighbours stay neighbours. Groups are "
            "meaningful; distances between groups and sizes of groups are not.",
            (
                page("inspect", "The map, with pictures under the pointer, also by a model of yours", view="map"),
                Command(
                    "kerasface inspect map FOLDER --model NAME --out DIR",
                    "the same as a file, by a classifier of yours",
                ),
            ),
            Choice(
                "Two groups lie far apart on a t-SNE map. What does that say about their real distance?",
                ("Nothing for sure", "They are very different", "They are exactly opposite"),
                0,
                "t-SNE keeps who is near whom; what is far is only kept far, not how far.",
            ),
        ),
    ),
)
