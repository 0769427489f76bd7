import json

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data.curation import Decision, curation_file, read_curation
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from kerasface.tasks.recognition import FaceClassifier
from pages.parts import models as page_models

LABELS = ("Ada", "Grace", "Mary")


@pytest.fixture(scope="session")
def alignment():
    """How the front end cuts crops; a model trained on others is refused."""
    return FaceAnalyzer().embedder.template.fingerprint


@pytest.fixture
def save_model(tmp_path, alignment):
    """Function that saves a classifier of three people that gives them 0.2, 0.7 and 0.1, whatever it sees."""

    def save(name, kind="face", threshold=None, labels=LABELS):
        side = 150 if kind == "face" else 16
        pictures = keras.Input((side, side, 3), dtype="uint8")
        pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(pictures))
        head = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")
        model = keras.Model(pictures, head(pooled))
        head.bias.assign(np.log([0.2, 0.7, 0.1]))
        numbers = {"num_unknown": 1364, "num_known": 420}
        rates = {"unknown_accepted": 0.009, "unknown_accepted_high": 0.014, "known_accepted": 0.93}
        card = {
            "task": "classify",
            "labels": list(labels),
            "input": {"kind": kind, "image_size": [side, side]},
            "open_set": threshold and {"score": "probability", "threshold": threshold, **numbers, **rates},
        }
        if kind == "face":
            card["input"]["alignment"] = alignment
        return runs.write_run(
            tmp_path / "saved_models",
            name,
            model=model,
            card=ModelCard.from_dict(card),
            metrics={},
            history=[{"epoch": 1}],
        )

    return save


@pytest.fixture
def trained(save_model):
    """A classifier of three people in `saved_models/friends` that has no threshold for strangers."""
    return save_model("friends")


def open_sample(open_page):
    page = open_page("recognise")
    page.segmented_control(key="photos_source").set_value("Sample").run()
    assert not page.exception
    return page


def bar_texts(chart):
    return [note["text"] for note in json.loads(chart.proto.spec)["layout"]["annotations"]]


def said(page):
    """All Markdown of the page, without its escapes."""
    return " ".join(text.value for text in page.markdown).replace("\\", "")


def faces_shown(page):
    return [text.value.splitlines()[0].strip() for text in page.markdown if text.value.startswith("**Face ")]


def test_first_start_says_how_to_make_a_model(open_page):
    page = open_page("recognise")
    assert not page.exception
    assert page.code[0].value == page_models.TRAIN_COMMAND
    assert "No model is trained yet" in page.info[0].value


@pytest.mark.slow
def test_without_a_model_the_sample_still_shows_its_face(open_page):
    page = open_page("recognise")
    page.segmented_control(key="photos_source").set_value("Sample").run()
    assert not page.exception
    assert faces_shown(page) == ["**Face 1**"]
    assert len(page.get("plotly_chart")) == 0


@pytest.mark.usefixtures("trained")
def test_every_face_of_every_photo_has_its_bars(open_page, portrait_files):
    page = open_page("recognise")
    page.file_uploader(key="uploads").set_value(
        [(file.name, file.read_bytes(), "image/png") for file in portrait_files]
    )
    page.run()
    assert not page.exception
    assert faces_shown(page) == ["**Face 1**"] * 2
    charts = page.get("plotly_chart")
    assert len(charts) == 2
    assert bar_texts(charts[0]) == ["Grace", "70.0 %", "Ada", "20.0 %", "Mary", "10.0 %"]  # not bold: no decision
    assert "one of its 3 classes for every face: a stranger gets a name too" in said(page)
    assert said(page).count("Most alike, :small[of those it knows; a stranger gets a name, too]") == 2
    assert "Unknown" not in said(page)


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_what_was_looked_at_is_not_looked_at_again_and_stop_keeps_it(open_page, portrait_files, monkeypatch):
    looked = []
    recognize = FaceClassifier.recognize
    monkeypatch.setattr(
        FaceClassifier, "recognize", lambda self, images, **more: looked.append(1) or recognize(self, images, **more)
    )
    page = open_page("recognise")
    files = [(file.name, file.read_bytes(), "image/png") for file in portrait_files]
    page.file_uploader(key="uploads").set_value(files).run()
    page.run()
    assert (len(looked), len(faces_shown(page))) == (2, 2)

    # As Stop after the first photo leaves it.
    answers = page.session_state["recognise_answers"]
    page.session_state["recognise_stopped"] = list(answers)
    del answers[list(answers)[1]]
    page.run()
    assert (len(looked), len(faces_shown(page))) == (2, 1)
    (go_on,) = [button for button in page.button if button.key == "recognise_go_on"]
    assert go_on.label == "Go on with 1 of 2 photos"
    go_on.click().run()
    assert not page.exception
    assert (len(looked), len(faces_shown(page))) == (3, 2)
    assert not [button for button in page.button if button.key == "recognise_go_on"]


