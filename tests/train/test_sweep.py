"""Sweeps: planned as a whole, refused as a whole, and gone on with wherever they were left."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.runs.card import ModelCard
from kerasface.runs.store import RunError, list_runs
from kerasface.train import __main__ as commands
from kerasface.train.__main__ import train
from kerasface.train.engine.stopping import STOPPED, TrainingStoppedError
from kerasface.train.engine.swept import trainings_left
from kerasface.train.engine.tensorboard import EVENT_FILE
from kerasface.train.kinds import KINDS
from kerasface.train.process.background import find_training
from kerasface.train.process.claim import claim_name
from kerasface.train.process.folders import has_learned, session_folder
from kerasface.train.recipe import ClassifyRecipe, build_recipe
from kerasface.train.sweep import (
    MOST_TRAININGS,
    begin,
    is_done,
    plan,
    read_sweep,
    read_swept,
    sweep_file,
    sweep_names,
    values_text,
)
from tests.runs.made_up import make_run

SMALL = {"faces": False, "backbone": "linear", "image_size": 16, "epochs": 2, "flip": False}


def planned(data, swept, name="s", **settings):
    return plan("classify", data, name, swept, SMALL | settings, {})


def done(runs, run, **ended):
    """The run that a training of a sweep would have become."""
    end = json.dumps({"event": "end", "stopped": False, **ended})
    return make_run(runs, run.name, recipe=run.recipe, files={"events.jsonl": f'{{"event": "start"}}\n{end}\n'})


@pytest.fixture
def colors(tmp_path):
    """Twelve pictures of two colors each."""
    noise = np.random.default_rng(0).integers(0, 120, (2, 12, 16, 16, 3))
    for label, name in enumerate(("green", "red")):
        (tmp_path / "colors" / name).mkdir(parents=True)
        noise[label, ..., 1 - label] += 100
        for index, picture in enumerate(noise[label].astype(np.uint8)):
            Image.fromarray(picture).save(tmp_path / "colors" / name / f"{index}.png")
    return tmp_path / "colors"


def test_values_are_those_of_toml_and_words_need_no_quotation_marks():
    texts = ["norm=batch, layer", "learning-rate=1e-3,0.1", "flip=true,false", 'groups=["(a),b", "(c)"]']
    assert read_swept(texts, ClassifyRecipe) == {
        "norm": ["batch", "layer"],
        "learning_rate": [0.001, 0.1],
        "flip": [True, False],
        "groups": ["(a),b", "(c)"],
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["norm"], "written FIELD=VALUE"),
        (["nrom=batch,layer"], "Did you mean 'norm'"),
        (["norm=batch"], "two values or more"),
        (["norm=batch,"], "two values or more"),
        (["norm=batch,batch"], "same value twice"),
        (["norm=batch,layer", "norm=group,none"], "swept twice"),
        (['norm=["batch"'], "no list of TOML"),
        (["learning_rate=0.1,inf"], "must be finite"),
    ],
)
def test_what_cannot_be_swept_is_a_sentence(texts, message):
    with pytest.raises(ValueError, match=message):
        read_swept(texts, ClassifyRecipe)


def test_every_combination_is_a_training_with_its_whole_recipe(tmp_path):
    sweep = planned(tmp_path, {"seed": [0, 1, 2], "optimizer": ["adamw", "sgd"]})
    assert [run.name for run in sweep.runs] == [f"s-{number}" for number in range(1, 7)]
    assert [values_text(run.values) for run in sweep.runs][:2] == ["seed=0, optimizer=adamw", "seed=0, optimizer=sgd"]
    assert [run.recipe["learning_rate"] for run in sweep.runs[:2]] == [0.001, 0.03]  # what the optimizer decides
    assert planned(tmp_path, {"seed": list(range(12))}).runs[0].name == "s-01"


@pytest.mark.parametrize(
    ("kind", "settings", "swept"),
    [
        ("classify", {}, {"seed": [0, 1]}),
        ("classify", {"classifier": "arcface"}, {"epochs": [0, 3]}),
        ("classify", SMALL, {"optimizer": ["adamw", "sgd"]}),
        pytest.param("metric", {}, {"loss": ["supcon", "triplet"]}, marks=pytest.mark.slow),
        ("metric", {"backbone": "simple_cnn", "weights": "none"}, {"seed": [0, 1]}),
        pytest.param("segment", {}, {"encoder": ["face_resnet", "plain"]}, marks=pytest.mark.slow),
    ],
)
def test_a_planned_recipe_comes_to_itself(tmp_path, kind, settings, swept):
    """It is resolved when it is planned, and again when it is trained."""
    for run in plan(kind, tmp_path, "s", swept, settings, {}).runs:
        recipe = build_recipe(run.recipe, KINDS[kind].recipe)
        assert KINDS[kind].steps().resolve(recipe) == recipe


@pytest.mark.parametrize(
    ("swept", "settings", "message"),
    [
        ({"norm": ["batch", "layer"]}, {"norm": "batch"}, "norm is swept and given"),
        ({"norm": ["batch", "layer"]}, {}, "norm=batch: norm does not apply to linear"),
        ({"optimizer": ["sgd", "adam"]}, {}, "optimizer=adam: optimizer must be one of"),
        ({"batch_size": [1, 2.5]}, {}, r"batch_size=2.5: batch_size must be of type int"),
        ({"warmup": [0.05, 0.2]}, {"schedule": "constant"}, "warmup=0.2: The recipe contradicts itself"),
        ({"learning_rate": [0.001, 0.1], "weights": ["none", "pretrained"]}, {}, "no pretrained weights"),
        ({"learning_rate": [1, 1.0]}, {}, "come to the same training"),
        ({"validation": [".", "absent"]}, {}, "validation=absent: There is no file or folder absent"),
        ({"seed": list(range(MOST_TRAININGS + 1))}, {}, "more than 200 trainings"),
    ],
)
def test_a_combination_that_is_refused_refuses_the_whole_sweep(tmp_path, swept, settings, message):
    with pytest.raises(ValueError, match=message):
        planned(tmp_path, swept, **settings)


def test_settings_of_a_file_go_behind_what_is_swept(tmp_path):
    swept = {"optimizer": ["adamw", "sgd"]}
    sweep = plan("classify", tmp_path, "s", swept, SMALL, {"optimizer": "sgd", "seed": 5})
    assert {(run.recipe["optimizer"], run.recipe["seed"]) for run in sweep.runs} == {("adamw", 5), ("sgd", 5)}


def test_a_folder_that_is_not_there_is_said_before_anything_is_planned(tmp_path):
    with pytest.raises(ValueError, match="no folder"):
        planned(tmp_path / "none", {"seed": [0, 1]})


def test_the_same_sweep_again_is_the_one_that_is_there(tmp_path):
    runs, sweep = tmp_path / "runs", planned(tmp_path, {"seed": [0, 1]})
    begin(sweep, runs)
    done(runs, sweep.runs[0])
    begin(sweep, runs)
    assert read_sweep(runs, "s") == sweep
    assert sweep_names(runs) == ["s"]
    assert [summary.name for summary in list_runs(runs)] == ["s-1"]
    with pytest.raises(RunError, match="sweep 's' with other data or settings"):
        begin(planned(tmp_path, {"seed": [0, 2]}), runs)


@pytest.mark.parametrize("name", ["s", "s-2"])
def test_a_name_that_is_taken_is_not_swept_over(tmp_path, name):
    make_run(tmp_path, name)
    with pytest.raises(RunError, match=f"The name '{name}' is taken"):
        begin(planned(tmp_path, {"seed": [0, 1]}), tmp_path)
    assert sweep_names(tmp_path) == []


def test_done_is_what_came_to_its_end(tmp_path):
    sweep = planned(tmp_path, {"seed": [0, 1]})
    first, second = sweep.runs
    assert not is_done(sweep, first, tmp_path)
    done(tmp_path, first)
    done(tmp_path, second, stopped=True)
    assert (is_done(sweep, first, tmp_path), is_done(sweep, second, tmp_path)) == (True, False)


def test_files_and_folders_are_those_of_where_it_was_planned(tmp_path, monkeypatch):
    for folder in ("here", "judged", "others"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    sweep = planned("here", {"seed": [0, 1]}, validation="judged", unknown="others")
    assert sweep.runs[0].recipe["validation"] == str(tmp_path.resolve() / "judged")
    assert sweep.runs[1].recipe["unknown"] == str(tmp_path.resolve() / "others")
    assert sweep.runs[0].recipe["weights"] == "none"  # a word, and no file
    begin(sweep, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "here")
    assert read_sweep(tmp_path / "runs", "s") == sweep


def test_an_older_sweep_goes_on_where_it_was_begun(tmp_path, monkeypatch):
    """Its recipes, and the runs that came of them, name what lies in the folder that it was begun in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "judged").mkdir()
    sweep = planned(tmp_path, {"seed": [0, 1]}, validation="judged")
    old = sweep.to_dict()
    for run in old["runs"]:
        run["recipe"]["validation"] = "judged"
    sweep_file(tmp_path, "s").write_text(json.dumps(old))
    done(tmp_path, replace(sweep.runs[0], recipe=old["runs"][0]["recipe"]))
    begin(sweep, tmp_path)
    assert [run.name for run in trainings_left(read_sweep(tmp_path, "s"), tmp_path)] == ["s-2"]


