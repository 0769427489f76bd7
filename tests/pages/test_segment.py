import base64
import io
import json
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.faces.detection import Face
from kerasface.faces.drawing import CHOSEN, mask_png
from kerasface.models.pretrained import ModelFileError
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from kerasface.tasks.segmentation import Segmentation, SegmentedFace
from pages.parts import models as page_models
from pages.parts.segment.drawing import numbered, overlay_png, resized
from tests.conftest import settle

CLASSES = ("background", "skin", "hair")
COLORS = ((0, 0, 0), (230, 159, 0), (86, 180, 233))
CONTEXT = 1.8
ALL_SKIN = ["0.0 %", "100.0 %", "0.0 %"]  # of a picture of which every pixel is skin


def save_segmenter(root, name="face-parts", **changes):
    """Saves a model that calls every pixel skin; `changes` replace entries of its card."""
    pictures = keras.Input((None, None, 3))
    head = keras.layers.Conv2D(3, 1, activation="softmax", kernel_initializer="zeros")
    model = keras.Model(pictures, head(pictures))
    head.bias.assign(np.log([0.2, 0.7, 0.1]))
    card = {
        "task": "segment",
        "labels": list(CLASSES),
        "colours": [list(color) for color in COLORS],
        "input": {"kind": "segment", "image_size": [32, 32], "values": "RGB, 0 to 255", "context": CONTEXT},
    }
    return runs.write_run(
        root, name, model=model, card=ModelCard.from_dict(card | changes), metrics={}, history=[{"epoch": 1}]
    )


@pytest.fixture
def save_model(tmp_path):
    return lambda *args, **changes: save_segmenter(tmp_path / "saved_models", *args, **changes)


@pytest.fixture
def trained(save_model):
    """`saved_models/face-parts`, which calls every pixel skin."""
    return save_model()


def open_sample(open_page):
    page = open_page("segment")
    page.segmented_control(key="photos_source").set_value("Sample").run()
    assert not page.exception
    return page


def upload(page, *photos):
    page.file_uploader(key="uploads").set_value([(name, content, "image/png") for name, content in photos]).run()
    assert not page.exception


def faces_shown(page):
    return [text.value.splitlines()[0].strip() for text in page.markdown if text.value.startswith("**Face ")]


def areas_shown(page):
    """Numbers beside the bars of the photo, which has the background as well, and those of each face."""
    specs = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    texts = [[note["text"] for note in spec["layout"].get("annotations", ())] for spec in specs]
    charts = [[text.replace("\N{NO-BREAK SPACE}", " ") for text in notes] for notes in texts]
    (photo,) = [notes for notes in charts if len(notes) == len(CLASSES)]
    return photo, [notes for notes in charts if len(notes) == len(CLASSES) - 1]


def overlay_shown(page):
    """The picture of the view Overlay, RGB."""
    specs = [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]
    (address,) = [spec["layout"]["images"][0]["source"] for spec in specs if "images" in spec["layout"]]
    return decoded(address)


def decoded(address):
    return np.array(Image.open(io.BytesIO(base64.b64decode(address.partition("base64,")[2]))))


def region_of(face, size=512):
    """Left, top, right and bottom of the square around a face, cut at the border of a square photo."""
    x, y, width, height = face.box
    side = round(CONTEXT * height)
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    return max(left, 0), max(top, 0), min(left + side, size), min(top + side, size)


def test_without_a_model_the_page_says_how_to_get_one(open_page):
    page = open_page("segment")
    assert not page.exception
    assert "no model that segments" in page.info[0].value
    assert "Present: none" in page.info[0].value.replace("\\", "")  # in the words of the command line
    assert page.code[0].value == page_models.SEGMENT_COMMAND
    assert not page.selectbox
    assert not page.file_uploader


def test_first_start_asks_for_a_photo(open_page, save_model):
    save_model("a_first")
    save_model()
    save_model("portraits", task="classify")
    page = open_page("segment")
    assert not page.exception
    assert page.selectbox[0].options == ["face-parts", "a_first"]
    assert "Choose photos" in page.caption[0].value
    assert not page.get("plotly_chart")


