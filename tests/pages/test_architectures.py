import json
import re
from pathlib import Path

import keras
import pytest
from streamlit.testing.v1 import AppTest

from kerasface.inspection.cost.calculators import weights_mebibytes
from kerasface.models.backbones import backbone_names
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from pages.architectures import VIEWS
from pages.parts.architectures import compare as architectures_compare
from pages.parts.architectures.ideas import idea_of

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def open_view(tmp_path, monkeypatch):
    """Function that opens the page by its address, as a link does; its working folder is `tmp_path`."""
    monkeypatch.chdir(tmp_path)

    def open_address(**parameters):
        page = AppTest.from_file(APP, default_timeout=120)
        for name, value in parameters.items():
            page.query_params[name] = value
        page.switch_page("pages/architectures.py").run()
        assert not page.exception
        return page

    return open_address


@pytest.fixture
def trained(tmp_path):
    """A run whose model has 3·3·3·4 + 4 weights and 7·7 · 3·3·3·4 multiply-adds, and a folder that is none."""
    inputs = keras.Input((9, 9, 3), name="image")
    x = keras.layers.Conv2D(4, 3, name="eyes")(inputs)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pool")(x))
    root = tmp_path / "saved_models"
    card = {
        "task": "classify",
        "labels": list("abcd"),
        "input": {"kind": "image", "image_size": [9, 9], "values": "RGB, 0 to 255"},
        "backbone": "simple_cnn",
    }
    runs.write_run(root, "mine", model=model, card=ModelCard.from_dict(card), metrics={}, history=[{"epoch": 1}])
    (root / "old").mkdir()
    (root / "old" / "card.json").write_text("{}", encoding="utf-8")


def metrics(page):
    return {item.label: item.value for item in page.metric}


def texts(page):
    return "\n".join(text.value for text in page.markdown)


def charts(page):
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def test_every_architecture_says_what_it_brought():
    for name in (*backbone_names(), "unet"):
        idea = idea_of(name)
        assert 1936 <= idea.year <= 2022, name
        assert idea.text.endswith("."), name
    assert idea_of("ResNet152").arxiv == "1512.03385"
    assert idea_of("something of the user's") is None


@pytest.mark.slow
def test_layers_of_a_linear_classifier(open_view):
    """On 32 x 32 the slide's 3072 inputs, with 1,000 classes and their biases."""
    page = open_view(architecture="linear")
    page.select_slider(key="side").set_value(32).run()
    assert not page.exception
    weights = 3072 * 1000 + 1000
    assert metrics(page) == {
        "Image": "32 x 32",
        "Layers": str(len(page.dataframe[0].value)),
        "Weights": f"{weights / 10**6:.2f} M",
        "Size in float32": f"{weights_mebibytes(weights):.1f} MiB",
        "Multiply-adds": "3 M",
        "All maps": "0.0 MiB",
    }
    table = page.dataframe[0].value
    assert table["weights"].sum() == weights
    assert table["of all weights"].sum() == pytest.approx(1)
    assert "3072·1000 + 1000 = 3,073,000" in texts(page)
    assert "3072·1000 = 3,072,000" in texts(page)
    assert "Fisher" in texts(page)
    (chart,) = charts(page)
    assert len(chart["data"][0]["x"]) == len(table)


def test_a_run_is_taken_apart_and_a_broken_one_named(open_view, trained):
    page = open_view(architecture="mine (trained here)")
    assert "old" in page.warning[0].value
    table = page.dataframe[0].value.set_index("layer")
    assert table.loc["eyes", "weights"] == 3 * 3 * 3 * 4 + 4
    assert table.loc["eyes", "multiply-adds"] == 7 * 7 * 3 * 3 * 3 * 4
    assert table.loc["eyes", "sees"] == "3 x 3"
    assert any(r"\frac{9 + 0 - 1 \cdot (3 - 1) - 1}{1}" in formula.value for formula in page.latex)
    assert any(formula.value.strip("$\n").endswith("= 7") for formula in page.latex)
    assert not [slider for slider in page.select_slider if slider.key == "side"]


@pytest.mark.slow
def test_a_size_that_does_not_fit_is_a_sentence(open_view):
    page = open_view(architecture="InceptionV3")
    page.select_slider(key="side").set_value(48).run()
    assert not page.exception
    assert "75" in page.error[0].value
    assert not page.dataframe
    page.selectbox(key="architecture").set_value("U-Net on MobileNetV2")
    page.select_slider(key="side").set_value(112).run()
    assert not page.exception
    assert "multiples of 32" in page.error[0].value


def test_an_altered_run_is_a_sentence(open_view, trained, tmp_path):
    (tmp_path / "saved_models" / "mine" / "model.keras").write_bytes(b"altered")
    page = open_view(architecture="mine (trained here)")
    assert "altered" in page.error[0].value


@pytest.fixture
def compared(open_view, monkeypatch):
    """The comparison of two small networks at 32 pixels; the list of the models that were timed, 5 ms each."""
    timed = []

    def measure(model):
        timed.append(model.name)
        return 5.0

    monkeypatch.setattr(architectures_compare, "DEFAULT", ("linear", "simple_cnn"))
    monkeypatch.setattr(architectures_compare, "SIDE", 32)
    monkeypatch.setattr(architectures_compare, "measure_latency", measure)
    return open_view(part="Compare"), timed


def test_architectures_stand_side_by_side(compared):
    page, timed = compared
    table = page.dataframe[0].value.set_index("name")
    assert list(table.index) == ["linear", "simple_cnn"]
    assert table.loc["linear", "parameters"] == 3_073_000
    assert table.loc["linear", "mebibytes"] == pytest.approx(4 * 3_073_000 / 2**20)
    assert table.loc["linear", "multiply_adds"] == 3_072_000
    assert table["share"].max() == 1
    assert not timed
    (chart,) = charts(page)
    assert chart["data"][0]["text"] == ["linear", "simple_cnn"]


