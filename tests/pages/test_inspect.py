import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from pages.parts.inspect import channel as inspect_channel
from pages.parts.inspect import crops as inspect_crops
from pages.parts.inspect.models import EMBEDDER, LITE
from tests.pages.conftest import png

LABELS = ("Ada", "Grace", "Mary")
PROBABILITIES = (0.2, 0.7, 0.1)
ANALYSIS = 90_000  # milliseconds; on the first photo the server imports TensorFlow and builds the models
SIDE = 16  # pixels of what the small model takes


def save_classifier(root, name="pictures", *, labels=LABELS, relu=True, convolution=True, **asked):
    """Saves a classifier that gives 0.2, 0.7 and 0.1 to whatever it sees; `asked` are entries of its card's input.

    Its four channels are the mean colour plus 1, nothing above 0 at any place, and two of random filters.
    """
    side = asked.setdefault("image_size", [SIDE, SIDE])[0]
    pictures = keras.Input((side, side, 3), name="picture")
    x = pictures
    if convolution:
        x = keras.layers.Rescaling(1 / 255, name="scaled")(x)
        maps = keras.layers.Conv2D(4, 3, padding="same", activation="relu" if relu else "tanh", name="maps")
        x = keras.layers.MaxPooling2D(2, name="pooled")(maps(x))
        kernel = np.random.default_rng(0).normal(0, 0.3, (3, 3, 3, 4))
        kernel[..., 0], kernel[..., 1] = 1 / 27, 0
        maps.set_weights([kernel, np.array([1, -1, 0.5, 0.5])])
    x = keras.layers.Flatten(name="flat")(x)
    # Weights so small that the bias alone decides, and yet there are gradients.
    head = keras.layers.Dense(len(labels), activation="softmax", kernel_initializer=small_weights(), name="head")
    model = keras.Model(pictures, head(x), name=name)
    head.bias.assign(np.log(np.resize(PROBABILITIES, len(labels))))
    card = {"task": "classify", "labels": list(labels), "input": {"kind": "image", **asked}}
    return runs.write_run(root, name, model=model, card=ModelCard.from_dict(card), metrics={}, history=[{"epoch": 1}])


def small_weights():
    return keras.initializers.RandomNormal(0, 1e-5, seed=1)


@pytest.fixture
def save_model(tmp_path):
    return lambda *args, **options: save_classifier(tmp_path / "saved_models", *args, **options)


def open_view(open_page, view, **models):
    """Opens the page at a view with the sample photo; `models` are choices of model by the widget's key.

    A model of other things than faces, which the page does not pick by itself, is picked.
    """
    page = open_page("inspect")
    page.segmented_control(key="inspect_view").set_value(view).run()
    for box in page.selectbox:
        if box.key == "inspect_answer_model" and box.value is None:
            box.set_value(box.options[0]).run()
    for key, name in models.items():
        page.selectbox(key=key).set_value(name)
    if view != "faces":
        page.segmented_control(key="inspect_source").set_value("Sample")
    page.run()
    assert not page.exception
    return page


def said(page):
    """All Markdown of the page, without its escapes."""
    return " ".join(text.value for text in page.markdown).replace("\\", "")


def layer_key(page, name):
    card = json.loads(Path("saved_models", name, "card.json").read_text(encoding="utf-8"))
    return f"layer_{card['model_sha256'][:16]}"


@pytest.mark.slow
def test_first_start_asks_for_a_photo_and_offers_a_sample(open_page):
    page = open_page("inspect")
    assert not page.exception
    assert page.title[0].value == "What does the network see?"
    assert page.selectbox(key="inspect_layers_model").options == [EMBEDDER, LITE]
    assert "Choose a photo" in page.caption[0].value
    page.button[0].click().run()
    assert not page.exception
    assert page.segmented_control(key="inspect_source").value == "Sample"
    assert "stem_relu** (ReLU) gives 32 channels of 72 x 72 places" in said(page)


