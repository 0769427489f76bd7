"""The page Train with embedders and segmentations: their pictures, settings, network, start and outcome."""

import re
import shlex

import keras
import pytest
from PIL import Image

from kerasface.data.drawn.folders import write_drawn
from kerasface.models.backbones import build_backbone
from kerasface.models.heads import to_probabilities, to_vector
from kerasface.runs.card import ModelCard
from kerasface.runs.store import load_run, write_run
from kerasface.train.process import background
from pages.parts.train import data
from pages.parts.train.plan import plan_html
from tests.conftest import settle
from tests.pages.test_train import choose_folder, fill_classes, texts, wait_for


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def started(monkeypatch):
    """The commands that Start started, which are not run."""
    commands = []
    monkeypatch.setattr("pages.parts.train.start.start", lambda command, name, **options: commands.append(command))
    return commands


@pytest.fixture
def scenes(tmp_path):
    """A few drawn scenes, and one mask without a picture."""
    write_drawn("scenes", tmp_path / "street", count=8)
    Image.new("L", (8, 8)).save(tmp_path / "street" / "train" / "masks" / "alone.png")
    return tmp_path / "street" / "train"


def learn(page, kind):
    page.segmented_control(key="train_kind").set_value(kind).run()
    assert not page.exception


@pytest.mark.slow
def test_pictures_and_masks_are_shown_and_become_a_command(open_page, scenes, started):
    page = open_page("train")
    learn(page, "segment")
    page.text_input(key="train_folder_segment").set_value(str(scenes)).run()
    assert not page.exception
    assert "**8 pictures** with masks of **6 classes**" in texts(page)
    assert next(expander.label for expander in page.expander) == "1 file has no partner"
    page.selectbox(key="train_segment_recipe_Folder").set_value("scenes").run()
    page.number_input(key="train_segment_Folder_epochs").set_value(3)
    page.text_input(key="new_name").set_value("street")
    page.button(key="new_start").click().run()
    words = ["kerasface", "train", "segment", "street/train", "--name", "street", "--recipe", "configs/scenes.toml"]
    assert started == [[*words, "--epochs", "3"]]


@pytest.mark.slow
def test_a_segmentation_goes_on_from_a_model_that_is_here(open_page, scenes, started, tmp_path):
    """Models whose network a U-Net can take maps from are offered, the network is shown, and the command has it."""
    features = build_backbone("simple_cnn", (32, 32), weights=None).model
    model = keras.Model(features.input, to_probabilities(to_vector(features.output), 2))
    card = {"task": "classify", "input": {"kind": "image", "image_size": [32, 32]}, "labels": ["a", "b"]}
    for name, backbone in (("first", "simple_cnn"), ("templates", "linear")):
        made = ModelCard.from_dict({**card, "backbone": backbone})
        write_run(tmp_path / "saved_models", name, model=model, card=made, metrics={}, history=[])
    page = open_page("train")
    learn(page, "segment")
    page.text_input(key="train_folder_segment").set_value(str(scenes)).run()
    page.selectbox(key="train_segment_recipe_Folder").set_value("The defaults").run()
    box = page.selectbox(key="train_segment_Folder_encoder")
    assert [option for option in box.options if "model" in option] == ["first (model)"]
    box.set_value("first").run()
    assert not page.exception
    assert not page.error
    assert any("kf-plan" in part.proto.body for part in page.get("html"))
    page.button(key="new_start").click().run()
    assert started[0][started[0].index("--encoder") + 1] == "first"


@pytest.mark.slow
def test_the_sample_is_judged_on_its_own_validation_pictures(open_page, monkeypatch, started):
    monkeypatch.setattr(data, "SCENES", 4)
    page = open_page("train")
    learn(page, "segment")
    page.segmented_control(key="train_source_segment").set_value("Sample").run()
    page.button(key="new_start").click().run()
    assert not page.exception
    (command,) = started
    assert re.search(r"--validation \S+/samples/scenes/validation", shlex.join(command))


