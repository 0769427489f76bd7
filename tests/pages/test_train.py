"""The page Train. Trainings are folders that are written here, or short scripts; one slow test really trains."""

import base64
import csv
import io
import json
import os
import signal
import sys
import time
import zipfile

import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.data.curation import curation_file, read_curation
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard
from kerasface.train.engine.session import Session
from kerasface.train.process import background
from kerasface.train.process.background import find_training, start, training_command
from kerasface.train.process.processes import process_start
from kerasface.train.recipe import ClassifyRecipe

# A training that only waits to be asked to stop.
WAITS = """
import sys, time
from kerasface.train.engine.stopping import ends_when_asked
with ends_when_asked(sys.argv[1], sys.argv[2]):
    time.sleep(100)
"""


def waiting(runs, name):
    return [sys.executable, "-c", WAITS, str(runs), name]


def begun(runs, name, training, data):
    """What a training in a process of its own would have begun and learned."""
    session = Session.start(runs, name, ClassifyRecipe(), data)
    session.write_checkpoint({}, {"stage": "train", "step": 1})
    session.note({"process": training.process, "process_start": process_start(training.process)})
    session.close()
    return session


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """What is unpacked or cached goes into the test's folder; whatever it leaves running is ended."""
    monkeypatch.setenv("KERASFACE_CACHE", str(tmp_path / "cache"))
    yield
    for training in background.list_trainings(tmp_path / "saved_models"):
        if training.alive and training.process != os.getpid():
            os.kill(training.process, signal.SIGKILL)


def picture(seed, side=24):
    """Coarse noise: no two are alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.NEAREST)


def fill_classes(folder, **counts):
    """Writes a folder of pictures for each class, no two alike."""
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for index in range(count):
            picture([*name.encode(), index]).save(folder / name / f"{index}.png")
    return folder


@pytest.fixture
def pictures(tmp_path):
    """Six pictures of Ada, among them two of one content; one of Emmy's three is no picture."""
    folder = tmp_path / "pictures"
    for name, count in (("Ada", 5), ("<b>Emmy", 4)):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            picture([len(name), index]).save(folder / name / f"{index}.png")
    (folder / "Ada" / "copy.png").write_bytes((folder / "Ada" / "0.png").read_bytes())
    (folder / "<b>Emmy" / "broken.png").write_bytes(b"no picture")
    (folder / "Ada" / "notes.txt").write_text("a")
    return folder


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def png(seed):
    buffer = io.BytesIO()
    picture(seed).save(buffer, "PNG")
    return buffer.getvalue()


def wait_for(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.05)


def choose_folder(page, folder):
    page.text_input(key="train_folder").set_value(str(folder)).run()
    assert not page.exception


def choose_linear(page):
    """The defaults, on whole pictures of 16 pixels, by the simplest network."""
    page.selectbox(key="train_recipe_Folder").set_value("The defaults").run()
    prefix = "train_Folder"
    page.segmented_control(key=f"{prefix}_faces").set_value("Whole pictures")
    page.selectbox(key=f"{prefix}_backbone").set_value("linear")
    page.number_input(key=f"{prefix}_epochs").set_value(2)
    page.number_input(key=f"{prefix}_image_size").set_value(16).run()
    assert not page.exception


def metrics(page):
    return {metric.label: metric.value for metric in page.metric}


def texts(page):
    kinds = (page.markdown, page.caption, page.info, page.warning, page.error, page.success)
    return "\n".join(element.value for elements in kinds for element in elements)


@pytest.fixture
def running(tmp_path):
    """A training named `faces` that runs, after one epoch and a part of the second."""
    root = tmp_path / "saved_models"
    session = begun(root, "faces", start(waiting(root, "faces"), "faces", runs=root), tmp_path / "people")
    session.event("progress", stage="images", done=9, total=9)
    session.event("start", data=str(tmp_path / "people"))
    row = {
        "stage": "head",
        "epoch": 1,
        "epochs": 4,
        "steps_per_epoch": 10,
        "images_per_second": 123.0,
        "memory_mib": 500.0,
    }
    session.event("steps", step=10, loss=2.0, accuracy=0.25, **row)
    session.event("epoch", stage="head", epoch=1, loss=2.0, val_loss=1.5, accuracy=0.25, val_accuracy=0.5)
    session.event("steps", step=5, loss=1.0, accuracy=0.75, **row | {"epoch": 2})
    return session


