import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.signal import correlate2d
from sklearn.datasets import load_digits
from streamlit.testing.v1 import AppTest

from kerasface.data import augmentation
from kerasface.inspection.teaching.basics import KERNELS
from kerasface.models.pretrained import ModelFileError
from pages.parts.playground import maps as playground_maps
from pages.parts.playground import training as playground_training
from pages.parts.playground.choice import slug_of
from pages.parts.playground.topics import TOPICS
from tests.conftest import settle

APP = Path(__file__).resolve().parents[2] / "app.py"
ANSWER = 30_000  # milliseconds; an answer takes half a second, and longer where other work runs beside
MINUS = "\N{MINUS SIGN}"


@pytest.fixture
def open_topic(tmp_path, monkeypatch):
    """Function that opens the playground at a topic by its address, as a link does; its working folder is empty."""
    monkeypatch.chdir(tmp_path)

    def open_named(topic):
        page = AppTest.from_file(APP, default_timeout=120)
        page.query_params["topic"] = topic
        page.switch_page("pages/playground.py").run()
        assert not page.exception
        assert chosen(page) == slug_of(topic)
        return page

    return open_named


def chosen(page):
    """The topic that the menu has marked, and the address."""
    group = page.segmented_control(key="topic_group").value
    slug = page.button_group(key=f"topic_of_{slug_of(group)}").value
    assert TOPICS[slug].group == group
    assert page.query_params["topic"] == slug or page.query_params["topic"] == [slug]
    return slug


def go_to(page, slug):
    """Chooses a topic in the menu."""
    group = TOPICS[slug].group
    page.segmented_control(key="topic_group").set_value(group).run()
    return page.button_group(key=f"topic_of_{slug_of(group)}").set_value(slug).run()