@pytest.mark.slow
def test_an_unknown_face_is_called_so_with_the_error_rate(open_page, save_model):
    save_model("strict", threshold=0.75)
    page = open_sample(open_page)
    assert "**Unknown**" in said(page)
    assert "**Known**" not in said(page)
    assert "score 0.700" in said(page)
    assert "0.9 % of strangers are taken for somebody known (up to 1.4 % at 95 % confidence)" in said(page)
    (chart,) = page.get("plotly_chart")
    assert bar_texts(chart)[0] == "Grace"  # not bold: it is no answer


@pytest.mark.slow
def test_a_known_face_is_called_so(open_page, save_model):
    save_model("lenient", threshold=0.65)
    page = open_sample(open_page)
    assert "**Known**" in said(page)
    assert "**Unknown**" not in said(page)
    assert bar_texts(page.get("plotly_chart")[0])[0] == "<b>Grace</b>"


@pytest.mark.slow
@pytest.mark.usefixtures("no_cached_models")
def test_a_model_of_pictures_needs_no_faces(open_page, save_model, monkeypatch, faceless_png):
    def forbidden():
        raise AssertionError("A model of pictures needs no face front end.")

    save_model("shapes", kind="image")
    monkeypatch.setattr(page_models, "FaceAnalyzer", forbidden)
    page = open_page("recognise")
    page.selectbox(key="model").set_value("shapes").run()
    assert page.title[0].value == "What is in these pictures?"
    page.file_uploader(key="uploads").set_value([("wall.png", faceless_png, "image/png")]).run()
    assert not page.exception
    assert not page.warning
    assert not faces_shown(page)
    assert "16 x 16 pixels" in said(page)
    assert "for every picture, whatever it shows" in said(page)
    (chart,) = page.get("plotly_chart")
    assert bar_texts(chart)[0] == "<b>Grace</b>"


@pytest.mark.slow
def test_a_class_named_unknown_does_not_read_like_a_stranger(open_page, save_model):
    save_model("odd", threshold=0.65, labels=("Ada", "unknown", "Mary"))
    page = open_sample(open_page)
    assert "**Known**" in said(page)
    assert bar_texts(page.get("plotly_chart")[0])[0] == "<b>&#34;unknown&#34;</b>"


@pytest.mark.slow
def test_a_model_of_other_things_judges_no_photo_unasked(open_page, save_model):
    """The faces are shown, and the way to where people are named; chosen, the model says what it does not know."""
    save_model("shapes", kind="image")
    page = open_sample(open_page)
    assert page.selectbox(key="model").value == page_models.FACES_ONLY
    assert faces_shown(page) == ["**Face 1**"]
    assert len(page.get("plotly_chart")) == 0
    assert "Gallery" in page.info[0].value
    assert [link.proto.page for link in page.get("page_link")] == ["gallery"]
    page.selectbox(key="model").set_value("shapes").run()
    assert not page.exception
    assert "A face is in this photo, and this model knows no people" in page.info[-1].value