def save_classifier(root, data=None, name="people", recipe=None):
    """A run with three held-out pictures, of which two got a wrong name."""
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs)))
    numbers = {"top1": 1 / 3, "top5": 1.0, "ece": 0.02, "ece_before": 0.08, "num_validation": 3}
    mistakes = [
        {"file": "Ada/1.png", "true": "Ada", "named": "<b>Emmy", "probability": 0.9},
        {"file": "Ada/gone.png", "true": "Ada", "named": "<b>Emmy", "probability": 0.6},
    ]
    records = {
        "format": 1,
        "metrics": numbers,
        "notes": ["A note."],
        "history": [{"stage": "train", "epoch": 1, "loss": 1.0, "val_loss": 1.0}],
        "comparison": None,
        "classes": [
            {"name": "<b>Emmy", "num_train": 3, "num_validation": 1, "recall": 1.0, "precision": 1 / 3},
            {"name": "Ada", "num_train": 3, "num_validation": 2, "recall": 0.0, "precision": None},
        ],
        "confusions": [{"true": "Ada", "named": "<b>Emmy", "count": 2, "files": ["Ada/1.png", "Ada/gone.png"]}],
        "mistakes": mistakes,
        "open_set": None,
    }
    card = {"task": "classify", "input": {"kind": "image"}, "labels": ["<b>Emmy", "Ada"], "metrics": numbers}
    card["recipe"] = recipe or {}
    files = {"records.json": json.dumps(records), "report.html": "<p>report", "recipe.toml": "faces = false\n"}
    if data is not None:
        files["events.jsonl"] = json.dumps({"event": "start", "data": str(data)}) + "\n"
    return runs.write_run(
        root, name, model=model, card=ModelCard.from_dict(card), metrics=numbers, history=[], files=files
    )


def test_first_start_asks_for_pictures(open_page):
    page = open_page("train")
    assert not page.exception
    assert "Choose pictures to go on" in page.caption[-1].value
    assert not page.selectbox
    assert not page.button


