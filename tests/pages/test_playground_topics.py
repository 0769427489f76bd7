"""Every topic of the playground opens by its address and is told in words, and the code that it shows runs."""

import json

import pytest

from pages.parts.playground.topics import TOPICS
from tests.pages.test_playground import open_topic  # noqa: F401


@pytest.mark.slow
@pytest.mark.parametrize("slug", TOPICS)
def test_a_topic_opens_by_its_address(slug, open_topic):  # noqa: F811
    page = open_topic(slug)
    assert not page.error
    charts = page.get("plotly_chart")
    assert len(charts) + len(page.image) > 0
    for chart in charts:
        assert json.loads(chart.proto.spec)["data"]
    assert len(" ".join(text.value for text in page.markdown)) > 200


LONG = ("live-training", "transfer", "depth", "moved-picture")


@pytest.mark.parametrize(
    "slug",
    [
        pytest.param(slug, marks=pytest.mark.slow) if slug in LONG else slug
        for slug, topic in TOPICS.items()
        if topic.code
    ],
)
def test_the_code_that_is_shown_runs(slug, capsys):
    exec(compile(TOPICS[slug].code, slug, "exec"), {})
    assert capsys.readouterr().out.strip()
