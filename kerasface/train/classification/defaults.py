"""Fills in what a recipe leaves open, and refuses recipes that contradict themselves."""

import difflib
from dataclasses import replace

from kerasface.models.backbones import backbone_names, has_pretrained_weights
from kerasface.models.efficientnet_lite import LITE0, LITE0_SIDE
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, supported_options
from kerasface.runs.card import ModelCard
from kerasface.runs.store import DEFAULT_ROOT
from kerasface.train.recipe import (
    CHOICES,
    ClassifyRecipe,
    check_fields,
    check_groups,
    check_weights,
    named_card,
)

_SIDES = {"face_resnet": IMAGE_SIZE[0], LITE0: LITE0_SIDE}  # of backbones that have one of their own
# Of AdamW from random weights; of others 1e-3. AlexNet, eight layers without normalisation, stays at chance at 2e-3.
# AdamW moves each weight by about the rate per step: He's depthwise kernels, whose weights are some ten times those of
# other kernels, hardly move at 1e-3, and MobileNet, which has 13 of them and no shortcut, is not trained to its end.
_RATES = {"alexnet": 5e-4, "mobilenet": 1e-2}
_SGD = 30  # times the rate of AdamW; of networks that are normalised SGD's is 0.03
_MARGINS = {"arcface": 0.5, "cosface": 0.35}


def resolve(recipe: ClassifyRecipe) -> ClassifyRecipe:
    """Fills in what was left to us, after checking that the fields are in range and do not contradict each other.

    `unfreeze` alone stays `None` where it was: its default depends on the data, see `blocks_to_unfreeze`.

    Raises:
        ValueError: If a field is out of range or contradicts another.
    """
    _check_ranges(recipe)
    if recipe.backbone is None:
        recipe = replace(recipe, backbone="face_resnet" if recipe.faces else LITE0)
    card = None if recipe.backbone in backbone_names() else _run_to_go_on_from(recipe)
    weights = recipe.weights or ("pretrained" if card or has_pretrained_weights(recipe.backbone) else "none")
    scratch = weights == "none"
    epochs = recipe.epochs
    if epochs is None:
        epochs = 30 if scratch else 0 if recipe.backbone == "face_resnet" else 10
    learning_rate = recipe.learning_rate
    if learning_rate is None:
        learning_rate = _rate_from_scratch(recipe) if scratch else 2e-4 * (1 if recipe.optimizer == "adamw" else _SGD)
    # Measured on LFW: the mean direction of a person's embeddings beat every head trained on them, most of all with few
    # photos each and against strangers (benchmarks/RESULTS.md).
    classifier = recipe.classifier or ("cosine" if recipe.backbone == "face_resnet" and not scratch else "softmax")
    margin = recipe.margin if recipe.margin is not None else _MARGINS.get(classifier)
    head_epochs = recipe.head_epochs
    if scratch:
        head_epochs = 0
    elif head_epochs is None:
        head_epochs = 0 if classifier == "cosine" else 60
    resolved = replace(
        recipe,
        min_images=recipe.min_images or (1 if recipe.validation else 2),
        weights=weights,
        mirror=recipe.mirror if recipe.mirror is not None else recipe.backbone == "face_resnet" and epochs == 0,
        epochs=epochs,
        classifier=classifier,
        head_epochs=head_epochs,
        learning_rate=learning_rate,
        margin=margin,
        image_size=recipe.image_size or (card.input.side() if card else _SIDES.get(recipe.backbone, 112)),
    )
    _check_contradictions(recipe, resolved)
    return resolved


def _rate_from_scratch(recipe: ClassifyRecipe) -> float:
    rate = _RATES.get(recipe.backbone, 1e-3)
    return rate if recipe.optimizer == "adamw" else _SGD * min(rate, 1e-3)