@pytest.mark.parametrize(("name", "message"), [("nowhere", "does not exist"), ("empty", "has none")])
def test_a_folder_without_pictures_is_a_sentence(open_page, tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    page = open_page("train")
    choose_folder(page, tmp_path / name)
    assert message in page.error[0].value
    assert not any(button.label == "Start" for button in page.button)


def test_the_check_finds_what_is_broken_and_what_is_there_twice(open_page, pictures, tables):
    page = open_page("train")
    choose_folder(page, pictures)
    assert "**11 pictures** of **2 classes**" in texts(page)
    choose_linear(page)
    page.button(key="train_check").click().run()
    assert not page.exception
    # Of Ada's six and Emmy's four a fifth each is 1; the copy may move one to the training side.
    found = metrics(page)
    assert (found["Classes"], found["Not used"], found["Duplicates"]) == ("2", "2", "1")
    assert int(found["To learn from"]) + int(found["Held out"]) == 10
    labels = [expander.label for expander in page.expander]
    assert "2 files are not used" in labels
    assert "1 group of equal files" in labels
    rejected = next(table for table in tables(page) if len(table) == 2)
    assert any("Not an image." in row["reason"] for row in rejected)
    assert any(r"\<b\>Emmy" in text or "fewer than 5" in text for text in [warning.value for warning in page.warning])
    assert not any(button.key == "train_check" for button in page.button)


def test_another_share_of_mixup_draws_the_sheet_anew(open_page, pictures, monkeypatch):
    drawn = []

    def draw(prepared, recipe):
        drawn.append(recipe.mixup_alpha)
        return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr("pages.parts.train.check.draw_preview", draw)
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    page.selectbox(key="train_Folder_mix").set_value("mixup").run()
    page.button(key="train_check").click().run()
    page.number_input(key="train_Folder_mixup_alpha").set_value(8.0).run()
    assert not page.exception
    assert drawn == [None, 8.0]


def test_the_settings_become_a_command_and_contradictions_a_sentence(open_page, pictures):
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    assert page.code[0].value == (
        "kerasface train classify pictures --name pictures --no-faces --backbone linear --epochs 2 --image-size 16"
    )
    page.text_input(key="new_name").set_value("mine").run()
    assert "--name mine" in page.code[0].value
    page.number_input(key="train_Folder_epochs").set_value(0).run()
    assert "trains nothing" in page.error[0].value
    assert not page.code


def test_every_recipe_of_this_kind_is_offered_and_becomes_itself(open_page, pictures):
    page = open_page("train")
    choose_folder(page, pictures)
    offered = page.selectbox(key="train_recipe_Folder").options
    assert set(offered) == {
        "The defaults",
        *("digits", "faces", "faces-fine-tune", "head-pose", "many-people", "transfer"),
    }
    page.selectbox(key="train_recipe_Folder").set_value("digits").run()
    assert not page.exception
    command = page.code[0].value.split()
    assert command[-2:-1] == ["--recipe"]  # and no flag: nothing was changed
    assert command[-1].endswith("digits.toml")


def test_a_name_that_is_taken_is_not_offered_and_not_started(open_page, pictures, running, monkeypatch):
    monkeypatch.setattr("pages.parts.train.start.start", None)
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    for name, problem in (("faces", "is there already"), ("../x", "plain folder name")):
        page.text_input(key="new_name").set_value(name).run()
        assert problem in texts(page)
        page.button(key="new_start").click().run()
        assert not page.exception
        assert problem in page.error[0].value


@pytest.fixture
def started(monkeypatch):
    """The commands that Start started, which are not run."""
    commands = []
    monkeypatch.setattr("pages.parts.train.start.start", lambda command, name, **options: commands.append(command))
    return commands


def test_start_takes_what_is_typed_at_the_moment_it_is_pressed(open_page, pictures, started):
    """Folder, name and epochs reach the server with the press: no run of the page has seen them before."""
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    other = pictures.rename(pictures.with_name("others"))
    page.text_input(key="train_folder").set_value(str(other))
    page.text_input(key="new_name").set_value("mine")
    page.number_input(key="train_Folder_epochs").set_value(7)
    page.button(key="new_start").click().run()
    assert not page.exception
    (command,) = started
    assert command[3:6] == ["others", "--name", "mine"]
    assert command[command.index("--epochs") + 1] == "7"


def test_what_cannot_be_started_is_said_when_start_is_pressed(open_page, pictures, tmp_path, started):
    page = open_page("train")
    choose_folder(page, pictures)
    page.text_input(key="train_folder").set_value(str(tmp_path / "nowhere"))
    page.button(key="new_start").click().run()
    assert any("nowhere" in error.value for error in page.error)
    choose_folder(page, pictures)
    choose_linear(page)
    page.number_input(key="train_Folder_epochs").set_value(0)
    page.button(key="new_start").click().run()
    assert "trains nothing" in texts(page)
    assert not started


def test_what_is_given_to_judge_on_and_does_not_fit_is_said_below_its_box(
    open_page, pictures, tmp_path, started, monkeypatch
):
    """A path that is not there and a class that is not trained on; then pictures that fit, in the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    for classes, said in (({}, "does not exist"), ({"Dora": 1}, "Received: Dora")):
        fill_classes(tmp_path / "dev", **classes)
        page.text_input(key="train_Folder_validation").set_value("~/dev").run()
        (error,) = page.error
        assert said in error.value.replace("\\", "")
        assert not any(button.key == "new_start" for button in page.button)
    fill_classes(tmp_path / "dev2", Ada=1)
    page.text_input(key="train_Folder_validation").set_value("~/dev2").run()
    assert not page.error
    page.text_input(key="train_Folder_validation").set_value("~/dev")
    page.button(key="new_start").click().run()
    assert "Received: Dora" in page.error[0].value.replace("\\", "")
    assert not started
    page.text_input(key="train_Folder_validation").set_value("~/dev2").run()
    page.button(key="new_start").click().run()
    assert started[0][started[0].index("--validation") + 1] == str(tmp_path / "dev2")


def test_the_models_that_are_here_are_offered_to_go_on_from(open_page, pictures, tmp_path):
    """Each kind of training offers those that it can go on from, as models."""
    save_classifier(tmp_path / "saved_models", name="first")
    page = open_page("train")
    choose_folder(page, pictures)
    box = page.selectbox(key="train_Folder_backbone")
    assert "first (model)" in box.options
    assert "simple_cnn" in box.options


def test_another_recipe_leaves_what_the_user_set_and_brings_the_rest(open_page, pictures, started):
    page = open_page("train")
    choose_folder(page, pictures)
    page.selectbox(key="train_recipe_Folder").set_value("digits").run()
    of_digits = page.number_input(key="train_Folder_epochs").value, page.selectbox(key="train_Folder_backbone").value
    page.number_input(key="train_Folder_epochs").set_value(77)
    page.selectbox(key="train_recipe_Folder").set_value("The defaults")  # in one message with what was typed
    page.button(key="new_start").click().run()
    assert not page.exception
    assert page.session_state["train_Folder_epochs"] == 77 != of_digits[0]
    assert page.session_state["train_Folder_backbone"] == ClassifyRecipe().backbone != of_digits[1]
    (command,) = started
    assert "--recipe" not in command
    assert command[command.index("--epochs") + 1] == "77"


def test_start_starts_the_command_and_follows_it(open_page, pictures, tmp_path, monkeypatch):
    """The process is a script that only sleeps; the page shows that it starts."""
    asked = []

    def started(command, name, **options):
        asked.append(command)
        return start(waiting("saved_models", name), name, **options)

    monkeypatch.setattr("pages.parts.train.start.start", started)
    page = open_page("train")
    choose_folder(page, pictures)
    choose_linear(page)
    shown = page.code[0].value
    page.button(key="new_start").click().run()
    assert not page.exception
    assert [" ".join(command) for command in asked] == [shown]
    assert page.selectbox(key="train_choice").value == "pictures"
    assert page.query_params["training"] in ("pictures", ["pictures"])
    assert find_training("pictures").state == "starting"
    assert page.button(key="train_stop").label == "Stop"


def test_a_zip_file_is_looked_at_and_unpacked_when_asked(open_page, tmp_path, tables):
    page = open_page("train")
    page.segmented_control(key="train_source").set_value("Zip file").run()
    files = {"people/Ada/1.png": png(1), "people/Emmy/1.png": png(2), "../evil.png": png(3)}
    page.file_uploader(key="train_zip").set_value(("photos.zip", zipped(**files), "application/zip")).run()
    assert not page.exception
    assert "**2 pictures** of **2 classes**" in texts(page)
    assert [row["reason"] for row in tables(page)[0]] == ["Its name leads out of the folder."]
    folder = tmp_path / "cache" / "uploads" / "photos"
    assert not folder.exists()
    page.button(key="train_unpack").click().run()
    assert not page.exception
    assert sorted(path.name for path in folder.iterdir()) == ["Ada", "Emmy"]
    assert "--name photos" in page.code[0].value
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"no archive", "no zip file"), (zipped(**{"1.png": b"a"}), "a folder per class is needed")],
)
def test_a_zip_file_that_is_none_is_a_sentence(open_page, content, message):
    page = open_page("train")
    page.segmented_control(key="train_source").set_value("Zip file").run()
    page.file_uploader(key="train_zip").set_value(("x.zip", content, "application/zip")).run()
    assert not page.exception
    assert message in page.error[0].value


def test_a_name_out_of_the_cache_is_refused(open_page, tmp_path):
    page = open_page("train")
    page.segmented_control(key="train_source").set_value("Zip file").run()
    files = {"Ada/1.png": png(1), "Emmy/1.png": png(2)}
    page.file_uploader(key="train_zip").set_value(("p.zip", zipped(**files), "application/zip")).run()
    name = next(field for field in page.text_input if field.label.startswith("Name of the folder"))
    name.set_value("../../out").run()
    page.button(key="train_unpack").click().run()
    assert "plain folder name" in page.error[0].value
    assert not (tmp_path / "out").exists()


def test_a_training_from_elsewhere_is_found_and_followed(open_page, running):
    page = open_page("train")
    assert not page.exception
    page.button(key="show_faces").click().run()
    assert not page.exception
    found = metrics(page)
    assert (found["Epoch"], found["Images/s"], found["Memory"]) == ("2 of 4", "123", "500 MiB")
    assert (found["Accuracy, training"], found["Accuracy, held out"]) == ("75.0 %", "50.0 %")
    curves = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    assert {trace["name"] for trace in curves} == {
        *("training loss", "validation loss", "training accuracy", "validation accuracy"),
    }
    assert page.get("progress")[0].proto.text.startswith("Training the head: 15 of 40")


@pytest.mark.slow
def test_stop_asks_once(open_page, running, tmp_path):
    page = open_page("train")
    page.button(key="show_faces").click().run()
    stop = running.folder / "stop"
    assert not stop.exists()
    page.button(key="train_stop").click().run()
    assert not page.exception
    assert stop.exists()
    wait_for(lambda: find_training("faces", tmp_path / "saved_models").state == "stopped")


def test_stop_says_so_at_once_and_a_training_that_never_took_a_step_is_stopped(open_page, tmp_path, monkeypatch):
    """The process here looks at nothing, as one that just starts."""
    root, sleeper = tmp_path / "saved_models", tmp_path / "sleeper"
    sleeper.write_text("#!/bin/sh\nexec sleep 100\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(sleeper))
    start(training_command("people", "early", runs=root), "early", runs=root)
    page = open_page("train")
    page.button(key="show_early").click().run()
    page.button(key="train_stop").click().run()
    assert not page.exception
    stop = page.button(key="train_stop")
    assert (stop.label, stop.disabled) == ("Stopping", True)
    os.kill(find_training("early", root).process, signal.SIGKILL)
    wait_for(lambda: find_training("early", root).state == "stopped")
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("early").run()
    assert not page.exception
    assert not page.error
    assert "stopped before its first step" in page.info[0].value
    page.button(key="train_resume").click().run()
    assert not page.exception
    assert find_training("early", root).state == "starting"


def test_an_address_leads_to_its_training(open_page, running):
    page = open_page("train")
    page.query_params["training"] = "faces"
    page.session_state["train_shown"] = "faces"
    page.run()
    assert metrics(page)["Epoch"] == "2 of 4"


@pytest.mark.slow
def test_what_was_left_off_can_be_discarded(open_page, running, tmp_path):
    running.note({"process": os.getpid(), "process_start": "another boot"})
    os.kill(find_training("faces", tmp_path / "saved_models").process, signal.SIGKILL)
    wait_for(lambda: find_training("faces", tmp_path / "saved_models").state == "interrupted")
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("faces").run()
    assert not page.exception
    assert "Resume goes on" in page.warning[0].value
    assert page.button(key="train_resume").label == "Resume"
    page.button(key="train_discard").click().run()
    assert not page.exception
    assert not running.folder.exists()
    assert "Choose pictures to go on" in texts(page)


def test_a_training_that_failed_is_told_in_its_own_words(open_page, tmp_path):
    start([sys.executable, "-c", "raise SystemExit('Error: No <b>photos</b>.')"], "bad", runs=tmp_path / "saved_models")
    wait_for(lambda: find_training("bad", tmp_path / "saved_models").state == "failed")
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("bad").run()
    assert not page.exception
    assert "ended without a model" in page.error[0].value
    assert page.code[0].value == "No <b>photos</b>."


def test_a_run_that_was_deleted_meanwhile_is_a_sentence(open_page):
    page = open_page("train")
    page.session_state["train_shown"] = "<i>gone"
    page.run()
    assert not page.exception
    assert r"\<i\>gone is no longer there" in page.info[0].value
    assert "Choose pictures to go on" in texts(page)


def test_a_damaged_log_breaks_nothing(open_page, running):
    with (running.folder / "events.jsonl").open("ab") as log:
        log.write(b"{damaged\n")
    page = open_page("train")
    page.button(key="show_faces").click().run()
    assert not page.exception
    assert metrics(page)["Epoch"] == "2 of 4"


def open_model(open_page, tmp_path, pictures, **options):
    save_classifier(tmp_path / "saved_models", pictures, **options)
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("people").run()
    assert not page.exception
    return page


def test_the_results_have_intervals_and_the_pictures_of_the_mistakes(open_page, tmp_path, pictures):
    """Wilson's 95 % interval of 1 of 3: from 6.1 to 79.2 %."""
    page = open_model(open_page, tmp_path, pictures)
    assert metrics(page)["Top-1"] == "33.3 %"
    assert any("6.1\N{NO-BREAK SPACE}% to 79.2\N{NO-BREAK SPACE}%" in caption.value for caption in page.caption)
    assert page.selectbox(key="train_cell_people").options == [
        *("All mistakes, the surest first", "Ada taken for <b>Emmy: 2"),
    ]
    assert r"named \<b\>Emmy \(90 %\)".replace(r"\(", "(").replace(r"\)", ")") in texts(page)
    assert "no longer there" in texts(page)
    matrix = json.loads(page.get("plotly_chart")[-1].proto.spec)["data"][0]["z"]
    assert np.asarray(decoded(matrix)).tolist() == [[1, 0], [2, 0]]


def decoded(values):
    """The numbers of a Plotly array, which may be packed."""
    if not isinstance(values, dict):
        return values
    shape = [int(extent) for extent in str(values["shape"]).split(",")]
    return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).reshape(shape)


