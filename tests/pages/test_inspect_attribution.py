import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.inspection.attribution.faithfulness import Faithfulness
from kerasface.inspection.attribution.methods import DEFAULT_METHOD, METHODS
from kerasface.inspection.attribution.targets import ClassTarget
from kerasface.inspection.attribution.watched import Watched
from kerasface.inspection.stitched import Stitched
from kerasface.runs.card import ModelCard
from kerasface.runs.store import load_run
from pages.parts.inspect import attribution as inspect_attribution
from pages.parts.inspect import questions as inspect_questions
from pages.parts.inspect import trust as inspect_trust
from tests.pages.test_inspect import open_view, said, save_classifier
from tests.pages.test_segment import save_segmenter


@pytest.fixture
def save_model(tmp_path):
    return lambda *args, **options: save_classifier(tmp_path / "saved_models", *args, **options)


@pytest.fixture
def face_model(save_model):
    """`saved_models/friends`, a classifier of aligned faces."""
    return save_model("friends", kind="face", image_size=[150, 150], alignment=FACE_RESNET_CROP.fingerprint)


@pytest.fixture
def counted(monkeypatch):
    """Names of the methods, one for each time that a map is computed."""
    calls = []

    def counting(name, method):
        return lambda *args, **options: calls.append(name) or method(*args, **options)

    monkeypatch.setattr(inspect_questions, "METHODS", {name: counting(name, METHODS[name]) for name in METHODS})
    return calls


def classes_of(page):
    (found,) = [one for one in page.button_group if one.key.startswith("class_")]
    return found


def shares_shown(page):
    """The numbers beside the bars of the parts."""
    specs = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    (notes,) = [spec["layout"]["annotations"] for spec in specs if spec["layout"].get("annotations")]
    return [note["text"].replace("\N{NO-BREAK SPACE}", " ") for note in notes]


def press(page, label):
    (button,) = [button for button in page.button if button.label == label]
    button.click().run()
    assert not page.exception


def test_without_a_model_the_page_says_how_to_get_one(open_page):
    page = open_page("inspect")
    page.segmented_control(key="inspect_view").set_value("answer").run()
    assert not page.exception
    assert "no model that gives answers" in page.info[0].value
    assert page.code


@pytest.mark.slow
def test_the_answer_is_told_and_each_class_can_be_asked_about(open_page, save_model, counted):
    save_model()
    page = open_view(open_page, "answer")
    assert "The model says **Grace**, 70.0 %" in said(page)
    classes = classes_of(page)
    assert [label.split()[0] for label in classes.options] == ["Grace", "Ada", "Mary"]
    assert counted == [DEFAULT_METHOD]
    classes.set_value("Mary").run()
    assert not page.exception
    assert counted == [DEFAULT_METHOD] * 2
    classes_of(page).set_value("Grace").run()  # kept from before
    page.slider(key="inspect_opacity").set_value(30).run()
    assert not page.exception
    assert counted == [DEFAULT_METHOD] * 2


@pytest.mark.slow
def test_a_model_of_other_things_is_not_picked_unasked(open_page, save_model):
    """Alone it waits to be chosen, and then it is said that it knows nothing of the face."""
    save_model("shapes")
    page = open_page("inspect")
    page.segmented_control(key="inspect_view").set_value("answer").run()
    assert not page.exception
    assert page.selectbox(key="inspect_answer_model").value is None
    assert "What they say of a face means nothing" in page.caption[0].value
    page = open_view(open_page, "answer", inspect_answer_model="shapes")
    assert any("faces in this photo" in info.value for info in page.info)


def test_a_model_of_faces_goes_before_one_of_other_things(open_page, save_model, tmp_path):
    save_model("digits")
    save_segmenter(tmp_path / "saved_models", "parts")
    page = open_page("inspect")
    page.segmented_control(key="inspect_view").set_value("answer").run()
    assert page.selectbox(key="inspect_answer_model").options == ["parts", "digits"]
    assert page.selectbox(key="inspect_answer_model").value == "parts"


@pytest.mark.slow
def test_every_method_is_explained_and_its_pictures_are_counted(save_model):
    """A progress bar ends at 1 if the number of pictures is right."""
    assert set(inspect_attribution.EXPLAINED) == set(METHODS)
    run = load_run(save_model().parent, "pictures")
    picture = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    stitched = Stitched(run.model)
    for name, method in METHODS.items():
        told = [0]
        method(Watched(stitched, told.append), picture, ClassTarget(1))
        assert told[-1] == inspect_questions.PICTURES.get(name, told[-1])
        assert told[-1] <= 1 or name in inspect_questions.PICTURES


@pytest.mark.slow
def test_methods_of_a_layer_offer_layers(open_page, save_model):
    save_model()
    page = open_view(open_page, "answer")
    page.selectbox(key="inspect_method_classify").set_value("layer-cam").run()
    (layer,) = [one for one in page.selectbox if one.label.startswith("Layer")]
    assert layer.options == ["scaled (16 x 16)", "maps (16 x 16)", "pooled (8 x 8)"]
    layer.set_value("maps").run()
    assert not page.exception
    page.selectbox(key="inspect_method_classify").set_value("smooth-grad").run()
    assert not page.exception
    assert not [one for one in page.selectbox if one.label.startswith("Layer")]


@pytest.mark.slow
def test_a_model_without_maps_is_explained_by_other_methods(open_page, save_model):
    save_model("linear", convolution=False)
    page = open_view(open_page, "answer")
    page.selectbox(key="inspect_method_classify").set_value("layer-cam").run()
    assert "needs a layer with maps" in page.warning[0].value
    assert not page.image
    page.selectbox(key="inspect_method_classify").set_value("occlusion").run()
    assert not page.exception
    assert not page.warning
    assert len(page.image) == 1