def _run_to_go_on_from(recipe: ClassifyRecipe) -> ModelCard:
    """Returns the card of the run that is named as the backbone, if a classifier can go on from it as it is asked."""
    name = recipe.backbone
    card = named_card(name)
    if card is None:
        near = difflib.get_close_matches(name, backbone_names(), n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Choose one of {', '.join(backbone_names())}."
        raise ValueError(
            f"Unknown backbone: neither an architecture nor a model in {DEFAULT_ROOT}. Received: backbone={name!r}. "
            f"{hint}"
        )
    if card.task not in ("classify", "embed"):
        raise ValueError(f"A classifier goes on from a model that classifies or embeds. Received: backbone={name!r}.")
    side, size, takes = card.input.side(), recipe.image_size, "faces" if card.input.of_faces else "whole pictures"
    contradictions = {
        f"{name} takes {takes}: set faces={str(card.input.of_faces).lower()}": recipe.faces != card.input.of_faces,
        f"{name} takes images of {side} pixels, not image_size={size}": size not in (None, side),
        f"{name} is gone on from with its own weights, not weights={recipe.weights}": (
            recipe.weights not in (None, "pretrained")
        ),
    }
    for sentence, holds in contradictions.items():
        if holds:
            raise ValueError(f"The recipe contradicts itself: {sentence}.")
    return card


def blocks_to_unfreeze(num_images: int, num_blocks: int) -> int:
    """Returns how many blocks to fine-tune by default: the more images, the more of the backbone.

    Below 1,000 images one block in eight, below 10,000 one in four, else half, at least one: with few images, more
    trained weights learn the images by heart.
    """
    share = 8 if num_images < 1_000 else 4 if num_images < 10_000 else 2
    return max(1, num_blocks // share)


def _check_ranges(recipe: ClassifyRecipe) -> None:
    rules = {
        "image_size": recipe.image_size is None or 16 <= recipe.image_size <= 1024,
        "min_images": recipe.min_images is None or recipe.min_images >= 1,
        "holdout": 0 < recipe.holdout < 1,
        "head_epochs": recipe.head_epochs is None or recipe.head_epochs >= 0,
        "epochs": recipe.epochs is None or recipe.epochs >= 0,
        "copies": recipe.copies >= 0,
        "unfreeze": recipe.unfreeze is None or recipe.unfreeze >= 1,
        "layer_decay": 0 < recipe.layer_decay <= 1,
        "margin": recipe.margin is None or 0 <= recipe.margin < 1.6,
        "scale": recipe.scale > 0,
        "head_units": recipe.head_units is None or 1 <= recipe.head_units <= 16_384,
        "mixup_alpha": recipe.mixup_alpha is None or recipe.mixup_alpha > 0,
        "momentum": 0 <= recipe.momentum < 1,
        "batch_size": recipe.batch_size >= 1,
        "head_batch_size": recipe.head_batch_size >= 1,
        "learning_rate": recipe.learning_rate is None or recipe.learning_rate > 0,
        "head_learning_rate": recipe.head_learning_rate > 0,
        "weight_decay": recipe.weight_decay >= 0,
        "warmup": 0 <= recipe.warmup < 1,
        "label_smoothing": 0 <= recipe.label_smoothing < 1,
        "ema": 0 <= recipe.ema < 1,
        "clip_norm": recipe.clip_norm >= 0,
        "accumulate": recipe.accumulate >= 1,
        "early_stopping": recipe.early_stopping >= 0,
        "checkpoint_seconds": recipe.checkpoint_seconds >= 0,
        "seed": 0 <= recipe.seed < 2**32,
    }
    check_fields(recipe, CHOICES, rules, open_choices=("classifier",))
    check_weights(recipe.weights)
    check_groups(recipe.groups)


def _check_contradictions(asked: ClassifyRecipe, resolved: ClassifyRecipe) -> None:
    """Refuses settings that would be ignored, or that cannot hold together."""
    name, fine_tunes = resolved.backbone, resolved.epochs > 0
    options = resolved.architecture_options()
    ArchitectureOptions(**options)  # refuses values that none of the architectures knows
    if name in ARCHITECTURES:
        if asked.weights == "pretrained":
            raise ValueError(f"{name} has no pretrained weights. Received: weights='pretrained'.")
        applicable = supported_options(name)
    else:
        applicable = {"head": "gap", "dropout": 0.0}
    if refused := [option for option in options if option not in applicable]:
        takes = ", ".join(applicable) or "none of them"
        raise ValueError(f"{refused[0]} does not apply to {name}; it takes {takes}.")
    contradictions = {
        "validation is a split that was given: holdout and groups draw one": resolved.validation is not None
        and (resolved.groups is not None or resolved.holdout != 0.2),
        f"face_resnet takes images of {IMAGE_SIZE[0]} pixels, not image_size={resolved.image_size}": (
            name == "face_resnet" and resolved.image_size != IMAGE_SIZE[0]
        ),
        f"only face_resnet averages over mirror images, not {name}": resolved.mirror and name != "face_resnet",
        "epochs=0 trains nothing: without pretrained weights there is no frozen stage": (
            resolved.weights == "none" and not fine_tunes
        ),
        "head_epochs=0 and epochs=0 train nothing; only classifier=cosine needs no training": (
            resolved.head_epochs == 0 and not fine_tunes and resolved.classifier != "cosine"
        ),
        "unfreeze needs pretrained weights and epochs of at least 1": asked.unfreeze is not None
        and (not fine_tunes or resolved.weights == "none"),
        f"mix={resolved.mix} needs images: it does not work on the frozen stage alone, set epochs": (
            resolved.mix != "none" and not fine_tunes
        ),
        "copies are augmented: with augment=none they would all be equal": (
            resolved.copies > 0 and resolved.augment == "none"
        ),
        "head_epochs need the frozen stage, which needs pretrained weights": (
            bool(asked.head_epochs) and resolved.weights == "none"
        ),
        "copies need the frozen stage, which needs pretrained weights": (
            resolved.copies > 0 and resolved.weights == "none"
        ),
        f"{resolved.classifier} puts its margin on one class: it does not go with mix={resolved.mix}": (
            resolved.classifier in _MARGINS and resolved.mix != "none"
        ),
        f"head_units need classifier=softmax, not {resolved.classifier}, which compares the features as they are": (
            asked.head_units is not None and resolved.classifier != "softmax"
        ),
        "mixup_alpha needs mix=mixup": asked.mixup_alpha is not None and resolved.mix != "mixup",
        "dropblock_size needs a dropblock above 0": asked.dropblock_size is not None and not asked.dropblock,
        "margin needs classifier=arcface or cosface": asked.margin is not None and resolved.classifier not in _MARGINS,
        "warmup needs schedule=cosine": asked.warmup not in (0, 0.05) and resolved.schedule != "cosine",
    }
    for sentence, holds in contradictions.items():
        if holds:
            raise ValueError(f"The recipe contradicts itself: {sentence}.")