def test_pictures_that_were_given_to_judge_on_are_shown_and_stay_as_they_are(open_page, tmp_path, pictures):
    page = open_model(open_page, tmp_path, None, recipe={"validation": str(pictures)})
    assert any("of 3 in pictures" in caption.value for caption in page.caption)
    assert not any(box.key.startswith("train_decide_") for box in page.selectbox)
    assert "They were given to judge on, and stay as they are." in texts(page)


def test_pictures_are_left_out_renamed_and_taken_back(open_page, tmp_path, pictures):
    page = open_model(open_page, tmp_path, pictures)
    photos = {path: path.read_bytes() for path in pictures.rglob("*.png")}
    path = curation_file(pictures)
    choice = next(box for box in page.selectbox if box.key.endswith("Ada/1.png"))
    assert choice.options == ["as it is", "leave out", "is <b>Emmy"]
    choice.set_value("leave out").run()
    assert not page.exception
    assert [(one.file, one.label) for one in read_curation(path)] == [("Ada/1.png", None)]
    command = page.code[0].value
    assert command.startswith("kerasface train classify pictures --name people-2 --recipe")
    assert command.endswith(f"recipe.toml --curation {path}")
    next(box for box in page.selectbox if box.key.endswith("Ada/1.png")).set_value("is <b>Emmy").run()
    assert [(one.file, one.label) for one in read_curation(path)] == [("Ada/1.png", "<b>Emmy")]
    page.button(key="train_undo_Ada/1.png").click().run()
    assert not page.exception
    assert read_curation(path) == ()
    assert {path: path.read_bytes() for path in pictures.rglob("*.png")} == photos


