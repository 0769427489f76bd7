"""What a training will build: the blocks of its network, which of them it trains, and in which stages."""

from dataclasses import dataclass, replace

from kerasface.models.backbones import Backbone, backbone_names, build_backbone, describe
from kerasface.models.freezing import freeze
from kerasface.models.heads import build_metric_head, build_scratch_embedder, to_probabilities, to_vector
from kerasface.models.zoo import ARCHITECTURES, ArchitectureOptions, build_features
from kerasface.terminal.words import counted
from kerasface.train.classification.defaults import blocks_to_unfreeze
from kerasface.train.engine.network import network_of
from kerasface.train.metric_learning.recipe import MetricRecipe
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.segmentation.recipe import SegmentRecipe
from kerasface.train.segmentation.stages import blocks_to_train, build_model

FROZEN, TRAINED, NEW, COMPUTED = "frozen", "trained", "new", "computed"


@dataclass(frozen=True)
class PlannedBlock:
    """A stretch of the network that a training will build.

    Attributes:
        name: Of the block.
        num_params: Its weights.
        state: `frozen`: it stays as it is; `trained`: it begins with weights that were learned before; `new`: it begins
            with random weights, and is trained; `computed`: its weights follow from the features, without training.
    """

    name: str
    num_params: int
    state: str


@dataclass(frozen=True)
class TrainingPlan:
    """What a training will do.

    Attributes:
        blocks: Of its network, from the picture to the answer.
        stages: What happens in which order, a sentence each.
    """

    blocks: tuple[PlannedBlock, ...]
    stages: tuple[str, ...]


def plan_training(
    recipe: ClassifyRecipe | MetricRecipe | SegmentRecipe, *, num_images: int, num_classes: int
) -> TrainingPlan:
    """Builds the network of a training once, with random weights, and tells what will become of its parts.

    Args:
        recipe: A resolved recipe.
        num_images: Images to train on: the fewer, the fewer blocks are trained by default.
        num_classes: Classes; of no meaning for a metric training.

    Raises:
        ValueError: If the network cannot be built so.
    """
    plan = {ClassifyRecipe: _classifier, MetricRecipe: _embedder, SegmentRecipe: _segmentation}[type(recipe)]
    return plan(recipe, num_images, num_classes)


def _classifier(recipe: ClassifyRecipe, num_images: int, num_classes: int) -> TrainingPlan:
    backbone = _backbone(recipe)
    vector = to_vector(backbone.model.output, head=recipe.head or "gap")
    scale = None if recipe.classifier == "softmax" else recipe.scale
    head = _added(backbone, to_probabilities(vector, num_classes, hidden=recipe.head_units, scale=scale))
    name = f"head: {counted(num_classes, 'class', 'classes')}"
    if not recipe.pretrained:
        return _from_scratch(backbone, name, head, recipe.epochs)
    trained = _unfrozen(recipe, backbone, num_images)
    if recipe.head_epochs:
        stages = [
            f"The head alone is trained for {counted(recipe.head_epochs, 'epoch')}, on features of the frozen network "
            "that are computed once."
        ]
    else:
        stages = ["The head is the mean direction of each class's features: nothing is trained for it."]
    state = NEW if recipe.head_epochs else TRAINED if recipe.epochs else COMPUTED
    return TrainingPlan(_blocks(backbone, trained, name, head, state), (*stages, *_fine_tuning(recipe, trained)))