def charts(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def bars(page):
    """Texts below the bars of each chart that has some."""
    axes = [spec["layout"].get("xaxis", {}) for spec in charts(page)]
    return [
        [text.replace("<b>", "").replace("</b>", "") for text in axis["ticktext"]]
        for axis in axes
        if "ticktext" in axis
    ]


def metric(page, label):
    (found,) = [item.value for item in page.metric if item.label == label]
    return found


def soft_label(page):
    (texts,) = [
        [note["text"] for note in spec["layout"]["annotations"]]
        for spec in charts(page)
        if "annotations" in spec["layout"]
    ]
    return dict(zip(texts[::2], [text.replace("\N{NO-BREAK SPACE}", " ") for text in texts[1::2]], strict=True))


def test_the_first_topic_has_the_numbers_of_the_lecture(open_page):
    """0.70, 0.04 and 0.26; the loss is -ln 0.7054 and the gradient 0.7054 - 1."""
    page = open_page("playground")
    assert not page.exception
    assert page.segmented_control(key="topic_group").options == list(
        dict.fromkeys(topic.group for topic in TOPICS.values())
    )
    shares = np.exp([1, -2, 0]) / np.exp([1, -2, 0]).sum()
    np.testing.assert_allclose(shares, [0.70, 0.04, 0.26], atol=0.006)
    expected = [f"class {place}<br>{share:.4f}" for place, share in enumerate(shares, start=1)]
    pulls = [f"class 1<br>{MINUS}{1 - shares[0]:.4f}", f"class 2<br>+{shares[1]:.4f}", f"class 3<br>+{shares[2]:.4f}"]
    assert bars(page) == [expected, pulls]
    assert metric(page, "Loss") == f"{-math.log(shares[0]):.4f}"


def test_logits_true_class_and_temperature_are_followed(open_page):
    page = open_page("playground")
    page.slider(key="logit_0").set_value(-5.0)
    page.slider(key="temperature").set_value(2.0)
    page.segmented_control(key="true_class").set_value("class 2").run()
    shares = np.exp([-2.5, -1, 0]) / np.exp([-2.5, -1, 0]).sum()
    assert bars(page)[0] == [f"class {place}<br>{share:.4f}" for place, share in enumerate(shares, start=1)]
    assert bars(page)[1][1] == f"class 2<br>{(shares[1] - 1) / 2:.4f}".replace("-", MINUS)
    assert metric(page, "Loss") == f"{-math.log(shares[1]):.4f}"


@pytest.mark.slow
def test_what_was_set_is_still_there_after_another_topic_and_another_page(open_page):
    page = open_page("playground")
    page.slider(key="logit_0").set_value(2.5).run()
    go_to(page, "label-smoothing")
    page.switch_page("pages/architectures.py").run()
    page.switch_page("pages/playground.py").run()
    go_to(page, "softmax")
    assert page.slider(key="logit_0").value == 2.5


def test_smoothed_labels_of_the_lecture(open_topic):
    """0.9333 and 0.0333 stand as 28 to 1, so the loss is least at a gap of ln 28 = 3.33."""
    page = open_topic("Label smoothing")
    assert bars(page) == [["1<br>0.9333", "2<br>0.0333", "3<br>0.0333"]]
    assert any("3.33$" in caption.value for caption in page.caption)
    page.slider(key="alpha").set_value(0.0)
    page.slider(key="num_classes").set_value(20).run()
    assert not page.exception
    assert bars(page) == [[str(number) for number in range(1, 21)]]
    assert any("no gap is the best" in caption.value for caption in page.caption)


def test_two_photos_are_mixed_with_their_labels(open_topic):
    page = open_topic("Mixup")
    assert len(page.image) == 3
    assert soft_label(page) == {"person": "60.0 %", "cat": "40.0 %"}
    assert page.slider(key="mixup_alpha").value == augmentation._MIXUP_ALPHA
    page.slider(key="share").set_value(0.25)
    page.selectbox(key="mixup_pair").set_value("Two digits").run()
    assert soft_label(page) == {"3": "25.0 %", "8": "75.0 %"}


def test_a_draw_sets_the_share(open_topic):
    """Three draws of Beta(2, 2) are equal to hundredths about once in 5,000 times."""
    page = open_topic("Mixup")
    page.slider(key="mixup_alpha").set_value(2.0)
    drawn = [page.button(key="draw").click().run().slider(key="share").value for _ in range(3)]
    assert not page.exception
    assert all(0 <= share <= 1 for share in drawn)
    assert len(set(drawn)) > 1


def test_photos_of_ones_own(open_topic, portrait_png, faceless_png):
    page = open_topic("Mixup")
    page.selectbox(key="mixup_pair").set_value("Your photos").run()
    assert any("Choose two photos" in caption.value for caption in page.caption)
    page.file_uploader(key="mixup_first").set_value(("me.png", portrait_png, "image/png")).run()
    page.file_uploader(key="mixup_second").set_value(("<wall>.png", faceless_png, "image/png")).run()
    assert not page.exception
    assert soft_label(page) == {"me": "60.0 %", "&lt;wall&gt;": "40.0 %"}
    page.text_input[1].set_value("me").run()  # both of one class: the label stays whole
    assert soft_label(page) == {"me": "100.0 %"}
    page.file_uploader(key="mixup_second").set_value(("cut.png", portrait_png[:2000], "image/png")).run()
    assert not page.exception
    assert r"cut\.png" in page.error[0].value


def test_blocks_are_dropped_from_the_maps_of_a_face(open_topic):
    page = open_topic("DropBlock")
    assert len(page.image) == 3
    texts = [caption.value for caption in page.caption]
    assert "The four most active of 32 channels, 40 x 40." in texts
    blocks, singles = (text for text in texts if "dropped" in text)
    assert blocks.split(" dropped")[0] == singles.split(" dropped")[0]
    told = [int(text.split("**")[1].split()[0]) for text in (blocks, singles)]
    # Of single holes the neighbours are there as often as any value; of a block of 7 x 7 four sides of 7 have one
    # outside, at most 28 of 4 * 49 neighbours.
    assert told[0] <= 100 * 28 / 196 < 75 < told[1]
    page.slider(key="keep").set_value(100).run()
    assert [text.value for text in page.caption if text.value.startswith("0.0 % dropped")]


@pytest.mark.usefixtures("no_cached_models")
def test_missing_weights_are_a_sentence(open_topic, monkeypatch):
    def missing(**options):
        raise ModelFileError("The weights face_resnet are missing. Run: pip install x")

    monkeypatch.setattr(playground_maps, "build_face_resnet_map", missing)
    page = open_topic("DropBlock")
    assert "are missing" in page.error[0].value
    go_to(page, "softmax")
    assert len(bars(page)) == 2


def grids(page):
    """The numbers of each grid as they are written, row by row."""
    bodies = [part.proto.body for part in page.get("html") if 'class="kf-grid"' in part.proto.body]
    return [re.findall(r"<td[^>]*>(.*?)</td>", body) for body in bodies]


def expected_texts(values):
    return [f"{value:.3g}".replace("-", MINUS) for value in np.ravel(values)]


def test_a_convolution_and_the_sum_behind_a_cell(open_topic):
    page = open_topic("Convolution")
    picture = load_digits().images[0]
    answer = correlate2d(picture, KERNELS["Upright edges"], mode="valid")
    assert grids(page) == [expected_texts(picture), expected_texts(answer)]
    page.slider(key="answer_row").set_value(2)
    page.slider(key="answer_col").set_value(5).run()
    (line,) = [text.value for text in page.markdown if text.value.startswith("Row 2, column 5:")]
    assert line.endswith(f"= **{expected_texts(answer[1, 4])[0]}**")
    products = [part.split("·") for part in line.split(": ")[1].split(" = ")[0].split(" + ")]
    values = [float(ink) * float(weight.strip("()").replace(MINUS, "-")) for ink, weight in products]
    np.testing.assert_allclose(values, (picture[1:4, 4:7] * KERNELS["Upright edges"]).ravel())
    page.button_group(key="kernel").set_value("Blur")
    page.button_group(key="digit").set_value(7).run()
    answer = correlate2d(load_digits().images[7], np.full((3, 3), 1 / 9), mode="valid")
    assert grids(page)[1] == expected_texts(answer)


def test_the_kernel_is_edited(open_topic):
    page = open_topic("Convolution")
    edits = {"edited_rows": {1: {"middle": 5.0}}, "added_rows": [], "deleted_rows": []}
    page.session_state["kernel_Upright edges"] = edits
    page.run()
    kernel = np.array(KERNELS["Upright edges"])
    kernel[1, 1] = 5
    answer = expected_texts(correlate2d(load_digits().images[0], kernel, mode="valid"))
    assert grids(page)[1] == answer
    go_to(page, "softmax")
    go_to(page, "convolution")
    assert grids(page)[1] == answer
    page.button_group(key="kernel").set_value("Identity").run()
    assert grids(page)[1] == expected_texts(load_digits().images[0][1:-1, 1:-1])


def test_an_empty_cell_is_a_sentence(open_topic):
    page = open_topic("Convolution")
    page.session_state["kernel_Upright edges"] = {
        "edited_rows": {0: {"left": None}},
        "added_rows": [],
        "deleted_rows": [],
    }
    page.run()
    assert not page.exception
    assert "needs a number" in page.warning[0].value


def step(page):
    return int(metric(page, "Step").replace(",", ""))


def run_button(page):
    return page.button(key="live_run")


def test_a_network_is_trained_paused_and_reset(open_topic, monkeypatch):
    """Without a browser each run of the page is one slice."""
    monkeypatch.setattr(playground_training, "SLICE", math.inf)  # seconds: as many steps as asked for
    page = open_topic("Live training")
    assert (run_button(page).label, step(page)) == ("Start", 0)
    assert page.button(key="live_reset").disabled
    page.run()
    assert step(page) == 0
    run_button(page).click().run()
    assert (run_button(page).label, step(page)) == ("Pause", 10)
    first = float(metric(page, "Loss, training"))
    page.select_slider(key="live_rate").set_value(0.3)
    for _ in range(4):
        page.run()
    assert step(page) == 50
    assert float(metric(page, "Loss, training")) < 0.8 * first
    assert page.session_state["live_training"].rates == [(0, 0.03), (10, 0.3)]
    assert any(shape["x0"] == 10 for shape in charts(page)[0]["layout"]["shapes"])
    run_button(page).click().run()
    page.run()
    assert (run_button(page).label, step(page)) == ("Resume", 50)
    go_to(page, "softmax")
    go_to(page, "live-training")
    assert (run_button(page).label, step(page)) == ("Resume", 50)
    page.button(key="live_reset").click().run()
    assert (run_button(page).label, step(page)) == ("Start", 0)
    assert not page.exception


@pytest.mark.slow
def test_other_settings_begin_anew(open_topic):
    page = open_topic("Live training")
    run_button(page).click().run()
    page.select_slider(key="live_momentum").set_value(0.9)
    page.selectbox(key="live_layer_0_size").set_value(1).run()
    training = page.session_state["live_training"]
    assert training.filters.shape == (5, 5, 1, 1)
    assert 0 < training.step <= 10  # it goes on
    page.selectbox(key="live_optimizer").set_value("Adadelta").run()
    assert not page.exception
    assert any("rate of about 1" in caption.value for caption in page.caption)


@pytest.mark.slow
def test_layers_are_added_and_removed_and_what_does_not_fit_is_said(open_topic):
    page = open_topic("Live training")
    page.button(key="live_add_dense").click().run()
    assert page.session_state["live_training"].num_weights == 9 * 26 + 20 * 145 + 10 * 21
    page.button(key="live_add_convolution").click().run()
    assert "needs a map, and layer 3" in page.error[0].value
    page.button(key="live_remove_3").click().run()
    for number in (2, 1, 0):
        page.button(key=f"live_remove_{number}").click().run()
    assert not page.error
    assert not page.exception
    assert page.session_state["live_training"].filters.shape == (8, 8, 1, 10)  # a linear classifier: templates
    page.button(key="live_add_max pooling").click().run()
    assert any("does not look at the picture itself" in caption.value for caption in page.caption)
    page.button_group(key="live_preset").set_value("ConvNetJS").run()
    assert len(page.session_state["live_stack"]) == 6
    assert not page.exception


@pytest.mark.slow
def test_crops_in_color_and_a_folder_are_learned(open_topic, tmp_path):
    page = open_topic("Live training")
    page.button_group(key="live_pictures").set_value("Crops in color").run()
    assert page.session_state["live_training"].filters.shape == (5, 5, 3, 9)
    run_button(page).click().run()
    assert not page.exception
    page.button_group(key="live_pictures").set_value("A folder of yours").run()
    page.text_input(key="live_folder").set_value(str(tmp_path / "nobody")).run()
    assert "does not exist" in page.error[0].value
    for name, color in (("ada", 20), ("bob", 220)):
        for folder, blue in (("people", 0), ("others", 200)):
            (tmp_path / folder / name).mkdir(parents=True)
            for index in range(5):
                Image.new("RGB", (30, 30), (color, index, blue)).save(tmp_path / folder / name / f"{index}.png")
    page.text_input(key="live_folder").set_value(str(tmp_path / "people")).run()
    assert not page.error
    assert not page.exception
    assert page.session_state["live_training"].data.classes == ("ada", "bob")
    page.text_input(key="live_folder").set_value(str(tmp_path / "others")).run()
    # As many pictures of the same classes, and yet others: a new training.
    assert page.session_state["live_training"].data.images[..., 2].max() == pytest.approx(200 / 255)


def test_a_divergence_is_said_and_ends_the_training(open_topic):
    page = open_topic("Live training")
    run_button(page).click().run()
    kernel = page.session_state["live_training"]._model.get_layer("logits").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    page.run()
    assert not page.exception
    assert "diverged" in page.error[0].value
    assert (run_button(page).label, run_button(page).disabled) == ("Resume", True)
    page.button(key="live_reset").click().run()
    assert not page.error
    assert not run_button(page).disabled


def test_a_rate_that_is_far_too_high_is_said(open_topic):
    page = open_topic("Live training")
    page.select_slider(key="live_rate").set_value(100.0)
    run_button(page).click().run()
    assert "learning rate is too high" in page.warning[0].value


def test_a_page_that_was_left_open_stops(open_topic, monkeypatch):
    monkeypatch.setattr(playground_training, "MOST_STEPS", 5)
    monkeypatch.setattr(playground_training, "SLICE", math.inf)
    page = open_topic("Live training")
    run_button(page).click().run()
    assert page.info
    assert run_button(page).disabled
    before = step(page)
    page.run()
    assert step(page) == before


@pytest.mark.slow
@pytest.mark.browser
def test_a_network_trains_in_a_browser(page, app_server):
    expect = pytest.importorskip("playwright.sync_api").expect

    def number(label):
        value = page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")
        return float(value.inner_text().replace(",", "").rstrip(" %"))

    page.goto(f"{app_server}/playground?topic=Live+training")
    button = page.locator(".st-key-live_run button")
    expect(button).to_contain_text("Start", timeout=90_000)  # the first start imports TensorFlow
    settle(page)
    button.click()
    expect(button).to_contain_text("Pause", timeout=ANSWER)
    page.get_by_text("As fast as it goes").click()
    value = page.get_by_test_id("stMetric").filter(has_text="Step").get_by_test_id("stMetricValue")
    expect(value).not_to_have_text("0", timeout=ANSWER)
    for _ in range(60):
        if number("Loss, training") < 0.5:  # of 2.3 at first, as there are ten digits
            break
        page.wait_for_timeout(500)
    assert number("Loss, training") < 0.5

    button.click()
    expect(button).to_contain_text("Resume", timeout=ANSWER)
    page.wait_for_timeout(1500)  # the slice that was under way is drawn below the button a moment later
    paused = number("Step")
    page.wait_for_timeout(1500)
    assert number("Step") == paused

    page.get_by_role("slider", name="Learning rate").press("ArrowRight")
    expect(page.get_by_test_id("stPlotlyChart").get_by_text("rate 0.1")).to_be_visible(timeout=ANSWER)  # in the curves
    button.click()
    expect(button).to_contain_text("Pause", timeout=ANSWER)
    expect(value).not_to_have_text(f"{paused:,.0f}", timeout=ANSWER)
    page.get_by_role("slider", name="Learning rate").press("ArrowRight")  # and while it runs
    expect(page.get_by_test_id("stPlotlyChart").get_by_text("rate 0.3").first).to_be_visible(timeout=ANSWER)
    page.get_by_text("Classify", exact=True).first.click()  # leaving it stops the work
    expect(page.get_by_text("Logit of class 1")).to_be_visible(timeout=ANSWER)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
