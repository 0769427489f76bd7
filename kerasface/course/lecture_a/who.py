"""Chapter: from one of N names to a face that nobody knows."""

import math

import numpy as np

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.teaching.basics import softmax


def chance_of_guessing():
    return 1 / 10


def score_of_the_cat():
    weights, pixels, bias = np.array([0.2, -0.5, 0.1, 2.0]), np.array([56, 231, 24, 2]), 1.1
    return weights @ pixels + bias


def largest_share():
    return softmax([1, -2, 0]).max()


def angle_of_a_score():
    return math.degrees(math.acos(0.5))


WHO = Chapter(
    "A",
    "From N names to a face that nobody knows",
    (
        Item(
            1,
            "N-way classification",
            "A classifier answers *which one of N*: one number per class, and the largest wins. Nothing in it knows "
            "whether the classes are people, cats and dogs, or digits; the pictures in the folders decide. Whoever is "
            "none of the N still gets one of their names.",
            (
                page("train", "Train a classifier on your folders, or on the digits"),
                page("recognise", "Read names off a photo"),
                Command("kerasface train classify DATA --name NAME --no-faces", "the same from the terminal"),
            ),
            Number(
                "Ten classes, equally frequent. How often is a network right that guesses?",
                chance_of_guessing,
                "One of ten: {answer}, that is 10 %. A network that stays there has learned nothing.",
            ),
            also="B",
        ),
        Item(
            2,
            "Two classes and four pixels",
            "A linear classifier computes one score per class, a weighted sum of all pixels plus a bias. For the four "
            "pixels 56, 231, 24, 2 and the cat's weights 0.2, -0.5, 0.1, 2.0 with bias 1.1 the score is -96.8: below "
            "that of the other classes, so the cat is missed. Where two scores are equal lies a hyperplane, which "
            "divides all possible pictures in two.",
            (
                page("playground", "The four pixels and the hyperplane", topic="linear-classifier"),
                page("architectures", "The linear architecture, layer by layer", architecture="linear"),
                Command("kerasface train classify DATA --name NAME --backbone linear", "trains one"),
            ),
            Number(
                "What is the cat's score for these four pixels?",
                score_of_the_cat,
                "0.2·56 - 0.5·231 + 0.1·24 + 2.0·2 + 1.1 = {answer}.",
                ((-97.9, "Nearly: the bias of 1.1 is missing."),),
            ),
            also="B",
        ),
        Item(
            3,
            "Closed set",
            "Closed set means: everybody in the test photos was in the training, the test photos themselves were not. "
            "The split is made per person, so that each keeps some photos to learn from, and a photo that is there "
            "twice, even cut or stored anew, must never stand on both sides: it would be remembered, not recognised.",
            (
                page("train", "Check the pictures: duplicates, balance and split"),
                Command("kerasface train classify DATA --name NAME --holdout 0.2", "holds a fifth of each class out"),
            ),
            Choice(
                "The same photo is on both sides of the split, once cropped. What happens to the measured accuracy?",
                ("It is too high", "It is too low", "It stays as it is"),
                0,
                "The network has seen the answer. Here near copies are found, and kept on one side.",
            ),
        ),
        Item(
            4,
            "Open set",
            "In the open set most faces belong to nobody who is known, and the right answer to them is *unknown*. The "
            "boundary around a person has to be tight, as there are far more strangers than people who are enrolled. "
            "A threshold trades two errors: strangers who get a name (FPIR) and people who are not found (FNIR).",
            (
                page("playground", "The boundary tightens as strangers come", topic="open-set"),
                page("evaluate", "Move the threshold, with strangers", question="Open set"),
                Command("kerasface train classify DATA --name NAME --unknown DIR", "limits what strangers are called"),
                Command("kerasface evaluate identification --images DIR", "measures both errors"),
            ),
            Choice(
                "The threshold is raised. Which error becomes rarer?",
                ("Strangers who get a name", "People who are not found", "Both"),
                0,
                "Fewer faces pass, so fewer strangers do; and more of the people who are enrolled stay outside.",
            ),
        ),
        Item(
            5,
            "From pixels to probabilities",
            "Convolutions turn the picture into features; pooled, they are one vector, the *embedding*; one dense "
            "layer gives a *logit* per class, and softmax makes shares of 1 of them. The order of the logits is the "
            "order of the shares: softmax changes no answer, it makes a loss possible.",
            (
                page("playground", "Move the logits", topic="softmax"),
                page("architectures", "The chain, layer by layer", architecture="simple_cnn"),
                Command("kerasface inspect layers --architecture simple_cnn", "the same as a table"),
            ),
            Number(
                "Logits 1, -2 and 0. Which share has the first class?",
                largest_share,
                "e over (e + e to the -2 + 1) is {answer}.",
            ),
        ),
        Item(
            6,
            "The embedding of a trained classifier verifies, too",
            "The last layer separates the classes by planes, so the vector in front of it must already hold apart "
            "who is who. Two photos are compared by the cosine of their vectors, also of people whom the training "
            "never saw; so a homework on classification becomes one on verification. Every classifier of faces of "
            "yours is an embedder here, by its name; once its thresholds have been measured, it decides.",
            (
                Command("kerasface verify A B --embedder NAME", "two photos, by a classifier of your own"),
                Command(
                    "kerasface evaluate verification --images DIR --pairs FILE --embedder NAME", "how often it is wrong"
                ),
                page("runs", "Your runs, and how well their features verify"),
                page("evaluate", "Pairs of photos, and the threshold between them", question="Pairs"),
                Command("kerasface embedders calibrate NAME --images DIR", "measures its thresholds"),
            ),
            Number(
                "Two unit vectors have the cosine 0.5. Which angle, in degrees, is between them?",
                angle_of_a_score,
                "arccos(0.5) is {answer} degrees.",
            ),
        ),
    ),
)