def _embedder(recipe: MetricRecipe, num_images: int, num_classes: int) -> TrainingPlan:
    backbone = _backbone(recipe)
    if recipe.from_scratch:
        whole = build_scratch_embedder(backbone.model, recipe.dim)
        head = whole.count_params() - backbone.model.count_params()
        return _from_scratch(backbone, f"head: {recipe.dim} numbers", head, recipe.epochs)
    dim = to_vector(backbone.model.output).shape[-1]
    trained = _unfrozen(recipe, backbone, num_images)
    stages = []
    if recipe.stretch:
        stages.append("Distances are stretched where faces crowd, as measured on the people trained on.")
    if recipe.head_epochs:
        stages.append(
            f"The head alone is trained for {counted(recipe.head_epochs, 'epoch')}, on features of the frozen network "
            "that are computed once."
        )
    stages += _fine_tuning(recipe, trained)
    stages.append("Of all that came up on the way, what does best on people held out is kept.")
    head = build_metric_head(dim).count_params()
    return TrainingPlan(_blocks(backbone, trained, f"head: {dim} numbers", head), tuple(stages))


def _segmentation(recipe: SegmentRecipe, num_images: int, num_classes: int) -> TrainingPlan:
    encoder, model = build_model(replace(recipe, weights="none"), num_classes)
    backbone, name = encoder.backbone, f"decoder: {counted(num_classes, 'class', 'classes')}"
    decoder = model.count_params() - backbone.model.count_params()
    if recipe.weights == "none":
        return _from_scratch(backbone, name, decoder, recipe.epochs)
    trained = blocks_to_train(recipe, encoder) if recipe.epochs else 0
    stages = []
    if recipe.head_epochs:
        stages.append(
            f"The decoder alone is trained for {counted(recipe.head_epochs, 'epoch')}, on the frozen encoder."
        )
    return TrainingPlan(_blocks(backbone, trained, name, decoder), (*stages, *_fine_tuning(recipe, trained, "decoder")))


def _backbone(recipe: ClassifyRecipe | MetricRecipe) -> Backbone:
    """The network as the recipe has it, with random weights, which are quicker to get than learned ones."""
    side = (recipe.image_size,) * 2
    if recipe.backbone not in backbone_names():
        return network_of(recipe)
    if recipe.backbone in ARCHITECTURES and isinstance(recipe, ClassifyRecipe):
        options = ArchitectureOptions(**recipe.architecture_options())
        return describe(build_features(recipe.backbone, side, options=options), recipe.backbone, licence=None)
    return build_backbone(recipe.backbone, side, weights=None, mirror=bool(recipe.mirror))


def _added(backbone: Backbone, outputs) -> int:
    """Weights of what was put behind a backbone."""
    import keras

    return keras.Model(backbone.model.input, outputs).count_params() - backbone.model.count_params()


def _unfrozen(recipe: ClassifyRecipe | MetricRecipe, backbone: Backbone, num_images: int) -> int:
    if not recipe.epochs:
        return 0
    return recipe.unfreeze or blocks_to_unfreeze(num_images, len(backbone.blocks))


def _blocks(
    backbone: Backbone, trained: int, head_name: str, head: int, head_state: str = NEW
) -> tuple[PlannedBlock, ...]:
    rows = [
        PlannedBlock(row.block, row.num_params, TRAINED if row.trainable else FROZEN)
        for row in freeze(backbone, trained)
    ]
    return (*rows, PlannedBlock(head_name, head, head_state))


def _from_scratch(backbone: Backbone, head_name: str, head: int, epochs: int) -> TrainingPlan:
    rows = [PlannedBlock(row.block, row.num_params, NEW) for row in freeze(backbone, len(backbone.blocks))]
    sentence = f"Everything begins with random weights and is trained for {counted(epochs, 'epoch')}."
    return TrainingPlan((*rows, PlannedBlock(head_name, head, NEW)), (sentence,))


def _fine_tuning(recipe, trained: int, head: str = "head") -> list[str]:
    if not recipe.epochs:
        return []
    blocks = f"last {counted(trained, 'block')}" if trained > 1 else "last block"
    return [
        f"Fine-tuning: the {head} and the {blocks} are trained for {counted(recipe.epochs, 'epoch')}, each block at "
        f"{recipe.layer_decay:g} times the rate of the one behind it; BatchNorm is kept still."
    ]
