"""An address that asks for what a page does not have: it is said so, whatever the page."""

import pytest

from tests.runs.made_up import make_run


def told(page):
    assert not page.exception
    return [info.value.replace("\\", "") for info in page.info]


@pytest.mark.parametrize(
    ("name", "query", "said"),
    [
        ("playground", {"topic": "skips"}, "the topic skips, which is not here"),
        ("playground", {"topic": "softmaxx"}, "Did you mean softmax?"),
        ("lectures", {"view": "E"}, "the view E, which is not here"),
        ("lectures", {"item": "999"}, "There is no item '999'"),
        ("unlock", {"view": "enroll"}, "the view enroll, which is not here. Did you mean enrol?"),
        ("evaluate", {"question": "Pears"}, "the question Pears, which is not here. Did you mean Pairs?"),
        ("evaluate", {"question": "Pairs", "pairs_of": "Nothing"}, "the kind of photos Nothing, which is not here"),
        ("architectures", {"part": "Past"}, "the view Past, which is not here"),
        (
            "architectures",
            {"architecture": "simple_cnm"},
            "the network simple_cnm, which is not here. Did you mean",
        ),
        ("inspect", {"view": "wrong"}, "the view wrong, which is not here"),
        ("train", {"training": "gone"}, "gone is no longer there"),
        ("runs", {"runs": "gone"}, "models that are not here: gone"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else None,
)
def test_what_a_page_does_not_have_is_named(open_page, tmp_path, name, query, said):
    if name == "runs":
        make_run(tmp_path / "saved_models", "ada")
    page = open_page(name, **query)
    assert any(said in info for info in told(page))


def test_what_a_page_has_is_shown_without_a_word(open_page):
    page = open_page("playground", topic="mixup")
    assert told(page) == []
