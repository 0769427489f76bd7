"""Trained models that are deleted, brought back and renamed: as a whole, and not while somebody trains."""

import json

import pytest

from kerasface.faces.embedders import default_embedder, set_default_embedder
from kerasface.files.writing import write_json
from kerasface.runs.store import RunError, list_runs
from kerasface.tasks.embedders.folders import uses_of
from kerasface.train.process.changes import delete_run, rename_run, restore_run
from kerasface.train.process.claim import claim_name
from kerasface.train.process.folders import session_folder
from kerasface.train.sweep import Sweep, SweptRun, sweep_file
from tests.runs.made_up import make_run


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("kerasface.runs.store.SHIPPED_ROOT", tmp_path / "shipped")
    monkeypatch.setattr("kerasface.train.process.changes.SHIPPED_ROOT", tmp_path / "shipped")


@pytest.fixture
def root(tmp_path):
    return tmp_path / "saved_models"


def names(root):
    return [summary.name for summary in list_runs(root)]


def beside(root):
    return sorted(path.name for path in root.iterdir())


def test_a_deleted_model_comes_back_as_it_was(root):
    folder = make_run(root, "ada")
    card = (folder / "card.json").read_bytes()
    assert delete_run("ada", root) == root / ".ada.previous"
    assert (names(root), beside(root)) == ([], [".ada.previous"])
    assert restore_run("ada", root) == folder
    assert (names(root), beside(root)) == (["ada"], ["ada"])
    assert (folder / "card.json").read_bytes() == card
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "model.keras"]


def test_for_good_leaves_nothing_of_this_one_and_of_those_before(root):
    for _ in range(2):
        make_run(root, "ada")
        delete_run("ada", root)
    make_run(root, "ada")
    delete_run("ada", root, for_good=True)
    assert beside(root) == []


def test_what_is_kept_of_a_deleted_model_can_be_deleted_later(root):
    make_run(root, "ada")
    delete_run("ada", root)
    delete_run("ada", root, for_good=True)
    assert beside(root) == []
    with pytest.raises(RunError, match="no model 'ada'"):
        delete_run("ada", root, for_good=True)


def test_a_model_that_took_its_place_is_not_overwritten(root):
    make_run(root, "ada")
    delete_run("ada", root)
    make_run(root, "ada")
    with pytest.raises(RunError, match="rename it first"):
        restore_run("ada", root)


@pytest.mark.parametrize("change", [delete_run, restore_run, lambda name, root: rename_run(name, "bea", root)])
@pytest.mark.parametrize("name", ["nobody", "../ada", ".ada.previous", ""])
def test_what_is_not_there_is_a_sentence_and_makes_nothing(root, change, name):
    make_run(root, "ada")
    with pytest.raises(RunError, match=r"no model|kept of|plain folder name"):
        change(name, root)
    with pytest.raises(RunError):
        change(name, root / "none")
    assert (beside(root), (root / "none").exists()) == (["ada"], False)


def test_a_broken_model_can_be_deleted_and_renamed(root):
    (make_run(root, "ada") / "card.json").write_text("{")
    rename_run("ada", "bea", root)
    delete_run("bea", root)
    assert beside(root) == [".bea.previous"]


def test_a_renamed_model_is_called_so_in_its_card_too(root):
    make_run(root, "ada", something_later="kept")
    assert rename_run("ada", "bea", root) == []
    card = json.loads((root / "bea" / "card.json").read_text(encoding="utf-8"))
    assert (names(root), card["name"], card["something_later"]) == (["bea"], "bea", "kept")


@pytest.mark.parametrize(
    ("new", "message"),
    [("bea", "is taken, by a model"), ("ada", "is taken"), ("face_resnet", "ships"), ("a/b", "plain"), (".b", "plain")],
)
def test_a_name_that_cannot_be_given_is_a_sentence(root, new, message):
    make_run(root, "ada"), make_run(root, "bea")
    with pytest.raises(RunError, match=message):
        rename_run("ada", new, root)
    assert names(root) == ["ada", "bea"]


@pytest.mark.parametrize("change", [delete_run, lambda name, root: rename_run(name, "bea", root)])
def test_nothing_is_changed_while_somebody_trains_under_the_name(root, change):
    make_run(root, "ada")
    session_folder(root, "ada").mkdir()
    (session_folder(root, "ada") / "session.json").write_text("{}")
    with claim_name(root, "ada", to_train=True), pytest.raises(RunError, match="is being trained, by process"):
        change("ada", root)
    assert names(root) == ["ada"]


@pytest.mark.parametrize(("name", "new"), [("ada", "bea"), ("cleo", "ada")])
def test_a_training_that_was_left_off_keeps_its_name(root, name, new):
    make_run(root, name)
    session = session_folder(root, "ada")
    session.mkdir(parents=True)
    (session / "session.json").write_text('{"kind": "classify"}')
    (session / "checkpoint.npz").write_text("something that was learned")
    with pytest.raises(RunError, match="train classify --resume ada"):
        rename_run(name, new, root)


def test_what_comes_with_kerasface_stays(tmp_path):
    make_run(tmp_path / "shipped", "digits")
    for change in (delete_run, lambda name: rename_run(name, "bea")):
        with pytest.raises(RunError, match="comes with KerasFace"):
            change("digits")


def test_in_a_checkout_ones_own_models_lie_among_those_that_ship(tmp_path):
    for name in ("digits", "ada"):
        make_run(tmp_path / "shipped", name)
    delete_run("ada", tmp_path / "shipped")
    with pytest.raises(RunError, match="comes with KerasFace"):
        delete_run("digits", tmp_path / "shipped")
    assert names(tmp_path / "shipped") == ["digits"]


def test_the_default_embedder_is_renamed_with_its_model(root):
    face = {"kind": "face", "image_size": [150, 150], "alignment": "face_resnet-150"}
    card = make_run(root, "ada", input=face) and list_runs(root)[0].card
    set_default_embedder("ada")
    assert uses_of("ada", card) == [
        "ada is the embedder that is taken where none is named (kerasface embedders default)."
    ]
    (note,) = rename_run("ada", "bea", "saved_models")
    assert note == "bea is now the embedder that is taken where none is named, as ada was."
    assert default_embedder() == "bea"


def test_a_training_of_a_sweep_is_renamed_with_a_word_on_that(root):
    make_run(root, "norms-2")
    runs = tuple(SweptRun(f"norms-{number}", {"seed": number}, {}) for number in (1, 2))
    write_json(sweep_file(root, "norms"), Sweep("norms", "classify", "", {"seed": [1, 2]}, runs).to_dict())
    (note,) = rename_run("norms-2", "best", root)
    assert "The sweep norms does not know it by that name" in note
