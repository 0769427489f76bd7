"""Chapter: ImageNet, its networks and its errors, and what their features are good for."""

import numpy as np

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page


def mean_error_fell_by():
    of_2011, of_2012 = 0.258, 0.164  # top-5 errors of the winners
    return 1 - of_2012 / of_2011


def top_5_of_guessing():
    return 5 / 1000


def nearest_by_cosine():
    probe, gallery = np.array([1.0, 0.0]), np.array([[0.6, 0.8], [0.8, 0.6], [-1.0, 0.0]])
    return (gallery @ probe).argmax() + 1


def steps_of_ten_epochs():
    return 10 * 50_000 / 100


IMAGENET = Chapter(
    "B",
    "ImageNet, and what came of it",
    (
        Item(
            50,
            "A family of networks",
            "VGG stacked 3x3 kernels, GoogLeNet put branches next to each other, ResNet added what came in to what "
            "goes out. Each idea is in the later ones: today's networks have all three.",
            (
                page("architectures", "The family and its years", part="History"),
                page("architectures", "The idea, year and paper of each", architecture="inception"),
                page("architectures", "All of them side by side", part="Compare"),
                Command("kerasface inspect cost VGG16 ResNet50 inception", "weights, work and time here"),
            ),
            Choice(
                "Two 3x3 kernels in a row see as far as one 5x5. What do they save?",
                ("Weights: 18 instead of 25 per pair of channels", "Nothing", "Memory for the maps"),
                0,
                "2·9 = 18 against 25, and there is an activation between them.",
            ),
        ),
        Item(
            51,
            "ILSVRC, year by year",
            "The winners' top-5 error: 28.2 % (2010), 25.8 % (2011), 16.4 % (AlexNet, 2012), 11.7 % (2013), 6.7 % "
            "(GoogLeNet, 2014), 3.6 % (ResNet, 2015), 3.0 % (2016), 2.3 % (SENet, 2017) (Russakovsky et al. 2015, and "
            "the results pages of the challenge). A person who practised reached about 5 %.",
            (
                page("architectures", "The chart, and the networks behind it", part="History"),
                page("architectures", "ResNet, layer by layer", architecture="resnet34"),
            ),
            Number(
                "By which share did the error fall from 2011 (25.8 %) to AlexNet (16.4 %)?",
                mean_error_fell_by,
                "1 - 16.4/25.8 = {answer}, more than a third.",
                ((0.094, "That is the difference in points; the share is of 25.8."),),
            ),
        ),
        Item(
            52,
            "Top-5 error",
            "An answer counts as right if the true class is among the five most probable. Photos of ImageNet often "
            "show several things, and only one of them is the label.",
            (
                page("evaluate", "Top-1 and top-5 of a model of yours", question="Names"),
                Command("kerasface evaluate classification --images DIR --model NAME", "both, with intervals"),
            ),
            Number(
                "1,000 classes, five guesses without looking. How often is the true one among them?",
                top_5_of_guessing,
                "5/1000 = {answer}, half a per cent.",
            ),
        ),
        Item(
            53,
            "Training in the page",
            "ConvNetJS trained a network in the browser; here the one that trains is Keras on this machine, in the "
            "same steps that a real training makes. Filters that begin as noise become edges, and the answers to "
            "pictures held out say whether it learns or memorises.",
            (page("playground", "Train a network here and now", topic="live-training"),),
            Choice(
                "The loss on the training pictures falls, that on the pictures held out rises. What does that mean?",
                ("The network memorises", "The rate is too small", "It should be larger"),
                0,
                "It fits the training pictures ever better and others ever worse: stop, augment, or take more data.",
            ),
        ),
        Item(
            54,
            "Train on colour pictures",
            "CIFAR-10 has 50,000 small pictures of ten classes, and is the usual first exercise. It does not come "
            "along, as nothing is downloaded; crops of photos in color do, to be trained on in the page, and any "
            "folder with a folder per class, or a table of files and labels, trains with one line, here or on a "
            "rented GPU.",
            (
                page("playground", "Crops of photos in color: train on them here", topic="live-training"),
                Command(
                    "kerasface train classify DATA --name NAME --no-faces --image-size 32 --backbone simple_cnn",
                    "one line",
                ),
                page("train", "The same in the dashboard"),
            ),
            Number(
                "50,000 pictures in batches of 100. How many steps have ten epochs?",
                steps_of_ten_epochs,
                "10·500 = {answer}.",
                ((500, "That is one epoch."),),
            ),
        ),
        Item(
            55,
            "Retrieval",
            "Whoever has embeddings can search: the nearest vectors to a photo's are the pictures most like it. "
            "`cluster` groups a folder of unknown faces that way, `identify` finds whose they are.",
            (
                page("gallery", "Sort the faces of a folder by person", view="unknown"),
                page("inspect", "Neighbours on a map", view="map"),
                Command("kerasface cluster DIR", "groups of the same person"),
            ),
            Number(
                "The photo's vector is (1, 0); the gallery has (0.6, 0.8), (0.8, 0.6) and (-1, 0). "
                "Which one is nearest by cosine: 1, 2 or 3?",
                nearest_by_cosine,
                "The cosines are 0.6, 0.8 and -1: number {answer}.",
            ),
        ),
    ),
)
