"""Chapter: faces: verified, recognized, from one photo."""

import math

import numpy as np

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page


def distance_from_a_cosine():
    return math.sqrt(2 - 2 * 0.5)


def loss_of_a_triplet():
    to_same, to_other, margin = 0.6, 0.7, 0.2
    return max(0, to_same + margin - to_other)


def probability_of_a_pair():
    weight, distance, bias = -4, 0.5, 3
    return 1 / (1 + np.exp(-(weight * distance + bias)))


def pairs_of_a_person():
    return math.comb(4, 2)


def at_least_one_wrong():
    return 1 - (1 - 0.001) ** 1000


IDENTITY = Chapter(
    "C",
    "Faces: verified, recognized, from one photo",
    (
        Item(
            79,
            "Verification: a claimed identity",
            "*I am Ada*: one photo against one person, yes or no. How often a stranger passes is set beforehand, as a "
            "rate of false matches; the threshold follows from measurements. The claim is a second photo, or a person "
            "of the gallery, from a photo or at the camera.",
            (
                page("verify", "Two photos: one person?"),
                Command("kerasface verify A B --fmr 0.001", "the same, at one in a thousand"),
                Command("kerasface verify IMAGE --person NAME", "a photo against a person of the gallery"),
                Command("kerasface unlock --user NAME", "the camera against a person"),
            ),
            Choice(
                "How many people is a photo compared with in verification?",
                ("One: whom it claims to be", "Everybody who is enrolled", "None"),
                0,
                "1:1, so the error does not grow with the gallery.",
            ),
        ),
        Item(
            80,
            "Recognition: one of K, or not recognized",
            "*Who is that?* One photo against all K. Each comparison may fail, so a rate of one in a thousand for a "
            "pair is far too loose for a search among a thousand people.",
            (
                page("gallery", "Who is in this photo?", view="who"),
                Command("kerasface identify IMAGE --fpir 0.01", "who of the gallery, or unknown"),
            ),
            Number(
                "A stranger is compared with 1,000 people, each comparison wrong once in a thousand, independently. "
                "How probable is it that somebody's name comes out?",
                at_least_one_wrong,
                "1 - 0.999 to the 1000 = {answer}: more likely than not.",
                ((1, "Not quite: it may go well a thousand times."), (0.001, "That is a single comparison.")),
            ),
        ),
        Item(
            81,
            "One-shot learning",
            "One photo per person cannot train a classifier, and everybody new would mean training anew. A network "
            "that learned *to compare* needs no training: one photo is enrolled and that is all.",
            (
                page("gallery", "Enrol somebody with one photo", view="add"),
                Command("kerasface enroll NAME IMAGE", "the same"),
            ),
            Choice(
                "A new colleague comes. What has to be trained?",
                ("Nothing", "The last layer", "The whole network"),
                0,
                "Her photo's vector goes into the gallery.",
            ),
        ),
        Item(
            82,
            "d(x1, x2) at most a threshold",
            "The lecture compares a distance: small means same. Here a cosine is compared: large means same. For unit "
            "vectors both are the same thing, d² = 2 - 2·cos; only the sign of the inequality turns.",
            (
                page("verify", "Score and threshold of two photos"),
                page("evaluate", "Move the threshold", question="Pairs"),
            ),
            Number(
                "Two unit vectors have the cosine 0.5. How far are their ends apart?",
                distance_from_a_cosine,
                "The root of 2 - 2·0.5: {answer}.",
            ),
        ),
        Item(
            83,
            "A Siamese network",
            "The same network, with the same weights, looks at both photos; compared is what it gives. That is "
            "why swapping the photos changes nothing, and why one vector per person can be kept. It can begin "
            "from the face embedder or from random weights, on faces or on pictures of any kind.",
            (
                Command(
                    "kerasface train metric DATA --name NAME --loss binary --backbone simple_cnn --weights none",
                    "from scratch",
                ),
                Command(
                    "kerasface train metric DATA --name NAME --recipe configs/siamese-digits.toml",
                    "on digits, in a minute",
                ),
                page("verify", "One at work"),
            ),
            Choice(
                "How many sets of weights has a Siamese network with two branches?",
                ("One", "Two", "Four"),
                0,
                "The branches are one network, used twice.",
            ),
        ),
        Item(
            84,
            "The triplet loss",
            "Anchor, another photo of the same person, one of somebody else: [d(a,p) + margin - d(a,n)]+. Nothing is "
            "learned from a triplet that is right by more than the margin, so hard ones have to be found.",
            (
                page("playground", "Pulled and pushed in two dimensions", topic="triplets"),
                Command("kerasface train metric DATA --name NAME --loss triplet", "trains with it"),
                Command("kerasface train metric --settings", "which triplets are mined, margin, and more"),
            ),
            Number(
                "d(a,p) = 0.6, d(a,n) = 0.7, margin 0.2. What is the loss?",
                loss_of_a_triplet,
                "0.6 + 0.2 - 0.7 = {answer}.",
                ((0, "Right, but not by the margin."), (0.3, "The distance to the other one is subtracted.")),
            ),
        ),
        Item(
            85,
            "Several photos of each person",
            "An anchor needs a partner: whoever has one photo only cannot be in a triplet as the same person. "
            "The training names who is left out for that reason.",
            (Command("kerasface train metric DATA --name NAME", "says who has too few photos"),),
            Number(
                "Four photos of somebody. How many pairs of the same person are there?",
                pairs_of_a_person,
                "4·3/2 = {answer}.",
                ((12, "Each pair would count twice."),),
            ),
        ),
        Item(
            86,
            "y = sigmoid(d)",
            "Verification as a classification into two classes: the distance of the embeddings, weighed and shifted, "
            "goes through a sigmoid, and cross-entropy does the rest.",
            (
                page("playground", "Distances before and after learning", topic="triplets"),
                Command("kerasface train metric DATA --name NAME --loss binary", "learns w and b, too"),
            ),
            Number(
                "w = -4, b = 3, d = 0.5. How probable does it say that it is the same person?",
                probability_of_a_pair,
                "The sigmoid of -2 + 3 = 1 is {answer}.",
                ((1, "That is what goes into the sigmoid."),),
            ),
        ),
    ),
)