def test_times_are_measured_when_asked_for_and_once(compared):
    page, timed = compared
    (button,) = [button for button in page.button if button.label.startswith("Measure")]
    button.click().run()
    assert not page.exception
    assert timed == ["linear", "simple_cnn"]
    assert page.dataframe[0].value["milliseconds"].tolist() == [5.0, 5.0]
    assert not [button for button in page.button if button.label.startswith("Measure")]
    page.multiselect(key="compared").set_value(["linear", "mlp"]).run()
    assert page.dataframe[0].value["milliseconds"].tolist()[0] == 5.0
    (button,) = [button for button in page.button if button.label.startswith("Measure")]
    button.click().run()
    assert timed == ["linear", "simple_cnn", "mlp"]


def test_one_that_does_not_fit_is_left_out_and_no_choice_is_a_hint(compared):
    page, _ = compared
    page.multiselect(key="compared").set_value(["linear", "InceptionV3"]).run()
    assert not page.exception
    assert "InceptionV3 is left out" in page.warning[0].value
    assert page.dataframe[0].value["name"].tolist() == ["linear"]
    page.multiselect(key="compared").set_value([]).run()
    assert not page.exception
    assert "Choose" in page.info[0].value


def test_calculators_have_the_numbers_of_the_lectures(open_view, tables):
    page = open_view(part="Calculators")

    def work():
        return [int(row["multiply-adds"].replace(",", "")) for row in tables(page)[0]]

    shown = {name: value for name, value in metrics(page).items() if "dense" not in name}
    assert shown == {"Output": "32 x 32 x 10", "Weights": "760", "Multiply-adds": f"{32 * 32 * 750:,}"}
    assert page.success
    assert work()[::2] == [120_422_400, 2_408_448 + 10_035_200]
    page.button_group(key="ways_sample").set_value("12 x 12 x 3 to 8 x 8 x 256").run()
    assert work()[:2] == [1_228_800, 53_952]
    page.button_group(key="ways_sample").set_value("6 x 6 x 3 to 4 x 4 x 5").run()
    assert work()[:2] == [2_160, 672]
    assert not page.exception


def test_dense_layers_are_counted(open_view):
    """3,072 numbers to 100 units to 10 classes: 308,200 weights, and a bias for each of 110 units."""
    page = open_view(part="Calculators")
    assert metrics(page)["Weights of the dense layers"] == "308,200"
    assert "3072·100 + 100·10 = 308,200" in [text.value for text in page.markdown]
    page.toggle(key="dense_bias").set_value(True).run()
    assert metrics(page)["Weights of the dense layers"] == "308,310"
    page.button_group(key="dense_sample").set_value("32 x 32 x 3 to 10 classes").run()
    assert metrics(page)["Weights of the dense layers"] == f"{3073 * 10:,}"
    assert not page.exception


def test_what_does_not_fit_is_said(open_view, tables):
    page = open_view(part="Calculators")
    page.button_group(key="convolution_sample").set_value("7 x 7, 3 x 3 by 3").run()
    assert metrics(page)["Output"] == "2 x 2 x 1"
    assert "does not fit: the last pixel" in page.warning[0].value
    page.slider(key="convolution_P").set_value(1).run()
    assert metrics(page)["Output"] == "3 x 3 x 1"
    assert page.success
    page.slider(key="convolution_F").set_value(15).run()
    assert not page.exception
    assert "spans 15 pixels" in page.error[0].value
    assert tables(page)  # the other calculator is still there


def test_an_address_with_nonsense_opens_the_first_view(open_view):
    page = open_view(part="nonsense", architecture="nonsense")
    assert page.segmented_control(key="part").value == next(iter(VIEWS))
    assert page.selectbox(key="architecture").value == "alexnet"


@pytest.mark.slow
@pytest.mark.browser
def test_a_row_is_worked_out_in_a_browser(page, app_server):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{app_server}/architectures?architecture=simple_cnn")
    expect(page.get_by_text("Where do the numbers of block1_conv come from?")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("3·3·3·32 = 864")).to_be_visible()  # no bias before a normalisation
    table = page.get_by_test_id("stDataFrame")
    box = table.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 35 * 6.5)  # rows are 35 pixels high, the head is one: this is the sixth
    expect(page.get_by_text("Where do the numbers of block1_pool come from?")).to_be_visible()
    expect(page.locator(".katex").last).to_contain_text("112")  # of 224 pixels

    page.get_by_text("Calculators", exact=True).click()
    page.get_by_text("7 x 7, 3 x 3 by 3").click()
    expect(page.get_by_text("It does not fit")).to_be_visible()
    expect(page).to_have_url(re.compile("part=Calculators"))
    page.get_by_text("Layers", exact=True).click()  # what was chosen there is still chosen
    expect(page.get_by_text("Where do the numbers of block1_")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_history_leads_to_the_code_of_the_zoo(open_page, tables):
    page = open_page("architectures")
    page.segmented_control(key="part").set_value("History").run()
    assert not page.exception
    family = tables(page)[1]
    assert [row["year"] for row in family] == sorted(row["year"] for row in family)
    (resnet,) = [row for row in family if row["network"] == "ResNet-34"]
    assert (resnet["multiply-adds"], resnet["top 5"], resnet["here"]) == ("3.6 G", "92.2 %", "resnet34")
    assert any("def resnet34(" in code.value for code in page.code)
    page.selectbox(key="family_member").set_value("VGG-16").run()
    assert not page.exception
    assert any('build_backbone("VGG16"' in code.value for code in page.code)
