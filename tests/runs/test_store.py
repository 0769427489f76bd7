"""Trained models on disk: whole or not at all, checked before they are opened, listed even when broken."""

import csv
import hashlib
import io
import json
import os
import shutil
import zipfile

import keras
import numpy as np
import pytest

from kerasface.files import replacement
from kerasface.models import keras_files
from kerasface.runs import card as card_of_a_run
from kerasface.runs import model_file
from kerasface.runs import store as runs
from kerasface.runs.card import ModelCard, OpenSetThreshold
from kerasface.runs.store import RunError, list_runs, load_run, write_run

LABELS = ["Ada", "Zoë", "张伟"]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(inputs)))


def card(**changes):
    return ModelCard.from_dict({"task": "classify", "input": {"image_size": [150, 150]}, "labels": LABELS, **changes})


def write(root, model, name="friends", metrics=None, history=(), rejected=(), **card_changes):
    metrics = {"top1": 0.5} if metrics is None else metrics
    return write_run(
        root, name, model=model, card=card(**card_changes), metrics=metrics, history=history, rejected=rejected
    )


def change_card(folder, **changes):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_comes_back_as_it_was_written(model, tmp_path):
    write(tmp_path, model)
    run = load_run(tmp_path, "friends")
    assert (run.name, run.labels, run.card.task) == ("friends", tuple(LABELS), "classify")
    inputs = np.random.default_rng(0).normal(size=(5, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(run.model(inputs)), np.asarray(model(inputs)), atol=1e-6)
    (summary,) = list_runs(tmp_path)
    assert (summary.name, summary.path, summary.problem) == ("friends", tmp_path / "friends", None)
    assert summary.card == run.card


def test_the_folder_holds_what_the_issue_promises(model, tmp_path):
    history = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.25}]
    rejected = [("Zoë/ä, b.jpg", "no face\nwas found")]
    folder = write(tmp_path, model, history=history, rejected=rejected)
    files = {"card.json", "history.csv", "labels.json", "metrics.json", "model.keras", "rejected.csv"}
    assert set(names_in(folder)) == files
    assert names_in(tmp_path) == ["friends"]
    written = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert written["model_sha256"] == sha256(folder / "model.keras")
    assert json.loads((folder / "labels.json").read_text(encoding="utf-8")) == LABELS
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8")) == {"top1": 0.5}
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"epoch": "1", "loss": "2.5"}, {"epoch": "2", "loss": "1.25"}]
    with (folder / "rejected.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == [{"file": "Zoë/ä, b.jpg", "reason": "no face\nwas found"}]


def test_a_run_may_be_moved(model, tmp_path):
    write(tmp_path, model)
    shutil.move(tmp_path / "friends", tmp_path / "elsewhere")
    assert load_run(tmp_path, "elsewhere").labels == tuple(LABELS)


def test_an_altered_model_is_not_opened(model, tmp_path, monkeypatch):
    folder = write(tmp_path, model)
    expected = sha256(folder / "model.keras")
    with (folder / "model.keras").open("ab") as file:
        file.write(b"!")
    monkeypatch.setattr(keras.models, "load_model", lambda *args, **kwargs: pytest.fail("it was opened"))
    with pytest.raises(RunError) as caught:
        load_run(tmp_path, "friends")
    for part in (str(folder / "model.keras"), expected, sha256(folder / "model.keras")):
        assert part in str(caught.value)


def test_models_are_opened_in_safe_mode(tmp_path):
    """A Lambda layer carries code; its hash is right, and still it does not run."""
    inputs = keras.Input((4,))
    write(tmp_path, keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, :3])(inputs)))
    with pytest.raises(RunError, match=r"matches its card but does not load"):
        _ = load_run(tmp_path, "friends").model


@pytest.mark.parametrize("content", [b"", b"no archive", None], ids=["empty", "text", "cut"])
def test_a_model_that_matches_its_card_but_is_damaged(model, tmp_path, content):
    folder = write(tmp_path, model)
    path = folder / "model.keras"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    change_card(folder, model_sha256=sha256(path))
    with pytest.raises(RunError, match="does not load"):
        _ = load_run(tmp_path, "friends").model


