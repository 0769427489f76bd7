import json

import numpy as np
import pytest

from kerasface.inspection.attribution.match import MATCH_METHODS, explain_match
from kerasface.inspection.attribution.watched import Watched
from kerasface.inspection.stitched import Stitched
from kerasface.models.pretrained import ModelFileError
from pages.parts.inspect import match as inspect_match
from tests.pages.conftest import png
from tests.pages.test_inspect import open_view, said
from tests.pages.test_segment import save_segmenter


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """The default method, occlusion, takes seconds."""
    monkeypatch.setattr(inspect_match, "DEFAULT_MATCH_METHOD", "grad-cam")


@pytest.fixture
def counted(monkeypatch):
    """Methods, one for each time that a match is explained."""
    calls = []

    def counting(*crops, **options):
        calls.append(options["method"])
        return explain_match(*crops, **options)

    monkeypatch.setattr(inspect_match, "explain_match", counting)
    return calls


def open_samples(open_page):
    page = open_view(open_page, "faces")
    (sample,) = [button for button in page.button if button.label == "Try the sample"]
    sample.click().run()
    assert not page.exception
    return page


@pytest.mark.slow
def test_the_sample_is_a_match_with_a_map_on_each_face(open_page, counted):
    page = open_samples(open_page)
    assert "Match: the same person" in page.subheader[0].value
    assert "accepted by mistake: 0.1 % asked; measured 0." in said(page).replace("\\", "")
    assert len(page.image) == 2
    captions = [caption.value.replace("\\", "") for caption in page.caption]
    assert any("no model 'face-parts'" in caption for caption in captions)  # the maps do not need it
    page.slider(key="inspect_match_opacity").set_value(20).run()
    page.segmented_control(key="inspect_match_method").set_value("layer-cam").run()
    page.segmented_control(key="inspect_match_method").set_value("grad-cam").run()
    assert not page.exception
    assert counted == ["grad-cam", "layer-cam"]


@pytest.mark.slow
def test_parts_of_both_faces_are_audited(open_page, tmp_path):
    """The model of parts calls everything skin: all of what makes alike lies on it, and all of what makes different."""
    save_segmenter(tmp_path / "saved_models")
    page = open_samples(open_page)
    for side in (inspect_match.HIGH, inspect_match.LOW):
        page.segmented_control(key="inspect_match_side").set_value(side).run()
        assert not page.exception
        charts = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
        shares = [
            [note["text"].replace("\N{NO-BREAK SPACE}", " ") for note in one["layout"]["annotations"]] for one in charts
        ]
        assert shares == [["0.0 %", "100.0 %", "0.0 %"]] * 2


def test_a_photo_without_a_face_is_a_sentence(open_page, portrait_png, faceless_png):
    page = open_view(open_page, "faces")
    for key, content in (("a", portrait_png), ("b", faceless_png)):
        page.file_uploader(key=f"inspect_{key}_upload").set_value((f"{key}.png", content, "image/png"))
    page.run()
    assert not page.exception
    assert "No face was found in Photo B" in page.warning[0].value
    assert not page.image


@pytest.mark.slow
def test_of_several_faces_one_is_picked_under_its_photo(open_page, portrait, portrait_png):
    head = portrait[20:240, 130:310]
    page = open_view(open_page, "faces")
    for key, content in (("a", png(np.hstack([head, head[:, ::-1]]))), ("b", portrait_png)):
        page.file_uploader(key=f"inspect_{key}_upload").set_value((f"{key}.png", content, "image/png"))
    page.run()
    assert not page.exception
    assert page.warning  # two faces of one size: none stands out
    (choice,) = [one for one in page.button_group if one.key.startswith("inspect_a_face_")]  # Photo B has one face
    for number in (2, 1):
        choice.set_value(number).run()
        assert not page.exception
        assert "Match: the same person" in page.subheader[0].value
        assert len(page.image) == 3  # Photo A with its faces, and both maps


def test_missing_weights_are_a_sentence(open_page, monkeypatch):
    def missing(*_):
        raise ModelFileError("The weight file x.dat is missing. Run: pip install x")

    monkeypatch.setattr(inspect_match, "match_stitched", missing)
    page = open_samples(open_page)
    assert r"x\.dat is missing" in page.error[0].value


def test_every_method_is_explained_and_its_pictures_are_counted():
    """A progress bar ends at 1 if the number of pictures is right."""
    import keras

    assert set(inspect_match.EXPLAINED) == set(MATCH_METHODS)
    pictures = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(pictures))
    stitched = Stitched(keras.Model(pictures, keras.layers.UnitNormalization()(x)))
    first, second = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    for method in MATCH_METHODS:
        told = [0]
        explain_match(first, second, Watched(stitched, told.append), method=method)
        assert told[-1] == 2 * inspect_match.PICTURES.get(method, 0)
