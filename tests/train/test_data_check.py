"""What is said of a folder before a training."""

from dataclasses import replace

import numpy as np
import pytest

from kerasface.runs.card import ModelInput
from kerasface.train.data_check import check_data
from kerasface.train.recipe import ClassifyRecipe

RECIPE = ClassifyRecipe(classifier="softmax")
FACES = ModelInput()


@pytest.fixture
def prepared(make_prepared):
    """Ten pictures of Ada and ten of Emmy, all different: noise, which no hash takes for one another."""
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    return make_prepared(["Ada", "Emmy"], np.arange(2).repeat(10), range(0, 20, 2), range(1, 20, 2), [], images=images)


def sized(make_prepared, ada, emmy, **changes):
    images = np.random.default_rng(0).integers(0, 256, (ada + emmy, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(2).repeat([ada, emmy])
    return make_prepared(["Ada", "Emmy"], labels, range(1, ada + emmy), [0], [], images=images, **changes)


def test_a_good_folder_gets_no_warning(prepared):
    found = check_data(prepared, RECIPE)
    assert (found.exact, found.near, found.warnings) == ([], [], [])


def test_duplicates_are_grouped_exact_ones_apart(prepared):
    """Pictures 3, 8 and 12 are of one file; 15 looks like 4 but for one grey level here and there."""
    images, keys = prepared.images.copy(), list(prepared.keys)
    images[[8, 12]], keys[8], keys[12] = images[3], keys[3], keys[3]
    images[15] = np.clip(images[4].astype(int) + 1, 0, 255)
    found = check_data(replace(prepared, images=images, keys=keys), RECIPE)
    assert [group.tolist() for group in found.exact] == [[3, 8, 12]]
    assert [group.tolist() for group in found.near] == [[4, 15]]


def test_classes_of_very_different_sizes_are_named(make_prepared):
    (warning,) = check_data(sized(make_prepared, 25, 5), RECIPE).warnings
    assert "Ada has 25 images, Emmy 5" in warning
    assert "class weights" in warning
    assert check_data(sized(make_prepared, 24, 5), RECIPE).warnings == []


@pytest.mark.parametrize("changes", [{"class_weights": "balanced"}, {"classifier": "cosine"}])
def test_what_weighs_the_same_already_needs_no_advice(make_prepared, changes):
    (warning,) = check_data(sized(make_prepared, 25, 5), replace(RECIPE, **changes)).warnings
    assert warning.endswith("Emmy 5.")


def test_few_images_of_a_class_are_said(make_prepared):
    (warning,) = check_data(sized(make_prepared, 8, 4), RECIPE).warnings
    assert warning.startswith("Of 2 classes, 1 class has fewer than 5 images")


def test_much_that_cannot_be_used_is_said(prepared):
    bad = [(f"{index}.jpg", "broken") for index in range(3)]
    (warning,) = check_data(replace(prepared, rejected=bad), RECIPE).warnings  # 3 of 23
    assert warning == "3 of 23 files cannot be used."
    assert check_data(replace(prepared, rejected=bad[:2]), RECIPE).warnings == []  # 2 of 22 are less than a tenth


def test_pictures_under_two_names_are_said(prepared):
    leaks = replace(prepared.leaks, two_labels_near=np.array([[0, 19]]))
    (warning,) = check_data(replace(prepared, leaks=leaks), RECIPE).warnings
    assert warning.startswith("Under two names, of which one is wrong: 1 picture.")


def test_faces_without_strangers_are_said(prepared):
    (warning,) = check_data(replace(prepared, input=FACES), RECIPE).warnings
    assert "no strangers" in warning
    assert check_data(replace(prepared, input=FACES, unknown=np.array([0])), RECIPE).warnings == []
