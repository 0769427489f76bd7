"""The encoder that a segmentation begins with: a network by its name, or what a model that is here was made of."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras

from kerasface.models.unet import Encoder, build_encoder, encoder_names
from kerasface.models.weight_files import StoredWeights, fill, read_weight_file
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, supported_options
from kerasface.runs.card import ModelCard
from kerasface.runs.model_file import check_model_file
from kerasface.runs.store import DEFAULT_ROOT, find_run, list_runs
from kerasface.train.engine.network import licence_of
from kerasface.train.recipe import named_card

FREE = ("face_resnet", "plain")  # networks whose pictures may have any size, and that average over mirror images
_MOST_STEPS = 16  # from a model to the one that it went on from


@dataclass(frozen=True)
class EncoderSource:
    """What an encoder is made of.

    Attributes:
        network: One of `encoder_names()`.
        options: What of it was varied; `None` for nothing.
        card: Of the model whose weights it takes over; `None` where a network was named.
    """

    network: str
    options: ArchitectureOptions | None = None
    card: ModelCard | None = None


def source_of(encoder: str) -> EncoderSource:
    """Returns what a recipe names as its encoder: a network, or the model of that name with the network it stands on.

    Raises:
        ValueError: If it is neither, or the model stands on a network that a U-Net cannot take maps from.
    """
    if encoder in encoder_names():
        return EncoderSource(encoder)
    card = named_card(encoder)
    if card is None:
        near = difflib.get_close_matches(encoder, encoder_names(), n=3)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"Choose one of {', '.join(encoder_names())}."
        raise ValueError(
            f"Unknown encoder: neither a network nor a model in {DEFAULT_ROOT}. Received: encoder={encoder!r}. {hint}"
        )
    begun = _begun_with(card, named_card)
    if begun is None:
        raise ValueError(
            "A segmentation goes on from a model whose network it knows by name and can take maps from. "
            f"Received: encoder={encoder!r}, made of {card.backbone or 'an unnamed one'}. Choose another model, or a "
            "network such as face_resnet, plain or simple_cnn."
        )
    return EncoderSource(begun.backbone, _options_of(begun), card)


def models_to_go_on_from() -> list[str]:
    """Returns the names of the models that are here and that a segmentation can go on from."""
    cards = {run.name: run.card for run in list_runs() if run.card}
    return [name for name, card in cards.items() if _begun_with(card, cards.get)]


def _begun_with(card: ModelCard, find: Callable[[str], ModelCard | None]) -> ModelCard | None:
    """The model that a model stands on whose backbone is a network of a name; `None` where there is no such model."""
    for _ in range(_MOST_STEPS):
        if card is None or card.backbone is None:
            return None
        if card.backbone in encoder_names():
            return card
        card = find(card.backbone)
    return None


def encoder_of(recipe, *, mirror: bool) -> Encoder:
    """Builds the encoder of a resolved recipe, for pictures of any size where it can, with its first weights.

    Args:
        recipe: Of a segmentation.
        mirror: Average over mirror images.

    Raises:
        ValueError: If there is no such encoder, or it takes no such pictures.
        ModelFileError: If a weight file is missing, or holds the weights of another network.
        RunError: If the model that it goes on from was altered.
    """
    source = source_of(recipe.encoder)
    size = None if source.network in FREE else (recipe.training_size,) * 2
    published = recipe.weights == "pretrained" and source.card is None
    weights = "pretrained" if published else None
    encoder = build_encoder(source.network, size, weights=weights, mirror=mirror, options=source.options)
    if published or recipe.weights == "none":
        return encoder
    # Of the face embedder the first stages alone are taken.
    whole = source.network != "face_resnet"
    if source.card is None:
        fill(encoder.backbone.model, read_weight_file(recipe.weights), source.network, whole=whole)
        return encoder
    fill(encoder.backbone.model, _weights_of_run(recipe.encoder, source.card), source.network, whole=whole)
    return replace(encoder, backbone=replace(encoder.backbone, licence=licence_of(source.card)))


def take_over(recipe, classes: Sequence[str], model: keras.Model) -> bool:
    """Gives a U-Net all weights of the segmentation that its recipe goes on from, if that has its classes and decoder.

    Args:
        recipe: Resolved.
        classes: Names of the model's classes, by class id.
        model: As `build_unet` makes it for this recipe; of another model the encoder alone is taken over, before.

    Returns:
        Whether the decoder was taken over, too.

    Raises:
        RunError: If the model that it goes on from was altered.
    """
    card = source_of(recipe.encoder).card
    if card is None or card.task != "segment" or tuple(card.labels) != tuple(classes):
        return False
    said = {"skips": "all", **card.recipe}  # a card of before there were skips has none
    if any(said.get(name) != getattr(recipe, name) for name in ("decoder", "deeper", "skips")):
        return False
    fill(model, _weights_of_run(recipe.encoder, card), recipe.encoder)
    return True


def _weights_of_run(name: str, card: ModelCard) -> StoredWeights:
    path = find_run(DEFAULT_ROOT, name).path / "model.keras"
    check_model_file(path, card.model_sha256)
    return read_weight_file(path)


def _options_of(card: ModelCard) -> ArchitectureOptions | None:
    """What of an architecture a classifier was trained with varied, as far as it concerns its maps."""
    if card.backbone not in ARCHITECTURES or card.task != "classify":
        return None
    names = supported_options(card.backbone).keys() - {"dropout", "head"}  # which stand behind the maps
    return ArchitectureOptions(**{name: card.recipe[name] for name in names if card.recipe.get(name) is not None})