@pytest.mark.usefixtures("trained")
def test_the_sample_shows_its_face_and_its_areas(open_page, portrait_face):
    page = open_sample(open_page)
    left, top, right, bottom = region_of(portrait_face)
    skin = (right - left) * (bottom - top) / 512**2
    assert faces_shown(page) == ["**Face 1**"]
    assert areas_shown(page) == (
        [f"{1 - skin:.1%}".replace("%", " %"), f"{skin:.1%}".replace("%", " %"), "0.0 %"],
        [["100.0 %", "0.0 %"]],
    )


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_the_overlay_covers_what_the_model_found_and_no_more(open_page, portrait, portrait_face):
    """With full opacity the square around the face is of the colour of skin; JPEG may change it by a few steps."""
    page = open_sample(open_page)
    page.slider(key="opacity").set_value(100).run()
    left, top, right, bottom = (round(value * 1000 / 512) for value in region_of(portrait_face))
    overlay = overlay_shown(page).astype(int)
    assert overlay.shape == (1000, 1000, 3)
    assert abs(overlay[top + 10 : bottom - 10, left + 10 : right - 10] - COLORS[1]).max() <= 6
    beside = Image.fromarray(portrait).resize((1000, 1000), Image.Resampling.BICUBIC)
    difference = abs(overlay - np.asarray(beside).astype(int))
    difference[top - 10 : bottom + 10, left - 10 : right + 10] = 0
    assert difference.mean() < 4


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_a_class_that_is_not_chosen_is_not_drawn(open_page, portrait_face):
    page = open_sample(open_page)
    page.slider(key="opacity").set_value(100)
    legend = page.button_group(key="classes_face-parts")
    assert legend.value == [1, 2]
    assert [label.split()[-1] for label in legend.options] == list(CLASSES)
    legend.set_value([0]).run()  # the background alone, black: the face is cut out
    left, top, right, bottom = (round(value * 1000 / 512) for value in region_of(portrait_face))
    overlay = overlay_shown(page).astype(int)
    assert overlay[bottom + 10 :].max() <= 6
    assert overlay[top + 10 : bottom - 10, left + 10 : right - 10].mean() > 60
    assert areas_shown(page)[1] == [["100.0 %", "0.0 %"]]


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_every_view_shows_photo_and_overlay(open_page):
    page = open_sample(open_page)
    page.segmented_control(key="view").set_value("Side by side").run()
    assert not page.exception
    assert len(page.image) == 2 + 1  # and the face
    page.segmented_control(key="view").set_value("Swipe").run()
    assert not page.exception
    (swipe,) = page.get("bidi_component")
    data = json.loads(swipe.proto.json)
    assert (data["width"], data["height"]) == (1000, 1000)
    before, after = (decoded(data[name]).astype(int) for name in ("before", "after"))
    assert before.shape == after.shape == (1000, 1000, 3)
    assert abs(before - after)[600:].mean() < 2  # below the face both are the photo
    assert abs(before - after)[100:300, 300:500].mean() > 20


@pytest.mark.usefixtures("trained")
@pytest.mark.slow
def test_where_no_face_is_found_the_whole_picture_is_offered(open_page, faceless_png):
    page = open_page("segment")
    upload(page, ("wall.png", faceless_png))
    assert "No face was found" in page.warning[0].value
    assert not page.get("plotly_chart")
    page.button[0].click().run()
    assert not page.exception
    assert page.segmented_control(key="mode").value == "Whole picture"
    assert not page.warning
    assert any("trained on faces" in caption.value for caption in page.caption)
    assert not faces_shown(page)
    assert areas_shown(page) == (ALL_SKIN, [])


