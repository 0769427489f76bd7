"""The network that a training begins with: a backbone by name, or a model that is here already."""

from pathlib import Path

import keras

from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.run_embedder import template_of
from kerasface.models.backbones import (
    APPLICATIONS,
    Backbone,
    Block,
    backbone_names,
    build_backbone,
    published_licence,
)
from kerasface.models.pretrained import weight_file
from kerasface.models.weight_files import fill, read_weight_file
from kerasface.models.zoo import ArchitectureOptions
from kerasface.runs.card import ModelCard, WeightSource
from kerasface.runs.store import DEFAULT_ROOT, Run, RunError, load_run, missing_model
from kerasface.train.recipe import ClassifyRecipe, named_card

_BLOCKS = 8  # that a model of no known family is cut into


def network_of(recipe) -> Backbone:
    """Builds the network of a resolved recipe.

    Args:
        recipe: Of a classifier or an embedder. Its `backbone` is a name of `backbone_names`, or of a run that embeds or
            classifies; its `weights` are those of the run, published ones, none, or a file.

    Raises:
        ValueError: If there is no such backbone, or it takes no images of this size.
        RunError: If there is no such run, or it is damaged.
        ModelFileError: If a weight file is missing, or holds the weights of another network.
    """
    side = (recipe.image_size,) * 2
    if recipe.backbone in backbone_names():
        from_file = _are_of_a_file(recipe)
        weights = "pretrained" if recipe.weights == "pretrained" else None
        options = ArchitectureOptions(**_options_of(recipe)) if from_file else None
        backbone = build_backbone(recipe.backbone, side, weights=weights, mirror=bool(recipe.mirror), options=options)
        if from_file:
            fill(backbone.model, read_weight_file(recipe.weights), recipe.backbone)
        return backbone
    if card_of(recipe.backbone).task not in ("embed", "classify"):
        raise ValueError(f"A training begins with a model that embeds or classifies. Received: {recipe.backbone!r}.")
    run = load_run(DEFAULT_ROOT, recipe.backbone)
    if run.side(tuple(run.model.input_shape[1:])) != recipe.image_size:
        raise ValueError(
            f"{recipe.backbone} takes images of {run.card.input.side()} pixels. "
            f"Received: image_size={recipe.image_size}."
        )
    return _described(run)


def weights_of(recipe) -> tuple[WeightSource, ...]:
    """Returns what the network of a resolved recipe begins with: name, licence and hash, as far as they are known."""
    name, weights = recipe.backbone, recipe.weights
    if weights == "none":
        return ()
    if _are_of_a_file(recipe):
        return (WeightSource(name=Path(weights).name, sha256=read_weight_file(weights).sha256),)
    if name not in backbone_names():
        card = card_of(name)
        return (WeightSource(name=name, licence=licence_of(card), sha256=card.model_sha256),)
    if name in APPLICATIONS:
        return (WeightSource(name=f"{name} (ImageNet)", licence=published_licence(name)),)
    entry = weight_file(name)
    return (WeightSource(name=entry.name, licence=entry.licence, sha256=entry.sha256),)


def _are_of_a_file(recipe) -> bool:
    return recipe.weights not in ("pretrained", "none")


def _options_of(recipe) -> dict:
    """The options of an architecture but dropout, which stands in the head that is put behind its features."""
    given = recipe.architecture_options() if isinstance(recipe, ClassifyRecipe) else {}
    return {name: value for name, value in given.items() if name != "dropout"}


def template_for(recipe) -> CropTemplate:
    """Returns how faces are cut for the network of a recipe."""
    if recipe.backbone in backbone_names() or not recipe.faces:
        return FACE_RESNET_CROP
    return template_of(recipe.backbone, card_of(recipe.backbone).input)


def card_of(name: str) -> ModelCard:
    """Returns the card of the run that a recipe names as its backbone; its weights are left alone.

    Raises:
        RunError: If there is no such run.
        ValueError: If it is damaged.
    """
    if (card := named_card(name)) is None:
        raise RunError(missing_model(DEFAULT_ROOT, name))
    return card


def licence_of(card: ModelCard) -> str | None:
    """Returns what the weights of a run may be used for, as far as its card tells."""
    return card.licence or next((source.licence for source in card.weights if source.licence), None)


def _described(run: Run) -> Backbone:
    """A run's model up to its head, cut into blocks of about as many layers with weights."""
    model = run.model
    head = next((layer for layer in model.layers if layer.name.startswith("head_")), None)
    if head is not None:
        model = keras.Model(model.input, head.input, name=model.name)
    weighted = [layer.name for layer in model.layers if layer.weights]
    size = -(-len(weighted) // _BLOCKS)
    number_of = {name: index // size + 1 for index, name in enumerate(weighted)}
    members: dict[int, list[str]] = {}
    number = 1
    for layer in model.layers:
        number = number_of.get(layer.name, number)
        members.setdefault(number, []).append(layer.name)
    blocks = tuple(Block(f"block{number}", tuple(names)) for number, names in sorted(members.items()))
    maps = [layer.name for layer in model.layers if len(layer.output.shape) == 4]
    return Backbone(model, run.name, blocks, licence_of(run.card), maps[-1])