def test_without_the_folder_the_files_are_named_and_it_is_asked_for(open_page, tmp_path, pictures, tables):
    page = open_model(open_page, tmp_path, None)
    assert [row["file"] for row in tables(page)[0]] == ["Ada/1.png", "Ada/gone.png"]
    page.text_input(key="train_root").set_value(str(pictures)).run()
    assert not page.exception
    assert any(box.key.endswith("Ada/1.png") for box in page.selectbox)


def test_files_outside_the_folder_are_not_shown(open_page, tmp_path, pictures):
    run = save_classifier(tmp_path / "saved_models", pictures)
    picture(0).save(tmp_path / "secret.png")
    records = (run / "records.json").read_text().replace("Ada/1.png", "../secret.png")
    (run / "records.json").write_text(records)
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("people").run()
    assert not page.exception
    assert sum("no longer there" in text.value for text in page.markdown) == 2


def test_a_run_without_its_records_shows_its_numbers(open_page, tmp_path, tables):
    (save_classifier(tmp_path / "saved_models") / "records.json").write_text("{")
    page = open_page("train")
    page.selectbox(key="train_choice").set_value("people").run()
    assert not page.exception
    assert "Its mistakes cannot be shown" in texts(page)
    assert "top1" in [row["measure"] for row in tables(page)[0]]