BROKEN_CARDS = {
    "not JSON": (b'{"format": 1,', "not valid JSON"),
    "not text": (b"\xff\xfe\x00", "not valid JSON"),
    "not an object": (b"[1, 2]", "must hold a JSON object. Received: list"),
    "nested": (b"[" * 100_000, "not valid JSON"),
    "not a number": (b'{"format": NaN}', "NaN is no number of a card"),
    "beyond all whole numbers": (b'{"recipe": {"seed": [9223372036854775808]}}', "is no number of a card"),
    "beyond all numbers": (b'{"metrics": {"top1": 1e999}}', "1e999 is no number of a card"),
    "control characters": (b'{"name": "x", "task": "classify\\u001b[2J", "input": {}}', "lacks a valid 'task'"),
    "empty": (b"", "not valid JSON"),
    "no task": (b'{"format": 1, "name": "x", "input": {}, "model_sha256": ""}', "lacks a valid 'task'"),
    "no hash": (b'{"format": 1, "name": "x", "task": "classify", "input": {}}', "lacks a valid 'model_sha256'"),
    "later format": (
        b'{"format": 2, "name": "x", "task": "classify", "input": {}, "model_sha256": ""}',
        "has format 2; this version reads format 1",
    ),
}


@pytest.mark.parametrize("kind", BROKEN_CARDS)
def test_a_broken_card_is_listed_as_broken_beside_the_good_ones(model, tmp_path, kind):
    content, reason = BROKEN_CARDS[kind]
    write(tmp_path, model)
    write(tmp_path, model, name="broken")
    (tmp_path / "broken" / "card.json").write_bytes(content)
    broken, good = list_runs(tmp_path)
    assert (good.name, good.problem) == ("friends", None)
    assert (broken.name, broken.card) == ("broken", None)
    assert reason in broken.problem
    assert str(tmp_path / "broken" / "card.json") in broken.problem
    with pytest.raises(RunError, match="broken"):
        load_run(tmp_path, "broken")


def test_missing_files_are_listed_as_such(model, tmp_path):
    (tmp_path / "a folder").mkdir()
    (write(tmp_path, model, name="cardless") / "card.json").unlink()
    (write(tmp_path, model, name="modelless") / "model.keras").unlink()
    (tmp_path / "a file").touch()
    problems = {summary.name: summary.problem for summary in list_runs(tmp_path)}
    assert set(problems) == {"a folder", "cardless", "modelless"}
    assert "card.json cannot be read" in problems["cardless"]
    assert "model.keras is missing" in problems["modelless"]
    with pytest.raises(RunError, match=r"model\.keras is missing"):
        load_run(tmp_path, "modelless")


def test_labels_that_do_not_fit_the_model_are_refused(model, tmp_path):
    """The names would be shifted or run out at the first prediction."""
    folder = write(tmp_path, model)
    for labels in (LABELS[:2], [*LABELS, "one too many"], []):
        change_card(folder, labels=labels)
        with pytest.raises(RunError, match=f"names {len(labels)} classes; its model has 3"):
            _ = load_run(tmp_path, "friends").model
    for labels in ("abc", {"a": 1, "b": 2, "c": 3}, [1, 2, 3], None):
        change_card(folder, labels=labels)
        with pytest.raises(RunError, match="labels as a list of names"):
            load_run(tmp_path, "friends")


def test_a_huge_card_or_model_is_not_read(model, tmp_path, monkeypatch):
    write(tmp_path, model)
    monkeypatch.setattr(model_file, "MAX_BYTES", 100)
    with pytest.raises(RunError, match=r"larger than allowed: \d+ > 100 bytes"):
        load_run(tmp_path, "friends")
    monkeypatch.setattr(card_of_a_run, "_MAX_CARD_BYTES", 100)
    assert "larger than 100 bytes" in list_runs(tmp_path)[0].problem