def test_what_a_kill_left_next_to_a_run_is_tidied_up(tmp_path):
    """It came after the run was written, and before the folder of its training was gone."""
    sweep = planned(tmp_path, {"seed": [0, 1]})
    done(tmp_path, sweep.runs[0])
    session = session_folder(tmp_path, "s-1")
    session.mkdir()
    (session / "session.json").write_text('{"kind": "classify"}')
    (session / EVENT_FILE).write_bytes(b"numbers")
    assert [run.name for run in trainings_left(sweep, tmp_path)] == ["s-2"]
    assert not session.exists()
    assert (tmp_path / "s-1" / EVENT_FILE).read_bytes() == b"numbers"


def test_another_model_of_the_name_is_not_taken_for_a_training_of_the_sweep(tmp_path):
    sweep = planned(tmp_path, {"seed": [0, 1]})
    first, second = sweep.runs
    done(tmp_path, second).rename(tmp_path / first.name)
    with pytest.raises(RunError, match="s-1 is another model than that of its sweep"):
        is_done(sweep, first, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "damaged"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "another version"),
        ('{"format": 2}', "another version"),
        ('{"format": 1, "runs": []}', "damaged"),
        ('{"format": 1, "name": "s", "kind": "dance", "data": "", "swept": {}, "runs": []}', "damaged"),
        (
            '{"format": 1, "name": "s", "kind": "classify", "data": "", "swept": {}, '
            '"runs": [{"name": "s-1", "values": {}, "recipe": "abc"}]}',
            "damaged",
        ),
    ],
)
def test_a_sweep_that_cannot_be_read_is_a_sentence(tmp_path, content, message):
    sweep_file(tmp_path, "s").write_text(content)
    with pytest.raises(RunError, match=message):
        read_sweep(tmp_path, "s")


