"""Recipes: read, checked for types, written and read again."""

from dataclasses import fields
from pathlib import Path

import pytest

from kerasface.data.augmentation import MIXES, POLICIES
from kerasface.train.engine import driver
from kerasface.train.engine.schedules import SCHEDULES
from kerasface.train.recipe import CHOICES, ClassifyRecipe, build_recipe, full_paths, read_recipe, write_recipe


def test_the_choices_are_those_of_the_library():
    """They stand in the recipe a second time, because the command line must not import Keras."""
    assert CHOICES["augment"] == tuple(POLICIES)
    assert CHOICES["mix"] == MIXES
    assert set(CHOICES["schedule"]) == set(SCHEDULES)


def test_every_field_says_what_it_is():
    assert all(entry.metadata["help"].endswith((".", "]")) for entry in fields(ClassifyRecipe))


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = ClassifyRecipe(backbone='a"b\\c', groups=r"p(\d+)", epochs=3, ema=0.5, faces=False, unfreeze=None)
    (tmp_path / "recipe.toml").write_text(write_recipe(recipe), encoding="utf-8")
    assert build_recipe(read_recipe(tmp_path / "recipe.toml")) == recipe


def test_an_unknown_field_is_refused_with_the_nearest(tmp_path):
    (tmp_path / "recipe.toml").write_text("learning_rat = 0.1", encoding="utf-8")
    with pytest.raises(ValueError, match=r"Received: learning_rat = 0\.1\. Did you mean 'learning_rate'\?"):
        read_recipe(tmp_path / "recipe.toml")


def test_what_is_no_toml_or_not_there_is_refused(tmp_path):
    (tmp_path / "recipe.toml").write_text("epochs: 3", encoding="utf-8")
    with pytest.raises(ValueError, match="not valid TOML"):
        read_recipe(tmp_path / "recipe.toml")
    with pytest.raises(ValueError, match=r"absent\.toml cannot be read"):
        read_recipe(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"epochs": "3"}, "int"),
        ({"epochs": 3.5}, "int"),
        ({"epochs": True}, "int"),
        ({"faces": 1}, "bool"),
        ({"ema": "much"}, "float"),
        ({"backbone": 5}, "str"),
    ],
)
def test_a_value_of_another_type_is_refused(settings, kind):
    name, value = next(iter(settings.items()))
    with pytest.raises(ValueError, match=rf"{name} must be of type {kind}\. Received: {name}={value!r}"):
        build_recipe(settings)


def test_a_whole_number_is_a_fine_float():
    assert build_recipe({"ema": 0}).ema == 0.0


def test_a_recipe_that_comes_along_is_found_from_any_folder_and_ones_own_goes_before_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert build_recipe(read_recipe("configs/digits.toml")).backbone == "simple_cnn"
    Path("configs").mkdir()
    Path("configs/digits.toml").write_text('backbone = "resnet18"')
    assert read_recipe("configs/digits.toml") == {"backbone": "resnet18"}
    for path in ("digits.toml", "configs/absent.toml", "recipes/faces.toml"):
        with pytest.raises(ValueError, match=f"The recipe .*{path} cannot be read"):
            read_recipe(path)


def test_files_and_folders_are_named_from_the_root(tmp_path, monkeypatch):
    """What a training notes means the same from any folder; words that stand for weights are no files."""
    monkeypatch.chdir(tmp_path)
    here = tmp_path.resolve()
    named = full_paths({"weights": "own.keras", "unknown": "../u", "seed": 3, "validation": None}, ClassifyRecipe)
    assert named == {"weights": f"{here}/own.keras", "unknown": f"{here.parent}/u", "seed": 3, "validation": None}
    assert full_paths({"weights": "none"}, ClassifyRecipe) == {"weights": "none"}
    begun = []

    def start(runs, name, recipe, *others):
        begun.append(recipe)
        raise InterruptedError

    monkeypatch.setattr(driver.Session, "start", start)
    recipe = ClassifyRecipe(faces=False, backbone="linear", image_size=16, validation="dev")
    with pytest.raises(InterruptedError):
        driver.run_training("classify", "data", "x", recipe=recipe)
    assert (begun[0].weights, begun[0].validation) == ("none", f"{here}/dev")
