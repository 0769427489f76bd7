"""The settings of a metric training: one flat record, from a TOML file, from flags, or both.

Light to import, because the command line makes a flag of every field.
"""

import math
from dataclasses import dataclass, replace

from kerasface.train.recipe import WEIGHTS_HELP, ClassifyRecipe, check_fields, check_weights, named_card, setting

CHOICES = {
    "loss": ("triplet", "contrastive", "binary", "arcface", "cosface", "supcon"),
    "mining": ("all", "semi-hard", "batch-hard"),
    "negatives": ("anchor", "batch"),
    "augment": ("none", "light", "standard", "strong"),
    "precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
}
# For embeddings whose stretch is measured, distances are 5 ** 0.5 times smaller, and differences of cosines 5 times.
_SHRUNK = 5.0
# What differs between a head on a frozen backbone and a network of random weights, of which everything is trained.
_BY_WEIGHTS = {
    "stretch": (True, False),
    "people": (128, 32),
    "images": (2, 4),
    "singles": (512, 32),
    "head_epochs": (15, 0),
    "epochs": (0, 100),
    "learning_rate": (1e-5, 1e-3),
    "weight_decay": (0.0, 0.01),
    "augment": ("light", "standard"),
}
# Of the distance (triplet, contrastive), of the angle in radians (arcface) and of the cosine (cosface).
_MARGINS = {"triplet": 0.2, "contrastive": 0.45, "arcface": 0.2, "cosface": 0.1}
_SCALED = ("arcface", "cosface")
_MAX_TRIPLETS = 256**3  # of one batch: 64 MiB for each of a few arrays