def test_the_address_names_the_view(open_page):
    page = open_page("inspect")
    assert page.query_params["view"] == "layers"
    page.segmented_control(key="inspect_view").set_value("faces").run()
    assert page.query_params["view"] == "faces"
    assert [text.label for text in page.segmented_control if text.key.endswith("_source")] == ["Photo A", "Photo B"]


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "shown"), [("answer", "answer"), ("nonsense", "layers")])
def test_an_address_opens_its_view(open_page, asked, shown):
    page = open_page("home")
    page.query_params["view"] = asked
    page.switch_page("pages/inspect.py").run()
    assert not page.exception
    assert page.segmented_control(key="inspect_view").value == shown


@pytest.mark.slow
def test_layers_show_what_they_answer(open_page, save_model):
    """Channel 0 has the largest mean; channel 1 is 0 everywhere: silent, and drawn last."""
    save_model()
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    assert f"maps** (Conv2D) gives 4 channels of {SIDE} x {SIDE} places each. **1 of 4** are silent" in said(page)
    channels = page.button_group(key=f"channel_4_{layer_key(page, 'pictures')}_maps")
    assert [int(label.split()[-1]) for label in channels.options][-1] == 1
    assert channels.options[0].startswith("![](data:image/png;base64,")
    assert channels.value == 0
    channels.set_value(1).run()
    assert not page.exception
    assert "**Channel 1**, :small[silent on this picture]" in said(page)


@pytest.mark.slow
def test_a_button_of_the_strip_goes_to_its_layer(open_page, save_model):
    save_model()
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    levels = [button for button in page.button if button.label.endswith("channels")]
    assert [button.label for button in levels] == ["16 x 16, 4 channels", "8 x 8, 4 channels"]
    levels[1].click().run()
    assert not page.exception
    assert page.select_slider(key=layer_key(page, "pictures")).value == "pooled"
    assert "pooled** (MaxPooling2D) gives 4 channels of 8 x 8 places each. A" not in said(page)  # it has no rectifier
    assert "silent" not in said(page)


@pytest.mark.slow
def test_a_picture_is_made_up_on_demand(open_page, save_model, monkeypatch):
    monkeypatch.setattr(inspect_channel, "STEPS", 2)
    save_model()
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    before = len(page.image)
    page.button(
        key=next(one.key for one in page.button if one.label == "What excites this channel most?")
    ).click().run()
    assert not page.exception
    assert len(page.image) == before + 1
    assert "changed 2 times" in " ".join(caption.value for caption in page.caption)
    assert not any(button.label == "Stop" for button in page.button)


def crops_button(page):
    return page.button(key=next(one.key for one in page.button if one.label == "Find its crops"))


@pytest.mark.slow
def test_the_crops_that_excite_a_channel_come_out_of_a_folder(open_page, save_model, tmp_path):
    """Channel 0 answers with the mean colour: the brightest photo is the first; what is no photo is named."""
    save_model()
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, value in (("dark", 20), ("bright", 220), ("middle", 120)):
        (photos / f"{name}.png").write_bytes(png(np.full((30, 40, 3), value, np.uint8)))
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    page.text_input(key="inspect_crops_folder").set_value(str(photos)).run()
    before = len(page.image)
    crops_button(page).click().run()
    assert not page.exception
    assert len(page.image) == before + 2 * 3  # each with what in it leads to the answer
    captions = [caption.value.replace("\\", "") for caption in page.caption]
    assert [text.split(":")[0] for text in captions if ".png: " in text and "Of" not in text] == [
        "bright.png",
        "middle.png",
        "dark.png",
    ]
    assert any("Of 3 photos. 1 photo left out" in text and "broken.png" in text for text in captions)
    page.button_group(key=f"channel_4_{layer_key(page, 'pictures')}_maps").set_value(1).run()
    crops_button(page).click().run()
    assert not page.exception


@pytest.mark.slow
def test_a_folder_without_photos_is_a_sentence(open_page, save_model, tmp_path):
    save_model()
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    page.text_input(key="inspect_crops_folder").set_value(str(tmp_path / "nowhere")).run()
    crops_button(page).click().run()
    assert not page.exception
    assert "is not a folder" in page.warning[0].value.replace("\\", "")


