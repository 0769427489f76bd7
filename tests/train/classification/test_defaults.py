"""What a recipe leaves open is filled in; what contradicts itself is refused before any work."""

from pathlib import Path

import pytest

from kerasface.train.classification.defaults import blocks_to_unfreeze, resolve
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.recipe import ClassifyRecipe, build_recipe, read_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_faces_are_told_apart_by_mean_directions_without_training():
    recipe = resolve(ClassifyRecipe())
    assert (recipe.backbone, recipe.weights, recipe.classifier) == ("face_resnet", "pretrained", "cosine")
    assert (recipe.head_epochs, recipe.epochs, recipe.copies, recipe.image_size) == (0, 0, 0, 150)


def test_whole_pictures_go_on_from_imagenet():
    recipe = resolve(ClassifyRecipe(faces=False))
    assert (recipe.backbone, recipe.weights, recipe.classifier) == ("efficientnet_lite0", "pretrained", "softmax")
    assert (recipe.image_size, recipe.mirror, recipe.head_epochs, recipe.epochs) == (224, False, 60, 10)
    named = resolve(ClassifyRecipe(faces=False, backbone="face_resnet"))
    assert (named.backbone, named.image_size) == ("face_resnet", 150)


def test_a_softmax_on_the_backbone_is_trained():
    recipe = resolve(ClassifyRecipe(classifier="softmax"))
    assert (recipe.head_epochs, recipe.epochs, recipe.copies) == (60, 0, 0)


def test_an_architecture_is_trained_from_scratch():
    recipe = resolve(ClassifyRecipe(backbone="simple_cnn"))
    assert (recipe.weights, recipe.classifier, recipe.head_epochs, recipe.epochs) == ("none", "softmax", 0, 30)
    assert (recipe.image_size, recipe.learning_rate) == (112, 1e-3)


@pytest.mark.parametrize(
    ("backbone", "adamw", "sgd"), [("resnet34", 1e-3, 0.03), ("alexnet", 5e-4, 0.015), ("mobilenet", 1e-2, 0.03)]
)
def test_a_rate_is_that_of_the_network_and_of_the_optimizer(backbone, adamw, sgd):
    """No normalisation in eight layers; and depthwise kernels, whose large weights AdamW moves as little as others."""
    for optimizer, rate in (("adamw", adamw), ("sgd", sgd)):
        resolved = resolve(ClassifyRecipe(backbone=backbone, optimizer=optimizer))
        assert resolved.learning_rate == pytest.approx(rate)


def test_what_was_given_stays():
    asked = ClassifyRecipe(backbone="MobileNetV2", epochs=4, learning_rate=0.5, image_size=96, head_epochs=7, copies=2)
    resolved = resolve(asked)
    assert (resolved.epochs, resolved.learning_rate, resolved.image_size) == (4, 0.5, 96)
    assert (resolved.head_epochs, resolved.copies, resolved.weights) == (7, 2, "pretrained")


def test_resolving_twice_changes_nothing():
    once = resolve(ClassifyRecipe(backbone="ResNet50", classifier="arcface"))
    assert resolve(once) == once


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"holdout": 0.0}, "holdout is out of range"),
        ({"holdout": 1.0}, "holdout is out of range"),
        ({"min_images": 0}, "min_images is out of range"),
        ({"epochs": -1}, "epochs is out of range"),
        ({"batch_size": 0}, "batch_size is out of range"),
        ({"learning_rate": 0.0}, "learning_rate is out of range"),
        ({"label_smoothing": 1.0}, "label_smoothing is out of range"),
        ({"weight_decay": -0.1}, "weight_decay is out of range"),
        ({"seed": -1}, "seed is out of range"),
        ({"layer_decay": 0.0}, "layer_decay is out of range"),
        ({"schedule": "sine"}, "schedule must be one of"),
        ({"backbone": "ResNet5O"}, "Did you mean ResNet50"),
        ({"groups": "person"}, "must have a group in parentheses"),
        ({"groups": "person("}, "no regular expression"),
        ({"norm": "batch"}, "norm does not apply to face_resnet"),
        ({"backbone": "linear", "dropout": 0.5}, "dropout does not apply to linear; it takes none"),
        ({"backbone": "simple_cnn", "norm": "some"}, "norm must be one of"),
        ({"backbone": "simple_cnn", "weights": "pretrained"}, "no pretrained weights"),
        ({"backbone": "simple_cnn", "epochs": 0}, "trains nothing"),
        ({"backbone": "simple_cnn", "copies": 2}, "copies need the frozen stage"),
        ({"backbone": "simple_cnn", "unfreeze": 2}, "unfreeze needs pretrained weights"),
        ({"image_size": 112}, "takes images of 150 pixels"),
        ({"unfreeze": 2}, "unfreeze needs"),
        ({"mix": "mixup"}, "needs images"),
        ({"copies": 2, "augment": "none"}, "would all be equal"),
        ({"classifier": "softmax", "head_epochs": 0}, "train nothing"),
        ({"margin": 0.2}, "margin needs classifier"),
        ({"backbone": "simple_cnn", "classifier": "arcface", "mix": "cutmix"}, "puts its margin on one class"),
        ({"backbone": "simple_cnn", "dropblock_size": 3}, "dropblock_size needs a dropblock"),
        ({"backbone": "simple_cnn", "mixup_alpha": 0.4, "mix": "cutmix"}, "mixup_alpha needs mix=mixup"),
        ({"backbone": "simple_cnn", "mixup_alpha": 0.0, "mix": "mixup"}, "mixup_alpha is out of range"),
        ({"head_units": 32}, "head_units need classifier=softmax, not cosine"),
        ({"classifier": "softmax", "head_units": 0}, "head_units is out of range"),
        ({"backbone": "resnet34", "conv_groups": 2}, "conv_groups does not apply to resnet34"),
        ({"backbone": "mobilenet", "conv_groups": 3}, "conv_groups must be one of"),
        ({"weights": "imagenet"}, "weights must be pretrained, none, or a file .keras or .weights.h5"),
        ({"weights": "resnet34.pth"}, "weights must be .*Received: weights='resnet34.pth'"),
        ({"backbone": "digits"}, "digits takes whole pictures: set faces=false"),
        (
            {"backbone": "digits", "faces": False, "image_size": 64},
            "images of 32 pixels, not image_size=64",
        ),
        ({"backbone": "digits", "faces": False, "weights": "none"}, "with its own weights, not weights=none"),
        ({"backbone": "face-parts", "faces": False}, "goes on from a model that classifies or embeds"),
        ({"schedule": "plateau", "warmup": 0.2}, "warmup needs schedule=cosine"),
    ],
)
def test_what_cannot_be_is_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        resolve(ClassifyRecipe(**settings))


@pytest.mark.parametrize(("images", "blocks"), [(100, 1), (999, 2), (1_000, 4), (9_999, 4), (10_000, 8)])
def test_more_images_unfreeze_more(images, blocks):
    """Of 16 blocks an eighth, a quarter, a half, and never none: of 8 blocks an eighth is one."""
    assert blocks_to_unfreeze(images, 8 if images == 100 else 16) == blocks


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_recipes_hold(path):
    header = path.read_text(encoding="utf-8").split("\n\n")[0]
    kinds = {
        "classify": (ClassifyRecipe, resolve),
        "metric": (MetricRecipe, resolve_metric),
        "segment": (SegmentRecipe, resolve_segment),
    }
    (kind,) = [name for name in kinds if f"kerasface train {name}" in header]  # a recipe states its command
    recipe, resolved = kinds[kind]
    resolved(build_recipe(read_recipe(path, recipe), recipe))
