"""The folder of a training in progress: log, checkpoint, requests to stop."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import kerasface
from kerasface.runs.store import RunError
from kerasface.train.engine.session import _PARTS_THAT_TRAIN, Session, read_events
from kerasface.train.engine.stopping import ask_to_stop
from kerasface.train.kinds import KINDS
from kerasface.train.metric_learning.recipe import MetricRecipe
from kerasface.train.process import background
from kerasface.train.process.folders import kind_of, session_folder, sessions_in_progress
from kerasface.train.process.processes import process_start
from kerasface.train.recipe import ClassifyRecipe, write_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe


@pytest.fixture
def session(tmp_path):
    with Session.start(tmp_path / "runs", "faces", ClassifyRecipe(epochs=3), tmp_path) as session:
        yield session


def test_a_session_is_a_hidden_folder_that_can_be_listed(session, tmp_path):
    assert session.folder == tmp_path / "runs" / ".faces.running"
    assert sessions_in_progress(tmp_path / "runs") == ["faces"]
    session.remove()
    assert sessions_in_progress(tmp_path / "runs") == []
    assert not session.folder.exists()


def test_events_are_handed_on_and_read_in_pieces(tmp_path):
    seen = []
    session = Session.start(tmp_path, "faces", ClassifyRecipe(), tmp_path, seen.append)
    session.event("epoch", loss=0.5, name="ä", count=np.int64(3), bad=float("nan"), part=[np.float32(0.25)])
    events, offset = read_events(session.folder / "events.jsonl")
    assert events == seen
    assert {key: value for key, value in events[0].items() if key != "time"} == {
        "event": "epoch",
        "loss": 0.5,
        "name": "ä",
        "count": 3,
        "bad": None,
        "part": [0.25],
    }
    session.event("epoch", loss=0.25)
    later, end = read_events(session.folder / "events.jsonl", offset)
    assert [event["loss"] for event in later] == [0.25]
    assert read_events(session.folder / "events.jsonl", end) == ([], end)


def test_a_line_that_is_being_written_waits(session):
    log = session.folder / "events.jsonl"
    log.write_bytes(b'{"event": "a"}\n{"event": "b')
    events, offset = read_events(log)
    assert [event["event"] for event in events] == ["a"]
    with log.open("ab") as file:
        file.write(b'"}\n')
    assert [event["event"] for event in read_events(log, offset)[0]] == ["b"]


def test_a_line_that_was_never_finished_is_passed_over(session):
    log = session.folder / "events.jsonl"
    log.write_bytes(b'{"event": "a"}\n{"event": "b{"event": "c"}\n[1]\n\xff\n{"event": "d"}\n')
    assert [event["event"] for event in read_events(log)[0]] == ["a", "d"]


def test_a_log_that_is_not_there_has_no_events(tmp_path):
    assert read_events(tmp_path / "events.jsonl", 7) == ([], 7)


def test_a_checkpoint_comes_back(session):
    assert session.read_checkpoint() is None
    arrays = {"model": [np.arange(6.0).reshape(2, 3), np.array(3)], "kept/head": [np.ones(2)], "best": []}
    session.write_checkpoint(arrays, {"stage": "head", "epoch": 2})
    found, progress = session.read_checkpoint()
    assert progress == {"stage": "head", "epoch": 2}
    assert list(found) == ["model", "kept/head"]
    for name, values in found.items():
        for before, after in zip(arrays[name], values, strict=True):
            np.testing.assert_array_equal(after, before)


def test_more_than_ten_arrays_keep_their_order(session):
    session.write_checkpoint({"model": [np.array(index) for index in range(25)]}, {})
    assert [int(value) for value in session.read_checkpoint()[0]["model"]] == list(range(25))


def test_a_damaged_checkpoint_is_named(session):
    (session.folder / "checkpoint.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(RunError, match=r"checkpoint\.npz is damaged"):
        session.read_checkpoint()


def test_an_interrupted_training_is_not_overwritten(session, tmp_path):
    session.write_checkpoint({"model": []}, {"stage": "head", "step": 1})
    session.close()
    with pytest.raises(RunError, match=r"stopped or killed.*`kerasface train classify --resume faces --runs \S*`"):
        Session.start(tmp_path / "runs", "faces", ClassifyRecipe(), tmp_path)


def test_resuming_brings_recipe_and_facts_back(session, tmp_path):
    session.check_data("abc")
    session.close()
    again = Session.resume(tmp_path / "runs", "faces")
    assert again.recipe == ClassifyRecipe(epochs=3)
    assert again.facts["data"] == str(tmp_path.resolve())
    again.check_data("abc")
    with again, pytest.raises(RunError, match="not those that 'faces' was trained on"):
        again.check_data("other")


def test_resuming_what_is_not_there_names_what_was_left_off(session, tmp_path):
    """And nothing that runs."""
    with pytest.raises(RunError, match=r"no training 'other' to go on with.*Left off: none\."):
        Session.resume(tmp_path / "runs", "other")
    session.close()
    with pytest.raises(RunError, match=r"Left off: faces\."):
        Session.resume(tmp_path / "runs", "other")
    with pytest.raises(RunError, match="Left off: none"):
        Session.resume(tmp_path / "nowhere", "other")
    assert not (tmp_path / "nowhere").exists()


def test_other_code_is_said(session, tmp_path):
    facts = json.loads((session.folder / "session.json").read_text())
    (session.folder / "session.json").write_text(json.dumps({**facts, "code": "older"}))
    seen = []
    session.close()
    Session.resume(tmp_path / "runs", "faces", seen.append).close()
    assert [event["event"] for event in seen] == ["warning"]
    assert "another version of the code" in seen[0]["text"]


def test_a_damaged_session_is_named(session, tmp_path):
    (session.folder / "session.json").write_text("{")
    session.close()
    with pytest.raises(RunError, match="is damaged"):
        Session.resume(tmp_path / "runs", "faces")


def test_stopping_can_be_asked_from_outside(session, tmp_path):
    assert not session.stop_is_asked()
    ask_to_stop(tmp_path / "runs", "faces")
    assert session.stop_is_asked()
    session.close()
    with Session.resume(tmp_path / "runs", "faces") as again:
        assert not again.stop_is_asked()
        assert not again.facts["stopped"]


def test_one_name_is_one_training(session, tmp_path):
    """Whatever another wants with the name, the one that runs is named, and nothing of it is touched."""
    before = {path: path.read_bytes() for path in session.folder.iterdir()}
    runs = tmp_path / "runs"
    for want in (
        lambda: Session.start(runs, "faces", ClassifyRecipe(epochs=7), "elsewhere"),
        lambda: Session.resume(runs, "faces"),
        lambda: background.start([sys.executable, "-c", "pass"], "faces", runs=runs),
        lambda: background.resume("faces", runs=runs),
        lambda: background.discard("faces", runs=runs),
    ):
        with pytest.raises(RunError, match=rf"runs already, as process {os.getpid()}.*page Train.*kill {os.getpid()}"):
            want()
    assert {path: path.read_bytes() for path in session.folder.iterdir()} == before
    session.event("start")
    Session.start(runs, "other", ClassifyRecipe(), tmp_path).close()


@pytest.mark.parametrize("recipe", [ClassifyRecipe(), MetricRecipe(), SegmentRecipe()])
def test_the_kind_is_written_down(tmp_path, recipe):
    """Under another command it is named; a folder of before it was written down is known by its recipe."""
    session = Session.start(tmp_path, "faces", recipe, tmp_path)
    session.close()
    kind = session.facts["kind"]
    assert KINDS[kind].recipe is type(recipe)
    other = "metric" if kind != "metric" else "segment"
    with pytest.raises(RunError, match=rf"one of `kerasface train {kind}`.*`kerasface train {kind} --resume faces"):
        Session.resume(tmp_path, "faces", kind=other)
    (session.folder / "recipe.toml").write_text("")  # a recipe of any kind
    assert kind_of(session.folder) == kind
    facts = {key: value for key, value in session.facts.items() if key != "kind"}
    (session.folder / "session.json").write_text(json.dumps(facts))
    (session.folder / "recipe.toml").write_text(write_recipe(recipe))
    with Session.resume(tmp_path, "faces", kind=kind) as again:
        assert (again.facts["kind"], again.recipe) == (kind, recipe)


def test_what_fails_before_a_checkpoint_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="no pictures"), Session.start(tmp_path, "faces", ClassifyRecipe(), tmp_path):
        raise ValueError("no pictures")
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(RunError, match="plain folder name"):
        session_folder(tmp_path, "../faces")


def test_checkpoints_take_no_more_than_their_share_of_the_time(tmp_path):
    """With a pause of 0 seconds the next one waits for 20 times what the last one took."""
    session = Session.start(tmp_path, "faces", ClassifyRecipe(checkpoint_seconds=0.0), tmp_path)
    assert session.checkpoint_is_due()
    session.write_checkpoint({"model": [np.zeros(300_000)]}, {})
    assert not session.checkpoint_is_due()


def test_what_comes_before_the_first_step_is_logged_and_handed_on(session):
    """The first and the last count of a stage are always logged, others once in a second; steps log themselves."""
    seen = []
    report = session.with_log(lambda *counts: seen.append(counts))
    counts = [("images", 0, 3), ("images", 1, 3), ("images", 3, 3), ("train", 1, 9), ("features", 5, 9)]
    for count in counts:
        report(*count)
    assert seen == counts
    events, _ = read_events(session.folder / "events.jsonl")
    logged = [(event["stage"], event["done"], event["total"]) for event in events if event["event"] == "progress"]
    assert logged == [("images", 0, 3), ("images", 3, 3), ("features", 5, 9)]
    session.with_log(None)("images", 0, 3)  # nobody else has to listen


def test_a_session_tells_which_process_it_is(session, tmp_path):
    session.close()
    with Session.resume(tmp_path / "runs", "faces") as again:
        for opened in (session, again):
            assert opened.facts["process"] == os.getpid()
            assert opened.facts["process_start"] == process_start(os.getpid())


@pytest.mark.parametrize("part", _PARTS_THAT_TRAIN)
def test_every_part_that_trains_is_there(part):
    """A part that moved would be left out of the fingerprint, and a training go on with other code without a word."""
    assert (Path(kerasface.__file__).parent / part / "__init__.py").is_file()