@pytest.mark.slow
def test_people_typed_for_a_classifier_are_those_of_an_embedder_too(open_page, tmp_path, started):
    page = open_page("train")
    choose_folder(page, fill_classes(tmp_path / "people", Ada=2, Bea=2))
    learn(page, "metric")
    assert page.text_input(key="train_folder").value == str(tmp_path / "people")
    plan = next(part.proto.body for part in page.get("html") if "kf-plan" in part.proto.body)
    assert "head: 128 numbers" in plan
    page.selectbox(key="train_metric_Folder_loss").set_value("triplet")
    page.number_input(key="train_metric_Folder_epochs").set_value(1)
    page.button(key="new_start").click().run()
    (command,) = started
    assert command[:4] == ["kerasface", "train", "metric", "people"]
    assert shlex.join(command).endswith("--loss triplet --epochs 1")


@pytest.mark.parametrize(("folder", "message"), [("nowhere", "does not exist"), (".", "images")])
def test_a_folder_without_masks_is_a_sentence(open_page, tmp_path, folder, message):
    page = open_page("train")
    learn(page, "segment")
    page.text_input(key="train_folder_segment").set_value(str(tmp_path / folder)).run()
    assert not page.exception
    assert message in page.error[0].value
    assert not any(button.key == "new_start" for button in page.button)


def test_a_listing_is_read_like_a_folder(open_page, tmp_path):
    people = fill_classes(tmp_path / "people", Ada=3, Bea=2)
    lines = [f"people/{path.parent.name}/{path.name},{path.parent.name}\n" for path in people.glob("*/*.png")]
    (tmp_path / "train.csv").write_text("".join(lines))
    page = open_page("train")
    choose_folder(page, tmp_path / "train.csv")
    assert "**5 pictures** of **2 classes**" in texts(page)
    assert page.text_input(key="new_name").placeholder == "train"


@pytest.mark.slow
def test_an_embedder_is_trained_from_the_page(open_page, tmp_path, tables):
    """Half of six classes are held out; one epoch through a small network from random weights."""
    page = open_page("train")
    learn(page, "metric")
    choose_folder(page, fill_classes(tmp_path / "things", **dict.fromkeys("abcdef", 4)))
    page.selectbox(key="train_metric_recipe_Folder").set_value("siamese-digits").run()
    page.number_input(key="train_metric_Folder_epochs").set_value(1)
    page.text_input(key="new_name").set_value("siamese")
    page.button(key="new_start").click().run()
    assert not page.exception
    wait_for(lambda: (found := background.find_training("siamese")) and found.state not in background.ALIVE, 300)
    assert background.find_training("siamese").state == "finished", background.last_words("siamese")
    page.run()
    assert not page.exception
    rows = tables(page)[0]
    assert [row["embeddings"] for row in rows] == ["raw pixels", "trained head (kept)"]
    assert load_run("saved_models", "siamese").card.task == "embed"