def test_a_damaged_list_of_pictures_is_a_sentence(open_page, tmp_path, pictures):
    curation_file(pictures).write_text("{")
    page = open_model(open_page, tmp_path, pictures)
    assert "is no list of pictures" in page.error[0].value


@pytest.mark.slow
def test_digits_are_trained_from_the_page(open_page, tmp_path):
    """One epoch of a linear classifier on the sample: the page starts it, follows it, and shows what came of it."""
    page = open_page("train")
    page.segmented_control(key="train_source").set_value("Sample").run()
    prefix = "train_Sample"
    page.selectbox(key=f"{prefix}_backbone").set_value("linear")
    page.number_input(key=f"{prefix}_epochs").set_value(2).run()
    page.button(key="new_start").click().run()
    assert not page.exception
    name = page.session_state["train_shown"]
    wait_for(lambda: find_training(name).state not in background.ALIVE, 300)
    assert find_training(name).state == "finished", background.last_words(name)
    page.run()
    assert not page.exception
    assert float(metrics(page)["Top-1"].split()[0]) > 50
    run = tmp_path / "saved_models" / name
    with (run / "history.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 2
    assert (run / "filters.npz").is_file()


@pytest.fixture
def server_with_a_training(app_server, app_folder):
    """Address of the dashboard while a training stands in its folder that somebody else started."""
    runs = app_folder / "saved_models"
    training = start(waiting(runs, "typed"), "typed", runs=runs)
    session = begun(runs, "typed", training, app_folder)
    yield app_server, session
    if find_training("typed", app_folder / "saved_models").alive:
        os.kill(training.process, signal.SIGKILL)
    wait_for(lambda: not (found := find_training("typed", app_folder / "saved_models")) or not found.alive)
    background.discard("typed", runs=app_folder / "saved_models")


@pytest.mark.browser
@pytest.mark.slow
def test_a_training_is_followed_and_stopped_in_a_browser(page, server_with_a_training):
    expect = pytest.importorskip("playwright.sync_api").expect
    url, session = server_with_a_training
    page.goto(f"{url}/train?training=typed")
    expect(page.get_by_text("running", exact=True)).to_be_visible(timeout=90_000)  # the first start imports TensorFlow
    row = {"stage": "train", "epochs": 3, "steps_per_epoch": 4, "images_per_second": 77.0, "memory_mib": 500.0}
    session.event("steps", epoch=1, step=4, loss=2.0, accuracy=0.2, **row)
    expect(page.get_by_text("Training: 4 of 12")).to_be_visible()  # without any click
    expect(page.get_by_text("1 of 3")).to_be_visible()
    session.event("steps", epoch=2, step=2, loss=1.0, accuracy=0.4, **row)
    expect(page.get_by_text("Training: 6 of 12")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Training: 6 of 12")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert (session.folder / "stop").exists()