@pytest.mark.usefixtures("no_cached_models")
@pytest.mark.slow
def test_a_model_of_whole_pictures_looks_for_no_face(open_page, save_model, faceless_png, monkeypatch):
    def forbidden():
        raise AssertionError("A model of whole pictures needs no detector.")

    monkeypatch.setattr("kerasface.tasks.segmentation.FaceDetector", forbidden)
    save_model("streets", input={"kind": "segment", "image_size": [32, 32]})
    page = open_page("segment")
    upload(page, ("wall.png", faceless_png))
    assert any("trained on whole pictures" in caption.value for caption in page.caption)
    assert areas_shown(page) == (ALL_SKIN, [])


@pytest.mark.slow
@pytest.mark.usefixtures("trained")
def test_of_several_photos_the_chosen_one_is_shown(open_page, portrait_png, faceless_png):
    page = open_page("segment")
    upload(page, ("me.png", portrait_png), ("wall.png", faceless_png), ("cut.png", portrait_png[:2000]))
    photos = page.button_group(key="photo")
    assert photos.options == [r"1. me\.png", r"2. wall\.png", r"3. cut\.png"]
    assert faces_shown(page) == ["**Face 1**"]
    first, second, third = (file.file_id for file in page.session_state["uploads"])
    assert photos.value == first
    photos.set_value(second).run()
    assert not page.exception
    assert "No face was found" in page.warning[0].value
    page.button_group(key="photo").set_value(third).run()
    assert not page.exception
    assert r"cut\.png" in page.error[0].value


@pytest.mark.usefixtures("trained")
@pytest.mark.slow
def test_several_faces_each_have_their_areas(open_page, portrait):
    buffer = io.BytesIO()
    Image.fromarray(np.hstack([portrait, portrait[:, ::-1]])).save(buffer, "PNG")
    page = open_page("segment")
    upload(page, ("two.png", buffer.getvalue()))
    assert faces_shown(page) == ["**Face 1**", "**Face 2**"]
    assert areas_shown(page)[1] == [["100.0 %", "0.0 %"]] * 2


def test_a_broken_model_is_named_and_not_offered(open_page, tmp_path, trained):
    (tmp_path / "saved_models" / "old").mkdir()
    (tmp_path / "saved_models" / "old" / "card.json").write_text("{}", encoding="utf-8")
    page = open_page("segment")
    assert not page.exception
    assert "old" in page.warning[0].value
    assert page.selectbox[0].options == [trained.name]


def test_an_altered_model_is_a_sentence(open_page, trained):
    (trained / "model.keras").write_bytes(b"altered")
    page = open_sample(open_page)
    assert "altered" in page.error[0].value
    assert not page.get("plotly_chart")


def test_a_card_without_colours_is_a_sentence(open_page, save_model):
    save_model(colours=[])
    page = open_sample(open_page)
    assert "colours" in page.error[0].value


@pytest.mark.slow
@pytest.mark.usefixtures("no_cached_models", "trained")
def test_missing_weights_of_the_detector_are_a_sentence(open_page, monkeypatch):
    def missing():
        raise ModelFileError("The weight file x.lz4 is missing. Run: pip install x")

    monkeypatch.setattr("kerasface.tasks.segmentation.FaceDetector", missing)
    page = open_sample(open_page)
    assert r"x\.lz4 is missing" in page.error[0].value


def segmentation(mask, *boxes):
    nowhere = np.zeros((5, 2), dtype=np.float32)
    faces = [SegmentedFace(Face(box, nowhere, 0.9), (0, 0, 1, 1), np.zeros((1, 1), np.uint8), CLASSES) for box in boxes]
    return Segmentation(mask, tuple(faces), CLASSES, COLORS)


def test_the_mask_file_holds_the_ids_and_shows_their_colours():
    mask = np.array([[0, 1, 2], [2, 2, 1]], dtype=np.uint8)
    read = Image.open(io.BytesIO(mask_png(mask, COLORS)))
    np.testing.assert_array_equal(np.asarray(read), mask)
    np.testing.assert_array_equal(np.asarray(read.convert("RGB")), np.array(COLORS, np.uint8)[mask])


