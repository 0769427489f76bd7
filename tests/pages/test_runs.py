"""The page Runs, on models that no training made."""

import json

import pytest

from kerasface.files.writing import write_json
from kerasface.runs.comparison import compare_runs
from kerasface.runs.store import list_runs
from kerasface.train.process.claim import claim_name
from kerasface.train.process.folders import session_folder
from kerasface.train.sweep import Sweep, SweptRun, sweep_file
from tests.runs.made_up import RECIPE, make_run, records

HISTORY = "stage,epoch,loss,val_loss,val_accuracy\ntrain,1,2.0,2.5,0.5\ntrain,2,1.0,1.5,\n"


@pytest.fixture
def root(tmp_path):
    """Three classifiers, the last of another norm and rate, which gets more wrong."""
    folder = tmp_path / "saved_models"
    for name, wrong in (("ada", []), ("bea", ["Ada/0"]), ("<cleo>", [f"Ada/{number}" for number in range(20)])):
        recipe = RECIPE | ({"norm": "layer", "learning_rate": 0.1} if name == "<cleo>" else {})
        files = {"records.json": records(wrong, num=80), "history.csv": HISTORY}
        make_run(folder, name, recipe=recipe, files=files)
    return folder


@pytest.fixture
def opened(root, open_page, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("kerasface.train.process.changes.SHIPPED_ROOT", tmp_path / "nothing")
    page = open_page("runs")
    assert not page.exception
    return page


def choose(page, *names):
    page.multiselect(key="runs_chosen").set_value(list(names)).run()
    assert not page.exception


def texts(page):
    parts = (page.markdown, page.caption, page.info, page.success, page.warning, page.error)
    return "\n".join(element.value.replace("\\", "") for part in parts for element in part)


def test_without_models_the_page_leads_to_a_training(open_page):
    page = open_page("runs")
    assert "No model is trained yet" in texts(page)
    assert not page.dataframe


def test_all_models_stand_in_a_table(opened):
    (table,) = opened.dataframe
    assert table.value["name"].tolist() == ["<cleo>", "ada", "bea"]
    assert table.value["accuracy"].tolist() == [0.9] * 3
    assert "eer" not in table.value


def test_one_model_shows_its_curves_and_two_their_difference(opened):
    choose(opened, "ada")
    assert len(opened.get("plotly_chart")) == 1
    choose(opened, "ada", "<cleo>")
    spec = json.loads(opened.get("plotly_chart")[0].proto.spec)
    assert [line["name"] for line in spec["data"]] == ["ada", "ada", "&lt;cleo&gt;", "&lt;cleo&gt;"]
    differing = opened.dataframe[1].value
    assert differing.columns.tolist() == ["name", "accuracy", "top5", "ece", "norm", "learning_rate"]
    assert differing["learning_rate"].tolist() == [0.001, 0.1]
    assert "ada makes fewer errors." in texts(opened)
    assert opened.query_params["runs"] == ["ada", "<cleo>"]


def test_weights_are_how_many_there_are_and_what_a_training_began_with_is_called_otherwise(root, open_page):
    """The first table counts them; in the second they are a setting, called as on the page Train."""
    make_run(root, "dora", recipe=RECIPE | {"weights": "pretrained"})
    page = open_page("runs", runs=["ada", "dora"])
    labels = [
        {name: column.get("label") for name, column in json.loads(table.proto.columns).items()}
        for table in page.dataframe
    ]
    assert [label["weights"] for label in labels] == ["weights", "initial weights"]


def test_a_link_is_followed_in_the_middle_of_a_session(opened):
    choose(opened, "ada")
    opened.query_params["runs"] = ["bea", "nobody"]
    opened.run()
    assert opened.multiselect(key="runs_chosen").value == ["bea"]
    assert opened.query_params["runs"] in ("bea", ["bea"])


def test_class_by_class_is_of_the_pair_that_is_chosen(opened, tables):
    choose(opened, "ada", "bea", "<cleo>")
    assert tables(opened)[0][0]["by bea"].startswith("97.5")
    opened.selectbox(key="runs_classes").set_value("<cleo>").run()
    (row,) = tables(opened)[0]
    assert list(row.values()) == ["Ada", "100.0\xa0%", "50.0\xa0%", "\N{MINUS SIGN}50.00"]
    assert "Of 2 tests" in texts(opened)


def test_models_are_compared_again_once_their_files_are_others(opened, root, monkeypatch):
    compared = []

    def compare(runs, names):
        compared.append(names)
        return compare_runs(runs, names)

    monkeypatch.setattr("pages.parts.runs.comparison.compare_runs", compare)
    choose(opened, "ada", "bea")
    opened.run()
    assert compared == [("ada", "bea")]
    write_json(root / "bea" / "records.json", records([f"Ada/{number}" for number in range(20)], num=80))
    opened.run()
    assert len(compared) == 2
    assert "ada makes fewer errors." in texts(opened)


def test_a_broken_model_is_named_and_the_others_are_shown(root, open_page):
    (root / "bea" / "card.json").write_text("{")
    page = open_page("runs")
    assert "The model bea cannot be used" in texts(page)
    assert page.dataframe[0].value["name"].tolist() == ["<cleo>", "ada"]


def test_a_model_is_deleted_and_brought_back(opened, root):
    choose(opened, "ada", "bea")
    opened.selectbox(key="runs_changed").set_value("ada").run()
    opened.button(key="runs_delete").click().run()
    assert not opened.exception
    assert [summary.name for summary in list_runs(root)] == ["<cleo>", "bea"]
    assert opened.multiselect(key="runs_chosen").value == ["bea"]
    opened.button(key="runs_undo").click().run()
    assert [summary.name for summary in list_runs(root)] == ["<cleo>", "ada", "bea"]


def test_a_deleted_model_can_be_brought_back_once_its_name_is_free(opened, root):
    opened.selectbox(key="runs_changed").set_value("ada").run()
    opened.button(key="runs_delete").click().run()
    (root / "bea").rename(root / "ada")
    opened.button(key="runs_undo").click().run()
    assert "rename it first" in texts(opened)
    (root / "ada").rename(root / "bea")
    opened.button(key="runs_undo").click().run()
    assert (root / "ada").is_dir()
    assert not any(button.key == "runs_undo" for button in opened.button)


def test_a_model_is_renamed_and_a_taken_name_refused(opened, root):
    opened.selectbox(key="runs_changed").set_value("ada").run()
    opened.text_input(key="runs_new_name").set_value("bea")
    opened.button(key="runs_rename").click().run()
    assert "The name 'bea' is taken" in texts(opened)
    opened.text_input(key="runs_new_name").set_value("dora")
    opened.button(key="runs_rename").click().run()
    assert "ada is called dora now." in texts(opened)
    assert opened.selectbox(key="runs_changed").value == "dora"


def test_a_model_that_is_being_trained_stays(opened, root):
    opened.selectbox(key="runs_changed").set_value("ada").run()
    session_folder(root, "ada").mkdir()
    (session_folder(root, "ada") / "session.json").write_text("{}")
    with claim_name(root, "ada", to_train=True):
        opened.button(key="runs_delete").click().run()
    assert "is being trained" in texts(opened)
    assert (root / "ada").is_dir()


def test_a_sweep_says_how_far_it_is_and_how_it_goes_on(root, open_page, tables):
    runs = tuple(SweptRun(f"norms-{number}", {"norm": norm}, {"norm": norm}) for number, norm in enumerate("ab"))
    write_json(sweep_file(root, "norms"), Sweep("norms", "classify", "", {"norm": ["a", "b"]}, runs).to_dict())
    sweep_file(root, "broken").write_text("{")
    make_run(root, "norms-0", recipe={"norm": "a"}, files={"events.jsonl": '{"event": "end", "stopped": false}\n'})
    page = open_page("runs")
    (sweep,) = page.expander
    assert sweep.label == "Sweep norms, left off: 1 of 2 trainings are done"
    assert [row["state"] for row in tables(page)[0]] == ["done", "waiting"]
    assert page.code[0].value == "kerasface train classify --resume norms"
    assert "damaged" in texts(page)


def test_a_model_of_a_training_that_was_left_off_says_so(root, open_page):
    session_folder(root, "ada").mkdir()
    (session_folder(root, "ada") / "session.json").write_text('{"kind": "classify"}')
    assert "The training of ada is left off" in texts(open_page("runs"))
