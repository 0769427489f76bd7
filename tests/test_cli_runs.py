"""`kerasface runs`: what there is, in words and as JSON, without Keras."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from kerasface.cli import main
from kerasface.gallery.opening import open_gallery
from kerasface.train.process.folders import session_folder
from tests.runs.made_up import RECIPE, make_run, records


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    """Models are those of the test alone, and the user's settings, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("kerasface.runs.store.SHIPPED_ROOT", tmp_path / "nothing")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def root(tmp_path):
    return tmp_path / "saved_models"


def run(*words, **options):
    return CliRunner().invoke(main, ["runs", *map(str, words)], **options)


def test_the_list_names_broken_runs_with_their_sentence(root):
    make_run(root, "ada")
    (make_run(root, "broken") / "card.json").write_text("{")
    lines = run("list").stdout.splitlines()
    assert lines[0].split() == [
        *("name", "kind", "network", "held", "out", "weights", "made", "(UTC)", "on", "disk"),
    ]
    assert "accuracy 90.00\N{NO-BREAK SPACE}%" in lines[1]
    assert "26.1 k  2026-11-28 21:04" in lines[1]
    assert lines[-1].startswith("broken cannot be used: ")
    rows = json.loads(run("list", "--json").stdout)["runs"]
    assert [(one["name"], one["kind"]) for one in rows] == [("ada", "classify"), ("broken", None)]


def test_no_run_says_how_to_make_one():
    assert "kerasface train classify DATA --name NAME" in run("list").stdout


def test_a_run_is_shown_with_its_recipe_and_files(root):
    make_run(root, "ada", metrics={"held_out": {"plain": {"eer": 0.25}}, "curve": [0.5] * 20})
    shown = run("show", "ada").stdout
    for words in ("norm           batch", "held_out.plain.eer  0.25", "20 values", "model.keras    3 bytes"):
        assert words in shown
    found = json.loads(run("show", "ada", "--json").stdout)
    assert (found["card"]["name"], set(found["files"])) == ("ada", {"card.json", "model.keras"})


@pytest.mark.parametrize("name", ["nobody", "../ada", ".ada"])
def test_a_run_that_is_not_there_is_a_sentence(root, name):
    make_run(root, "ada")
    result = run("show", name)
    assert (result.exit_code, len(result.output.splitlines())) == (1, 1)


def test_a_broken_run_is_shown_as_far_as_it_goes(root):
    (make_run(root, "ada") / "card.json").unlink()
    assert "cannot be used" in run("show", "ada").stdout
    assert json.loads(run("show", "ada", "--json").stdout)["card"] is None


