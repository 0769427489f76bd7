import json

import keras
import numpy as np
import pytest

from kerasface import runs
from kerasface.faces.analyzer import FaceAnalyzer
from pages import _models

LABELS = ("Ada", "Grace", "Mary")


@pytest.fixture(scope="session")
def alignment():
    """How the front end cuts crops; a model trained on others is refused."""
    return FaceAnalyzer().embedder.alignment


@pytest.fixture
def trained(tmp_path, alignment):
    """A classifier of three people in `saved_models/friends`: it gives everyone 0.7, 0.2 and 0.1, whatever it sees."""
    crops = keras.Input((150, 150, 3), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(crops))
    head = keras.layers.Dense(3, activation="softmax", kernel_initializer="zeros")
    model = keras.Model(crops, head(pooled))
    head.bias.assign(np.log([0.2, 0.7, 0.1]))
    card = {"task": "classify", "labels": list(LABELS), "input": {"image_size": [150, 150], "alignment": alignment}}
    root = tmp_path / "saved_models"
    runs.write_run(root, "friends", model=model, card=card, metrics={}, history=[{"epoch": 1}])
    return root / "friends"


def faces_shown(page):
    return [text.value.splitlines()[0].strip() for text in page.markdown if text.value.startswith("**Face ")]


def test_first_start_says_how_to_make_a_model(open_page):
    page = open_page("recognise")
    assert not page.exception
    assert page.code[0].value == _models.TRAIN_COMMAND
    assert "No model is trained yet" in page.info[0].value


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
    names = [note["text"] for note in json.loads(charts[0].proto.spec)["layout"]["annotations"]]
    assert names == ["<b>Grace</b>", "70.0 %", "Ada", "20.0 %", "Mary", "10.0 %"]
    assert any("3 people" in text.value and "a stranger gets a name too" in text.value for text in page.markdown)


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
