"""Chapter: a homework on thousands of identities, from folders to a submission."""

import math

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.cost.calculators import conv_parameters, dense_parameters


def loss_of_guessing():
    return math.log(7000)


def held_out():
    return 10 * 50 * 0.2


def steps_of_an_epoch():
    return math.ceil(1000 / 32)


def half_of_the_cosine():
    return 0.5 * (1 + math.cos(math.pi * 0.5))


def head_of_many_people():
    return dense_parameters((512, 7000), bias=False)


def first_convolution():
    return conv_parameters(3, in_channels=3, filters=32, bias=False)


HOMEWORK = Chapter(
    "A",
    "A homework on thousands of identities",
    (
        Item(
            18,
            "7,000 identities at 224 pixels",
            "The homework has a balanced part of VGGFace2. With 7,000 classes the last layer alone has millions "
            "of weights, and a network that guesses has a loss of ln 7000. `configs/many-people.toml` is a recipe "
            "for that size, at 112 pixels; `--image-size 224` takes the lecture's, and docs/homework.md does the "
            "homework from the data as they are handed out.",
            (
                page("train", "The balance of your classes, before time is spent"),
                Command("kerasface train classify DATA --name NAME --recipe configs/many-people.toml", "many people"),
            ),
            Number(
                "What is the cross-entropy of a network that guesses among 7,000, in nats?",
                loss_of_guessing,
                "ln 7000 = {answer}. A loss above it means: worse than guessing.",
                ((math.log10(7000), "That is the decimal logarithm; the loss takes the natural one."),),
            ),
            slip='The slide says "7000 unique images"; it means 7,000 identities.',
        ),
        Item(
            19,
            "Labels from folders",
            "A folder per class, named as the class: there is no list that could contradict the photos. Files that are "
            "no picture are named and left out, and the rest of the folder is used.",
            (
                page("train", "Give it a folder or an archive"),
                Command("kerasface sample digits FOLDER", "writes such a folder to try"),
            ),
            Choice(
                "Two folders, `ada` and `Ada`. How many classes are there?",
                ("Two: names are taken as they are", "One", "It is refused"),
                0,
                "The name of the folder is the name of the class, letter by letter.",
            ),
        ),
        Item(
            20,
            "A validation folder of its own",
            "Data often come split, `train/` and `dev/`, so that everybody's figures can be compared. Then nothing is "
            "held out at random; the given part judges. Without one, a share of each class is held out.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --validation DIR", "judges on a split that was given"
                ),
                Command("kerasface train segment DATA --name NAME --validation DIR", "the same of masks"),
                Command("kerasface train classify DATA --name NAME --holdout 0.2", "holds out a share of each class"),
            ),
            Number(
                "Ten people with 50 photos each, a fifth held out. How many photos judge?",
                held_out,
                "10·50·0.2 = {answer}.",
            ),
        ),
        Item(
            21,
            "Augmentation belongs to the data",
            "Each time a picture is drawn it is turned, moved, lit and cut a little differently, so no epoch repeats "
            "another. The changes must keep the label: a mirrored face is the same person, a mirrored digit is none.",
            (
                page("train", "Look at the augmented pictures first"),
                Command("kerasface train classify DATA --name NAME --augment strong --preview FILE", "a sheet of them"),
            ),
            Choice(
                "Which change is wrong for handwritten digits?",
                ("Mirroring", "A turn by 5 degrees", "A little more contrast"),
                0,
                "A mirrored 3 is no digit, and a mirrored 2 looks like a 5. configs/digits.toml has `flip = false`.",
            ),
        ),
        Item(
            22,
            "Loss, optimizer, schedule",
            "Cross-entropy says how surprised the network is by the truth; AdamW or SGD with momentum moves the "
            "weights against its gradient; the schedule lowers the rate, along a cosine for instance, because steps "
            "that are right at first are too long at the end.",
            (
                page("playground", "Change rate and optimizer while it learns", topic="live-training"),
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --optimizer sgd "
                    "--schedule plateau",
                    "other choices",
                ),
            ),
            Number(
                "The cosine schedule is half-way. Which share of the highest rate is left?",
                half_of_the_cosine,
                "(1 + cos 90 degrees) / 2 = {answer}.",
            ),
            also="B",
        ),
        Item(
            23,
            "A configuration instead of constants",
            "Epochs, batch size, rate: a recipe in TOML holds them all, every field is also a flag, and the recipe is "
            "kept with the run. So a figure can be traced to the settings that made it.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --backbone simple_cnn --sweep norm=batch,layer",
                    "a training for each value, and a table",
                ),
                page("train", "Settings, as a recipe"),
                Command("kerasface train classify --settings", "every field with its default"),
            ),
            Number(
                "1,000 photos in batches of 32. How many steps has an epoch, the last batch included?",
                steps_of_an_epoch,
                "1000 / 32 = 31.25, so {answer} steps, the last one on 8 photos.",
                ((31, "The photos that are left over make a step, too."), (31.25, "Steps are whole: round up.")),
            ),
        ),
        Item(
            24,
            "Look before you train",
            "Most failed trainings fail in the data: black pictures, wrong labels, faces cut off. A sheet of what the "
            "network will really see costs seconds.",
            (
                page("train", "Check the pictures"),
                Command("kerasface train classify DATA --name NAME --preview FILE", "a sheet, and no training"),
            ),
            Choice(
                "The loss stays at ln K from the first step on. What do you do first?",
                ("Look at the pictures and their labels", "Train longer", "Take a deeper network"),
                0,
                "ln K is guessing. Nothing is learned, which mostly lies in data or rate, not in depth.",
            ),
        ),
        Item(
            25,
            "A very simple network: four convolutions",
            "`simple_cnn` has four 3x3 convolutions with 32, 64, 64 and 128 filters, each halving the map, and a dense "
            "layer on the mean of the last one. It trains in minutes and is what every larger one has to beat.",
            (
                page("architectures", "All of its layers", architecture="simple_cnn"),
                Command("kerasface train classify DATA --name NAME --backbone simple_cnn", "trains it"),
            ),
            Number(
                "How many weights has its first convolution, 3x3 on RGB with 32 filters, without biases?",
                first_convolution,
                "9·3·32 = {answer}.",
                ((288, "A colour picture has three channels."), (896, "That is with biases.")),
            ),
        ),
        Item(
            26,
            "ConvNeXt",
            "A residual network brought up to date: large depthwise kernels of 7x7, layer norm, GELU, few "
            "activations, an inverted bottleneck. `convnext` is a small one of our own, to read and to train from "
            "scratch; Keras brings five sizes, of which the smallest has 28 million weights.",
            (
                page("architectures", "A small ConvNeXt of our own, to read", architecture="convnext"),
                Command("kerasface train classify DATA --name NAME --backbone convnext", "trains it"),
                page("architectures", "ConvNeXtTiny, layer by layer", architecture="ConvNeXtTiny"),
            ),
            Choice(
                "Which kind of convolution are its 7x7 kernels?",
                ("Depthwise: one kernel per channel", "Normal: over all channels", "Transposed"),
                0,
                "A normal 7x7 over 96 channels would have 96 times as many weights.",
            ),
        ),
        Item(
            27,
            "A submission",
            "A competition takes a table: a row per test picture, its name and the predicted class. `predict "
            "--csv` writes it, also for pictures that cannot be judged. The true classes are with the organisers, "
            "which makes it a fair test, as long as nobody tries a hundred times.",
            (
                Command(
                    "kerasface predict FOLDER --model NAME --top 1 --csv submission.csv",
                    "a row for each picture: id and label",
                ),
            ),
            Choice(
                "Why is the best of a hundred submissions better than the model deserves?",
                ("One of them is best by luck", "Later ones are trained longer", "It is not"),
                0,
                "Choosing by the test set is fitting to it. The private part of the board shows it.",
            ),
        ),
        Item(
            28,
            "Face unlock",
            "A door that opens for one face: verification with a claimed identity, plus the question whether there is "
            "a living face at all. Turn your head as asked, and a held-up photo is found out; a screen with a film may "
            "still pass, so this is convenience and no security.",
            (
                page("unlock", "Unlock a note with your face"),
                page("unlock", "What it is worth", view="trust"),
                Command("kerasface unlock --user NAME", "exit code 0, 1 or 2"),
            ),
            Choice(
                "Which error is worse for a lock?",
                ("A stranger is let in", "The owner has to try again", "Both alike"),
                0,
                "So the rate of false matches is chosen first, and the other one follows.",
            ),
        ),
        Item(
            29,
            "Reading digits",
            "1,797 handwritten digits come along, and a model that reads them: of the fifth held out it reads 99 % "
            "right. The same code, without looking for faces.",
            (
                page("recognise", "Give it a digit"),
                page("playground", "Watch a smaller one learn", topic="live-training"),
                Command("kerasface predict IMAGE --model digits", "reads a picture of one"),
            ),
            Number(
                "How many weights has the last layer of a network with 512 features and 7,000 people, without biases?",
                head_of_many_people,
                "512·7000 = {answer}. For ten digits it would be 5,120.",
            ),
        ),
    ),
)