@pytest.mark.slow
def test_many_photos_are_small_cards_that_open(open_page, save_model, portrait_png, faceless_png):
    save_model("lenient", threshold=0.65)
    page = open_page("recognise")
    files = [(f"{number}.png", faceless_png if number else portrait_png, "image/png") for number in range(5)]
    page.file_uploader(key="uploads").set_value(files).run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 0  # they belong to the details
    assert "**Grace** :small[70.0 %]" in said(page)
    assert said(page).count("No face was found") == 4
    assert sum(button.label == "Details" for button in page.button) == 5
    page.button(key="photo_1_details").click().run()
    assert not page.exception
    assert faces_shown(page) == ["**Face 1**"]
    assert bar_texts(page.get("plotly_chart")[0])[0] == "<b>Grace</b>"


def test_a_threshold_without_error_rates_is_a_broken_model(open_page, trained):
    path = trained / "card.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**card, "open_set": {"threshold": 0.5}}), encoding="utf-8")
    page = open_page("recognise")
    assert not page.exception
    assert "threshold for the unknown" in page.warning[0].value


@pytest.mark.slow
def test_a_bad_file_does_not_stop_the_others(open_page, portrait_png, faceless_png):
    page = open_page("recognise")
    files = [("cut.png", portrait_png[:2000]), ("wall.png", faceless_png), ("me.png", portrait_png)]
    page.file_uploader(key="uploads").set_value([(name, content, "image/png") for name, content in files]).run()
    assert not page.exception
    assert [r"cut\.png" in error.value for error in page.error] == [True]
    assert ["No face" in warning.value for warning in page.warning] == [True]
    assert faces_shown(page) == ["**Face 1**"]


def test_a_broken_model_is_named_and_not_offered(open_page, tmp_path):
    folder = tmp_path / "saved_models" / "old"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{}", encoding="utf-8")
    page = open_page("recognise")
    assert not page.exception
    assert "old" in page.warning[0].value
    assert not page.selectbox


def test_an_altered_model_is_a_sentence(open_page, trained):
    (trained / "model.keras").write_bytes(b"altered")
    page = open_page("recognise")
    page.segmented_control(key="photos_source").set_value("Sample").run()
    assert not page.exception
    assert "altered" in page.error[0].value
    assert not faces_shown(page)


def test_a_folder_of_classes_is_a_grid_a_table_and_a_list_for_the_next_training(save_model, open_page, tmp_path):
    save_model("pictures", kind="image")
    people = tmp_path / "people"
    for name in ("Ada/1.png", "Ada/2.png", "Grace/1.png"):
        (people / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (9, len(name), 90)).save(people / name)
    (people / "Ada" / "text.jpg").write_text("no photo")
    page = open_page("recognise")
    page.selectbox(key="model").set_value("pictures").run()
    page.segmented_control(key="photos_source").set_value("Folder").run()
    page.text_input(key="recognise_folder_path").set_value(str(people))
    (look,) = [button for button in page.button if button.key == "recognise_folder_look"]
    look.click().run()
    assert not page.exception
    assert [text.value for text in page.markdown].count("**Grace**") == 3
    assert "text.jpg" in said_of(page.warning)
    page.checkbox(key="recognise_others").check().run()
    assert [text.value for text in page.markdown].count("**Grace**") == 2  # those that lie in Ada's folder
    opened = people / "Ada" / "1.png"
    (show,) = [button for button in page.button if button.key == f"sort_open_{opened}"]
    show.click().run()
    page.selectbox(key=f"recognise_decide_{opened}").set_value("is Grace").run()
    assert not page.exception
    assert read_curation(curation_file(people)) == (Decision("Ada/1.png", "Grace"),)
    assert str(curation_file(people)) in page.code[-1].value


def said_of(elements):
    return " ".join(element.value for element in elements).replace("\\", "")


def test_without_a_model_a_folder_is_pointed_to_the_gallery(open_page):
    page = open_page("recognise")
    page.segmented_control(key="photos_source").set_value("Folder").run()
    assert not page.exception
    assert "Sort photos names the people" in said_of(page.info)
