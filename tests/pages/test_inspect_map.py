import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.inspection.maps.embedding_map import MapPoints
from kerasface.inspection.maps.label_errors import LabelError
from pages.parts.inspect import map as inspect_map
from pages.parts.inspect import map_sources as inspect_map_sources
from pages.parts.inspect.map import FIELDS, suspects_csv
from pages.parts.inspect.map_sources import EMBED_COMMAND, FILE, GALLERY
from tests.conftest import settle

APP = Path(__file__).resolve().parents[2] / "app.py"
NUM_DIGITS = 80
KEY = bytes(range(32))


@pytest.fixture
def open_map(tmp_path, monkeypatch):
    """Function that opens the map by its address; few digits, and PCA as the first method, keep it quick."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(inspect_map_sources, "DIGITS", NUM_DIGITS)
    monkeypatch.setattr(inspect_map, "METHODS", {"PCA": "pca", "t-SNE": "tsne"})

    def opened(source=None):
        page = AppTest.from_file(APP, default_timeout=120)
        page.query_params["view"] = "map"
        if source:
            page.session_state["map_source"] = source
        page.switch_page("pages/inspect.py").run()
        assert not page.exception
        return page

    return opened


def around(names, *, size=6, wrong=(), seed=0):
    """Embeddings around a direction for each name, `size` of each; those with an index in `wrong` lie at the next."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(len(names), 16))
    places = np.repeat(np.arange(len(names)), size)
    places[list(wrong)] = (places[list(wrong)] + 1) % len(names)
    return (centres[places] + 0.1 * generator.normal(size=(len(places), 16))).astype(np.float32)


