"""The settings of a segmentation training: one flat record, from a TOML file, from flags, or both.

Light to import, because the command line makes a flag of every field.
"""

import re
from dataclasses import dataclass, replace

from kerasface.train.recipe import WEIGHTS_HELP, check_fields, check_groups, check_weights, setting

# The losses by name, as classes of `kerasface.losses.pixels`; each can be taken with Dice added.
LOSSES = {
    "cross-entropy": "PixelCrossEntropy",
    "dice": "DiceLoss",
    "focal": "FocalLoss",
}
CHOICES = {
    "decoder": ("transposed", "upsampled", "copied", "placed", "unpooled"),
    "loss": (*LOSSES, *(f"{name}+dice" for name in LOSSES if name != "dice")),
    "augment": ("none", "light", "standard", "strong"),
    "optimizer": ("adamw", "sgd"),
    "schedule": ("constant", "cosine", "one_cycle", "plateau"),
    "precision": ("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "strategy": ("auto", "one", "mirrored"),
}


@dataclass(frozen=True)
class SegmentRecipe:
    """The settings of a training; `None` is resolved by `resolve_segment`. Each field is a TOML key and a flag."""

    classes: str | None = setting(
        None, "Names of the classes in the order of their ids, with commas between. [those of classes.txt]"
    )
    validation: str | None = setting(
        None, "Folder to judge on, with images and masks, instead of holding some out.", is_path=True
    )
    holdout: float = setting(0.2, "Share of the pictures held out for validation.")
    groups: str | None = setting(
        None, "Pattern of file names whose first group names a person: whole persons are held out. [none]"
    )
    balance: float = setting(
        0.5, "With groups: 0, each picture is as frequent as another; 1, each person is as frequent as another."
    )
    encoder: str = setting(
        "face_resnet",
        "face_resnet, plain, an architecture of the zoo or of keras.applications; or a model of yours, to go on from "
        "it.",
    )
    weights: str | None = setting(None, WEIGHTS_HELP, is_path=True)
    decoder: str = setting("transposed", "How maps grow: transposed, upsampled, copied, placed or unpooled.")
    deeper: int | None = setting(
        None, "Halvings below the encoder, from scratch: to see farther around. [1 for face_resnet, else 0]"
    )
    skips: str = setting(
        "all", "Where the decoder takes in the encoder's maps: all, none, or pixels per row, such as 4,8."
    )
    mirror: bool | None = setting(
        None, "Average over picture and mirror image in use: twice the work. [yes for face_resnet and plain]"
    )
    image_size: int = setting(256, "Longer side in pixels of the pictures that the model is used on.")
    training_size: int | None = setting(
        None, "Side of the training pictures; smaller ones train faster. [seven eighths]"
    )
    context: float = setting(2.2, "Side of what is cut out around a face, in heights of its box.")
    copies: int = setting(8, "Differently augmented copies of each picture in an epoch, in the mean.")
    augment: str = setting("strong", "Augmentation: none, light, standard or strong.")
    backgrounds: str | None = setting(
        None, "Folder of pictures to put behind what is labelled. [a few come along]", is_path=True
    )
    flip: bool = setting(True, "Mirror half of the pictures when augmenting.")
    loss: str = setting("cross-entropy+dice", f"{', '.join(LOSSES)}, or the sum of one with dice.")
    class_weights: float = setting(0.25, "How much rare classes weigh more in cross-entropy: 0 no more, 1 balanced.")
    head_epochs: int = setting(1, "Epochs of the decoder alone, on the frozen encoder.")
    epochs: int = setting(13, "Epochs of the decoder and the encoder's last blocks.")
    unfreeze: int | None = setting(None, "Blocks of the encoder trained, from the end. [two thirds]")
    layer_decay: float = setting(0.9, "Factor on the learning rate from each block to the one before it.")
    optimizer: str = setting("adamw", "adamw, or sgd with momentum 0.9.")
    learning_rate: float = setting(3e-3, "Highest learning rate of the decoder.")
    encoder_rate: float = setting(0.3, "Factor on it for the encoder's last block.")
    weight_decay: float = setting(0.01, "Decoupled weight decay.")
    schedule: str = setting("cosine", "Learning rate: constant, cosine, one_cycle or plateau.")
    warmup: float = setting(0.04, "Share of the steps in which the learning rate rises, with cosine.")
    ema: float = setting(0.99, "Momentum of the averaged weights that are kept, such as 0.99; 0 for none.")
    clip_norm: float = setting(0.0, "Largest norm of all gradients together; 0 for no limit.")
    early_stopping: int = setting(0, "Epochs without a better validation loss after which a stage ends; 0 for never.")
    batch_size: int = setting(16, "Pictures per step.")
    precision: str = setting("auto", "auto, float32, mixed_bfloat16 or mixed_float16.")
    strategy: str = setting("auto", "auto, one device, or mirrored over all of this machine.")
    checkpoint_seconds: float = setting(60.0, "Seconds between two checkpoints.")
    tensorboard: bool = setting(False, "Write an event file for TensorBoard into the model's folder.")
    seed: int = setting(0, "Seed of split, initial weights, order and augmentation.")

    @property
    def backbone(self) -> str:
        """The network that the encoder is made of."""
        return self.encoder

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names in `classes`, or `None` where the data name them."""
        return None if self.classes is None else tuple(name.strip() for name in self.classes.split(","))

    @property
    def skip_strides(self) -> tuple[int, ...] | None:
        """The resolutions in `skips`, or `None` for all."""
        return None if self.skips == "all" else () if self.skips == "none" else tuple(map(int, self.skips.split(",")))


def resolve_segment(recipe: SegmentRecipe) -> SegmentRecipe:
    """Fills in what was left to us, after checking that the fields are in range and do not contradict each other.

    `unfreeze` alone stays `None` where it was: its default depends on the encoder.

    Raises:
        ValueError: If a field is out of range or contradicts another.
    """
    # Not needed for the flags, and slow to import.
    from kerasface.models.backbones import has_pretrained_weights
    from kerasface.train.segmentation.encoders import FREE, source_of

    _check_ranges(recipe)
    source = source_of(recipe.encoder)
    learned = source.card is not None or has_pretrained_weights(source.network)
    weights = recipe.weights or ("pretrained" if learned else "none")
    resolved = replace(
        recipe,
        weights=weights,
        mirror=recipe.mirror if recipe.mirror is not None else source.network in FREE,
        training_size=recipe.training_size or max(32, round(recipe.image_size * 7 / 8 / 32) * 32),
        deeper=recipe.deeper if recipe.deeper is not None else int(source.network == "face_resnet"),
        head_epochs=recipe.head_epochs if weights != "none" else 0,
    )
    _check_contradictions(recipe, resolved, mirrors=source.network in FREE, goes_on=source.card is not None)
    return resolved


def _check_ranges(recipe: SegmentRecipe) -> None:
    sizes = (recipe.image_size, recipe.training_size or 32)
    rules = {
        "holdout": 0 < recipe.holdout < 1,
        "image_size": 32 <= sizes[0] <= 1024,
        "training_size": 32 <= sizes[1] <= 1024,
        "deeper": recipe.deeper is None or 0 <= recipe.deeper <= 3,
        "skips": re.fullmatch(r"all|none|\d+(,\s*\d+)*", recipe.skips) is not None,
        "context": 1 <= recipe.context <= 4,
        "copies": recipe.copies >= 1,
        "balance": 0 <= recipe.balance <= 1,
        "class_weights": 0 <= recipe.class_weights <= 1,
        "head_epochs": recipe.head_epochs >= 0,
        "epochs": recipe.epochs >= 0,
        "unfreeze": recipe.unfreeze is None or recipe.unfreeze >= 1,
        "layer_decay": 0 < recipe.layer_decay <= 1,
        "learning_rate": recipe.learning_rate > 0,
        "encoder_rate": 0 < recipe.encoder_rate <= 1,
        "weight_decay": recipe.weight_decay >= 0,
        "warmup": 0 <= recipe.warmup < 1,
        "ema": 0 <= recipe.ema < 1,
        "clip_norm": recipe.clip_norm >= 0,
        "early_stopping": recipe.early_stopping >= 0,
        "batch_size": recipe.batch_size >= 1,
        "checkpoint_seconds": recipe.checkpoint_seconds >= 0,
        "seed": 0 <= recipe.seed < 2**32,
    }
    check_fields(recipe, CHOICES, rules)
    check_weights(recipe.weights)
    check_groups(recipe.groups)
    if any(size % 32 for size in sizes):
        raise ValueError(f"image_size and training_size must be multiples of 32. Received: {sizes[0]} and {sizes[1]}.")


def _check_contradictions(asked: SegmentRecipe, resolved: SegmentRecipe, *, mirrors: bool, goes_on: bool) -> None:
    """Refuses settings that would be ignored, or that cannot hold together."""
    scratch = resolved.weights == "none"
    contradictions = {
        f"only face_resnet and plain average over mirror images, not {resolved.encoder}": (
            bool(resolved.mirror) and not mirrors
        ),
        f"{resolved.encoder} is gone on from with its own weights, not weights={asked.weights}": (
            goes_on and resolved.weights != "pretrained"
        ),
        "without pretrained weights there is nothing to unfreeze": scratch and asked.unfreeze is not None,
        "epochs=0 and head_epochs=0 train nothing": resolved.epochs == 0 and resolved.head_epochs == 0,
        "backgrounds need augment=standard or strong": (
            resolved.backgrounds is not None and resolved.augment in ("none", "light")
        ),
        "copies would all be equal with augment=none and no flip": (
            resolved.copies > 1 and resolved.augment == "none" and not resolved.flip
        ),
        "class_weights weigh cross-entropy, which the loss has none of": (
            asked.class_weights not in (0, 0.25) and not resolved.loss.startswith("cross-entropy")
        ),
    }
    for sentence, holds in contradictions.items():
        if holds:
            raise ValueError(f"The recipe contradicts itself: {sentence}.")
