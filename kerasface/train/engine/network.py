"""The network that a metric training begins with: a backbone by name, or a model that is here already."""

import keras

from kerasface.faces.alignment import FACE_RESNET_CROP, CropTemplate
from kerasface.faces.run_embedder import template_of
from kerasface.models.backbones import Backbone, Block, backbone_names, build_backbone
from kerasface.runs.card import ModelCard
from kerasface.runs.store import DEFAULT_ROOT, Run, load_run

_BLOCKS = 8  # that a model of no known family is cut into


def network_of(recipe) -> Backbone:
    """Builds the network of a resolved metric recipe.

    Args:
        recipe: Its `backbone` is a name of `backbone_names`, or of a run that embeds or classifies.

    Raises:
        ValueError: If there is no such backbone, or it takes no images of this size.
        RunError: If there is no such run, or it is damaged.
        ModelFileError: If a weight file is missing.
    """
    side = (recipe.image_size,) * 2
    if recipe.backbone in backbone_names():
        weights = None if recipe.from_scratch else "pretrained"
        return build_backbone(recipe.backbone, side, weights=weights, mirror=bool(recipe.mirror))
    run = run_of(recipe.backbone)
    if run.side(tuple(run.model.input_shape[1:])) != recipe.image_size:
        raise ValueError(
            f"{recipe.backbone} takes images of {run.card.input.side()} pixels. "
            f"Received: image_size={recipe.image_size}."
        )
    return _described(run)


def template_for(recipe) -> CropTemplate:
    """Returns how faces are cut for the network of a recipe."""
    if recipe.backbone in backbone_names():
        return FACE_RESNET_CROP
    return template_of(recipe.backbone, run_of(recipe.backbone).card.input)


def run_of(name: str) -> Run:
    """Loads the run that a recipe names as its backbone.

    Raises:
        ValueError: If it is neither a backbone nor the name of a run, or a run that takes no faces or pictures.
    """
    run = load_run(DEFAULT_ROOT, name)
    if run.card.task not in ("embed", "classify"):
        raise ValueError(f"A training begins with a model that embeds or classifies. Received: backbone={name!r}.")
    return run


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