def write_file(folder, names, embeddings, *, pictures=True):
    """A file as `kerasface embed` writes it, in `folder`; photo n is of one colour, `(9 * n, 40, 200)`."""
    paths = []
    for number in range(len(embeddings)):
        path = folder / names[number * len(names) // len(embeddings)] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if pictures:
            Image.new("RGB", (40, 40), (9 * number, 40, 200)).save(path)
        paths.append(str(path))
    boxes = np.tile(np.float32([8, 8, 20, 20]), (len(embeddings), 1))
    np.savez(folder / "faces.npz", paths=np.array(paths), boxes=boxes, embeddings=embeddings)
    return folder / "faces.npz"


def charts(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def drawn(page):
    """Indices of the points on the map, by the legend of their trace without its number."""
    (chart,) = charts(page)
    return {
        re.sub(r" \([\d,]+\)", "", trace["name"]): [entry[0] for entry in trace["customdata"]]
        for trace in chart["data"]
    }


def digits(page):
    return {name: indices for name, indices in drawn(page).items() if name.isdigit()}


def hovered(page):
    """Pictures that the browser got, by index."""
    found = page.get("bidi_component")
    return json.loads(found[0].proto.json)["pictures"] if found else {}


def texts(page):
    return "\n".join(text.value for text in page.markdown)


def captions_shown(page):
    return [image.caption for shown in page.image for image in shown.proto.imgs if image.caption]


def type_path(page, key, path):
    page.text_input(key=key).set_value(str(path)).run()
    assert not page.exception


def test_the_sample_needs_no_preparation(open_map):
    page = open_map()
    groups = digits(page)
    assert set(groups) == set("0123456789")
    assert sorted(index for group in groups.values() for index in group) == list(range(NUM_DIGITS))
    assert sorted(map(int, hovered(page))) == list(range(NUM_DIGITS))
    assert all(address.startswith("data:image/png;base64,") for address in hovered(page).values())
    assert page.segmented_control(key="map_method").options == ["PCA", "t-SNE"]


def test_wrong_names_are_drawn_as_they_are_told(open_map):
    page = open_map()
    before = digits(page)
    page.toggle(key="map_exchanged").set_value(True).run()
    assert not page.exception
    after = digits(page)
    moved = [index for name in before for index in before[name] if index not in after[name]]
    assert len(moved) == 10
    assert "Of 10 names that were exchanged on purpose" in texts(page)


@pytest.mark.slow
def test_a_map_is_computed_once_per_setting(open_map, monkeypatch):
    methods = []

    def counted(embeddings, method, **options):
        methods.append(method)
        return project(embeddings, method, **options)

    project = inspect_map.project
    monkeypatch.setattr(inspect_map, "project", counted)
    page = open_map()
    for method in ("t-SNE", "PCA", "t-SNE"):
        page.segmented_control(key="map_method").set_value(method).run()
        assert not page.exception
        assert charts(page)
    assert methods == ["pca", "tsne"]


@pytest.mark.slow
def test_many_points_are_laid_out_when_asked_for(open_map, monkeypatch):
    monkeypatch.setattr(inspect_map, "AT_ONCE", NUM_DIGITS - 1)
    page = open_map()
    page.segmented_control(key="map_method").set_value("t-SNE").run()
    assert not charts(page)
    (button,) = [button for button in page.button if button.label.startswith("Draw the map of 80 points")]
    button.click().run()
    assert not page.exception
    assert charts(page)


def test_a_wrong_name_is_found_and_shown_with_its_pictures(open_map, tmp_path):
    names = ["Ada", "Emmy", "Evil *Kurt*"]
    page = open_map(FILE)
    assert page.code[0].value == EMBED_COMMAND
    type_path(page, "map_path", write_file(tmp_path / "photos", names, around(names, wrong=[3])))
    groups = drawn(page)
    assert [len(groups[name]) for name in ("Ada", "Emmy", "Evil *Kurt*")] == [6, 6, 6]
    assert groups["suspected errors"] == [3]
    assert "named **Ada**  \nlooks like **Emmy**" in texts(page)
    assert len(hovered(page)) == 18
    assert page.get("download_button")


def test_neighbours_are_those_by_cosine(open_map, tmp_path):
    names = ["Ada", "Emmy", "Evil *Kurt*"]
    embeddings = around(names)
    page = open_map(FILE)
    type_path(page, "map_path", write_file(tmp_path / "photos", names, embeddings))
    page.number_input(key="map_point").set_value(14).run()
    assert not page.exception
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    order = np.argsort(-(unit @ unit[13]))[:7] + 1
    captions = captions_shown(page)
    assert [int(caption.split("\\")[0]) for caption in captions] == order.tolist()
    assert captions[0].endswith(r"**Evil \*Kurt\***")


def test_photos_that_are_gone_leave_names(open_map, tmp_path):
    names = ["Ada", "Emmy"]
    page = open_map(FILE)
    type_path(page, "map_path", write_file(tmp_path / "photos", names, around(names), pictures=False))
    assert hovered(page) == {}
    assert not captions_shown(page)
    assert r"1\. **Ada** :small[0\.png]" in texts(page)


def test_a_broken_file_is_a_sentence(open_map, tmp_path):
    page = open_map(FILE)
    (tmp_path / "broken.npz").write_bytes(b"no archive")
    type_path(page, "map_path", tmp_path / "broken.npz")
    assert r"is no file of embeddings" in page.error[0].value
    type_path(page, "map_path", tmp_path / "missing.npz")
    assert "No such file" in page.error[0].value
    type_path(page, "map_path", tmp_path)
    assert "is a folder" in page.info[0].value
    page.file_uploader(key="map_upload").set_value([("torn.npz", b"PK\x03\x04 torn", "application/zip")]).run()
    assert not page.exception
    assert r"torn\.npz is no file of embeddings" in page.error[0].value


def test_an_upload_is_drawn_and_too_few_points_are_a_sentence(open_map, tmp_path):
    names = ["Ada", "Emmy"]
    content = write_file(tmp_path / "photos", names, around(names, size=2)).read_bytes()
    page = open_map(FILE)
    page.file_uploader(key="map_upload").set_value([("faces.npz", content, "application/zip")]).run()
    assert not page.exception
    assert drawn(page) == {"Ada": [0, 1], "Emmy": [2, 3]}
    page.segmented_control(key="map_method").set_value("t-SNE").run()
    assert not page.exception
    assert "needs 5 points or more" in page.warning[0].value.replace("\\", "")
    assert not charts(page)


def test_a_gallery_has_names_and_no_pictures(open_map, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASFACE_KEY", KEY.hex())
    page = open_map(GALLERY)
    assert "There is no gallery at" in page.error[0].value
    generator = np.random.default_rng(0)
    place = {"embedder": embedder_fingerprint(), "embedding_dim": EMBEDDING_DIM, "key": KEY}
    with open_gallery(tmp_path / "kerasface.gallery", **place) as gallery:
        page.run()
        assert "holds no sample" in page.error[0].value
        for name in ("Ada", "Emmy"):
            vectors = generator.normal(size=(3, EMBEDDING_DIM)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            gallery.enroll(name, [NewSample(vector, f"{name}.jpg", "0" * 64) for vector in vectors])
        page.run()
    assert not page.exception
    assert drawn(page) == {"Ada": [0, 1, 2], "Emmy": [3, 4, 5]}
    assert hovered(page) == {}
    assert "Ada" in texts(page)


def test_the_file_of_suspects_has_photos_and_numbers_of_points():
    points = MapPoints(np.eye(3), ["Ada", "Ada", "Emmy, Dr."], None)
    suspect = LabelError(0, "Ada", "Emmy, Dr.", 0.8, 0.125, 2)
    header, line = csv.reader(io.StringIO(suspects_csv(points, [suspect])))
    assert tuple(header) == FIELDS
    assert line == ["", "1", "Ada", "Emmy, Dr.", "0.8000", "0.1250", "", "3"]


@pytest.mark.browser
@pytest.mark.slow
def test_lasso_and_hover_in_a_browser(page, app_server):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{app_server}/inspect?view=map")
    page.get_by_text("PCA", exact=True).click(timeout=90_000)
    chart = page.locator(".st-key-embedding_map")
    expect(chart.locator(".xtitle")).to_contain_text("of the variance", timeout=90_000)
    settle(page)
    point = chart.locator(".points path.point").nth(20)
    point.scroll_into_view_if_needed()
    box = point.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.move(x, y, steps=8)
    picture = page.locator("img.kerasface-hover")
    expect(picture).to_be_visible()
    expect(picture).to_have_attribute("src", re.compile("^data:image/png"))
    page.mouse.click(x, y)  # a click is taken while the lasso is in hand
    expect(page.get_by_test_id("stNumberInputField")).not_to_have_value("1")
    settle(page)
    page.mouse.move(x, 2, steps=4)
    expect(picture).to_be_hidden()

    page.mouse.move(x - 30, y - 30)
    page.mouse.down()
    for across, down in ((30, -30), (30, 30), (-30, 30), (-30, -30)):
        page.mouse.move(x + across, y + down, steps=4)
    page.mouse.up()
    expect(page.get_by_text(re.compile(r"^\d+ chosen"))).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.slow
def test_by_a_model_of_ones_own(open_map, tmp_path):
    import keras

    from kerasface.runs.card import ModelCard
    from kerasface.runs.store import write_run

    page = open_map(inspect_map_sources.OWN)
    assert any("no classifier of yours yet" in text.value for text in page.caption) or page.selectbox
    inputs = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D(name="means")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(means))
    card = {"task": "classify", "labels": ["dark", "light"], "input": {"kind": "image", "image_size": [8, 8]}}
    write_run(tmp_path / "saved_models", "colours", model=model, card=ModelCard.from_dict(card), metrics={}, history=[])
    for name, color in (("dark", 20), ("light", 220)):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(3):
            Image.new("RGB", (12, 12), (color, index, 0)).save(tmp_path / "set" / name / f"{index}.png")
    page.run()
    page.selectbox(key="map_model").set_value("colours").run()
    page.text_input(key="map_folder").set_value(str(tmp_path / "nowhere")).run()
    assert "nowhere" in page.error[0].value
    page.text_input(key="map_folder").set_value(str(tmp_path / "set")).run()
    assert not page.error
    assert not page.exception
    assert page.get("plotly_chart")