@pytest.mark.slow
def test_all_methods_side_by_side(open_page, save_model, counted, monkeypatch):
    """Methods through ReLUs tell that the model has none; going back to one method computes nothing."""
    save_model("smooth", relu=False)
    monkeypatch.setattr(inspect_attribution, "default_method", lambda task: "grad-cam")
    page = open_view(open_page, "answer")
    page.toggle(key="inspect_compare").set_value(True).run()
    assert not page.exception
    assert counted == list(METHODS)
    assert len(page.image) == len(METHODS) - 2
    assert sum("has none" in caption.value for caption in page.caption) == 2
    page.toggle(key="inspect_compare").set_value(False).run()
    assert counted == list(METHODS)


@pytest.mark.slow
def test_a_map_can_be_checked(open_page, save_model):
    save_model()
    page = open_view(open_page, "answer")
    assert "rank correlation" not in said(page)
    press(page, "Compare with random weights")
    assert "rank correlation of" in said(page)
    press(page, "Remove and show its places")
    assert [metric.label.split(":")[0] for metric in page.metric] == ["Deletion", "Insertion"]
    (chart,) = page.get("plotly_chart")
    curves = json.loads(chart.proto.spec)["data"]
    assert [curve["name"] for curve in curves] == ["the most important removed first", "the most important shown first"]
    # 0.7 whatever is removed, so the area under the curve is 0.7, too.
    assert [metric.value for metric in page.metric] == ["0.70", "0.70"]


def test_curves_are_probabilities():
    """Of 50 pixels, with sums of 50 at first and none at last."""
    found = Faithfulness(np.array([0, 0.5, 1]), np.array([50, 25, 0]), np.array([0, 5, 50]), 0, 0, (), ())
    deletion, insertion = inspect_trust.curves(found, scale=50.0).data
    np.testing.assert_allclose(deletion.y, [1, 0.5, 0])
    np.testing.assert_allclose(insertion.y, [0, 0.1, 1])
    np.testing.assert_allclose(deletion.x, [0, 0.5, 1])


@pytest.mark.usefixtures("face_model")
@pytest.mark.slow
def test_the_parts_of_a_face_are_audited(open_page, tmp_path):
    """The model of parts calls everything around the face skin, and so all of what speaks for the answer."""
    save_segmenter(tmp_path / "saved_models")
    page = open_view(open_page, "answer", inspect_answer_model="friends")
    assert shares_shown(page) == ["0.0 %", "100.0 %", "0.0 %"]
    assert not page.warning


@pytest.mark.slow
def test_a_background_that_dominates_is_warned_of():
    """Three quarters of the map lie on class 0."""

    def script(map, mask, warn):
        from pages.parts.inspect.overlays import show_shares

        show_shares(map, mask, ("background", "skin"), ((0, 0, 0), (255, 0, 0)), key="shares", warn=warn)

    map, mask = np.array([[3.0, 1.0]]), np.array([[0, 1]])
    page = AppTest.from_function(script, kwargs={"map": map, "mask": mask, "warn": True}).run()
    assert "75 % of what speaks" in page.warning[0].value.replace("\\", "")
    assert shares_shown(page) == ["75.0 %", "25.0 %"]
    assert not AppTest.from_function(script, kwargs={"map": map, "mask": mask, "warn": False}).run().warning
    empty = AppTest.from_function(script, kwargs={"map": -map, "mask": mask, "warn": True}).run()
    assert "no shares" in empty.caption[0].value


@pytest.mark.usefixtures("face_model")
@pytest.mark.slow
def test_without_the_model_of_parts_the_map_is_still_there(open_page):
    page = open_view(open_page, "answer")
    assert len(page.image) == 1
    assert any("no model 'face-parts'" in caption.value.replace("\\", "") for caption in page.caption)


@pytest.mark.slow
def test_pixels_of_a_class_can_be_asked_about(open_page, tmp_path):
    """The model calls every pixel skin, so only that can be asked about; no layer lies before its last one."""
    save_segmenter(tmp_path / "saved_models")
    page = open_view(open_page, "answer")
    assert "The model finds **1** of its 3 classes here" in said(page)
    assert [label.split()[0] for label in classes_of(page).options] == ["skin"]
    assert "does not depend on this layer" in page.warning[0].value
    page.selectbox(key="inspect_method_segment").set_value("occlusion").run()
    assert not page.exception
    assert not page.warning
    assert len(page.image) == 1


@pytest.mark.slow
def test_a_model_with_several_outputs_is_a_sentence(open_page, tmp_path):
    import keras

    from kerasface.runs import store as runs

    pictures = keras.Input((16, 16, 3))
    maps = keras.layers.Conv2D(2, 3, activation="softmax", padding="same")
    model = keras.Model(pictures, [maps(pictures), keras.layers.Flatten()(pictures)])
    card = {"task": "segment", "labels": ["a", "b"], "colours": [[0, 0, 0]] * 2, "input": {"image_size": [16, 16]}}
    runs.write_run(
        tmp_path / "saved_models",
        "two",
        model=model,
        card=ModelCard.from_dict(card),
        metrics={},
        history=[{"epoch": 1}],
    )
    page = open_view(open_page, "answer")
    assert "several answers" in page.error[0].value
    page.segmented_control(key="inspect_view").set_value("faces").run()
    assert not page.exception