def sweep_words(data, runs, *words):
    settings = [word for field, value in SMALL.items() for word in ("--set", f"{field}={json.dumps(value)}")]
    return ["classify", str(data), "--name", "s", "--runs", str(runs), *settings, *words]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--sweep", "nrom=a,b"], 2, "Did you mean 'norm'"),
        (["--sweep", "seed=0,1", "--preview", "p.png"], 2, "nothing of a sweep"),
        (["--sweep", "seed=0,1", "--resume", "s"], 2, "goes on as the training began"),
        (["--sweep", "seed=0,1", "--seed", "3"], 1, "swept and given"),
        (["--sweep", "norm=batch,layer"], 1, "does not apply to linear"),
    ],
)
def test_nothing_begins_where_the_command_contradicts_itself(tmp_path, words, code, message):
    result = CliRunner().invoke(train, sweep_words(tmp_path, tmp_path / "runs", *words))
    assert (result.exit_code, message in result.output) == (code, True)
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_one_that_cannot_be_trained_leaves_the_others_alone(tmp_path, colors):
    """The second pattern fits no file, which is said; the table has the other two."""
    runs = tmp_path / "runs"
    words = sweep_words(colors, runs, "--sweep", 'groups=["([0-9])", "no(thing)", "([0-9]+)"]', "--json")
    result = CliRunner().invoke(train, words)
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert list(told["failed"]) == ["s-2"]
    assert "s-2: " in result.stderr
    assert [row["name"] for row in told["compared"]["runs"]] == ["s-1", "s-3"]
    again = CliRunner().invoke(train, ["classify", "--resume", "s", "--runs", str(runs)])
    assert "2 of 3 trainings are done already" in again.stderr


