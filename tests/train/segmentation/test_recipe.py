"""The settings of a segmentation training: defaults, ranges, contradictions."""

from dataclasses import fields

import pytest

from kerasface.train.recipe import build_recipe, read_recipe, write_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment


def test_defaults_depend_on_the_encoder():
    faces = resolve_segment(SegmentRecipe())
    assert (faces.weights, faces.mirror, faces.training_size, faces.deeper) == ("pretrained", True, 224, 1)
    plain = resolve_segment(SegmentRecipe(encoder="plain"))
    assert (plain.weights, plain.mirror, plain.head_epochs, plain.deeper) == ("none", True, 0, 0)
    other = resolve_segment(SegmentRecipe(encoder="resnet34", image_size=128))
    assert (other.weights, other.mirror, other.training_size) == ("none", False, 128)


def test_skips_are_all_none_or_strides():
    assert SegmentRecipe().skip_strides is None
    assert SegmentRecipe(skips="none").skip_strides == ()
    assert SegmentRecipe(skips="4, 8").skip_strides == (4, 8)


def test_a_resolved_recipe_resolves_to_itself_and_survives_its_file(tmp_path):
    recipe = resolve_segment(SegmentRecipe(classes="a, b", groups=r"(\d+)"))
    assert resolve_segment(recipe) == recipe
    path = tmp_path / "recipe.toml"
    path.write_text(write_recipe(recipe))
    assert build_recipe(read_recipe(path, SegmentRecipe), SegmentRecipe) == recipe
    assert recipe.class_names == ("a", "b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_size": 250},
        {"training_size": 16},
        {"holdout": 1.0},
        {"context": 0.5},
        {"copies": 0},
        {"deeper": 4},
        {"skips": "some"},
        {"skips": "4;8"},
        {"balance": 1.5},
        {"class_weights": -0.1},
        {"unfreeze": 0},
        {"encoder_rate": 0.0},
        {"batch_size": 0},
        {"decoder": "deconvolution"},
        {"loss": "dice+focal"},
        {"augment": "wild"},
        {"groups": "("},
        {"groups": "person"},
    ],
)
def test_what_is_out_of_range_is_named(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        resolve_segment(SegmentRecipe(**wrong))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder": "resnet34", "mirror": True}, "mirror"),
        ({"encoder": "plain", "unfreeze": 2}, "nothing to unfreeze"),
        ({"epochs": 0, "head_epochs": 0}, "train nothing"),
        ({"augment": "light", "backgrounds": "folder"}, "backgrounds need"),
        ({"augment": "none", "flip": False}, "copies would all be equal"),
        ({"loss": "dice", "class_weights": 0.5}, "cross-entropy"),
    ],
)
def test_contradictions_are_told(settings, words):
    with pytest.raises(ValueError, match=words):
        resolve_segment(SegmentRecipe(**settings))


def test_every_setting_has_a_help_text():
    assert all(entry.metadata["help"].endswith((".", "]")) for entry in fields(SegmentRecipe))