def test_the_overlay_file_has_the_size_of_the_photo():
    mask = np.repeat([[0, 1, 2]], 1500, axis=0).repeat(500, axis=1).astype(np.uint8)
    image = np.full((1500, 1500, 3), 200, dtype=np.uint8)
    read = np.asarray(Image.open(io.BytesIO(overlay_png(image, segmentation(mask), 1.0, [2]))))
    expected = image.copy()
    expected[:, 1000:] = COLORS[2]
    np.testing.assert_array_equal(read, expected)


def test_pictures_are_shown_at_one_size_with_whole_ids():
    mask = np.zeros((600, 1500), dtype=np.uint8)
    mask[:, 750:] = 2
    shown = resized(np.repeat(mask[..., None] * np.uint8(100), 3, axis=-1), mask)
    assert shown.image.shape == (400, 1000, 3)
    expected = np.zeros((400, 1000), dtype=np.uint8)
    expected[:, 500:] = 2
    np.testing.assert_array_equal(shown.mask, expected)
    np.testing.assert_array_equal(shown.image[..., 0], 100 * expected)
    assert resized(np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2), np.uint8)).mask.shape == (500, 1000)


def test_boxes_are_drawn_where_the_faces_are_shown():
    """The photo is twice as large as it is shown; a single face, and what lies inside the boxes, stays as it is."""
    mask = np.zeros((2000, 2000), dtype=np.uint8)
    picture = np.full((1000, 1000, 3), 90, dtype=np.uint8)
    one, two = (400.0, 600.0, 300.0, 400.0), (1200.0, 600.0, 300.0, 400.0)
    assert numbered(picture, segmentation(mask, one)) is picture
    drawn = numbered(picture, segmentation(mask, one, two))
    for left in (200, 600):
        assert tuple(drawn[400, left]) == tuple(drawn[400, left + 150]) == CHOSEN
        assert (drawn[310:490, left + 10 : left + 140] == 90).all()


@pytest.fixture
def server_with_a_model(app_server, app_folder):
    """Address of the dashboard while its folder has a model."""
    run = save_segmenter(app_folder / "saved_models")
    yield app_server
    shutil.rmtree(run)


@pytest.mark.browser
@pytest.mark.slow
def test_views_legend_and_downloads_in_a_browser(page, server_with_a_model, portrait_face):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{server_with_a_model}/segment")
    page.get_by_text("Sample", exact=True).click(timeout=90_000)  # the first start imports TensorFlow
    chart = page.locator(".st-key-overlay .nsewdrag")
    expect(chart).to_be_visible()
    left, top, right, bottom = region_of(portrait_face)
    place = chart.bounding_box()
    assert place["width"] == pytest.approx(place["height"], abs=2)  # of the photo's shape: no bars beside it
    scale = place["width"] / 512
    chart.hover(position={"x": scale * (left + right) / 2, "y": scale * (top + bottom) / 2})
    expect(page.locator(".st-key-overlay .hoverlayer")).to_contain_text("skin")
    chart.hover(position={"x": scale * 20, "y": scale * 490})
    expect(page.locator(".st-key-overlay .hoverlayer")).to_contain_text("background")

    page.get_by_text("Swipe", exact=True).click()
    boundary = page.get_by_role("slider", name="without its classes")
    expect(boundary).to_have_attribute("aria-valuetext", "50 %")
    boundary.press("Home")
    expect(boundary).to_have_attribute("aria-valuetext", "0 %")
    assert page.locator(".swipe").evaluate("swipe => swipe.style.getPropertyValue('--at')") == "0%"
    page.get_by_role("button", name="hair").click()  # what is set beside it leaves the boundary where it is
    settle(page)
    expect(boundary).to_have_attribute("aria-valuetext", "0 %")

    with page.expect_download() as download:
        page.get_by_role("button", name="Download mask").click()
    assert download.value.suggested_filename == "the sample portrait.mask.png"
    mask = np.asarray(Image.open(download.value.path()))
    expected = np.zeros((512, 512), dtype=np.uint8)
    expected[top:bottom, left:right] = 1
    np.testing.assert_array_equal(mask, expected)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
