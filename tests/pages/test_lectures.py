"""The page Lectures: the way, the search, exercises that are checked, and progress that is kept."""

import pytest

from kerasface.course.finding import ITEMS
from kerasface.course.progress import progress_path, read_solved
from kerasface.course.records import Page
from pages.parts.playground.topics import TOPICS


def _query(lead):
    return lead.query if isinstance(lead, Page) else {}


def _is_network(lead):
    return "architecture" in _query(lead)


@pytest.fixture
def lectures(open_page, tmp_path, monkeypatch):
    """Function that opens the page, at an item if one is given; progress is kept in `tmp_path`."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    def opened(item=None):
        page = open_page("lectures", **({"item": str(item)} if item else {}))
        assert not page.exception
        return page

    return opened


def texts(page):
    return [part.value for kind in ("markdown", "warning", "success", "info", "caption") for part in page.get(kind)]


def answered(page, item, text):
    page.text_input(key=f"answer_{item}").set_value(text)
    page.button[0].click().run()
    assert not page.exception
    return page


def test_the_way_and_a_search(lectures):
    page = lectures()
    assert page.title[0].value == "Four lectures, alive"
    assert len(page.subheader) == 4
    page.text_input(key="lecture_search").set_value("depthwise separable").run()
    assert any("of 102 items" in text for text in texts(page))
    page.text_input(key="lecture_search").set_value("<xylophone>").run()
    assert any("No item has all the words" in text for text in texts(page))


def test_a_lecture_has_an_address(open_page, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    page = open_page("lectures", view="C")
    assert [part.value for part in page.subheader][:2] == ["Cheaper convolutions", "Practical advice"]
    assert open_page("lectures", view="E").subheader[0].value == "From N names to a face that nobody knows"


def test_an_answer_is_checked_explained_and_kept(lectures):
    page = answered(lectures(8), 8, "576")
    assert any("one filter" in text for text in texts(page))
    assert read_solved() == set()
    page = answered(page, 8, "no idea")
    assert any("is no number" in text for text in texts(page))
    page = answered(page, 8, "73 728")
    assert any(text.startswith("**Right.**") and "73,728" in text for text in texts(page))
    assert read_solved() == {8}
    assert "conv_parameters(3, in_channels=64" in page.code[0].value
    assert any("Solved" in text for text in texts(lectures(8)))
    assert any("**1** of 102 exercises solved" in text for text in texts(lectures()))


def test_the_answer_is_shown_after_a_try(lectures):
    page = answered(lectures(15), 15, "0.5")
    page.toggle(key="reveal_15").set_value(True).run()
    assert any("0.9333" in text for text in texts(page))
    assert any("slip" in text for text in texts(page))
    assert read_solved() == set()


def test_a_choice_is_checked(lectures):
    page = lectures(3)
    page.button[0].click().run()
    assert any("Choose one" in text for text in texts(page))
    page.radio(key="answer_3").set_value("It is too low")
    page.button[0].click().run()
    assert any("Not that one" in text for text in texts(page))
    page.radio(key="answer_3").set_value("It is too high")
    page.button[0].click().run()
    assert read_solved() == {3}


@pytest.mark.parametrize("asked", ["0", "103", "eight", "-1", "\u0663", "9" * 5000])
def test_an_item_that_is_not_there_is_said(lectures, asked):
    page = lectures(asked)
    assert page.title[0].value == "Four lectures, alive"
    assert "There is no item" in page.info[0].value


def test_progress_that_cannot_be_read_is_said_and_lasts_as_long_as_the_page(lectures):
    progress_path().parent.mkdir(exist_ok=True)
    progress_path().write_text("{")
    page = answered(lectures(8), 8, "73728")
    page.run()
    assert any("is no record of solved exercises" in text for text in texts(page))
    assert any("Solved" in text for text in texts(page))


def test_every_item_opens(lectures):
    page = lectures()
    for number, item in ITEMS.items():
        page.query_params["item"] = str(number)
        page.run()
        assert not page.exception
        assert page.title[0].value == item.title


LEADS = {
    f"{lead.page} {dict(lead.query)}": lead
    for item in ITEMS.values()
    for lead in item.leads
    if isinstance(lead, Page) and not lead.query.keys() & {"architecture", "topic"}
}
# Topics of the Playground are opened by tests/pages/test_playground_topics.py, and networks below, on small pictures.
NETWORKS = {lead.query["architecture"] for item in ITEMS.values() for lead in item.leads if _is_network(lead)}
# A kind of layer that the item which leads there speaks of.
HAVE = {
    "linear": "Dense",
    "simple_cnn": "Normalization",
    "mobilenet": "DepthwiseConv2D",
    "mobilenet_v2": "Add",
    "resnet34": "BatchNormalization",
    "ResNet50": "Add",
    "ConvNeXtTiny": "LayerNormalization",
    "convnext": "DepthwiseConv2D",
    "alexnet": "Dense",
    "lenet": "AveragePooling2D",
    "mlp": "Dense",
    "inception": "Concatenate",
    "VGG16": "MaxPooling2D",
    "vgg_recipe": "MaxPooling2D",
    "U-Net on plain": "Conv2DTranspose",
    "U-Net on face_resnet": "Concatenate",
}


@pytest.mark.slow
@pytest.mark.parametrize("lead", LEADS.values(), ids=LEADS)
def test_a_lead_opens_with_its_state(open_page, lead):
    """What a page does not know, it takes out of its address, and what it begins with anyway, too."""
    page = open_page(lead.page, **lead.query)
    assert not page.exception
    assert page.title
    chosen = {str(group.value) for group in page.get("button_group")}
    assert {
        name for name, value in lead.query.items() if value not in chosen and name not in page.query_params
    } == set()
    if lead.query:
        assert set(page.query_params.values()) <= set(lead.query.values())


def test_every_network_that_an_item_leads_to_is_looked_into():
    assert set(HAVE) == NETWORKS


@pytest.mark.slow
@pytest.mark.parametrize("name", HAVE)
def test_a_lead_to_a_network_shows_what_the_item_speaks_of(open_page, monkeypatch, name):
    monkeypatch.setattr("pages.parts.architectures.layers.SIDE", 64)
    page = open_page("architectures", architecture=name)
    assert not page.exception
    assert not page.error
    assert page.selectbox(key="architecture").value == name
    (table,) = (frame.value for frame in page.dataframe if "kind" in frame.value)
    assert HAVE[name] in set(table["kind"])


# The topics have slugs of their own, which the page writes into its address.
def test_every_topic_that_an_item_leads_to_is_there():
    topics = {lead.query["topic"] for item in ITEMS.values() for lead in item.leads if "topic" in _query(lead)}
    assert topics == set(TOPICS)