@dataclass(frozen=True)
class MetricRecipe:
    """The settings of a training; `None` is resolved by `resolve_metric`. Each field is a TOML key and a flag."""

    loss: str = setting("supcon", "triplet, contrastive, binary, arcface, cosface or supcon.")
    faces: bool = setting(True, "Find and align the face in each photo; otherwise whole images are taken.")
    image_size: int | None = setting(
        None, "Side of the training images in pixels. [150 for face_resnet, else 112; 64 with weights=none]"
    )
    validation: str | None = setting(
        None, "Folder of other people, or listing, to judge on, instead of holding some out.", is_path=True
    )
    holdout: float = setting(0.5, "Share of the people held out, to judge the embeddings on.")
    backbone: str = setting(
        "face_resnet", "face_resnet, an architecture of the zoo, a name of keras.applications, or a model of yours."
    )
    weights: str = setting("pretrained", WEIGHTS_HELP.replace(" where there are any", ""), is_path=True)
    dim: int = setting(128, "Length of the embeddings of a network from random weights.")
    mirror: bool | None = setting(
        None,
        "Average over image and mirror image, in training and use: twice the work. [yes for face_resnet]",
    )
    stretch: bool | None = setting(
        None,
        "Begin with distances stretched where faces crowd, measured on the training people. [yes; no from scratch]",
    )
    mining: str | None = setting(None, "Triplets of a batch: all, semi-hard or batch-hard. [batch-hard]")
    margin: float | None = setting(None, "Margin of triplet, contrastive, arcface or cosface. [by loss and stretch]")
    scale: float | None = setting(None, "Scale of the cosines of arcface and cosface. [64, 320 with stretch]")
    temperature: float | None = setting(None, "Temperature of supcon. [1/64, 1/320 with stretch]")
    negatives: str | None = setting(None, "What a genuine pair of supcon competes with: anchor or batch. [batch]")
    people: int | None = setting(None, "People per batch; fewer where there are fewer. [128; 32 from scratch]")
    images: int | None = setting(None, "Images of each of them per batch. [2; 4 from scratch]")
    singles: int | None = setting(
        None, "Images of people with one image per batch, as far as there are any. [512; 32 from scratch]"
    )
    batch_people: int = setting(16, "People per batch through the network; its singles are fewer in proportion.")
    pull: float = setting(0.1, "Weight of the squared residual weights, which holds the head near its beginning.")
    head_epochs: int | None = setting(
        None, "Epochs on the frozen backbone's features, which are computed once. [15; 0 from scratch]"
    )
    copies: int = setting(0, "Augmented copies of each image whose features are computed as well.")
    epochs: int | None = setting(None, "Epochs through the network, after those on the features. [0; 100 from scratch]")
    unfreeze: int | None = setting(None, "Blocks trained in fine-tuning, from the end. [by the number of images]")
    layer_decay: float = setting(0.75, "Factor on the learning rate from each block to the one before it.")
    augment: str | None = setting(None, "Augmentation: none, light, standard or strong. [light; standard from scratch]")
    flip: bool = setting(True, "Mirror half of the images when augmenting.")
    head_learning_rate: float = setting(3e-4, "Highest learning rate on the features.")
    learning_rate: float | None = setting(
        None, "Highest learning rate through the network. [0.00001; 0.001 from scratch]"
    )
    weight_decay: float | None = setting(None, "Decoupled weight decay. [0; 0.01 from scratch]")
    early_stopping: int = setting(0, "Epochs without a better validation loss after which a stage ends; 0 for never.")
    precision: str = setting("auto", "auto, float32, mixed_bfloat16 or mixed_float16.")
    checkpoint_seconds: float = setting(60.0, "Seconds between two checkpoints.")
    tensorboard: bool = setting(False, "Write an event file for TensorBoard into the model's folder.")
    seed: int = setting(0, "Seed of split, order and augmentation.")

    @property
    def from_scratch(self) -> bool:
        """Whether the network begins with random weights, and everything is trained."""
        return self.weights == "none"

    @property
    def strategy(self) -> str:
        """One device: a loss over pairs needs the whole batch in one place."""
        return "one"

    @property
    def head(self) -> str:
        """How a feature map becomes a vector: each channel's mean."""
        return "gap"

    @property
    def batch_size(self) -> int:
        """Images per batch, at most."""
        return self.people * self.images + self.singles

    def for_images(self) -> "MetricRecipe":
        """Returns the recipe with the smaller batches of the epochs through the network."""
        return replace(self, people=self.batch_people, singles=self.singles * self.batch_people // self.people)

    def for_reading(self) -> ClassifyRecipe:
        """Returns the settings with which `prepare` reads the images."""
        return ClassifyRecipe(faces=self.faces, image_size=self.image_size, min_images=2, seed=self.seed)


def resolve_metric(recipe: MetricRecipe) -> MetricRecipe:
    """Fills in what was left to us, after checking that the fields are in range and do not contradict each other.

    `unfreeze` alone stays `None` where it was: its default depends on the data.

    Raises:
        ValueError: If a field is out of range or contradicts another.
    """
    left = {name: values for name, values in _BY_WEIGHTS.items() if getattr(recipe, name) is None}
    recipe = replace(recipe, **{name: values[recipe.from_scratch] for name, values in left.items()})
    _check_ranges(recipe)
    _check_contradictions(recipe)
    shrunk = _SHRUNK if recipe.stretch else 1.0
    margin, loss_is_supcon = _MARGINS.get(recipe.loss), recipe.loss == "supcon"
    if margin is not None:
        margin /= shrunk if recipe.loss == "cosface" else math.sqrt(shrunk)
    resnet, scratch = recipe.backbone == "face_resnet", recipe.from_scratch
    return replace(
        recipe,
        image_size=recipe.image_size or (150 if resnet else 64 if scratch else side_of(recipe.backbone) or 112),
        mirror=recipe.mirror if recipe.mirror is not None else resnet and not scratch,
        mining=recipe.mining or ("batch-hard" if recipe.loss == "triplet" else None),
        negatives=recipe.negatives or ("batch" if recipe.loss == "supcon" else None),
        margin=recipe.margin if recipe.margin is not None else margin,
        scale=recipe.scale or ((32.0 if scratch else 64.0 * shrunk) if recipe.loss in _SCALED else None),
        temperature=recipe.temperature or ((0.1 if scratch else 1 / (64.0 * shrunk)) if loss_is_supcon else None),
    )


def side_of(backbone: str) -> int | None:
    """Returns the side of the pictures of a run that a recipe names as its backbone; `None` where it is none."""
    card = named_card(backbone)
    return card and card.input.side()


def _check_ranges(recipe: MetricRecipe) -> None:
    rules = {
        "image_size": recipe.image_size is None or 16 <= recipe.image_size <= 1024,
        "holdout": 0 < recipe.holdout < 1,
        "margin": recipe.margin is None or 0 < recipe.margin <= 2,
        "scale": recipe.scale is None or recipe.scale > 0,
        "temperature": recipe.temperature is None or recipe.temperature > 0,
        "people": recipe.people >= 2,
        "images": recipe.images >= 2,
        "batch_people": recipe.batch_people >= 2,
        "singles": recipe.singles >= 0,
        "pull": recipe.pull >= 0,
        "dim": 2 <= recipe.dim <= 4096,
        "head_epochs": recipe.head_epochs >= 0,
        "epochs": recipe.epochs >= 0,
        "copies": recipe.copies >= 0,
        "unfreeze": recipe.unfreeze is None or recipe.unfreeze >= 1,
        "layer_decay": 0 < recipe.layer_decay <= 1,
        "head_learning_rate": recipe.head_learning_rate > 0,
        "learning_rate": recipe.learning_rate > 0,
        "weight_decay": recipe.weight_decay >= 0,
        "early_stopping": recipe.early_stopping >= 0,
        "checkpoint_seconds": recipe.checkpoint_seconds >= 0,
        "seed": 0 <= recipe.seed < 2**32,
    }
    check_fields(recipe, CHOICES, rules, open_choices=("mining", "negatives"))
    check_weights(recipe.weights)


def _check_contradictions(recipe: MetricRecipe) -> None:
    """Refuses settings that would be ignored, or that cannot hold together."""
    loss, resnet = recipe.loss, recipe.backbone == "face_resnet"
    contradictions = {
        "validation is a split that was given: holdout draws one": recipe.validation is not None
        and recipe.holdout != 0.5,
        f"face_resnet takes images of 150 pixels, not image_size={recipe.image_size}": (
            resnet and recipe.image_size not in (None, 150)
        ),
        f"only face_resnet averages over mirror images, not {recipe.backbone}": bool(recipe.mirror) and not resnet,
        "mining needs loss=triplet": recipe.mining is not None and loss != "triplet",
        "negatives and temperature need loss=supcon": (
            (recipe.negatives is not None or recipe.temperature is not None) and loss != "supcon"
        ),
        "scale needs loss=arcface or cosface": recipe.scale is not None and loss not in ("arcface", "cosface"),
        f"{loss} has no margin": recipe.margin is not None and loss not in _MARGINS,
        f"mining={recipe.mining} compares three images each: a batch of {recipe.batch_size} is too large, take less "
        "of people, images and singles, to 256 together": (
            recipe.mining in ("all", "semi-hard") and recipe.batch_size**3 > _MAX_TRIPLETS
        ),
        "with weights=none there is nothing frozen: head_epochs, stretch, unfreeze and copies belong to pretrained "
        "weights": recipe.from_scratch
        and bool(recipe.head_epochs or recipe.stretch or recipe.unfreeze or recipe.copies),
        "weights=none needs epochs of at least 1": recipe.from_scratch and recipe.epochs == 0,
        "head_epochs=0, epochs=0 and no stretch leave nothing to do": (
            recipe.head_epochs == 0 and recipe.epochs == 0 and not recipe.stretch
        ),
        "unfreeze needs epochs of at least 1": recipe.unfreeze is not None and recipe.epochs == 0,
        "copies are augmented: with augment=none they would all be equal": (
            recipe.copies > 0 and recipe.augment == "none"
        ),
    }
    for sentence, holds in contradictions.items():
        if holds:
            raise ValueError(f"The recipe contradicts itself: {sentence}.")