def test_neither_keras_nor_tensorflow_is_started(root):
    make_run(root, "ada")
    code = (
        "import sys; from kerasface.cli import main\ntry: main(['runs', 'list'])\nfinally: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert "accuracy" in done.stdout
    for heavy in ("'keras'", "'tensorflow'", "'scipy'", "'plotly'"):
        assert heavy not in done.stdout


def test_runs_are_compared_in_words_and_as_json(root):
    for name, wrong, norm in (("a", ["Ada/0"], "batch"), ("b", ["Ada/1", "Emmy/0"], "layer")):
        make_run(root, name, recipe={**RECIPE, "norm": norm}, files={"records.json": records(wrong)})
    lines = run("compare", "a", "b").stdout.splitlines()
    assert lines[0].split() == ["name", "kind", "accuracy", "top-5", "ECE", "weights", "seconds"]
    place = lines.index("what differs")
    assert lines[place : place + 4] == ["what differs", "     norm", "  a  batch", "  b  layer"]
    said = "\n".join(lines)
    assert "No difference can be shown" in said
    assert "1 wrong by a alone, 2 by b alone" in said
    assert "Emmy" in said
    found = json.loads(run("compare", "a", "b", "--json").stdout)
    assert found["differing"] == {"norm": ["batch", "layer"]}
    assert found["held_out"][0]["result"]["mcnemar"]["only_b"] == 2


def test_many_differences_are_rows_and_several_tests_are_counted(root):
    for number in range(3):
        recipe = {name: number for name in ("one", "two", "three", "four")}
        make_run(root, f"run{number}", recipe=recipe, files={"records.json": records(["Ada/0"])})
    said = run("compare", "run0", "run1", "run2").stdout
    assert "\n  four   0     1     2\n" in said
    assert "Of 2 such tests" in said


def test_a_broken_run_among_those_compared_is_named_at_the_end(root):
    make_run(root, "a")
    (make_run(root, "b") / "card.json").write_text("{")
    result = run("compare", "a", "b")
    assert result.exit_code == 1
    assert "b cannot be used" in result.stdout


def test_a_run_is_deleted_when_the_answer_is_yes_and_comes_back(root):
    make_run(root, "ada")
    no = run("delete", "ada", input="n\n")
    assert (no.exit_code, "Nothing was deleted" in no.output) == (1, True)
    assert run("delete", "ada", input="").exit_code == 1  # the end of the input is a no
    assert "(classify)? --undo brings it back." in run("delete", "ada", input="y\n").output
    assert not (root / "ada").exists()
    assert run("delete", "ada", "--undo").output == f"{os.path.join('saved_models', 'ada')}: brought back\n"
    assert json.loads(run("delete", "ada", "--yes", "--for-good", "--json").stdout)["deleted"] == "ada"
    assert list(root.iterdir()) == []


def test_what_stands_on_a_run_is_said_before_it_is_deleted(root, tmp_path):
    space = {"dim": 4, "fingerprint": "ada-1"}
    make_run(root, "ada", task="embed", labels=[], input={"kind": "face", "image_size": [9, 9]}, embedding=space)
    with open_gallery(tmp_path / "friends.gallery", embedder="ada-1", embedding_dim=4, key=bytes(32)):
        pass
    (tmp_path / "broken.gallery").write_text("none")
    assert "The gallery friends.gallery holds its embeddings." in run("delete", "ada", input="n\n").output


def test_a_run_is_renamed(root):
    make_run(root, "ada")
    assert run("rename", "ada", "bea").output == "ada is called bea now.\n"
    assert json.loads(run("rename", "bea", "ada", "--json").stdout)["name"] == "ada"
    taken = run("rename", "ada", "ada")
    assert (taken.exit_code, len(taken.output.splitlines())) == (1, 1)


def test_undo_goes_with_nothing_else(root):
    assert run("delete", "ada", "--undo", "--yes").exit_code == 2


def test_trainings_that_are_not_at_their_end_are_named(root):
    make_run(root, "ada")
    session_folder(root, "ada").mkdir()
    (session_folder(root, "ada") / "session.json").write_text('{"kind": "classify", "stopped": true}')
    assert "The training ada is stopped" in run("list").stderr
    assert json.loads(run("list", "--json").stdout)["trainings"] == [
        {"name": "ada", "state": "stopped", "process": None}
    ]


def test_embedders_are_sent_to_the_command_that_judges_them(root):
    for name in "ab":
        make_run(root, name, task="embed", metrics={"kept": "plain", "held_out": {"plain": {"eer": 0.01}}})
    said = run("compare", "a", "b").stdout
    assert "kerasface embedders compare a b --images DIR" in said
    assert "no names" not in said


def test_a_run_of_a_later_version_is_named_and_not_read(root):
    make_run(root, "ada")
    make_run(root, "later", format=2)
    for words in (("list",), ("compare", "ada", "later"), ("show", "later")):
        assert "has format 2; this version reads format 1" in run(*words).stdout


def test_those_that_cannot_be_compared_for_one_reason_are_named_together(root):
    for name in "abcd":
        make_run(root, name, files={"records.json": records(["Ada/0"], held_out=name in "ad")})
    said = run("compare", "a", "b", "c", "d").stdout
    assert said.count("judged on different pictures") == 1
    assert "\na and b, c: They were judged" in said
    assert "0 by d alone" in said
