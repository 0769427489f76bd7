"""Chapter: a class for every pixel."""

import numpy as np

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.teaching.worked.transposed import transpose_convolve


def iou_of_two_squares():
    true, predicted = np.zeros((8, 8), bool), np.zeros((8, 8), bool)
    true[:4, :4] = predicted[:4, 2:6] = True
    return (true & predicted).sum() / (true | predicted).sum()


def outputs_of_a_picture():
    return 256 * 256 * 6


def side_of_a_transposed_one():
    return len(transpose_convolve(np.ones((2, 2)), np.ones((3, 3)), stride=2).output)


def third_row_second_cell():
    picture, kernel = [[3, 0], [1, 5]], [[2, 7, 4], [3, 1, 7], [4, 2, 1]]
    return transpose_convolve(picture, kernel).output[2, 1]


def halvings():
    return 256 / 2**4


def placed():
    picture = np.zeros((4, 4))
    picture[1, 2] = 7  # where the maximum came from
    return (picture != 0).sum()


SEGMENTATION = Chapter(
    "C",
    "A class for every pixel",
    (
        Item(
            72,
            "Semantic segmentation",
            "The answer is as large as the picture: for each pixel a share per class, and the largest wins. Two people "
            "next to each other are one region; telling them apart would be instance segmentation.",
            (
                page("segment", "Hair, skin, eyes, nose and mouth of a face"),
                Command("kerasface segment IMAGE --out DIR", "mask, overlay and areas"),
                Command("kerasface train segment DATA --name NAME", "a model of your own"),
            ),
            Number(
                "How many shares does a network with six classes give for a picture of 256 x 256?",
                outputs_of_a_picture,
                "256·256·6 = {answer}.",
                ((65536, "Each pixel has a share per class."),),
            ),
        ),
        Item(
            73,
            "Person, bag, plants, path, building",
            "The lecture's picture has five classes besides the background. `kerasface sample scenes` draws such "
            "pictures with exact masks, and configs/scenes.toml learns them. `classes.txt` next to the folders "
            "names the classes in the order of their numbers, with a colour if wanted; masks hold numbers or "
            "these colours.",
            (
                Command("kerasface sample scenes FOLDER", "draws such pictures, with exact masks"),
                Command(
                    "kerasface train segment DATA --name NAME --recipe configs/scenes.toml", "learns them in minutes"
                ),
                Command("kerasface segment IMAGE --out DIR --model NAME --whole", "segments whole pictures with it"),
            ),
            Number(
                "Two squares of 4 x 4 pixels, one true, one predicted, half of each over the other. What is their IoU?",
                iou_of_two_squares,
                "8 pixels in common, 24 in all: {answer}.",
                ((0.5, "Divide by the pixels that are in either of them, not by those of one."),),
            ),
        ),
        Item(
            74,
            "Medical pictures",
            "The U-Net was made for cells under the microscope (Ronneberger et al. 2015): few pictures, exact "
            "borders, strong augmentation. `kerasface sample cells` draws stained and grey ones with their "
            "nuclei, and configs/cells.toml learns them. Grey pictures, such as X-rays, are read as they are.",
            (
                Command("kerasface sample cells FOLDER", "draws cells with their nuclei"),
                Command("kerasface train segment DATA --name NAME --recipe configs/cells.toml", "learns them"),
                page("segment", "Look at the answer of any model, as a whole picture"),
            ),
            Choice(
                "3 % of the pixels are tumour. A model that says 'healthy' everywhere: which figure unmasks it?",
                ("The IoU of the tumour", "Pixel accuracy", "The loss in the first epoch"),
                0,
                "Its pixel accuracy is 97 %, its IoU of the tumour 0.",
            ),
        ),
        Item(
            75,
            "Transposed convolution, in numbers",
            "Each input pixel stamps the whole kernel, times its value, onto the output, and where stamps overlap they "
            "are added. 2 x 2 with a kernel of 3 x 3 becomes 4 x 4: what convolution does to sizes, backwards.",
            (
                page("playground", "Stamp by stamp, with the lecture's matrices", topic="transposed-convolution"),
                page("architectures", "Where the U-Net uses it", architecture="U-Net on plain"),
                Command("kerasface inspect layers --model face-parts", "sizes with their formula"),
            ),
            Number(
                "The lecture's picture is 3 0 / 1 5, its kernel 2 7 4 / 3 1 7 / 4 2 1. What stands in row 3, column 2?",
                third_row_second_cell,
                "Four stamps meet there: 3·2 + 0·4 + 1·1 + 5·3 = {answer}.",
                ((23, "So says the slide: add the products once more."),),
            ),
            slip=(
                "Three cells of the slide's 4 x 4 result are wrong: row 3 is 15 22 15 35 and row 4 is 4 22 11 5; the "
                "slide has 23, 24 and 12 in three of these cells."
            ),
        ),
        Item(
            76,
            "Stride, overlaps, padding",
            "With stride 2 the stamps lie two pixels apart: the map doubles. Where a kernel of 3 overlaps in some "
            "places and not in others, a chequered pattern comes; a kernel of 2 at stride 2 has no overlaps, which is "
            "why the U-Net here uses it. Padding takes pixels *away* from the border.",
            (
                page("playground", "Stride, overlaps and padding", topic="transposed-convolution"),
                page("architectures", "The decoder's layers", architecture="U-Net on plain"),
                Command("kerasface train segment DATA --name NAME --decoder transposed", "this decoder"),
            ),
            Number(
                "2 pixels, kernel 3, stride 2, no padding. How long is the side that comes out?",
                side_of_a_transposed_one,
                "(2 - 1)·2 + 3 = {answer}.",
                ((4, "That is with stride 1; the stamps now lie two apart."),),
            ),
        ),
        Item(
            77,
            "Unpooling: copy or place",
            "To double a map without weights, copy each value into four cells, or place it where the maximum came "
            "from and leave the rest 0; the second needs the places remembered by the pooling. The U-Net grows "
            "its maps in either way (`--decoder copied`, `placed`, `unpooled`), bilinearly, or by a transposed "
            "convolution.",
            (
                Command(
                    "kerasface train segment DATA --name NAME --decoder unpooled",
                    "places by index, as a U-Net's decoder",
                ),
                Command("kerasface train segment DATA --name NAME --decoder copied", "copies"),
                page("playground", "Copy, or place by index", topic="unpooling"),
            ),
            Number(
                "One value is unpooled by its index into a window. How many cells are not 0 then?",
                placed,
                "{answer}: the place where the maximum was.",
                ((4, "That is copying."),),
            ),
        ),
        Item(
            78,
            "U-Net: skips bring back where",
            "Halving tells *what* and forgets *where*; doubling alone gives soft borders. So the encoder's map is laid "
            "next to the decoder's at each size. The shipped model reaches a mean IoU of 0.88 on faces of people it "
            "has not seen. Of drawn scenes a U-Net learns 0.89, and without its skips 0.50: it knows that somebody is "
            "there, and not where the arms are. With one of its four skips off it still has 0.87 to 0.89, as its "
            "neighbors carry nearly the same; the one at a quarter of the size matters most, and most for thin things: "
            "people fall from 0.83 to 0.79.",
            (
                Command(
                    "kerasface train segment DATA --name NAME --recipe configs/scenes.toml --skips none",
                    "without any of its skips; 2,8,16 switches one off",
                ),
                page("architectures", "A U-Net, layer by layer", architecture="U-Net on face_resnet"),
                page("segment", "Its answer on a photo"),
                Command("kerasface train segment DATA --name NAME --recipe configs/face-parts.toml", "its recipe"),
            ),
            Number(
                "256 pixels, halved four times. How long is the side at the bottom of the U?",
                halvings,
                "256/16 = {answer}.",
            ),
        ),
    ),
)
