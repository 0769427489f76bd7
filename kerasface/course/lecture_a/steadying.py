"""Chapter: norms that steady a training, and what keeps a network from being too sure."""

import numpy as np

from kerasface.course.records import Chapter, Command, Item, Number, page
from kerasface.inspection.teaching.basics import best_gap, smooth_labels


def moving_mean():
    mean, of_batch, momentum = 0.0, 10.0, 0.9
    return momentum * mean + (1 - momentum) * of_batch


def normalized_value():
    values = np.array([1.0, 3.0, 5.0, 7.0])
    return ((values - values.mean()) / values.std())[-1]


def numbers_of_a_group():
    rows, cols, channels, groups = 8, 8, 32, 8
    return rows * cols * (channels // groups)


def smoothed_share():
    return smooth_labels(0, num_classes=3, alpha=0.1)[0]


def calibration_gap():
    mean_confidence, accuracy = 0.92, 0.78
    return mean_confidence - accuracy


def dropped_by_a_block():
    return 7 * 7


STEADYING = Chapter(
    "A",
    "Steady and not too sure",
    (
        Item(
            12,
            "Batch normalization",
            "Each channel is brought to mean 0 and deviation 1, over all pictures of the batch and all places, and "
            "then scaled and shifted by two numbers that are learned. In use there is no batch: the moving averages of "
            "the training take its place. The lecture's rate of 0.1 is a momentum of 0.9 in Keras.",
            (
                page("playground", "Over which numbers mean and deviation go", topic="normalization"),
                page("architectures", "Where the norms stand in a network", architecture="resnet34"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --norm batch", "trains with it"
                ),
            ),
            Number(
                "The moving mean is 0, the mean of a batch 10, the momentum 0.9. What is the moving mean now?",
                moving_mean,
                "0.9·0 + 0.1·10 = {answer}.",
                ((9, "Momentum 0.9 is what is *kept* of the old mean."),),
            ),
            also="CD",
        ),
        Item(
            13,
            "Layer normalization",
            "Here mean and deviation go over all channels and places of *one* picture. No other picture is needed, so "
            "it does the same in training and in use, and also with a batch of one.",
            (
                page("playground", "Next to the other three norms", topic="normalization"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --norm layer", "trains with it"
                ),
                page("architectures", "Layers of a network that uses it", architecture="ConvNeXtTiny"),
            ),
            Number(
                "A picture's four values are 1, 3, 5 and 7. What becomes of the 7?",
                normalized_value,
                "Mean 4, deviation the root of 5, which is 2.236: 3 / 2.236 = {answer}.",
            ),
        ),
        Item(
            14,
            "Group and instance normalization",
            "Between the two: *group* norm takes some channels of one picture together, *instance* norm each channel "
            "alone. With one group, group norm is layer norm; with as many groups as channels, it is instance norm.",
            (
                page("playground", "All four on one tensor", topic="normalization"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone vgg_recipe --norm group", "trains with groups"
                ),
            ),
            Number(
                "A map of 8 x 8 with 32 channels, in 8 groups. Over how many numbers does one mean go?",
                numbers_of_a_group,
                "8·8 places times 4 channels: {answer}.",
                ((2048, "That is all channels: layer norm."), (64, "That is one channel: instance norm.")),
            ),
        ),
        Item(
            15,
            "Label smoothing",
            "The target is not 1 and 0 but y(1 - a) + a/K: with three classes and a = 0.1, 0.9333 and 0.0333. A "
            "network that is rewarded for 0.9333 need not push its logits apart for ever: the best gap between them is "
            "finite, ln 28.",
            (
                page("playground", "Smooth the label and see the best gap", topic="label-smoothing"),
                Command(
                    "kerasface train classify DATA --name NAME --classifier softmax --label-smoothing 0.1",
                    "trains with it",
                ),
            ),
            Number(
                "K = 3, a = 0.1: what is the target of the true class?",
                smoothed_share,
                "1·0.9 + 0.1/3 = {answer}.",
                ((0.9, "The true class gets its part of the tenth that is spread, too."),),
            ),
            slip=f"The slide gives 3.3332 for the smoothed logit; ln 28 is {best_gap(3, 0.1):.4f}.",
        ),
        Item(
            16,
            "Overconfidence and calibration",
            "Of all answers given with 90 %, nine in ten should be right; networks that were trained to the end are "
            "right less often. Dividing the logits by one number, the *temperature*, mends the shares and changes no "
            "answer. Here it is only applied where it helps on photos that it was not fitted on.",
            (
                page(
                    "playground", "A real classifier that is too sure, and what smoothing does", topic="overconfidence"
                ),
                page("evaluate", "A classifier on photos it has not seen", question="Names"),
                page("playground", "What a temperature does", topic="softmax"),
                Command("kerasface evaluate classification --images DIR --model NAME", "says how far off it is"),
            ),
            Number(
                "A network is sure to 92 % in the mean and right in 78 %. By how much is it too sure?",
                calibration_gap,
                "0.92 - 0.78 = {answer}, 14 points.",
            ),
        ),
        Item(
            17,
            "Dropout for dense layers, DropBlock for maps",
            "Dropout removes single values. In a map the neighbours say nearly the same, so nothing is lost; DropBlock "
            "removes squares. The Playground shows how many neighbours of a hole are left: 85 % after single holes, "
            "13 % after blocks.",
            (
                page("playground", "Blocks and single holes in the maps of a face", topic="dropblock"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone vgg_recipe --dropblock 0.1", "trains with it"
                ),
            ),
            Number(
                "How many values does one whole block of 7 x 7 remove from a map?",
                dropped_by_a_block,
                "7·7 = {answer}.",
            ),
        ),
    ),
)
