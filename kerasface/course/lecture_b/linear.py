"""Chapter: the linear classifier and its loss."""

from kerasface.course.records import Chapter, Command, Item, Number, page
from kerasface.inspection.cost.calculators import dense_parameters
from kerasface.inspection.teaching.basics import cross_entropy


def templates_of_ten_classes():
    return dense_parameters((32 * 32 * 3, 10))


def loss_of_the_first():
    return cross_entropy([1, -2, 0], [1, 0, 0]).loss


LINEAR = Chapter(
    "B",
    "The linear classifier",
    (
        Item(
            31,
            "Templates",
            "The weights of a class have one number per pixel, so they can be drawn: a template of what the class "
            "looks like in the mean. A linear classifier has one template per class, so a horse that looks left and "
            "one that looks right become a horse with two heads.",
            (
                page("playground", "A linear classifier of four pixels", topic="linear-classifier"),
                page("inspect", "Filters of a model of yours: of `linear`, its templates", view="layers"),
                Command("kerasface train classify DATA --name NAME --backbone linear --no-faces", "trains one"),
                Command("kerasface inspect activations IMAGE --model NAME --out DIR --filters", "draws the templates"),
            ),
            Number(
                "32 x 32 pixels in three colours, ten classes, with biases. How many weights?",
                templates_of_ten_classes,
                "3,072·10 + 10 = {answer}.",
                ((30720, "The biases are missing: one per class."), (10250, "A colour picture has three channels.")),
            ),
        ),
        Item(
            32,
            "Softmax and the loss of a data set",
            "Logits 1, -2 and 0 become e, 1/e² and 1, and divided by their sum 0.70, 0.04 and 0.26. The loss of a "
            "picture is minus the logarithm of the share of its true class; that of a data set is the mean. Its "
            "gradient is simply share minus target.",
            (
                page("playground", "These very logits", topic="softmax"),
                page("playground", "The loss falling while it learns", topic="live-training"),
            ),
            Number(
                "Logits 1, -2, 0, and the first class is true. What is the loss, in nats?",
                loss_of_the_first,
                "-ln 0.7054 = {answer}.",
                ((0.7054, "That is the share; the loss is minus its logarithm."), (0.1516, "Take the natural one.")),
            ),
        ),
    ),
)
