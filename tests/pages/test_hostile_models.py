"""Every page with a folder of models that mean no good: it stays usable, and names what cannot be used."""

import pytest

from kerasface.runs.store import list_runs
from tests.hostile_models import make_hostile_models

pytestmark = pytest.mark.slow
PAGES = (
    *("home", "verify", "recognise", "gallery", "segment", "unlock", "lectures", "inspect", "architectures"),
    *("playground", "train", "runs", "evaluate"),
)
LISTING = ("home", "recognise", "segment", "architectures", "runs")  # which name what is broken
# Where a model is chosen: page, address, key of the choice, and of the source of a photo.
CHOICES = (
    ("recognise", {}, "model", "photos_source"),
    ("segment", {}, "segmenter", "photos_source"),
    ("inspect", {"view": "layers"}, "inspect_layers_model", "inspect_source"),
    ("inspect", {"view": "answer"}, "inspect_answer_model", "inspect_source"),
    ("architectures", {}, "architecture", None),
)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Where `saved_models` is, names of broken models, of such as show it in use, and the file that code makes."""
    home = tmp_path_factory.mktemp("hostile")
    broken, odd = make_hostile_models(home / "saved_models", home / "proof")
    return home, broken, odd, home / "proof"


@pytest.fixture
def opened(hostile, open_page, monkeypatch, tmp_path):
    """Opens a page where the hostile models are; nothing may have run of what they carry."""
    home, _, _, proof = hostile
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(home)
    yield open_page
    assert not proof.exists()


def texts(page):
    parts = (page.markdown, page.caption, page.info, page.success, page.warning, page.error)
    return "\n".join(element.value.replace("\\", "") for part in parts for element in part)


def check(page, what):
    assert not page.exception, (what, page.exception[0].message)
    assert page.title[0].value
    assert not any("<script" in part.proto.body for part in page.get("html")), what


def test_the_list_names_what_is_broken(hostile):
    home, broken, odd, _ = hostile
    found = {summary.name: summary.problem for summary in list_runs(home / "saved_models")}
    assert {name for name in broken if not found[name]} == set()
    assert all(len(found[name]) < 1500 and "\n" not in found[name] for name in broken)
    assert set(odd) <= found.keys()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stays_usable(hostile, opened, name):
    _, broken, _, _ = hostile
    page = opened(name)
    check(page, name)
    if name in LISTING:
        assert {one for one in broken if one not in texts(page)} == set()


@pytest.mark.parametrize(("name", "address", "choice", "source"), CHOICES)
def test_whichever_model_is_chosen_the_page_says_what_is_wrong(hostile, opened, name, address, choice, source):
    _, _, odd, _ = hostile
    for option in opened(name, **address).selectbox(key=choice).options:
        if any(one in option for one in odd):
            page = opened(name, **address)
            page.selectbox(key=choice).set_value(option).run()
            check(page, option)
            if source in {one.key for one in page.segmented_control}:
                page.segmented_control(key=source).set_value("Sample").run()
                check(page, option)


def test_what_a_model_says_of_itself_is_shown_as_far_as_it_goes(hostile, opened):
    for name in (*hostile[2], "launched", "piped", "odd-running"):
        page = opened("train", training=name)
        check(page, name)
        for toggle in page.toggle:
            toggle.set_value(True)
        check(page.run(), name)


def test_models_stand_next_to_one_another_whatever_they_say_of_themselves(hostile, opened):
    for name in hostile[2]:
        check(opened("runs", runs=[name, "odd-contents"]), name)
