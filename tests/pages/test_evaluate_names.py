"""Evaluate, names: a made-up classifier of pictures on a folder of them."""

import pytest
from PIL import Image

from pages.parts.evaluate.names import ALONE
from tests.pages.test_evaluate import button, measure, metrics, text_of, typed
from tests.pages.test_inspect import LABELS, save_classifier


@pytest.fixture
def pictures(tmp_path):
    """Three pictures of the name that everything gets, one of another, two of none."""
    for name, count in ((LABELS[1], 3), (LABELS[0], 1), ("nobody", 2)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (40, 30), (90, 20 * number, 60)).save(tmp_path / "pictures" / name / f"{number}.png")
    return tmp_path / "pictures"


@pytest.fixture
def open_names(open_page):
    def opened():
        page = open_page("evaluate")
        page.query_params["question"] = "Names"
        page.segmented_control(key="question").set_value("Names").run()
        assert not page.exception
        return page

    return opened


def test_without_a_model_it_says_how_to_make_one(open_names):
    page = open_names()
    assert "No model that names anything" in text_of(page)
    assert not [one for one in page.text_input if one.key == "names_model"]


@pytest.mark.slow
def test_a_folder_is_measured_and_its_mistakes_are_shown(open_names, pictures, tmp_path):
    save_classifier(tmp_path / "saved_models", "one")
    page = measure(typed(open_names(), class_folder=pictures))
    assert metrics(page)["Right"] == "75.00 %"
    assert metrics(page)["Photos"] == "4"
    text = text_of(page)
    assert "2 photos of none of the classes; without a threshold each of them got a name" in text
    assert "as no class has their name: nobody." in text.replace("\\", "")
    assert f"| {LABELS[0]} | {LABELS[1]} | 1 |" in text
    assert f"named {LABELS[1]}, 70.0\N{NO-BREAK SPACE}%" in text
    assert [one.label for one in page.get("download_button")] == ["Rates (JSON)", "Report (HTML)"]


@pytest.mark.slow
def test_two_models_are_set_side_by_side(open_names, pictures, tmp_path):
    root = tmp_path / "saved_models"
    save_classifier(root, "one")
    save_classifier(root, "two")
    save_classifier(root, "unlike", labels=("x", "y"))
    page = typed(open_names(), class_folder=pictures)
    page.selectbox(key="names_model").set_value("one").run()
    beside = page.selectbox(key="names_beside_one")
    assert beside.options == [ALONE, "two"]  # not the one of other classes
    beside.set_value("two").run()
    page = measure(page)
    assert "No difference can be shown with so many pictures" in text_of(page).replace("\\", "")
    assert "**one**" in text_of(page)
    page.selectbox(key="names_beside_one").set_value(ALONE).run()
    assert button(page, "Measure")  # another question, not measured yet


@pytest.mark.slow
def test_a_folder_of_other_names_is_refused(open_names, pictures, tmp_path):
    save_classifier(tmp_path / "saved_models", "unlike", labels=("x", "y"))
    page = measure(typed(open_names(), class_folder=pictures))
    assert "has no folder named like a class of the model" in page.error[0].value.replace("\\", "")