@pytest.mark.slow
def test_a_model_of_digits_looks_at_the_sample_digits(open_page, save_model, monkeypatch):
    monkeypatch.setattr(inspect_crops, "DIGITS", 20)
    save_model(labels=tuple("0123456789"))
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    before = len(page.image)
    crops_button(page).click().run()
    assert not page.exception
    assert len(page.image) == before + 2 * 9
    assert any("Of 20 sample digits" in caption.value for caption in page.caption)


@pytest.mark.slow
def test_a_model_without_convolutions_has_no_maps(open_page, save_model):
    save_model("linear", convolution=False)
    page = open_view(open_page, "layers", inspect_layers_model="linear")
    assert "no convolutions" in page.info[-1].value  # above it: the sample shows a face, and this model knows none


def test_broken_models_are_named_and_the_page_stays_usable(open_page, save_model, tmp_path):
    (tmp_path / "saved_models" / "old").mkdir(parents=True)
    (tmp_path / "saved_models" / "old" / "card.json").write_text("{}", encoding="utf-8")
    (save_model() / "model.keras").write_bytes(b"altered")
    page = open_view(open_page, "layers", inspect_layers_model="pictures")
    assert "old" in page.warning[0].value
    assert "altered" in page.error[0].value
    page.segmented_control(key="inspect_view").set_value("faces").run()
    assert not page.exception


def test_a_photo_without_a_face_is_a_sentence(open_page, faceless_png):
    page = open_page("inspect")
    page.file_uploader(key="inspect_upload").set_value(("wall.png", faceless_png, "image/png")).run()
    assert not page.exception
    assert "No face was found" in page.warning[0].value
    assert not page.select_slider


@pytest.mark.slow
def test_of_several_faces_one_is_chosen(open_page, portrait):
    page = open_page("inspect")
    two = png(np.hstack([portrait, portrait[:, ::-1]]))
    page.file_uploader(key="inspect_upload").set_value(("two.png", two, "image/png")).run()
    assert not page.exception
    (faces,) = [one for one in page.button_group if one.key.startswith("face_")]
    assert faces.options == ["Face 1", "Face 2"]


@pytest.fixture
def server_with_a_model(app_server, app_folder):
    """Address of the dashboard while its folder has a model."""
    run = save_classifier(app_folder / "saved_models")
    yield app_server
    shutil.rmtree(run)


@pytest.mark.browser
@pytest.mark.slow
def test_views_channels_and_stop_in_a_browser(page, server_with_a_model):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{server_with_a_model}/inspect")
    page.get_by_role("button", name="Try the sample").click(timeout=ANALYSIS)
    page.get_by_role("button", name="17 x 17, 64 channels").click(timeout=ANALYSIS)
    expect(page.get_by_text("gives 64 channels of 17 x 17 places")).to_be_visible(timeout=ANALYSIS)
    tiles = page.locator(".st-key-channels").get_by_role("radio")
    expect(tiles).to_have_count(16, timeout=ANALYSIS)
    expect(tiles.nth(0).locator("img")).to_have_css("height", "64px", timeout=ANALYSIS)  # no mere letter
    channel = tiles.nth(2).inner_text().strip()
    tiles.nth(2).click()
    expect(page.get_by_text(f"Channel {channel}", exact=True)).to_be_visible(timeout=ANALYSIS)
    page.wait_for_timeout(1000)  # until the button below is that of this channel, too
    page.get_by_role("button", name="What excites this channel most?").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="What excites this channel most?")).to_be_visible(timeout=ANALYSIS)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0, timeout=ANALYSIS)

    page.get_by_text("Why this answer", exact=True).click()
    expect(page).to_have_url(f"{server_with_a_model}/inspect?view=answer")
    page.get_by_role("combobox", name="Model").click()  # of pictures, so it is not picked unasked for a face
    page.get_by_role("option", name="pictures").click()
    expect(page.get_by_text("The model says Grace")).to_be_visible(timeout=ANALYSIS)
    expect(page.get_by_alt_text("Map of what speaks for the answer Grace")).to_be_visible(timeout=ANALYSIS)
    page.get_by_text("Can this map be trusted?").click()
    page.get_by_role("button", name="Compare with random weights").click()
    expect(page.get_by_text("rank correlation")).to_be_visible(timeout=ANALYSIS)  # so what was opened stays open
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