def packed(entries, compression=zipfile.ZIP_DEFLATED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return content.getvalue()


HOSTILE = {
    "a configuration that grows": ({"config.json": b" " * 2**23}, "config.json grows more than 100 times"),
    "a large configuration": ({"config.json": np.random.default_rng(0).bytes(3000)}, r"config.json has 3,000 bytes"),
    "code": ({"config.json": b"{}", "run.py": b"print(1)"}, r"holds 'run.py', which no model of Keras does"),
    "a way out": ({"assets/../../.bashrc": b"x"}, r"holds 'assets/../../.bashrc'"),
    "many files": ({f"assets/{number}": b"" for number in range(30)}, "more than 20"),
    "nothing": ({}, "does not load"),
    "no configuration": ({"metadata.json": b"{}"}, "does not load"),
    "no weights": ({"metadata.json": b"{}", "config.json": b"{}", "model.weights.h5": b"x"}, "does not load"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_model_file_that_no_keras_wrote_is_refused_in_a_sentence(model, tmp_path, kind, monkeypatch):
    monkeypatch.setattr(
        keras_files, "_ENTRIES", keras_files._ENTRIES | {"config.json": 2000 if "large" in kind else 2**24}
    )
    monkeypatch.setattr(keras_files, "_MAX_ENTRIES", 20)
    folder = write(tmp_path, model)
    entries, message = HOSTILE[kind]
    (folder / "model.keras").write_bytes(packed(entries))
    change_card(folder, model_sha256=sha256(folder / "model.keras"))
    with pytest.raises(RunError, match=message):
        _ = load_run(tmp_path, "friends").model


def test_what_was_hashed_is_what_is_loaded(model, tmp_path, monkeypatch):
    """Somebody replaces the file between the check and the reading."""
    path = write(tmp_path, model) / "model.keras"
    check = model_file.check_keras_file

    def check_and_replace(copy):
        check(copy)
        path.write_bytes(b"something else")

    monkeypatch.setattr(model_file, "check_keras_file", check_and_replace)
    assert load_run(tmp_path, "friends").model.count_params() == model.count_params()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes among files here")
def test_a_pipe_in_place_of_a_card_does_not_make_a_list_wait(model, tmp_path):
    write(tmp_path, model)
    os.remove(tmp_path / "friends" / "card.json")
    os.mkfifo(tmp_path / "friends" / "card.json")
    assert "Not a regular file" in list_runs(tmp_path)[0].problem


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../friends", "a/b", "/etc", ".hidden", "a\nb", "a\0b", "a\x9bb", "a\u2028b", "friends/"]
)
def test_names_that_leave_the_folder_are_refused(model, tmp_path, name):
    root = tmp_path / "saved_models"
    with pytest.raises(RunError, match="plain folder name"):
        write(root, model, name=name)
    with pytest.raises(RunError, match="plain folder name"):
        load_run(root, name)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("name", ["friends", "my friends", "Zoë", "张伟", "v1.2"])
def test_plain_names_are_fine(model, tmp_path, name):
    write(tmp_path, model, name=name)
    assert load_run(tmp_path, name).name == name


def test_an_absent_model_names_those_present(model, tmp_path):
    with pytest.raises(RunError, match=r"no model 'friends'.*Present: none"):
        load_run(tmp_path / "absent", "friends")
    write(tmp_path, model)
    with pytest.raises(RunError, match=r"no model 'enemies'.*Present: friends"):
        load_run(tmp_path, "enemies")
    assert list_runs(tmp_path / "absent") == []


def test_the_run_that_is_replaced_is_kept_beside(model, tmp_path):
    for top1 in (0.1, 0.2, 0.3):
        write(tmp_path, model, metrics={"top1": top1})
    assert names_in(tmp_path) == [".friends.previous", "friends"]
    kept, current = (
        json.loads((tmp_path / name / "metrics.json").read_text(encoding="utf-8"))["top1"]
        for name in (".friends.previous", "friends")
    )
    assert (kept, current) == (0.2, 0.3)
    assert [summary.name for summary in list_runs(tmp_path)] == ["friends"]


class Crash(BaseException):
    """Stands for an interruption, such as Ctrl-C."""


def raiser(error):
    def raising(*args, **kwargs):
        raise error

    return raising


@pytest.mark.parametrize(
    ("module", "step"),
    [
        *((runs, "_write_csv"), (runs, "write_json"), (runs, "sha256")),
        *((replacement, "sync_folder"), (replacement, "swap_in")),
    ],
)
def test_a_crash_while_writing_leaves_the_old_run_whole(model, tmp_path, monkeypatch, module, step):
    folder = write(tmp_path, model)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(module, step, raiser(Crash()))
    with pytest.raises(Crash):
        write(tmp_path, model, metrics={"top1": 1.0})
    assert names_in(tmp_path) == ["friends"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_model_that_does_not_save_leaves_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(keras.Model, "save", raiser(OSError(28, "No space left on device")))
    with pytest.raises(RunError, match=r"'friends' could not be written.*No space left"):
        write(tmp_path, model)
    assert names_in(tmp_path) == []


def test_a_crash_between_the_two_renames_brings_the_old_run_back(model, tmp_path, monkeypatch):
    write(tmp_path, model, metrics={"top1": 0.1})
    rename, calls = runs.Path.rename, []

    def second_fails(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(runs.Path, "rename", second_fails)
    with pytest.raises(RunError, match="Input/output error"):
        write(tmp_path, model, metrics={"top1": 0.2})
    assert [summary.problem for summary in list_runs(tmp_path)] == [None]
    assert json.loads((tmp_path / "friends" / "metrics.json").read_text(encoding="utf-8")) == {"top1": 0.1}


@pytest.mark.parametrize("kind", ["NaN", "two inputs", "no picture", "two answers"])
def test_what_no_training_leaves_is_not_used(model, tmp_path, kind):
    folder = write(tmp_path, model)
    first, second = keras.Input((4, 4, 3)), keras.Input((4, 4, 3))
    flat = keras.layers.Flatten()(first)
    other = {
        "NaN": keras.models.clone_model(model),
        "two inputs": keras.Model([first, second], keras.layers.Add()([first, second])),
        "no picture": keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)]),
        "two answers": keras.Model(first, [flat, keras.layers.Dense(3)(flat)]),
    }[kind]
    if kind == "NaN":
        other.set_weights([np.full_like(weight, np.nan) for weight in other.get_weights()])
    other.save(folder / "model.keras")
    change_card(folder, model_sha256=sha256(folder / "model.keras"))
    with pytest.raises(RunError, match="NaN or infinite" if kind == "NaN" else "takes no picture, or gives several"):
        _ = load_run(tmp_path, "friends").model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_not_written(model, tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write(tmp_path, model, metrics={"top1": value})
    assert names_in(tmp_path) == []


def test_weights_that_are_no_numbers_are_not_written(model, tmp_path):
    spoiled = keras.models.clone_model(model)
    spoiled.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    with pytest.raises(RunError, match="NaN or infinite"):
        write(tmp_path, spoiled)
    assert names_in(tmp_path) == []


def test_a_threshold_for_the_unknown_comes_with_its_error_rates(model, tmp_path):
    rates = {"unknown_accepted": 0.01, "unknown_accepted_high": 0.02, "known_accepted": 0.9}
    complete = {"score": "cosine", "threshold": 0.5, "num_unknown": 100, "num_known": 50, **rates}
    folder = write(tmp_path, model, open_set=complete)
    assert load_run(tmp_path, "friends").card.open_set == OpenSetThreshold(**complete)
    change_card(folder, open_set=None)
    assert load_run(tmp_path, "friends").card.open_set is None
    without = [{key: value for key, value in complete.items() if key != left_out} for left_out in complete]
    for wrong in ("often", 0.5, {**complete, "score": "distance"}, {**complete, "threshold": "0.5"}, *without):
        change_card(folder, open_set=wrong)
        with pytest.raises(RunError, match="threshold for the unknown"):
            load_run(tmp_path, "friends")
        assert "open_set=" in list_runs(tmp_path)[0].problem


def test_further_files_belong_to_the_run(model, tmp_path):
    texts = {"report.html": "<p>Zoë 张伟</p>", "recipe.toml": "epochs = 3\n"}
    folder = write_run(tmp_path, "friends", model=model, card=card(), metrics={}, history=[], files=texts)
    assert {name: (folder / name).read_text(encoding="utf-8") for name in texts} == texts
    write(tmp_path, model)  # a run that replaces it does not inherit them
    assert "report.html" not in names_in(folder)


def test_a_model_that_comes_along_is_found_from_any_folder_and_ones_own_goes_before_it(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sorted(load_run("saved_models", "digits").labels) == list("0123456789")
    assert {one.name: one.path for one in list_runs()} == {
        name: runs.SHIPPED_ROOT / name for name in ("digits", "face-parts")
    }
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "saved_models", model, name="digits")
    write(tmp_path / "saved_models", model, name="mine")
    assert load_run("saved_models", "digits").labels == tuple(LABELS)
    assert [(one.name, one.path.is_relative_to(runs.SHIPPED_ROOT)) for one in list_runs()] == [
        ("digits", False),
        ("face-parts", True),
        ("mine", False),
    ]
    (tmp_path / "saved_models" / "digits" / "card.json").write_text("{")  # a broken one is not passed over in silence
    assert list_runs()[0].problem
    with pytest.raises(RunError):
        load_run("saved_models", "digits")


def test_a_folder_that_somebody_named_is_the_only_one_looked_into(tmp_path):
    with pytest.raises(RunError, match=r"There is no model 'digits' in (.*)\. Present: none\. (.*)") as told:
        load_run(tmp_path, "digits")
    assert str(tmp_path) in str(told.value)
    assert "It comes with KerasFace: leave --runs out." in str(told.value)
    assert list_runs(tmp_path) == []