def wait_for(process, holds):
    """Waits until something holds, which the process brings about."""
    deadline = time.monotonic() + 180
    while not holds():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.01)


@pytest.mark.slow
def test_a_sweep_that_is_killed_twice_trains_nothing_twice(tmp_path, colors):
    runs = tmp_path / "runs"
    words = sweep_words(colors, runs, "--sweep", "seed=0,1,2", "--sweep", "optimizer=adamw,sgd")
    words += ["--set", "epochs=15", "--set", "checkpoint_seconds=0"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}

    def start(*words):
        command = [sys.executable, "-m", "kerasface.train", *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def models():
        names = (f"s-{number}" for number in range(1, 7))
        return {name: (runs / name / "model.keras").stat().st_mtime_ns for name in names if (runs / name).exists()}

    seen = []
    for name in ("s-2", "s-4"):  # killed while that one learns
        process = start(*words)
        wait_for(process, lambda name=name: has_learned(session_folder(runs, name)))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        seen.append(models())
    assert [len(found) for found in seen] == [1, 3]
    process = start("classify", "--resume", "s", "--runs", str(runs))
    told, _ = process.communicate(timeout=180)
    assert process.returncode == 0, told
    assert "3 of 6 trainings are done already." in told
    assert len(models()) == 6
    for found in seen:
        assert found.items() <= models().items()
    for run in read_sweep(runs, "s").runs:
        card = ModelCard.read(runs / run.name / "card.json")
        assert (card.recipe["seed"], card.recipe["optimizer"]) == tuple(run.values.values())
        log = (runs / run.name / "events.jsonl").read_text(encoding="utf-8")
        assert ('"resumed"' in log) == (run.name in ("s-2", "s-4"))  # not begun anew
        assert find_training(run.name, runs) is None
    assert "what differs" in told


def test_only_one_process_works_on_a_sweep(tmp_path):
    runs = tmp_path / "runs"
    begin(planned(tmp_path, {"seed": [0, 1]}), runs)
    with claim_name(runs, "s", to_train=True):
        result = CliRunner().invoke(train, ["classify", "--resume", "s", "--runs", str(runs)])
    assert (result.exit_code, "runs already" in result.output) == (1, True)


def test_a_sweep_that_is_stopped_gives_its_name_up(tmp_path, monkeypatch):
    """Before the block ends in which a process waits to be stopped: it does not outlive that."""
    held = []

    @contextmanager
    def ends_when_asked(runs, name):
        lock = session_folder(runs, "s").with_name(".s.lock")
        held.append(lock.exists())
        try:
            yield
        finally:
            held.append(lock.exists())

    def stopped(*arguments):
        raise TrainingStoppedError("It was stopped.")

    monkeypatch.setattr(commands, "ends_when_asked", ends_when_asked)
    monkeypatch.setattr(commands, "_train_one", stopped)
    begin(planned(tmp_path, {"seed": [0, 1]}), tmp_path)
    result = CliRunner().invoke(train, ["classify", "--resume", "s", "--runs", str(tmp_path)])
    assert (result.exit_code, held) == (STOPPED, [True, False])


def test_the_end_is_found_in_a_long_log(tmp_path):
    sweep = planned(tmp_path, {"seed": [0, 1]})
    first, second = sweep.runs
    steps = "\n".join(json.dumps({"event": "steps", "step": number}) for number in range(9000))  # 300 kB
    for run, name in ((first, "end"), (second, "epoch")):
        done(tmp_path, run)
        event = json.dumps({"event": name, "stopped": False, "metrics": {"classes": ["x" * 99] * 999}})  # 100 kB
        (tmp_path / run.name / "events.jsonl").write_text(f"{steps}\n{event}\n")
    assert (is_done(sweep, first, tmp_path), is_done(sweep, second, tmp_path)) == (True, False)