@pytest.mark.slow
def test_with_other_people_to_judge_on_the_pictures_are_checked_anew(open_page, tmp_path):
    page = open_page("train")
    learn(page, "metric")
    choose_folder(page, fill_classes(tmp_path / "things", **dict.fromkeys("abcd", 2)))
    page.selectbox(key="train_metric_recipe_Folder").set_value("siamese-digits").run()
    page.button(key="train_check").click().run()
    assert not page.exception
    assert not any(button.key == "train_check" for button in page.button)
    others = fill_classes(tmp_path / "others", **dict.fromkeys("efgh", 2))
    page.text_input(key="train_metric_Folder_validation").set_value(str(others)).run()
    assert any(button.key == "train_check" for button in page.button)


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_typed_before_a_recipes_values_are_there_is_kept_and_so_are_they(page, app_server, scenes):
    """The page's answers are held back, as by a slow network, until a recipe is chosen and the epochs are typed."""
    expect = pytest.importorskip("playwright.sync_api").expect
    held, holds, sockets = [], [], []

    def connect(browser):
        server = browser.connect_to_server()
        sockets.append(browser)
        browser.on_message(lambda message: server.send(message))
        server.on_message(lambda message: held.append(message) if holds else browser.send(message))

    page.route_web_socket("**/_stcore/stream", connect)
    page.goto(f"{app_server}/train")
    page.get_by_text("Find its parts").click()
    page.get_by_label("Folder on this machine").fill(str(scenes))
    page.get_by_label("Folder on this machine").press("Enter")
    expect(page.get_by_text("8 pictures")).to_be_visible()
    settle(page)
    recipe, epochs = page.get_by_label("Recipe", exact=True), page.get_by_label("Epochs", exact=True)
    recipe.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # a list that opens while the page scrolls is closed again by the widget
    holds.append(True)
    recipe.fill("scenes")
    expect(page.get_by_role("option", name="scenes", exact=True)).to_be_visible()
    recipe.press("Enter")
    wait_in_browser(page, lambda: any(b"configs/scenes.toml" in message for message in held))  # in the command
    epochs.fill("1")
    epochs.press("Enter")
    wait_in_browser(page, lambda: any(b"--epochs 1" in message for message in held))
    holds.clear()
    for message in held:
        sockets[-1].send(message)
    settle(page)
    page.get_by_text("The same as a command").click()
    words = ["--name", "street", "--recipe", "configs/scenes.toml", "--epochs", "1"]
    expect(page.locator("code").last).to_contain_text(shlex.join(words))
    expect(epochs).to_have_value("1")


def wait_in_browser(page, happened, seconds=60):
    """Waits while the browser goes on."""
    for _ in range(seconds * 10):
        if happened():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it did not happen")


@pytest.mark.browser
@pytest.mark.slow
def test_a_segmentation_is_trained_in_a_browser(page, app_server, scenes):
    expect = pytest.importorskip("playwright.sync_api").expect
    page.goto(f"{app_server}/train")
    page.get_by_text("Find its parts").click()
    page.get_by_label("Folder on this machine").fill(str(scenes))
    page.get_by_label("Folder on this machine").press("Enter")
    expect(page.get_by_text("8 pictures")).to_be_visible()
    settle(page)
    recipe = page.get_by_label("Recipe")
    recipe.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # what scrolls closes a list that is open
    recipe.fill("scenes")
    expect(page.get_by_role("option", name="scenes", exact=True)).to_be_visible()
    recipe.press("Enter")
    expect(page.get_by_text("decoder: 6 classes")).to_be_visible()
    page.get_by_label("Epochs", exact=True).fill("1")
    page.get_by_label("Name of the model").fill("street")
    page.get_by_role("button", name="Start", exact=True).click()  # in one go with what was typed
    expect(page.get_by_text("Mean IoU", exact=True)).to_be_visible(timeout=300_000)
    expect(page.get_by_role("row", name="building")).to_be_visible()
    page.get_by_text("Show the whole report here").click()
    report = page.frame_locator("iframe").last.frame_locator("iframe[title=Report]")
    expect(report.get_by_role("heading", name="Worst masks")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_long_stretch_of_blocks_is_shortened():
    from kerasface.train.plan import FROZEN, NEW, TRAINED, PlannedBlock, TrainingPlan

    blocks = [PlannedBlock(f"b{number}", 1000, FROZEN if number < 9 else TRAINED) for number in range(11)]
    shown = plan_html(TrainingPlan((*blocks, PlannedBlock("<head>", 5, NEW)), ()))
    names = re.findall(r"<b>(.*?)</b>", shown)
    assert names == ["b0", "… 7 blocks …", "b8", "b9", "b10", "&lt;head&gt;"]
    assert "7 k weights" in shown
